//! Tunnels through proxies: CONNECT and SOCKS5, and proxies that do not do what they should.

use std::net::SocketAddr;

use netprobe::proxy::{Proxies, ProxyError};
use netprobe::{Error, Lab, Phase, Probe, Report};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// What a proxy hears, as a sum of lengths, and what it says to each.
type Turns = &'static [(usize, &'static [u8])];

/// Plays a proxy: hears so many bytes (0: the head of a request) and answers, turn by turn; then relays to `upstream`, if there is one.
async fn play(listener: TcpListener, turns: Turns, upstream: Option<SocketAddr>) -> std::io::Result<Vec<u8>> {
    let (mut client, _) = listener.accept().await?;
    let mut heard = Vec::new();
    for (length, answer) in turns {
        if *length == 0 {
            while !heard.ends_with(b"\r\n\r\n") {
                heard.push(client.read_u8().await?);
            }
        } else {
            let mut bytes = vec![0; *length];
            client.read_exact(&mut bytes).await?;
            heard.extend(bytes);
        }
        client.write_all(answer).await?;
    }
    if let Some(upstream) = upstream {
        copy_bidirectional(&mut client, &mut TcpStream::connect(upstream).await?).await.ok();
    }
    Ok(heard)
}

/// A visit of the lab's site through a proxy that is written as `scheme` and credentials; returns the report and what the proxy heard.
async fn visit(before: &str, turns: Turns, works: bool) -> (Report, Vec<u8>) {
    let lab = Lab::start().expect("a lab");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let proxy = format!("{before}{}", listener.local_addr().expect("an address")).parse().expect("a proxy");
    let upstream = works.then(|| SocketAddr::from(([127, 0, 1, 1], lab.https_port())));
    let playing = tokio::spawn(play(listener, turns, upstream));
    let probe = Probe { proxies: Proxies::all(proxy), ..lab.probe() };
    let report = probe.run(&lab.url("/")).await;
    (report, playing.await.expect("no panic").unwrap_or_default())
}

const SOCKS_OK: &[u8] = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x12\x34";
/// Version, command, reserved, type, length, `www.whiteboard.test`, port.
const BY_NAME: usize = 5 + 19 + 2;

#[tokio::test]
async fn a_tunnel_is_a_step_of_its_own() {
    let secret = "http://user:s3cret@";
    let connected: &[u8] = b"HTTP/1.1 200 Connection established\r\nx: y\r\n\r\n";
    let cases: [(&str, Turns, Vec<Phase>); 4] = [
        (secret, Box::leak(Box::new([(0, connected)])), vec![Phase::Names, Phase::Connect, Phase::Proxy, Phase::Tls]),
        (
            "socks5h://",
            &[(3, b"\x05\x00"), (BY_NAME, SOCKS_OK)],
            vec![Phase::Names, Phase::Connect, Phase::Proxy, Phase::Tls],
        ),
        (
            "socks5://",
            &[(3, b"\x05\x00"), (10, SOCKS_OK)],
            vec![Phase::Names, Phase::Names, Phase::Connect, Phase::Proxy],
        ),
        (
            "socks5h://user:s3cret@",
            &[(4, b"\x05\x02"), (13, b"\x01\x00"), (BY_NAME, b"\x05\x00\x00\x03\x02ab\x12\x34")],
            vec![Phase::Names, Phase::Connect, Phase::Proxy, Phase::Tls],
        ),
    ];
    for (before, turns, phases) in cases {
        let (report, heard) = visit(before, turns, true).await;
        assert_eq!(report.error, None, "{before}");
        let steps: Vec<Phase> = report.steps().map(|step| step.phase).collect();
        assert_eq!(steps[1..=phases.len()], phases, "{before}");
        let heard = String::from_utf8_lossy(&heard);
        assert_eq!(heard.contains("www.whiteboard.test"), before != "socks5://", "{heard:?}");
        assert_eq!(heard.contains("Proxy-Authorization: Basic dXNlcjpzM2NyZXQ="), before == secret, "{heard}");
        let told = format!("{} {}", serde_json::to_string(&report).expect("JSON"), report.to_html());
        assert!(!told.contains("s3cret") && !told.contains("dXNlcjpzM2NyZXQ"), "{before}");
        assert!(report.to_html().contains("is asked to connect to"), "{before}");
    }
}

#[tokio::test]
async fn what_a_proxy_does_wrong_is_named() {
    type Is = fn(&ProxyError) -> bool;
    let cases: [(&str, Turns, Is); 12] = [
        ("http://", &[(0, b"")], |error| matches!(error, ProxyError::HungUp { .. })),
        ("http://", &[(0, b"HTTP/1.1 200 OK\r\nhalf")], |error| matches!(error, ProxyError::HungUp { .. })),
        ("http://", &[(0, b"SSH-2.0-x\r\n\r\n")], |error| matches!(error, ProxyError::Malformed { .. })),
        ("http://", &[(0, b"HTTP/1.1 407 Who?\r\n\r\n")], |error| {
            matches!(error, ProxyError::Credentials { given: false, .. })
        }),
        (
            "http://",
            &[(0, b"HTTP/1.1 502 No\r\n\r\n")],
            |error| matches!(error, ProxyError::Refused { answer, .. } if answer.contains("502")),
        ),
        ("http://", &[(0, &[b'a'; 20_000])], |error| matches!(error, ProxyError::HeadTooLong { .. })),
        ("socks5h://", &[(3, b"\x05\xff")], |error| matches!(error, ProxyError::Credentials { given: false, .. })),
        ("socks5h://", &[(3, b"\x04\x00")], |error| matches!(error, ProxyError::Malformed { .. })),
        // Replies of the wrong length: the name in it is longer than what comes, or shorter.
        ("socks5h://", &[(3, b"\x05\x00"), (BY_NAME, b"\x05\x00\x00\x03\xffab")], |error| {
            matches!(error, ProxyError::ShortReply { bytes: 7, bytes_expected: 262, .. })
        }),
        (
            "socks5h://",
            &[(3, b"\x05\x00"), (BY_NAME, b"\x05\x00\x00\x03\x01abcd")],
            |error| matches!(error, ProxyError::Malformed { reason, .. } if reason == "its reply is longer than it says"),
        ),
        ("socks5h://", &[(3, b"\x05")], |error| {
            matches!(error, ProxyError::ShortReply { bytes: 1, bytes_expected: 2, .. })
        }),
        (
            "socks5h://",
            &[(3, b"\x05\x00"), (BY_NAME, b"\x05\x05\x00\x01\0\0\0\0\0\0")],
            |error| matches!(error, ProxyError::Refused { answer, .. } if answer == "connection refused"),
        ),
    ];
    for (index, (before, turns, is)) in cases.into_iter().enumerate() {
        let (report, _) = visit(before, turns, false).await;
        let error = report.error.clone().expect("an error");
        assert!(matches!(&error, Error::Proxy(error) if is(error)), "{index}: {error:?}");
        assert_eq!(report.failed_step().map(|step| step.phase), Some(Phase::Proxy), "{index}");
        assert!(report.hops[0].connection.is_some(), "what came before is there");
    }
}

#[tokio::test]
async fn a_silent_proxy_is_given_its_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let proxy = format!("{}", listener.local_addr().expect("an address")).parse().expect("a proxy");
    let lab = Lab::start().expect("a lab");
    let probe = Probe { proxies: Proxies::all(proxy), proxy_timeout_ms: 30, ..lab.probe() };
    let report = probe.run(&lab.url("/")).await;
    assert_eq!(report.error, Some(Error::Timeout { phase: Phase::Proxy, limit_ms: 30 }));
}

#[tokio::test]
async fn plain_http_goes_to_the_proxy_as_it_is() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let proxy = format!("http://user:s3cret@{}", listener.local_addr().expect("an address")).parse().expect("a proxy");
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let playing = tokio::spawn(play(listener, Box::leak(Box::new([(0, answer.as_slice())])), None));
    let probe = Probe { proxies: Proxies::all(proxy), ..Probe::default() };
    // Nobody here has to know the name.
    let report = probe.run("http://ann:pw@site.invalid:8080/x?y#z").await;
    assert_eq!(report.error, None, "{report:#?}");
    let heard = String::from_utf8(playing.await.expect("no panic").expect("a request")).expect("UTF-8");
    assert!(heard.starts_with("GET http://site.invalid:8080/x?y HTTP/1.1\r\nhost: site.invalid:8080\r\n"), "{heard}");
    assert!(heard.contains("proxy-authorization: Basic dXNlcjpzM2NyZXQ=\r\n") && heard.contains("\r\nauthorization: "));
    let hop = &report.hops[0];
    assert!(
        hop.tunnel.is_none() && hop.forwarded_by.as_ref().is_some_and(|proxy| proxy.starts_with("http://127.0.0.1:"))
    );
    assert_eq!(hop.exchange.as_ref().map(|exchange| exchange.target.as_str()), Some("http://site.invalid:8080/x?y"));
    let steps: Vec<Phase> = report.steps().map(|step| step.phase).collect();
    assert_eq!(steps, [Phase::Url, Phase::Names, Phase::Connect, Phase::Send, Phase::Wait, Phase::Transfer]);
    let told = format!("{} {}", serde_json::to_string(&report).expect("JSON"), report.to_html());
    assert!(
        !told.contains("s3cret") && !told.contains("dXNlcjpzM2NyZXQ") && told.contains("which passes the request on")
    );
}

#[tokio::test]
async fn a_proxy_that_passes_requests_on_may_want_credentials() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let proxy = format!("{}", listener.local_addr().expect("an address")).parse().expect("a proxy");
    let playing = tokio::spawn(play(listener, &[(0, b"HTTP/1.1 407 Who?\r\ncontent-length: 0\r\n\r\n")], None));
    let report = Probe { proxies: Proxies::all(proxy), ..Probe::default() }.run("http://site.invalid/").await;
    playing.await.expect("no panic").expect("a request");
    assert!(matches!(&report.error, Some(Error::Proxy(ProxyError::Credentials { given: false, .. }))), "{report:#?}");
    assert_eq!(report.answer().and_then(|answer| answer.status), Some(407));
}

#[tokio::test]
async fn the_labs_proxies_lead_to_its_site() {
    let lab = Lab::start().expect("a lab");
    let probe = |proxy| Probe { proxies: Proxies::all(proxy), ..lab.probe() };
    for proxy in [lab.http_proxy(), lab.socks_proxy()] {
        let report = probe(proxy.clone()).run(&lab.url("/")).await;
        assert_eq!((&report.error, report.hops[0].tunnel.is_some()), (&None, true), "{proxy}");
        // Plain HTTP redirects to HTTPS; the first goes as it is, where the proxy speaks HTTP.
        let report = probe(proxy.clone()).run(&lab.http_url("/")).await;
        assert_eq!((&report.error, report.hops.len()), (&None, 2), "{proxy}");
        let is_forwarded = proxy.kind == netprobe::proxy::Kind::Http;
        let forwarded: Vec<bool> = report.hops.iter().map(|hop| hop.forwarded_by.is_some()).collect();
        assert_eq!(forwarded, [is_forwarded, false], "{proxy}");
        assert_eq!(report.hops.iter().filter(|hop| hop.tunnel.is_none()).count(), usize::from(is_forwarded));
    }
    // A body passes too, and a tunnel may be asked for.
    let mut upload = probe(lab.http_proxy());
    upload.http.body = Some(b"hello".as_slice().into());
    let url = lab.http_url("/echo").replace("www", "other");
    for tunnel_all in [false, true] {
        upload.proxies.tunnel_all = tunnel_all;
        let report = upload.run(&url).await;
        assert_eq!((&report.error, report.answer().map(|answer| answer.body.as_slice())), (&None, Some(&b"hello"[..])));
        assert_eq!((report.hops[0].tunnel.is_some(), report.hops[0].forwarded_by.is_none()), (tunnel_all, tunnel_all));
    }
    // As with curl, a connection that leads elsewhere needs a tunnel.
    let connect_to = vec!["nowhere.test::other.whiteboard.test:".parse().expect("a direction")];
    let report = Probe { connect_to, ..probe(lab.http_proxy()) }
        .run(&lab.http_url("/echo").replace("www.whiteboard", "nowhere"))
        .await;
    let target = report.hops[0].tunnel.as_ref().map(|tunnel| tunnel.target.as_str());
    assert!(target.is_some_and(|target| target.starts_with("other.whiteboard.test:")), "{report:#?}");
}

#[tokio::test]
async fn the_labs_broken_proxies_are_named() {
    let lab = Lab::start().expect("a lab");
    for fault in [netprobe::Fault::ProxyHangsUp, netprobe::Fault::SocksShortReply] {
        let report = Probe { proxies: lab.fault_proxies(fault), ..lab.probe() }.run(&lab.fault_url(fault)).await;
        let error = report.error.as_ref().expect("an error").to_string();
        let expected = match fault {
            netprobe::Fault::ProxyHangsUp => "hung up before it had answered",
            _ => "answers with 7 bytes, and its answer should have 262",
        };
        assert!(error.ends_with(expected), "{error}");
        let kept: Vec<Phase> = report.steps().map(|step| step.phase).collect();
        assert_eq!(kept, [Phase::Url, Phase::Names, Phase::Connect, Phase::Proxy]);
    }
}
