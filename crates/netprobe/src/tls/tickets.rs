//! The tickets that servers gave, and what they are good for.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustls::NamedGroup;
use rustls::client::{ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};

/// Servers whose tickets are remembered.
const SERVERS_MAX: usize = 256;

/// The tickets that came over a connection (RFC 8446, section 4.6.1; RFC 5077): each shortens one handshake to come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tickets {
    /// How many.
    pub count: u32,
    /// How many bytes the server says that it takes with the next ClientHello, before any handshake (0-RTT, RFC 8446, section 2.3);
    /// 0 if it takes nothing.
    pub early_data_bytes_max: u32,
}

/// What is known of one server.
#[derive(Debug, Default)]
struct Known {
    alpn: Option<String>,
    /// Those of the last connection.
    tickets: Tickets,
    /// What the last ticket allowed: those of earlier connections may not be used up.
    early_data_bytes_max: u32,
}

/// Remembers tickets as rustls does, and what to expect of the next handshake.
#[derive(Debug)]
pub(super) struct TicketStore {
    tickets: ClientSessionMemoryCache,
    known: Mutex<HashMap<String, Known>>,
}

impl TicketStore {
    pub(super) fn new() -> Self {
        Self { tickets: ClientSessionMemoryCache::new(SERVERS_MAX), known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, server: &ServerName<'_>, change: impl FnOnce(&mut Known)) {
        let mut known = self.known();
        let name = server.to_str();
        if known.len() >= SERVERS_MAX && !known.contains_key(&*name) {
            known.clear();
        }
        change(known.entry(name.into_owned()).or_default());
    }

    /// A handshake begins: tickets are counted from here.
    pub(super) fn begins(&self, server: &ServerName<'_>) {
        self.note(server, |known| known.tickets = Tickets::default());
    }

    /// A handshake has been done: what it agreed to speak is what early data has to be written in.
    pub(super) fn agreed(&self, server: &ServerName<'_>, alpn: Option<&str>) {
        self.note(server, |known| known.alpn = alpn.map(str::to_owned));
    }

    /// A handshake failed that had early data in it. The next one has to be without (RFC 8446, section D.3), and what the server gave
    /// when it took some says nothing about the server that is there now.
    pub(super) fn failed_early(&self, server: &ServerName<'static>) {
        self.note(server, |known| known.early_data_bytes_max = 0);
        while self.tickets.take_tls13_ticket(server).is_some() {}
    }

    /// The tickets that came since the last handshake began.
    pub(super) fn since(&self, server: &str) -> Tickets {
        self.known().get(server).map(|known| known.tickets).unwrap_or_default()
    }

    /// What the server would speak, if it would take early data.
    pub(super) fn early(&self, server: &str) -> Option<String> {
        let known = self.known();
        let known = known.get(server).filter(|known| known.early_data_bytes_max > 0)?;
        Some(known.alpn.clone().unwrap_or_default())
    }
}

impl ClientSessionStore for TicketStore {
    fn set_kx_hint(&self, server: ServerName<'static>, group: NamedGroup) {
        self.tickets.set_kx_hint(server, group);
    }

    fn kx_hint(&self, server: &ServerName<'_>) -> Option<NamedGroup> {
        self.tickets.kx_hint(server)
    }

    fn set_tls12_session(&self, server: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.note(&server, |known| known.tickets.count += 1);
        self.tickets.set_tls12_session(server, session);
    }

    fn tls12_session(&self, server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.tickets.tls12_session(server)
    }

    fn remove_tls12_session(&self, server: &ServerName<'static>) {
        self.tickets.remove_tls12_session(server);
    }

    fn insert_tls13_ticket(&self, server: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.note(&server, |known| {
            known.tickets.count += 1;
            known.tickets.early_data_bytes_max = ticket.max_early_data_size();
            known.early_data_bytes_max = ticket.max_early_data_size();
        });
        self.tickets.insert_tls13_ticket(server, ticket);
    }

    fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.tickets.take_tls13_ticket(server)
    }
}
