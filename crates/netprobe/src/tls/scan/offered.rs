//! What is offered, and what is to be thought of it.

use rustls::{CipherSuite, NamedGroup};
use serde::{Deserialize, Serialize};

use super::Version;

/// A cipher suite that a server accepts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suite {
    /// Its number in IANA's list.
    pub code: u16,
    /// Its name there.
    pub name: String,
    /// What is wrong with it, if anything is.
    pub weakness: Option<Weakness>,
}

/// What is wrong with a cipher suite; of several things the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weakness {
    /// It does not encrypt, or not with whom one thinks: NULL, anonymous.
    NoSecurity,
    /// It has been broken: RC4, DES, 3DES, export-grade keys, MD5.
    Broken,
    /// Whoever gets the server's key can read everything that was recorded (RFC 9325, section 4.1).
    NoForwardSecrecy,
    /// It encrypts and signs in an order that has been attacked again and again: CBC.
    NotAuthenticated,
}

impl Weakness {
    /// In words.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::NoSecurity => "no encryption, or nobody knows with whom",
            Self::Broken => "broken",
            Self::NoForwardSecrecy => "no forward secrecy: who gets the server's key reads what was recorded",
            Self::NotAuthenticated => "CBC: encryption and authentication are two things, and have been played off",
        }
    }

    /// By its name, which says what it is made of.
    fn of(name: &str) -> Option<Self> {
        let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        if has(&["_NULL", "_anon_"]) {
            Some(Self::NoSecurity)
        } else if has(&["_RC4_", "DES_", "_DES40_", "_RC2_", "_IDEA_", "EXPORT", "_MD5"]) {
            Some(Self::Broken)
        } else if has(&["_CBC_"]) && !has(&["_DHE_", "_ECDHE_"])
            || has(&["TLS_RSA_", "TLS_DH_", "TLS_ECDH_", "TLS_PSK_"])
        {
            Some(Self::NoForwardSecrecy)
        } else if has(&["_CBC_"]) {
            Some(Self::NotAuthenticated)
        } else {
            None
        }
    }
}

impl Suite {
    pub(super) fn of(code: u16) -> Self {
        let suite = CipherSuite::from(code);
        let name = suite.as_str().map_or_else(|| format!("0x{code:04X}"), |name| name.replace("TLS13_", "TLS_"));
        Self { code, weakness: Weakness::of(&name), name }
    }
}

/// More suites at once than this some servers do not take.
const SUITES_MAX: usize = 64;

/// Those that are no suites, but say something (RFC 5746, RFC 7507).
const SIGNALS: [u16; 2] = [0x00ff, 0x5600];

/// Every suite of a version, in offers that are not too long.
pub(super) fn suites(version: Version) -> Vec<Vec<u16>> {
    let of_version = |code: &u16| {
        let name = CipherSuite::from(*code);
        let is_known = name.as_str().is_some() && !SIGNALS.contains(code);
        is_known && (code >> 8 == 0x13) == (version == Version::Tls13)
    };
    let all: Vec<u16> = (1..=u16::MAX).filter(of_version).collect();
    all.chunks(SUITES_MAX).map(<[u16]>::to_vec).collect()
}

/// Groups that TLS 1.3 alone has: MLKEM combined with a curve, and alone.
const GROUPS_1_3: [u16; 6] = [0x11ec, 0x11eb, 0x11ed, 0x0200, 0x0201, 0x0202];

/// Curves, and primes (FFDHE), which only TLS 1.3 picks from this list.
const GROUPS: [u16; 10] = [0x001d, 0x001e, 0x0017, 0x0018, 0x0019, 0x0100, 0x0101, 0x0102, 0x0103, 0x0104];

/// Curves of old and of special use that TLS 1.3 does not have: secp192r1 to secp256k1, Brainpool's.
const GROUPS_1_2: [u16; 7] = [0x0013, 0x0015, 0x0016, 0x001a, 0x001b, 0x001c, 0x0014];

/// Every group that can be used in a version.
pub(super) fn groups(version: Version) -> Vec<u16> {
    match version {
        Version::Tls13 => [&GROUPS_1_3[..], &GROUPS].concat(),
        _ => [&GROUPS[..], &GROUPS_1_2].concat(),
    }
}

/// A group's name in IANA's list.
pub(super) fn group_name(code: u16) -> String {
    match code {
        0x0013 => "secp192r1".to_owned(),
        0x0014 => "secp224k1".to_owned(),
        0x0015 => "secp224r1".to_owned(),
        0x0016 => "secp256k1".to_owned(),
        0x001a => "brainpoolP256r1".to_owned(),
        0x001b => "brainpoolP384r1".to_owned(),
        0x001c => "brainpoolP512r1".to_owned(),
        0x11ed => "SecP384r1MLKEM1024".to_owned(),
        _ => match NamedGroup::from(code) {
            NamedGroup::Unknown(code) => format!("0x{code:04X}"),
            known => format!("{known:?}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_is_offered_once_in_its_version() {
        let all = |version| suites(version).concat();
        assert_eq!(all(Version::Tls13), [0x1301, 0x1302, 0x1303, 0x1304, 0x1305]);
        let older = all(Version::Tls12);
        assert!(older.len() > 300 && older.is_sorted() && older.contains(&0xc02b) && !older.contains(&0x00ff));
        assert!(suites(Version::Tls10).iter().all(|offer| offer.len() <= SUITES_MAX));
    }

    #[test]
    fn weaknesses_are_in_the_name() {
        for (code, weakness) in [
            (0x1301, None),
            (0xc02b, None),
            (0xcca8, None),
            (0x009e, None),
            (0xc013, Some(Weakness::NotAuthenticated)),
            (0x009c, Some(Weakness::NoForwardSecrecy)),
            (0x002f, Some(Weakness::NoForwardSecrecy)),
            (0xc012, Some(Weakness::Broken)),
            (0x0005, Some(Weakness::Broken)),
            (0x003b, Some(Weakness::NoSecurity)),
            (0xc018, Some(Weakness::NoSecurity)),
        ] {
            let suite = Suite::of(code);
            assert_eq!(suite.weakness, weakness, "{}", suite.name);
        }
        assert_eq!(Suite::of(0xfafa).name, "0xFAFA");
    }
}
