//! A small internet on loopback: name servers, a certificate authority, web servers, and everything that can go wrong with them.
//!
//! Every fault has a host of its own, so one lab holds all of them at once and a test only picks a URL.

mod balancer;
mod ca;
mod dns;
mod ech;
mod error;
mod fault;
mod hosts;
mod proxies;
mod proxy;
mod visit;
mod vouch;
mod web;

use std::fmt;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;

use tokio::sync::oneshot;

pub use balancer::{Balancer, Policy};
pub(crate) use ech::ech_config_list;
pub use error::LabError;
pub use fault::Fault;
pub use proxy::{Impairment, Proxy};

/// A running lab. Its servers live on a thread of their own, so that their work is not taken for the client's, and end when it
/// is dropped.
pub struct Lab {
    servers: Servers,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// What the servers of a lab say about themselves once all of them listen.
#[derive(Debug)]
struct Servers {
    hosts: Vec<hosts::Host>,
    names: dns::NameServers,
    proxies: proxies::ProxyServers,
    web: web::Web,
    clients: Clients,
    runtime: tokio::runtime::Handle,
}

/// A certificate and its key, as PEM.
type Pem = (String, String);

/// Clients that the lab has certificates for.
struct Clients {
    known: Pem,
    stranger: Pem,
}

impl fmt::Debug for Clients {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Clients").finish_non_exhaustive()
    }
}

impl Servers {
    /// Starts everything on the current runtime: each server is a task of it.
    async fn start() -> Result<Self, LabError> {
        let authority = ca::Authority::new()?;
        let web = web::start(&hosts::names(), &authority)?;
        let hosts = hosts::hosts(&web.dual());
        let names = dns::NameServers::start(&hosts, web.ports.https, &authority).await?;
        let proxies = proxies::ProxyServers::start(&hosts)?;
        let clients = Clients { known: authority.client(false)?, stranger: authority.client(true)? };
        Ok(Self { hosts, names, proxies, web, clients, runtime: tokio::runtime::Handle::current() })
    }
}

impl Lab {
    /// Starts every server. Needs no privileges and takes a few milliseconds.
    ///
    /// # Errors
    /// [`LabError`] if an address cannot be bound, or something cannot be signed.
    pub fn start() -> Result<Self, LabError> {
        let (stop, stopped) = oneshot::channel();
        let (started, servers) = mpsc::sync_channel(1);
        let thread = thread::Builder::new().name("netprobe-lab".to_owned());
        let thread =
            thread.spawn(move || run(&started, stopped)).map_err(|error| LabError::Thread { source: error.into() })?;
        let servers = servers.recv().unwrap_or_else(|_| {
            let source = std::io::Error::other("the thread ended before the servers were up").into();
            Err(LabError::Thread { source })
        })?;
        Ok(Self { servers, stop: Some(stop), thread: Some(thread) })
    }

    /// A proxy in front of the healthy web server that makes the way to it worse. It ends with the lab.
    ///
    /// # Errors
    /// [`LabError::Listen`] if there is no port for it.
    pub fn proxy(&self, impairment: Impairment) -> Result<Proxy, LabError> {
        let upstream = SocketAddr::from((fault::WEB, self.servers.web.ports.https));
        let _inside = self.servers.runtime.enter();
        Proxy::start(upstream, impairment)
    }

    /// A load balancer in front of so many further servers, `web-1`, `web-2` and so on, with the healthy one's pages. Each says in
    /// the header `x-served-by` which one it is. It is on the healthy site's address, so its URL is [`Lab::url`]'s with another port.
    ///
    /// # Errors
    /// [`LabError::Listen`] if there is no port for one of them.
    pub fn balancer(&self, servers: usize, policy: Policy) -> Result<Balancer, LabError> {
        let _inside = self.servers.runtime.enter();
        let replicas = self.servers.web.replicas(servers)?;
        Balancer::start(SocketAddr::from((fault::WEB, 0)), replicas, policy)
    }

    /// The URL of a path on the healthy site behind a balancer.
    #[must_use]
    pub fn balanced_url(&self, balancer: &Balancer, path: &str) -> String {
        format!("https://www.{}:{}{path}", fault::ZONE, balancer.address.port())
    }

    /// The names of all hosts.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.servers.hosts.iter().map(|host| host.name.as_str())
    }
}

/// The lab's thread: servers until somebody says stop, or forgets the lab.
fn run(started: &mpsc::SyncSender<Result<Servers, LabError>>, stopped: oneshot::Receiver<()>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = started.send(Err(LabError::Thread { source: error.into() }));
            return;
        }
    };
    runtime.block_on(async {
        let servers = Servers::start().await;
        let up = servers.is_ok();
        if started.send(servers).is_ok() && up {
            let _ = stopped.await;
        }
    });
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Lab {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Lab").field("servers", &self.servers).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lab_starts_and_ends() {
        let lab = Lab::start().expect("a lab");
        assert!(lab.hosts().any(|host| host == "www.whiteboard.test"));
        assert!(lab.hosts().any(|host| host == Fault::CnameLoop.host()));
    }
}
