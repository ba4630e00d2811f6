//! The lab's site over HTTP/3, and a server that takes a request and never answers.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Bytes;
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, Incoming};
use rustls::ServerConfig;

use super::pages::PAGE;
use crate::Fault;
use crate::lab::LabError;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Stream = h3::server::RequestStream<h3_quinn::BidiStream<Bytes>, Bytes>;

/// Starts as a task of the current runtime, with the certificate of these servers.
pub(super) fn start(address: SocketAddr, config: &ServerConfig) -> Result<(), LabError> {
    let mut config = config.clone();
    config.alpn_protocols = vec![b"h3".to_vec()];
    let wrong = |message: String| LabError::Sign { what: "the configuration of QUIC".to_owned(), message };
    let crypto = QuicServerConfig::try_from(config).map_err(|error| wrong(error.to_string()))?;
    let config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    let endpoint =
        Endpoint::server(config, address).map_err(|error| LabError::Listen { address, source: error.into() })?;
    tokio::spawn(async move {
        while let Some(incoming) = endpoint.accept().await {
            tokio::spawn(connection(incoming));
        }
    });
    Ok(())
}

async fn connection(incoming: Incoming) -> Result<(), Failure> {
    let connection = h3_quinn::Connection::new(incoming.await?);
    let mut connection = h3::server::Connection::<_, Bytes>::new(connection).await?;
    while let Some(request) = connection.accept().await? {
        let (request, stream) = request.resolve_request().await?;
        tokio::spawn(answer(request, stream));
    }
    Ok(())
}

async fn answer(request: http::Request<()>, mut stream: Stream) -> Result<(), Failure> {
    if request.uri().host() == Some(&Fault::StalledHttp3.host()) {
        return std::future::pending().await;
    }
    let is_there = request.uri().path() == "/";
    let status = if is_there { http::StatusCode::OK } else { http::StatusCode::NOT_FOUND };
    stream.send_response(http::Response::builder().status(status).body(())?).await?;
    if is_there {
        stream.send_data(Bytes::from_static(PAGE.as_bytes())).await?;
    }
    Ok(stream.finish().await?)
}
