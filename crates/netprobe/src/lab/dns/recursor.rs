//! The lab's resolver: it walks for others, checks signatures, and says in an extended error (RFC 8914) what is wrong with an answer
//! that it does not give.

use std::sync::Arc;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::CNAME;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::Mutex;

use super::serve::fit;
use crate::Clock;
use crate::dns::dnssec::{Bogus, Status};
use crate::dns::{Descent, DnsError, Ending, ExtendedError, UDP_PAYLOAD_MAX, Validation, Walker};
use crate::lab::web::accept;

/// It asks the lab's own authorities.
pub(super) struct Recursor {
    pub(super) walker: Walker,
}

impl Recursor {
    /// What it answers, after having asked.
    pub(super) async fn answer(&self, query: &Message) -> Message {
        let mut response = Message::new(query.metadata.id, MessageType::Response, OpCode::Query);
        response.metadata.recursion_desired = query.metadata.recursion_desired;
        response.metadata.recursion_available = true;
        response.queries = query.queries.clone();
        let Some(question) = query.queries.first() else {
            response.metadata.response_code = ResponseCode::FormErr;
            return response;
        };
        let mut walker = self.walker.clone();
        if query.metadata.checking_disabled {
            walker.validation = Validation::Report;
        }
        let found = walker.find(&question.name().to_lowercase(), question.query_type(), &Clock::start()).await;
        let mut edns = Edns::new();
        edns.set_max_payload(UDP_PAYLOAD_MAX).set_version(0);
        match found {
            Ok(descent) => fill(&mut response, descent),
            Err(error) => {
                response.metadata.response_code = ResponseCode::ServFail;
                edns.options_mut().insert(ExtendedError::option(code(&error), &error.to_string()));
            }
        }
        if query.edns.is_some() {
            response.set_edns(edns);
        }
        response
    }
}

fn fill(response: &mut Message, descent: Descent) {
    response.metadata.authentic_data = descent.status == Status::Secure;
    let parse = |text: &str| Name::from_ascii(text).unwrap_or_else(|_| Name::root());
    for alias in &descent.aliases {
        let target = RData::CNAME(CNAME(parse(&alias.target)));
        response.add_answer(Record::from_rdata(parse(&alias.name), alias.ttl, target));
    }
    let denied = match descent.end {
        Ending::Records(records) => {
            response.add_answers(records);
            None
        }
        Ending::NoData(_, soa) => soa,
        Ending::NoSuchName(_, soa) => {
            response.metadata.response_code = ResponseCode::NXDomain;
            soa
        }
    };
    response.add_authorities(denied.map(|soa| Record::from_rdata(soa.zone, soa.ttl, RData::SOA(soa.soa))));
}

/// The extended error that comes closest.
fn code(error: &DnsError) -> u16 {
    match error {
        DnsError::Bogus(Bogus::SignatureExpired { .. }) => 7,
        DnsError::Bogus(Bogus::SignatureNotYetValid { .. }) => 8,
        DnsError::Bogus(Bogus::SignatureMissing { .. }) => 10,
        DnsError::Bogus(Bogus::NoMatchingDs { .. } | Bogus::NoKeys { .. }) => 9,
        DnsError::Bogus(Bogus::ProofMissing { .. }) => 12,
        DnsError::Bogus(_) => 6,
        DnsError::NoUsableServer { .. } => 22,
        _ => 0,
    }
}

/// Answers datagrams for as long as the runtime lives.
pub(super) async fn datagrams(recursor: Arc<Recursor>, socket: UdpSocket) {
    let socket = Arc::new(socket);
    let mut buffer = vec![0; 4096];
    loop {
        let Ok((length, client)) = socket.recv_from(&mut buffer).await else { continue };
        let Some(query) = buffer.get(..length).and_then(|bytes| Message::from_vec(bytes).ok()) else { continue };
        let (recursor, socket) = (Arc::clone(&recursor), Arc::clone(&socket));
        tokio::spawn(async move {
            let response = recursor.answer(&query).await;
            let _ = socket.send_to(&fit(&response, &query), client).await;
        });
    }
}

/// Answers connections for as long as the runtime lives.
pub(super) async fn connections(recursor: Arc<Recursor>, listener: TcpListener) {
    loop {
        let stream = accept(&listener).await;
        let _ = stream.set_nodelay(true);
        tokio::spawn(framed(Arc::clone(&recursor), stream));
    }
}

/// Answers on a connection, each query as soon as its answer is known: the order is that of the answers (RFC 7766, section 7).
pub(super) async fn framed<S>(recursor: Arc<Recursor>, stream: S) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (mut reader, writer) = tokio::io::split(stream);
    let writer = Arc::new(Mutex::new(writer));
    loop {
        let query = read(&mut reader).await?;
        let Ok(query) = Message::from_vec(&query) else { return Ok(()) };
        let (recursor, writer) = (Arc::clone(&recursor), Arc::clone(&writer));
        tokio::spawn(async move {
            let response = recursor.answer(&query).await.to_vec().map_err(std::io::Error::other)?;
            let length = u16::try_from(response.len()).map_err(std::io::Error::other)?;
            let mut writer = writer.lock().await;
            writer.write_all(&[&length.to_be_bytes(), response.as_slice()].concat()).await?;
            writer.flush().await
        });
    }
}

/// A message with its length in front.
pub(super) async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// What is wrong with a question's answer when the server talks about another one.
pub(super) fn another_question(response: &mut Message) {
    for question in &mut response.queries {
        question.set_name(Name::from_ascii("another.test.").unwrap_or_else(|_| Name::root()));
        question.set_query_type(RecordType::A);
    }
}
