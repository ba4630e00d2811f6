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

mod presentation;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, Ipv6Addr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hickory_proto::rr::rdata::SVCB;
use hickory_proto::rr::rdata::svcb::{SvcParamKey, SvcParamValue};
use hickory_proto::rr::{self, Name, RData, RecordType};
use serde::{Deserialize, Serialize};

use super::text;
use super::trace::Record;
use presentation::key_name;
pub(crate) use presentation::presentation;

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
                SvcParamValue::Unknown(_) => binding.unknown.push(key_name(*key)),
            }
            if is_empty(value) {
                return Err(BadServiceBinding::Empty { key: key_name(*key) });
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
        decoded(self.ech.as_ref()?)
    }
}

/// The bytes of an ECHConfigList in Base64.
pub(crate) fn decoded(ech: &str) -> Option<Vec<u8>> {
    STANDARD.decode(ech).ok()
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
        let name = key_name(*key);
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
    Ok(keys.iter().map(|key| key_name(*key)).collect())
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
