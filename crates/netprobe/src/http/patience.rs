//! Time to wait for an answer, which runs only while the answer is what is waited for.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Sleep;

use super::moments::Moments;

/// While it is held, the connection is still being made, which has a limit of its own.
pub(crate) struct Hold(Arc<Moments>);

impl Hold {
    pub(super) fn new(moments: &Arc<Moments>) -> Self {
        moments.set_held(true);
        Self(Arc::clone(moments))
    }

    /// From now on the answer is waited for.
    pub(crate) fn release(self) {
        self.0.set_held(false);
    }
}

/// What a future comes to, unless it takes longer than the limit; time does not run while it is held.
pub(super) async fn within<F: Future>(limit: Duration, moments: &Moments, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut sleeping: Option<Pin<Box<Sleep>>> = None;
    let answer = poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        if moments.is_held() {
            return Poll::Pending;
        }
        let sleeping = sleeping.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        sleeping.as_mut().poll(context).map(|()| None)
    });
    // Not even a peer that always has something to read stops the clock.
    tokio::task::unconstrained(answer).await
}

#[cfg(test)]
mod tests {
    use futures_util::poll;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use url::Url;

    use crate::http::{Channel, HttpOptions, Protocol, late};
    use crate::{Clock, Error, Phase};

    use super::*;

    const LIMIT_MS: u64 = 1_000;

    /// What becomes of a request that is written long before there is a connection, and answered so many milliseconds after.
    async fn answered_after(ms: u64) -> Result<(), Error> {
        let url = Url::parse("https://a.test/").expect("a URL");
        let options = HttpOptions { wait_timeout_ms: LIMIT_MS, ..HttpOptions::default() };
        let (stream, binder) = late::<DuplexStream>();
        let mut channel = Channel::new(stream, Protocol::Http1, &options, &Clock::start());
        let hold = channel.hold();
        let mut exchanging = Box::pin(channel.exchange(&url, None, &options));
        assert!(poll!(exchanging.as_mut()).is_pending() && !binder.written().is_empty());
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert!(poll!(exchanging.as_mut()).is_pending(), "the handshake takes its time");
        let (near, mut far) = duplex(4096);
        hold.release();
        binder.bind(near, false);
        let answering = async {
            assert!(far.read(&mut [0; 4096]).await.expect("a request") > 0);
            tokio::time::sleep(Duration::from_millis(ms)).await;
            far.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await
        };
        let ((_, result), _) = tokio::join!(exchanging, answering);
        result
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_waiting_is_counted() {
        assert_eq!(answered_after(LIMIT_MS - 1).await, Ok(()));
        let late = Error::Timeout { phase: Phase::Wait, limit_ms: LIMIT_MS };
        assert_eq!(answered_after(LIMIT_MS + 1).await, Err(late));
    }
}
