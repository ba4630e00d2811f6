//! A page that says beforehand what it will need: 103 (Early Hints, RFC 8297). Written by hand, since hyper's servers send no
//! informational answers.

use std::io;
use std::time::Duration;

use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::raw::read_head;

/// What the page will need.
const LINK: &str = "</style.css>; rel=preload; as=style";

/// How long the page takes to be made; between two hints, if there is no end of them.
const PAUSE: Duration = Duration::from_millis(2);

const PAGE: &str = "<!doctype html>\n<link rel=\"stylesheet\" href=\"/style.css\">\n";

/// Serves a connection inside TLS: one hint and the page, or hints without end.
pub(super) async fn connection<S>(stream: S, is_h2: bool, is_endless: bool) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    if is_h2 { http2(stream, is_endless).await.map_err(io::Error::other) } else { http1(stream, is_endless).await }
}

async fn http1<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, is_endless: bool) -> io::Result<()> {
    read_head(&mut stream).await?;
    let hint = format!("HTTP/1.1 103 Early Hints\r\nlink: {LINK}\r\n\r\n");
    loop {
        stream.write_all(hint.as_bytes()).await?;
        stream.flush().await?;
        tokio::time::sleep(PAUSE).await;
        if !is_endless {
            break;
        }
    }
    let length = PAGE.len();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{PAGE}");
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

async fn http2<S>(stream: S, is_endless: bool) -> Result<(), h2::Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut connection = h2::server::handshake(stream).await?;
    let mut answers = tokio::task::JoinSet::new();
    // Accepting is what moves everything else on the connection.
    while let Some(request) = connection.accept().await {
        let (_, respond): (Request<h2::RecvStream>, _) = request?;
        answers.spawn(answer(respond, is_endless));
    }
    Ok(())
}

async fn answer(mut respond: h2::server::SendResponse<Bytes>, is_endless: bool) -> Result<(), h2::Error> {
    loop {
        let mut hint = Response::new(());
        *hint.status_mut() = StatusCode::EARLY_HINTS;
        hint.headers_mut().insert(http::header::LINK, HeaderValue::from_static(LINK));
        respond.send_informational(hint)?;
        tokio::time::sleep(PAUSE).await;
        if !is_endless {
            break;
        }
    }
    let mut body = respond.send_response(Response::new(()), false)?;
    body.send_data(Bytes::from_static(PAGE.as_bytes()), true)
}
