//! Each hard case: the exact error, and every step before it kept.

use std::net::SocketAddr;

use netprobe::http::{HttpError, Limits};
use netprobe::lab::Impairment;
use netprobe::tcp::{ConnectOptions, Outcome, TcpError};
use netprobe::tls::{TlsError, Trust};
use netprobe::url::UrlError;
use netprobe::{Error, Fault, Lab, Override, Phase, Probe, Report};

/// Long enough on any machine, however busy.
const AGES_MS: u64 = 600_000;

/// What a step gets that is going to hang.
const PATIENCE_MS: u64 = 300;

fn probe(lab: &Lab) -> Probe {
    let limits = Limits { body_bytes_max: 1_000_000, decoded_bytes_max: 2_000_000, ..Limits::default() };
    let mut probe = lab.probe_resolved().with_timeout_ms(AGES_MS);
    probe.http.limits = limits;
    probe
}

/// The same with little patience for one step, and for no other.
fn impatient(lab: &Lab, phase: Phase) -> Probe {
    let mut probe = probe(lab);
    match phase {
        Phase::Connect => probe.connect.timeout_ms = PATIENCE_MS,
        Phase::Tls => probe.tls_timeout_ms = PATIENCE_MS,
        Phase::Wait => probe.http.wait_timeout_ms = PATIENCE_MS,
        Phase::Transfer => probe.http.transfer_timeout_ms = PATIENCE_MS,
        other => panic!("{other:?} has no time of its own"),
    }
    probe
}

fn phases(report: &Report) -> Vec<Phase> {
    report.hops.last().expect("a hop").steps.iter().map(|step| step.phase).collect()
}

/// The error of a report, which is that of its last step alone.
fn error(report: &Report, expected_last: Phase) -> Error {
    let error = report.error.clone().unwrap_or_else(|| panic!("no error: {report:#?}"));
    let last = report.steps().last().expect("a step");
    assert_eq!((last.phase, &last.error), (expected_last, &Some(error.clone())), "{report:#?}");
    let before = Phase::REQUEST.into_iter().take_while(|phase| *phase <= expected_last);
    assert_eq!(phases(report), before.collect::<Vec<_>>());
    assert!(report.steps().filter(|step| step.error.is_some()).count() == 1);
    error
}

fn tls(report: &Report) -> TlsError {
    match error(report, Phase::Tls) {
        Error::Tls(error) => error,
        other => panic!("{other:?}"),
    }
}

fn http(report: &Report, last: Phase) -> HttpError {
    match error(report, last) {
        Error::Http(error) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_certificate_is_not_good_enough_and_the_chain_is_kept() {
    let lab = Lab::start().expect("a lab");
    for (fault, certificates) in [
        (Fault::ExpiredCertificate, 2),
        (Fault::NotYetValidCertificate, 2),
        (Fault::WrongHost, 2),
        (Fault::SelfSigned, 1),
        (Fault::MissingIntermediate, 1),
        (Fault::UntrustedRoot, 2),
    ] {
        let (host, report) = (fault.host(), probe(&lab).run(&lab.fault_url(fault)).await);
        let (subject, names) = (host.clone(), ["shop.example", "www.shop.example"].map(str::to_owned).to_vec());
        let expected = match fault {
            Fault::ExpiredCertificate => TlsError::Expired { host, subject, days_ago: 10 },
            Fault::NotYetValidCertificate => TlsError::NotYetValid { host, subject, days_ahead: 1 },
            Fault::WrongHost => TlsError::WrongHost { host, names },
            Fault::SelfSigned => TlsError::SelfSigned { host, subject },
            Fault::MissingIntermediate => {
                TlsError::MissingIntermediate { host, subject, issuer: "Whiteboard Lab Intermediate".to_owned() }
            }
            _ => TlsError::UntrustedRoot { host, root: "Nobody's Root".to_owned() },
        };
        assert_eq!(tls(&report), expected);
        let handshake = report.hops[0].handshake.as_ref().expect("a handshake");
        assert_eq!((handshake.chain.len(), handshake.trust), (certificates, Trust::NotVerified), "{fault:?}");
    }
    let probe = probe(&lab);
    let message = probe.run(&lab.fault_url(Fault::ExpiredCertificate)).await.error.expect("an error").to_string();
    let expected = "expired-certificate.whiteboard.test: the certificate of expired-certificate.whiteboard.test expired 10 days ago";
    assert_eq!(message, expected);
}

#[tokio::test]
async fn a_handshake_that_cannot_be() {
    let lab = Lab::start().expect("a lab");
    let run = async |fault| tls(&probe(&lab).run(&lab.fault_url(fault)).await);
    let host = Fault::OldTls.host();
    assert_eq!(run(Fault::OldTls).await, TlsError::TooOld { host, offered: "TLS 1.1 or older".to_owned() });
    assert_eq!(run(Fault::NotTls).await, TlsError::NotTls { host: Fault::NotTls.host() });
    let reset = run(Fault::ResetInHandshake).await;
    assert!(matches!(&reset, TlsError::Cut { source, .. } if source.kind == "ConnectionReset"), "{reset:?}");
    let report = impatient(&lab, Phase::Tls).run(&lab.fault_url(Fault::SilentHandshake)).await;
    assert_eq!(error(&report, Phase::Tls), Error::Timeout { phase: Phase::Tls, limit_ms: PATIENCE_MS });
    let address = format!("https://127.0.1.1:{}/", lab.https_port());
    let report = probe(&lab).run(&address).await;
    assert!(matches!(tls(&report), TlsError::WrongHost { host, .. } if host == "127.0.1.1"));
}

#[tokio::test]
async fn a_connection_that_cannot_be() {
    let lab = Lab::start().expect("a lab");
    for fault in [Fault::ConnectionRefused, Fault::StaleServer] {
        let report = probe(&lab).run(&lab.fault_url(fault)).await;
        let refused = error(&report, Phase::Connect);
        assert!(
            matches!(&refused, Error::Tcp(TcpError::Connect { attempts: 1, source, .. }) if source.kind == "ConnectionRefused"),
            "{refused:?}"
        );
    }
    let report = impatient(&lab, Phase::Connect).run(&lab.fault_url(Fault::SilentAddress)).await;
    assert_eq!(error(&report, Phase::Connect), Error::Timeout { phase: Phase::Connect, limit_ms: PATIENCE_MS });
    let attempts = &report.hops[0].connection.as_ref().expect("a connection").attempts;
    assert_eq!((attempts.len(), &attempts[0].outcome), (1, &Outcome::TimedOut));
    // The second address is tried while the first still says nothing.
    let probe = Probe { connect: ConnectOptions { attempt_delay_ms: 20, ..ConnectOptions::default() }, ..probe(&lab) };
    let report = probe.run(&lab.fault_url(Fault::BrokenFirstAddress)).await;
    assert_eq!(report.error, None);
    let attempts = &report.hops[0].connection.as_ref().expect("a connection").attempts;
    let outcomes: Vec<&Outcome> = attempts.iter().map(|attempt| &attempt.outcome).collect();
    assert_eq!(outcomes, [&Outcome::Abandoned, &Outcome::Connected]);
}

#[tokio::test]
async fn an_answer_that_is_too_much() {
    let lab = Lab::start().expect("a lab");
    let run = async |fault| probe(&lab).run(&lab.fault_url(fault)).await;
    let head = HttpError::HeadTooLarge { bytes_max: 65_536, headers_max: 256 };
    assert_eq!(http(&run(Fault::HeaderBomb).await, Phase::Wait), head);
    assert_eq!(http(&probe(&lab).run(&lab.url("/big-head")).await, Phase::Wait), head);
    for label in ["www", "http1"] {
        let report = probe(&lab).run(&lab.host_url(label, "/many-headers")).await;
        assert_eq!(http(&report, Phase::Wait), head, "{label}");
    }
    let body = HttpError::BodyTooLarge { bytes_max: 1_000_000 };
    assert_eq!(http(&run(Fault::EndlessBody).await, Phase::Transfer), body);
    assert_eq!(http(&probe(&lab).run(&lab.url("/bytes/1000001")).await, Phase::Transfer), body);
    assert_eq!(probe(&lab).run(&lab.url("/bytes/1000000")).await.error, None);
    let bomb = http(&run(Fault::GzipBomb).await, Phase::Decode);
    assert!(matches!(bomb, HttpError::DecodedTooLarge { bytes_max: 2_000_000, .. }), "{bomb:?}");
}

#[tokio::test]
async fn an_answer_that_is_too_slow() {
    let lab = Lab::start().expect("a lab");
    let report = impatient(&lab, Phase::Wait).run(&lab.fault_url(Fault::SlowHeaders)).await;
    assert_eq!(error(&report, Phase::Wait), Error::Timeout { phase: Phase::Wait, limit_ms: PATIENCE_MS });
    let exchange = report.answer().expect("an exchange");
    assert!(exchange.first_byte_ns.is_some() && exchange.status.is_none());
    let report = impatient(&lab, Phase::Transfer).run(&lab.fault_url(Fault::SlowBody)).await;
    assert_eq!(error(&report, Phase::Transfer), Error::Timeout { phase: Phase::Transfer, limit_ms: PATIENCE_MS });
    let exchange = report.answer().expect("an exchange");
    assert!(exchange.status == Some(200) && exchange.body_bytes > 0, "{exchange:?}");
}

#[tokio::test]
async fn an_answer_that_breaks_the_rules() {
    let lab = Lab::start().expect("a lab");
    let run = async |fault| probe(&lab).run(&lab.fault_url(fault)).await;
    assert!(matches!(http(&run(Fault::NotHttp).await, Phase::Wait), HttpError::NotHttp { .. }));
    assert!(
        matches!(http(&run(Fault::CorruptGzip).await, Phase::Decode), HttpError::Encoding { encoding, .. } if encoding == "gzip")
    );
    let report = run(Fault::TruncatedBody).await;
    assert_eq!(http(&report, Phase::Transfer), HttpError::Incomplete { bytes: 9, bytes_expected: Some(1000) });
    assert_eq!(report.answer().map(|answer| answer.body.as_slice()), Some(&b"only this"[..]));
    let cut = http(&run(Fault::ResetInBody).await, Phase::Transfer);
    assert!(matches!(&cut, HttpError::Cut { bytes: 9, source } if source.kind == "ConnectionReset"), "{cut:?}");
}

#[tokio::test]
async fn redirects_that_lead_nowhere() {
    let lab = Lab::start().expect("a lab");
    let report = probe(&lab).run(&lab.fault_url(Fault::RedirectLoop)).await;
    let at = |path: &str| lab.host_url(Fault::RedirectLoop.name(), path);
    let cycle = vec![at("/tick"), at("/tock"), at("/tick")];
    assert_eq!(report.error, Some(HttpError::RedirectLoop { cycle }.into()));
    assert_eq!(report.hops.len(), 4);
    let refused = |report: &Report| report.hops.last().and_then(|hop| hop.steps.last()).cloned().expect("a step");
    assert_eq!((refused(&report).phase, &refused(&report).error), (Phase::Url, &report.error));
    assert!(report.story()[3][0].what.starts_with("the redirects go in a circle: "), "{:?}", report.story()[3]);
    let few = Probe { redirects_max: 1, ..probe(&lab) };
    let report = few.run(&lab.url("/hops")).await;
    assert_eq!(report.error, Some(HttpError::TooManyRedirects { redirects_max: 1 }.into()));
    assert_eq!(refused(&report).error, report.error);
    let report = probe(&lab).run(&lab.url("/nowhere")).await;
    assert!(matches!(report.error, Some(Error::Http(HttpError::Location { status: 302, .. }))), "{:?}", report.error);
    assert_eq!((refused(&report).phase, &refused(&report).error), (Phase::Url, &report.error));
    let report = probe(&lab).run(&lab.fault_url(Fault::Downgrade)).await;
    assert_eq!(report.error, None);
    assert!(report.hops[0].redirect.as_ref().is_some_and(|redirect| redirect.is_downgrade));
    assert!(report.warnings()[0].contains("from https to http"), "{:?}", report.warnings());
}

#[tokio::test]
async fn text_that_is_not_a_url() {
    let lab = Lab::start().expect("a lab");
    let report = probe(&lab).run("ftp://a.test/").await;
    assert!(matches!(error(&report, Phase::Url), Error::Url(_)));
    let report = probe(&lab).run("https://ann:secret@a b/").await;
    assert!(!serde_json::to_string(&report).expect("JSON").contains("secret"), "{report:?}");
    let report = probe(&lab).run(&format!("ann:{}@a.test", "secret".repeat(10_000))).await;
    assert!(matches!(error(&report, Phase::Url), Error::Url(UrlError::TooLong { bytes: 60_011, .. })), "{report:?}");
    let long = probe(&lab).run(&format!("a.test/{}", "x".repeat(50_000))).await;
    assert!(long.url.ends_with("x… (50007 bytes)") && long.url.len() < 300, "{}", long.url);
    for report in [report, long] {
        let json = serde_json::to_string(&report).expect("JSON");
        assert!(!json.contains("secret") && json.len() < 3000, "{json}");
    }
    let roots = Probe { roots: netprobe::tls::Roots::Pem(b"nothing".to_vec()), ..probe(&lab) };
    assert!(matches!(roots.run("a.test").await.error, Some(Error::Tls(TlsError::Roots { .. }))));
}

/// Steers the healthy site's URL through a proxy.
fn through(lab: &Lab, impairment: Impairment) -> (Probe, String) {
    let SocketAddr::V4(address) = lab.proxy(impairment).expect("a proxy").address else { panic!("IPv4") };
    let host = "www.whiteboard.test".to_owned();
    let known = Override { host: host.clone(), port: address.port(), address: (*address.ip()).into() };
    (Probe { overrides: vec![known], ..probe(lab) }, format!("https://{host}:{}", address.port()))
}

#[tokio::test]
async fn a_proxy_delays_resets_and_goes_silent() {
    let lab = Lab::start().expect("a lab");
    let (probe, url) = through(&lab, Impairment { delay_ms: 20, ..Impairment::default() });
    let report = probe.run(&url).await;
    assert_eq!(report.error, None);
    // One round trip each; a timer may be late, never early.
    for phase in [Phase::Tls, Phase::Wait] {
        assert!(report.phase_ns(phase) >= 39_000_000, "{phase:?}: {report:#?}");
    }
    let (probe, url) = through(&lab, Impairment { reset_after_bytes: Some(50_000), ..Impairment::default() });
    let report = probe.run(&format!("{url}/bytes/100000")).await;
    let last = report.steps().last().expect("a step").phase;
    let cut = http(&report, last);
    assert!(matches!(&cut, HttpError::Cut { source, .. } if source.kind == "ConnectionReset"), "{cut:?}");
    let (probe, url) = through(&lab, Impairment { silent_after_bytes: Some(500), ..Impairment::default() });
    let report = Probe { tls_timeout_ms: PATIENCE_MS, ..probe }.run(&url).await;
    assert_eq!(error(&report, Phase::Tls), Error::Timeout { phase: Phase::Tls, limit_ms: PATIENCE_MS });
    let (probe, url) = through(&lab, Impairment { bytes_per_s: Some(200_000), ..Impairment::default() });
    let report = probe.run(&format!("{url}/bytes/20000")).await;
    assert_eq!(report.error, None);
    assert!(report.total.wait_ns >= 99_000_000, "{:?}", report.total);
}
