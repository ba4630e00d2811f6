//! A load balancer: one address in front of several servers, any of which may go away.
//!
//! ```text
//!                          ┌──────────┐ ──► web-1
//!  client ── TCP, TLS ──►  │ balancer │ ──► web-2   picked for each connection: in turn, or who has the fewest
//!                          └──────────┘ ──► web-3
//! ```
//!
//! It balances connections, not requests: TLS passes through it unread, as through a balancer of the fourth layer. A server is
//! healthy while connections to it are accepted, which is tried again and again, and found out with every client: one whose server
//! does not answer is given to the next before anything was lost.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::LabError;
use super::web::{Replica, listen, port, serve};

/// How often each server's health is looked at.
const HEALTH_INTERVAL: Duration = Duration::from_millis(50);

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Which server gets the next connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Policy {
    /// The next one in turn.
    #[default]
    RoundRobin,
    /// The one with the fewest open connections; the first of those that have as few.
    LeastConnections,
}

/// A running load balancer. It ends with the lab.
///
/// It balances connections, not requests: TLS passes through it unread, as through a balancer of the fourth layer. A server is healthy
/// while connections to it are accepted, which is tried again and again; a client whose server does not accept is given to the next.
#[derive(Debug)]
pub struct Balancer {
    /// Where it listens.
    pub address: SocketAddr,
    pool: Arc<Pool>,
    replicas: Vec<Replica>,
    runtime: tokio::runtime::Handle,
    checks: AbortHandle,
}

#[derive(Debug)]
struct Pool {
    policy: Policy,
    backends: Vec<Backend>,
    turn: AtomicUsize,
}

#[derive(Debug)]
struct Backend {
    address: SocketAddr,
    is_healthy: AtomicBool,
    open: AtomicUsize,
}

impl Balancer {
    /// Starts as a task of the current runtime.
    pub(super) fn start(at: SocketAddr, replicas: Vec<Replica>, policy: Policy) -> Result<Self, LabError> {
        let backend = |replica: &Replica| Backend {
            address: replica.address,
            is_healthy: AtomicBool::new(true),
            open: AtomicUsize::new(0),
        };
        let backends = replicas.iter().map(backend).collect();
        let pool = Arc::new(Pool { policy, backends, turn: AtomicUsize::new(0) });
        let listener = listen(at)?;
        let address = SocketAddr::new(at.ip(), port(&listener));
        let shared = Arc::clone(&pool);
        serve(listener, move |client| Arc::clone(&shared).relay(client));
        let checks = tokio::spawn(Arc::clone(&pool).check()).abort_handle();
        Ok(Self { address, pool, replicas, runtime: tokio::runtime::Handle::current(), checks })
    }

    /// How many servers it has, up or down.
    #[must_use]
    pub fn servers(&self) -> usize {
        self.replicas.len()
    }

    /// Ends a server and every connection to it, without a word to the balancer. Nothing happens if it is down, or is none.
    pub async fn take_down(&mut self, server: usize) {
        if let Some(replica) = self.replicas.get_mut(server) {
            replica.stop().await;
        }
    }

    /// Starts a server again, at its old address. Nothing happens if it is up, or is none.
    ///
    /// # Errors
    /// [`LabError::Listen`] if somebody else has its address by now.
    pub fn bring_up(&mut self, server: usize) -> Result<(), LabError> {
        let _inside = self.runtime.enter();
        self.replicas.get_mut(server).map_or(Ok(()), Replica::start)
    }

    /// Whether each server accepted the last connection that was tried.
    #[must_use]
    pub fn healthy(&self) -> Vec<bool> {
        self.pool.backends.iter().map(|backend| backend.is_healthy.load(Ordering::Relaxed)).collect()
    }

    /// How many connections each server has through the balancer.
    #[must_use]
    pub fn open_connections(&self) -> Vec<usize> {
        self.pool.backends.iter().map(|backend| backend.open.load(Ordering::Relaxed)).collect()
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.checks.abort();
    }
}

impl Pool {
    /// Whom to try, in order: healthy servers by the policy, then the others, since a check may be out of date.
    fn order(&self) -> Vec<usize> {
        let servers = self.backends.len();
        let mut order: Vec<usize> = match self.policy {
            Policy::RoundRobin => {
                let first = self.turn.fetch_add(1, Ordering::Relaxed);
                (0..servers).map(|place| first.wrapping_add(place) % servers).collect()
            }
            Policy::LeastConnections => {
                let mut order: Vec<usize> = (0..servers).collect();
                order.sort_by_key(|index| self.backends[*index].open.load(Ordering::Relaxed));
                order
            }
        };
        order.sort_by_key(|index| !self.backends[*index].is_healthy.load(Ordering::Relaxed));
        order
    }

    /// Connects a client with the first server that accepts.
    async fn relay(self: Arc<Self>, mut client: TcpStream) -> io::Result<()> {
        for index in self.order() {
            let backend = &self.backends[index];
            let counted = Counted::new(&backend.open);
            let Some(mut server) = backend.connect().await else { continue };
            server.set_nodelay(true)?;
            tokio::io::copy_bidirectional(&mut client, &mut server).await?;
            drop(counted);
            return Ok(());
        }
        // Nobody is there: the client's connection ends.
        Ok(())
    }

    /// Looks at every server's health for as long as the runtime lives.
    async fn check(self: Arc<Self>) {
        loop {
            for backend in &self.backends {
                backend.connect().await;
            }
            tokio::time::sleep(HEALTH_INTERVAL).await;
        }
    }
}

impl Backend {
    async fn connect(&self) -> Option<TcpStream> {
        let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(self.address)).await.ok().and_then(Result::ok);
        self.is_healthy.store(stream.is_some(), Ordering::Relaxed);
        stream
    }
}

/// A connection that counts while it lives.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(open: &'a AtomicUsize) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(open)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
