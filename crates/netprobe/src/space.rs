//! How private an address is, and which a page may ask for: the ordering of Private Network Access
//! [<https://wicg.github.io/private-network-access/>] and of its successor, Local Network Access.
//!
//! ```text
//!  public ──► private ──► loopback        a page may ask for its own space, and for what is to its left
//!             link-local                  asked for by pages that are link-local themselves, and by nobody else
//! ```
//!
//! A page of the internet that names `http://192.168.0.1/` would have whoever looks at it knock at their own router.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// Who can reach an address: the spaces of Private Network Access (<https://wicg.github.io/private-network-access/>), and one for link-local
/// addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressSpace {
    /// Everybody.
    #[default]
    Public,
    /// Whoever is in the same network: what the IANA's special-purpose registries do not call globally reachable.
    Private,
    /// Whoever is on the same wire. Machines in clouds are told their secrets there, without being asked who they are.
    LinkLocal,
    /// This machine.
    Loopback,
}

impl AddressSpace {
    /// The space of an address. One that carries an IPv4 address (mapped, NAT64, 6to4) is where that is.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }

    /// Whether a page whose server is in this space may ask a server in the other one for something: if that is no more private, and not
    /// link-local unless it is itself.
    #[must_use]
    pub fn may_ask(self, other: Self) -> bool {
        match other {
            Self::LinkLocal => self == Self::LinkLocal,
            _ => self.privacy() >= other.privacy(),
        }
    }

    fn privacy(self) -> u8 {
        match self {
            Self::Public => 0,
            Self::Private | Self::LinkLocal => 1,
            Self::Loopback => 2,
        }
    }

    /// In a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Loopback => "loopback",
        }
    }
}

impl fmt::Display for AddressSpace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

fn of_v4(address: Ipv4Addr) -> AddressSpace {
    match address.octets() {
        // To connect to 0.0.0.0 is to connect to oneself.
        [0 | 127, ..] => AddressSpace::Loopback,
        [169, 254, ..] => AddressSpace::LinkLocal,
        // Private use, shared with the provider's NAT, IETF protocols, benchmarks, multicast and what is reserved.
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => AddressSpace::Private,
        [100, 64..=127, ..] | [192, 0, 0, _] | [198, 18..=19, ..] | [224..=255, ..] => AddressSpace::Private,
        _ if address.is_documentation() => AddressSpace::Private,
        _ => AddressSpace::Public,
    }
}

fn of_v6(address: Ipv6Addr) -> AddressSpace {
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        of_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => AddressSpace::Loopback,
        // IPv4-mapped, IPv4-compatible, NAT64.
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0xfe80..=0xfebf, ..] => AddressSpace::LinkLocal,
        // 6to4.
        [0x2002, high, low, ..] => v4(high, low),
        [0x2001, 0xdb8, ..] => AddressSpace::Private,
        [0x2000..=0x3fff, ..] => AddressSpace::Public,
        _ => AddressSpace::Private,
    }
}

#[cfg(test)]
mod tests {
    use super::AddressSpace::{LinkLocal, Loopback, Private, Public};
    use super::*;

    #[test]
    fn every_address_has_a_space() {
        let spaces = [
            (
                Public,
                "8.8.8.8 1.1.1.1 172.15.0.1 172.32.0.1 100.63.0.1 100.128.0.1 192.0.1.1 198.20.0.1 223.255.255.255",
            ),
            (Public, "2606:4700::1111 2001:4860:4860::8888 64:ff9b::8.8.8.8 ::ffff:8.8.8.8 2002:808:808::1"),
            (Private, "10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 100.64.0.1 100.127.255.255"),
            (Private, "192.0.0.8 192.0.2.1 198.18.0.1 198.19.255.255 224.0.0.1 240.0.0.1 255.255.255.255"),
            (Private, "fd00::1 fc00::1 fec0::1 ff02::1 2001:db8::1 64:ff9b:1::1 100::1 ::ffff:10.0.0.1 2002:a00:1::1"),
            (
                LinkLocal,
                "169.254.0.1 169.254.255.255 fe80::1 febf::1 ::ffff:169.254.1.1 64:ff9b::169.254.1.1 ::169.254.1.1",
            ),
            (
                Loopback,
                "127.0.0.1 127.255.255.255 0.0.0.0 ::1 :: ::ffff:127.0.0.1 ::127.0.0.1 64:ff9b::7f00:1 2002:7f00:1::",
            ),
        ];
        for (space, addresses) in spaces {
            for address in addresses.split(' ') {
                assert_eq!(AddressSpace::of(address.parse().expect("an address")), space, "{address}");
            }
        }
    }

    #[test]
    fn nobody_asks_for_what_is_more_private() {
        let all = [Public, Private, LinkLocal, Loopback];
        let table = [
            (Public, [true, false, false, false]),
            (Private, [true, true, false, false]),
            (LinkLocal, [true, true, true, false]),
            (Loopback, [true, true, false, true]),
        ];
        for (page, expected) in table {
            assert_eq!(all.map(|other| page.may_ask(other)), expected, "{page}");
        }
    }
}
