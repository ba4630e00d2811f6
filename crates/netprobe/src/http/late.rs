//! A stream that a request is written to before there is a connection. What was written may go with the ClientHello (0-RTT); what
//! did not arrive that way is written again when the connection is there.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// More than any head: what does not fit waits for the connection.
const EARLY_BYTES_MAX: usize = 256 * 1024;

struct State<S> {
    /// What was written so far and did not reach the server.
    unsent: Vec<u8>,
    stream: Option<S>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// The end that requests are written to.
pub(crate) struct Late<S>(Arc<Mutex<State<S>>>);

/// The end that knows when the connection is there.
pub(crate) struct Binder<S>(Arc<Mutex<State<S>>>);

fn lock<S>(state: &Mutex<State<S>>) -> MutexGuard<'_, State<S>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn late<S>() -> (Late<S>, Binder<S>) {
    let state = State { unsent: Vec::new(), stream: None, reader: None, writer: None };
    let state = Arc::new(Mutex::new(state));
    (Late(Arc::clone(&state)), Binder(state))
}

impl<S> Binder<S> {
    /// What was written so far.
    pub(crate) fn written(&self) -> Vec<u8> {
        lock(&self.0).unsent.clone()
    }

    /// From now on it is this stream, which has what was written already, or not.
    pub(crate) fn bind(&self, stream: S, has_written: bool) {
        let mut state = lock(&self.0);
        if has_written {
            state.unsent.clear();
        }
        state.stream = Some(stream);
        [state.reader.take(), state.writer.take()].into_iter().flatten().for_each(Waker::wake);
    }
}

impl<S: AsyncWrite + Unpin> State<S> {
    /// Writes what did not reach the server, if there is a connection.
    fn poll_unsent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(stream) = &mut self.stream else {
            self.writer = Some(cx.waker().clone());
            return Poll::Pending;
        };
        while !self.unsent.is_empty() {
            let written = ready!(Pin::new(&mut *stream).poll_write(cx, &self.unsent))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unsent.drain(..written);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_all(&mut self, cx: &mut Context<'_>, then: Then) -> Poll<io::Result<()>> {
        ready!(self.poll_unsent(cx))?;
        match (&mut self.stream, then) {
            (Some(stream), Then::Flush) => Pin::new(stream).poll_flush(cx),
            (Some(stream), Then::Shutdown) => Pin::new(stream).poll_shutdown(cx),
            (None, _) => Poll::Pending,
        }
    }
}

#[derive(Clone, Copy)]
enum Then {
    Flush,
    Shutdown,
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Late<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = lock(&self.0);
        if state.stream.is_none() {
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        // Whoever waits for an answer may have no reason to write again.
        if state.poll_all(cx, Then::Flush)?.is_pending() && !state.unsent.is_empty() {
            return Poll::Pending;
        }
        match &mut state.stream {
            Some(stream) => Pin::new(stream).poll_read(cx, buffer),
            None => Poll::Pending,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Late<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = lock(&self.0);
        if state.stream.is_none() {
            let taken = bytes.len().min(EARLY_BYTES_MAX.saturating_sub(state.unsent.len()));
            if taken == 0 && !bytes.is_empty() {
                state.writer = Some(cx.waker().clone());
                return Poll::Pending;
            }
            state.unsent.extend_from_slice(&bytes[..taken]);
            return Poll::Ready(Ok(taken));
        }
        ready!(state.poll_unsent(cx))?;
        match &mut state.stream {
            Some(stream) => Pin::new(stream).poll_write(cx, bytes),
            None => Poll::Pending,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = lock(&self.0);
        // As far as it can go before there is a stream.
        if state.stream.is_none() { Poll::Ready(Ok(())) } else { state.poll_all(cx, Then::Flush) }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.0).poll_all(cx, Then::Shutdown)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn what_did_not_arrive_is_written_before_anything_else() {
        for has_written in [false, true] {
            let (mut late, binder) = late();
            late.write_all(b"first ").await.expect("it is kept");
            late.flush().await.expect("as far as it goes");
            assert_eq!(binder.written(), b"first ");
            let (near, mut far) = duplex(3);
            binder.bind(near, has_written);
            let writing = async {
                late.write_all(b"second").await.expect("a stream");
                late.shutdown().await.expect("a stream");
            };
            let mut text = String::new();
            let ((), read) = tokio::join!(writing, far.read_to_string(&mut text));
            read.expect("text");
            assert_eq!(text, if has_written { "second" } else { "first second" });
        }
    }

    #[tokio::test]
    async fn who_only_reads_sends_what_did_not_arrive_too() {
        let (mut late, binder) = late();
        late.write_all(b"question").await.expect("it is kept");
        let (near, mut far) = duplex(64);
        let asking = async {
            let mut answer = [0; 6];
            late.read_exact(&mut answer).await.expect("an answer");
            answer
        };
        let answering = async {
            tokio::task::yield_now().await;
            binder.bind(near, false);
            let mut question = [0; 8];
            far.read_exact(&mut question).await.expect("a question");
            far.write_all(b"answer").await.expect("a stream");
            question
        };
        assert_eq!(tokio::join!(asking, answering), (*b"answer", *b"question"));
    }
}
