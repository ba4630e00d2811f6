//! A server wants to know who the client is: what it asks, what it is told, and how a refusal looks that comes after the handshake.

use netprobe::tls::{ClientIdentity, TlsError};
use netprobe::{Error, Fault, Lab, Phase, Probe, Report};

const AUTHORITY: &str = "CN=Whiteboard Lab Clients";

async fn run(lab: &Lab, identity: Option<ClientIdentity>, url: &str) -> Report {
    Probe { identity, ..lab.probe_resolved().with_timeout_ms(600_000) }.run(url).await
}

fn refusal(report: &Report) -> TlsError {
    match &report.error {
        Some(Error::Tls(error)) => error.clone(),
        other => panic!("{other:?} in {report:#?}"),
    }
}

#[tokio::test]
async fn a_client_that_is_known_is_let_in_and_its_key_stays_where_it_is() {
    let lab = Lab::start().expect("a lab");
    for label in ["clients", "clients-tls12"] {
        let report = run(&lab, lab.identity(), &lab.host_url(label, "/")).await;
        assert_eq!(report.error, None, "{label}");
        let handshake = report.hops[0].handshake.as_ref().expect("a handshake");
        let asked = handshake.client_certificate.as_ref().expect("the server asked");
        assert_eq!(asked.authorities, [AUTHORITY]);
        assert_eq!(asked.sent.as_ref().map(|sent| sent.issuer_name()), Some("Whiteboard Lab Clients"));
        let html = report.to_html();
        assert!(
            html.contains("client certificate of CN=Whiteboard Lab Clients: that of a known client was sent"),
            "{html}"
        );
    }
    let nobody_asked = run(&lab, lab.identity(), &lab.url("/")).await;
    assert_eq!(nobody_asked.hops[0].handshake.as_ref().expect("a handshake").client_certificate, None);
    let (_, key) = lab.client_pem();
    let secret = key.lines().nth(1).expect("a line of the key");
    let probe = Probe { identity: lab.identity(), ..lab.probe_resolved() };
    let shown = format!("{probe:?} {:?} {lab:?}", probe.open().expect("a session"));
    assert!(shown.contains("a known client") && !shown.contains(secret) && !shown.contains("PRIVATE"), "{shown}");
}

#[tokio::test]
async fn a_refusal_that_comes_after_the_handshake_is_one_of_tls() {
    let lab = Lab::start().expect("a lab");
    for fault in [Fault::ClientCertificateMissing, Fault::ClientCertificateUntrusted] {
        let host = fault.host();
        let report = run(&lab, lab.fault_identity(fault), &lab.fault_url(fault)).await;
        let expected = match fault {
            Fault::ClientCertificateMissing => TlsError::ClientCertificateRequired {
                host,
                authorities: vec![AUTHORITY.to_owned()],
                alert: "CertificateRequired".to_owned(),
            },
            _ => TlsError::ClientCertificateRefused {
                host,
                subject: "a stranger".to_owned(),
                issuer: "Nobody's Root".to_owned(),
                alert: "UnknownCA".to_owned(),
            },
        };
        assert_eq!(refusal(&report), expected);
        let hop = &report.hops[0];
        // Our side of the handshake was done, and stays in the report; what failed is the step in which the alert came.
        assert!(hop.step(Phase::Tls).is_some_and(|step| step.error.is_none()), "{report:#?}");
        assert_eq!(hop.handshake.as_ref().and_then(|shaken| shaken.version.as_deref()), Some("TLS 1.3"));
        let failed = report.failed_step().expect("a failed step");
        assert!(matches!(failed.phase, Phase::Send | Phase::Wait) && failed.error == report.error, "{failed:?}");
    }
}

#[tokio::test]
async fn in_tls_1_2_the_handshake_itself_fails() {
    let lab = Lab::start().expect("a lab");
    let url = lab.host_url("clients-tls12", "/");
    let host = "clients-tls12.whiteboard.test".to_owned();
    let report = run(&lab, None, &url).await;
    let (authorities, alert) = (vec![AUTHORITY.to_owned()], "CertificateRequired".to_owned());
    assert_eq!(refusal(&report), TlsError::ClientCertificateRequired { host, authorities, alert });
    assert_eq!(report.failed_step().map(|step| step.phase), Some(Phase::Tls));
    let report = run(&lab, lab.fault_identity(Fault::ClientCertificateUntrusted), &url).await;
    assert!(matches!(refusal(&report), TlsError::ClientCertificateRefused { alert, .. } if alert == "UnknownCA"));
}

#[tokio::test]
async fn another_origin_is_not_told_who_we_are() {
    let lab = Lab::start().expect("a lab");
    let probe = Probe { identity: lab.identity(), ..lab.probe_resolved() };
    let report = probe.run(&lab.url("/to-clients")).await;
    assert!(matches!(refusal(&report), TlsError::ClientCertificateRequired { .. }), "{report:#?}");
    let asked = report.hops[1].handshake.as_ref().and_then(|handshake| handshake.client_certificate.as_ref());
    assert_eq!(asked.map(|asked| &asked.sent), Some(&None));
    let report = probe.run(&lab.host_url("clients", "/to-clients")).await;
    assert_eq!((report.hops.len(), &report.error), (2, &None));
}

#[tokio::test]
async fn who_was_let_in_is_let_in_again_with_a_ticket() {
    let lab = Lab::start().expect("a lab");
    let session = Probe { identity: lab.identity(), ..lab.probe_resolved() }.open().expect("a session");
    let url = lab.host_url("clients", "/");
    assert_eq!(session.run(&url).await.error, None);
    let again = session.run(&url).await;
    let handshake = again.hops[0].handshake.as_ref().expect("a handshake");
    assert_eq!((&again.error, handshake.kind), (&None, Some(netprobe::tls::HandshakeKind::Resumed)));
    assert_eq!(handshake.client_certificate, None);
}

/// A ticket of a server that was told says who we are as well as a certificate does.
#[tokio::test]
async fn another_origin_does_not_learn_it_from_a_ticket_either() {
    let lab = Lab::start().expect("a lab");
    let session = Probe { identity: lab.identity(), ..lab.probe_resolved() }.open().expect("a session");
    let clients = lab.host_url("clients", "/");
    assert_eq!(session.run(&clients).await.error, None);
    let led_there = session.run(&lab.url("/to-clients")).await;
    assert!(matches!(refusal(&led_there), TlsError::ClientCertificateRequired { .. }), "{led_there:#?}");
    let tickets =
        |hop: &netprobe::Hop| hop.handshake.as_ref().and_then(|handshake| Some(handshake.tickets.as_ref()?.count));
    assert_eq!(tickets(&led_there.hops[1]), Some(0), "those there are were given to somebody known");
    let asked_for = session.run_resource(&netprobe::Clock::start(), None, &clients).await;
    assert!(matches!(refusal(&asked_for), TlsError::ClientCertificateRequired { .. }), "{asked_for:#?}");
    // And who is to be told still is.
    assert_eq!(session.run(&clients).await.error, None);
}
