//! The whole way, from text to bytes.

use std::net::IpAddr;

use crate::http::HttpOptions;
use crate::names::ResolverOptions;
use crate::path::PathOptions;
use crate::proxy::Proxies;
use crate::tcp::ConnectOptions;
use crate::tls::{Alpn, ClientIdentity, Ech, Roots};
use crate::{ConnectTo, Error, HttpsRecords, Report, Session};

/// How a URL is probed. Every field has a sensible default:
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let lab = netprobe::Lab::start()?;
/// let probe = netprobe::Probe { redirects_max: 3, ..lab.probe() };
/// let report = probe.run(&lab.url("/")).await;
/// assert!(report.error.is_none());
/// # Ok::<(), netprobe::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Probe {
    /// How names are resolved.
    pub names: ResolverOptions,
    /// Addresses that are known already, as with curl's `--resolve`.
    pub overrides: Vec<Override>,
    /// Connections that go somewhere else, as with curl's `--connect-to`: the first that is about a request decides. Where they
    /// go is looked up like any other name, in [`Self::overrides`] too.
    pub connect_to: Vec<ConnectTo>,
    /// What is done about the HTTPS record of a site, if [`ResolverOptions::https_records`] has it asked for.
    pub https_records: HttpsRecords,
    /// How connections are made.
    pub connect: ConnectOptions,
    /// Which proxies requests go through.
    pub proxies: Proxies,
    /// How long a proxy may take to answer.
    pub proxy_timeout_ms: u64,
    /// Whose signature makes a certificate good.
    pub roots: Roots,
    /// Who we are, if a server asks; as with curl's `--cert` and `--key`. Only the origin of the first URL is told: a redirect to
    /// another is followed without, and so is the race over HTTP/3.
    pub identity: Option<ClientIdentity>,
    /// Which protocols are offered inside TLS.
    pub alpn: Alpn,
    /// How long a TLS handshake may take.
    pub tls_timeout_ms: u64,
    /// Whether the host is hidden in the ClientHello (ECH); as with curl's `--ech`. Such requests are never early data.
    ///
    /// Where hiding is offered, the site's HTTPS record is waited for as long as its addresses are. If it cannot be had though it was
    /// asked for through TLS or in a signed zone, or if it is bogus, nobody is connected to:
    /// [`DnsError::SiteWithheld`](crate::dns::DnsError::SiteWithheld). If it was asked for in the clear, or there is none, the host is not
    /// hidden, and the report says so ([`EchOutcome::NoKeys`](crate::tls::EchOutcome::NoKeys)).
    ///
    /// The same where nobody is asked for it: through a proxy that resolves names itself (`http`, `socks5h`), where [`Self::connect_to`] or
    /// [`Self::overrides`] leads, where the hosts file has the address, and without [`ResolverOptions::https_records`]. HTTP/3, whose first
    /// packet would have the host in it, is not raced where hiding is offered.
    pub ech: Ech,
    /// Send a GET or HEAD without a body with the ClientHello, to servers that gave a ticket for that (0-RTT); as with curl's
    /// `--tls-earlydata`. Whoever records it may send it again, and the server answers twice. If the handshake fails with it, there is
    /// one more without.
    pub early_data: bool,
    /// How requests are made.
    pub http: HttpOptions,
    /// How many redirects are followed.
    pub redirects_max: usize,
    /// If a server says that it speaks HTTP/3, request once more, over QUIC and over TCP at the same time, when all else is done. Not where
    /// [`Self::ech`] offers to hide the host: over QUIC nothing does.
    #[cfg(feature = "h3")]
    pub http3: bool,
    /// Look for the path to the server, when all else is done.
    pub path: Option<PathOptions>,
    /// How far away the server is, to set its round trip beside what the speed of light allows. What is no distance is ignored.
    pub distance_km: Option<f64>,
}

impl Default for Probe {
    fn default() -> Self {
        Self {
            names: ResolverOptions::default(),
            overrides: Vec::new(),
            connect_to: Vec::new(),
            https_records: HttpsRecords::default(),
            connect: ConnectOptions::default(),
            proxies: Proxies::default(),
            proxy_timeout_ms: 10_000,
            roots: Roots::default(),
            identity: None,
            alpn: Alpn::default(),
            tls_timeout_ms: 10_000,
            ech: Ech::Off,
            early_data: false,
            http: HttpOptions::default(),
            redirects_max: 10,
            #[cfg(feature = "h3")]
            http3: false,
            path: None,
            distance_km: None,
        }
    }
}

/// An address that is known already: `"www.google.com:443:192.0.2.1".parse()`, as curl's `--resolve` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// For this host,
    pub host: String,
    /// on this port,
    pub port: u16,
    /// this address.
    pub address: IpAddr,
}

impl std::str::FromStr for Override {
    type Err = String;

    /// Reads `HOST:PORT:ADDRESS`; an IPv6 address may be in brackets, and the host in any letters that a URL may have.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not HOST:PORT:ADDRESS");
        let mut parts = text.splitn(3, ':');
        let (Some(host), Some(port), Some(address)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        let address = address.strip_prefix('[').and_then(|address| address.strip_suffix(']')).unwrap_or(address);
        Ok(Self {
            host: url::Host::parse(host).map_err(|_| wrong())?.to_string(),
            port: port.parse().map_err(|_| wrong())?,
            address: address.parse().map_err(|_| wrong())?,
        })
    }
}

impl Probe {
    /// Does what a browser does with `url`, one step at a time, and tells how it went: also when it went wrong.
    ///
    /// Roots are read and the cryptography is warmed up before the clock starts. To probe often, [`Probe::open`] a session once.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O and timers on.
    pub async fn run(&self, url: &str) -> Report {
        match self.open() {
            Ok(session) => session.run(url).await,
            Err(error) => Report::unstarted(url, error, self.http.reveal_secrets),
        }
    }

    /// Reads the roots and warms up: what needs doing once for many runs.
    ///
    /// # Errors
    /// [`Error::Tls`] if there are no roots to trust.
    pub fn open(&self) -> Result<Session, Error> {
        Session::new(self.clone())
    }

    /// Gives every step the same time.
    #[must_use]
    pub fn with_timeout_ms(mut self, timeout_ms: u64) -> Self {
        self.names.timeout_ms = timeout_ms;
        self.connect.timeout_ms = timeout_ms;
        self.proxy_timeout_ms = timeout_ms;
        self.tls_timeout_ms = timeout_ms;
        self.http.wait_timeout_ms = timeout_ms;
        self.http.transfer_timeout_ms = timeout_ms;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_are_read_as_curl_reads_them() {
        let parsed: Result<Override, _> = "a.test:443:[::1]".parse();
        let expected = Override { host: "a.test".to_owned(), port: 443, address: "::1".parse().expect("an address") };
        assert_eq!(parsed, Ok(expected));
        let host = |text: &str| text.parse::<Override>().map(|known| known.host);
        assert_eq!(host("A.test:443:127.0.0.1").as_deref(), Ok("a.test"));
        assert_eq!(host("Bücher.test:443:127.0.0.1").as_deref(), Ok("xn--bcher-kva.test"));
        for wrong in ["a.test", "a.test:443", "a.test:x:127.0.0.1", "a.test:443:b.test", "a b:443:127.0.0.1"] {
            assert_eq!(wrong.parse::<Override>(), Err(format!("{wrong:?} is not HOST:PORT:ADDRESS")));
        }
    }
}
