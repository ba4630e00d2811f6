//! A redirect to the same origin goes over the connection that is there, if the server has not hung up.

use std::sync::Arc;

use netprobe::http::{HttpOptions, Protocol};
use netprobe::tls::{Roots, TlsError};
use netprobe::{Error, Hop, Lab, Phase, Probe, Report};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

fn phases(hop: &Hop) -> Vec<Phase> {
    hop.steps.iter().map(|step| step.phase).collect()
}

fn reused(report: &Report) -> Vec<Option<usize>> {
    assert_eq!(report.error, None, "{report:#?}");
    report.hops.iter().map(|hop| hop.reused).collect()
}

#[tokio::test]
async fn redirects_to_the_same_origin_share_a_connection() {
    let lab = Lab::start().expect("a lab");
    let probe = lab.probe_resolved();
    for (label, protocol) in [("www", Protocol::Http2), ("http1", Protocol::Http1)] {
        let report = probe.run(&lab.host_url(label, "/hops")).await;
        assert_eq!(reused(&report), [None, Some(0), Some(0)]);
        for hop in &report.hops {
            assert_eq!(hop.exchange.as_ref().map(|exchange| exchange.protocol), Some(protocol));
            assert!(hop.sent_bytes > 0 && hop.received_bytes > 0, "bytes are counted hop by hop: {hop:#?}");
            assert_eq!(hop.connection.is_some(), hop.reused.is_none());
        }
        let last = &report.hops[2];
        assert_eq!(phases(last)[..4], [Phase::Connect, Phase::Send, Phase::Wait, Phase::Transfer]);
        assert_eq!((last.steps[0].span.duration_ns, last.handshake.is_none()), (0, true));
        assert!(last.steps[0].label.ends_with(": reused"), "{:?}", last.steps[0]);
        if cfg!(target_os = "linux") {
            let connection = report.hops[0].connection.as_ref().expect("a connection");
            assert!(connection.info_at_end.is_some(), "its end is in the report of the hop that made it");
        }
        assert!(report.story()[2][0].what.starts_with("the connection of request 1 is still open"));
        let har = report.to_har();
        let entries = har["log"]["entries"].as_array().expect("entries");
        assert_eq!((&entries[2]["timings"]["connect"], &entries[2]["timings"]["dns"]), (&(-1).into(), &(-1).into()));
        assert_eq!(entries[0]["connection"], entries[2]["connection"]);
    }
}

#[tokio::test]
async fn a_run_may_be_a_task() {
    let lab = Lab::start().expect("a lab");
    let (probe, url) = (lab.probe_resolved(), lab.url("/hops"));
    assert_eq!(tokio::spawn(async move { probe.run(&url).await }).await.expect("no panic").error, None);
}

#[tokio::test]
async fn another_origin_needs_another_connection() {
    let lab = Lab::start().expect("a lab");
    let report = lab.probe_resolved().run(&lab.http_url("/")).await;
    assert_eq!(reused(&report), [None, None]);
    // The server of HTTP/1.1 closes when it says so.
    let report = lab.probe_resolved().run(&lab.host_url("http1", "/hop-and-close")).await;
    assert_eq!(reused(&report), [None, None]);
}

/// Reads the head of a request; returns how long it is.
async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> u64 {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        assert!(stream.read_buf(&mut head).await.expect("a request") > 0);
    }
    head.len() as u64
}

#[tokio::test]
async fn a_server_that_hangs_up_between_two_requests_is_connected_to_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let heads = std::cell::Cell::new([0; 3]);
    let serving = async {
        let (mut first, _) = listener.accept().await.expect("a client");
        let redirected = read_head(&mut first).await;
        let answer = b"HTTP/1.1 302 Found\r\nlocation: /next\r\ncontent-length: 0\r\n\r\n";
        first.write_all(answer).await.expect("sent");
        // The next request is on its way when it hangs up.
        let vain = read_head(&mut first).await;
        drop(first);
        let (mut second, _) = listener.accept().await.expect("a client");
        heads.set([redirected, vain, read_head(&mut second).await]);
        second.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.expect("sent");
        std::future::pending::<()>().await;
    };
    let report = tokio::select! {
        report = async { Probe { roots: netprobe::tls::Roots::Unchecked, ..Probe::default() }.run(&url).await } => report,
        () = serving => unreachable!("it waits for ever"),
    };
    assert_eq!(reused(&report), [None, None]);
    let hop = &report.hops[1];
    assert_eq!(phases(hop)[..3], [Phase::Retry, Phase::Names, Phase::Connect]);
    let tried: Vec<Phase> = hop.steps[0].children.iter().map(|step| step.phase).collect();
    assert_eq!(tried[..2], [Phase::Connect, Phase::Send], "{hop:#?}");
    assert!(hop.steps[0].children.iter().any(|step| step.error.is_some()), "{hop:#?}");
    assert!(hop.steps[0].span.end_ns() <= hop.steps[1].span.start_ns && report.failed_step().is_none());
    assert!(report.story()[1][0].what.starts_with("the server hung up"));
    let [redirected, vain, second] = heads.get();
    assert_eq!(
        (report.hops[0].sent_bytes, hop.sent_bytes),
        (redirected, vain + second),
        "what was in vain was sent too"
    );
    assert_eq!(report.answer().map(|answer| answer.body.as_slice()), Some(&b"ok"[..]));
}

/// A server of TLS with a certificate that nobody checks.
fn acceptor() -> TlsAcceptor {
    let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(signed.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_no_client_auth();
    let config = config.with_single_cert(vec![signed.cert.der().clone()], key).expect("a certificate");
    TlsAcceptor::from(Arc::new(config))
}

/// Ends a connection with a fatal alert, as a server does that finds a record which it cannot read.
async fn end_with_an_alert(mut stream: TlsStream<TcpStream>) {
    let (socket, tls) = stream.get_mut();
    tls.read_tls(&mut [23, 3, 3, 0, 5, 1, 2, 3, 4, 5].as_slice()).expect("bytes");
    tls.process_new_packets().expect_err("they mean nothing");
    let mut alert = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut alert).expect("a vector");
    }
    socket.write_all(&alert).await.expect("sent");
    socket.shutdown().await.expect("sent");
}

/// Redirects the first request, ends the connection with an alert when the second has come, and answers on another.
async fn alerting(method: &str) -> Report {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let url = format!("https://{}/", listener.local_addr().expect("an address"));
    let acceptor = acceptor();
    let serving = async {
        let mut first = acceptor.accept(listener.accept().await.expect("a client").0).await.expect("a handshake");
        read_head(&mut first).await;
        let answer = b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /next\r\ncontent-length: 0\r\n\r\n";
        first.write_all(answer).await.expect("sent");
        first.flush().await.expect("sent");
        read_head(&mut first).await;
        end_with_an_alert(first).await;
        let mut second = acceptor.accept(listener.accept().await.expect("a client").0).await.expect("a handshake");
        read_head(&mut second).await;
        second.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.expect("sent");
        second.flush().await.expect("sent");
        std::future::pending::<()>().await;
    };
    let http = HttpOptions { method: Some(method.to_owned()), ..HttpOptions::default() };
    let probe = Probe { roots: Roots::Unchecked, http, ..Probe::default() };
    tokio::select! {
        report = async { probe.run(&url).await } => report,
        () = serving => unreachable!("it waits for ever"),
    }
}

#[tokio::test]
async fn an_alert_at_the_end_of_an_open_connection_is_hanging_up_too() {
    let report = alerting("PUT").await;
    assert_eq!(reused(&report), [None, None]);
    let hop = &report.hops[1];
    assert_eq!(phases(hop)[..4], [Phase::Retry, Phase::Names, Phase::Connect, Phase::Tls]);
    let tried = hop.steps[0].children.last().and_then(|step| step.error.as_ref());
    assert!(matches!(tried, Some(Error::Tls(TlsError::LateAlert { .. }))), "{hop:#?}");
    assert_eq!(report.answer().map(|answer| answer.body.as_slice()), Some(&b"ok"[..]));
    // What is not as good twice as once is not sent twice (RFC 9110, section 9.2.2).
    let report = alerting("POST").await;
    assert!(matches!(report.error, Some(Error::Tls(TlsError::LateAlert { .. }))), "{:?}", report.error);
    assert_eq!(report.hops[1].reused, Some(0));
}
