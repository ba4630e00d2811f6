//! A server wants to know who the client is: what it asks, what it is told, and how a refusal looks that comes after the handshake.

use std::sync::Arc;

use netprobe::tls::{ClientCertificate, ClientIdentity, TlsError};
use netprobe::{Error, Fault, Lab, Override, Phase, Probe, Report};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const AUTHORITY: &str = "CN=Whiteboard Lab Clients";

async fn run(lab: &Lab, identity: Option<ClientIdentity>, url: &str) -> Report {
    Probe { identity, ..lab.probe_resolved().with_timeout_ms(600_000) }.run(url).await
}

fn asked(report: &Report) -> &ClientCertificate {
    let handshake = report.hops[0].handshake.as_ref().expect("a handshake");
    handshake.client_certificate.as_ref().expect("the server asked")
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
        let asked = asked(&report);
        assert_eq!((asked.authorities.as_slice(), &asked.unsent), ([AUTHORITY.to_owned()].as_slice(), &None));
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
    let asked = asked(&report);
    assert_eq!((asked.sent.as_ref().map(|sent| sent.owner()), &asked.unsent), (Some("a stranger"), &None));
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
    let stranger = netprobe::Embedder { space: netprobe::AddressSpace::Loopback, ..Default::default() };
    let asked_for = session.run_resource(&netprobe::Clock::start(), &stranger, &clients).await;
    assert!(matches!(refusal(&asked_for), TlsError::ClientCertificateRequired { .. }), "{asked_for:#?}");
    // And who is to be told still is.
    assert_eq!(session.run(&clients).await.error, None);
}

/// A server that asks who the client is, and whose own certificate nobody trusts.
fn distrusted(versions: &[&'static SupportedProtocolVersion]) -> TlsAcceptor {
    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(["asks.test".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("a certificate");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.der().clone()).expect("a root");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).expect("versions");
    let config = config.with_client_cert_verifier(clients.build().expect("a verifier"));
    let private = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let config = config.with_single_cert(vec![certificate.der().clone()], private).expect("a configuration");
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test]
async fn a_handshake_that_fails_before_our_part_has_not_sent_who_we_are() {
    let lab = Lab::start().expect("a lab");
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let (acceptor, listener) = (distrusted(&[version]), TcpListener::bind("127.0.0.1:0").await.expect("a port"));
        let address = listener.local_addr().expect("an address");
        let serving = tokio::spawn(async move {
            let (client, _) = listener.accept().await.expect("a connection");
            acceptor.accept(client).await.map(drop).expect_err("an alert")
        });
        let mut probe = Probe { identity: lab.identity(), ..lab.probe_resolved().with_timeout_ms(600_000) };
        probe.overrides.push(Override { host: "asks.test".to_owned(), port: address.port(), address: address.ip() });
        let report = probe.run(&format!("https://asks.test:{}/", address.port())).await;
        assert!(matches!(refusal(&report), TlsError::SelfSigned { .. }), "{report:#?}");
        let asked = asked(&report);
        assert_eq!((&asked.sent, asked.unsent.as_ref().map(|one| one.owner())), (&None, Some("a known client")));
        let html = report.to_html();
        assert!(html.contains("that of a known client was not sent: the handshake failed before"), "{html}");
        serving.await.expect("a server");
    }
}

/// What the server sends, without its last word, ServerHelloDone. In its place is an alert: in TLS 1.2 all of that is in the clear.
async fn give_up(mut client: TcpStream, upstream: u16) -> std::io::Result<()> {
    const SERVER_HELLO_DONE: &[u8] = b"\x0e\x00\x00\x00";
    let mut server = TcpStream::connect(("127.0.1.1", upstream)).await?;
    let mut hello = [0; 4096];
    let taken = client.read(&mut hello).await?;
    server.write_all(&hello[..taken]).await?;
    let mut said = Vec::new();
    while !said.ends_with(SERVER_HELLO_DONE) {
        assert!(server.read_buf(&mut said).await? > 0, "{said:?}");
    }
    // Record by record: the last one ends with it.
    let (mut records, mut last) = (0, 0);
    while records < said.len() {
        last = records;
        records += 5 + usize::from(u16::from_be_bytes([said[records + 3], said[records + 4]]));
    }
    let length = said.len() - last - 5 - SERVER_HELLO_DONE.len();
    said[last + 3..last + 5].copy_from_slice(&(length as u16).to_be_bytes());
    said.truncate(said.len() - SERVER_HELLO_DONE.len());
    if length == 0 {
        said.truncate(last);
    }
    said.extend(b"\x15\x03\x03\x00\x02\x02\x28");
    client.write_all(&said).await?;
    client.shutdown().await?;
    copy(&mut client, &mut tokio::io::sink()).await.map(drop)
}

#[tokio::test]
async fn an_alert_from_before_our_part_is_not_about_who_we_are() {
    let lab = Lab::start().expect("a lab");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (address, upstream) = (listener.local_addr().expect("an address"), lab.https_port());
    let serving = tokio::spawn(async move {
        for _ in 0..2 {
            let (client, _) = listener.accept().await.expect("a connection");
            give_up(client, upstream).await.expect("a server");
        }
    });
    let host = "clients-tls12.whiteboard.test".to_owned();
    for identity in [lab.identity(), None] {
        let mut probe = Probe { identity, ..lab.probe_resolved().with_timeout_ms(600_000) };
        probe.overrides.push(Override { host: host.clone(), port: address.port(), address: address.ip() });
        let report = probe.run(&format!("https://{host}:{}/", address.port())).await;
        let reason = "the server's alert is HandshakeFailure".to_owned();
        assert_eq!(refusal(&report), TlsError::NothingInCommon { host: host.clone(), reason });
        assert_eq!(
            (asked(&report).authorities.as_slice(), &asked(&report).sent),
            ([AUTHORITY.to_owned()].as_slice(), &None)
        );
    }
    serving.await.expect("a server");
}
