//! How connections are made, and to whom.

use std::net::IpAddr;

use super::TcpError;
use crate::AddressSpace;

/// How connections are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectOptions {
    /// How long one attempt runs alone before the next begins: RFC 8305's Connection Attempt Delay.
    pub attempt_delay_ms: u64,
    /// How long all attempts together may take.
    pub timeout_ms: u64,
    /// Where the page is whose server asks, if one does: addresses that are more private are not connected to
    /// ([`AddressSpace::may_ask`]). With [`AddressSpace::Public`] nothing but the internet is.
    pub asked_from: Option<AddressSpace>,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self { attempt_delay_ms: 250, timeout_ms: 10_000, asked_from: None }
    }
}

impl ConnectOptions {
    /// Whether an address may be connected to.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        self.asked_from.is_none_or(|from| from.may_ask(AddressSpace::of(address)))
    }

    /// Whether one of these addresses may be connected to, if there are any.
    ///
    /// # Errors
    /// [`TcpError::MorePrivate`], with the first address.
    pub fn check(&self, host: &str, addresses: &[IpAddr]) -> Result<(), TcpError> {
        let (Some(&address), Some(from)) = (addresses.first(), self.asked_from) else { return Ok(()) };
        if addresses.iter().any(|address| self.allows(*address)) {
            return Ok(());
        }
        Err(TcpError::MorePrivate { host: host.to_owned(), address, space: AddressSpace::of(address), from })
    }
}
