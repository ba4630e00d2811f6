//! Methods, bodies of requests, what redirects make of them, and answers before the answer.

use std::sync::Arc;

use netprobe::http::{HttpError, HttpOptions, Protocol};
use netprobe::{Error, Fault, Hop, Lab, Phase, Probe, Report};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Longer than any test takes.
const AGES_MS: u64 = 600_000;

const BOTH: [(&str, Protocol); 2] = [("www", Protocol::Http2), ("http1", Protocol::Http1)];

fn body(bytes: &[u8]) -> Option<Arc<[u8]>> {
    Some(bytes.into())
}

fn probe(lab: &Lab, http: HttpOptions) -> Probe {
    let http = HttpOptions { wait_timeout_ms: AGES_MS, transfer_timeout_ms: AGES_MS, ..http };
    Probe { http, ..lab.probe_resolved() }
}

fn phases(hop: &Hop) -> Vec<Phase> {
    hop.steps.iter().map(|step| step.phase).filter(|phase| *phase >= Phase::Send).collect()
}

/// What the last server said of the request.
fn echoed(report: &Report) -> (&str, &[u8]) {
    assert_eq!(report.error, None, "{report:#?}");
    let answer = report.answer().expect("an answer");
    (answer.header("x-method").unwrap_or_default(), &answer.body)
}

#[tokio::test]
async fn a_body_is_uploaded_and_the_upload_is_on_the_timeline() {
    let lab = Lab::start().expect("a lab");
    // More than a window of HTTP/2 and a socket's buffer take at once.
    let large: Vec<u8> = (0..1_000_000_u32).map(|index| (index % 251) as u8).collect();
    for (label, protocol) in BOTH {
        for (method, bytes) in [(None, &b"a=b"[..]), (Some("PUT"), &large), (None, b"")] {
            let http = HttpOptions { method: method.map(str::to_owned), body: body(bytes), ..HttpOptions::default() };
            let report = probe(&lab, http).run(&lab.host_url(label, "/echo")).await;
            assert_eq!(echoed(&report), (method.unwrap_or("POST"), bytes), "{label}");
            let hop = &report.hops[0];
            assert_eq!(phases(hop), [Phase::Send, Phase::Upload, Phase::Wait, Phase::Transfer], "{label}");
            let steps: Vec<_> =
                [Phase::Send, Phase::Upload, Phase::Wait].iter().filter_map(|one| hop.step(*one)).collect();
            assert!(steps.windows(2).all(|two| two[0].span.end_ns() == two[1].span.start_ns), "{steps:#?}");
            let exchange = report.answer().expect("an answer");
            assert_eq!((exchange.protocol, exchange.upload_bytes), (protocol, Some(bytes.len() as u64)));
            assert_eq!(exchange.header("content-type"), Some("application/x-www-form-urlencoded"));
            assert!(hop.sent_bytes > bytes.len() as u64);
            if bytes.len() > 100_000 {
                assert!(exchange.upload.is_some_and(|span| span.duration_ns > 0), "{exchange:#?}");
            }
            let har = report.to_har();
            assert_eq!(har["log"]["entries"][0]["request"]["bodySize"], bytes.len());
            assert!(report.to_html().contains(&format!("{} bytes of the request&#39;s body", bytes.len())));
        }
    }
}

#[tokio::test]
async fn redirects_keep_the_method_and_the_body_or_make_it_a_get() {
    let lab = Lab::start().expect("a lab");
    for (label, _) in BOTH {
        for (status, method, expected) in [
            (301, "POST", "GET"),
            (302, "POST", "GET"),
            (303, "POST", "GET"),
            (307, "POST", "POST"),
            (308, "POST", "POST"),
            (301, "PUT", "PUT"),
            (303, "PUT", "GET"),
            (303, "DELETE", "GET"),
        ] {
            let headers = vec![("Content-Type".to_owned(), "text/x-mine".to_owned())];
            let http = HttpOptions {
                method: Some(method.to_owned()),
                body: body(b"hello"),
                headers,
                ..HttpOptions::default()
            };
            let report = probe(&lab, http).run(&lab.host_url(label, &format!("/redirect/{status}"))).await;
            let kept: &[u8] = if expected == "GET" { b"" } else { b"hello" };
            assert_eq!(echoed(&report), (expected, kept), "{label} {status} {method}");
            let becomes_get = report.hops[0].redirect.as_ref().expect("a redirect").becomes_get;
            assert_eq!(becomes_get, expected == "GET");
            let kind = report.answer().and_then(|answer| answer.header("content-type"));
            assert_eq!(kind.is_some(), expected != "GET", "what was said of the body goes with it");
            assert_eq!(report.to_html().contains("only 307 and 308 keep both"), becomes_get);
        }
    }
}

#[tokio::test]
async fn head_has_a_head_alone() {
    let lab = Lab::start().expect("a lab");
    for (label, _) in BOTH {
        let http = HttpOptions { method: Some("HEAD".to_owned()), ..HttpOptions::default() };
        let report = probe(&lab, http).run(&lab.host_url(label, "/")).await;
        let answer = report.answer().expect("an answer");
        assert_eq!((&report.error, answer.status, answer.body.len()), (&None, Some(200), 0), "{label}");
    }
    for name in ["CONNECT", "no method"] {
        let http = HttpOptions { method: Some(name.to_owned()), ..HttpOptions::default() };
        let report = probe(&lab, http).run(&lab.url("/")).await;
        assert!(matches!(report.error, Some(Error::Http(HttpError::Method { method, .. })) if method == name));
        assert!(report.hops[0].handshake.is_some(), "what came before is there");
    }
}

#[tokio::test]
async fn hints_come_before_the_answer_and_are_parts_of_waiting() {
    let lab = Lab::start().expect("a lab");
    for alpn in [netprobe::tls::Alpn::Any, netprobe::tls::Alpn::Http1] {
        let report = Probe { alpn, ..probe(&lab, HttpOptions::default()) }.run(&lab.host_url("hints", "/")).await;
        assert_eq!(report.error, None);
        let answer = report.answer().expect("an answer");
        let [hint] = &answer.informational[..] else { panic!("{answer:#?}") };
        assert_eq!((answer.status, hint.status), (Some(200), 103));
        assert!(answer.first_byte_ns.is_some_and(|first| first > hint.at_ns), "{answer:#?}");
        let waiting = report.hops[0].step(Phase::Wait).expect("waiting");
        let [part] = &waiting.children[..] else { panic!("{waiting:#?}") };
        assert_eq!(part.label, "103 Early Hints: </style.css>; rel=preload; as=style");
        assert!(part.span.start_ns >= waiting.span.start_ns && part.span.end_ns() <= waiting.span.end_ns());
        assert!(report.to_html().contains("103 Early Hints: &lt;/style.css&gt;"));
        assert_eq!(report.to_har()["log"]["entries"][0]["_informational"][0]["status"], 103);
    }
}

#[tokio::test]
async fn hints_without_end_are_no_answer() {
    let lab = Lab::start().expect("a lab");
    for alpn in [netprobe::tls::Alpn::Any, netprobe::tls::Alpn::Http1] {
        let mut probe = Probe { alpn, ..probe(&lab, HttpOptions::default()) };
        probe.http.limits.informational_max = 5;
        let report = probe.run(&lab.fault_url(Fault::EndlessHints)).await;
        assert_eq!(report.error, Some(HttpError::TooManyInformational { responses_max: 5 }.into()));
        let exchange = report.answer().expect("an exchange");
        assert_eq!((exchange.status, exchange.informational.len()), (None, 5));
        assert_eq!(report.failed_step().map(|step| (step.phase, step.children.len())), Some((Phase::Wait, 5)));
    }
}

#[tokio::test]
async fn a_body_waits_until_it_is_wanted() {
    let lab = Lab::start().expect("a lab");
    let expecting = || HttpOptions {
        body: body(b"hello"),
        headers: vec![("Expect".to_owned(), "100-continue".to_owned())],
        expect_timeout_ms: AGES_MS,
        ..HttpOptions::default()
    };
    let report = probe(&lab, expecting()).run(&lab.host_url("http1", "/echo")).await;
    assert_eq!(echoed(&report), ("POST", &b"hello"[..]));
    assert_eq!(report.answer().map(|answer| answer.informational[0].status), Some(100));
    let upload = report.hops[0].step(Phase::Upload).expect("an upload");
    assert_eq!(upload.children.iter().map(|part| part.label.as_str()).collect::<Vec<_>>(), ["100 Continue"]);
    // A server that does not want it: it is not sent, and nothing else goes over that connection.
    for (label, _) in BOTH {
        let report = probe(&lab, expecting()).run(&lab.host_url(label, "/refuse")).await;
        let answer = report.answer().expect("an answer");
        assert_eq!((&report.error, answer.status, answer.upload_bytes), (&None, Some(413), Some(0)), "{label}");
    }
    // One that says nothing gets it all the same.
    let hasty = HttpOptions { expect_timeout_ms: 1, ..expecting() };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let heard = read_until(&mut stream, b"hello").await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.expect("sent");
        heard
    });
    let report = Probe { http: hasty, roots: netprobe::tls::Roots::Unchecked, ..Probe::default() }.run(&url).await;
    assert_eq!(report.error, None);
    assert!(serving.await.expect("no panic").contains("expect: 100-continue"));
}

async fn read_until(stream: &mut TcpStream, end: &[u8]) -> String {
    let mut heard = Vec::new();
    while !heard.ends_with(end) {
        assert!(stream.read_buf(&mut heard).await.expect("a request") > 0);
    }
    String::from_utf8(heard).expect("UTF-8")
}

/// A server that answers a request with a redirect to itself, and hangs up on the next one over the same connection.
#[tokio::test]
async fn what_may_have_been_done_is_not_done_twice() {
    for (method, is_repeated) in [("POST", false), ("PUT", true)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let serving = async {
            let (mut first, _) = listener.accept().await.expect("a client");
            read_until(&mut first, b"hello").await;
            let answer = b"HTTP/1.1 307 Again\r\nlocation: /next\r\ncontent-length: 0\r\n\r\n";
            first.write_all(answer).await.expect("sent");
            read_until(&mut first, b"hello").await;
            drop(first);
            let (mut second, _) = listener.accept().await.expect("a client");
            read_until(&mut second, b"hello").await;
            second.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.expect("sent");
            std::future::pending::<()>().await;
        };
        let http = HttpOptions { method: Some(method.to_owned()), body: body(b"hello"), ..HttpOptions::default() };
        let probe = Probe { http, roots: netprobe::tls::Roots::Unchecked, ..Probe::default() };
        let report = tokio::select! {
            report = async { probe.run(&url).await } => report,
            () = serving => unreachable!("it waits for ever"),
        };
        assert_eq!(report.error.is_none(), is_repeated, "{method}: {:?}", report.error);
        let retried = report.steps().any(|step| step.phase == Phase::Retry);
        assert_eq!(retried, is_repeated, "{method}");
    }
}
