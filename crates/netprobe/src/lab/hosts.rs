//! Who is where in the lab: what its name servers answer with, and its web servers listen on.

use std::net::{IpAddr, Ipv4Addr};

use super::Fault;
use super::fault::{WEB, ZONE};

/// A name, and its addresses in the order in which a client should try them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Host {
    /// Without a final dot.
    pub(super) name: String,
    /// IPv4 (A) and IPv6 (AAAA) addresses.
    pub(super) addresses: Vec<IpAddr>,
}

/// Every host that a web server of the lab answers for.
///
/// A fault of DNS has its host here too: the name servers decide what they make of it.
pub(super) fn hosts() -> Vec<Host> {
    let healthy = ["www", "other"].map(|label| (format!("{label}.{ZONE}"), WEB));
    let faults = Fault::ALL.map(|fault| (fault.host(), fault.address()));
    let host = |(name, address): (String, Ipv4Addr)| Host { name, addresses: vec![address.into()] };
    let mut hosts: Vec<Host> = healthy.into_iter().chain(faults).map(host).collect();
    let second = hosts.iter_mut().find(|host| host.name == Fault::BrokenFirstAddress.host());
    second.into_iter().for_each(|host| host.addresses.push(WEB.into()));
    hosts
}
