//! Proxies of the lab: one that speaks HTTP, one that speaks SOCKS 5, and one for each way in which they break.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;
use url::Url;

use super::hosts::Host;
use super::web::{listen, port, serve};
use super::{Fault, LabError};
use crate::proxy;

/// Where each listens.
#[derive(Debug)]
pub(super) struct ProxyServers {
    http: SocketAddr,
    socks: SocketAddr,
    hangs_up: SocketAddr,
    short_reply: SocketAddr,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Http,
    Socks,
    HangsUp,
    ShortReply,
}

/// More than the head of any request here.
const HEAD_BYTES_MAX: usize = 64 * 1024;

type Names = Arc<HashMap<String, IpAddr>>;

impl ProxyServers {
    /// Starts them as tasks of the current runtime. They know the lab's names.
    pub(super) fn start(hosts: &[Host]) -> Result<Self, LabError> {
        let first = |host: &Host| host.addresses.first().map(|address| (host.name.clone(), *address));
        let names: Names = Arc::new(hosts.iter().filter_map(first).collect());
        let start = |kind, last| {
            let listener = listen(SocketAddr::from((Ipv4Addr::new(127, 0, 3, last), 0)))?;
            let address = SocketAddr::from((Ipv4Addr::new(127, 0, 3, last), port(&listener)));
            let names = Arc::clone(&names);
            serve(listener, move |client| connection(kind, client, Arc::clone(&names)));
            Ok::<_, LabError>(address)
        };
        Ok(Self {
            http: start(Kind::Http, 1)?,
            socks: start(Kind::Socks, 2)?,
            hangs_up: start(Kind::HangsUp, 3)?,
            short_reply: start(Kind::ShortReply, 4)?,
        })
    }

    pub(super) fn http(&self) -> proxy::Proxy {
        proxy(proxy::Kind::Http, self.http)
    }

    pub(super) fn socks(&self) -> proxy::Proxy {
        proxy(proxy::Kind::Socks5h, self.socks)
    }

    /// The proxy that shows a fault, if it is one of a proxy.
    pub(super) fn broken(&self, fault: Fault) -> Option<proxy::Proxy> {
        match fault {
            Fault::ProxyHangsUp => Some(proxy(proxy::Kind::Http, self.hangs_up)),
            Fault::SocksShortReply => Some(proxy(proxy::Kind::Socks5h, self.short_reply)),
            _ => None,
        }
    }
}

fn proxy(kind: proxy::Kind, address: SocketAddr) -> proxy::Proxy {
    proxy::Proxy { kind, host: address.ip().to_string(), port: address.port(), credentials: None }
}

async fn connection(kind: Kind, client: TcpStream, names: Names) -> io::Result<()> {
    match kind {
        Kind::Http => http(client, &names).await,
        Kind::Socks => socks(client, &names, false).await,
        Kind::ShortReply => socks(client, &names, true).await,
        Kind::HangsUp => hang_up(client).await,
    }
}

/// Hears what is asked, and closes the connection.
async fn hang_up(mut client: TcpStream) -> io::Result<()> {
    read_head(&mut client).await?;
    client.shutdown().await
}

/// A tunnel for CONNECT; any other request is passed on with the target that its server expects.
async fn http(mut client: TcpStream, names: &Names) -> io::Result<()> {
    let (head, rest) = read_head(&mut client).await?;
    let (line, fields) = head.split_once("\r\n").ok_or(io::ErrorKind::InvalidData)?;
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (authority, passed_on) = if method == "CONNECT" {
        (target.to_owned(), Vec::new())
    } else {
        let url = Url::parse(target).map_err(io::Error::other)?;
        let authority = format!("{}:{}", crate::url::host(&url), crate::url::port(&url));
        let path = &url[url::Position::BeforePath..];
        let is_kept = |field: &&str| !field.is_empty() && !field.to_ascii_lowercase().starts_with("proxy-");
        let fields: String = fields.split("\r\n").filter(is_kept).map(|field| format!("{field}\r\n")).collect();
        let head = format!("{method} {path} HTTP/1.1\r\n{fields}via: 1.1 lab\r\nconnection: close\r\n\r\n");
        (authority, [head.into_bytes(), rest].concat())
    };
    let (host, port) = authority.rsplit_once(':').ok_or(io::ErrorKind::InvalidData)?;
    let Ok(mut server) = connect(host, port.parse().unwrap_or_default(), names).await else {
        return client.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").await;
    };
    if method == "CONNECT" {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    }
    server.write_all(&passed_on).await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

/// RFC 1928, without credentials.
async fn socks(mut client: TcpStream, names: &Names, is_short: bool) -> io::Result<()> {
    let [_, methods] = read(&mut client).await?;
    client.read_exact(&mut vec![0; methods.into()]).await?;
    client.write_all(&[5, 0]).await?;
    let [_, _, _, kind] = read(&mut client).await?;
    let host = match kind {
        1 => Ipv4Addr::from(read::<4>(&mut client).await?).to_string(),
        4 => std::net::Ipv6Addr::from(read::<16>(&mut client).await?).to_string(),
        _ => {
            let [length] = read(&mut client).await?;
            let mut name = vec![0; length.into()];
            client.read_exact(&mut name).await?;
            String::from_utf8_lossy(&name).into_owned()
        }
    };
    let port = u16::from_be_bytes(read(&mut client).await?);
    if is_short {
        // A name of 255 bytes, of which two come.
        client.write_all(&[5, 0, 0, 3, 255, b'a', b'b']).await?;
        return client.shutdown().await;
    }
    let server = connect(&host, port, names).await;
    let reply = if server.is_ok() { 0 } else { 4 };
    client.write_all(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    copy_bidirectional(&mut client, &mut server?).await.map(drop)
}

async fn connect(host: &str, port: u16, names: &Names) -> io::Result<TcpStream> {
    let address = names.get(host).copied().or_else(|| host.parse().ok()).ok_or(io::ErrorKind::NotFound)?;
    let stream = TcpStream::connect((address, port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn read<const N: usize>(client: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// The head of a request without its last empty line, and what has come behind it.
async fn read_head(client: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            bytes.truncate(end + 2);
            return Ok((String::from_utf8_lossy(&bytes).into_owned(), rest));
        }
        if bytes.len() > HEAD_BYTES_MAX || client.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
