//! DNS: who knows the address of a name, and how one finds them.

mod dissect;
pub mod dnssec;
mod error;
mod exchange;
mod message;
mod one;
mod reply;
mod roots;
pub(crate) mod text;
mod trace;
mod walk;

pub(crate) use walk::parse_name;

pub use dissect::{Dissection, dissect};
pub use error::{DnsError, Failure, Tried};
pub use hickory_proto::rr::RecordType;
pub use message::{Recursion, UDP_PAYLOAD_MAX};
pub use one::ask_one;
pub use roots::{Anchor, BadAnchor, PORT, root_anchors, root_servers};
pub use trace::{
    Alias, Answer, Discarded, Lookup, Outcome, Purpose, Query, Record, Response, Server, Soa, Transport, Walk,
};
pub use walk::{Validation, Walker};
