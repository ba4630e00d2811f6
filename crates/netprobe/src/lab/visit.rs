//! What a client needs to visit the lab: whom to ask, whom to trust, who to be, and where to go.

use std::net::{IpAddr, SocketAddr};

use super::{Fault, Lab, Pem, fault, hosts};
use crate::dns::Walker;
use crate::names::{Method, ResolverOptions, Upstream};
use crate::proxy::Proxies;
use crate::tls::{ClientIdentity, Roots};
use crate::{Override, Probe};

impl Lab {
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
    /// `clients` and `clients-tls12` (want to know who the client is: [`Lab::identity`]), `early`, `early-http1` and
    /// `early-changed` (take a request with the ClientHello; the last has no HTTP/2 from the second visit on), `moved` (no address: its HTTPS record says where it is),
    /// `keyed` (its HTTPS record has keys to hide its name with, and leads to a server that refuses).
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
}

/// What the lab has signed itself can be read.
fn identity((certificate, key): &Pem) -> Option<ClientIdentity> {
    ClientIdentity::from_pem(certificate.as_bytes(), key.as_bytes()).ok()
}
