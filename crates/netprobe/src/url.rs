//! From text to scheme, host, port and path.

use serde::{Deserialize, Serialize};
use url::Url;

/// Why a text is not a URL that can be visited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UrlError {
    /// Not a URL at all.
    #[error("{text:?} is not a URL: {reason}")]
    Syntax {
        /// The text.
        text: String,
        /// What the parser said.
        reason: String,
    },
    /// A URL, but nothing that HTTP carries.
    #[error("{text:?} has the scheme {scheme:?}, only http and https can be probed")]
    Scheme {
        /// The text.
        text: String,
        /// Its scheme.
        scheme: String,
    },
    /// More text than a URL is allowed to have.
    #[error("the URL has {bytes} bytes, at most {bytes_max} are allowed")]
    TooLong {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        bytes_max: usize,
    },
}

/// The longest URL that is looked at: what every browser accepts, and more than most servers do.
pub const URL_BYTES_MAX: usize = 32 * 1024;

/// How much of a text that is wrong is repeated.
pub const WRONG_CHARS_SHOWN: usize = 200;

/// Parses what somebody typed. Without a scheme it is `https`, as in a browser's address bar.
///
/// # Errors
/// [`UrlError`] if the text is too long, is not a URL, or has another scheme than `http` and `https`.
pub fn parse(text: &str) -> Result<Url, UrlError> {
    let text = text.trim();
    if text.len() > URL_BYTES_MAX {
        return Err(UrlError::TooLong { bytes: text.len(), bytes_max: URL_BYTES_MAX });
    }
    let syntax = |error: url::ParseError| UrlError::Syntax { text: text.to_owned(), reason: error.to_string() };
    let typed = if has_scheme(text) { Url::parse(text) } else { Url::parse(&format!("https://{text}")) };
    let url = typed.map_err(syntax)?;
    visitable(&url, text)?;
    Ok(url)
}

/// Whether a URL, which was made of this text, is one that HTTP carries.
pub(crate) fn visitable(url: &Url, text: &str) -> Result<(), UrlError> {
    if text.len() > URL_BYTES_MAX {
        return Err(UrlError::TooLong { bytes: text.len(), bytes_max: URL_BYTES_MAX });
    }
    if !matches!(url.scheme(), "http" | "https") {
        return Err(UrlError::Scheme { text: text.to_owned(), scheme: url.scheme().to_owned() });
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(UrlError::Syntax { text: text.to_owned(), reason: url::ParseError::EmptyHost.to_string() });
    }
    Ok(())
}

/// Whether the text starts with a scheme: `a:` is one, but `localhost:8080` is a host and a port.
fn has_scheme(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let is_name = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|one| one.is_ascii_alphanumeric() || "+-.".contains(one));
    is_name && !rest.starts_with(|first: char| first.is_ascii_digit())
}

/// The host as names are resolved: an IPv6 address without its brackets.
#[must_use]
pub fn host(url: &Url) -> &str {
    let host = url.host_str().unwrap_or_default();
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// A host and a port, with the brackets that an IPv6 address needs.
pub(crate) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// The port, written or the scheme's own.
#[must_use]
pub fn port(url: &Url) -> u16 {
    url.port_or_known_default().unwrap_or(443)
}

/// The URL without the secrets that it may carry: user name and password.
#[must_use]
pub fn redacted(url: &Url) -> String {
    if url.username().is_empty() && url.password().is_none() {
        return url.to_string();
    }
    let mut url = url.clone();
    // Neither fails on a URL with a host.
    let _ = url.set_username("redacted");
    let _ = url.set_password(None);
    url.to_string()
}

/// A text that may or may not be a URL, without what may be user name and password.
#[must_use]
pub fn redacted_text(text: &str) -> String {
    if let Ok(url) = parse(text) {
        return if url.username().is_empty() && url.password().is_none() { text.to_owned() } else { redacted(&url) };
    }
    match text.rsplit_once('@') {
        Some((_, rest)) => format!("redacted@{rest}"),
        None => text.to_owned(),
    }
}

/// A text in which there may be URLs, such as a `link` header, without what may be their user names and passwords.
#[must_use]
pub fn redacted_within(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("//") {
        let (before, after) = rest.split_at(start + 2);
        shown.push_str(before);
        let end = after.find(|one: char| one.is_whitespace() || "/?#\\<>\"',;".contains(one)).unwrap_or(after.len());
        rest = match after[..end].rfind('@') {
            Some(at) => {
                shown.push_str("redacted");
                &after[at..]
            }
            None => after,
        };
    }
    shown + rest
}

/// The beginning of a text, and how long it was, if it is longer than anybody reads. Cut last: what comes before a cut-off `@` is a secret.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(WRONG_CHARS_SHOWN) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

impl UrlError {
    /// As a report has it: without secrets, and not longer than anybody reads.
    pub(crate) fn reported(self, reveal: bool) -> Self {
        let safe = |text: String| shortened(&if reveal { text } else { redacted_text(&text) });
        match self {
            Self::Syntax { text, reason } => Self::Syntax { text: safe(text), reason },
            Self::Scheme { text, scheme } => Self::Scheme { text: safe(text), scheme: shortened(&scheme) },
            other @ Self::TooLong { .. } => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type() {
        for (typed, meant) in [
            ("www.google.com", "https://www.google.com/"),
            (" http://a.test/b?c#d ", "http://a.test/b?c#d"),
            ("localhost:8080", "https://localhost:8080/"),
            ("[::1]:8443/x", "https://[::1]:8443/x"),
            ("HTTPS://EXAMPLE.COM", "https://example.com/"),
            ("bücher.example", "https://xn--bcher-kva.example/"),
            ("127.1", "https://127.0.0.1/"),
        ] {
            assert_eq!(parse(typed).map(|url| url.to_string()).as_deref(), Ok(meant), "{typed}");
        }
    }

    #[test]
    fn what_cannot_be_visited() {
        assert!(matches!(parse("ftp://a.test"), Err(UrlError::Scheme { scheme, .. }) if scheme == "ftp"));
        assert!(matches!(parse("mailto:a@b.test"), Err(UrlError::Scheme { .. })));
        assert!(matches!(parse(""), Err(UrlError::Syntax { .. })));
        assert!(matches!(parse("https://"), Err(UrlError::Syntax { .. })));
        assert!(matches!(parse("https://a b/"), Err(UrlError::Syntax { .. })));
        assert!(matches!(parse("https://a.test:99999/"), Err(UrlError::Syntax { .. })));
        let error = parse(&"a".repeat(URL_BYTES_MAX + 1)).expect_err("too long");
        assert_eq!(error, UrlError::TooLong { bytes: URL_BYTES_MAX + 1, bytes_max: URL_BYTES_MAX });
        assert_eq!(error.to_string(), "the URL has 32769 bytes, at most 32768 are allowed");
    }

    #[test]
    fn hosts_ports_and_secrets() {
        let url = parse("https://ann:secret@[2001:db8::1]/x").expect("a URL");
        assert_eq!((host(&url), port(&url)), ("2001:db8::1", 443));
        assert_eq!(redacted(&url), "https://redacted@[2001:db8::1]/x");
        assert_eq!(port(&parse("http://a.test").expect("a URL")), 80);
        assert_eq!(redacted_text("ann:secret@a.test/b"), "redacted@a.test/b");
        assert_eq!(redacted_text("https://ann:sec ret@a b/"), "redacted@a b/");
        assert_eq!(redacted_text("a.test/b"), "a.test/b");
        let css = "a { b: url('http://ann:secret@a.test/@x') } /* //b@c */";
        assert_eq!(redacted_within(css), "a { b: url('http://redacted@a.test/@x') } /* //redacted@c */");
        assert_eq!(redacted_within("a@b"), "a@b");
    }

    #[test]
    fn what_is_wrong_is_repeated_in_part() {
        let reported = |text: &str| match parse(text).expect_err("no URL").reported(false) {
            UrlError::Syntax { text, .. } | UrlError::Scheme { text, .. } => text,
            other => other.to_string(),
        };
        assert_eq!(reported("https://a b/"), "https://a b/");
        let long = format!("https://a b/{}", "ä".repeat(1000));
        assert_eq!(reported(&long), format!("https://a b/{}… (2012 bytes)", "ä".repeat(WRONG_CHARS_SHOWN - 12)));
        let secret = format!("ann:{}@a b/", "secret".repeat(100));
        assert_eq!(reported(&secret), "redacted@a b/");
    }
}
