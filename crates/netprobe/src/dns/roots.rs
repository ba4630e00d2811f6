//! Where every walk starts: the root servers' addresses, and the key that the root zone is signed with.
//!
//! Both are the same for everybody, and the only things that cannot be looked up. `data/root.hints` is IANA's
//! [`named.root`](https://www.internic.net/domain/named.root) of 18 April 2024, `data/root.ds` is made of IANA's
//! [`root-anchors.xml`](https://data.iana.org/root-anchors/root-anchors.xml): the DS records of the keys KSK-2017 (20326)
//! and KSK-2024 (38696). Both files are as Debian's package `dns-root-data` 2024071801 holds them, unchanged. ICANN
//! asserts no property rights to them.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use hickory_proto::dnssec::rdata::DS;
use hickory_proto::dnssec::{Algorithm, DigestType};

use super::trace::Server;

const HINTS: &str = include_str!("../../data/root.hints");
const ANCHORS: &str = include_str!("../../data/root.ds");

/// The port of every name server out there.
pub const PORT: u16 = 53;

/// The root servers, IPv4 addresses first: IANA's [`named.root`](https://www.internic.net/domain/named.root) of 18 April 2024, which comes along.
#[must_use]
pub fn root_servers() -> Vec<Server> {
    let mut servers: Vec<Server> = HINTS.lines().filter_map(hint).collect();
    servers.sort_by_key(|server| server.address.is_ipv6());
    servers
}

/// `A.ROOT-SERVERS.NET.      3600000      A     198.41.0.4`
fn hint(line: &str) -> Option<Server> {
    let mut words = line.split(';').next()?.split_whitespace();
    let (name, _ttl, record_type, data) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let address: IpAddr = if matches!(record_type, "A" | "AAAA") { data.parse().ok()? } else { return None };
    Some(Server { name: name.to_ascii_lowercase(), address: SocketAddr::new(address, PORT) })
}

/// A fingerprint of a key that the root zone is signed with: the one thing that a chain of trust takes on faith.
/// It is read from a DS record as zone files write it: `". IN DS 20326 8 2 E06D44B8…".parse()`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor(pub(crate) DS);

/// The keys of the root zone, KSK-2017 and KSK-2024: IANA's [`root-anchors.xml`](https://data.iana.org/root-anchors/root-anchors.xml), which comes
/// along.
#[must_use]
pub fn root_anchors() -> Vec<Anchor> {
    ANCHORS.lines().filter_map(|line| line.parse().ok()).collect()
}

impl std::fmt::Display for Anchor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (algorithm, digest_type) = (u8::from(self.0.algorithm()), u8::from(self.0.digest_type()));
        write!(f, ". IN DS {} {algorithm} {digest_type} ", self.0.key_tag())?;
        self.0.digest().iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

/// It is not a DS record of the root.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line:?} is not like `. IN DS 20326 8 2 E06D44B8…`")]
pub struct BadAnchor {
    /// What was given.
    pub line: String,
}

/// `. IN DS 20326 8 2 E06D44B8…`: key tag, algorithm, digest type, digest.
impl FromStr for Anchor {
    type Err = BadAnchor;

    fn from_str(line: &str) -> Result<Self, BadAnchor> {
        let parse = || {
            let rest = line.trim().strip_prefix('.')?;
            let mut words = rest.split_whitespace().skip_while(|word| *word != "DS").skip(1);
            let key_tag = words.next()?.parse().ok()?;
            let algorithm = Algorithm::from_u8(words.next()?.parse().ok()?);
            let digest_type = DigestType::from(words.next()?.parse::<u8>().ok()?);
            let hex: Vec<u8> = words.flat_map(str::bytes).collect();
            let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let digest = hex.chunks(2).map(|pair| match pair {
                [high, low] => Some(digit(high)? << 4 | digit(low)?),
                _ => None,
            });
            let digest: Vec<u8> = digest.collect::<Option<_>>()?;
            (!digest.is_empty()).then(|| Self(DS::new(key_tag, algorithm, digest_type, digest)))
        };
        parse().ok_or_else(|| BadAnchor { line: line.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_thirteen_servers_on_both_families_and_two_keys() {
        let servers = root_servers();
        assert_eq!(servers.iter().filter(|server| server.address.is_ipv4()).count(), 13);
        assert_eq!(servers.iter().filter(|server| server.address.is_ipv6()).count(), 13);
        assert_eq!(servers[0].to_string(), "a.root-servers.net. (198.41.0.4:53)");
        let anchors = root_anchors();
        assert_eq!(anchors.iter().map(|anchor| anchor.0.key_tag()).collect::<Vec<_>>(), [20326, 38696]);
        for (anchor, line) in anchors.iter().zip(ANCHORS.lines()) {
            assert_eq!(anchor.to_string(), line);
        }
    }

    #[test]
    fn an_anchor_that_is_none_is_refused() {
        for line in ["", ". IN DS", ". IN DS 1 8 2", ". IN DS 1 8 2 ABC", ". IN DS 1 8 2 XY", "com. IN DS 1 8 2 AB"] {
            assert_eq!(line.parse::<Anchor>(), Err(BadAnchor { line: line.to_owned() }));
        }
    }
}
