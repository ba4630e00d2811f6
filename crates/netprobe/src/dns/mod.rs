//! DNS: who knows the address of a name, and how one finds them.

pub mod dnssec;
mod error;
mod exchange;
mod message;
mod reply;
mod roots;
pub(crate) mod text;
mod trace;
mod walk;

pub use error::{DnsError, Failure, Tried};
pub use hickory_proto::rr::RecordType;
pub use message::UDP_PAYLOAD_MAX;
pub use roots::{Anchor, BadAnchor, PORT, root_anchors, root_servers};
pub use trace::{
    Alias, Answer, Discarded, Lookup, Outcome, Purpose, Query, Record, Response, Server, Soa, Transport, Walk,
};
pub use walk::{Validation, Walker};
