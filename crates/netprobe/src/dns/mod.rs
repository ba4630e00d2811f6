//! DNS: who knows the address of a name, and how one finds them.
//!
//! Nobody knows every name. Names are a tree, cut into **zones**, and whoever serves a zone knows who serves the zones below it.
//! So whoever looks for a name starts at the root, whose servers' addresses everybody has ([`root_servers`]), and is **referred**
//! from zone to zone, until a server is an **authority** for the name:
//!
//! ```text
//!                 www.google.com?            who may be asked        what comes back
//!  ┌────────┐  1 ─────────────────►  .            13 root servers    NS of com., their addresses (glue), DS of com.
//!  │ Walker │  2 ─────────────────►  com.         13 TLD servers     NS of google.com., glue; no DS, and the proof of that
//!  │        │  3 ─────────────────►  google.com.  its own servers    A 142.250.80.4, AA = 1, for 300 s
//!  └────────┘  4 ─────────────────►  . and com.   the same again     DNSKEY: whether 1 and 2 may be believed
//! ```
//!
//! [`Walker`] does this itself, over messages of hickory-proto, and keeps every query ([`Query`]): a resolver hides all of it.
//! (RFC 1034, section 5.3.3, is the algorithm; RFC 1035 the messages; RFC 2181 and 2308 what they left open.)
//!
//! | what can happen | what is done | where |
//! |---|---|---|
//! | no answer comes | the query is sent again, each wait twice as long as the one before | [`Walker::resend_after`], RFC 1035, 4.2.1 |
//! | the server says nothing at all, fails, or does not serve the zone | the next one is asked, both are listed | [`Failure`] |
//! | it refers upwards or sideways | lame: a referral has to lead closer | RFC 1912, 2.8 |
//! | the response does not fit a datagram | again over TCP; nothing of the first is used | RFC 2181, 9; RFC 7766 |
//! | a response has another ID, port, question or capital letters | dropped and counted; waiting goes on | RFC 5452, 9 |
//! | it gives addresses that are none of its business | ignored, and listed | RFC 5452, 6 |
//! | the name is an alias (CNAME) | from the closest known zone on; a circle is an error with its path | RFC 1034, 3.6.2 |
//! | a server is known by name only | its address is looked up first, so deep and no deeper | [`Walker::depth_max`] |
//! | no such name, or no such record | an answer, with the SOA record that says for how long | RFC 2308 |
//! | several record types are wanted | they are asked for at the same time, below the top-level domains | RFC 8305, 3 |
//! | a server need not know the whole name | it is told one label more than its zone has | [`Walker::minimise`], RFC 9156 |
//! | a site says how it wants to be reached | its HTTPS record is asked for beside addresses, and not waited for long | [`service`], RFC 9460 |
//! | signatures | checked from the trust anchor down; if they do not hold, other servers of the zone are asked | [`dnssec`] |
//!
//! A walk knows nothing to begin with; with a [`Memory`] it knows what earlier ones found out ([`Walker::walk_with`]).
//! [`Walker::survey`] asks all servers of each zone at the same time instead: who agrees with whom, which version of the zone each has, and
//! which way down is the fastest.
//!
//! Every walk is bounded: [`Walker::queries_max`], [`Walker::walk_timeout`], [`Walker::aliases_max`], and the limits in [`dnssec`].
//!
//! # What it does not do
//!
//! It sends the whole name to every server, as the textbook walk does, unless [`Walker::minimise`] is set (RFC 9156). No zone transfers,
//! updates or cookies; authorities are not asked through TLS, which hardly any of them speak (RFC 9539).
//!
//! # Reading order
//!
//! 1. `walk/trail.rs`: what a walk knows on its way. `walk/descend.rs`: the walk. `walk/ask.rs`: one question to the servers of a zone.
//!    `walk/send.rs`: one query.
//! 2. `reply.rs`: what a response means. `message.rs`: which bytes are a response at all.
//! 3. `dnssec/signature.rs`, `dnssec/denial.rs`, `dnssec/nsec3.rs`: what is signed, and what is proved absent. `walk/trust.rs`,
//!    `walk/keys.rs`: the chain.
//! 4. `service/mod.rs`: how a site wants to be reached. `walk/survey.rs`: everybody at once. `walk/memory.rs`: what a walk leaves behind.

mod dissect;
pub mod dnssec;
pub(crate) mod edns;
mod error;
pub(crate) mod exchange;
pub(crate) mod message;
pub(crate) mod one;
pub(crate) mod reply;
mod roots;
pub mod service;
pub(crate) mod stream;
mod survey;
pub(crate) mod text;
mod trace;
mod walk;

pub(crate) use walk::{Descent, Ending, parse_name};

pub use dissect::{Dissection, dissect};
pub use edns::{Edns, ExtendedError};
pub use error::{DnsError, Failure, Tried};
pub use hickory_proto::rr::RecordType;
pub use message::{Recursion, UDP_PAYLOAD_MAX};
pub use one::ask_one;
pub use roots::{Anchor, BadAnchor, PORT, root_anchors, root_servers};
pub use service::{BadServiceBinding, ServiceBinding};
pub(crate) use service::{decoded as decoded_ech, site_name};
pub use survey::{Asked, Opinion, Survey, ZoneSurvey};
pub use trace::{
    Alias, Answer, Discarded, Lookup, Outcome, Purpose, Query, Record, Remembered, Response, Server, Site, Soa,
    Transport, Walk,
};
pub use walk::{MEMORY_ENTRIES_MAX, Memory, SURVEY_ADDRESSES_MAX, SURVEY_ZONES_MAX, Validation, Walker};
