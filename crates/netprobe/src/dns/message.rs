//! Queries to bytes, and bytes to responses, or not: nothing here does I/O.
//!
//! Anybody can send a datagram that pretends to come from the server. What shows that it does is that it knows what only
//! the server was told: the ID (16 bits), the port that the query came from (the operating system draws it), and which
//! letters of the name were capital ("0x20": 1 bit a letter, [draft-vixie-dnsext-dns0x20]). A response that misses one
//! of them is dropped, and waiting goes on (RFC 5452, section 9).
//!
//! [draft-vixie-dnsext-dns0x20]: https://datatracker.ietf.org/doc/html/draft-vixie-dnsext-dns0x20-00

use hickory_proto::op::{Edns, Header, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

use super::edns::padding;

/// The largest response that servers are asked to send in one datagram: what crosses every network unfragmented
/// (<https://dnsflagday.net/2020>).
pub const UDP_PAYLOAD_MAX: u16 = 1232;

/// A query that is ready to be sent, and what a response to it must repeat.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    id: u16,
    question: Query,
    has_edns: bool,
    bytes: Vec<u8>,
}

/// Whether the server is asked to find the answer, or only to say what it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recursion {
    /// RD = 1: find it.
    Desired,
    /// RD = 0: say what you know.
    NotDesired,
}

/// How a query is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// RD.
    pub recursion: Recursion,
    /// Ask for signatures (DO, RFC 3225). Needs `edns`.
    pub dnssec: bool,
    /// Say how large a response may be (RFC 6891).
    pub edns: bool,
    /// Draw the case of each letter.
    pub randomise_case: bool,
    /// The ID is drawn too. HTTP says by itself which answer belongs to which query, and keeps answers to the same bytes in caches:
    /// there it is 0 (RFC 8484, section 4.1).
    pub randomise_id: bool,
    /// As long as other queries, so that its length inside TLS says nothing (RFC 8467).
    pub padded: bool,
}

impl Default for Shape {
    /// As a resolver is asked over UDP.
    fn default() -> Self {
        Self {
            recursion: Recursion::Desired,
            dnssec: false,
            edns: true,
            randomise_case: true,
            randomise_id: true,
            padded: false,
        }
    }
}

impl Prepared {
    /// A query with an ID drawn for it.
    #[must_use]
    pub(crate) fn new(name: &Name, record_type: RecordType, shape: Shape) -> Option<Self> {
        let mut name = name.clone();
        name.set_fqdn(true);
        if shape.randomise_case {
            name.randomize_label_case();
        }
        let question = Query::query(name, record_type);
        let mut message = Message::query();
        message.metadata.recursion_desired = shape.recursion == Recursion::Desired;
        if !shape.randomise_id {
            message.metadata.id = 0;
        }
        message.add_query(question.clone());
        if shape.edns {
            let mut edns = Edns::new();
            edns.set_max_payload(UDP_PAYLOAD_MAX).set_version(0).set_dnssec_ok(shape.dnssec);
            message.set_edns(edns);
        }
        if shape.padded {
            let length = message.to_vec().ok()?.len();
            message.edns.as_mut()?.options_mut().insert(padding(length));
        }
        let bytes = message.to_vec().ok()?;
        Some(Self { id: message.metadata.id, question, has_edns: shape.edns, bytes })
    }

    /// The query that a captured response claims to answer.
    pub(crate) fn asked(id: u16, question: Query) -> Self {
        Self { id, question, has_edns: false, bytes: Vec::new() }
    }

    /// What tells its answer from those to others.
    pub(crate) fn id(&self) -> u16 {
        self.id
    }

    /// How large a datagram it says may come back.
    pub(crate) fn udp_payload_max(&self) -> Option<u16> {
        self.has_edns.then_some(UDP_PAYLOAD_MAX)
    }

    /// What goes on the wire.
    #[must_use]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The response in these bytes, if it is one to this query.
    ///
    /// # Errors
    ///
    /// Says why it is not.
    pub(crate) fn accept(&self, bytes: &[u8]) -> Result<Message, NotAResponse> {
        let mut decoder = BinDecoder::new(bytes);
        let header = Header::read(&mut decoder).map_err(|_| NotAResponse::WrongId)?;
        if header.id != self.id || header.message_type != MessageType::Response || header.op_code != OpCode::Query {
            return Err(NotAResponse::WrongId);
        }
        // A server that cannot read a query may not repeat its question (RFC 1035, section 4.1.1; seen in the wild).
        let unread = header.counts.queries == 0
            && matches!(header.response_code, ResponseCode::FormErr | ResponseCode::NotImp | ResponseCode::ServFail);
        if !unread && header.counts.queries != 1 {
            return Err(NotAResponse::WrongQuestion);
        }
        if !unread {
            let question = Query::read(&mut decoder).map_err(|_| NotAResponse::WrongQuestion)?;
            let same = question.name().eq_case(self.question.name())
                && question.query_type() == self.question.query_type()
                && question.query_class() == DNSClass::IN;
            if !same {
                return Err(NotAResponse::WrongQuestion);
            }
        }
        if header.truncation {
            // What did fit is a part of the answer, and a part of an answer is none (RFC 2181, section 9).
            let mut message = Message::new(header.id, MessageType::Response, OpCode::Query);
            message.metadata = header.metadata;
            return Ok(message);
        }
        let mut message =
            Message::from_vec(bytes).map_err(|error| NotAResponse::Malformed { reason: error.to_string() })?;
        for section in [&mut message.answers, &mut message.authorities, &mut message.additionals] {
            section.retain(|record| record.dns_class == DNSClass::IN);
        }
        Ok(message)
    }
}

/// Why bytes are not a response to a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotAResponse {
    /// They have another ID, or are a query.
    WrongId,
    /// They are about another question, or in other letters.
    WrongQuestion,
    /// They are meant as one, and cannot be parsed.
    Malformed {
        /// What is wrong.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared() -> Prepared {
        let shape = Shape { recursion: Recursion::NotDesired, dnssec: true, ..Shape::default() };
        let name = Name::from_ascii("www.a-long-name-with-many-letters.test.").expect("a name");
        Prepared::new(&name, RecordType::A, shape).expect("a query")
    }

    fn response(prepared: &Prepared) -> Message {
        Message::from_vec(prepared.bytes()).expect("a message").into_response()
    }

    #[test]
    fn a_response_repeats_id_question_and_case() {
        let prepared = prepared();
        let good = response(&prepared);
        assert!(prepared.accept(&good.to_vec().expect("bytes")).is_ok());

        let mut other_id = good.clone();
        other_id.metadata.id ^= 1;
        assert_eq!(prepared.accept(&other_id.to_vec().expect("bytes")), Err(NotAResponse::WrongId));

        let swap =
            |byte: u8| if byte.is_ascii_lowercase() { byte.to_ascii_uppercase() } else { byte.to_ascii_lowercase() };
        let mut swapped = good.to_vec().expect("bytes");
        swapped[13] = swap(swapped[13]);
        assert_eq!(prepared.accept(&swapped), Err(NotAResponse::WrongQuestion));

        assert_eq!(prepared.accept(prepared.bytes()), Err(NotAResponse::WrongId), "a query is not a response");
        assert_eq!(prepared.accept(&[]), Err(NotAResponse::WrongId));
        let cut = &good.to_vec().expect("bytes")[..20];
        assert_eq!(prepared.accept(cut), Err(NotAResponse::WrongQuestion));
    }

    #[test]
    fn through_tls_all_queries_are_of_a_length() {
        let shape = Shape { padded: true, randomise_id: false, ..Shape::default() };
        for name in ["a.", "www.a-long-name-with-many-letters.test."] {
            let query = Prepared::new(&Name::from_ascii(name).expect("a name"), RecordType::A, shape).expect("a query");
            assert_eq!((query.bytes().len(), &query.bytes()[..2]), (128, &[0, 0][..]));
        }
    }

    #[test]
    fn nothing_of_a_truncated_response_is_read() {
        let prepared = prepared();
        let mut message = response(&prepared);
        message.metadata.truncation = true;
        let mut bytes = message.to_vec().expect("bytes");
        let answers = 6..8;
        bytes[answers].copy_from_slice(&9_u16.to_be_bytes());
        bytes.extend([0xff; 7]);
        let accepted = prepared.accept(&bytes).expect("a response");
        assert!(accepted.metadata.truncation && accepted.answers.is_empty() && accepted.additionals.is_empty());
    }
}
