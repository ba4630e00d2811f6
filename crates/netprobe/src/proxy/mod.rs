//! Proxies: somebody else connects for us, and passes bytes on.
//!
//! ```text
//!  client ── TCP ──► proxy                      the proxy's name is resolved here, the target's there (except by `socks5`)
//!         ── "CONNECT www.google.com:443" ──►   HTTP: RFC 9110, section 9.3.6; SOCKS: RFC 1928 and 1929
//!         ◄── "200" ──          ── TCP ──► server
//!         ═════════════ TLS, HTTP ═════════════ end to end, through the proxy
//! ```
//!
//! A request in plain HTTP needs no tunnel through a proxy that speaks HTTP: it is sent to the proxy as it is, with the whole URL as its
//! target (RFC 9112, section 3.2.2), unless [`Proxies::tunnel_all`] is set. As with curl, one whose connection is to go somewhere else
//! than its URL says ([`Probe::connect_to`](crate::Probe::connect_to)) gets a tunnel there.

mod error;
mod rules;
mod server;
mod socks;
mod tunnel;

use serde::{Deserialize, Serialize};

pub use error::ProxyError;
pub use rules::Proxies;
pub use server::{Credentials, Kind, Proxy};
pub(crate) use tunnel::{Target, open};

use crate::Span;
use crate::names::Resolution;

/// How a proxy was asked for a connection, and what it said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tunnel {
    /// The proxy, without its credentials.
    pub proxy: String,
    /// The host and the port that it was asked for.
    pub target: String,
    /// How its name became an address, if that was done here (`socks5`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
    /// From asking to the answer.
    pub span: Span,
    /// What it said: a status line, or a reply by name.
    pub answer: Option<String>,
}
