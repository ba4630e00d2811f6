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
    let cases: [(&str, Turns, Is); 10] = [
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
        // A reply of the wrong length: the name in it is longer than what comes.
        ("socks5h://", &[(3, b"\x05\x00"), (BY_NAME, b"\x05\x00\x00\x03\xffab")], |error| {
            matches!(error, ProxyError::HungUp { .. })
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
