//! What the lab's healthy servers answer, over HTTP/1.1 and HTTP/2.

use std::convert::Infallible;
use std::io::{self, Write};
use std::sync::Arc;

use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, LOCATION, SET_COOKIE,
};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Body, Bytes, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::super::fault::ZONE;
use super::uploads;
use crate::Fault;

/// Where the web servers listen.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Ports {
    pub(in super::super) http: u16,
    pub(in super::super) https: u16,
}

pub(super) const PAGE: &str = "<!doctype html>\n<html lang=\"en\">\n<title>Whiteboard</title>\n<h1>It works</h1>\n\
    <p>A name became an address, an address a connection, a connection a secret, and the secret carried this page.</p>\n</html>\n";

/// A page that asks for more, by its path: content type and body. The image is where `/page/board` sends one.
const PAGE_WITH_MORE: [(&str, &str, &str); 3] = [
    ("/page", "text/html; charset=utf-8", include_str!("page/index.html")),
    ("/page/style.css", "text/css", include_str!("page/style.css")),
    ("/page/board.svg", "image/svg+xml", include_str!("page/board.svg")),
];

/// Says which of several servers answered, as content delivery networks do.
const SERVED_BY: HeaderName = HeaderName::from_static("x-served-by");

/// How much the bomb is when it has gone off.
const BOMB_BYTES: usize = 200 * 1024 * 1024;

/// The largest page that is made on demand.
const BYTES_MAX: usize = 64 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Pages {
    ports: Ports,
    /// Which of several servers with these pages it is: a header of every answer.
    name: String,
    page_gzip: Bytes,
    bomb_gzip: std::sync::OnceLock<Bytes>,
}

type Answer = Response<Full<Bytes>>;

impl Pages {
    pub(super) fn new(ports: Ports, name: String) -> Self {
        let page_gzip = gzip(|encoder| encoder.write_all(PAGE.as_bytes()));
        Self { ports, name, page_gzip, bomb_gzip: std::sync::OnceLock::new() }
    }

    pub(super) async fn respond(&self, request: Request<Incoming>, is_secure: bool) -> Answer {
        let has_head_alone = request.method() == Method::HEAD;
        let echoes = request.uri().path() == "/echo";
        let mut answer = if echoes { uploads::echo(request).await } else { self.answer(&request, is_secure) };
        if has_head_alone && let Some(bytes) = answer.body().size_hint().exact() {
            answer.headers_mut().insert(CONTENT_LENGTH, bytes.into());
            *answer.body_mut() = Full::default();
        }
        answer
    }

    fn answer(&self, request: &Request<Incoming>, is_secure: bool) -> Answer {
        let mut answer = self.unnamed(request, is_secure);
        answer.headers_mut().extend(HeaderValue::from_str(&self.name).ok().map(|name| (SERVED_BY, name)));
        answer
    }

    fn unnamed(&self, request: &Request<Incoming>, is_secure: bool) -> Answer {
        let host = host(request);
        let path = request.uri().path();
        let fault = Fault::ALL.into_iter().find(|fault| fault.host() == host);
        match (fault, path) {
            (Some(Fault::RedirectLoop), "/tick") => redirect(StatusCode::FOUND, "/tock"),
            (Some(Fault::RedirectLoop), _) => redirect(StatusCode::FOUND, "/tick"),
            (Some(Fault::Downgrade), _) if is_secure => {
                redirect(StatusCode::FOUND, &format!("http://{host}:{}/", self.ports.http))
            }
            (Some(Fault::GzipBomb), _) => encoded(self.bomb(), "gzip"),
            (Some(Fault::CorruptGzip), _) => encoded(Bytes::from_static(PAGE.as_bytes()), "gzip"),
            (None, _) if !is_secure && host == format!("www.{ZONE}") => {
                redirect(StatusCode::MOVED_PERMANENTLY, &format!("https://{host}:{}{path}", self.ports.https))
            }
            _ => self.healthy(request, path, is_secure),
        }
    }

    fn healthy(&self, request: &Request<Incoming>, path: &str, is_secure: bool) -> Answer {
        let number = |prefix: &str| path.strip_prefix(prefix).and_then(|number| number.parse::<usize>().ok());
        if let Some(bytes) = number("/bytes/") {
            return Response::new(Full::from(vec![b'.'; bytes.min(BYTES_MAX)]));
        }
        if let Some(status) = number("/status/") {
            let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
            return with_status(status.filter(|status| status.as_u16() >= 200).unwrap_or(StatusCode::BAD_REQUEST));
        }
        if let Some((_, content_type, body)) = PAGE_WITH_MORE.into_iter().find(|(known, ..)| *known == path) {
            let mut answer = Response::new(Full::from(body));
            answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            return answer;
        }
        if let Some(status) = number("/redirect/") {
            let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
            return redirect(status.filter(StatusCode::is_redirection).unwrap_or(StatusCode::BAD_REQUEST), "/echo");
        }
        match path {
            "/" => self.page(request, is_secure),
            "/page/board" => redirect(StatusCode::FOUND, "/page/board.svg"),
            "/refuse" => with_status(StatusCode::PAYLOAD_TOO_LARGE),
            "/hop" => redirect(StatusCode::MOVED_PERMANENTLY, "/"),
            "/hop-and-close" => {
                let mut answer = redirect(StatusCode::FOUND, "/");
                if request.version() == http::Version::HTTP_11 {
                    answer.headers_mut().insert(http::header::CONNECTION, HeaderValue::from_static("close"));
                }
                answer
            }
            "/hops" => redirect(StatusCode::TEMPORARY_REDIRECT, "/hop"),
            "/insecure" => redirect(StatusCode::FOUND, &format!("http://www.{ZONE}:{}/", self.ports.https)),
            "/to-clients" => redirect(StatusCode::FOUND, &format!("https://clients.{ZONE}:{}/", self.ports.https)),
            "/nowhere" => redirect(StatusCode::FOUND, "javascript:alert(1)"),
            // Again and again until the client has learnt the cookie.
            "/cookie" if !request.headers().contains_key(COOKIE) => {
                let mut answer = redirect(StatusCode::FOUND, "/cookie");
                answer.headers_mut().insert(SET_COOKIE, HeaderValue::from_static("seen=1; Path=/; Secure"));
                answer
            }
            "/cookie" => Response::new(Full::from("seen")),
            "/hostile" => {
                let mut answer = Response::new(Full::from("<script>alert(1)</script>"));
                let value = HeaderValue::from_bytes(b"\"><script>alert(1)</script>\xc2\x9b31m\tred").ok();
                answer.headers_mut().extend(value.map(|value| (http::header::SERVER, value)));
                answer
            }
            "/many-headers" => {
                let mut answer = Response::new(Full::default());
                for _ in 0..300 {
                    answer.headers_mut().append("x", HeaderValue::from_static("y"));
                }
                answer
            }
            "/big-head" => {
                let mut answer = Response::new(Full::default());
                let value = HeaderValue::from_str(&"a".repeat(8000)).ok();
                for _ in 0..20 {
                    if let Some(value) = &value {
                        answer.headers_mut().append("x-big", value.clone());
                    }
                }
                answer
            }
            _ => with_status(StatusCode::NOT_FOUND),
        }
    }

    fn page(&self, request: &Request<Incoming>, is_secure: bool) -> Answer {
        let accepted = request.headers().get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
        let mut answer = if accepted.is_some_and(|list| list.contains("gzip")) {
            encoded(self.page_gzip.clone(), "gzip")
        } else {
            Response::new(Full::from(PAGE))
        };
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(SET_COOKIE, HeaderValue::from_static("visit=1; Path=/; HttpOnly; SameSite=Lax"));
        if is_secure {
            let hsts = HeaderValue::from_static("max-age=31536000; includeSubDomains");
            headers.insert("strict-transport-security", hsts);
            // With the feature `h3` somebody is there.
            let service = HeaderValue::from_str(&format!("h3=\":{}\"; ma=86400", self.ports.https)).ok();
            headers.extend(service.map(|service| (HeaderName::from_static("alt-svc"), service)));
        }
        answer
    }

    /// Made when it is first asked for: it takes a while.
    fn bomb(&self) -> Bytes {
        let zeros = vec![0; 1024 * 1024];
        let bomb = || gzip(|encoder| (0..BOMB_BYTES / zeros.len()).try_for_each(|_| encoder.write_all(&zeros)));
        self.bomb_gzip.get_or_init(bomb).clone()
    }
}

type Encoder = flate2::write::GzEncoder<Vec<u8>>;

fn gzip(write: impl FnOnce(&mut Encoder) -> io::Result<()>) -> Bytes {
    let mut encoder = Encoder::new(Vec::new(), flate2::Compression::fast());
    // Writing to a vector does not fail.
    let written = write(&mut encoder).and_then(|()| encoder.finish());
    Bytes::from(written.unwrap_or_default())
}

fn host(request: &Request<Incoming>) -> String {
    let header = request.headers().get(HOST).and_then(|value| value.to_str().ok());
    let authority = request.uri().authority().map(http::uri::Authority::as_str).or(header).unwrap_or_default();
    authority.split(':').next().unwrap_or_default().to_owned()
}

fn redirect(status: StatusCode, to: &str) -> Answer {
    let mut answer = with_status(status);
    answer.headers_mut().extend(HeaderValue::from_str(to).ok().map(|to| (LOCATION, to)));
    answer
}

fn with_status(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

fn encoded(body: Bytes, encoding: &'static str) -> Answer {
    let mut answer = Response::new(Full::from(body));
    answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    answer
}

/// Serves a connection without TLS.
pub(super) async fn plain(stream: TcpStream, pages: Arc<Pages>) -> io::Result<()> {
    let service = service_fn(move |request| {
        let pages = Arc::clone(&pages);
        async move { Ok::<_, Infallible>(pages.respond(request, false).await) }
    });
    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.map_err(io::Error::other)
}

/// Serves a connection inside TLS.
pub(super) async fn secure<S>(stream: S, is_h2: bool, pages: Arc<Pages>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let pages = Arc::clone(&pages);
        async move { Ok::<_, Infallible>(pages.respond(request, true).await) }
    });
    serve(stream, is_h2, service).await
}

/// Serves a connection inside TLS with whatever answers.
pub(super) async fn serve<S, A>(stream: S, is_h2: bool, service: A) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: HttpService<Incoming, ResBody = Full<Bytes>, Error = Infallible, Future: Send + 'static> + Send + 'static,
{
    let io = TokioIo::new(stream);
    let served = if is_h2 {
        http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await
    } else {
        http1::Builder::new().serve_connection(io, service).await
    };
    served.map_err(io::Error::other)
}
