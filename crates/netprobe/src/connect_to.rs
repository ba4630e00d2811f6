//! Connections that go somewhere else than the URL says, as with curl's `--connect-to`.

use std::str::FromStr;

/// For requests to this host and port, connect to that host and port instead. What is sent stays as it was: the `host` header, the
/// name in the TLS handshake, and the name that the certificate has to be for.
///
/// ```
/// use netprobe::ConnectTo;
///
/// let direct: ConnectTo = "www.google.com:443:backend-7.test:8443".parse()?;
/// assert_eq!(direct.destination("www.google.com", 443), Some(("backend-7.test", 8443)));
/// assert_eq!(direct.destination("www.google.com", 80), None);
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectTo {
    /// Requests to this host; any, if none. An IPv6 address is without brackets.
    pub host: Option<String>,
    /// Requests to this port; any, if none.
    pub port: Option<u16>,
    /// Go to this host, a name or an address; the request's own, if none.
    pub to_host: Option<String>,
    /// And to this port; the request's own, if none.
    pub to_port: Option<u16>,
}

impl ConnectTo {
    /// Where a request to this host and port goes, if this is about it.
    #[must_use]
    pub fn destination<'a>(&'a self, host: &'a str, port: u16) -> Option<(&'a str, u16)> {
        let is_meant = self.host.as_ref().is_none_or(|meant| meant.eq_ignore_ascii_case(host))
            && self.port.is_none_or(|meant| meant == port);
        is_meant.then(|| (self.to_host.as_deref().unwrap_or(host), self.to_port.unwrap_or(port)))
    }
}

impl FromStr for ConnectTo {
    type Err = String;

    /// Reads `HOST1:PORT1:HOST2:PORT2`. Each may be empty: the first two mean any then, the last two the request's own. An IPv6
    /// address is in brackets.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not HOST1:PORT1:HOST2:PORT2");
        let (host, rest) = host(text).ok_or_else(wrong)?;
        let (port, rest) = rest.split_once(':').ok_or_else(wrong)?;
        let (to_host, to_port) = self::host(rest).ok_or_else(wrong)?;
        let port_of = |port: &str| (!port.is_empty()).then(|| port.parse()).transpose().map_err(|_| wrong());
        Ok(Self { host, port: port_of(port)?, to_host, to_port: port_of(to_port)? })
    }
}

/// A host, and what follows the colon behind it; `None` if it is no host.
fn host(text: &str) -> Option<(Option<String>, &str)> {
    let end = if text.starts_with('[') { text.find(']')? + 1 } else { text.find(':')? };
    let (host, rest) = text.split_at(end);
    let rest = rest.strip_prefix(':')?;
    if host.is_empty() {
        return Some((None, rest));
    }
    let host = url::Host::parse(host).ok()?.to_string();
    Some((Some(host.trim_start_matches('[').trim_end_matches(']').to_owned()), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_are_read_as_curl_reads_them() {
        let to = |text: &str, host: &'static str, port: u16| {
            let direct: ConnectTo = text.parse().expect("a direction");
            direct.destination(host, port).map(|(host, port)| format!("{host} {port}"))
        };
        for (text, expected) in [
            ("a.test:443:b.test:8443", Some("b.test 8443")),
            ("A.test:443:B.test:8443", Some("b.test 8443")),
            ("::b.test:", Some("b.test 443")),
            (":::8443", Some("a.test 8443")),
            (":::", Some("a.test 443")),
            ("a.test::[::1]:8443", Some("::1 8443")),
            (":443:127.0.0.1:", Some("127.0.0.1 443")),
            ("b.test:443:c.test:1", None),
            ("a.test:80:c.test:1", None),
        ] {
            assert_eq!(to(text, "a.test", 443).as_deref(), expected, "{text}");
        }
        assert_eq!(to("[::1]:443:b.test:", "::1", 443).as_deref(), Some("b.test 443"));
        assert_eq!(to("Bücher.test:::1", "xn--bcher-kva.test", 9).as_deref(), Some("xn--bcher-kva.test 1"));
        for wrong in ["", "a", "a:1", "a:1:b", "a:x:b:1", "a:1:b:99999", "a b:1:c:1", "[::1:1:b:1", "a:1:b:1:c"] {
            assert_eq!(wrong.parse::<ConnectTo>(), Err(format!("{wrong:?} is not HOST1:PORT1:HOST2:PORT2")));
        }
    }
}
