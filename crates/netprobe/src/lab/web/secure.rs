//! TLS in front of the pages: the certificate depends on the host that the client asks for.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{Acceptor, WebPkiClientVerifier};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;

use super::super::ca::{Authority, Identity};
use super::super::fault::ZONE;
use super::super::{Fault, LabError};
use super::early::Early;
use super::pages::{self, Pages, Ports};
use super::{hints, raw};
use crate::tls::warm_provider;

/// A server that is chosen by the host in the ClientHello.
#[derive(Debug)]
pub(super) struct Secure {
    by_host: Arc<HashMap<String, Chosen>>,
    otherwise: Arc<ServerConfig>,
    pages: Arc<Pages>,
}

/// How a host's handshake is done, and what follows.
type Chosen = (Arc<ServerConfig>, Content);

/// What is said inside TLS.
#[derive(Debug, Clone)]
enum Content {
    Pages,
    /// Pages, and before the handshake is done.
    Early(Arc<Early>),
    Raw(Fault),
    Hints {
        is_endless: bool,
    },
}

const BOTH: &[&[u8]] = &[b"h2", b"http/1.1"];
const OLD: &[&[u8]] = &[b"http/1.1"];

impl Secure {
    pub(super) fn new(authority: &Authority, names: &[String], pages: Arc<Pages>) -> Result<Self, LabError> {
        let provider = warm_provider();
        let good = authority.good(names)?;
        let config = |identity: &Identity, alpn| config(&provider, identity, alpn, rustls::ALL_VERSIONS, None);
        let otherwise = config(&good, BOTH)?;
        let http1 = config(&good, OLD)?;
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(authority.client_roots()?), Arc::clone(&provider));
        let clients = clients
            .build()
            .map_err(|error| LabError::Sign { what: "what checks clients".to_owned(), message: error.to_string() })?;
        let asking = |versions| self::config(&provider, &good, BOTH, versions, Some(&clients));
        let mut by_host = HashMap::new();
        for fault in Fault::ALL {
            let own = match authority.bad(fault)? {
                Some(identity) => config(&identity, BOTH)?,
                None if raw::is_raw(fault) => Arc::clone(&http1),
                None if fault.is_of_client() => asking(rustls::ALL_VERSIONS)?,
                None => Arc::clone(&otherwise),
            };
            let content = match fault {
                Fault::EarlyDataRejected | Fault::EarlyDataReplayed | Fault::TooEarly => {
                    Content::Early(Arc::new(Early::new(&otherwise, Some(fault))))
                }
                Fault::EndlessHints => Content::Hints { is_endless: true },
                fault if raw::is_raw(fault) => Content::Raw(fault),
                _ => Content::Pages,
            };
            by_host.insert(fault.host(), (own, content));
        }
        for (label, config, early) in [
            ("early", &otherwise, Early::new(&otherwise, None)),
            ("early-http1", &http1, Early::new(&http1, None)),
            ("early-changed", &otherwise, Early::changing(&otherwise)),
        ] {
            let early = Content::Early(Arc::new(early));
            by_host.insert(format!("{label}.{ZONE}"), (Arc::clone(config), early));
        }
        by_host.insert(format!("http1.{ZONE}"), (http1, Content::Pages));
        let hints = (Arc::clone(&otherwise), Content::Hints { is_endless: false });
        by_host.insert(format!("hints.{ZONE}"), hints);
        // Without the groups that clients guess, so that they have to be asked again.
        let group =
            CryptoProvider { kx_groups: vec![aws_lc_rs::kx_group::SECP384R1], ..CryptoProvider::clone(&provider) };
        let retry = self::config(&Arc::new(group), &good, BOTH, &[&rustls::version::TLS13], None)?;
        by_host.insert(format!("retry.{ZONE}"), (retry, Content::Pages));
        let older = self::config(&provider, &good, BOTH, &[&rustls::version::TLS12], None)?;
        by_host.insert(format!("tls12.{ZONE}"), (older, Content::Pages));
        by_host.insert(format!("clients.{ZONE}"), (asking(rustls::ALL_VERSIONS)?, Content::Pages));
        by_host.insert(format!("clients-tls12.{ZONE}"), (asking(&[&rustls::version::TLS12])?, Content::Pages));
        Ok(Self { by_host: Arc::new(by_host), otherwise, pages })
    }

    /// How hosts are served that nothing is special about.
    #[cfg(feature = "h3")]
    pub(super) fn config(&self) -> &ServerConfig {
        &self.otherwise
    }

    /// The same with a name of its own in its answers.
    pub(super) fn named(&self, ports: Ports, name: String) -> Self {
        let (by_host, otherwise) = (Arc::clone(&self.by_host), Arc::clone(&self.otherwise));
        Self { by_host, otherwise, pages: Arc::new(Pages::new(ports, name)) }
    }

    pub(super) async fn connection(self: Arc<Self>, stream: TcpStream) -> io::Result<()> {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let hello = start.client_hello();
        let chosen = hello.server_name().and_then(|name| self.by_host.get(name));
        let (config, content) = chosen.cloned().unwrap_or_else(|| (Arc::clone(&self.otherwise), Content::Pages));
        if let Content::Early(early) = content {
            return early.connection(start, Arc::clone(&self.pages)).await;
        }
        let mut stream = match start.into_stream(config).into_fallible().await {
            Ok(stream) => stream,
            Err((error, socket)) => return hear_out(socket, error).await,
        };
        let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        match content {
            Content::Pages | Content::Early(_) => pages::secure(stream, is_h2, Arc::clone(&self.pages)).await,
            Content::Hints { is_endless } => hints::connection(stream, is_h2, is_endless).await,
            Content::Raw(fault) => {
                raw::answer(fault, &mut stream).await?;
                let (socket, _) = stream.get_ref();
                if raw::resets(fault) { socket.set_zero_linger() } else { Ok(()) }
            }
        }
    }
}

/// Until the client has read why it was refused: closing with unread input would reset the connection.
async fn hear_out(mut socket: TcpStream, why: io::Error) -> io::Result<()> {
    socket.shutdown().await?;
    while socket.read(&mut [0; 4096]).await? > 0 {}
    Err(why)
}

/// A server with this certificate and these protocols.
pub(in super::super) fn server_config(identity: &Identity, alpn: &[&[u8]]) -> Result<Arc<ServerConfig>, LabError> {
    config(&warm_provider(), identity, alpn, rustls::ALL_VERSIONS, None)
}

fn config(
    provider: &Arc<CryptoProvider>,
    identity: &Identity,
    alpn: &[&[u8]],
    versions: &[&'static rustls::SupportedProtocolVersion],
    clients: Option<&Arc<dyn ClientCertVerifier>>,
) -> Result<Arc<ServerConfig>, LabError> {
    let wrong = |error: rustls::Error| LabError::Sign {
        what: "a server's configuration".to_owned(),
        message: error.to_string(),
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider)).with_protocol_versions(versions);
    let builder = builder.map_err(wrong)?;
    let builder = match clients {
        Some(clients) => builder.with_client_cert_verifier(Arc::clone(clients)),
        None => builder.with_no_client_auth(),
    };
    let mut config = {
        let (chain, key) = (identity.chain.clone(), identity.key.clone_key());
        let staple = identity.staple.clone().unwrap_or_default();
        builder.with_single_cert_with_ocsp(chain, key, staple).map_err(wrong)?
    };
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}
