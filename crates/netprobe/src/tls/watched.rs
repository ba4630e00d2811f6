//! A stream inside TLS that remembers why the server ended it. In TLS 1.3 the client is done before the server has looked at its
//! certificate, so that a refusal comes when the request is on its way (RFC 8446, section 4.4.2.4).
//!
//! An alert comes behind whatever the server has said before it. So when a write fails, what has come is read up to a limit in search of
//! it. That is not lost for a reader that goes on. hyper's over HTTP/1.1 does not: a write that failed ends its connection, and an answer
//! that had come before is not looked at.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use rustls::AlertDescription;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The alert with which the server ended the connection, if it did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ending(Arc<OnceLock<AlertDescription>>);

impl Ending {
    pub(crate) fn alert(&self) -> Option<AlertDescription> {
        self.0.get().copied()
    }

    fn note(&self, error: &io::Error) {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::AlertReceived(alert)) = inner {
            let _ = self.0.set(*alert);
        }
    }
}

/// So much is read in search of an alert, and no more: a server that never stops talking is not listened to by who wants to write.
const KEPT_BYTES_MAX: usize = 64 * 1024;

/// Both directions are for one task: a search takes the place of who waits for input.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    stream: S,
    ending: Ending,
    /// What came before the alert, and has not been read yet.
    kept: VecDeque<u8>,
    /// The error that came behind it.
    failed: Option<io::Error>,
}

impl<S: AsyncRead + Unpin> Watched<S> {
    pub(crate) fn new(stream: S) -> (Self, Ending) {
        let ending = Ending::default();
        (Self { stream, ending: ending.clone(), kept: VecDeque::new(), failed: None }, ending)
    }

    /// Who writes to a server that has hung up may find in what came before why it did.
    fn ended<T>(&mut self, polled: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &polled {
            self.ending.note(error);
            self.search(cx);
        }
        polled
    }

    fn search(&mut self, cx: &mut Context<'_>) {
        let mut room = [0; 1024];
        while self.failed.is_none() && self.kept.len() < KEPT_BYTES_MAX {
            let rest = room.len().min(KEPT_BYTES_MAX - self.kept.len());
            let mut buffer = ReadBuf::new(&mut room[..rest]);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => self.kept.extend(buffer.filled()),
                Poll::Ready(Err(error)) => {
                    self.ending.note(&error);
                    self.failed = Some(error);
                }
                Poll::Ready(Ok(())) | Poll::Pending => return,
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.kept.is_empty() {
            let (first, _) = self.kept.as_slices();
            let count = first.len().min(buffer.remaining());
            buffer.put_slice(&first[..count]);
            self.kept.drain(..count);
            return Poll::Ready(Ok(()));
        }
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Err(error));
        }
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if let Poll::Ready(Err(error)) = &polled {
            self.ending.note(error);
        }
        polled
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.ended(polled, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.ended(polled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.ended(polled, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// A connection that the server has reset: nobody hears what is written, and this is what is still to read.
    struct Reset<R>(R);

    impl<R: FnMut(&mut ReadBuf<'_>) -> io::Result<()> + Unpin> AsyncRead for Reset<R> {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Ready((self.0)(buffer))
        }
    }

    impl<R: Unpin> AsyncWrite for Reset<R> {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// A text, and behind it why there is no more.
    fn last_words(
        mut unread: &'static [u8],
        mut why: Option<rustls::Error>,
    ) -> impl FnMut(&mut ReadBuf<'_>) -> io::Result<()> + Unpin {
        move |buffer| {
            buffer.put_slice(std::mem::take(&mut unread));
            let is_over = buffer.filled().is_empty();
            let why = why.take_if(|_| is_over);
            why.map_or(Ok(()), |why| Err(io::Error::new(io::ErrorKind::InvalidData, why)))
        }
    }

    /// One thing for ever.
    fn talk(buffer: &mut ReadBuf<'_>) -> io::Result<()> {
        buffer.put_slice(&vec![b'x'; buffer.remaining()]);
        Ok(())
    }

    fn alert() -> rustls::Error {
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired)
    }

    #[tokio::test]
    async fn who_writes_in_vain_learns_why() {
        for (why, expected) in [
            (Some(alert()), Some(AlertDescription::CertificateRequired)),
            (Some(rustls::Error::DecryptError), None),
            (None, None),
        ] {
            let (mut stream, ending) = Watched::new(Reset(last_words(b"a ticket", why)));
            let error = stream.write_all(b"GET /").await.expect_err("nobody is there");
            assert_eq!((error.kind(), ending.alert()), (io::ErrorKind::BrokenPipe, expected));
        }
        let (mut stream, ending) = Watched::new(Reset(last_words(b"", Some(alert()))));
        stream.read(&mut [0; 8]).await.expect_err("an alert");
        assert_eq!(ending.alert(), Some(AlertDescription::CertificateRequired));
    }

    #[tokio::test]
    async fn what_came_before_the_alert_is_there_to_read() {
        let unread = b"HTTP/1.1 413 Content Too Large\r\n\r\n";
        let (mut stream, ending) = Watched::new(Reset(last_words(unread, Some(alert()))));
        stream.write_all(b"GET /").await.expect_err("nobody is there");
        stream.write_all(b"GET /").await.expect_err("nor later");
        assert_eq!(ending.alert(), Some(AlertDescription::CertificateRequired));
        let mut answer = Vec::new();
        let error = stream.read_to_end(&mut answer).await.expect_err("the alert");
        assert_eq!((&answer[..], error.kind()), (&unread[..], io::ErrorKind::InvalidData));
        assert_eq!(stream.read(&mut [0; 8]).await.expect("an end"), 0);
    }

    #[tokio::test]
    async fn a_server_that_never_stops_is_searched_no_further_than_the_limit() {
        let (mut stream, ending) = Watched::new(Reset(talk));
        for _ in 0..3 {
            stream.write_all(b"GET /").await.expect_err("it does not listen");
            assert_eq!((stream.kept.len(), ending.alert()), (KEPT_BYTES_MAX, None));
        }
    }
}
