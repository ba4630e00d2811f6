//! One packet with a short life, and the ICMP error that it comes to: from the error queue of its socket.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::{PathAnswer, PathReply};
use crate::{Clock, Span};

/// What the packet carries.
const PAYLOAD: &[u8] = b"netprobe: which way?";

/// Room for the error, who sent it, and what the kernel adds.
const CONTROL_BYTES: usize = 512;

/// ICMP's types and codes (RFC 792, RFC 4443).
const V4: Codes = Codes { time_exceeded: 11, unreachable: 3, port: 3 };
const V6: Codes = Codes { time_exceeded: 3, unreachable: 1, port: 4 };

struct Codes {
    time_exceeded: u8,
    unreachable: u8,
    port: u8,
}

/// Sends a packet that lives for so many hops, and waits for the error that it comes to, for as long as the caller does.
pub(super) async fn send(target: SocketAddr, ttl: u8, clock: &Clock) -> io::Result<PathReply> {
    let socket = Socket::new(Domain::for_address(target), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    match target {
        SocketAddr::V4(_) => {
            setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
            socket.set_ttl_v4(ttl.into())?;
        }
        SocketAddr::V6(_) => {
            setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?;
            socket.set_unicast_hops_v6(ttl.into())?;
        }
    }
    socket.connect(&target.into())?;
    let socket = UdpSocket::from_std(socket.into())?;
    let start_ns = clock.now_ns();
    socket.send(PAYLOAD).await?;
    loop {
        if let Some((from, says)) = socket.async_io(Interest::ERROR, || read(&socket)).await? {
            let span = Span::new(start_ns, clock.now_ns() - start_ns, 0);
            return Ok(PathReply { from, span, says });
        }
    }
}

/// The next error of the queue: who sent it, and what it says. `None` if it is this machine's own.
fn read(socket: &UdpSocket) -> io::Result<Option<(IpAddr, PathAnswer)>> {
    let mut control = [0; CONTROL_BYTES];
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut [], Some(&mut control), MsgFlags::MSG_ERRQUEUE)?;
    let found = message.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::Ipv4RecvErr(error, Some(from)) if error.ee_origin == libc::SO_EE_ORIGIN_ICMP => {
            let from = Ipv4Addr::from(u32::from_be(from.sin_addr.s_addr));
            Some((from.into(), V4.read(error.ee_type, error.ee_code)))
        }
        ControlMessageOwned::Ipv6RecvErr(error, Some(from)) if error.ee_origin == libc::SO_EE_ORIGIN_ICMP6 => {
            let from = Ipv6Addr::from(from.sin6_addr.s6_addr);
            Some((from.into(), V6.read(error.ee_type, error.ee_code)))
        }
        _ => None,
    });
    Ok(found)
}

impl Codes {
    fn read(&self, kind: u8, code: u8) -> PathAnswer {
        match (kind, code) {
            (kind, _) if kind == self.time_exceeded => PathAnswer::TimeExceeded,
            (kind, code) if kind == self.unreachable && code == self.port => PathAnswer::PortUnreachable,
            (kind, code) => PathAnswer::Unreachable { kind, code },
        }
    }
}
