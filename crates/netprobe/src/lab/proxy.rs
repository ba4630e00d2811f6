//! A worse network: delay, a narrow pipe, resets and silence, between a client and a server that know nothing of it.
//!
//! It is a relay in user space, so it works on streams, not on packets: the TCP handshake with the proxy itself stays as fast as
//! loopback is.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::LabError;
use super::web::{BEFORE_RESET, listen, port, serve};

/// What a [`Proxy`] does to a connection: a worse network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Impairment {
    /// How long every byte is on its way, in each direction.
    pub delay_ms: u64,
    /// How many bytes a second come from the server.
    pub bytes_per_s: Option<u64>,
    /// After so many bytes from the server, and a moment to read them, the connection is reset.
    pub reset_after_bytes: Option<u64>,
    /// After so many bytes from the server nothing more comes, and nobody says so.
    pub silent_after_bytes: Option<u64>,
}

/// A running relay in front of the healthy web server ([`Lab::proxy`](super::Lab::proxy)). Client and server know nothing of it; a proxy that a
/// client asks is a [`proxy::Proxy`](crate::proxy::Proxy). It works on streams, not on packets: the TCP handshake with itself stays as fast
/// as loopback is.
#[derive(Debug, Clone, Copy)]
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
}

/// Bytes that may be on their way in one direction, in blocks.
const BLOCKS_MAX: usize = 1024;
const BLOCK_BYTES: usize = 16 * 1024;

impl Proxy {
    /// Starts as a task of the current runtime.
    pub(super) fn start(upstream: SocketAddr, impairment: Impairment) -> Result<Self, LabError> {
        let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port(&listener)));
        serve(listener, move |client| relay(client, upstream, impairment));
        Ok(Self { address })
    }
}

async fn relay(mut client: TcpStream, upstream: SocketAddr, impairment: Impairment) -> io::Result<()> {
    let mut server = TcpStream::connect(upstream).await?;
    server.set_nodelay(true)?;
    let ended = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let up = pipe(from_client, to_server, Impairment { delay_ms: impairment.delay_ms, ..Impairment::default() });
        let down = pipe(from_server, to_client, impairment);
        tokio::pin!(up, down);
        tokio::select! {
            // The client has said everything; the answer may still come.
            ended = &mut up => if ended? == End::Closed { down.await } else { Ok(End::Closed) },
            ended = &mut down => ended,
        }
    };
    if ended? == End::Reset { client.set_zero_linger() } else { Ok(()) }
}

/// How one direction ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Closed,
    Reset,
}

async fn pipe(from: impl AsyncRead + Unpin, to: impl AsyncWrite + Unpin, impairment: Impairment) -> io::Result<End> {
    let (blocks, delayed) = mpsc::channel(BLOCKS_MAX);
    let (taking, giving) = (take(from, blocks, impairment), give(to, delayed, impairment));
    tokio::pin!(taking, giving);
    tokio::select! {
        ended = &mut giving => ended,
        taken = &mut taking => {
            taken?;
            giving.await
        }
    }
}

/// Takes blocks, and notes when each is due at the other end.
async fn take(
    mut from: impl AsyncRead + Unpin,
    blocks: mpsc::Sender<(Instant, Vec<u8>)>,
    impairment: Impairment,
) -> io::Result<()> {
    loop {
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        if from.read_buf(&mut block).await? == 0 {
            return Ok(());
        }
        let due = Instant::now() + Duration::from_millis(impairment.delay_ms);
        if blocks.send((due, block)).await.is_err() {
            return Ok(());
        }
    }
}

/// Gives blocks on when they are due, no faster than the pipe is wide.
async fn give(
    mut to: impl AsyncWrite + Unpin,
    mut blocks: mpsc::Receiver<(Instant, Vec<u8>)>,
    impairment: Impairment,
) -> io::Result<End> {
    let mut given = 0_u64;
    while let Some((due, block)) = blocks.recv().await {
        tokio::time::sleep_until(due).await;
        let limits = [impairment.reset_after_bytes, impairment.silent_after_bytes].into_iter().flatten();
        let room = limits.map(|limit| limit - given).min().unwrap_or(u64::MAX);
        let fits = usize::try_from(room).unwrap_or(usize::MAX).min(block.len());
        if let Some(rate) = impairment.bytes_per_s.filter(|rate| *rate > 0) {
            // A block is there when its last byte is.
            tokio::time::sleep(Duration::from_secs_f64(fits as f64 / rate as f64)).await;
        }
        to.write_all(&block[..fits]).await?;
        given += fits as u64;
        if Some(given) == impairment.reset_after_bytes {
            tokio::time::sleep(BEFORE_RESET).await;
            return Ok(End::Reset);
        }
        if Some(given) == impairment.silent_after_bytes {
            std::future::pending::<()>().await;
        }
    }
    to.shutdown().await?;
    Ok(End::Closed)
}
