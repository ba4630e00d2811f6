//! HTTPS and SVCB records: how a site wants to be reached, said together with its address (RFC 9460).
//!
//! ```text
//! shop.example.  HTTPS 0 cdn.example.                        alias mode: ask there
//! cdn.example.   HTTPS 1 . alpn=h3,h2 ech=… ipv4hint=…       service mode: protocols, keys, addresses
//! cdn.example.   HTTPS 2 backup.example. port=8443 alpn=h2   the next best, should the first not answer
//! ```
//!
//! Without such a record a client learns of HTTP/3 on its first visit (alt-svc), of https by a redirect, and of the keys that hide the
//! name in its ClientHello not at all. The record says so before the first packet to the site.

use std::net::{Ipv4Addr, Ipv6Addr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hickory_proto::rr::rdata::SVCB;
use hickory_proto::rr::rdata::svcb::{SvcParamKey, SvcParamValue};
use hickory_proto::rr::{self, Name, RData, RecordType};
use serde::{Deserialize, Serialize};

use super::text;
use super::trace::Record;

/// What everybody speaks who says nothing else (RFC 9460, section 9.3).
const DEFAULT_ALPN: &str = "http/1.1";

/// One way to reach a site, as an HTTPS or SVCB record describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceBinding {
    /// 0 is alias mode; of others the smallest is tried first.
    pub priority: u16,
    /// In alias mode where to ask instead, `.` if the site is not offered at all; else the host that serves it.
    pub target: String,
    /// Protocols by their ALPN names, those of the record first; `http/1.1` is among them unless the record says otherwise.
    pub alpn: Vec<String>,
    /// The port, if it is another than the URL's.
    pub port: Option<u16>,
    /// Addresses to begin with while the real ones are asked for.
    pub ipv4_hints: Vec<Ipv4Addr>,
    /// The same of the other family.
    pub ipv6_hints: Vec<Ipv6Addr>,
    /// The ECHConfigList in Base64: keys with which the name in the ClientHello can be encrypted.
    pub ech: Option<String>,
    /// Parameters that nobody may ignore.
    pub mandatory: Vec<String>,
    /// Parameters that are not known here.
    pub unknown: Vec<String>,
}

/// Why a record cannot be used, though it could be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BadServiceBinding {
    /// A parameter is called mandatory and is not there (section 8).
    #[error("it says that {key} is mandatory, and has no {key}")]
    MandatoryAbsent {
        /// The parameter.
        key: String,
    },
    /// A parameter is called mandatory that cannot be, or twice (section 8).
    #[error("it lists {key} among what is mandatory, where it must not be")]
    MandatoryWrong {
        /// The parameter.
        key: String,
    },
    /// A parameter is mandatory and not known here: the record is for others (section 8).
    #[error("it is for those who understand {key}")]
    NotUnderstood {
        /// The parameter.
        key: String,
    },
    /// A list with nothing in it (sections 7.1 and 7.3).
    #[error("its {key} is empty")]
    Empty {
        /// The parameter.
        key: String,
    },
    /// It offers neither HTTP/1.1 nor anything else (section 7.1.1).
    #[error("it rules out http/1.1, and has no alpn")]
    NothingOffered,
}

impl ServiceBinding {
    /// What is in a record, if it is of such a type.
    pub(crate) fn of(record: &rr::Record) -> Option<Result<Self, BadServiceBinding>> {
        let (RData::HTTPS(rr::rdata::HTTPS(svcb)) | RData::SVCB(svcb)) = &record.data else { return None };
        Some(Self::read(svcb, &record.name))
    }

    fn read(svcb: &SVCB, owner: &Name) -> Result<Self, BadServiceBinding> {
        let is_alias = svcb.svc_priority == 0;
        let own = !is_alias && svcb.target_name.is_root();
        let mut binding = Self {
            priority: svcb.svc_priority,
            target: text::name(if own { owner } else { &svcb.target_name }),
            alpn: Vec::new(),
            port: None,
            ipv4_hints: Vec::new(),
            ipv6_hints: Vec::new(),
            ech: None,
            mandatory: Vec::new(),
            unknown: Vec::new(),
        };
        // In alias mode parameters mean nothing (section 2.4.2).
        if is_alias {
            return Ok(binding);
        }
        let mut no_default = false;
        for (key, value) in &svcb.svc_params {
            match value {
                SvcParamValue::Mandatory(keys) => binding.mandatory = mandatory(&keys.0, svcb)?,
                SvcParamValue::Alpn(alpn) => binding.alpn = alpn.0.iter().map(|name| text::escape(name)).collect(),
                SvcParamValue::NoDefaultAlpn => no_default = true,
                SvcParamValue::Port(port) => binding.port = Some(*port),
                SvcParamValue::Ipv4Hint(hints) => binding.ipv4_hints = hints.0.iter().map(|hint| hint.0).collect(),
                SvcParamValue::Ipv6Hint(hints) => binding.ipv6_hints = hints.0.iter().map(|hint| hint.0).collect(),
                SvcParamValue::EchConfigList(list) => binding.ech = Some(STANDARD.encode(&list.0)),
                SvcParamValue::Unknown(_) => binding.unknown.push(key.to_string()),
            }
            if is_empty(value) {
                return Err(BadServiceBinding::Empty { key: key.to_string() });
            }
        }
        if no_default && binding.alpn.is_empty() {
            return Err(BadServiceBinding::NothingOffered);
        }
        if !no_default && !binding.alpn.iter().any(|name| name == DEFAULT_ALPN) {
            binding.alpn.push(DEFAULT_ALPN.to_owned());
        }
        Ok(binding)
    }

    /// Whether it only says where to ask instead.
    #[must_use]
    pub fn is_alias(&self) -> bool {
        self.priority == 0
    }

    /// The bytes of the ECHConfigList, if there is one.
    #[must_use]
    pub fn ech_config_list(&self) -> Option<Vec<u8>> {
        STANDARD.decode(self.ech.as_ref()?).ok()
    }
}

fn is_empty(value: &SvcParamValue) -> bool {
    match value {
        SvcParamValue::Alpn(alpn) => alpn.0.iter().any(String::is_empty),
        SvcParamValue::Ipv4Hint(hints) => hints.0.is_empty(),
        SvcParamValue::Ipv6Hint(hints) => hints.0.is_empty(),
        SvcParamValue::EchConfigList(list) => list.0.is_empty(),
        _ => false,
    }
}

/// The names of what nobody may ignore: there, known here, and each once.
fn mandatory(keys: &[SvcParamKey], svcb: &SVCB) -> Result<Vec<String>, BadServiceBinding> {
    for (index, key) in keys.iter().enumerate() {
        let name = key.to_string();
        if *key == SvcParamKey::Mandatory || keys[..index].contains(key) {
            return Err(BadServiceBinding::MandatoryWrong { key: name });
        }
        if !svcb.svc_params.iter().any(|(there, _)| there == key) {
            return Err(BadServiceBinding::MandatoryAbsent { key: name });
        }
        if matches!(key, SvcParamKey::Key(_) | SvcParamKey::Key65535 | SvcParamKey::Unknown(_)) {
            return Err(BadServiceBinding::NotUnderstood { key: name });
        }
    }
    Ok(keys.iter().map(ToString::to_string).collect())
}

/// Where the records send whoever asked, if one of them is in alias mode: others do not count, then (section 2.4.1).
pub(crate) fn alias(records: &[rr::Record]) -> Option<(&rr::Record, &Name)> {
    records.iter().find_map(|record| match &record.data {
        RData::HTTPS(rr::rdata::HTTPS(svcb)) | RData::SVCB(svcb)
            if svcb.svc_priority == 0 && !svcb.target_name.is_root() =>
        {
            Some((record, &svcb.target_name))
        }
        _ => None,
    })
}

/// The name that is asked for the HTTPS record of a site (section 9.1). Sites of `http:` have that of `https:`.
pub(crate) fn query_name(host: &Name, port: u16) -> Option<Name> {
    if matches!(port, 80 | 443) {
        return Some(host.clone());
    }
    host.prepend_label("_https").ok()?.prepend_label(format!("_{port}")).ok()
}

/// The same for a host as people write it.
pub(crate) fn site_name(host: &str, port: u16) -> Option<Name> {
    query_name(&super::parse_name(host).ok()?, port)
}

/// Whether records of the type say how a service is reached.
pub(crate) fn is_service(record_type: RecordType) -> bool {
    matches!(record_type, RecordType::HTTPS | RecordType::SVCB)
}

/// The records that can be used, the best first. Where one is an alias, others do not count.
pub(crate) fn usable(records: &[Record]) -> Vec<&ServiceBinding> {
    let good = records.iter().filter_map(|record| record.service.as_ref()?.as_ref().ok());
    let mut good: Vec<&ServiceBinding> = good.collect();
    if good.iter().any(|binding| binding.is_alias()) {
        good.retain(|binding| binding.is_alias());
    }
    good.sort_by_key(|binding| binding.priority);
    good
}

/// What the records mean to somebody on the way to the site, in sentences: the best way first.
#[must_use]
pub fn meaning(records: &[Record]) -> Vec<String> {
    let usable = usable(records);
    let mut sentences: Vec<String> = usable.iter().map(ToString::to_string).collect();
    let is_site = records.iter().any(|record| record.record_type == "HTTPS");
    if is_site && usable.iter().any(|binding| !binding.is_alias()) {
        sentences
            .push("such a record means https: a browser that was to go to http: goes to https: at once".to_owned());
    }
    let bad = records.iter().filter_map(|record| Some((record, record.service.as_ref()?.as_ref().err()?)));
    let unused = |(record, why): (&Record, &BadServiceBinding)| {
        format!("the {} record {:?} is not used: {why}", record.record_type, record.data)
    };
    sentences.extend(bad.map(unused));
    sentences
}

impl std::fmt::Display for ServiceBinding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.is_alias(), self.target.as_str()) {
            (true, ".") => return write!(f, "the site says that it is not offered"),
            (true, target) => return write!(f, "the site is served as {target}"),
            (false, target) => write!(f, "{target} offers {}", self.alpn.join(", "))?,
        }
        if let Some(port) = self.port {
            write!(f, " on port {port}")?;
        }
        if self.alpn.iter().any(|name| name == "h3") {
            write!(f, "; HTTP/3 can be tried on the first visit")?;
        }
        let hints = self.ipv4_hints.iter().map(ToString::to_string);
        let hints: Vec<String> = hints.chain(self.ipv6_hints.iter().map(ToString::to_string)).collect();
        if !hints.is_empty() {
            write!(f, "; a connection can begin at {} before its address is known", hints.join(", "))?;
        }
        if self.ech.is_some() {
            write!(f, "; it has keys that hide the host's name in the ClientHello (ECH)")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::Message;
    use hickory_proto::rr::rdata::NULL;

    use super::*;

    const FOO: &[u8] = b"\x03foo\x07example\x03com\0";

    /// A record as it comes from the wire.
    fn read(parts: &[&[u8]]) -> Result<Vec<rr::Record>, String> {
        let data = RData::Unknown { code: RecordType::HTTPS, rdata: NULL::with(parts.concat()) };
        let mut message = Message::query();
        message.add_answer(rr::Record::from_rdata(Name::from_ascii("a.test.").expect("a name"), 300, data));
        let bytes = message.to_vec().expect("bytes");
        Message::from_vec(&bytes).map(|message| message.answers).map_err(|error| error.to_string())
    }

    fn binding(parts: &[&[u8]]) -> Result<ServiceBinding, BadServiceBinding> {
        let records = read(parts).expect("a record");
        ServiceBinding::of(&records[0]).expect("an HTTPS record")
    }

    /// RFC 9460, appendix D.
    #[test]
    fn the_vectors_of_the_standard() {
        let alias = binding(&[b"\0\0", FOO]).expect("figure 2");
        assert_eq!((alias.is_alias(), alias.target.as_str(), alias.alpn.len()), (true, "foo.example.com.", 0));
        let own = binding(&[b"\0\x01\0"]).expect("figure 3");
        assert_eq!((own.priority, own.target.as_str(), own.alpn), (1, "a.test.", vec!["http/1.1".to_owned()]));
        let port = binding(&[b"\0\x10", FOO, b"\0\x03\0\x02\0\x35"]).expect("figure 4");
        assert_eq!((port.priority, port.port), (16, Some(53)));
        let unknown = binding(&[b"\0\x01", FOO, b"\x02\x9b\0\x05hello"]).expect("figure 5");
        assert_eq!(unknown.unknown.len(), 1);
        let hints: [u8; 32] = [
            0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0x53, 0, 1,
        ];
        let hinted = binding(&[b"\0\x01", FOO, b"\0\x06\0\x20", &hints]).expect("figure 7");
        assert_eq!(
            hinted.ipv6_hints.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["2001:db8::1", "2001:db8::53:1"]
        );
        let ordered = b"\0\0\0\x04\0\x01\0\x04\0\x01\0\x09\x02h2\x05h3-19\0\x04\0\x04\xc0\0\x02\x01";
        let ordered = binding(&[b"\0\x10", FOO, ordered]).expect("figure 9");
        assert_eq!(
            (ordered.mandatory.join(","), ordered.alpn.join(",")),
            ("alpn,ipv4hint".to_owned(), "h2,h3-19,http/1.1".to_owned())
        );
        assert_eq!(ordered.ipv4_hints, [Ipv4Addr::new(192, 0, 2, 1)]);
    }

    #[test]
    fn what_contradicts_itself_is_not_used() {
        let bad = |params: &[u8]| binding(&[b"\0\x01\0", params]).expect_err("a reason");
        let key = |key: &str| key.to_owned();
        assert_eq!(bad(b"\0\0\0\x02\0\x04"), BadServiceBinding::MandatoryAbsent { key: key("ipv4hint") });
        assert_eq!(bad(b"\0\0\0\x02\0\0"), BadServiceBinding::MandatoryWrong { key: key("mandatory") });
        let twice = b"\0\0\0\x04\0\x03\0\x03\0\x03\0\x02\0\x35";
        assert_eq!(bad(twice), BadServiceBinding::MandatoryWrong { key: key("port") });
        assert!(matches!(bad(b"\0\0\0\x02\x02\x9b\x02\x9b\0\0"), BadServiceBinding::NotUnderstood { .. }));
        assert_eq!(bad(b"\0\x02\0\0"), BadServiceBinding::NothingOffered);
        assert_eq!(bad(b"\0\x04\0\0"), BadServiceBinding::Empty { key: key("ipv4hint") });
        assert_eq!(bad(b"\0\x01\0\x01\0"), BadServiceBinding::Empty { key: key("alpn") });
    }

    #[test]
    fn bytes_that_are_no_record_are_refused() {
        for (what, params) in [
            ("keys out of order", &b"\0\x03\0\x02\0\x35\0\x01\0\x03\x02h2"[..]),
            ("a key twice", b"\0\x03\0\x02\0\x35\0\x03\0\x02\0\x35"),
            ("a length past the end", b"\0\x03\0\x09\0\x35"),
            ("a length past the value", b"\0\x01\0\x02\x09h"),
            ("no value", b"\0\x01\0\0"),
            ("a value where there is none", b"\0\x02\0\x03abc"),
            ("half an address", b"\0\x04\0\x03\xc0\0\x02"),
            ("a few bytes more", b"\0\x03\0\x02\0\x35\0"),
        ] {
            assert!(read(&[b"\0\x01\0", params]).is_err(), "{what}");
        }
    }

    #[test]
    fn it_is_said_in_words() {
        let records = |parts: &[&[u8]]| text::records(&read(parts).expect("a record"));
        let offer = b"\0\x01\0\x06\x02h3\x02h2\0\x03\0\x02\x20\xfb\0\x04\0\x04\xc0\0\x02\x01\0\x05\0\x04\0\x02\xfe\x0d";
        let sentences = meaning(&records(&[b"\0\x01\0", offer]));
        assert_eq!(
            sentences[0],
            "a.test. offers h3, h2, http/1.1 on port 8443; HTTP/3 can be tried on the first visit; a connection can begin at \
             192.0.2.1 before its address is known; it has keys that hide the host's name in the ClientHello (ECH)"
        );
        assert!(sentences[1].contains("goes to https: at once"));
        let found = records(&[b"\0\x01\0", offer]);
        assert_eq!(usable(&found)[0].ech_config_list(), Some(vec![0, 2, 0xfe, 0x0d]));
        let mixed = [records(&[b"\0\0", FOO]), records(&[b"\0\x01\0", offer])].concat();
        assert_eq!(meaning(&mixed), ["the site is served as foo.example.com."], "an alias alone counts");
        assert_eq!(meaning(&records(&[b"\0\0\0"])), ["the site says that it is not offered"]);
        let bad = meaning(&records(&[b"\0\x01\0\0\x02\0\0"]));
        assert!(bad[0].ends_with("is not used: it rules out http/1.1, and has no alpn"), "{bad:?}");
    }

    #[test]
    fn other_ports_have_names_of_their_own() {
        let host = Name::from_ascii("www.a.test.").expect("a name");
        assert_eq!(query_name(&host, 443), Some(host.clone()));
        assert_eq!(query_name(&host, 80), Some(host.clone()));
        assert_eq!(query_name(&host, 8443).map(|name| text::name(&name)).as_deref(), Some("_8443._https.www.a.test."));
        let long = Name::from_ascii(format!("{}test.", "a.".repeat(122))).expect("a name");
        assert_eq!(query_name(&long, 8443), None, "no room");
    }
}
