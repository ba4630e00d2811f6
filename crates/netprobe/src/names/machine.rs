//! Where this machine looks before anybody asks the network: its hosts file, and the cache of its resolver.

use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::ask::system_resolvers;
use super::hosts::{self, find_in_hosts};
use super::nsswitch::{self, Found, Service, host_services};
use super::peek::{Peek, peek};
use super::{CacheLook, Family, Place};
use crate::Clock;

/// How long the resolver may take to say what is in its cache.
const PEEK_TIMEOUT: Duration = Duration::from_secs(1);

/// The files that say how this machine resolves names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Names and addresses (hosts(5)).
    pub hosts: PathBuf,
    /// Who is asked, in which order (nsswitch.conf(5)).
    pub nsswitch: PathBuf,
    /// The resolver whose cache is looked into; the system's if none is given.
    pub resolver: Option<SocketAddr>,
}

impl Default for Machine {
    fn default() -> Self {
        Self { hosts: "/etc/hosts".into(), nsswitch: "/etc/nsswitch.conf".into(), resolver: None }
    }
}

impl Machine {
    /// Looks everywhere that this machine would before the network is asked, in its order. The last look may be a hit.
    pub(super) async fn look(&self, name: &str, family: Family, clock: &Clock) -> Vec<CacheLook> {
        let services = match read(&self.nsswitch, nsswitch::BYTES_MAX) {
            Ok(file) => host_services(&file),
            Err(_) => host_services(b""),
        };
        let mut looks = Vec::new();
        for service in services {
            let look = self.ask(&service, name, family, clock).await;
            let found = match (&look.place, look.hit) {
                // Its cache is looked into, no more: that it has nothing there is not its answer.
                (Place::Resolver { .. }, false) => Found::Unavailable,
                (_, true) => Found::Success,
                (Place::HostsFile { .. }, false) => Found::NotFound,
                _ => Found::Unavailable,
            };
            looks.push(look);
            if service.ends_search(found) {
                break;
            }
        }
        looks
    }

    async fn ask(&self, service: &Service, name: &str, family: Family, clock: &Clock) -> CacheLook {
        match service.name.as_str() {
            "files" => self.hosts_file(name, family, clock),
            "dns" | "resolve" => {
                let resolver = self.resolver.or_else(|| system_resolvers().ok()?.first().copied());
                let Some(resolver) = resolver else {
                    let place = Place::Service { name: service.name.clone() };
                    return CacheLook::miss(place, "this machine has no resolver", clock);
                };
                let start_ns = clock.now_ns();
                let peeked = peek(resolver, name, family, PEEK_TIMEOUT, clock).await;
                let mut look = match peeked {
                    Peek::Hit { addresses, ttl_left } => CacheLook {
                        hit: true,
                        addresses,
                        note: format!("for {ttl_left} s more"),
                        ..CacheLook::miss(Place::Resolver { address: resolver }, "", clock)
                    },
                    Peek::Miss { why } => CacheLook::miss(Place::Resolver { address: resolver }, &why, clock),
                };
                look.span = crate::Span::new(start_ns, clock.now_ns() - start_ns, 0);
                look
            }
            other => {
                let why = match other {
                    name if name.starts_with("mdns") => "asks the local network, about .local names only",
                    "myhostname" => "knows this machine's own name only",
                    "mymachines" => "knows local containers only",
                    _ => "cannot be asked from here",
                };
                CacheLook::miss(Place::Service { name: crate::dns::text::escape(other) }, why, clock)
            }
        }
    }

    fn hosts_file(&self, name: &str, family: Family, clock: &Clock) -> CacheLook {
        let place = Place::HostsFile { path: self.hosts.display().to_string() };
        let (file, span) = clock.measure_work(|| read(&self.hosts, hosts::BYTES_MAX));
        let entries = match file {
            Ok(file) => find_in_hosts(&file, name),
            Err(error) => return CacheLook::miss(place, &format!("cannot be read: {error}"), clock),
        };
        let lines: Vec<String> = entries.iter().map(|entry| entry.line.to_string()).collect();
        let addresses: Vec<IpAddr> =
            entries.iter().map(|entry| entry.address).filter(|address| family.accepts(*address)).collect();
        if addresses.is_empty() {
            return CacheLook { span, ..CacheLook::miss(place, "the name is not in it", clock) };
        }
        CacheLook { place, hit: true, addresses, note: format!("line {}", lines.join(", ")), span }
    }
}

fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}
