//! TCP: from addresses to a connection.
//!
//! SYN, SYN-ACK, ACK: after these three packets both sides know that the other hears them, and count bytes from numbers that both
//! know (RFC 9293, section 3.5). It costs one round trip before anything useful is said. Of several addresses the first that answers is taken:
//! Happy Eyeballs (RFC 8305).

mod error;
mod happy_eyeballs;
mod info;
mod options;
mod wire;

use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::Ready;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

use crate::{Clock, Error, Phase, Span, Step};

pub use error::TcpError;
use happy_eyeballs::race_hinted;
pub use happy_eyeballs::{Attempt, Outcome, interleave, race};
pub use info::{TcpInfo, tcp_info};
pub use options::ConnectOptions;
pub(crate) use wire::{Passed, Wire};

/// The most addresses that are tried: whoever owns a name must not make this machine knock at a thousand doors.
pub const ATTEMPTS_MAX: usize = 32;

/// The attempts to connect, and what came of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Connection {
    /// From the first SYN to the winner's SYN-ACK, or to the end of hope.
    pub span: Span,
    /// Everything that was tried, in order.
    pub attempts: Vec<Attempt>,
    /// The other end, if there is one.
    pub peer: Option<SocketAddr>,
    /// Our end.
    pub local: Option<SocketAddr>,
    /// What the kernel knew right after connecting.
    pub info: Option<TcpInfo>,
    /// What the kernel knew after the answer: its round trip is an average over more samples.
    pub info_at_end: Option<TcpInfo>,
}

impl Connection {
    /// The connection as a step with its attempts as parts.
    #[must_use]
    pub fn step(&self, error: Option<Error>) -> Step {
        let label = match self.peer {
            Some(peer) => peer.to_string(),
            None => format!("{} attempts", self.attempts.len()),
        };
        let mut step = Step::new(Phase::Connect, label, self.span, error);
        step.children = self.attempts.iter().map(attempt_step).collect();
        step
    }
}

fn attempt_step(attempt: &Attempt) -> Step {
    let fate = match &attempt.outcome {
        Outcome::Connected => "connected".to_owned(),
        Outcome::Abandoned => "abandoned: another was faster".to_owned(),
        Outcome::TimedOut => "no answer".to_owned(),
        Outcome::Withdrawn => "withdrawn: a hint, and none of the addresses".to_owned(),
        Outcome::Failed(failure) => failure.message.clone(),
    };
    Step::new(Phase::Connect, format!("{}: {fate}", attempt.address), attempt.span, None)
}

/// Connects to the first of `addresses` that answers, of the first [`ATTEMPTS_MAX`], by Happy Eyeballs, and turns Nagle's algorithm
/// off. Those that the options do not allow are passed over.
///
/// `TCP_NODELAY` matters: with HTTP/2 the first frames are small, and Nagle's algorithm would hold the request back until the
/// peer's delayed acknowledgement, 40 ms later.
///
/// # Errors
/// [`TcpError`], or [`Error::Timeout`] when time was up with an attempt still running. The attempts are returned either way.
pub async fn connect(
    host: &str,
    addresses: &[IpAddr],
    port: u16,
    options: &ConnectOptions,
    clock: &Clock,
) -> (Connection, Result<TcpStream, Error>) {
    connect_hinted(host, addresses, None::<Ready<_>>, port, options, clock).await
}

/// The same to addresses that are hints as long as it is not `known` which ones there are.
pub(crate) async fn connect_hinted(
    host: &str,
    addresses: &[IpAddr],
    known: Option<impl Future<Output = Option<Vec<IpAddr>>>>,
    port: u16,
    options: &ConnectOptions,
    clock: &Clock,
) -> (Connection, Result<TcpStream, Error>) {
    let targets = |addresses: &[IpAddr]| -> Vec<SocketAddr> {
        let allowed = interleave(addresses).into_iter().filter(|address| options.allows(*address));
        allowed.take(ATTEMPTS_MAX).map(|address| SocketAddr::new(address, port)).collect()
    };
    let refused = OnceLock::new();
    let checked = |addresses: &[IpAddr]| {
        if let Err(error) = options.check(host, addresses) {
            // The first is as good as another.
            let _ = refused.set(error);
        }
        targets(addresses)
    };
    let known = known.map(|known| known.map(|addresses| addresses.map(|addresses| checked(&addresses))));
    let delay = Duration::from_millis(options.attempt_delay_ms);
    let limit = Duration::from_millis(options.timeout_ms);
    let begun = checked(addresses);
    let racing = race_hinted(&begun, known, delay, limit, clock, open);
    let ((attempts, winner), span) = clock.measure(racing).await;
    let stream = winner.map(|(_, stream)| stream);
    let connection = Connection {
        span,
        peer: stream.as_ref().and_then(|stream| stream.peer_addr().ok()),
        local: stream.as_ref().and_then(|stream| stream.local_addr().ok()),
        info: stream.as_ref().and_then(tcp_info),
        info_at_end: None,
        attempts,
    };
    let is_untried = connection.attempts.iter().all(|attempt| attempt.outcome == Outcome::Withdrawn);
    let refused = refused.into_inner().filter(|_| is_untried);
    let result =
        stream.ok_or_else(|| refused.map_or_else(|| failure(host, &connection.attempts, options), Error::from));
    (connection, result)
}

async fn open(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn failure(host: &str, attempts: &[Attempt], options: &ConnectOptions) -> Error {
    if attempts.iter().any(|attempt| attempt.outcome == Outcome::TimedOut) {
        return Error::Timeout { phase: Phase::Connect, limit_ms: options.timeout_ms };
    }
    let last = attempts.iter().rev().find_map(|attempt| match &attempt.outcome {
        Outcome::Failed(failure) => Some((attempt.address, failure.clone())),
        _ => None,
    });
    let host = host.to_owned();
    last.map_or_else(
        || TcpError::NoAddress { host: host.clone() }.into(),
        |(address, source)| TcpError::Connect { host: host.clone(), attempts: attempts.len(), address, source }.into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AddressSpace;

    #[tokio::test]
    async fn a_connection_to_oneself_is_known_to_the_kernel() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let addresses = ["127.0.0.1".parse().expect("an address")];
        let clock = Clock::start();
        let (connection, stream) = connect("me", &addresses, port, &ConnectOptions::default(), &clock).await;
        assert!(stream.expect("a stream").nodelay().expect("an option"));
        assert_eq!(connection.peer.map(|peer| peer.port()), Some(port));
        assert_eq!(connection.attempts.len(), 1);
        if cfg!(target_os = "linux") {
            let info = connection.info.expect("the kernel's view");
            assert!(info.send_mss_bytes > 500 && info.rtt_us > 0, "{info:?}");
            assert_eq!(info.retransmits, 0);
        }
    }

    #[tokio::test]
    async fn what_is_more_private_is_not_connected_to() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let loopback: Vec<IpAddr> = vec!["127.0.0.1".parse().expect("an address")];
        let clock = Clock::start();
        let options = |from| ConnectOptions { asked_from: Some(from), ..ConnectOptions::default() };
        for from in [AddressSpace::Public, AddressSpace::Private, AddressSpace::LinkLocal] {
            let (connection, stream) = connect("me", &loopback, port, &options(from), &clock).await;
            let Err(Error::Tcp(error)) = stream else { panic!("{stream:?}") };
            let (host, space) = ("me".to_owned(), AddressSpace::Loopback);
            assert_eq!(error, TcpError::MorePrivate { host, address: loopback[0], space, from });
            assert_eq!(connection.attempts, []);
            // Hints are no way around it, nor is what they turn out to be.
            for (hints, known) in [(&loopback[..], None), (&[], Some(loopback.clone()))] {
                let known = Some(std::future::ready(known));
                let (connection, stream) = connect_hinted("me", hints, known, port, &options(from), &clock).await;
                assert!(matches!(stream, Err(Error::Tcp(TcpError::MorePrivate { .. }))), "{stream:?}");
                assert_eq!(connection.attempts, []);
            }
        }
        let (_, stream) = connect("me", &loopback, port, &options(AddressSpace::Loopback), &clock).await;
        assert!(stream.is_ok(), "{stream:?}");
    }

    #[tokio::test]
    async fn refusals_are_listed() {
        let unused = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
        let port = unused.local_addr().expect("an address").port();
        drop(unused);
        let addresses = ["127.0.0.1", "127.0.0.2"].map(|text| text.parse().expect("an address"));
        let clock = Clock::start();
        let (connection, stream) = connect("me", &addresses, port, &ConnectOptions::default(), &clock).await;
        assert_eq!(connection.attempts.len(), 2);
        let refused =
            |attempt: &Attempt| matches!(&attempt.outcome, Outcome::Failed(why) if why.kind == "ConnectionRefused");
        assert!(connection.attempts.iter().all(refused), "{connection:?}");
        assert!(matches!(stream, Err(Error::Tcp(TcpError::Connect { attempts: 2, .. }))));
        let many: Vec<IpAddr> = (1..=200).map(|last| [127, 0, 0, last].into()).collect();
        let (connection, _) = connect("me", &many, port, &ConnectOptions::default(), &clock).await;
        assert_eq!(connection.attempts.len(), ATTEMPTS_MAX);
        let (_, nothing) = connect("me", &[], port, &ConnectOptions::default(), &clock).await;
        assert!(matches!(nothing, Err(Error::Tcp(TcpError::NoAddress { .. }))));
    }
}
