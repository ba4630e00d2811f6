//! Answers that break the rules of HTTP/1.1, or stretch them: written byte by byte inside TLS.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::Fault;

/// Between two bytes of a slow answer.
const PAUSE: Duration = Duration::from_millis(50);

/// Between the last byte and a reset: what a client has not read by then is lost.
pub(in super::super) const BEFORE_RESET: Duration = Duration::from_millis(200);

/// Whether the fault is an answer that is written here.
pub(super) fn is_raw(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::SlowHeaders
            | Fault::SlowBody
            | Fault::HeaderBomb
            | Fault::EndlessBody
            | Fault::TruncatedBody
            | Fault::NotHttp
            | Fault::ResetInBody
    )
}

/// Whether the connection is to be reset after the answer.
pub(super) fn resets(fault: Fault) -> bool {
    fault == Fault::ResetInBody
}

pub(super) async fn answer<S: AsyncRead + AsyncWrite + Unpin>(fault: Fault, stream: &mut S) -> io::Result<()> {
    read_head(stream).await?;
    match fault {
        Fault::SlowHeaders => slowly(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await?,
        Fault::SlowBody => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n").await?;
            slowly(stream, &[b'.'; 10_000]).await?;
        }
        Fault::HeaderBomb => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            let header = format!("x-bomb: {}\r\n", "a".repeat(4000));
            loop {
                stream.write_all(header.as_bytes()).await?;
            }
        }
        Fault::EndlessBody => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            let chunk = format!("4000\r\n{}\r\n", ".".repeat(0x4000));
            loop {
                stream.write_all(chunk.as_bytes()).await?;
            }
        }
        Fault::NotHttp => stream.write_all(b"220 mail.whiteboard.test ESMTP ready\r\n").await?,
        // Truncated, and cut by a reset.
        _ => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nonly this").await?;
            stream.flush().await?;
            if resets(fault) {
                // Time for the client to read what came before the reset.
                tokio::time::sleep(BEFORE_RESET).await;
                return Ok(());
            }
        }
    }
    stream.shutdown().await
}

async fn slowly<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> io::Result<()> {
    for byte in bytes.chunks(1) {
        stream.write_all(byte).await?;
        stream.flush().await?;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Reads to the empty line after the request's headers. Nobody sends the lab a body.
pub(super) async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > 64 * 1024 || stream.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}
