//! Servers of DNS over HTTPS that lie about everything that HTTP lets them lie about.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::stream;
use hickory_proto::op::Message;
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record};
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use netprobe::dns::{DnsError, Failure};
use netprobe::names::{Family, Method, Resolution, Resolver, ResolverOptions, Source, Upstream};
use netprobe::tls::Roots;
use netprobe::{Clock, Error};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Long enough on any machine, however busy.
const AGES_MS: u64 = 600_000;

const HOST: &str = "dns.liar.test";

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// How a server answers a query that it has understood.
type Lie = fn(Message) -> Answer;

/// A server, and a resolver that asks it and trusts its certificate, which is for `HOST`.
async fn server(protocols: &[&str], lie: Lie) -> (SocketAddr, Roots) {
    let identity = rcgen::generate_simple_self_signed(vec![HOST.to_owned()]).expect("a certificate");
    let key = rustls_pki_types::PrivateKeyDer::try_from(identity.signing_key.serialize_der()).expect("a key");
    let mut config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![identity.cert.der().clone()], key)
        .expect("a configuration");
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("an address");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await.ok()?;
                let service = service_fn(move |request| async move { Ok::<_, Infallible>(lie(asked(&request))) });
                let http = http2::Builder::new(TokioExecutor::new());
                http.serve_connection(TokioIo::new(stream), service).await.ok()
            });
        }
    });
    (address, Roots::Pem(identity.cert.pem().into_bytes()))
}

fn asked(request: &Request<Incoming>) -> Message {
    let query = request.uri().query().and_then(|query| query.strip_prefix("dns=")).expect("a query");
    Message::from_vec(&URL_SAFE_NO_PAD.decode(query).expect("base64")).expect("a message")
}

fn resolver(address: SocketAddr, roots: Roots, host: &str, timeout_ms: u64) -> Resolver {
    let url = format!("https://{host}:{}/dns-query#{}", address.port(), address.ip());
    let method = Method::Resolver(Some(url.parse::<Upstream>().expect("a resolver")));
    let options =
        ResolverOptions { method, timeout_ms, family: Family::V4, machine: None, roots, ..Default::default() };
    Resolver::new(options)
}

async fn resolve(resolver: &Resolver) -> Resolution {
    resolver.resolve("www.liar.test", &Clock::start()).await
}

async fn resolve_at(lie: Lie) -> Resolution {
    let (address, roots) = server(&["h2"], lie).await;
    resolve(&resolver(address, roots, HOST, AGES_MS)).await
}

/// The right answer.
fn truth(query: Message) -> Message {
    let name = query.queries[0].name().clone();
    let mut response = query.into_response();
    response.add_answer(Record::from_rdata(name, 300, RData::A(A::new(192, 0, 2, 1))));
    response
}

fn bytes(message: &Message) -> Bytes {
    Bytes::from(message.to_vec().expect("bytes"))
}

/// An answer as it should be, but for what the test adds to its head.
fn answer(head: &[(&'static str, &'static str)], body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body).boxed_unsync());
    for (name, value) in [("content-type", "application/dns-message")].iter().chain(head) {
        answer.headers_mut().insert(*name, http::HeaderValue::from_static(value));
    }
    answer
}

fn failure(found: &Resolution) -> &Failure {
    let Some(Error::Dns(DnsError::NoUsableResolver { tried })) = &found.error else { panic!("{found:?}") };
    &tried[0].failure
}

fn ttl(found: &Resolution) -> u32 {
    assert_eq!((found.error.clone(), &found.source), (None, &Source::Resolver));
    found.stub.as_ref().expect("what the resolver said").records[0].ttl
}

#[tokio::test]
async fn time_spent_in_caches_on_the_way_is_over() {
    assert_eq!(ttl(&resolve_at(|query| answer(&[], bytes(&truth(query)))).await), 300);
    assert_eq!(ttl(&resolve_at(|query| answer(&[("age", "100")], bytes(&truth(query)))).await), 200);
    assert_eq!(ttl(&resolve_at(|query| answer(&[("age", "99999999999")], bytes(&truth(query)))).await), 0);
    assert_eq!(ttl(&resolve_at(|query| answer(&[("age", "-5")], bytes(&truth(query)))).await), 300, "no number");
    let (address, roots) = server(&["h2"], |query| answer(&[("age", "300")], bytes(&truth(query)))).await;
    let resolver = resolver(address, roots, HOST, AGES_MS);
    assert_eq!(resolve(&resolver).await.error, None);
    assert_eq!(resolve(&resolver).await.source, Source::Resolver, "there was nothing left to keep it for");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let found = resolve_at(|query| {
        let mut answer = answer(&[("location", "https://192.0.2.1/")], bytes(&truth(query)));
        *answer.status_mut() = http::StatusCode::TEMPORARY_REDIRECT;
        answer
    });
    assert_eq!(*failure(&found.await), Failure::Status { status: 307 });
}

#[tokio::test]
async fn a_truncated_answer_is_no_denial() {
    let found = resolve_at(|query| {
        let mut half = query.into_response();
        half.metadata.truncation = true;
        answer(&[], bytes(&half))
    });
    let reason = "truncated, and that over HTTPS".to_owned();
    assert_eq!(*failure(&found.await), Failure::Malformed { reason });
}

#[tokio::test]
async fn lengths_that_are_lies_are_found_out() {
    let short = |query: Message| {
        let body = bytes(&truth(query));
        answer(&[("content-length", "7")], body)
    };
    assert!(matches!(failure(&resolve_at(short).await), Failure::Cut { .. }));
    let cut = |query: Message| {
        let body = bytes(&truth(query));
        answer(&[], body.slice(..body.len() - 3))
    };
    assert!(matches!(failure(&resolve_at(cut).await), Failure::Malformed { .. }));
    assert!(matches!(failure(&resolve_at(|_| answer(&[], Bytes::new())).await), Failure::Malformed { .. }));
    // The query itself comes back.
    assert!(matches!(failure(&resolve_at(|query| answer(&[], bytes(&query))).await), Failure::Malformed { .. }));
}

#[tokio::test]
async fn a_type_that_is_almost_right_is_wrong() {
    let json = resolve_at(|query| answer(&[("content-type", "application/dns-json")], bytes(&truth(query)))).await;
    assert_eq!(*failure(&json), Failure::ContentType { content_type: "application/dns-json".to_owned() });
    let longer =
        resolve_at(|query| answer(&[("content-type", "application/dns-messages")], bytes(&truth(query)))).await;
    assert!(matches!(failure(&longer), Failure::ContentType { .. }));
    let same = |query| answer(&[("content-type", "Application/DNS-Message ; charset=x")], bytes(&truth(query)));
    assert_eq!(ttl(&resolve_at(same).await), 300);
}

#[tokio::test]
async fn what_never_ends_ends_in_time() {
    // Frames with nothing in them, one after the other.
    let nothing = |_| {
        let frames = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Some((Ok(Frame::data(Bytes::new())), ()))
        });
        let mut answer = answer(&[], Bytes::new());
        *answer.body_mut() = StreamBody::new(frames).boxed_unsync();
        answer
    };
    let (address, roots) = server(&["h2"], nothing).await;
    let found = resolve(&resolver(address, roots, HOST, 1000)).await;
    // HTTP/2's own limit may be first.
    assert!(matches!(failure(&found), Failure::Silent { .. } | Failure::Cut { .. }), "{found:?}");
    let found = resolve_at(|query| {
        let mut answer = answer(&[], bytes(&truth(query)));
        answer.headers_mut().insert("x-bomb", http::HeaderValue::from_bytes(&[b'x'; 20_000]).expect("a value"));
        answer
    });
    assert!(matches!(failure(&found.await), Failure::Cut { .. }));
}

#[tokio::test]
async fn who_speaks_no_http2_is_told_apart() {
    let truthful = |query: Message| answer(&[], bytes(&truth(query)));
    let (address, roots) = server(&[], truthful).await;
    let found = resolve(&resolver(address, roots, HOST, AGES_MS)).await;
    assert_eq!(*failure(&found), Failure::NotHttp2 { agreed: None });
    let (address, roots) = server(&["http/1.1"], truthful).await;
    let found = resolve(&resolver(address, roots, HOST, AGES_MS)).await;
    assert!(matches!(found.error, Some(Error::Tls(_))), "{found:?}");
}

#[tokio::test]
async fn the_certificate_has_to_be_for_the_name_in_the_url() {
    let truthful = |query: Message| answer(&[], bytes(&truth(query)));
    let (address, roots) = server(&["h2"], truthful).await;
    for (host, good) in [(HOST, true), ("other.liar.test", false), ("127.0.0.1", false)] {
        let found = resolve(&resolver(address, roots.clone(), host, AGES_MS)).await;
        assert_eq!(found.error.is_none(), good, "{host}: {:?}", found.error);
        let queries = found.stub.as_ref().map(|stub| stub.queries.len());
        assert_eq!(queries, Some(usize::from(good)), "a stranger gets no question");
    }
}
