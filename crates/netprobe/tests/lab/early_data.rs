//! A request that goes with the ClientHello: taken, rejected, sent twice by somebody in the middle, and wanted once more.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use netprobe::http::{HttpOptions, Protocol};
use netprobe::tls::{EarlyData, Handshake, HandshakeKind, TlsError};
use netprobe::{ConnectTo, Error, Fault, Lab, Phase, Probe, Report, Session};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

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

#[tokio::test]
async fn what_was_written_in_another_protocol_is_written_again_and_told() {
    let lab = Lab::start().expect("a lab");
    let (session, url) = (session(&lab), lab.host_url("early-changed", "/"));
    run(&session, &url).await;
    let report = run(&session, &url).await;
    let shaken = handshake(&report);
    assert!(matches!(shaken.early_data, Some(EarlyData::Rejected { bytes }) if bytes > 0), "{shaken:?}");
    assert_eq!(report.answer().map(|answer| answer.protocol), Some(Protocol::Http1));
    use Phase::{Connect, Decode, Names, Retry, Send, Tls, Transfer, Url, Wait};
    assert_eq!(phases(&report), [Url, Names, Connect, Retry, Tls, Send, Wait, Transfer, Decode]);
    let retry = report.hops[0].step(Retry).expect("a retry");
    assert_eq!(retry.label, "written early in HTTP/2, and the server agreed on HTTP/1.1: written again");
    assert_eq!(
        retry.children.iter().map(|step| (step.phase, step.label.as_str())).collect::<Vec<_>>(),
        [(Send, "GET /")]
    );
}

/// What somebody in the middle makes of a connection.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Middle {
    /// It is passed on.
    Passes,
    /// It is closed.
    Cuts,
    /// It is answered with the alert `handshake_failure`.
    Alerts,
    /// The answer is held back for this long.
    Holds(Duration),
}

/// Somebody in the middle who looks for early data in the ClientHello: what becomes of a connection depends on that, and on its number.
async fn middle(
    upstream: SocketAddr,
    decide: impl Fn(bool, usize) -> Middle + Send + 'static,
) -> (ConnectTo, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let (host, port) = ("127.0.0.1".to_owned(), listener.local_addr().expect("an address").port());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.expect("a client");
            let mut hello = vec![0; 5];
            client.read_exact(&mut hello).await.expect("a record");
            let length = usize::from(u16::from_be_bytes([hello[3], hello[4]]));
            hello.resize(5 + length, 0);
            client.read_exact(&mut hello[5..]).await.expect("a ClientHello");
            // The extension early_data, which is empty (RFC 8446, section 4.2.10).
            let is_early = hello.windows(4).any(|four| four == [0, 42, 0, 0]);
            let made = decide(is_early, counted.fetch_add(1, Ordering::Relaxed));
            tokio::spawn(pass(client, hello, upstream, made));
        }
    });
    (ConnectTo { to_host: Some(host), to_port: Some(port), ..ConnectTo::default() }, count)
}

async fn pass(mut client: TcpStream, hello: Vec<u8>, upstream: SocketAddr, made: Middle) -> std::io::Result<()> {
    match made {
        Middle::Cuts => return Ok(()),
        Middle::Alerts => {
            client.write_all(&[21, 3, 3, 0, 2, 2, 40]).await?;
            client.shutdown().await?;
            // Until the client has read it.
            while client.read(&mut [0; 4096]).await? > 0 {}
            return Ok(());
        }
        Middle::Passes | Middle::Holds(_) => {}
    }
    let mut server = TcpStream::connect(upstream).await?;
    server.write_all(&hello).await?;
    if let Middle::Holds(time) = made {
        tokio::time::sleep(time).await;
    }
    copy_bidirectional(&mut client, &mut server).await.map(|_| ())
}

/// A session whose connections all lead through that somebody.
fn session_through(lab: &Lab, middle: ConnectTo) -> Probe {
    Probe { connect_to: vec![middle], early_data: true, ..lab.probe_resolved().with_timeout_ms(600_000) }
}

fn server(lab: &Lab) -> SocketAddr {
    SocketAddr::from(([127, 0, 1, 1], lab.https_port()))
}

#[tokio::test]
async fn a_handshake_that_fails_with_early_data_is_done_once_more_without() {
    let lab = Lab::start().expect("a lab");
    for how in [Middle::Cuts, Middle::Alerts] {
        let (through, connections) =
            middle(server(&lab), move |is_early, _| if is_early { how } else { Middle::Passes }).await;
        let (session, url) = (session_through(&lab, through).open().expect("a session"), lab.host_url("early", "/"));
        run(&session, &url).await;
        let report = run(&session, &url).await;
        assert_eq!((connections.load(Ordering::Relaxed), handshake(&report).early_data), (3, None), "{how:?}");
        use Phase::{Connect, Names, Retry, Send, Tls, Url};
        assert_eq!(phases(&report)[..6], [Url, Retry, Names, Connect, Tls, Send]);
        let retry = report.hops[0].step(Retry).expect("a retry");
        assert!(retry.label.starts_with("the handshake with early data failed ("), "{retry:?}");
        assert_eq!(retry.children.iter().map(|step| step.phase).collect::<Vec<_>>(), [Names, Connect, Tls]);
        assert!(retry.children[2].error.is_some() && report.failed_step().is_none());
        let told = "bytes of early data were sent, and nobody knows what became of them";
        assert!(retry.children[2].label.contains(told), "{retry:?}");
        assert_eq!(handshake(&report).kind, Some(HandshakeKind::Full), "its tickets are forgotten");
        let story = format!("{:?}", report.story());
        assert!(story.contains("once more, without") && !story.contains("were rejected"), "{story}");
    }
}

#[tokio::test]
async fn what_fails_without_early_data_too_has_failed() {
    let lab = Lab::start().expect("a lab");
    let (through, connections) =
        middle(server(&lab), |_, number| if number > 0 { Middle::Cuts } else { Middle::Passes }).await;
    let (session, url) = (session_through(&lab, through).open().expect("a session"), lab.host_url("early", "/"));
    run(&session, &url).await;
    let report = session.run(&url).await;
    assert!(matches!(report.error, Some(Error::Tls(TlsError::Cut { .. }))), "{:?}", report.error);
    assert_eq!(connections.load(Ordering::Relaxed), 3, "twice, and no more");
    assert_eq!(phases(&report).iter().filter(|phase| **phase == Phase::Retry).count(), 1);
}

#[tokio::test]
async fn a_slow_handshake_takes_nothing_from_the_time_to_wait() {
    let lab = Lab::start().expect("a lab");
    // The lab answers in far less than the limit, and the handshake takes more.
    let (limit_ms, held) = (2_000, Duration::from_millis(2_500));
    let (through, _) =
        middle(server(&lab), move |is_early, _| if is_early { Middle::Holds(held) } else { Middle::Passes }).await;
    let mut probe = session_through(&lab, through);
    probe.http.wait_timeout_ms = limit_ms;
    // What is rejected is sent when the handshake is done, so that its answer has to be waited for.
    let (session, url) = (probe.open().expect("a session"), lab.fault_url(Fault::EarlyDataRejected));
    run(&session, &url).await;
    let report = run(&session, &url).await;
    assert!(matches!(handshake(&report).early_data, Some(EarlyData::Rejected { .. })));
    assert!(handshake(&report).span.duration_ns >= limit_ms * 1_000_000);
    let wait = report.hops[0].step(Phase::Wait).expect("a wait");
    assert!(wait.span.start_ns >= handshake(&report).span.end_ns() && wait.span.duration_ns < limit_ms * 1_000_000);
}
