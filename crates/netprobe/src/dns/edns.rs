//! What rides along with queries and responses (EDNS, RFC 6891), as far as a client sees it.

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::opt::EdnsOption;
use serde::{Deserialize, Serialize};

use super::text::escape;

/// The option that says more than a response code can (RFC 8914).
pub(crate) const EXTENDED_ERROR: u16 = 15;

/// The option that makes a query longer, so that its length says nothing (RFC 7830).
const PADDING: u16 = 12;

/// The length that a query through TLS is a multiple of (RFC 8467, section 4.1).
pub(crate) const PADDED_TO: usize = 128;

/// The most extended errors of one response that are kept.
const ERRORS_MAX: usize = 8;

/// The most bytes of an extended error's text that are kept.
const TEXT_BYTES_MAX: usize = 256;

/// What a server said about itself and its response (EDNS, RFC 6891).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edns {
    /// The largest datagram that the server takes, in bytes.
    pub udp_payload_max: u16,
    /// The version of EDNS; there is only 0.
    pub version: u8,
    /// DO: the server heard that signatures are wanted.
    pub dnssec_ok: bool,
    /// What is wrong, in more words than the response code has. Shown, never believed: nobody signed it.
    pub errors: Vec<ExtendedError>,
}

/// An extended DNS error (RFC 8914).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtendedError {
    /// Its number.
    pub code: u16,
    /// What IANA's list calls it.
    pub name: String,
    /// What the server adds, escaped; often nothing.
    pub text: String,
}

impl std::fmt::Display for ExtendedError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EDE {} ({})", self.code, self.name)?;
        if self.text.is_empty() { Ok(()) } else { write!(f, ": {}", self.text) }
    }
}

impl Edns {
    /// What stands in a message, if it has EDNS at all.
    pub(crate) fn of(message: &Message) -> Option<Self> {
        let edns = message.edns.as_ref()?;
        let errors = edns.options().options.iter().filter_map(|(_, option)| match option {
            EdnsOption::Unknown(EXTENDED_ERROR, data) => ExtendedError::read(data),
            _ => None,
        });
        Some(Self {
            udp_payload_max: edns.max_payload(),
            version: edns.version(),
            dnssec_ok: edns.flags().dnssec_ok,
            errors: errors.take(ERRORS_MAX).collect(),
        })
    }
}

impl ExtendedError {
    /// Two bytes of code, then text that may end with a zero (RFC 8914, section 2).
    fn read(data: &[u8]) -> Option<Self> {
        let (code, text) = data.split_first_chunk()?;
        let code = u16::from_be_bytes(*code);
        let text = &text[..text.len().min(TEXT_BYTES_MAX)];
        let text = escape(String::from_utf8_lossy(text).trim_end_matches('\0'));
        Some(Self { code, name: name(code).to_owned(), text })
    }

    /// The option for a response.
    pub(crate) fn option(code: u16, text: &str) -> EdnsOption {
        EdnsOption::Unknown(EXTENDED_ERROR, [&code.to_be_bytes(), text.as_bytes()].concat())
    }
}

/// So many zeros that a query of `bytes` bytes becomes as long as others; four bytes of them are the option's own.
pub(crate) fn padding(bytes: usize) -> EdnsOption {
    let zeros = (bytes + 4).next_multiple_of(PADDED_TO) - bytes - 4;
    EdnsOption::Unknown(PADDING, vec![0; zeros])
}

/// IANA's list, "Extended DNS Error Codes".
fn name(code: u16) -> &'static str {
    match code {
        0 => "Other",
        1 => "Unsupported DNSKEY Algorithm",
        2 => "Unsupported DS Digest Type",
        3 => "Stale Answer",
        4 => "Forged Answer",
        5 => "DNSSEC Indeterminate",
        6 => "DNSSEC Bogus",
        7 => "Signature Expired",
        8 => "Signature Not Yet Valid",
        9 => "DNSKEY Missing",
        10 => "RRSIGs Missing",
        11 => "No Zone Key Bit Set",
        12 => "NSEC Missing",
        13 => "Cached Error",
        14 => "Not Ready",
        15 => "Blocked",
        16 => "Censored",
        17 => "Filtered",
        18 => "Prohibited",
        19 => "Stale NXDOMAIN Answer",
        20 => "Not Authoritative",
        21 => "Not Supported",
        22 => "No Reachable Authority",
        23 => "Network Error",
        24 => "Invalid Data",
        25 => "Signature Expired before Valid",
        26 => "Too Early",
        27 => "Unsupported NSEC3 Iterations Value",
        28 => "Unable to conform to policy",
        29 => "Synthesized",
        30 => "Invalid Query Type",
        _ => "not in the list",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_names_and_their_text_cannot_steer_a_terminal() {
        let error = ExtendedError::read(b"\0\x06no \x1b[31msignature\0").expect("an error");
        assert_eq!(error.to_string(), "EDE 6 (DNSSEC Bogus): no \\027[31msignature");
        assert_eq!(ExtendedError::read(&[1]), None);
        let long = ExtendedError::read(&[&[0xff, 0xff][..], &[b'x'; 5000]].concat()).expect("an error");
        assert_eq!((long.code, long.name.as_str(), long.text.len()), (65535, "not in the list", TEXT_BYTES_MAX));
    }

    #[test]
    fn padding_makes_every_length_the_same() {
        for bytes in 1..300 {
            let EdnsOption::Unknown(_, zeros) = padding(bytes) else { panic!("another option") };
            assert_eq!((bytes + 4 + zeros.len()) % PADDED_TO, 0);
            assert!(zeros.len() < PADDED_TO);
        }
    }
}
