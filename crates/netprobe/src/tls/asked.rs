//! What one handshake hears while rustls has it: whether the server asks who we are, and what it stapled to its certificate. rustls tells
//! its parts, and not the connection.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, X509Name};

use super::{Certificate, ClientCertificate, ClientIdentity};

/// What one handshake was asked, whether it may answer, and what it was given.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(super) may_answer: bool,
    heard: Mutex<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    request: Option<Request>,
    staple: Option<Vec<u8>>,
    answer_follows: bool,
}

/// A CertificateRequest, and the certificate that is to answer it.
#[derive(Debug)]
struct Request {
    authorities: Vec<String>,
    answer: Option<Certificate>,
}

impl Asked {
    pub(super) fn new(may_answer: bool) -> Arc<Self> {
        Arc::new(Self { may_answer, ..Self::default() })
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a staple for the handshake that is being polled, if it is one of ours.
    pub(super) fn note_staple(der: &[u8]) {
        if !der.is_empty() {
            let _ = ASKED.try_with(|asked| asked.heard().staple = Some(der.to_vec()));
        }
    }

    /// Notes that the server's part of a handshake of TLS 1.2 has been checked. What rustls then does at once, before it hears anything
    /// more, is to write ours, in which the answer is. Should it fail by itself on the way, at the server's share of a key or in signing,
    /// nothing was written, and the answer is told as sent all the same. In TLS 1.3 the handshake is done with our part.
    pub(super) fn note_that_an_answer_follows() {
        let _ = ASKED.try_with(|asked| asked.heard().answer_follows = true);
    }

    pub(super) fn take_staple(&self) -> Option<Vec<u8>> {
        self.heard().staple.take()
    }

    /// Whether our part of the handshake, in which the answer is, was written. As far as the connection took it: one that is cut at this
    /// moment may have lost it. And as far as rustls came with it: [`Self::note_that_an_answer_follows`].
    pub(super) fn is_answered(&self, is_done: bool) -> bool {
        is_done || self.heard().answer_follows
    }

    /// What the server asked, if it did, and what it was told.
    pub(crate) fn client_certificate(&self, is_done: bool) -> Option<ClientCertificate> {
        let is_answered = self.is_answered(is_done);
        let Request { authorities, answer } = self.heard().request.take()?;
        let (sent, unsent) = if is_answered { (answer, None) } else { (None, answer) };
        Some(ClientCertificate { authorities, sent, unsent })
    }
}

tokio::task_local! {
    /// Of the handshake that is being polled. All share one configuration, or no ticket would be good for another.
    pub(super) static ASKED: Arc<Asked>;
}

/// Notes what servers ask for, and answers if there is something to answer with.
#[derive(Debug)]
pub(super) struct Asks {
    pub(super) identity: Option<ClientIdentity>,
}

impl ResolvesClientCert for Asks {
    fn resolve(&self, authorities: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let note = |asked: &Arc<Asked>| {
            let identity = self.identity.as_ref().filter(|_| asked.may_answer);
            let answer = identity.filter(|identity| identity.certified.key.choose_scheme(schemes).is_some());
            let answered = answer.and_then(ClientIdentity::certificate);
            asked.heard().request = Some(Request { authorities: names(authorities), answer: answered });
            answer.map(|identity| Arc::clone(&identity.certified))
        };
        // Outside of a handshake of ours nobody is told who we are.
        ASKED.try_with(note).ok().flatten()
    }

    fn has_certs(&self) -> bool {
        self.identity.is_some()
    }
}

fn names(authorities: &[&[u8]]) -> Vec<String> {
    let name = |der: &&[u8]| X509Name::from_der(der).ok().map(|(_, name)| name.to_string());
    authorities.iter().filter_map(name).collect()
}

/// Notes what the server of one connection of QUIC asks for, and tells nobody who we are. quinn has a task of its own for it.
#[cfg(feature = "h3")]
#[derive(Debug)]
pub(super) struct OnlyAsked(pub(super) Arc<Asked>);

#[cfg(feature = "h3")]
impl ResolvesClientCert for OnlyAsked {
    fn resolve(&self, authorities: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.heard().request = Some(Request { authorities: names(authorities), answer: None });
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
