//! A stream inside TLS that remembers why the server ended it. In TLS 1.3 the client is done before the server has looked at its
//! certificate, so that a refusal comes when the request is on its way (RFC 8446, section 4.4.2.4).

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

#[derive(Debug)]
pub(crate) struct Watched<S> {
    stream: S,
    ending: Ending,
}

impl<S: AsyncRead + Unpin> Watched<S> {
    pub(crate) fn new(stream: S) -> (Self, Ending) {
        let ending = Ending::default();
        (Self { stream, ending: ending.clone() }, ending)
    }

    /// Who writes to a server that has hung up may find in what came before why it did.
    fn ended<T>(&mut self, polled: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let Poll::Ready(Err(error)) = polled else { return polled };
        self.ending.note(&error);
        let mut rest = [0; 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut rest);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(Err(why)) => {
                    self.ending.note(&why);
                    return Poll::Ready(Err(error));
                }
                _ => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
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

    /// A connection that the server has reset, with a word of why before it.
    struct Reset {
        unread: &'static [u8],
        why: Option<rustls::Error>,
    }

    impl AsyncRead for Reset {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            buffer.put_slice(std::mem::take(&mut self.unread));
            let is_over = buffer.filled().is_empty();
            let why = self.why.take_if(|_| is_over);
            Poll::Ready(why.map_or(Ok(()), |why| Err(io::Error::new(io::ErrorKind::InvalidData, why))))
        }
    }

    impl AsyncWrite for Reset {
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

    #[tokio::test]
    async fn who_writes_in_vain_learns_why() {
        let alert = || rustls::Error::AlertReceived(AlertDescription::CertificateRequired);
        for (why, expected) in [
            (Some(alert()), Some(AlertDescription::CertificateRequired)),
            (Some(rustls::Error::DecryptError), None),
            (None, None),
        ] {
            let (mut stream, ending) = Watched::new(Reset { unread: b"a ticket", why });
            let error = stream.write_all(b"GET /").await.expect_err("nobody is there");
            assert_eq!((error.kind(), ending.alert()), (io::ErrorKind::BrokenPipe, expected));
        }
        let (mut stream, ending) = Watched::new(Reset { unread: b"", why: Some(alert()) });
        stream.read(&mut [0; 8]).await.expect_err("an alert");
        assert_eq!(ending.alert(), Some(AlertDescription::CertificateRequired));
    }
}
