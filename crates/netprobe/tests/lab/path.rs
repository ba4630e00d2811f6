//! The path: on loopback it is one hop long.
#![cfg(target_os = "linux")]

use std::net::IpAddr;

use netprobe::path::{Path, PathAnswer, PathOptions, trace};
use netprobe::{Clock, Lab, Phase, Probe, Report};

/// Longer than any test takes.
fn patient() -> PathOptions {
    PathOptions { timeout_ms: 600_000, ..PathOptions::default() }
}

async fn path(address: &str) -> Path {
    trace(address.parse().expect("an address"), &patient(), &Clock::start()).await
}

#[tokio::test]
async fn loopback_is_one_hop_away() {
    for address in ["127.0.1.1", "::1"] {
        if address == "::1" && std::net::UdpSocket::bind("[::1]:0").is_err() {
            continue;
        }
        let found = path(address).await;
        assert_eq!((found.reached, &found.unavailable), (true, &None), "{found:#?}");
        let [hop] = &found.hops[..] else { panic!("{found:#?}") };
        assert_eq!((hop.ttl, hop.sent, hop.replies.len()), (1, 3, 3), "{found:#?}");
        for reply in &hop.replies {
            assert_eq!((reply.from, reply.says), (found.destination, PathAnswer::PortUnreachable));
            assert!(reply.span.duration_ns > 0 && reply.span.start_ns >= found.span.start_ns);
            assert!(reply.span.end_ns() <= found.span.end_ns());
        }
        let step = found.step();
        assert_eq!((step.phase, step.children.len()), (Phase::Path, 1));
        assert_eq!(step.label, format!("{address} is 1 hop away, and it answered"));
    }
}

#[tokio::test]
async fn the_path_is_a_chapter_of_its_own() {
    let lab = Lab::start().expect("a lab");
    let report = Probe { path: Some(patient()), ..lab.probe_resolved() }.run(&lab.url("/")).await;
    assert_eq!(report.error, None);
    let path = report.path.as_ref().expect("a path");
    assert_eq!(path.destination, IpAddr::from([127, 0, 1, 1]));
    assert!(path.span.start_ns >= report.total.end_ns(), "it is no part of the visit");
    let chapter = report.timeline().chapters.pop().expect("a chapter");
    assert_eq!((chapter.title.as_str(), chapter.steps.len()), ("the path to 127.0.1.1", 1));
    assert!(report.to_html().contains("127.0.1.1 is 1 hop away") && report.to_svg().contains("the path to 127.0.1.1"));
    let json = serde_json::to_string(&report).expect("JSON");
    assert_eq!(serde_json::from_str::<Report>(&json).expect("a report").path, report.path);
}

#[tokio::test]
async fn a_path_that_cannot_be_looked_for_is_a_sentence() {
    // No packet leaves for a multicast address with a connection's rules, nor for a port of the unspecified one.
    let found = path("255.255.255.255").await;
    assert!(found.hops.is_empty() && !found.reached);
    let why = found.unavailable.as_deref().unwrap_or_default();
    assert!(why.starts_with("this system sends no such packets: "), "{found:#?}");
    assert!(found.summary().starts_with("the path to 255.255.255.255 cannot be shown: "));
}
