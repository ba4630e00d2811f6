//! What the kernel knows about a connection: Linux's `TCP_INFO`.

use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

/// What the kernel measured of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpInfo {
    /// The smoothed round trip, in microseconds.
    pub rtt_us: u32,
    /// How much it varies, in microseconds.
    pub rtt_variance_us: u32,
    /// Segments sent again, since the start.
    pub retransmits: u32,
    /// The largest segment that is sent, in bytes.
    pub send_mss_bytes: u32,
    /// The largest segment that has come, in bytes.
    pub receive_mss_bytes: u32,
    /// How many segments may be on their way unacknowledged.
    pub congestion_window_segments: u32,
    /// The largest packet that the path carries, in bytes.
    pub path_mtu_bytes: u32,
}

/// What the kernel knows about a connection, or `None` where it does not tell: only Linux does so here.
#[must_use]
#[cfg(not(target_os = "linux"))]
pub fn tcp_info(_stream: &TcpStream) -> Option<TcpInfo> {
    None
}

/// What the kernel knows about a connection, or `None` where it does not tell.
#[must_use]
#[cfg(target_os = "linux")]
pub fn tcp_info(stream: &TcpStream) -> Option<TcpInfo> {
    use std::os::fd::AsRawFd;

    let mut length = libc::socklen_t::try_from(size_of::<libc::tcp_info>()).ok()?;
    // SAFETY: `tcp_info` is a C struct of integers alone, for which all bits zero are a value.
    #[expect(unsafe_code)]
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    // SAFETY: the descriptor belongs to `stream`, which is borrowed and so open for the whole call. The kernel writes at most
    // `length` bytes to `info`, which is that long and borrowed by nobody else, and writes the number of bytes to `length`. A
    // kernel that knows fewer fields than libc writes fewer; the rest stays zero.
    #[expect(unsafe_code)]
    let status = unsafe {
        libc::getsockopt(stream.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, (&raw mut info).cast(), &raw mut length)
    };
    (status == 0).then_some(TcpInfo {
        rtt_us: info.tcpi_rtt,
        rtt_variance_us: info.tcpi_rttvar,
        retransmits: info.tcpi_total_retrans,
        send_mss_bytes: info.tcpi_snd_mss,
        receive_mss_bytes: info.tcpi_rcv_mss,
        congestion_window_segments: info.tcpi_snd_cwnd,
        path_mtu_bytes: info.tcpi_pmtu,
    })
}
