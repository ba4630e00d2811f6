//! What servers bring along about their certificates: shown, and nobody is refused because of it.

use netprobe::tls::{Revocation, Signer, Staple, StapledAnswer};
use netprobe::{Fault, Lab, Report};

async fn run(lab: &Lab, url: &str) -> Report {
    let report = lab.probe_resolved().run(url).await;
    assert_eq!(report.error, None, "{url}: {report:#?}");
    report
}

fn staple(report: &Report) -> &StapledAnswer {
    match report.hops[0].handshake.as_ref().and_then(|handshake| handshake.staple.as_ref()) {
        Some(Staple::Answer(answer)) => answer,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_good_staple_and_the_logs_that_know_the_certificate() {
    let lab = Lab::start().expect("a lab");
    for label in ["www", "tls12"] {
        let report = run(&lab, &lab.host_url(label, "/")).await;
        let told = staple(&report);
        assert_eq!((&told.status, &told.signer), (&Revocation::Good, &Signer::Issuer), "{label}");
        assert!(told.is_for_this_certificate && !told.is_stale);
        assert_eq!(report.warnings(), Vec::<String>::new());
        let timestamps = &report.hops[0].handshake.as_ref().expect("a handshake").chain[0].timestamps;
        assert!(timestamps.len() == 2 && timestamps[0].log_id != timestamps[1].log_id, "{timestamps:?}");
        assert!(timestamps.iter().all(|one| one.log_id.len() == 44 && one.at_unix_ms > 1_700_000_000_000));
        let html = report.to_html();
        assert!(
            html.contains("stapled: not revoked, as of ")
                && html.contains("2 public logs say that they know it (not checked)")
        );
    }
}

#[tokio::test]
async fn a_staple_that_says_revoked_and_one_that_is_overdue() {
    let lab = Lab::start().expect("a lab");
    let report = run(&lab, &lab.fault_url(Fault::RevokedStaple)).await;
    let told = staple(&report);
    assert!(
        matches!(&told.status, Revocation::Revoked { reason: Some(reason), .. } if reason.contains("Compromise")),
        "{told:?}"
    );
    assert!(told.signer == Signer::Issuer && told.is_for_this_certificate);
    assert!(report.warnings()[0].contains("THE CERTIFICATE IS REVOKED"), "{:?}", report.warnings());
    let report = run(&lab, &lab.fault_url(Fault::StaleStaple)).await;
    let told = staple(&report);
    assert!(told.is_stale && told.status == Revocation::Good && told.signer == Signer::Issuer, "{told:?}");
    assert!(report.warnings()[0].contains("the staple is stale"), "{:?}", report.warnings());
}
