//! The resolver behind TLS and HTTPS, and how it breaks there: the name that the client asks for in its ClientHello picks the fault.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::stream;
use hickory_proto::op::Message;
use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::server::Acceptor;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use url::Url;

use super::recursor::{Recursor, another_question, framed, read};
use crate::lab::ca::Authority;
use crate::lab::fault::{RESOLVER, ZONE};
use crate::lab::web::{listen, port, serve, server_config};
use crate::lab::{Fault, LabError};
use crate::names::MESSAGE;

/// Where the resolver is behind TLS.
#[derive(Debug, Clone)]
pub(in crate::lab) struct Secure {
    pub(in crate::lab) tls: SocketAddr,
    pub(in crate::lab) https: Url,
}

/// Starts both as tasks of the current runtime.
pub(super) fn start(recursor: &Arc<Recursor>, authority: &Authority) -> Result<Secure, LabError> {
    let [tls, https] = [listen(SocketAddr::from((RESOLVER, 0)))?, listen(SocketAddr::from((RESOLVER, 0)))?];
    let url = Url::parse(&format!("https://dns.{ZONE}:{}/dns-query", port(&https)));
    let wrong =
        |error: url::ParseError| LabError::Sign { what: "its resolver's URL".to_owned(), message: error.to_string() };
    let secure = Secure { tls: SocketAddr::from((RESOLVER, port(&tls))), https: url.map_err(wrong)? };
    let doors = Arc::new(Doors::new(authority, b"dot")?);
    let asked = Arc::clone(recursor);
    serve(tls, move |stream| over_tls(Arc::clone(&doors), Arc::clone(&asked), stream));
    let doors = Arc::new(Doors::new(authority, b"h2")?);
    let asked = Arc::clone(recursor);
    serve(https, move |stream| over_https(Arc::clone(&doors), Arc::clone(&asked), stream));
    Ok(secure)
}

/// Who one is to whom.
struct Doors {
    by_host: HashMap<String, (Arc<ServerConfig>, Fault)>,
    otherwise: Arc<ServerConfig>,
}

impl Doors {
    fn new(authority: &Authority, protocol: &[u8]) -> Result<Self, LabError> {
        let faults = Fault::ALL.into_iter().filter(|fault| fault.is_of_resolver());
        let names = faults.clone().map(Fault::host).chain([format!("dns.{ZONE}"), RESOLVER.to_string()]);
        let good = server_config(&authority.good(&names.collect::<Vec<_>>())?, &[protocol])?;
        let mut by_host = HashMap::new();
        for fault in faults {
            let own = match authority.bad(fault)? {
                Some(identity) => server_config(&identity, &[protocol])?,
                None => Arc::clone(&good),
            };
            by_host.insert(fault.host(), (own, fault));
        }
        Ok(Self { by_host, otherwise: good })
    }

    async fn accept(&self, stream: TcpStream) -> io::Result<(TlsStream<TcpStream>, Option<Fault>)> {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let hello = start.client_hello();
        let chosen = hello.server_name().and_then(|name| self.by_host.get(name));
        let (config, fault) = match chosen {
            Some((config, fault)) => (Arc::clone(config), Some(*fault)),
            None => (Arc::clone(&self.otherwise), None),
        };
        Ok((start.into_stream(config).await?, fault))
    }
}

async fn over_tls(doors: Arc<Doors>, recursor: Arc<Recursor>, stream: TcpStream) -> io::Result<()> {
    let (mut stream, fault) = doors.accept(stream).await?;
    if fault == Some(Fault::DotHangsUp) {
        read(&mut stream).await?;
        return tokio::io::AsyncWriteExt::shutdown(&mut stream).await;
    }
    framed(recursor, stream).await
}

async fn over_https(doors: Arc<Doors>, recursor: Arc<Recursor>, stream: TcpStream) -> io::Result<()> {
    let (stream, fault) = doors.accept(stream).await?;
    let service = service_fn(move |request| {
        let recursor = Arc::clone(&recursor);
        async move { Ok::<_, Infallible>(respond(fault, &recursor, &request).await) }
    });
    let served = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
    served.map_err(io::Error::other)
}

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

async fn respond(fault: Option<Fault>, recursor: &Recursor, request: &Request<Incoming>) -> Answer {
    let asked = request.uri().query().into_iter().flat_map(|query| query.split('&'));
    let asked = asked.filter_map(|pair| pair.strip_prefix("dns=")).find_map(|text| URL_SAFE_NO_PAD.decode(text).ok());
    let Some(query) = asked.and_then(|bytes| Message::from_vec(&bytes).ok()) else {
        return answer(StatusCode::BAD_REQUEST, "text/plain", Bytes::from_static(b"a query is missing"));
    };
    let mut response = recursor.answer(&query).await;
    match fault {
        Some(Fault::DohStatus) => {
            return answer(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", Bytes::from_static(b"out of order"));
        }
        Some(Fault::DohContentType) => {
            return answer(StatusCode::OK, "text/html", Bytes::from_static(b"<h1>Sign in to the network</h1>"));
        }
        Some(Fault::DohEndlessBody) => return endless(),
        Some(Fault::DohWrongId) => response.metadata.id ^= 0x5555,
        Some(Fault::DohWrongQuestion) => another_question(&mut response),
        _ => {}
    }
    answer(StatusCode::OK, MESSAGE, Bytes::from(response.to_vec().unwrap_or_default()))
}

fn answer(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body).boxed_unsync());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    answer
}

fn endless() -> Answer {
    let frames = stream::repeat_with(|| Ok(Frame::data(Bytes::from_static(&[0; 4096]))));
    let mut answer = Response::new(StreamBody::new(frames).boxed_unsync());
    answer.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(MESSAGE));
    answer
}
