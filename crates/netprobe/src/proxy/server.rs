//! A proxy, as people and environments write it.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use url::Url;

use super::ProxyError;
use crate::url::{authority, redacted_text};

/// How a proxy is talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// HTTP: tunnels by the method CONNECT, and requests in plain HTTP as they are.
    Http,
    /// SOCKS version 5, with names resolved here.
    Socks5,
    /// SOCKS version 5, with names resolved by the proxy.
    Socks5h,
}

/// Who asks. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credentials(redacted)")
    }
}

impl Credentials {
    /// As a `proxy-authorization` header has them (RFC 7617).
    pub(crate) fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.user, self.password)))
    }
}

/// A proxy. It is read as curl's `--proxy` is: `[http|socks5|socks5h://][USER[:PASSWORD]@]HOST[:PORT]`, with 1080 for a port that is not there.
///
/// ```
/// use netprobe::proxy::{Kind, Proxy};
///
/// let proxy: Proxy = "socks5h://ann:secret@proxy.test:9050".parse()?;
/// assert_eq!((proxy.kind, proxy.port), (Kind::Socks5h, 9050));
/// assert_eq!(proxy.to_string(), "socks5h://proxy.test:9050"); // whoever asks stays secret
/// # Ok::<(), netprobe::proxy::ProxyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// How it is talked to.
    pub kind: Kind,
    /// Where it is.
    pub host: String,
    /// On which port.
    pub port: u16,
    /// Who asks, if it wants to know.
    pub credentials: Option<Credentials>,
}

/// The port of a proxy that says none, as with curl.
const PORT: u16 = 1080;

impl FromStr for Proxy {
    type Err = ProxyError;

    /// Reads `[http|socks5|socks5h://][USER[:PASSWORD]@]HOST[:PORT]`, as curl's `--proxy`; what is special in user and password is
    /// percent-encoded.
    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let wrong = |reason: &str| ProxyError::Syntax { text: redacted_text(text), reason: reason.to_owned() };
        let (scheme, rest) = text.trim().split_once("://").unwrap_or(("http", text.trim()));
        let kind = match scheme.to_ascii_lowercase().as_str() {
            "http" => Kind::Http,
            "socks5" => Kind::Socks5,
            "socks5h" => Kind::Socks5h,
            _ => return Err(wrong("the schemes are http, socks5 and socks5h")),
        };
        // A scheme without a port of its own: a written port is always seen.
        let url = Url::parse(&format!("proxy://{rest}")).map_err(|error| wrong(&error.to_string()))?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| wrong("there is no host"))?;
        let host = url::Host::parse(host).map_err(|error| wrong(&error.to_string()))?.to_string();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let credentials = (!url.username().is_empty()).then(|| Credentials {
            user: decoded(url.username()),
            password: decoded(url.password().unwrap_or_default()),
        });
        Ok(Self { kind, host, port: url.port().unwrap_or(PORT), credentials })
    }
}

impl fmt::Display for Proxy {
    /// Without credentials.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            Kind::Http => "http",
            Kind::Socks5 => "socks5",
            Kind::Socks5h => "socks5h",
        };
        write!(formatter, "{scheme}://{}", authority(&self.host, self.port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_read_as_curl_reads_them() {
        let read = |text: &str| text.parse::<Proxy>().map(|proxy| proxy.to_string());
        assert_eq!(read("p.test").as_deref(), Ok("http://p.test:1080"));
        assert_eq!(read("http://p.test:80/").as_deref(), Ok("http://p.test:80"));
        assert_eq!(read("SOCKS5h://[::1]:9050").as_deref(), Ok("socks5h://[::1]:9050"));
        let proxy: Proxy = "socks5://a%40b:s%3Acret@p.test:1".parse().expect("a proxy");
        assert_eq!(proxy.credentials, Some(Credentials { user: "a@b".to_owned(), password: "s:cret".to_owned() }));
        assert!(!format!("{proxy} {proxy:?}").contains("cret"));
        for wrong in
            ["https://p.test", "ftp://u:secret@p.test", "http://", "http://u:secret@p.test:99999", "http://u:secret@"]
        {
            let error = wrong.parse::<Proxy>().expect_err(wrong);
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
