//! Cookies: what a server wants to hear again [RFC 6265].

use cookie_store::{CookieStore, RawCookie};
use serde::{Deserialize, Serialize};
use url::Url;

use super::headers::REDACTED;

/// A cookie that an answer sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cookie {
    /// Its name.
    pub name: String,
    /// Its value, redacted unless asked for.
    pub value: String,
    /// The hosts that it is sent to, if not this one alone.
    pub domain: Option<String>,
    /// The paths that it is sent to.
    pub path: Option<String>,
    /// Only over TLS.
    pub is_secure: bool,
    /// Hidden from scripts.
    pub is_http_only: bool,
    /// `Strict`, `Lax` or `None`.
    pub same_site: Option<String>,
    /// Whether the jar took it: a cookie for somebody else's domain is refused.
    pub is_accepted: bool,
}

/// The cookies of one run.
#[derive(Debug, Default)]
pub struct Jar {
    store: CookieStore,
}

/// More cookies than browsers keep for a site.
const COOKIES_MAX: usize = 180;

impl Jar {
    /// The `cookie` header for a URL, or `None` if nothing is to be sent.
    #[must_use]
    pub fn header(&self, url: &Url) -> Option<String> {
        let pairs = self.store.get_request_values(url).map(|(name, value)| format!("{name}={value}"));
        let pairs: Vec<String> = pairs.collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Takes the `set-cookie` headers of an answer. What is not a cookie is left out.
    pub fn take<'a>(&mut self, headers: impl Iterator<Item = &'a str>, url: &Url, reveal_secrets: bool) -> Vec<Cookie> {
        headers.take(COOKIES_MAX).filter_map(|header| self.take_one(header, url, reveal_secrets)).collect()
    }

    fn take_one(&mut self, header: &str, url: &Url, reveal_secrets: bool) -> Option<Cookie> {
        let raw = RawCookie::parse(header.to_owned()).ok()?;
        let is_accepted = self.store.insert_raw(&raw, url).is_ok();
        Some(Cookie {
            name: raw.name().to_owned(),
            value: if reveal_secrets { raw.value().to_owned() } else { REDACTED.to_owned() },
            domain: raw.domain().map(str::to_owned),
            path: raw.path().map(str::to_owned),
            is_secure: raw.secure().unwrap_or(false),
            is_http_only: raw.http_only().unwrap_or(false),
            same_site: raw.same_site().map(|same_site| same_site.to_string()),
            is_accepted,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jar_sends_back_what_it_may() {
        let url = |text: &str| Url::parse(text).expect("a URL");
        let mut jar = Jar::default();
        let headers =
            ["sid=1; Path=/; Secure; HttpOnly; SameSite=Lax", "evil=1; Domain=other.test", "a=b; Path=/deep", ""];
        let cookies = jar.take(headers.into_iter(), &url("https://www.a.test/"), false);
        assert_eq!(cookies.len(), 3);
        assert_eq!((cookies[0].value.as_str(), cookies[0].same_site.as_deref()), ("[redacted]", Some("Lax")));
        assert!(cookies[0].is_accepted && !cookies[1].is_accepted && cookies[0].is_http_only);
        assert_eq!(jar.header(&url("https://www.a.test/x")).as_deref(), Some("sid=1"));
        assert_eq!(jar.header(&url("http://www.a.test/x")), None);
        assert_eq!(jar.header(&url("https://a.test/")), None);
        let deep = jar.header(&url("https://www.a.test/deep/er")).expect("cookies");
        assert!(deep.contains("sid=1") && deep.contains("a=b"));
    }
}
