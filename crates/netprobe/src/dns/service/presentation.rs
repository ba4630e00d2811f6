//! HTTPS and SVCB records as text (RFC 9460, section 2.1 and appendix A).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hickory_proto::rr::rdata::SVCB;
use hickory_proto::rr::rdata::svcb::{SvcParamKey, SvcParamValue};

use crate::dns::text;

/// The data of a record as zone files write it (section 2.1): the library's own text is not quite it.
pub(crate) fn presentation(svcb: &SVCB) -> String {
    let params = svcb.svc_params.iter().map(|(key, value)| match parameter(value) {
        Some(value) => format!(" {}={value}", key_name(*key)),
        None => format!(" {}", key_name(*key)),
    });
    format!("{} {}{}", svcb.svc_priority, text::name(&svcb.target_name), params.collect::<String>())
}

/// A parameter by its name or, if it has none here, by its number.
pub(super) fn key_name(key: SvcParamKey) -> String {
    match key {
        SvcParamKey::Key(_) | SvcParamKey::Key65535 | SvcParamKey::Unknown(_) => format!("key{}", u16::from(key)),
        known => known.to_string(),
    }
}

fn parameter(value: &SvcParamValue) -> Option<String> {
    fn list(items: impl IntoIterator<Item = impl ToString>) -> String {
        items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(",")
    }
    // A comma within a name is not one between names (appendix A.1).
    let id = |id: &String| id.replace('\\', "\\\\").replace(',', "\\,");
    Some(match value {
        SvcParamValue::Mandatory(keys) => list(keys.0.iter().map(|key| key_name(*key))),
        SvcParamValue::Alpn(ids) => quoted(list(ids.0.iter().map(id)).as_bytes()),
        SvcParamValue::NoDefaultAlpn => return None,
        SvcParamValue::Port(port) => port.to_string(),
        SvcParamValue::Ipv4Hint(hints) => list(&hints.0),
        SvcParamValue::Ipv6Hint(hints) => list(&hints.0),
        SvcParamValue::EchConfigList(keys) => STANDARD.encode(&keys.0),
        SvcParamValue::Unknown(bytes) => quoted(&bytes.0),
    })
}

/// Between quotes, in which quotes, backslashes and what cannot be printed are escaped.
fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes.iter().map(|byte| character(*byte)).collect::<String>())
}

fn character(byte: u8) -> String {
    match byte {
        b'"' | b'\\' => format!("\\{}", char::from(byte)),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\{byte:03}"),
    }
}
