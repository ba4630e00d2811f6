//! A connection that counts what passes, and asks the kernel about itself at the end.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::{TcpInfo, tcp_info};

/// What passed over a connection, readable while somebody else owns it.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    sent_bytes: AtomicU64,
    received_bytes: AtomicU64,
    at_end: OnceLock<TcpInfo>,
}

impl Passed {
    /// Bytes written and read so far, TLS's own included.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        (self.sent_bytes.load(Ordering::Relaxed), self.received_bytes.load(Ordering::Relaxed))
    }

    /// What the kernel knew when the connection was dropped.
    pub(crate) fn at_end(&self) -> Option<TcpInfo> {
        self.at_end.get().copied()
    }
}

/// The bytes as they are on the wire.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    passed: Arc<Passed>,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> (Self, Arc<Passed>) {
        let passed = Arc::new(Passed::default());
        (Self { stream, passed: Arc::clone(&passed) }, passed)
    }

    fn sent(&self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = written {
            self.passed.sent_bytes.fetch_add(*bytes as u64, Ordering::Relaxed);
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if let Some(info) = tcp_info(&self.stream) {
            let _ = self.passed.at_end.set(info);
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.passed.received_bytes.fetch_add((buffer.filled().len() - before) as u64, Ordering::Relaxed);
        polled
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.sent(&polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.sent(&polled);
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
