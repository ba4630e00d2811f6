//! A request that goes with the ClientHello: taken, rejected, sent twice by somebody in the middle, and wanted once more.

use netprobe::http::HttpOptions;
use netprobe::tls::{EarlyData, Handshake, HandshakeKind};
use netprobe::{Fault, Lab, Phase, Probe, Report, Session};

fn session(lab: &Lab) -> Session {
    let probe = lab.probe_resolved().with_timeout_ms(600_000);
    Probe { early_data: true, ..probe }.open().expect("a session")
}

async fn run(session: &Session, url: &str) -> Report {
    let report = session.run(url).await;
    assert_eq!(report.error, None, "{url}: {report:#?}");
    assert_eq!(report.answer().and_then(|answer| answer.status), Some(200), "{report:#?}");
    report
}

fn handshake(report: &Report) -> &Handshake {
    report.hops[0].handshake.as_ref().expect("a handshake")
}

fn phases(report: &Report) -> Vec<Phase> {
    report.hops[0].steps.iter().map(|step| step.phase).collect()
}

fn is_accepted(report: &Report) -> bool {
    matches!(handshake(report).early_data, Some(EarlyData::Accepted { bytes }) if bytes > 0)
}

#[tokio::test]
async fn the_second_request_goes_with_the_clienthello() {
    let lab = Lab::start().expect("a lab");
    for label in ["early", "early-http1"] {
        let (session, url) = (session(&lab), lab.host_url(label, "/"));
        let first = run(&session, &url).await;
        assert_eq!((handshake(&first).kind, handshake(&first).early_data), (Some(HandshakeKind::Full), None));
        let tickets = handshake(&first).tickets.expect("tickets were counted");
        assert!(tickets.count > 0 && tickets.early_data_bytes_max == 16_384, "{tickets:?}");
        assert_eq!(handshake(&first).round_trips(), Some(1));
        let second = run(&session, &url).await;
        assert!(is_accepted(&second), "{label}: {second:#?}");
        assert_eq!(
            (handshake(&second).kind, handshake(&second).round_trips()),
            (Some(HandshakeKind::Resumed), Some(0))
        );
        // The request is written before the handshake, and nothing else overlaps.
        use Phase::{Connect, Decode, Names, Send, Tls, Transfer, Url, Wait};
        assert_eq!(phases(&second), [Url, Names, Connect, Send, Tls, Wait, Transfer, Decode]);
        let mut end_ns = 0;
        for step in second.steps() {
            assert!(step.span.start_ns >= end_ns, "{step:?} begins before {end_ns}");
            end_ns = step.span.end_ns();
        }
        assert_eq!(second.answer().map(|answer| &answer.body), first.answer().map(|answer| &answer.body));
        assert!(second.to_html().contains("the request went with the first message"));
        assert!(is_accepted(&run(&session, &url).await), "and again");
    }
}

#[tokio::test]
async fn only_what_may_be_repeated_goes_early_and_only_where_it_was_asked_for() {
    let lab = Lab::start().expect("a lab");
    let url = lab.host_url("early", "/echo");
    let post = HttpOptions { body: Some(b"x=1".to_vec().into()), ..HttpOptions::default() };
    let probe = Probe { early_data: true, http: post, ..lab.probe_resolved() };
    let careful = probe.open().expect("a session");
    for _ in 0..2 {
        assert_eq!(handshake(&run(&careful, &url).await).early_data, None);
    }
    let plain = lab.probe_resolved().open().expect("a session");
    let url = lab.host_url("early", "/");
    for _ in 0..2 {
        assert_eq!(handshake(&run(&plain, &url).await).early_data, None);
    }
    // The same tickets, and now it is asked for.
    assert!(is_accepted(&run(&plain.early(), &url).await));
    let (session, www) = (session(&lab), lab.url("/"));
    for _ in 0..2 {
        let report = run(&session, &www).await;
        assert_eq!(handshake(&report).early_data, None, "its tickets are for none");
        assert_eq!(handshake(&report).tickets.map(|tickets| tickets.early_data_bytes_max), Some(0));
    }
}

#[tokio::test]
async fn a_request_longer_than_the_ticket_allows_waits() {
    let lab = Lab::start().expect("a lab");
    let http = HttpOptions { headers: vec![("x-long".to_owned(), "a".repeat(20_000))], ..HttpOptions::default() };
    let probe = Probe { early_data: true, http, ..lab.probe_resolved() };
    let session = probe.open().expect("a session");
    let url = lab.host_url("early-http1", "/");
    run(&session, &url).await;
    let report = run(&session, &url).await;
    let early = handshake(&report).early_data;
    assert!(matches!(early, Some(EarlyData::TooLong { bytes: 20_000.., bytes_max: 16_384 })), "{early:?}");
}

#[tokio::test]
async fn what_is_rejected_is_sent_again() {
    let lab = Lab::start().expect("a lab");
    let (session, url) = (session(&lab), lab.fault_url(Fault::EarlyDataRejected));
    run(&session, &url).await;
    let report = run(&session, &url).await;
    let shaken = handshake(&report);
    assert!(matches!(shaken.early_data, Some(EarlyData::Rejected { bytes }) if bytes > 0), "{shaken:?}");
    assert_eq!((shaken.kind, shaken.round_trips()), (Some(HandshakeKind::Resumed), Some(1)));
    assert!(report.to_html().contains("bytes of early data were rejected, and sent again"));
}

#[tokio::test]
async fn somebody_in_the_middle_sends_it_twice() {
    let lab = Lab::start().expect("a lab");
    let (session, url) = (session(&lab), lab.fault_url(Fault::EarlyDataReplayed));
    run(&session, &url).await;
    let report = run(&session, &url).await;
    assert!(is_accepted(&report));
    assert_eq!(report.answer().and_then(|answer| answer.header("x-early-arrivals")), Some("2"));
}

#[tokio::test]
async fn too_early_is_asked_again_over_the_same_connection() {
    let lab = Lab::start().expect("a lab");
    let (session, url) = (session(&lab), lab.fault_url(Fault::TooEarly));
    run(&session, &url).await;
    let report = run(&session, &url).await;
    assert!(is_accepted(&report) && report.hops.len() == 1);
    let retry = report.hops[0].step(Phase::Retry).expect("a retry");
    assert!(retry.label.starts_with("425 Too Early") && !retry.children.is_empty(), "{retry:?}");
    assert!(report.to_html().contains("425 Too Early"));
}
