//! HTTP/3: found, raced against HTTP over TCP, and stalled.
#![cfg(feature = "h3")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use netprobe::dns::Validation;
use netprobe::http::{HttpOptions, Protocol};
use netprobe::tls::{ClientCertificate, Ech, Roots, TlsError};
use netprobe::{Error, Fault, Hop, HttpsRecords, Lab, Override, Phase, Probe, Report};
use quinn::Endpoint;
use quinn::crypto::rustls::QuicServerConfig;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

const AGES_MS: u64 = 600_000;

fn probe(lab: &Lab) -> Probe {
    Probe { http3: true, ..lab.probe_resolved().with_timeout_ms(AGES_MS) }
}

fn phases(hop: &netprobe::Hop) -> Vec<Phase> {
    hop.steps.iter().map(|step| step.phase).collect()
}

#[tokio::test]
async fn what_alt_svc_offers_is_raced() {
    let lab = Lab::start().expect("a lab");
    let report = probe(&lab).run(&lab.url("/")).await;
    assert_eq!(report.error, None);
    let race = report.race.as_ref().expect("a race");
    assert_eq!((race.found_by.as_str(), race.address.port()), ("alt-svc", lab.https_port()));
    assert_eq!(phases(&race.quic), [Phase::Quic, Phase::Send, Phase::Wait, Phase::Transfer], "{:#?}", race.quic);
    assert_eq!(phases(&race.tcp)[..3], [Phase::Connect, Phase::Tls, Phase::Send], "{:#?}", race.tcp);
    let (quic, tcp) = (race.quic.exchange.as_ref().expect("an answer"), race.tcp.exchange.as_ref().expect("an answer"));
    assert_eq!((quic.protocol, quic.status), (Protocol::Http3, Some(200)));
    assert_eq!((tcp.protocol, tcp.status), (Protocol::Http2, Some(200)));
    assert_eq!(quic.body, tcp.body);
    let handshake = race.quic.handshake.as_ref().expect("a handshake");
    assert_eq!((handshake.alpn.as_deref(), handshake.chain.len()), (Some("h3"), 2));
    let parts: Vec<Phase> = race.quic.steps[0].children.iter().map(|part| part.phase).collect();
    assert_eq!(parts, [Phase::Quic, Phase::Quic]);
    assert!(race.quic.sent_bytes > 1200 && race.quic.received_bytes > 1200, "an Initial packet has 1,200 bytes");
    // Both began after the visit, and neither waited for the other.
    let begins = [&race.quic, &race.tcp].map(|hop| hop.steps[0].span.start_ns);
    let ends = [&race.quic, &race.tcp].map(|hop| hop.steps.last().map_or(0, |step| step.span.end_ns()));
    assert!(begins.iter().all(|begin| *begin >= report.total.end_ns() && ends.iter().all(|end| begin < end)));
    let timeline = report.timeline();
    assert_eq!(timeline.chapters.len(), report.hops.len() + 2);
    assert!(timeline.notes[0].contains("was faster: "), "{:?}", timeline.notes);
    assert!(report.to_html().contains("which the alt-svc names"));
    assert_eq!(report.to_har()["log"]["_race"]["entries"][0]["request"]["httpVersion"], "HTTP/3");
    let json = serde_json::to_string(&report).expect("JSON");
    assert!(serde_json::from_str::<Report>(&json).expect("a report").race.is_some());
}

#[tokio::test]
async fn only_what_is_asked_for_and_changes_nothing_is_raced() {
    let lab = Lab::start().expect("a lab");
    let report = Probe { http3: false, ..probe(&lab) }.run(&lab.url("/")).await;
    assert!(report.error.is_none() && report.race.is_none());
    let mut post = probe(&lab);
    post.http.method = Some("POST".to_owned());
    let report = post.run(&lab.url("/")).await;
    assert!(report.error.is_none() && report.race.is_none());
    let report = probe(&lab).run(&lab.url("/status/204")).await;
    assert!(report.error.is_none() && report.race.is_none(), "that answer offers nothing");
}

#[tokio::test]
async fn a_name_that_is_to_be_hidden_is_not_raced_in_the_clear() {
    let lab = Lab::start().expect("a lab");
    let mut by_record = Probe { http3: true, ..lab.probe().with_timeout_ms(AGES_MS) };
    by_record.names.walker.site_grace = std::time::Duration::from_millis(AGES_MS);
    // By its record, and by alt-svc.
    for probe in [by_record, probe(&lab)] {
        for (ech, is_raced) in [(Ech::Offered, false), (Ech::Grease, true)] {
            let report = Probe { ech, ..probe.clone() }.run(&lab.url("/")).await;
            assert_eq!((&report.error, report.race.is_some()), (&None, is_raced), "{ech:?}");
        }
    }
}

#[tokio::test]
async fn a_server_of_http3_that_stalls_is_given_its_time_and_tcp_answers() {
    let lab = Lab::start().expect("a lab");
    let mut probe = probe(&lab);
    // The lab answers over TCP in far less.
    probe.http.wait_timeout_ms = 2_000;
    let report = probe.run(&lab.fault_url(Fault::StalledHttp3)).await;
    assert_eq!(report.error, None, "the visit itself went well");
    let race = report.race.as_ref().expect("a race");
    let failed = race.quic.steps.last().expect("a step");
    assert_eq!(
        (failed.phase, &failed.error),
        (Phase::Wait, &Some(Error::Timeout { phase: Phase::Wait, limit_ms: 2_000 }))
    );
    assert!(race.quic.handshake.is_some(), "what came before is there");
    assert!(race.tcp.steps.iter().all(|step| step.error.is_none()), "{:#?}", race.tcp);
    assert!(race.summary().starts_with("HTTP/3 failed, and TCP answered after "), "{}", race.summary());
}

#[tokio::test]
async fn that_nobody_checked_a_certificate_is_told() {
    let lab = Lab::start().expect("a lab");
    // The site's certificate is not for this host.
    let address = "127.0.1.1".parse().expect("an address");
    let known = netprobe::Override { host: "stranger.test".to_owned(), port: lab.https_port(), address };
    let mut probe = probe(&lab);
    probe.overrides.push(known);
    probe.roots = netprobe::tls::Roots::Unchecked;
    let url = format!("https://stranger.test:{}/", lab.https_port());
    let unchecked = probe.run(&url).await;
    let race = unchecked.race.as_ref().expect("a race");
    assert!(race.quic.steps.iter().all(|step| step.error.is_none()), "{:#?}", race.quic);
    assert_eq!(race.quic.handshake.as_ref().map(|one| one.trust), Some(netprobe::tls::Trust::Unchecked));
}

#[tokio::test]
async fn what_the_https_record_offers_is_raced_before_alt_svc_is_heard_of() {
    let lab = Lab::start().expect("a lab");
    let mut probe = Probe { http3: true, ..lab.probe().with_timeout_ms(AGES_MS) };
    probe.names.walker.site_grace = std::time::Duration::from_millis(AGES_MS);
    let port = lab.https_port();
    // This page's answer has no alt-svc.
    for (url, https_records) in [
        (lab.url("/echo"), HttpsRecords::Shown),
        (lab.url("/echo"), HttpsRecords::Followed),
        // Nobody listens at the URL's own port: the record has the one for both.
        ("https://www.whiteboard.test/echo".to_owned(), HttpsRecords::Followed),
        // By way of an alias.
        ("https://other.whiteboard.test/echo".to_owned(), HttpsRecords::Followed),
    ] {
        let report = Probe { https_records, ..probe.clone() }.run(&url).await;
        assert_eq!(report.error, None, "{url}");
        assert!(report.answer().is_some_and(|answer| answer.alt_svc.is_empty()));
        let race = report.race.as_ref().expect("a race");
        assert_eq!((race.found_by.as_str(), race.address.to_string()), ("HTTPS record", format!("127.0.1.1:{port}")));
        for (hop, protocol) in [(&race.quic, Protocol::Http3), (&race.tcp, Protocol::Http2)] {
            assert!(hop.steps.iter().all(|step| step.error.is_none()), "{url}: {:#?}", hop.steps);
            assert_eq!(hop.exchange.as_ref().map(|exchange| exchange.protocol), Some(protocol));
        }
        assert_eq!(race.tcp.connection.as_ref().and_then(|one| one.peer), Some(race.address));
        assert!(race.tcp.connected_to.is_none() && race.tcp.handshake.is_some());
        assert!(report.to_html().contains("which the HTTPS record names"));
        assert!(report.timeline().notes[0].contains(" over QUIC, "), "{:?}", report.timeline().notes);
    }
    // Who offers no HTTP/3 is not asked for it.
    let report = probe.run(&lab.host_url("http1", "/echo")).await;
    assert!(report.error.is_none() && report.race.is_none());
}

#[tokio::test]
async fn what_a_bogus_record_offers_is_not_raced() {
    let lab = Lab::start().expect("a lab");
    let mut probe = Probe { http3: true, ..lab.probe().with_timeout_ms(AGES_MS) };
    probe.names.walker.site_grace = std::time::Duration::from_millis(AGES_MS);
    probe.names.walker.validation = Validation::Report;
    // Its answer has an alt-svc, which TLS vouches for.
    let report = probe.run(&lab.fault_url(Fault::BogusSignature)).await;
    assert_eq!((&report.error, report.race.map(|race| race.found_by).as_deref()), (&None, Some("alt-svc")));
    let report = probe.run(&lab.host_url(Fault::BogusSignature.name(), "/echo")).await;
    assert!(report.error.is_none() && report.race.is_none(), "{:?}", report.race);
}

#[tokio::test]
async fn secrets_of_one_origin_are_raced_to_no_other() {
    let lab = Lab::start().expect("a lab");
    let secrets = [("authorization", "Bearer secret"), ("Cookie", "sid=secret"), ("proxy-authorization", "Basic c2Vj")];
    let headers = secrets.into_iter().chain([("x-plain", "1")]);
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let http = HttpOptions { headers, ..probe(&lab).http };
    let probe = Probe { http, ..probe(&lab) };
    let sent = |report: &Report| {
        assert_eq!(report.error, None);
        let race = report.race.as_ref().expect("a race");
        [&race.quic, &race.tcp].map(|hop| {
            assert!(hop.steps.iter().all(|step| step.error.is_none()), "{hop:#?}");
            let sent = &hop.exchange.as_ref().expect("an answer").request_headers;
            let count = |name: &str| sent.iter().filter(|header| header.name.eq_ignore_ascii_case(name)).count();
            (secrets.map(|(name, _)| count(name)), count("x-plain"))
        })
    };
    assert_eq!(sent(&probe.run(&lab.url("/")).await), [([1; 3], 1); 2], "whom they are for");
    // From `http:` to `https:`, which is another origin.
    let elsewhere = probe.run(&lab.http_url("/")).await;
    assert_eq!(elsewhere.hops.len(), 2);
    assert_eq!(sent(&elsewhere), [([0; 3], 1); 2], "where that one redirects to");
}

const WWW: &str = "www.whiteboard.test";

/// A server that lets nobody in who does not say who they are, or one that does not speak HTTP/3. Its certificate is its own root.
fn quic_server(at: SocketAddr, asks: bool) -> (Endpoint, String) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new([WWW.to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("a certificate");
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).expect("a root");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]);
    let builder = match asks {
        true => builder.expect("versions").with_client_cert_verifier(clients.build().expect("a verifier")),
        false => builder.expect("versions").with_no_client_auth(),
    };
    let private = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let config = builder.with_single_cert(vec![certificate.der().clone()], private);
    let mut config = config.expect("a configuration");
    config.alpn_protocols = vec![if asks { b"h3".to_vec() } else { b"h9".to_vec() }];
    let config = QuicServerConfig::try_from(config).expect("a configuration of QUIC");
    let config = quinn::ServerConfig::with_crypto(Arc::new(config));
    let endpoint = Endpoint::server(config, at).expect("an endpoint");
    (endpoint, certificate.pem())
}

/// What a visit finds that is led to such a server, on an address of its own: over TCP it is the lab's, and what that names for HTTP/3 is
/// there.
async fn over_quic(lab: &Lab, address: Ipv4Addr, asks: bool, is_trusted: bool) -> Hop {
    let (endpoint, root) = quic_server(SocketAddr::from((address, lab.https_port())), asks);
    let listener = TcpListener::bind((address, 0)).await.expect("a port");
    let (port, upstream) = (listener.local_addr().expect("an address").port(), lab.https_port());
    let serving = async {
        loop {
            tokio::select! {
                Some(incoming) = endpoint.accept() => drop(tokio::spawn(async move { incoming.await.map(drop) })),
                Ok((mut client, _)) = listener.accept() => {
                    let mut server = TcpStream::connect(("127.0.1.1", upstream)).await.expect("the lab");
                    drop(tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await }));
                }
            }
        }
    };
    let mut probe = probe(lab);
    let known = |port| Override { host: WWW.to_owned(), port, address: IpAddr::V4(address) };
    probe.overrides.splice(0..0, [known(port), known(lab.https_port())]);
    let roots = format!("{}{}", lab.root_pem(), if is_trusted { &root } else { "" });
    probe.roots = Roots::Pem(roots.into_bytes());
    let url = format!("https://{WWW}:{port}/");
    let report = tokio::select! {
        report = probe.run(&url) => report,
        () = serving => unreachable!("it serves for ever"),
    };
    assert_eq!(report.error, None, "{report:#?}");
    report.race.expect("a race").quic
}

fn failure(hop: &Hop) -> Option<TlsError> {
    match hop.steps.last().and_then(|step| step.error.clone()) {
        Some(Error::Tls(error)) => Some(error),
        other => panic!("{other:?} in {hop:#?}"),
    }
}

#[tokio::test]
async fn an_alert_of_quic_means_what_it_means_over_tcp() {
    let lab = Lab::start().expect("a lab");
    let host = || WWW.to_owned();
    let [first, second, third] = [1, 2, 3].map(|number| Ipv4Addr::new(127, 0, 3, number));
    let asking = over_quic(&lab, first, true, true).await;
    let (authorities, alert) = (vec!["CN=rcgen self signed cert".to_owned()], "CertificateRequired".to_owned());
    let asked = ClientCertificate { authorities: authorities.clone(), sent: None, unsent: None };
    assert_eq!(failure(&asking), Some(TlsError::ClientCertificateRequired { host: host(), authorities, alert }));
    assert_eq!(asking.handshake.and_then(|handshake| handshake.client_certificate), Some(asked));
    let other = over_quic(&lab, second, false, true).await;
    assert_eq!(failure(&other), Some(TlsError::Alert { host: host(), alert: "NoApplicationProtocol".to_owned() }));
    // What we end ourselves is no word of the server's.
    let distrusted = over_quic(&lab, third, true, false).await;
    assert!(matches!(failure(&distrusted), Some(TlsError::Certificate { .. })), "{distrusted:#?}");
}
