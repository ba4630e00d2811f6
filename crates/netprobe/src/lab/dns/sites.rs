//! The lab's HTTPS records (RFC 9460): what its sites say before anybody has connected to them.

use std::net::Ipv4Addr;

use hickory_proto::rr::rdata::svcb::{Alpn, EchConfigList, IpHint, SvcParamKey, SvcParamValue};
use hickory_proto::rr::rdata::{A, HTTPS, NULL, SVCB};
use hickory_proto::rr::{Name, RData, RecordType};

use super::zone::{Spoilt, Zone, name};
use crate::lab::Fault;
use crate::lab::fault::{REFUSING, SILENT, WEB, ZONE};

/// Priority 1 at the name itself, and the same key twice: keys have to rise (RFC 9460, section 2.2).
const MALFORMED: &[u8] = b"\0\x01\0\0\x03\0\x02\0\x35\0\x03\0\x02\0\x35";

/// What a record of the lab offers.
struct Offer {
    priority: u16,
    target: Name,
    alpn: Vec<String>,
    port: Option<u16>,
    hint: Option<Ipv4Addr>,
}

impl Offer {
    fn new(priority: u16, target: Name) -> Self {
        Self { priority, target, alpn: vec!["h2".to_owned()], port: None, hint: None }
    }

    fn record(self) -> RData {
        let alpn = (SvcParamKey::Alpn, SvcParamValue::Alpn(Alpn(self.alpn)));
        let port = self.port.map(|port| (SvcParamKey::Port, SvcParamValue::Port(port)));
        let hint = self.hint.map(|hint| (SvcParamKey::Ipv4Hint, SvcParamValue::Ipv4Hint(IpHint(vec![A(hint)]))));
        let params = std::iter::once(alpn).chain(port).chain(hint).collect();
        RData::HTTPS(HTTPS(SVCB::new(self.priority, self.target, params)))
    }
}

/// Puts the records of the sites at this port: `www` offers itself, `other` is served as `www`, and `moved`, which has no address, from
/// a host called `edge`. Who asks for the usual port is told which one it is. `keyed` is served where nobody is, with its name hidden.
pub(super) fn put(home: &mut Zone, port: u16) -> Result<(), String> {
    let host = |label: &str| name(&format!("{label}.{ZONE}"));
    let (www, other, moved, edge) = (host("www")?, host("other")?, host("moved")?, host("edge")?);
    let offer = |target: &Name, at: Option<u16>| {
        let mut offer = Offer { port: at, hint: Some(WEB), ..Offer::new(1, target.clone()) };
        // Over QUIC somebody is there with the feature alone.
        offer.alpn.splice(0..0, cfg!(feature = "h3").then(|| "h3".to_owned()));
        offer.record()
    };
    home.put(&www, offer(&Name::root(), Some(port)));
    home.put(&at(port, &www)?, offer(&www, None));
    home.put(&at(port, &other)?, alias(&at(port, &www)?));
    home.put(&other, alias(&www));
    home.put(&edge, RData::A(A(WEB)));
    for site in [&moved, &at(port, &moved)?] {
        // Nobody here speaks the one that is preferred.
        let stranger = Offer { alpn: vec!["h9".to_owned()], ..Offer::new(1, edge.clone()) };
        home.put(site, without_default(stranger));
        home.put(site, Offer { port: Some(port), hint: Some(WEB), ..Offer::new(2, edge.clone()) }.record());
    }
    let (keyed, gone) = (host("keyed")?, host("gone")?);
    home.put(&gone, RData::A(A(REFUSING)));
    for site in [&keyed, &at(port, &keyed)?] {
        home.put(site, with_keys(Offer { port: Some(port), ..Offer::new(1, gone.clone()) })?);
    }
    Ok(())
}

/// The same for those alone who speak one of its protocols: HTTP/1.1 is not among them unless it is named.
fn without_default(offer: Offer) -> RData {
    let mut record = offer.record();
    if let RData::HTTPS(HTTPS(svcb)) = &mut record {
        svcb.svc_params.insert(1, (SvcParamKey::NoDefaultAlpn, SvcParamValue::NoDefaultAlpn));
    }
    record
}

/// What a fault makes of its host's record.
pub(super) fn put_fault(home: &mut Zone, fault: Fault, host: &Name, port: u16) -> Result<(), String> {
    let beside = |label: &str, host: &Name| host.prepend_label(label).map_err(|error| error.to_string());
    match fault {
        Fault::HttpsRecordDeadHint => home.put(&beside("edge", host)?, RData::A(A(WEB))),
        Fault::HttpsRecordDeadServer => home.put(&beside("edge", host)?, RData::A(A(REFUSING))),
        _ => {}
    }
    for site in [host.clone(), at(port, host)?] {
        match fault {
            Fault::HttpsRecordMalformed => {
                home.put(&site, RData::Unknown { code: RecordType::HTTPS, rdata: NULL::with(MALFORMED.to_vec()) });
            }
            Fault::EchRejected => home.put(&site, with_keys(Offer::new(1, host.clone()))?),
            Fault::BogusSignature => {
                let mut everything = Offer { hint: Some(SILENT), ..Offer::new(1, host.clone()) };
                everything.alpn.splice(0..0, cfg!(feature = "h3").then(|| "h3".to_owned()));
                home.put(&site, with_keys(everything)?);
                home.spoil(&site, Spoilt::Forged);
            }
            Fault::HttpsRecordLoop => {
                let back = beside("back", &site)?;
                home.put(&site, alias(&back));
                home.put(&back, alias(&site));
            }
            Fault::HttpsRecordDeadHint => {
                let edge = Offer::new(1, beside("edge", host)?);
                home.put(&site, Offer { port: Some(port), hint: Some(SILENT), ..edge }.record());
            }
            Fault::HttpsRecordDeadServer => {
                home.put(&site, Offer { port: Some(port), ..Offer::new(1, beside("edge", host)?) }.record());
                home.put(&site, Offer { port: Some(port), ..Offer::new(2, host.clone()) }.record());
            }
            _ => {}
        }
    }
    Ok(())
}

/// The same with keys to hide the site's name with.
fn with_keys(offer: Offer) -> Result<RData, String> {
    let keys = EchConfigList(crate::lab::ech_config_list(&format!("www.{ZONE}"))?);
    let mut record = offer.record();
    if let RData::HTTPS(HTTPS(svcb)) = &mut record {
        let keys = (SvcParamKey::EchConfigList, SvcParamValue::EchConfigList(keys));
        let place = svcb.svc_params.iter().position(|(key, _)| *key > SvcParamKey::EchConfigList);
        svcb.svc_params.insert(place.unwrap_or(svcb.svc_params.len()), keys);
    }
    Ok(record)
}

fn alias(target: &Name) -> RData {
    RData::HTTPS(HTTPS(SVCB::new(0, target.clone(), Vec::new())))
}

/// The name of a site at another port than 443 (RFC 9460, section 9.1).
fn at(port: u16, host: &Name) -> Result<Name, String> {
    crate::dns::service::query_name(host, port).ok_or_else(|| "a host's name is too long".to_owned())
}
