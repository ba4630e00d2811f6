//! The keys that a site's HTTPS record has for an encrypted ClientHello: an ECHConfigList (RFC 9849, section 4).

use rustls::client::EchConfig;
use rustls::crypto::aws_lc_rs::hpke::ALL_SUPPORTED_SUITES;
use rustls::pki_types::EchConfigListBytes;

use super::super::TlsError;

/// The version of the configurations of RFC 9849.
const VERSION: u16 = 0xfe0d;

/// How keys are agreed on, by their names in RFC 9180, section 7.1.
const KEMS: [(u16, &str); 5] = [
    (0x0010, "DHKEM(P-256, HKDF-SHA256)"),
    (0x0011, "DHKEM(P-384, HKDF-SHA384)"),
    (0x0012, "DHKEM(P-521, HKDF-SHA512)"),
    (0x0020, "DHKEM(X25519, HKDF-SHA256)"),
    (0x0021, "DHKEM(X448, HKDF-SHA512)"),
];

/// So many of the configurations that cannot be used are described in an error; the others are counted.
const DESCRIBED_MAX: usize = 4;

/// Keys to encrypt a ClientHello to, and the name that everybody sees in place of the one that is hidden (RFC 9849, section 4).
#[derive(Debug, Clone)]
pub struct EchKeys {
    pub(super) config: EchConfig,
    public_name: String,
}

impl EchKeys {
    /// The first configuration of a host's ECHConfigList that can be used: its version is that of RFC 9849, its key and ciphers are known
    /// here, and so are the extensions that have to be (sections 4 and 6.1).
    ///
    /// # Errors
    /// [`TlsError::EchKeys`] if the list is malformed, or none of them can be used: what they are is in it.
    pub fn read(host: &str, list: &[u8]) -> Result<Self, TlsError> {
        first_usable(list).map_err(|reason| TlsError::EchKeys { host: host.to_owned(), reason })
    }

    /// The name that everybody sees: of whoever has the key, and not of the site.
    #[must_use]
    pub fn public_name(&self) -> &str {
        &self.public_name
    }
}

fn first_usable(list: &[u8]) -> Result<EchKeys, String> {
    let malformed = || "the list is malformed".to_owned();
    let (mut configs, beyond) = vector(list, 2).ok_or_else(malformed)?;
    if !beyond.is_empty() {
        return Err(malformed());
    }
    let (mut count, mut refused) = (0, Vec::new());
    while !configs.is_empty() {
        let version = configs.first_chunk().copied().map(u16::from_be_bytes).ok_or_else(malformed)?;
        let (contents, rest) = configs.get(2..).and_then(|bytes| vector(bytes, 2)).ok_or_else(malformed)?;
        let config = &configs[..configs.len() - rest.len()];
        configs = rest;
        count += 1;
        // rustls takes the first of a list that it can use, and does not say which one that is: of a list of one, it is that one.
        let alone = EchConfig::new(EchConfigListBytes::from(in_a_list(config)), ALL_SUPPORTED_SUITES);
        match (alone, Contents::of(contents)) {
            (Ok(config), Some(Contents { public_name: Some(public_name), .. })) if version == VERSION => {
                return Ok(EchKeys { config, public_name: public_name.to_owned() });
            }
            (_, contents) if refused.len() < DESCRIBED_MAX => {
                refused.push(describe(version, contents.as_ref()));
            }
            _ => {}
        }
    }
    let more = match count - refused.len() {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    Err(match count {
        0 => "the list is empty".to_owned(),
        _ => format!("none of {count} can be used: {}{more}", refused.join("; ")),
    })
}

/// What a configuration of this version has in it (ECHConfigContents).
struct Contents<'a> {
    kem: u16,
    suites: &'a [u8],
    public_name: Option<&'a str>,
}

impl<'a> Contents<'a> {
    fn of(contents: &'a [u8]) -> Option<Self> {
        // Before it is the key's ID.
        let kem = u16::from_be_bytes(contents.get(1..)?.first_chunk().copied()?);
        let (_key, rest) = vector(contents.get(3..)?, 2)?;
        let (suites, rest) = vector(rest, 2)?;
        // Before it is the length of the longest name.
        let (public_name, _extensions) = vector(rest.get(1..)?, 1)?;
        Some(Self { kem, suites, public_name: std::str::from_utf8(public_name).ok() })
    }

    /// Pairs of a key derivation function and a cipher.
    fn suites(&self) -> impl Iterator<Item = (u16, u16)> {
        self.suites
            .chunks_exact(4)
            .map(|pair| (u16::from_be_bytes([pair[0], pair[1]]), u16::from_be_bytes([pair[2], pair[3]])))
    }

    fn is_known(&self) -> bool {
        let is_known = |(kdf, aead)| {
            ALL_SUPPORTED_SUITES.iter().map(|known| known.suite()).any(|known| {
                (u16::from(known.kem), u16::from(known.sym.kdf_id), u16::from(known.sym.aead_id))
                    == (self.kem, kdf, aead)
            })
        };
        self.suites().any(is_known)
    }
}

/// What a configuration is that cannot be used.
fn describe(version: u16, contents: Option<&Contents<'_>>) -> String {
    let kem = |id: u16| match KEMS.iter().find(|(known, _)| *known == id) {
        Some((_, name)) => format!("the KEM {name}"),
        None => format!("the unknown KEM {id:#06x}"),
    };
    match contents {
        _ if version != VERSION => format!("version {version:#06x} where {VERSION:#06x} is known"),
        None => "one that is malformed".to_owned(),
        Some(contents) if contents.is_known() => {
            format!("{}, with a public name or an extension that cannot be used", kem(contents.kem))
        }
        Some(contents) => {
            let suites = contents.suites().take(DESCRIBED_MAX);
            let suites: Vec<String> = suites.map(|(kdf, aead)| format!("{kdf:#06x}/{aead:#06x}")).collect();
            format!("{} with the ciphers {}", kem(contents.kem), suites.join(", "))
        }
    }
}

/// A vector with a length of so many bytes in front, and what comes after it.
fn vector(bytes: &[u8], length_bytes: usize) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(length_bytes)?;
    rest.split_at_checked(length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
}

/// A list of one. It is part of a list, and so no longer than one may be.
fn in_a_list(config: &[u8]) -> Vec<u8> {
    [&(config.len() as u16).to_be_bytes(), config].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(public_name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut config = crate::lab::ech_config_list(public_name).expect("a list").split_off(2);
        change(&mut config);
        config
    }

    fn list(configs: &[Vec<u8>]) -> Vec<u8> {
        in_a_list(&configs.concat())
    }

    fn of_tomorrow() -> Vec<u8> {
        config("tomorrow.test", |config| config[0] = 0xff)
    }

    /// X448, which is in RFC 9180 and not in aws-lc.
    fn x448() -> Vec<u8> {
        config("x448.test", |config| config[6] = 0x21)
    }

    /// With an extension whose number says that it has to be known.
    fn demanding() -> Vec<u8> {
        config("demanding.test", |config| {
            let end = config.len();
            config.splice(end - 2.., [0, 4, 0xff, 0xff, 0, 0]);
            let length = (config.len() - 4) as u16;
            config[2..4].copy_from_slice(&length.to_be_bytes());
        })
    }

    fn refused(list: &[u8]) -> String {
        match EchKeys::read("a.test", list) {
            Err(TlsError::EchKeys { host, reason }) if host == "a.test" => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_name_that_is_shown_is_that_of_the_configuration_that_rustls_takes() {
        let usable = || config("public.test", |_| {});
        for before in [vec![], vec![of_tomorrow()], vec![x448(), demanding()], vec![of_tomorrow(), x448()]] {
            let list = list(&[&before[..], &[usable(), config("later.test", |_| {})]].concat());
            let keys = EchKeys::read("a.test", &list).expect("keys");
            assert_eq!(keys.public_name(), "public.test");
            let theirs = EchConfig::new(EchConfigListBytes::from(list), ALL_SUPPORTED_SUITES).expect("keys");
            let (ours, theirs) = (format!("{:?}", keys.config), format!("{theirs:?}"));
            assert!(ours == theirs && ours.contains("public.test"), "{ours} is not {theirs}");
        }
        // One that is malformed makes rustls refuse those beside it; here it is only passed over.
        let nameless = config("", |_| {});
        let keys = EchKeys::read("a.test", &list(&[nameless, usable()])).expect("keys");
        assert_eq!(keys.public_name(), "public.test");
    }

    #[test]
    fn a_list_without_any_that_can_be_used_says_what_they_are() {
        assert_eq!(
            refused(&list(&[of_tomorrow(), x448(), demanding()])),
            "none of 3 can be used: version 0xff0d where 0xfe0d is known; the KEM DHKEM(X448, HKDF-SHA512) with the ciphers \
             0x0001/0x0001; the KEM DHKEM(X25519, HKDF-SHA256), with a public name or an extension that cannot be used"
        );
        let many = refused(&list(&vec![config("x.test", |config| config[5] = 0x7f); 300]));
        assert!(
            many.starts_with("none of 300 can be used: the unknown KEM 0x7f20 ") && many.ends_with("; and 296 more")
        );
        assert_eq!(refused(&list(&[])), "the list is empty");
        let whole = list(&[config("public.test", |_| {})]);
        for end in 0..whole.len() {
            assert_eq!(refused(&whole[..end]), "the list is malformed", "{end}");
        }
        assert_eq!(refused(&[&whole[..], &[0]].concat()), "the list is malformed");
    }
}
