//! A name server on UDP and TCP, honest or not.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hickory_proto::dnssec::rdata::DNSSECRData;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, NS};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::authority::answer;
use super::zone::{TTL, Zone};
use crate::lab::web::accept;

/// The largest datagram for somebody who did not say how much fits (RFC 1035, section 4.2.1).
const PLAIN_DATAGRAM: u16 = 512;

/// How many queries are remembered whose first datagram was lost.
const LOST_MAX: usize = 10_000;

/// How a server lies about a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lie {
    /// It points back up to the root.
    Lame,
    /// SERVFAIL.
    ServFail,
    /// It says nothing.
    Silent,
    /// It says nothing to those who ask for an HTTPS record.
    SilentAboutSites,
    /// On UDP, half an answer, which is wrong.
    Truncated,
    /// First a forgery with another ID.
    WrongId,
    /// First a forgery from another port.
    WrongSource,
    /// It answers in small letters.
    WrongCase,
    /// Bytes that are no message behind a good header.
    Malformed,
    /// Addresses of servers that are not its to give.
    ForeignGlue,
    /// It leaves out the proof.
    NoProof,
    /// The first datagram of every query is lost.
    Lost,
    /// It denies this very name, under which there are others.
    DeniesBetween,
    /// Its addresses are not those that were signed, and its keys not signed at all.
    Forged,
}

/// A name server: what it serves, and where it lies.
pub(super) struct Server {
    pub(super) zones: Vec<Arc<Zone>>,
    /// About names at or below these.
    pub(super) lies: Vec<(Name, Lie)>,
}

/// What is in forged answers.
pub(super) const FORGED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 66);

impl Server {
    fn lie(&self, query: &Message) -> Option<Lie> {
        let name = query.queries.first()?.name();
        let told = |(below, lie): &&(Name, Lie)| below.zone_of(name) && (*lie != Lie::DeniesBetween || below == name);
        self.lies.iter().find(told).map(|(_, lie)| *lie)
    }

    fn is_silent(&self, query: &Message) -> bool {
        let is_for_site = query.queries.first().is_some_and(|question| question.query_type() == RecordType::HTTPS);
        match self.lie(query) {
            Some(Lie::Silent) => true,
            Some(Lie::SilentAboutSites) => is_for_site,
            _ => false,
        }
    }

    /// An answer as it goes over TCP.
    fn answer(&self, query: &Message) -> Message {
        let zones: Vec<&Zone> = self.zones.iter().map(AsRef::as_ref).collect();
        let mut response = answer(&zones, query);
        match self.lie(query) {
            Some(Lie::Lame) => {
                response.answers.clear();
                response.metadata.authoritative = false;
                response.metadata.response_code = ResponseCode::NoError;
                let up = Name::from_ascii("a.root.test.").unwrap_or_else(|_| Name::root());
                response.authorities = vec![Record::from_rdata(Name::root(), TTL, RData::NS(NS(up)))];
            }
            Some(Lie::ServFail) => {
                response.answers.clear();
                response.authorities.clear();
                response.metadata.response_code = ResponseCode::ServFail;
            }
            Some(Lie::ForeignGlue) => {
                let foreign = response.authorities.iter().filter_map(|record| match &record.data {
                    RData::NS(server) => Some(Record::from_rdata(server.0.clone(), TTL, RData::A(A(FORGED)))),
                    _ => None,
                });
                response.additionals = foreign.collect();
            }
            Some(Lie::NoProof) => {
                let proofs = [RecordType::NSEC, RecordType::NSEC3, RecordType::RRSIG];
                response.authorities.retain(|record| !proofs.contains(&record.record_type()));
            }
            Some(Lie::Forged) => {
                response.answers.retain(|record| !is_signature_of_keys(record));
                for record in response.answers.iter_mut().filter(|record| record.record_type() == RecordType::A) {
                    record.data = RData::A(A(FORGED));
                }
            }
            Some(Lie::DeniesBetween) => response.metadata.response_code = ResponseCode::NXDomain,
            Some(Lie::WrongCase) => {
                for question in &mut response.queries {
                    let small = question.name().to_lowercase();
                    question.set_name(small);
                }
            }
            _ => {}
        }
        response
    }

    /// What goes back in datagrams, and from a strange port first.
    fn datagrams(&self, query: &Message) -> (Option<Vec<u8>>, Vec<Vec<u8>>) {
        let response = self.answer(query);
        let bytes = |message: &Message| message.to_vec().unwrap_or_default();
        let forged = || {
            let mut forged = response.clone();
            forged.answers = query.queries.iter().map(forge).collect();
            forged
        };
        match self.lie(query) {
            _ if self.is_silent(query) => (None, Vec::new()),
            Some(Lie::Truncated) => {
                let mut half = forged();
                half.metadata.truncation = true;
                (None, vec![bytes(&half)])
            }
            Some(Lie::WrongId) => {
                let mut other = forged();
                other.metadata.id ^= 0x5555;
                (None, vec![bytes(&other), fit(&response, query)])
            }
            Some(Lie::WrongSource) => (Some(bytes(&forged())), vec![fit(&response, query)]),
            Some(Lie::Malformed) => {
                let mut cut = bytes(&response);
                cut.truncate(cut.len().saturating_sub(3));
                (None, vec![cut])
            }
            _ => (None, vec![fit(&response, query)]),
        }
    }
}

fn forge(question: &hickory_proto::op::Query) -> Record {
    Record::from_rdata(question.name().clone(), TTL, RData::A(A(FORGED)))
}

fn is_signature_of_keys(record: &Record) -> bool {
    matches!(&record.data, RData::DNSSEC(DNSSECRData::RRSIG(signature))
        if signature.input().type_covered == RecordType::DNSKEY)
}

/// The response, or only its head if it does not fit (RFC 2181, section 9).
pub(super) fn fit(response: &Message, query: &Message) -> Vec<u8> {
    let limit = query.edns.as_ref().map_or(PLAIN_DATAGRAM, |edns| edns.max_payload().max(PLAIN_DATAGRAM));
    match response.to_vec() {
        Ok(bytes) if bytes.len() <= usize::from(limit) => bytes,
        _ => response.truncate().to_vec().unwrap_or_default(),
    }
}

/// Answers datagrams for as long as the runtime lives.
pub(super) async fn datagrams(server: Arc<Server>, socket: UdpSocket) {
    let mut buffer = vec![0; 4096];
    let mut stranger: Option<UdpSocket> = None;
    let mut lost = HashSet::new();
    loop {
        let Ok((length, client)) = socket.recv_from(&mut buffer).await else { continue };
        let Some(query) = buffer.get(..length).and_then(|bytes| Message::from_vec(bytes).ok()) else { continue };
        if server.lie(&query) == Some(Lie::Lost) {
            if lost.len() >= LOST_MAX {
                lost.clear();
            }
            if lost.insert((client, query.metadata.id)) {
                continue;
            }
        }
        let (strange, own) = server.datagrams(&query);
        if let Some(bytes) = strange {
            if stranger.is_none() {
                stranger = UdpSocket::bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)).await.ok();
            }
            if let Some(stranger) = &stranger {
                let _ = stranger.send_to(&bytes, client).await;
            }
        }
        for bytes in own {
            let _ = socket.send_to(&bytes, client).await;
        }
    }
}

/// Answers connections for as long as the runtime lives.
pub(super) async fn connections(server: Arc<Server>, listener: TcpListener) {
    loop {
        let stream = accept(&listener).await;
        tokio::spawn(connection(Arc::clone(&server), stream));
    }
}

async fn connection(server: Arc<Server>, mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    loop {
        let length = usize::from(stream.read_u16().await?);
        let mut bytes = vec![0; length];
        stream.read_exact(&mut bytes).await?;
        let Ok(query) = Message::from_vec(&bytes) else { return Ok(()) };
        if server.is_silent(&query) {
            continue;
        }
        let response = server.answer(&query).to_vec().map_err(std::io::Error::other)?;
        let length = u16::try_from(response.len()).map_err(std::io::Error::other)?;
        stream.write_all(&[&length.to_be_bytes(), response.as_slice()].concat()).await?;
    }
}
