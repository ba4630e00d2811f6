//! Who is where in the lab: what its name servers answer with.

use std::net::IpAddr;

use super::Fault;
use super::fault::{RESOLVER, WEB, ZONE};

/// A name, and its addresses in the order in which a client should try them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Host {
    /// Without a final dot.
    pub(super) name: String,
    /// IPv4 (A) and IPv6 (AAAA) addresses.
    pub(super) addresses: Vec<IpAddr>,
}

/// The first labels of the hosts that nothing is wrong with: the site, another one, one that speaks HTTP/1.1 alone, one whose
/// key exchange needs a HelloRetryRequest, one that knows TLS 1.2 at most, one with both families, one that sends hints before its
/// page, two that want to know who the client is, in TLS 1.3 and 1.2, three that take requests with the ClientHello, over HTTP/2, over
/// HTTP/1.1 alone, and over HTTP/2 only at the first visit, one whose HTTPS record has keys and a server that is not there, and the
/// resolver.
pub(super) const HEALTHY: [&str; 14] = [
    "www",
    "other",
    "http1",
    "retry",
    "tls12",
    "dual",
    "hints",
    "clients",
    "clients-tls12",
    "early",
    "early-http1",
    "early-changed",
    "keyed",
    "dns",
];

/// The first label of a site without an address: its HTTPS record says where it is.
const MOVED: &str = "moved";

/// Every name in the healthy server's certificate.
pub(super) fn names() -> Vec<String> {
    let healthy = HEALTHY.into_iter().chain([MOVED]).map(|label| format!("{label}.{ZONE}"));
    healthy.chain(Fault::ALL.map(Fault::host)).collect()
}

/// Every host that a web server of the lab answers for; `dual` are the healthy one's addresses of both families.
///
/// A fault of DNS has its host here too: the name servers decide what they make of it.
pub(super) fn hosts(dual: &[IpAddr]) -> Vec<Host> {
    let web = |name: String| Host { name, addresses: vec![WEB.into()] };
    let mut hosts: Vec<Host> = HEALTHY.into_iter().map(|label| web(format!("{label}.{ZONE}"))).collect();
    let fault = |fault: Fault| Host { name: fault.host(), addresses: vec![fault.address().into()] };
    hosts.extend(Fault::ALL.map(fault));
    for host in &mut hosts {
        if host.name == format!("dual.{ZONE}") {
            host.addresses = dual.to_vec();
        } else if host.name == format!("dns.{ZONE}") {
            host.addresses = vec![RESOLVER.into()];
        } else if host.name == Fault::BrokenFirstAddress.host() {
            host.addresses.push(WEB.into());
        }
    }
    hosts
}
