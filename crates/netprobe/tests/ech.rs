//! A ClientHello whose name is encrypted: the lab's servers do not decrypt it, and what then happens is theirs to show.

use netprobe::tls::{Ech, EchOutcome, TlsError};
use netprobe::{Error, Fault, HttpsRecords, Lab, Phase, Probe, Report};

async fn run(lab: &Lab, ech: Ech, url: &str) -> Report {
    // Names are walked for: the keys are in a site's record.
    let mut probe = lab.probe().with_timeout_ms(600_000);
    probe.names.walker.site_grace = std::time::Duration::from_secs(600);
    Probe { ech, ..probe }.run(url).await
}

#[tokio::test]
async fn a_server_that_does_not_decrypt_it_is_only_the_public_name() {
    let lab = Lab::start().expect("a lab");
    let (host, public_name) = (Fault::EchRejected.host(), "www.whiteboard.test".to_owned());
    let report = run(&lab, Ech::Offered, &lab.fault_url(Fault::EchRejected)).await;
    let rejected = TlsError::EchRejected { host, public_name: public_name.clone(), has_retry_keys: false };
    assert_eq!(report.error, Some(Error::Tls(rejected)), "{report:#?}");
    assert_eq!(report.failed_step().map(|step| step.phase), Some(Phase::Tls));
    let handshake = report.hops[0].handshake.as_ref().expect("a handshake");
    assert_eq!(handshake.server_name.as_deref(), Some("www.whiteboard.test"), "what who listens sees");
    assert_eq!(handshake.ech, Some(EchOutcome::Rejected { public_name }));
    // The same keys, by way of the server that the record leads to.
    let mut followed = Probe { ech: Ech::Offered, https_records: HttpsRecords::Followed, ..lab.probe() };
    followed.names.walker.site_grace = std::time::Duration::from_secs(600);
    let followed = followed.with_timeout_ms(600_000).run(&lab.fault_url(Fault::EchRejected)).await;
    assert_eq!((followed.hops[0].followed.as_ref().and_then(|one| one.used), followed.error), (Some(0), report.error));
    assert_eq!(run(&lab, Ech::Off, &lab.fault_url(Fault::EchRejected)).await.error, None, "who does not ask is served");
}

#[tokio::test]
async fn what_only_looks_like_it_is_ignored_and_without_keys_nothing_is_hidden() {
    let lab = Lab::start().expect("a lab");
    for (ech, expected, told) in [
        (Ech::Grease, EchOutcome::Grease, "what looked like a hidden name meant nothing"),
        (Ech::Offered, EchOutcome::NoKeys, "the name could not be hidden"),
    ] {
        let report = run(&lab, ech, &lab.url("/")).await;
        assert_eq!(report.error, None, "{report:#?}");
        let handshake = report.hops[0].handshake.as_ref().expect("a handshake");
        assert_eq!((&handshake.ech, handshake.server_name.as_deref()), (&Some(expected), Some("www.whiteboard.test")));
        assert!(report.to_html().contains(told));
    }
}
