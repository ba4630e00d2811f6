//! What a scan finds is what the server was told to accept.

use std::net::SocketAddr;

use netprobe::tcp::TcpError;
use netprobe::tls::TlsError;
use netprobe::tls::scan::{Accepted, Scan, Version, scan};
use netprobe::{Clock, Error, Fault, Lab};
use rustls::crypto::aws_lc_rs;

const PATIENCE_MS: u64 = 600_000;

/// The lab's host of that name, or the one that plays a fault.
async fn scanned(lab: &Lab, host: &str, timeout_ms: u64) -> Scan {
    let known = lab.probe_resolved().overrides;
    let known = known.iter().find(|known| known.host == host && known.port == lab.https_port()).expect("a host");
    scan(host, SocketAddr::new(known.address, known.port), timeout_ms, &Clock::start()).await
}

fn of(scan: &Scan, version: Version) -> &Accepted {
    scan.versions.iter().find(|accepted| accepted.version == version).expect("a version")
}

fn sorted<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort();
    all
}

fn codes(accepted: &Accepted) -> Vec<u16> {
    sorted(accepted.suites.iter().map(|suite| suite.code).collect())
}

#[tokio::test]
async fn everything_that_the_server_accepts_is_found_and_nothing_else() {
    let lab = Lab::start().expect("a lab");
    let provider = aws_lc_rs::default_provider();
    let suites = |is_1_3: bool| {
        let codes = provider.cipher_suites.iter().map(|suite| suite.suite());
        // The lab's key is an elliptic one.
        let fit = codes.filter(|suite| suite.as_str().is_some_and(|name| name.contains("ECDSA") || is_1_3));
        sorted(fit.map(u16::from).filter(|code| (code >> 8 == 0x13) == is_1_3).collect())
    };
    let groups = |is_1_3: bool| {
        let names = provider.kx_groups.iter().map(|group| format!("{:?}", group.name()));
        sorted(names.filter(|name| is_1_3 || !name.contains("MLKEM")).collect())
    };
    let found = scanned(&lab, "www.whiteboard.test", PATIENCE_MS).await;
    assert_eq!(found.error, None);
    for (version, is_1_3) in [(Version::Tls13, true), (Version::Tls12, false)] {
        let accepted = of(&found, version);
        assert_eq!(codes(accepted), suites(is_1_3), "{version:?}");
        assert_eq!(sorted(accepted.groups.clone()), groups(is_1_3), "{version:?}");
        assert!(accepted.suites.iter().all(|suite| suite.weakness.is_none()), "{accepted:?}");
    }
    for version in [Version::Tls11, Version::Tls10] {
        let accepted = of(&found, version);
        assert!(accepted.suites.is_empty() && accepted.groups.is_empty());
        assert_eq!(accepted.declines_with.as_deref(), Some("the alert HandshakeFailure"));
    }
    let older = scanned(&lab, "tls12.whiteboard.test", PATIENCE_MS).await;
    assert_eq!((codes(of(&older, Version::Tls13)).len(), codes(of(&older, Version::Tls12))), (0, suites(false)));
    let retry = scanned(&lab, "retry.whiteboard.test", PATIENCE_MS).await;
    assert_eq!(of(&retry, Version::Tls13).groups, ["secp384r1"]);
    let json = serde_json::to_string(&found).expect("JSON");
    assert_eq!(serde_json::from_str::<Scan>(&json).expect("a scan"), found);
}

#[tokio::test]
async fn what_goes_wrong_ends_it_and_what_was_found_is_kept() {
    let lab = Lab::start().expect("a lab");
    // Whatever it is offered, it wants TLS 1.1 and always the same suite.
    let old = scanned(&lab, &Fault::OldTls.host(), PATIENCE_MS).await;
    let is_not_offered = |error: &Error| error.to_string().contains("it picked a cipher suite that was not offered");
    assert!(old.error.as_ref().is_some_and(is_not_offered), "{:?}", old.error);
    assert_eq!(of(&old, Version::Tls12).declines_with.as_deref(), Some("answering with TLS 1.1"));
    assert_eq!(of(&old, Version::Tls11).suites, [], "what was not offered is not believed");
    let not_tls = scanned(&lab, &Fault::NotTls.host(), PATIENCE_MS).await;
    assert_eq!(not_tls.error, Some(TlsError::NotTls { host: Fault::NotTls.host() }.into()));
    let silent = scanned(&lab, &Fault::SilentHandshake.host(), 50).await;
    assert_eq!(silent.error, Some(Error::Timeout { phase: netprobe::Phase::Tls, limit_ms: 50 }));
    let refused = scanned(&lab, &Fault::ConnectionRefused.host(), PATIENCE_MS).await;
    assert!(matches!(refused.error, Some(Error::Tcp(TcpError::Connect { .. }))), "{:?}", refused.error);
    let reset = scanned(&lab, &Fault::ResetInHandshake.host(), PATIENCE_MS).await;
    assert_eq!(reset.error, None);
    assert!(
        reset.versions.iter().all(|one| one.suites.is_empty() && one.declines_with.as_deref() == Some("hanging up"))
    );
}
