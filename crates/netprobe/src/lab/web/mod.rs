//! The lab's web servers: one that is healthy, and those that break below HTTP.

mod early;
mod faults;
mod hints;
#[cfg(feature = "h3")]
mod http3;
mod pages;
mod raw;
mod replay;
mod replica;
mod secure;
mod uploads;

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::ca::Authority;
use super::fault::WEB;
use super::{Fault, LabError};

pub(super) use faults::SilentListener;
pub(super) use pages::Ports;
pub(super) use raw::BEFORE_RESET;
pub(super) use replica::Replica;
pub(super) use secure::server_config;

/// Where the web servers listen.
#[derive(Debug)]
pub(super) struct Web {
    pub(super) ports: Ports,
    /// IPv6's loopback, if this machine has it.
    pub(super) v6: Option<Ipv6Addr>,
    pub(super) root_pem: String,
    secure: Arc<secure::Secure>,
    /// Keeps an address silent for as long as the lab lives.
    _silent: SilentListener,
}

/// How often another port is tried when somebody else has it on one of the lab's addresses.
const PORTS_TRIED_MAX: usize = 16;

/// How many connections may wait to be accepted, as far as the system allows: a crowd of clients comes all at once.
const BACKLOG: i32 = 4096;

/// Starts all of them as tasks of the current runtime. `names` are the hosts of the healthy one.
pub(super) fn start(names: &[String], authority: &Authority) -> Result<Web, LabError> {
    let plain = listen(SocketAddr::from((WEB, 0)))?;
    let listeners = Listeners::bind()?;
    let ports = Ports { http: port(&plain), https: port(&listeners.healthy) };
    let v6 = listeners.v6.as_ref().map(|_| Ipv6Addr::LOCALHOST);
    let pages = Arc::new(pages::Pages::new(ports, "web".to_owned()));
    let secure = Arc::new(secure::Secure::new(authority, names, Arc::clone(&pages))?);
    #[cfg(feature = "h3")]
    http3::start(SocketAddr::from((WEB, ports.https)), secure.config())?;
    for listener in [Some(listeners.healthy), listeners.v6].into_iter().flatten() {
        let secure = Arc::clone(&secure);
        serve(listener, move |stream| Arc::clone(&secure).connection(stream));
    }
    serve(plain, move |stream| pages::plain(stream, Arc::clone(&pages)));
    for (fault, listener) in listeners.broken {
        if fault == Fault::EarlyDataReplayed {
            let upstream = SocketAddr::from((WEB, ports.https));
            serve(listener, move |stream| replay::connection(stream, upstream));
        } else {
            serve(listener, move |stream| faults::connection(fault, stream));
        }
    }
    Ok(Web { ports, v6, root_pem: authority.root_pem(), secure, _silent: listeners.silent })
}

/// One port on many addresses.
struct Listeners {
    healthy: TcpListener,
    v6: Option<TcpListener>,
    broken: Vec<(Fault, TcpListener)>,
    silent: SilentListener,
}

impl Listeners {
    fn bind() -> Result<Self, LabError> {
        let mut last = None;
        for _ in 0..PORTS_TRIED_MAX {
            let healthy = listen(SocketAddr::from((WEB, 0)))?;
            match Self::beside(healthy) {
                Ok(all) => return Ok(all),
                Err(error) => last = Some(error),
            }
        }
        let nothing = || LabError::Thread { source: io::Error::other("no port was tried").into() };
        Err(last.unwrap_or_else(nothing))
    }

    fn beside(healthy: TcpListener) -> Result<Self, LabError> {
        let port = port(&healthy);
        let at = |fault: Fault| SocketAddr::from((fault.address(), port));
        let broken =
            [Fault::OldTls, Fault::ResetInHandshake, Fault::NotTls, Fault::SilentHandshake, Fault::EarlyDataReplayed];
        let broken: Result<_, LabError> =
            broken.into_iter().map(|fault| listen(at(fault)).map(|listener| (fault, listener))).collect();
        let silent = at(Fault::SilentAddress);
        let silent =
            SilentListener::new(silent).map_err(|error| LabError::Listen { address: silent, source: error.into() })?;
        let v6 = listen(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).ok();
        Ok(Self { healthy, v6, broken: broken?, silent })
    }
}

pub(super) fn listen(address: SocketAddr) -> Result<TcpListener, LabError> {
    let listening = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into())
    };
    listening().map_err(|error| LabError::Listen { address, source: error.into() })
}

pub(super) fn port(listener: &TcpListener) -> u16 {
    // A socket that is bound has an address.
    listener.local_addr().map_or(0, |address| address.port())
}

/// How long a server waits when there is no descriptor left for a connection: some will come back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The next connection.
pub(in super::super) async fn accept(listener: &TcpListener) -> TcpStream {
    accepted(|| listener.accept()).await.0
}

/// What is accepted in the end. To try again at once would take all of the thread from those who could give descriptors back.
async fn accepted<T, F: Future<Output = io::Result<T>>>(accept: impl Fn() -> F) -> T {
    loop {
        match accept().await {
            Ok(stream) => return stream,
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Accepts for as long as the runtime lives, or until it is aborted, which ends its connections too.
pub(super) fn serve<F>(listener: TcpListener, connection: impl Fn(TcpStream) -> F + Send + 'static) -> JoinHandle<()>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let serving = async move {
        let mut connections = JoinSet::new();
        loop {
            let stream = tokio::select! {
                stream = accept(&listener) => stream,
                // Those that are done are forgotten.
                Some(_) = connections.join_next() => continue,
            };
            let _ = stream.set_nodelay(true);
            connections.spawn(connection(stream));
        }
    };
    tokio::spawn(serving)
}

impl Web {
    /// Both families of the healthy server, IPv6 first where there is one.
    pub(super) fn dual(&self) -> Vec<IpAddr> {
        let v6 = self.v6.map(IpAddr::from);
        v6.into_iter().chain([WEB.into()]).collect()
    }

    /// Further servers with the healthy one's pages and certificate, `web-1`, `web-2` and so on, as tasks of the current runtime.
    pub(super) fn replicas(&self, count: usize) -> Result<Vec<Replica>, LabError> {
        (1..=count).map(|number| Replica::new(self.secure.named(self.ports, format!("web-{number}")))).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// What the system says when there is no descriptor left (EMFILE on Linux).
    const NO_DESCRIPTOR: i32 = 24;

    #[tokio::test(start_paused = true)]
    async fn without_a_descriptor_it_waits_for_one() {
        let calls = AtomicU32::new(0);
        let accept = || {
            let call = calls.fetch_add(1, Ordering::Relaxed);
            std::future::ready(if call < 3 { Err(io::Error::from_raw_os_error(NO_DESCRIPTOR)) } else { Ok(call) })
        };
        let began = tokio::time::Instant::now();
        assert_eq!((accepted(accept).await, calls.load(Ordering::Relaxed)), (3, 4));
        assert_eq!(began.elapsed(), 3 * ACCEPT_PAUSE, "it does not try again and again");
        assert_eq!(accepted(|| std::future::ready(Ok(7))).await, 7);
        assert_eq!(began.elapsed(), 3 * ACCEPT_PAUSE);
    }
}
