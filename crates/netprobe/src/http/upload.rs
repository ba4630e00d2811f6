//! The body of a request, handed to the connection one block at a time, so that it is known how much of it left and when.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use h2::SendStream;
use hyper::body::{Body, Bytes, Frame, SizeHint};

use super::informational::Interim;
use super::moments::Moments;
use crate::Clock;

/// How much is handed over at a time: as much as a frame of HTTP/2 carries.
const BLOCK_BYTES: usize = 16 * 1024;

/// What is left of a body.
pub(super) struct Upload {
    rest: Bytes,
    /// Done when the server wants the body, or has been asked for long enough.
    wanted: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    moments: Arc<Moments>,
    clock: Clock,
}

impl Upload {
    pub(super) fn new(body: Option<Arc<[u8]>>, moments: Arc<Moments>, clock: Clock) -> Self {
        let rest = body.map(Bytes::from_owner).unwrap_or_default();
        Self { rest, wanted: None, moments, clock }
    }

    /// The same, held back until a 100 comes, but no longer than that (RFC 9110, section 10.1.1).
    pub(super) fn when_wanted(mut self, interim: Arc<Interim>, timeout_ms: u64) -> Self {
        self.wanted = Some(Box::pin(async move {
            let _ = tokio::time::timeout(Duration::from_millis(timeout_ms), interim.goes_on.notified()).await;
        }));
        self
    }

    fn poll_wanted(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(wanted) = &mut self.wanted {
            ready!(wanted.as_mut().poll(cx));
            self.wanted = None;
        }
        Poll::Ready(())
    }

    fn block(&mut self, bytes_max: usize) -> Bytes {
        let block = self.rest.split_to(self.rest.len().min(bytes_max));
        self.moments.hand(block.len(), self.clock.now_ns());
        block
    }

    /// Writes all of it to a stream of HTTP/2, as fast as the server has room. An error is the answer's to tell.
    pub(super) async fn send(mut self, mut stream: SendStream<Bytes>) {
        poll_fn(|cx| self.poll_wanted(cx)).await;
        while !self.rest.is_empty() {
            stream.reserve_capacity(self.rest.len().min(BLOCK_BYTES));
            let Some(Ok(room)) = poll_fn(|cx| stream.poll_capacity(cx)).await else { return };
            let block = self.block(room.min(BLOCK_BYTES));
            if stream.send_data(block, self.rest.is_empty()).is_err() {
                return;
            }
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        ready!(self.poll_wanted(cx));
        let block = self.block(BLOCK_BYTES);
        Poll::Ready(Some(Ok(Frame::data(block))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
