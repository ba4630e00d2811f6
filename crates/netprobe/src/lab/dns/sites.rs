//! The lab's HTTPS records (RFC 9460): what its sites say before anybody has connected to them.

use hickory_proto::rr::rdata::svcb::{Alpn, EchConfigList, IpHint, SvcParamKey, SvcParamValue};
use hickory_proto::rr::rdata::{A, HTTPS, NULL, SVCB};
use hickory_proto::rr::{Name, RData, RecordType};

use super::zone::{Zone, name};
use crate::lab::Fault;
use crate::lab::fault::{WEB, ZONE};

/// Priority 1 at the name itself, and the same key twice: keys have to rise (RFC 9460, section 2.2).
const MALFORMED: &[u8] = b"\0\x01\0\0\x03\0\x02\0\x35\0\x03\0\x02\0\x35";

/// Puts the records of the sites at this port: `www` offers itself, `other` is served as `www`.
pub(super) fn put(home: &mut Zone, port: u16) -> Result<(), String> {
    let www = name(&format!("www.{ZONE}"))?;
    let offer = |target: &Name, port: Option<u16>| {
        let alpn = (SvcParamKey::Alpn, SvcParamValue::Alpn(Alpn(vec!["h2".to_owned()])));
        let port = port.map(|port| (SvcParamKey::Port, SvcParamValue::Port(port)));
        let hint = (SvcParamKey::Ipv4Hint, SvcParamValue::Ipv4Hint(IpHint(vec![A(WEB)])));
        let params = std::iter::once(alpn).chain(port).chain([hint]).collect();
        RData::HTTPS(HTTPS(SVCB::new(1, target.clone(), params)))
    };
    // Who asks for the usual port is told which one it is.
    home.put(&www, offer(&Name::root(), Some(port)));
    home.put(&at(port, &www)?, offer(&www, None));
    let other = name(&format!("other.{ZONE}"))?;
    home.put(&at(port, &other)?, alias(&at(port, &www)?));
    home.put(&other, alias(&www));
    Ok(())
}

/// What a fault makes of its host's record.
pub(super) fn put_fault(home: &mut Zone, fault: Fault, host: &Name, port: u16) -> Result<(), String> {
    let sites = [host.clone(), at(port, host)?];
    for site in &sites {
        match fault {
            Fault::HttpsRecordMalformed => {
                home.put(site, RData::Unknown { code: RecordType::HTTPS, rdata: NULL::with(MALFORMED.to_vec()) });
            }
            Fault::EchRejected => {
                let keys = EchConfigList(crate::lab::ech_config_list(&format!("www.{ZONE}"))?);
                let params = vec![
                    (SvcParamKey::Alpn, SvcParamValue::Alpn(Alpn(vec!["h2".to_owned()]))),
                    (SvcParamKey::EchConfigList, SvcParamValue::EchConfigList(keys)),
                ];
                home.put(site, RData::HTTPS(HTTPS(SVCB::new(1, Name::root(), params))));
            }
            Fault::HttpsRecordLoop => {
                let back = site.prepend_label("back").map_err(|error| error.to_string())?;
                home.put(site, alias(&back));
                home.put(&back, alias(site));
            }
            _ => {}
        }
    }
    Ok(())
}

fn alias(target: &Name) -> RData {
    RData::HTTPS(HTTPS(SVCB::new(0, target.clone(), Vec::new())))
}

/// The name of a site at another port than 443 (RFC 9460, section 9.1).
fn at(port: u16, host: &Name) -> Result<Name, String> {
    crate::dns::service::query_name(host, port).ok_or_else(|| "a host's name is too long".to_owned())
}
