//! Who is asked instead of the authorities: a resolver, and how it is reached.

use std::net::{IpAddr, SocketAddr};

use url::Url;

use crate::dns::DnsError;
use crate::dns::text::escape;
use crate::url::redacted_text;

/// The port of resolvers.
pub(super) const PORT: u16 = 53;

/// The port of resolvers inside TLS (RFC 7858, section 3.1).
pub const TLS_PORT: u16 = 853;

/// The path that most servers answer DNS on, for a URL without one.
const PATH: &str = "/dns-query";

/// A resolver, and how it is reached.
///
/// ```
/// use netprobe::names::Upstream;
///
/// for text in ["192.0.2.1:53", "tls://192.0.2.1:853#dns.example", "https://dns.example/dns-query#192.0.2.1"] {
///     assert_eq!(text.parse::<Upstream>()?.to_string(), text);
/// }
/// assert_eq!("tls://[2001:db8::1]".parse::<Upstream>()?.to_string(), "tls://[2001:db8::1]:853");
/// # Ok::<(), netprobe::dns::DnsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upstream {
    /// In the clear: by datagrams, and by a connection for what does not fit one. Whoever is on the way reads it, and can answer.
    Plain(SocketAddr),
    /// Inside TLS (DNS over TLS, RFC 7858).
    Tls {
        /// Where it is.
        address: SocketAddr,
        /// Who it has to prove to be; the address itself if no name is given.
        name: Option<String>,
    },
    /// By HTTP/2 inside TLS (DNS over HTTPS, RFC 8484): on the wire it looks like any visit of a web site.
    Https {
        /// Where questions go.
        url: Url,
        /// Where its host is; if that is not given, its name has to be found without it.
        address: Option<IpAddr>,
    },
}

impl std::fmt::Display for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plain(address) => write!(f, "{address}"),
            Self::Tls { address, name: None } => write!(f, "tls://{address}"),
            Self::Tls { address, name: Some(name) } => write!(f, "tls://{address}#{name}"),
            Self::Https { url, address: None } => write!(f, "{url}"),
            Self::Https { url, address: Some(address) } => write!(f, "{url}#{address}"),
        }
    }
}

impl std::str::FromStr for Upstream {
    type Err = DnsError;

    /// Reads `IP[:PORT]`, `tls://IP[:PORT][#NAME]` or `https://HOST[:PORT][/PATH][#IP]`; an IPv6 address with a port is in brackets.
    fn from_str(text: &str) -> Result<Self, DnsError> {
        let wrong =
            |reason: &str| DnsError::BadResolver { text: escape(&redacted_text(text)), reason: reason.to_owned() };
        if let Some(rest) = text.strip_prefix("tls://") {
            let (address, name) = rest.split_once('#').map_or((rest, None), |(address, name)| (address, Some(name)));
            let address = address_of(address, TLS_PORT).ok_or_else(|| wrong("after tls:// comes an address"))?;
            if name.is_some_and(|name| name.parse::<IpAddr>().is_err() && crate::dns::parse_name(name).is_err()) {
                return Err(wrong("after # comes the name that the resolver's certificate is for"));
            }
            return Ok(Self::Tls { address, name: name.map(str::to_owned) });
        }
        if text.starts_with("https://") {
            // As RFC 8484 writes a resolver's URL: the variable is filled in with each query.
            let mut url = Url::parse(&text.replacen("{?dns}", "", 1)).map_err(|error| wrong(&error.to_string()))?;
            if !url.username().is_empty() || url.password().is_some() {
                return Err(wrong("it has a user name or a password, which DNS over HTTPS knows nothing of"));
            }
            let address = url.fragment().map(str::parse).transpose();
            let address = address.map_err(|_| wrong("after # comes the address of its host"))?;
            url.set_fragment(None);
            if url.path() == "/" {
                url.set_path(PATH);
            }
            return Ok(Self::Https { url, address });
        }
        let plain = address_of(text, PORT).map(Self::Plain);
        plain.ok_or_else(|| wrong("one is IP[:PORT], tls://IP[:PORT][#NAME] or https://HOST/PATH[#IP]"))
    }
}

fn address_of(text: &str, port: u16) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    text.parse().ok().or_else(|| Some(SocketAddr::new(bare.parse().ok()?, port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_what_everybody_means() {
        for (short, long) in [
            ("192.0.2.1", "192.0.2.1:53"),
            ("2001:db8::1", "[2001:db8::1]:53"),
            ("tls://192.0.2.1", "tls://192.0.2.1:853"),
            ("tls://192.0.2.1:99#dns.example", "tls://192.0.2.1:99#dns.example"),
            ("https://dns.example", "https://dns.example/dns-query"),
            ("https://dns.example/ask{?dns}#192.0.2.1", "https://dns.example/ask#192.0.2.1"),
            ("https://dns.example:444/ask?x=y#2001:db8::1", "https://dns.example:444/ask?x=y#2001:db8::1"),
        ] {
            assert_eq!(short.parse::<Upstream>().expect("a resolver").to_string(), long);
        }
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        for text in [
            "",
            "dns.example",
            "udp://192.0.2.1",
            "tls://dns.example",
            "tls://192.0.2.1#",
            "tls://192.0.2.1#a..b",
            "https://",
            "https://ann:secret@dns.example/",
            "https://dns.example/#nowhere",
            "http://dns.example/dns-query",
        ] {
            let error = text.parse::<Upstream>().expect_err(text);
            assert!(matches!(error, DnsError::BadResolver { .. }), "{text}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
