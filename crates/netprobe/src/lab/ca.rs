//! The lab's certificate authority: a root that the lab's clients trust, an intermediate, and certificates good and bad.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::vouch::{self, Says};
use super::{Fault, LabError};

/// A certificate with what a server needs to use it.
#[derive(Debug)]
pub(super) struct Identity {
    /// What the server sends: its own certificate first.
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// The key of the first.
    pub(super) key: PrivateKeyDer<'static>,
    /// What the authority says of the first.
    pub(super) staple: Option<Vec<u8>>,
}

/// Roots and intermediates.
pub(super) struct Authority {
    root: CertifiedIssuer<'static, KeyPair>,
    intermediate: CertifiedIssuer<'static, KeyPair>,
    stranger: CertifiedIssuer<'static, KeyPair>,
    /// Who says who clients are.
    clients: CertifiedIssuer<'static, KeyPair>,
    /// The keys of public logs.
    logs: [KeyPair; 2],
}

const DAY: time::Duration = time::Duration::DAY;

impl Authority {
    pub(super) fn new() -> Result<Self, LabError> {
        let root = self_signed_authority("Whiteboard Lab Root")?;
        let mut params = authority("Whiteboard Lab Intermediate");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let intermediate = signed("the intermediate certificate", CertifiedIssuer::signed_by(params, key()?, &root))?;
        let stranger = self_signed_authority("Nobody's Root")?;
        let clients = self_signed_authority("Whiteboard Lab Clients")?;
        Ok(Self { root, intermediate, stranger, clients, logs: [key()?, key()?] })
    }

    /// A client, as PEM: its certificate and its key. Nobody knows the stranger's authority.
    pub(super) fn client(&self, is_stranger: bool) -> Result<(String, String), LabError> {
        let (name, issuer) =
            if is_stranger { ("a stranger", &self.stranger) } else { ("a known client", &self.clients) };
        let mut params = leaf(&[name.replace(' ', "-")])?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = key()?;
        let certificate = signed("a client's certificate", params.signed_by(&key, issuer))?;
        Ok((certificate.pem(), key.serialize_pem()))
    }

    /// Whom servers believe who a client is.
    pub(super) fn client_roots(&self) -> Result<RootCertStore, LabError> {
        let mut roots = RootCertStore::empty();
        let wrong = |error: rustls::Error| LabError::Sign {
            what: "the root of clients".to_owned(),
            message: error.to_string(),
        };
        roots.add(self.clients.der().clone()).map_err(wrong)?;
        Ok(roots)
    }

    /// The root that clients are to trust, as PEM.
    pub(super) fn root_pem(&self) -> String {
        self.root.pem()
    }

    /// A certificate that nothing is wrong with.
    pub(super) fn good(&self, names: &[String]) -> Result<Identity, LabError> {
        self.vouched(leaf(names)?, Says::Good)
    }

    /// A certificate that logs know, with what the authority says of it.
    fn vouched(&self, mut params: CertificateParams, says: Says) -> Result<Identity, LabError> {
        let key = key()?;
        let certificate = |params: &CertificateParams| {
            let issuer: &Issuer<'_, KeyPair> = &self.intermediate;
            signed("a certificate", params.signed_by(&key, issuer))
        };
        let timestamps = vouch::timestamps(certificate(&params)?.der(), &self.intermediate, &self.logs)?;
        params.custom_extensions.push(CustomExtension::from_oid_content(vouch::SCTS, timestamps));
        let leaf = certificate(&params)?.der().clone();
        let staple = Some(vouch::staple(&leaf, &self.intermediate, says)?);
        Ok(Identity { chain: vec![leaf, self.intermediate.der().clone()], key: private(&key), staple })
    }

    /// The certificate that a fault needs, or `None` if it has a good one.
    pub(super) fn bad(&self, fault: Fault) -> Result<Option<Identity>, LabError> {
        let now = time::OffsetDateTime::now_utc();
        let mut params = leaf(&[fault.host()])?;
        let identity = match fault {
            Fault::ExpiredCertificate => {
                (params.not_before, params.not_after) = (now - 100 * DAY, now - 10 * DAY - DAY / 2);
                self.issue(params, &self.intermediate, true)?
            }
            Fault::NotYetValidCertificate => {
                (params.not_before, params.not_after) = (now + DAY + DAY / 2, now + 90 * DAY);
                self.issue(params, &self.intermediate, true)?
            }
            Fault::WrongHost | Fault::DotWrongCertificate => {
                let names = ["shop.example", "www.shop.example"].map(str::to_owned);
                self.issue(leaf(&names)?, &self.intermediate, true)?
            }
            Fault::SelfSigned => {
                let key = key()?;
                let certificate = signed("a self-signed certificate", params.self_signed(&key))?;
                Identity { chain: vec![certificate.der().clone()], key: private(&key), staple: None }
            }
            Fault::RevokedStaple => self.vouched(params, Says::Revoked)?,
            Fault::StaleStaple => self.vouched(params, Says::WasGood)?,
            Fault::MissingIntermediate => self.issue(params, &self.intermediate, false)?,
            Fault::UntrustedRoot => self.issue(params, &self.stranger, true)?,
            _ => return Ok(None),
        };
        Ok(Some(identity))
    }

    fn issue(
        &self,
        params: CertificateParams,
        issuer: &CertifiedIssuer<'static, KeyPair>,
        sends_issuer: bool,
    ) -> Result<Identity, LabError> {
        let key = key()?;
        let issued = |issuer: &Issuer<'_, KeyPair>| params.signed_by(&key, issuer);
        let certificate = signed("a certificate", issued(issuer))?;
        let mut chain = vec![certificate.der().clone()];
        if sends_issuer {
            chain.push(issuer.der().clone());
        }
        Ok(Identity { chain, key: private(&key), staple: None })
    }
}

pub(super) fn signed<T>(what: &str, result: Result<T, rcgen::Error>) -> Result<T, LabError> {
    result.map_err(|error| LabError::Sign { what: what.to_owned(), message: error.to_string() })
}

fn key() -> Result<KeyPair, LabError> {
    signed("a key", KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256))
}

fn private(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(key.serialize_der()).into()
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let now = time::OffsetDateTime::now_utc();
    (params.not_before, params.not_after) = (now - 400 * DAY, now + 3650 * DAY);
    params
}

fn self_signed_authority(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>, LabError> {
    signed("a root certificate", CertifiedIssuer::self_signed(authority(name), key()?))
}

fn leaf(names: &[String]) -> Result<CertificateParams, LabError> {
    let mut params = signed("a certificate", CertificateParams::new(names.to_vec()))?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    if let Some(first) = names.first() {
        params.distinguished_name.push(DnType::CommonName, first.as_str());
    }
    let now = time::OffsetDateTime::now_utc();
    (params.not_before, params.not_after) = (now - DAY, now + 90 * DAY + DAY / 2);
    Ok(params)
}
