//! Servers that break before or during the TLS handshake, each on an address of its own.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Fault;

/// Longer than any client waits.
const FOREVER: Duration = Duration::from_secs(3600);

/// A ServerHello of TLS 1.1: the version is 3.2, the suite ECDHE_RSA_WITH_AES_128_CBC_SHA.
fn old_server_hello() -> Vec<u8> {
    let mut body = vec![3, 2];
    body.extend([7; 32]);
    body.extend([0, 0xc0, 0x13, 0]);
    let mut message = vec![2, 0, 0, body.len() as u8];
    message.extend(body);
    let mut record = vec![22, 3, 2, 0, message.len() as u8];
    record.extend(message);
    record
}

pub(super) async fn connection(fault: Fault, mut stream: TcpStream) -> io::Result<()> {
    // The ClientHello.
    let mut hello = [0; 4096];
    if stream.read(&mut hello).await? == 0 {
        return Ok(());
    }
    match fault {
        Fault::ResetInHandshake => return stream.set_zero_linger(),
        Fault::OldTls => stream.write_all(&old_server_hello()).await?,
        Fault::NotTls => {
            let answer = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(answer).await?;
        }
        _ => tokio::time::sleep(FOREVER).await,
    }
    stream.shutdown().await?;
    // Until the client has read it: closing with unread input would reset the connection.
    while stream.read(&mut hello).await? > 0 {}
    Ok(())
}

/// An address whose SYNs are dropped: a listener that never accepts, with its queue full.
#[derive(Debug)]
pub(crate) struct SilentListener {
    _listener: Socket,
    _queued: Vec<Socket>,
}

/// Linux queues one connection more than the backlog of 0; the rest is for systems that round it up.
const QUEUED: usize = 4;

impl SilentListener {
    pub(super) fn new(address: SocketAddr) -> io::Result<Self> {
        let socket = || Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP));
        let listener = socket()?;
        listener.bind(&address.into())?;
        listener.listen(0)?;
        let mut queued = Vec::new();
        for _ in 0..QUEUED {
            let client = socket()?;
            client.set_nonblocking(true)?;
            // On loopback the handshake is done, or its SYN dropped, before this returns.
            let _ = client.connect(&address.into());
            queued.push(client);
        }
        Ok(Self { _listener: listener, _queued: queued })
    }
}
