//! The lab's name servers: root, top-level domains and authorities on loopback addresses of their own, all on one port.
//!
//! Ours, because they have to lie on purpose: see [`Fault`](super::Fault).

mod authority;
mod proofs;
mod recursor;
mod secure;
mod serve;
mod sites;
mod world;
mod zone;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::net::{TcpListener, UdpSocket};

use super::LabError;
use super::ca::Authority;
use super::fault::RESOLVER;
use super::hosts::Host;
use crate::dns::{Anchor, Server, Walker};
pub(super) use secure::Secure;

use recursor::Recursor;
use world::{ROOT, World};

/// How many ports are tried before giving up: all servers need the same one, as out there.
const PORTS_TRIED: usize = 50;

/// How many bytes of queries may wait for a server.
const RECEIVE_BYTES: usize = 4 * 1024 * 1024;

/// What somebody has to know to walk the lab's DNS.
#[derive(Debug, Clone)]
pub(super) struct NameServers {
    pub(super) port: u16,
    pub(super) anchor: Anchor,
    /// Where the resolver is behind TLS.
    pub(super) secure: Secure,
}

type Bound = (Ipv4Addr, UdpSocket, TcpListener);

impl NameServers {
    /// Starts every server on the current runtime.
    pub(super) async fn start(hosts: &[Host], https_port: u16, authority: &Authority) -> Result<Self, LabError> {
        let sign = |message: String| LabError::Sign { what: "its zones".to_owned(), message };
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let now = u32::try_from(seconds & u64::from(u32::MAX)).unwrap_or(0);
        let World { servers, anchor } = World::new(hosts, https_port, now).map_err(sign)?;
        let anchor = anchor.parse().map_err(|error| sign(format!("{error}")))?;
        let addresses: Vec<Ipv4Addr> =
            servers.iter().map(|(address, _)| *address).chain(std::iter::once(RESOLVER)).collect();
        let (port, mut bound) = bind_all(&addresses).await?;
        let recursor = Arc::new(Recursor { walker: walker(port, &anchor) });
        if let Some((_, datagrams, connections)) = bound.pop() {
            tokio::spawn(recursor::datagrams(Arc::clone(&recursor), datagrams));
            tokio::spawn(recursor::connections(Arc::clone(&recursor), connections));
        }
        for ((_, server), (_, datagrams, connections)) in servers.into_iter().zip(bound) {
            let server = Arc::new(server);
            tokio::spawn(serve::datagrams(Arc::clone(&server), datagrams));
            tokio::spawn(serve::connections(server, connections));
        }
        let secure = secure::start(&recursor, authority)?;
        Ok(Self { port, anchor, secure })
    }

    /// A walker that starts at the lab's root and trusts its key.
    pub(super) fn walker(&self) -> Walker {
        walker(self.port, &self.anchor)
    }
}

fn walker(port: u16, anchor: &Anchor) -> Walker {
    let root = Server { name: "a.root.test.".to_owned(), address: SocketAddr::new(IpAddr::V4(ROOT), port) };
    Walker { roots: vec![root], port, anchors: vec![anchor.clone()], ..Walker::default() }
}

/// One port that is free at every address, on UDP and TCP.
async fn bind_all(addresses: &[Ipv4Addr]) -> Result<(u16, Vec<Bound>), LabError> {
    let mut tried = 0;
    loop {
        tried += 1;
        match try_bind_all(addresses).await {
            Ok(bound) => return Ok(bound),
            Err((_, error)) if error.kind() == io::ErrorKind::AddrInUse && tried < PORTS_TRIED => {}
            Err((address, error)) => return Err(LabError::Listen { address, source: error.into() }),
        }
    }
}

async fn try_bind_all(addresses: &[Ipv4Addr]) -> Result<(u16, Vec<Bound>), (SocketAddr, io::Error)> {
    let mut port = 0;
    let mut bound = Vec::new();
    for address in addresses {
        let at = SocketAddr::new(IpAddr::V4(*address), port);
        let bind = async || {
            let connections = TcpListener::bind(at).await?;
            let at = connections.local_addr()?;
            let datagrams = UdpSocket::bind(at).await?;
            // As much as the system allows, which may be less: a crowd of clients asks all at once.
            let _ = socket2::SockRef::from(&datagrams).set_recv_buffer_size(RECEIVE_BYTES);
            Ok((at.port(), datagrams, connections))
        };
        let (same, datagrams, connections) = bind().await.map_err(|error| (at, error))?;
        port = same;
        bound.push((*address, datagrams, connections));
    }
    Ok((port, bound))
}
