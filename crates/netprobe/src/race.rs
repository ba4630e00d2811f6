//! HTTP/3 beside HTTP over TCP (feature `h3`): the same request at the same time, both ways, each from its first packet.
//!
//! ```text
//!  TCP    SYN ► ◄ SYN-ACK   ClientHello ► ◄ ServerHello … Finished   GET ► ◄ 200        three round trips
//!  QUIC   ClientHello ► ◄ ServerHello … Finished   GET ► ◄ 200                         two: one handshake does for both
//! ```

mod quic;

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use url::Url;

use crate::report::Hop;
use crate::tcp::Wire;
use crate::tls::Ech;
use crate::url::{host, port};
use crate::{Clock, ConnectTo, Endpoint, Error, Override, Probe, Report, Session, Step};

/// What each of the two ways took: HTTP/3 (RFC 9114) over QUIC (RFC 9000), whose one handshake does for the connection and for TLS, and HTTP over
/// TCP. Both run at the same time, each from its first packet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Race {
    /// How HTTP/3 was found: `alt-svc`, or `HTTPS record`.
    pub found_by: String,
    /// The server of HTTP/3.
    pub address: SocketAddr,
    /// The request over QUIC. Its names were known already. Cipher suite and group are not told: quinn keeps rustls' session to itself,
    /// and passes on the protocol and the chain alone.
    pub quic: Hop,
    /// The same request over TCP.
    pub tcp: Hop,
}

impl Race {
    /// Which was done first, in a sentence.
    #[must_use]
    pub fn summary(&self) -> String {
        let took = |hop: &Hop| {
            let failed = hop.steps.iter().any(|step| step.error.is_some());
            let (first, last) = (hop.steps.first()?, hop.steps.last()?);
            (!failed).then(|| last.span.end_ns().saturating_sub(first.span.start_ns))
        };
        let show = crate::render::duration;
        match (took(&self.quic), took(&self.tcp)) {
            (Some(quic), Some(tcp)) => {
                let first = if quic < tcp { "HTTP/3 was faster" } else { "TCP was faster" };
                format!("{first}: {} over QUIC, {} over TCP", show(quic), show(tcp))
            }
            (None, Some(tcp)) => format!("HTTP/3 failed, and TCP answered after {}", show(tcp)),
            (Some(quic), None) => format!("TCP failed, and HTTP/3 answered after {}", show(quic)),
            (None, None) => "both ways failed".to_owned(),
        }
    }
}

/// Where HTTP/3 is, and who says so.
struct Offer {
    found_by: &'static str,
    host: String,
    port: u16,
}

/// What a report says of HTTP/3: the HTTPS record, which is there before the first visit, or else the answer's `alt-svc`.
fn offer(report: &Report, url: &Url) -> Option<Offer> {
    let hop = report.hops.last().filter(|_| url.scheme() == "https")?;
    let site = hop.resolution.as_ref().and_then(|resolution| resolution.site());
    let bindings = site.map(crate::dns::Site::bindings).unwrap_or_default();
    if let Some(binding) = bindings.into_iter().find(|binding| binding.alpn.iter().any(|name| name == "h3")) {
        let target = binding.target.trim_end_matches('.');
        let host = if target.is_empty() { host(url) } else { target };
        return Some(Offer {
            found_by: "HTTPS record",
            host: host.to_owned(),
            port: binding.port.unwrap_or(port(url)),
        });
    }
    let service = hop.exchange.as_ref()?.alt_svc.iter().find(|service| service.protocol == "h3")?;
    let (to_host, to_port) = service.authority.rsplit_once(':')?;
    let to_host = if to_host.is_empty() { host(url) } else { to_host };
    Some(Offer { found_by: "alt-svc", host: to_host.to_owned(), port: to_port.parse().ok()? })
}

impl Session {
    /// Requests once more, both ways, if the report says that there is HTTP/3. Only what changes nothing on the server is repeated.
    /// What was meant for the origin of the first request alone goes nowhere else, `is_first` says whether this is it.
    pub(crate) async fn race(&self, report: &Report, url: &Url, is_first: bool, clock: &Clock) -> Option<Race> {
        let probe = self.probe();
        let repeats = matches!(probe.http.method(), "GET" | "HEAD") && probe.http.body.is_none();
        // No proxy here carries UDP, and going past it is not what was asked for.
        let is_direct = probe.proxies.of(url).is_none() && probe.proxies.forwarder(url).is_none();
        // The first packet of QUIC has the host in it, which nobody encrypts here; nor do addresses that are known have keys with them.
        let is_open = probe.ech != Ech::Offered;
        let is_wanted = probe.http3 && repeats && is_direct && is_open;
        let offer = offer(report, url).filter(|_| is_wanted && report.error.is_none())?;
        // Both begin with addresses: what names take is told already.
        let mut names = Hop::default();
        let addresses = self.resolve((&offer.host, offer.port), false, &mut names, clock).await.ok()?;
        let address = SocketAddr::new(*addresses.first()?, offer.port);
        let (host, port) = (host(url).to_owned(), port(url));
        let over_tcp = self.resolve((&host, port), false, &mut names, clock).await.ok()?;
        let known = |address| Override { host: host.clone(), port, address };
        let mut rival = Probe { overrides: over_tcp.into_iter().map(known).collect(), ..probe.clone() };
        if let Some((endpoint, address)) = led_to(report.hops.last()?) {
            // Where the visit went.
            let (to_host, to_port) = (Some(endpoint.host.clone()), Some(endpoint.port));
            rival.connect_to.insert(0, ConnectTo { host: Some(host.clone()), port: Some(port), to_host, to_port });
            rival.overrides = vec![Override { host: endpoint.host.clone(), port: endpoint.port, address }];
        }
        if !is_first {
            rival.http = rival.http.for_another_origin();
        }
        let rival = Self::with_tls(rival, self.tls().forgetful());
        let (mut quic, mut tcp) =
            (Hop::new(report.hops.last()?.url.clone()), Hop::new(report.hops.last()?.url.clone()));
        tokio::join!(rival.over_quic(address, url, &mut quic, clock), rival.over_tcp(url, &mut tcp, clock));
        quic.steps.retain(|step| !is_names(step));
        tcp.steps.retain(|step| !is_names(step));
        tcp.connected_to = None;
        Some(Race { found_by: offer.found_by.to_owned(), address, quic, tcp })
    }

    async fn over_tcp(&self, url: &Url, hop: &mut Hop, clock: &Clock) {
        // What fails is in the hop's last step.
        let _: Result<(), Error> = async {
            // Its names are known: no record redirects it.
            let Some(stream) = self.reach(url, hop, clock).await? else { return Ok(()) };
            let (wire, passed) = Wire::new(stream);
            // Over QUIC nobody is told who we are, and so nobody here.
            let (mut channel, _) = self.secure(url, wire, false, hop, clock).await?;
            let (exchange, result) = channel.exchange(url, None, &self.probe().http).await;
            (hop.sent_bytes, hop.received_bytes) = passed.bytes();
            hop.steps.extend(exchange.steps(result.as_ref().err()));
            hop.exchange = Some(exchange);
            result
        }
        .await;
    }
}

/// The server that the site's HTTPS record led to.
fn led_to(hop: &Hop) -> Option<(&Endpoint, IpAddr)> {
    let followed = hop.followed.as_ref()?;
    Some((followed.endpoints.get(followed.used?)?, hop.connection.as_ref()?.peer?.ip()))
}

fn is_names(step: &Step) -> bool {
    step.phase == crate::Phase::Names
}
