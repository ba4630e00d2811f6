//! A redirect to the same origin goes over the connection that is there, if the server has not hung up.

use netprobe::http::Protocol;
use netprobe::{Hop, Lab, Phase, Probe, Report};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

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
async fn read_head(stream: &mut TcpStream) -> u64 {
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
