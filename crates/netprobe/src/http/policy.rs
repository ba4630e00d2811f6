//! What a server asks clients to remember: `strict-transport-security` [RFC 6797] and `alt-svc` [RFC 7838].

use serde::{Deserialize, Serialize};
use url::Url;

/// From now on only over TLS: the header `strict-transport-security` (RFC 6797, section 6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hsts {
    /// For how long, in seconds; 0 takes it back.
    pub max_age_s: u64,
    /// For the hosts below this one too.
    pub include_subdomains: bool,
    /// The host asks to be on the browsers' built-in list.
    pub preload: bool,
}

impl Hsts {
    /// Reads the header's value, or `None` if it is not valid: `max-age` is required, and nothing may come twice.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let (mut max_age_s, mut include_subdomains, mut preload) = (None, false, false);
        for directive in value.split(';').map(str::trim).filter(|directive| !directive.is_empty()) {
            let (name, argument) =
                directive.split_once('=').map_or((directive, ""), |(name, rest)| (name.trim(), rest.trim()));
            let was_there = match name.to_ascii_lowercase().as_str() {
                "max-age" => max_age_s.replace(seconds(argument.trim_matches('"'))?).is_some(),
                "includesubdomains" => std::mem::replace(&mut include_subdomains, true),
                "preload" => std::mem::replace(&mut preload, true),
                _ => false,
            };
            if was_there {
                return None;
            }
        }
        max_age_s.map(|max_age_s| Self { max_age_s, include_subdomains, preload })
    }
}

/// The hosts that asked for TLS in the course of a run.
#[derive(Debug, Default)]
pub(crate) struct HstsHosts {
    hosts: Vec<(String, bool)>,
}

impl HstsHosts {
    pub(crate) fn learn(&mut self, host: &str, hsts: &Hsts) {
        // RFC 6797 section 8.1.1: not for addresses.
        if host.parse::<std::net::IpAddr>().is_ok() {
            return;
        }
        self.hosts.retain(|(known, _)| known != host);
        if hsts.max_age_s > 0 {
            self.hosts.push((host.to_owned(), hsts.include_subdomains));
        }
    }

    /// Makes an `http` URL an `https` one if its host asked for that.
    pub(crate) fn upgrade(&self, url: &mut Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let below = |parent: &str| host.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.'));
        let is_known = |(known, subdomains): &(String, bool)| host == known || (*subdomains && below(known));
        // The scheme's own port goes with the scheme; one that is written stays (section 8.3).
        url.scheme() == "http" && self.hosts.iter().any(is_known) && url.set_scheme("https").is_ok()
    }
}

/// A whole number of seconds; one too large for 64 bits is for ever.
fn seconds(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Another way to the same answers, such as HTTP/3: the header `alt-svc` (RFC 7838, section 3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AltService {
    /// The protocol, by its ALPN name: `h3`.
    pub protocol: String,
    /// Where: `host:port`, or `:port` on the same host.
    pub authority: String,
    /// For how long this is true, in seconds. A day unless the header says otherwise.
    pub max_age_s: u64,
}

/// More alternatives than anybody offers.
const ALTERNATIVES_MAX: usize = 32;

impl AltService {
    /// Reads the header's value. `clear`, and what cannot be read, is nothing.
    #[must_use]
    pub fn parse(value: &str) -> Vec<Self> {
        split_unquoted(value, ',').filter_map(Self::parse_one).take(ALTERNATIVES_MAX).collect()
    }

    fn parse_one(value: &str) -> Option<Self> {
        let mut parts = split_unquoted(value, ';').map(str::trim);
        let (protocol, authority) = parts.next()?.split_once('=')?;
        let age =
            parts.filter_map(|part| part.split_once('=')).find(|(name, _)| name.trim().eq_ignore_ascii_case("ma"));
        let authority = authority.trim().strip_prefix('"')?.strip_suffix('"')?;
        Some(Self {
            protocol: protocol.trim().to_owned(),
            authority: authority.to_owned(),
            max_age_s: age.and_then(|(_, age)| seconds(age.trim().trim_matches('"'))).unwrap_or(86_400),
        })
    }
}

/// Splits at a separator that is not between quotation marks.
fn split_unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |one: char| {
        quoted ^= one == '"';
        one == separator && !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict_transport_security() {
        let plain = Hsts { max_age_s: 31_536_000, include_subdomains: false, preload: false };
        assert_eq!(Hsts::parse("max-age=31536000"), Some(plain));
        let all = Hsts { include_subdomains: true, preload: true, ..plain };
        assert_eq!(Hsts::parse(" Max-Age=\"31536000\" ; includeSubDomains;preload; x=y;"), Some(all));
        assert_eq!(Hsts::parse("max-age=99999999999999999999").map(|hsts| hsts.max_age_s), Some(u64::MAX));
        for invalid in ["", "includeSubDomains", "max-age=", "max-age=-1", "max-age=1; max-age=2", "max-age=1s"] {
            assert_eq!(Hsts::parse(invalid), None, "{invalid}");
        }
    }

    #[test]
    fn a_host_that_asked_for_tls_gets_it() {
        let mut hosts = HstsHosts::default();
        let upgraded = |hosts: &HstsHosts, text: &str| {
            let mut url = Url::parse(text).expect("a URL");
            hosts.upgrade(&mut url).then(|| url.to_string())
        };
        let day = Hsts { max_age_s: 86_400, include_subdomains: false, preload: false };
        hosts.learn("a.test", &day);
        assert_eq!(upgraded(&hosts, "http://a.test/x").as_deref(), Some("https://a.test/x"));
        assert_eq!(upgraded(&hosts, "http://a.test:8080/").as_deref(), Some("https://a.test:8080/"));
        assert_eq!(upgraded(&hosts, "http://b.a.test/"), None);
        assert_eq!(upgraded(&hosts, "https://a.test/"), None);
        hosts.learn("a.test", &Hsts { include_subdomains: true, ..day });
        assert!(upgraded(&hosts, "http://b.a.test/").is_some());
        assert_eq!(upgraded(&hosts, "http://ba.test/"), None);
        hosts.learn("a.test", &Hsts { max_age_s: 0, ..day });
        assert_eq!(upgraded(&hosts, "http://a.test/x"), None);
    }

    #[test]
    fn alternative_services() {
        let service = |protocol: &str, authority: &str, max_age_s| AltService {
            protocol: protocol.to_owned(),
            authority: authority.to_owned(),
            max_age_s,
        };
        assert_eq!(
            AltService::parse(r#"h3=":443"; ma=2592000,h2="alt.example:8000" , w=":1";persist=1"#),
            [service("h3", ":443", 2_592_000), service("h2", "alt.example:8000", 86_400), service("w", ":1", 86_400)]
        );
        assert_eq!(AltService::parse(r#"h3="a,b;c"; ma=5"#), [service("h3", "a,b;c", 5)]);
        assert_eq!(AltService::parse("clear"), []);
        assert_eq!(AltService::parse("h3=:443, \"\"\"=,;;"), []);
        assert_eq!(AltService::parse(&"h3=\":1\",".repeat(1000)).len(), ALTERNATIVES_MAX);
    }
}
