//! Notes when the request left and when the answer began, above TLS: what hyper does not tell.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::Clock;

/// No such moment yet.
const NEVER: u64 = u64::MAX;

/// Moments in nanoseconds since the run's start, and bytes, inside TLS.
#[derive(Debug)]
pub(super) struct Moments {
    submitted_ns: AtomicU64,
    sent_ns: AtomicU64,
    first_read_ns: AtomicU64,
    received_bytes: AtomicU64,
}

fn load(moment: &AtomicU64) -> Option<u64> {
    Some(moment.load(Ordering::Relaxed)).filter(|moment| *moment != NEVER)
}

impl Moments {
    /// Another request is about to begin.
    pub(super) fn reset(&self) {
        for moment in [&self.submitted_ns, &self.sent_ns, &self.first_read_ns] {
            moment.store(NEVER, Ordering::Relaxed);
        }
        self.received_bytes.store(0, Ordering::Relaxed);
    }

    /// The request is about to be handed over.
    pub(super) fn submit(&self, now_ns: u64) {
        self.submitted_ns.store(now_ns, Ordering::Relaxed);
    }

    /// When the request's last byte was written.
    pub(super) fn sent_ns(&self) -> Option<u64> {
        load(&self.sent_ns)
    }

    /// When the first byte came.
    pub(super) fn first_read_ns(&self) -> Option<u64> {
        load(&self.first_read_ns)
    }

    /// A write is a part of the request until something comes back. HTTP/2's settings may come before the request leaves, so the
    /// first write after its submission is a part of it too; later ones acknowledge what came.
    fn wrote(&self, now_ns: u64) {
        let is_sent = match (load(&self.submitted_ns), load(&self.sent_ns)) {
            (Some(submitted), Some(sent)) => sent >= submitted,
            _ => false,
        };
        if self.first_read_ns().is_none() || !is_sent {
            self.sent_ns.store(now_ns, Ordering::Relaxed);
        }
    }

    pub(super) fn received_bytes(&self) -> u64 {
        self.received_bytes.load(Ordering::Relaxed)
    }
}

/// A stream that notes its moments.
pub(super) struct Tap<S> {
    stream: S,
    clock: Clock,
    moments: Arc<Moments>,
}

impl<S> Tap<S> {
    pub(super) fn new(stream: S, clock: Clock) -> (Self, Arc<Moments>) {
        let moments = Arc::new(Moments {
            submitted_ns: AtomicU64::new(NEVER),
            sent_ns: AtomicU64::new(NEVER),
            first_read_ns: AtomicU64::new(NEVER),
            received_bytes: AtomicU64::new(0),
        });
        (Self { stream, clock, moments: Arc::clone(&moments) }, moments)
    }

    fn wrote(&self, written: &Poll<io::Result<usize>>) {
        if matches!(written, Poll::Ready(Ok(_))) {
            self.moments.wrote(self.clock.now_ns());
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let bytes = buffer.filled().len() - before;
        if bytes > 0 {
            let total = self.moments.received_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
            if total == 0 {
                self.moments.first_read_ns.store(self.clock.now_ns(), Ordering::Relaxed);
            }
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(&polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.wrote(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
