//! A healthy site, over every version of everything.

use netprobe::http::Protocol;
use netprobe::tls::{HandshakeKind, Roots, Trust};
use netprobe::{Lab, Phase, Probe, Report};

async fn run(probe: &Probe, url: &str) -> Report {
    let report = probe.run(url).await;
    assert_eq!(report.error, None, "{url}: {report:#?}");
    report
}

fn phases(report: &Report) -> Vec<Phase> {
    report.hops[0].steps.iter().map(|step| step.phase).collect()
}

#[tokio::test]
async fn every_step_is_there_and_they_follow_each_other() {
    let lab = Lab::start().expect("a lab");
    let report = run(&lab.probe_resolved(), &lab.url("/")).await;
    assert_eq!(phases(&report), Phase::REQUEST);
    let mut end_ns = 0;
    for step in report.steps() {
        assert!(step.span.start_ns >= end_ns, "{step:?} begins before {end_ns}");
        assert_eq!(step.span.cpu_ns + step.span.wait_ns, step.span.duration_ns);
        end_ns = step.span.end_ns();
    }
    assert!(report.total.end_ns() >= end_ns);
    let waited: u64 = report.steps().map(|step| step.span.wait_ns).sum();
    assert_eq!(report.total.wait_ns, waited, "what is not waited for is work");
    let hop = &report.hops[0];
    let answer = report.answer().expect("an answer");
    assert_eq!((answer.protocol, answer.status), (Protocol::Http2, Some(200)));
    assert_eq!(answer.content_encoding.as_deref(), Some("gzip"));
    assert!(answer.decoded_bytes > Some(answer.body_bytes) || answer.body_bytes > 0);
    assert!(String::from_utf8_lossy(&answer.body).contains("It works"));
    assert_eq!(answer.hsts.map(|hsts| hsts.max_age_s), Some(31_536_000));
    assert_eq!(answer.alt_svc[0].protocol, "h3");
    assert_eq!((answer.cookies[0].name.as_str(), answer.cookies[0].value.as_str()), ("visit", "[redacted]"));
    assert!(answer.first_byte_ns.is_some());
    let handshake = hop.handshake.as_ref().expect("a handshake");
    assert_eq!(handshake.version.as_deref(), Some("TLS 1.3"));
    assert_eq!(handshake.group.as_deref(), Some("X25519MLKEM768"));
    assert!(handshake.is_post_quantum);
    assert_eq!(handshake.alpn.as_deref(), Some("h2"));
    assert_eq!((handshake.kind, handshake.trust), (Some(HandshakeKind::Full), Trust::Verified));
    assert_eq!(handshake.server_name.as_deref(), Some("www.whiteboard.test"));
    let leaf = &handshake.chain[0];
    assert!(leaf.names.contains(&"www.whiteboard.test".to_owned()), "{leaf:?}");
    assert_eq!((leaf.days_left, leaf.key.as_str()), (90, "ECDSA P-256"));
    assert_eq!(leaf.issuer_name(), "Whiteboard Lab Intermediate");
    assert!(handshake.chain[1].is_authority && !handshake.chain[1].is_self_signed);
    assert!(hop.sent_bytes > 500 && hop.received_bytes > answer.received_bytes);
    if cfg!(target_os = "linux") {
        let connection = hop.connection.as_ref().expect("a connection");
        assert!(connection.info.is_some() && connection.info_at_end.is_some());
    }
}

#[tokio::test]
async fn older_and_stranger_servers() {
    let lab = Lab::start().expect("a lab");
    let probe = lab.probe_resolved();
    let report = run(&probe, &lab.host_url("http1", "/")).await;
    assert_eq!(report.answer().map(|answer| answer.protocol), Some(Protocol::Http1));
    assert_eq!(phases(&report), Phase::REQUEST);
    assert!(report.answer().and_then(|answer| answer.first_byte_ns).is_some());
    let report = run(&probe, &lab.host_url("retry", "/")).await;
    let handshake = report.hops[0].handshake.as_ref().expect("a handshake");
    assert_eq!(handshake.kind, Some(HandshakeKind::FullWithHelloRetryRequest));
    assert_eq!(handshake.group.as_deref(), Some("secp384r1"));
    let report = run(&probe, &lab.host_url("tls12", "/")).await;
    let handshake = report.hops[0].handshake.as_ref().expect("a handshake");
    assert_eq!(handshake.version.as_deref(), Some("TLS 1.2"));
    let report = run(&probe, &lab.host_url("dual", "/")).await;
    assert!(!report.hops[0].connection.as_ref().expect("a connection").attempts.is_empty());
}

#[tokio::test]
async fn the_second_handshake_is_resumed() {
    let lab = Lab::start().expect("a lab");
    let session = lab.probe_resolved().open().expect("a session");
    let kind = |report: &Report| report.hops[0].handshake.as_ref().and_then(|handshake| handshake.kind);
    assert_eq!(kind(&session.run(&lab.url("/")).await), Some(HandshakeKind::Full));
    let report = session.run(&lab.url("/")).await;
    assert_eq!(kind(&report), Some(HandshakeKind::Resumed));
    // The chain is remembered with the ticket.
    assert_eq!(report.hops[0].handshake.as_ref().map(|handshake| handshake.chain.len()), Some(2));
    assert_eq!(kind(&session.forgetful().run(&lab.url("/")).await), Some(HandshakeKind::Full));
}

#[tokio::test]
async fn redirects_are_hops_and_cookies_and_hsts_are_remembered() {
    let lab = Lab::start().expect("a lab");
    let probe = lab.probe_resolved();
    let report = run(&probe, &lab.url("/hops")).await;
    let statuses: Vec<Option<u16>> =
        report.hops.iter().map(|hop| hop.exchange.as_ref().and_then(|exchange| exchange.status)).collect();
    assert_eq!(statuses, [Some(307), Some(301), Some(200)]);
    let report = run(&probe, &lab.url("/cookie")).await;
    assert_eq!(report.hops.len(), 2);
    let sent = &report.hops[1].exchange.as_ref().expect("an answer").request_headers;
    assert!(sent.iter().any(|header| header.name == "cookie" && header.value == "seen=[redacted]"), "{sent:?}");
    assert!(!serde_json::to_string(&report).expect("JSON").contains("seen=1"));
    let revealing =
        Probe { http: netprobe::http::HttpOptions { reveal_secrets: true, ..Default::default() }, ..probe.clone() };
    let report = run(&revealing, &lab.url("/cookie")).await;
    assert!(serde_json::to_string(&report).expect("JSON").contains("seen=1"));
    let report = run(&probe, &lab.http_url("/")).await;
    assert_eq!(report.hops.len(), 2);
    assert!(report.hops[0].handshake.is_none() && report.hops[1].handshake.is_some());
}

#[tokio::test]
async fn unchecked_certificates_are_flagged_loudly() {
    let lab = Lab::start().expect("a lab");
    let probe = Probe { roots: Roots::Unchecked, ..lab.probe_resolved() };
    let report = run(&probe, &lab.fault_url(netprobe::Fault::SelfSigned)).await;
    assert_eq!(report.hops[0].handshake.as_ref().map(|handshake| handshake.trust), Some(Trust::Unchecked));
    assert!(report.warnings()[0].contains("CERTIFICATES WERE NOT CHECKED"), "{:?}", report.warnings());
}

#[tokio::test]
async fn a_report_survives_json() {
    let lab = Lab::start().expect("a lab");
    let mut report = run(&Probe { distance_km: Some(100.0), ..lab.probe_resolved() }, &lab.url("/hop")).await;
    let json = serde_json::to_string(&report).expect("JSON");
    let read: Report = serde_json::from_str(&json).expect("a report");
    // What JSON leaves out: the bodies, and the headers with their secrets.
    for hop in &mut report.hops {
        let exchange = hop.exchange.take().expect("an answer");
        let json = serde_json::to_string(&exchange).expect("JSON");
        hop.exchange = Some(serde_json::from_str(&json).expect("an exchange"));
    }
    assert_eq!(read.hops, report.hops);
    assert!(report.light.is_some_and(|light| light.times_fibre > 0.0));
    let nowhere = Probe { distance_km: Some(f64::NAN), ..lab.probe_resolved() };
    assert_eq!(run(&nowhere, &lab.url("/")).await.light, None, "JSON has no such number");
}

#[tokio::test]
async fn a_connection_goes_where_the_caller_says_and_the_request_stays_as_it_was() {
    let lab = Lab::start().expect("a lab");
    let port = lab.https_port();
    let direct = |text: String| text.parse::<netprobe::ConnectTo>().expect("a direction");
    // The first that is about the request decides; where it leads is a name of the lab.
    let connect_to = vec![
        direct(format!("other.whiteboard.test::127.0.0.1:{port}")),
        direct(format!("www.whiteboard.test:443:http1.whiteboard.test:{port}")),
        direct("::nowhere.test:1".to_owned()),
    ];
    let report = run(&Probe { connect_to, ..lab.probe() }, "https://www.whiteboard.test/").await;
    let hop = &report.hops[0];
    assert_eq!(hop.resolution.as_ref().map(|resolution| resolution.name.as_str()), Some("http1.whiteboard.test"));
    assert_eq!(hop.connected_to.as_deref(), Some(&*format!("http1.whiteboard.test:{port}")));
    let handshake = hop.handshake.as_ref().expect("TLS");
    // That name's server speaks HTTP/1.1 alone, and would have if it had been asked for.
    assert_eq!((handshake.alpn.as_deref(), handshake.trust), (Some("h2"), Trust::Verified));
    let peer = hop.connection.as_ref().and_then(|connection| connection.peer).expect("a peer");
    assert_eq!(peer.port(), port);
    assert!(report.to_html().contains(&format!("the caller said: to http1.whiteboard.test:{port}")));
}
