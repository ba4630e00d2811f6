//! A small internet on loopback: name servers, a certificate authority, web servers, and everything that can go wrong with them.
//!
//! Every fault has a host of its own, so one lab holds all of them at once and a test only picks a URL.

mod balancer;
mod ca;
mod dns;
mod ech;
mod error;
mod fault;
mod gallery;
mod hosts;
mod proxies;
mod proxy;
mod vouch;
mod web;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc;
use std::thread;

use tokio::sync::oneshot;

use crate::dns::Walker;
use crate::names::{Method, ResolverOptions, Upstream};
use crate::proxy::Proxies;
use crate::tls::{ClientIdentity, Roots};
use crate::{Override, Probe};

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

    /// A walker that starts at the lab's root name server and trusts its key.
    #[must_use]
    pub fn walker(&self) -> Walker {
        self.servers.names.walker()
    }

    /// How the lab's names are resolved: by walking from its root, and nothing else.
    #[must_use]
    pub fn names(&self) -> ResolverOptions {
        ResolverOptions { walker: self.walker(), machine: None, roots: self.roots(), ..ResolverOptions::default() }
    }

    /// A resolver in the clear. It walks the lab, and checks signatures.
    #[must_use]
    pub fn resolver(&self) -> Upstream {
        Upstream::Plain(SocketAddr::from((fault::RESOLVER, self.servers.names.port)))
    }

    /// The same behind TLS, known by its name `dns`.
    #[must_use]
    pub fn resolver_tls(&self) -> Upstream {
        self.tls_upstream(format!("dns.{}", fault::ZONE))
    }

    /// The same behind HTTPS. Its name is in the lab's zones.
    #[must_use]
    pub fn resolver_https(&self) -> Upstream {
        self.https_upstream(&format!("dns.{}", fault::ZONE))
    }

    /// Who is to be asked for names so that a fault shows: a resolver if the fault is one's own.
    #[must_use]
    pub fn fault_method(&self, fault: Fault) -> Method {
        match fault {
            Fault::DotWrongCertificate | Fault::DotHangsUp => Method::Resolver(Some(self.tls_upstream(fault.host()))),
            fault if fault.is_of_resolver() => Method::Resolver(Some(self.https_upstream(&fault.host()))),
            _ => Method::Walk,
        }
    }

    /// A proxy that speaks HTTP: tunnels by CONNECT, and requests in absolute form. It knows the lab's names.
    #[must_use]
    pub fn http_proxy(&self) -> crate::proxy::Proxy {
        self.servers.proxies.http()
    }

    /// A proxy that speaks SOCKS 5. It knows the lab's names.
    #[must_use]
    pub fn socks_proxy(&self) -> crate::proxy::Proxy {
        self.servers.proxies.socks()
    }

    /// The proxies to go through so that a fault shows: none, unless it is one of a proxy.
    #[must_use]
    pub fn fault_proxies(&self, fault: Fault) -> Proxies {
        self.servers.proxies.broken(fault).map(Proxies::all).unwrap_or_default()
    }

    /// The certificate and the key, as PEM, of a client that the hosts `clients` and `clients-tls12` know.
    #[must_use]
    pub fn client_pem(&self) -> (&str, &str) {
        let (certificate, key) = &self.servers.clients.known;
        (certificate, key)
    }

    /// Who to be for the hosts `clients` and `clients-tls12`.
    #[must_use]
    pub fn identity(&self) -> Option<ClientIdentity> {
        identity(&self.servers.clients.known)
    }

    /// Who to be so that a fault shows: nobody, unless it is one of a client.
    #[must_use]
    pub fn fault_identity(&self, fault: Fault) -> Option<ClientIdentity> {
        let is_shown = fault == Fault::ClientCertificateUntrusted;
        is_shown.then(|| identity(&self.servers.clients.stranger)).flatten()
    }

    fn tls_upstream(&self, name: String) -> Upstream {
        Upstream::Tls { address: self.servers.names.secure.tls, name: Some(name) }
    }

    fn https_upstream(&self, host: &str) -> Upstream {
        let mut url = self.servers.names.secure.https.clone();
        // The lab's names are names.
        let _ = url.set_host(Some(host));
        Upstream::Https { url, address: None }
    }

    fn roots(&self) -> Roots {
        Roots::Pem(self.root_pem().as_bytes().to_vec())
    }

    /// The URL of a path on the healthy site. `/page` has a style sheet, an image and a redirect.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        self.host_url("www", path)
    }

    /// The URL of a path on one of the lab's hosts, by its first label: `www`, `other`, `http1` (no HTTP/2), `retry` (its key
    /// exchange needs a HelloRetryRequest), `tls12` (knows nothing newer), `dual` (both families), `hints` (103 before its page),
    /// `clients` and `clients-tls12` (want to know who the client is: [`Lab::identity`]), `early` and `early-http1`
    /// (take a request with the ClientHello), `moved` (no address: its HTTPS record says where it is).
    #[must_use]
    pub fn host_url(&self, label: &str, path: &str) -> String {
        format!("https://{label}.{}:{}{path}", fault::ZONE, self.servers.web.ports.https)
    }

    /// The URL of the healthy site without TLS; it redirects to the one with.
    #[must_use]
    pub fn http_url(&self, path: &str) -> String {
        format!("http://www.{}:{}{path}", fault::ZONE, self.servers.web.ports.http)
    }

    /// The URL that shows a fault, if names are asked for as [`Lab::fault_method`] says, proxies are those of
    /// [`Lab::fault_proxies`], and the client is who [`Lab::fault_identity`] says.
    #[must_use]
    pub fn fault_url(&self, fault: Fault) -> String {
        if fault.is_of_resolver() || fault.is_of_proxy() { self.url("/") } else { self.host_url(fault.name(), "/") }
    }

    /// The certificate of the lab's root, as PEM.
    #[must_use]
    pub fn root_pem(&self) -> &str {
        &self.servers.web.root_pem
    }

    /// The port of the web servers with TLS; they are on different addresses.
    #[must_use]
    pub fn https_port(&self) -> u16 {
        self.servers.web.ports.https
    }

    /// A probe that asks this lab's name servers and trusts its root.
    #[must_use]
    pub fn probe(&self) -> Probe {
        Probe { names: self.names(), roots: self.roots(), ..Probe::default() }
    }

    /// The same with every address known beforehand, so that no name server is asked.
    #[must_use]
    pub fn probe_resolved(&self) -> Probe {
        let ports = self.servers.web.ports;
        let known = |host: &hosts::Host, port: u16| {
            let address = |address: &IpAddr| Override { host: host.name.clone(), port, address: *address };
            host.addresses.iter().map(address).collect::<Vec<_>>()
        };
        let hosts = &self.servers.hosts;
        let overrides = hosts.iter().flat_map(|host| [known(host, ports.https), known(host, ports.http)].concat());
        Probe { overrides: overrides.collect(), ..self.probe() }
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

/// What the lab has signed itself can be read.
fn identity((certificate, key): &Pem) -> Option<ClientIdentity> {
    ClientIdentity::from_pem(certificate.as_bytes(), key.as_bytes()).ok()
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
