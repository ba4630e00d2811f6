//! Names and records as text that is safe to print.

use std::fmt::Write;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{self, Name, RData};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

use super::trace::{Record, Response};
use super::{Edns, Failure, ServiceBinding, service};

/// A domain name as zone files write it: every byte outside of printable ASCII is escaped.
pub(crate) fn name(name: &Name) -> String {
    escape(&name.to_ascii())
}

/// A response code as RFCs write it.
fn rcode(rcode: ResponseCode) -> String {
    match rcode {
        ResponseCode::NoError => "NOERROR".to_owned(),
        ResponseCode::FormErr => "FORMERR".to_owned(),
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        ResponseCode::NXDomain => "NXDOMAIN".to_owned(),
        ResponseCode::NotImp => "NOTIMP".to_owned(),
        ResponseCode::Refused => "REFUSED".to_owned(),
        other => format!("RCODE{}", u16::from(other)),
    }
}

impl Failure {
    /// That a server answered with an error.
    pub(crate) fn rcode(message: &Message) -> Self {
        let errors = Edns::of(message).map(|edns| edns.errors).unwrap_or_default();
        Self::Rcode { rcode: rcode(message.metadata.response_code), errors }
    }
}

impl Response {
    pub(crate) fn of(message: &Message) -> Self {
        Self {
            rcode: rcode(message.metadata.response_code),
            authoritative: message.metadata.authoritative,
            truncated: message.metadata.truncation,
            recursion_available: message.metadata.recursion_available,
            authentic_data: message.metadata.authentic_data,
            edns: Edns::of(message),
            answers: records(&message.answers),
            authorities: records(&message.authorities),
            additionals: records(&message.additionals),
        }
    }
}

/// The name in a DNAME record (RFC 6672), which the library leaves as bytes. It is never compressed.
pub(crate) fn dname_target(record: &rr::Record) -> Option<Name> {
    match &record.data {
        RData::Unknown { rdata, .. } => Name::read(&mut BinDecoder::new(&rdata.anything)).ok(),
        _ => None,
    }
}

/// What an alias (a CNAME record) is an alias of.
pub(crate) fn alias_target(record: &rr::Record) -> Option<Name> {
    match &record.data {
        RData::CNAME(target) => Some(target.0.clone()),
        _ => None,
    }
}

/// A time to live as it counts: half of the numbers are none (RFC 2181, section 8).
pub(crate) fn time_to_live(ttl: u32) -> u32 {
    if i32::try_from(ttl).is_ok() { ttl } else { 0 }
}

/// A record as text.
pub(crate) fn record(record: &rr::Record) -> Record {
    Record {
        name: name(&record.name),
        ttl: record.ttl,
        record_type: record.record_type().to_string(),
        data: data(record),
        service: ServiceBinding::of(record),
    }
}

pub(crate) fn records<'a>(records: impl IntoIterator<Item = &'a rr::Record>) -> Vec<Record> {
    records.into_iter().map(record).collect()
}

fn data(record: &rr::Record) -> String {
    if let RData::HTTPS(rr::rdata::HTTPS(svcb)) | RData::SVCB(svcb) = &record.data {
        return escape(&service::presentation(svcb));
    }
    let mut text = String::new();
    // A few kinds of data have no text form, and say so with an error.
    if write!(text, "{}", record.data).is_err() {
        text = "(no text form)".to_owned();
    }
    escape(&text)
}

/// Escapes whatever could steer a terminal or hide: `\DDD` for each byte, as zone files do (RFC 1035, section 5.1).
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' => escaped.push(char::from(byte)),
            _ => {
                let _ = write!(escaped, "\\{byte:03}");
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::rdata::TXT;
    use hickory_proto::rr::{Name, RData, Record};

    #[test]
    fn remote_text_cannot_steer_a_terminal() {
        let txt = RData::TXT(TXT::new(vec!["\u{1b}[31mred\u{202e}\r\n".to_owned()]));
        let record = super::record(&Record::from_rdata(Name::from_labels([&b"a\x07b"[..]]).expect("a name"), 1, txt));
        assert!(record.data.bytes().chain(record.name.bytes()).all(|byte| (b' '..=b'~').contains(&byte)), "{record:?}");
        assert!(record.data.contains("\\027[31mred"), "{record:?}");
    }
}
