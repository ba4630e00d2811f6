//! Which proxy a request goes through: what was asked for, or what the environment says, by curl's rules.

use std::net::IpAddr;

use url::Url;

use super::{Kind, Proxy, ProxyError};
use crate::url::host;

/// Proxies by scheme, and whom none is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For `http`.
    pub http: Option<Proxy>,
    /// For `https`.
    pub https: Option<Proxy>,
    /// Hosts that are reached without: names, with everything below them; addresses, and ranges of them (`10.0.0.0/8`); `*` for all.
    pub except: Vec<String>,
    /// A tunnel for requests in plain HTTP too, as with curl's `--proxytunnel`.
    pub tunnel_all: bool,
}

impl Proxies {
    /// One for everything.
    #[must_use]
    pub fn all(proxy: Proxy) -> Self {
        Self { http: Some(proxy.clone()), https: Some(proxy), ..Self::default() }
    }

    /// What this process's environment says (see [`Self::from_variables`]).
    ///
    /// # Errors
    /// [`ProxyError::Syntax`] if a variable names no proxy.
    pub fn from_environment() -> Result<Self, ProxyError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// What an environment says, as curl reads it: `http_proxy`, in small letters only, since `HTTP_PROXY` is where a web server puts
    /// a header of that name (CVE-2016-5385); `https_proxy`, `all_proxy` and `no_proxy` in small letters or else in capitals.
    ///
    /// # Errors
    /// [`ProxyError::Syntax`] if a variable names no proxy.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ProxyError> {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let either = |name: &str| set(name).or_else(|| set(&name.to_ascii_uppercase()));
        let proxy = |text: Option<String>| text.map(|text| text.parse()).transpose();
        let all = either("all_proxy");
        let except = either("no_proxy").unwrap_or_default();
        let names = except.split([',', ' ']).filter(|name| !name.is_empty());
        Ok(Self {
            http: proxy(set("http_proxy").or_else(|| all.clone()))?,
            https: proxy(either("https_proxy").or(all))?,
            except: names.map(str::to_owned).collect(),
            tunnel_all: false,
        })
    }

    /// The proxy that gets a request for a URL as it is, without a tunnel, if there is one.
    pub(crate) fn forwarder(&self, url: &Url) -> Option<&Proxy> {
        self.of(url).filter(|proxy| proxy.kind == Kind::Http && url.scheme() == "http" && !self.tunnel_all)
    }

    /// The proxy for a URL, if there is one.
    #[must_use]
    pub fn of(&self, url: &Url) -> Option<&Proxy> {
        let proxy = if url.scheme() == "http" { &self.http } else { &self.https };
        proxy.as_ref().filter(|_| !self.except.iter().any(|except| covers(except, host(url))))
    }
}

/// Whether an entry of `no_proxy` covers a host.
fn covers(except: &str, host: &str) -> bool {
    if except == "*" {
        return true;
    }
    let except = except.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = host.parse::<IpAddr>() {
        return match except.split_once('/') {
            Some((network, bits)) => in_network(address, network, bits),
            None => except.parse() == Ok(address),
        };
    }
    let name = |name: &str| name.trim_matches('.').to_ascii_lowercase();
    let (except, host) = (name(except), name(host));
    // Whole labels: `test` covers `a.test`, and not `atest`.
    !except.is_empty() && host.strip_suffix(&except).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn in_network(address: IpAddr, network: &str, bits: &str) -> bool {
    let Ok(bits) = bits.parse::<u32>() else { return false };
    let first = |value: u128, width: u32| value.checked_shr(width - bits).unwrap_or(0);
    match (address, network.parse()) {
        (IpAddr::V4(address), Ok(IpAddr::V4(network))) if bits <= 32 => {
            first(u128::from(address.to_bits()), 32) == first(u128::from(network.to_bits()), 32)
        }
        (IpAddr::V6(address), Ok(IpAddr::V6(network))) if bits <= 128 => {
            first(address.to_bits(), 128) == first(network.to_bits(), 128)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Result<Proxies, ProxyError> {
        let find =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Proxies::from_variables(find)
    }

    fn of(proxies: &Proxies, url: &str) -> Option<String> {
        proxies.of(&Url::parse(url).expect("a URL")).map(ToString::to_string)
    }

    #[test]
    fn the_environment_is_read_as_curl_reads_it() {
        let both = proxies(&[("http_proxy", "a:1"), ("HTTP_PROXY", "x:9"), ("HTTPS_PROXY", "socks5h://b:2")])
            .expect("proxies");
        assert_eq!(of(&both, "http://h.test/").as_deref(), Some("http://a:1"));
        assert_eq!(of(&both, "https://h.test/").as_deref(), Some("socks5h://b:2"));
        let capitals = proxies(&[("HTTP_PROXY", "x:9")]).expect("proxies");
        assert_eq!(of(&capitals, "http://h.test/"), None, "a header of a request must not choose the proxy");
        let all =
            proxies(&[("https_proxy", ""), ("ALL_PROXY", "c:3"), ("no_proxy", "x.test, .y.test")]).expect("proxies");
        assert_eq!(of(&all, "https://h.test/").as_deref(), Some("http://c:3"));
        assert_eq!((of(&all, "http://x.test/"), of(&all, "https://a.y.test/")), (None, None));
        assert_eq!(proxies(&[]), Ok(Proxies::default()));
        assert!(proxies(&[("https_proxy", "gopher://x")]).is_err());
    }

    #[test]
    fn exceptions_are_whole_labels_and_ranges() {
        for (except, host) in [
            ("*", "a.test"),
            ("a.test", "A.test"),
            ("a.test.", "b.a.test"),
            (".a.test", "a.test"),
            ("10.0.0.0/8", "10.9.9.9"),
            ("10.1.2.3", "10.1.2.3"),
            ("::/0", "::1"),
            ("[::1]", "::1"),
            ("fe80::/10", "fe80::9"),
            ("0.0.0.0/0", "1.2.3.4"),
        ] {
            assert!(covers(except, host), "{except} {host}");
        }
        for (except, host) in [
            ("a.test", "ba.test"),
            ("", "a.test"),
            (".", "a.test"),
            ("10.0.0.0/8", "11.0.0.1"),
            ("10.0.0.0/33", "10.0.0.1"),
            ("10.0.0.0/x", "10.0.0.0"),
            ("10.0.0.0/8", "::1"),
            ("1.2.3.4", "11.2.3.4"),
            ("b.a.test", "a.test"),
        ] {
            assert!(!covers(except, host), "{except} {host}");
        }
    }
}
