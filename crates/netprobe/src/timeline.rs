//! When each step began, how long it took, and whether it waited for the network or kept our own processor busy.
//!
//! All times of a run are nanoseconds since its [`Clock`] started, so that they can be drawn on one axis.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::Error;

/// The start of a run. Copies count from the same instant.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that shows zero now.
    #[must_use]
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// A clock that showed zero at an earlier instant.
    #[must_use]
    pub fn started_at(instant: std::time::Instant) -> Self {
        Self { origin: Instant::from_std(instant) }
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        nanoseconds(self.origin.elapsed())
    }

    /// Awaits `future`, and says when that was and how long it was busy.
    ///
    /// Work is counted by timing each poll: while a future is polled, this process computes (or the system copies bytes for
    /// it); between polls it waits for somebody else. A thread that loses its processor in the middle of a poll still counts as
    /// busy, so on a crowded machine `cpu_ns` is an upper bound.
    pub async fn measure<F: Future>(&self, future: F) -> (F::Output, Span) {
        let start_ns = self.now_ns();
        let mut cpu = Duration::ZERO;
        let mut future = pin!(future);
        let output = std::future::poll_fn(|context| {
            let began = Instant::now();
            let polled = future.as_mut().poll(context);
            cpu += began.elapsed();
            match polled {
                Poll::Ready(output) => Poll::Ready(output),
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
        (output, Span::new(start_ns, self.now_ns() - start_ns, nanoseconds(cpu)))
    }

    /// The span of work that never waits.
    pub fn measure_work<T>(&self, work: impl FnOnce() -> T) -> (T, Span) {
        let start_ns = self.now_ns();
        let output = work();
        let duration_ns = self.now_ns() - start_ns;
        (output, Span::new(start_ns, duration_ns, duration_ns))
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A stretch of a run's time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// When it began, in nanoseconds since the run's start.
    pub start_ns: u64,
    /// How long it took. `cpu_ns + wait_ns`.
    pub duration_ns: u64,
    /// Of this, our own work: the time in which this process was polled (see [`Clock::measure`]).
    pub cpu_ns: u64,
    /// Of this, waiting for the network, which includes the peer.
    pub wait_ns: u64,
}

impl Span {
    /// A span of which `cpu_ns`, at most all of it, was our own work.
    #[must_use]
    pub fn new(start_ns: u64, duration_ns: u64, cpu_ns: u64) -> Self {
        let cpu_ns = cpu_ns.min(duration_ns);
        Self { start_ns, duration_ns, cpu_ns, wait_ns: duration_ns - cpu_ns }
    }

    /// When it ended, in nanoseconds since the run's start.
    #[must_use]
    pub fn end_ns(&self) -> u64 {
        self.start_ns.saturating_add(self.duration_ns)
    }

    /// How long it took, in milliseconds.
    #[must_use]
    pub fn duration_ms(&self) -> f64 {
        self.duration_ns as f64 / 1e6
    }
}

/// The kinds of step, in the order in which they come from a key press to pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Phase {
    /// A key press becomes a byte that somebody waits for.
    Key,
    /// Text becomes scheme, host, port and path.
    Url,
    /// A request over a connection that was still open, in vain: the server hung up before it heard of it.
    Retry,
    /// A name becomes addresses: hosts file, caches, DNS.
    Names,
    /// What the site says about how it wants to be reached is followed: its HTTPS record.
    Site,
    /// An address becomes a connection.
    Connect,
    /// A connection to a proxy becomes one through it.
    Proxy,
    /// A connection becomes a secret.
    Tls,
    /// An address becomes a connection and a secret at once: QUIC.
    Quic,
    /// The request is written; its head, if it has a body.
    Send,
    /// The body of the request.
    Upload,
    /// Nothing to do until the first byte of the answer.
    Wait,
    /// The rest of the answer.
    Transfer,
    /// The body is decompressed.
    Decode,
    /// Which routers are on the way.
    Path,
    /// HTML becomes a tree of elements, the DOM.
    Html,
    /// CSS becomes rules, the CSSOM.
    Css,
    /// Elements and rules become the render tree: what is shown, and how.
    RenderTree,
    /// What is shown gets its place and its size.
    Layout,
    /// Boxes become drawing commands.
    Paint,
    /// Drawing commands become pixels.
    Composite,
}

impl Phase {
    /// All of them, in order.
    pub const ALL: [Self; 21] = [
        Self::Key,
        Self::Url,
        Self::Retry,
        Self::Names,
        Self::Site,
        Self::Connect,
        Self::Proxy,
        Self::Tls,
        Self::Quic,
        Self::Send,
        Self::Upload,
        Self::Wait,
        Self::Transfer,
        Self::Decode,
        Self::Path,
        Self::Html,
        Self::Css,
        Self::RenderTree,
        Self::Layout,
        Self::Paint,
        Self::Composite,
    ];

    /// Those of a request without a body, in order: from its URL to its answer's last byte.
    pub const REQUEST: [Self; 8] =
        [Self::Url, Self::Names, Self::Connect, Self::Tls, Self::Send, Self::Wait, Self::Transfer, Self::Decode];

    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Url => "URL",
            Self::Names => "DNS",
            Self::Site => "site",
            Self::Retry => "retry",
            Self::Connect => "TCP",
            Self::Proxy => "proxy",
            Self::Tls => "TLS",
            Self::Quic => "QUIC",
            Self::Send => "send",
            Self::Upload => "upload",
            Self::Wait => "wait",
            Self::Transfer => "transfer",
            Self::Decode => "decode",
            Self::Path => "path",
            Self::Html => "HTML",
            Self::Css => "CSS",
            Self::RenderTree => "tree",
            Self::Layout => "layout",
            Self::Paint => "paint",
            Self::Composite => "pixels",
        }
    }
}

/// One thing that happened: a bar of the waterfall.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What kind of step it was.
    pub phase: Phase,
    /// What it was about: a server and a question, an address, a request line. May hold text that a peer sent; whoever draws it
    /// escapes it.
    pub label: String,
    /// When it was.
    pub span: Span,
    /// Why it failed, if it did.
    pub error: Option<Error>,
    /// Its parts: the queries of a walk, the attempts of a connection.
    pub children: Vec<Step>,
}

impl Step {
    /// A step without parts.
    pub fn new(phase: Phase, label: impl Into<String>, span: Span, error: Option<Error>) -> Self {
        Self { phase, label: label.into(), span, error, children: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waiting_is_not_work() {
        let clock = Clock::start();
        let ((), span) = clock.measure(tokio::time::sleep(Duration::from_millis(30))).await;
        assert_eq!((span.start_ns, span.cpu_ns), (0, 0));
        assert_eq!(span.wait_ns, span.duration_ns);
        assert!((30.0..32.0).contains(&span.duration_ms()), "{span:?}");
    }

    #[tokio::test]
    async fn work_is_not_waiting() {
        let clock = Clock::start();
        let work = async { (0..20_000_u64).fold(1_u64, |product, factor| product.wrapping_mul(factor | 1)) };
        let (product, span) = clock.measure(work).await;
        assert_eq!(product % 2, 1);
        assert!(span.cpu_ns > 0 && span.cpu_ns <= span.duration_ns, "{span:?}");
    }

    #[test]
    fn a_span_is_the_sum_of_its_parts() {
        let span = Span::new(5, 10, 99);
        assert_eq!((span.cpu_ns, span.wait_ns, span.end_ns()), (10, 0, 15));
    }
}
