//! Somebody in the middle who understands nothing of what is encrypted, and sends it twice all the same.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

/// More than a ClientHello and a request that goes with it.
const FLIGHT_BYTES_MAX: usize = 16 * 1024;

/// The client's first flight goes to the server twice: the copy first, and the original once that has been answered.
pub(super) async fn connection(mut client: TcpStream, upstream: SocketAddr) -> io::Result<()> {
    let mut flight = Vec::with_capacity(FLIGHT_BYTES_MAX);
    client.read_buf(&mut flight).await?;
    let mut copy = TcpStream::connect(upstream).await?;
    copy.write_all(&flight).await?;
    copy.read_buf(&mut Vec::with_capacity(1)).await?;
    let mut server = TcpStream::connect(upstream).await?;
    server.set_nodelay(true)?;
    server.write_all(&flight).await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}
