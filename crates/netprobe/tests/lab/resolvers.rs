//! Resolvers in the clear, behind TLS and behind HTTPS: every step on the timeline, and every lie named.

use netprobe::dns::{DnsError, ExtendedError, Failure, Outcome, Transport};
use netprobe::names::{Family, Method, Resolution, Resolver, ResolverOptions, Source, Upstream};
use netprobe::tls::{HandshakeKind, Roots, TlsError};
use netprobe::{Clock, Error, Fault, Lab, Phase, Probe, Report, Step};

const WEB: &str = "127.0.1.1";
const RESOLVER: &str = "127.0.2.53";

/// Long enough on any machine, however busy.
const AGES_MS: u64 = 600_000;

fn through(lab: &Lab, upstream: Upstream) -> Resolver {
    Resolver::new(ResolverOptions {
        method: Method::Resolver(Some(upstream)),
        timeout_ms: AGES_MS,
        family: Family::V4,
        ..lab.names()
    })
}

async fn resolve(resolver: &Resolver, host: &str) -> Resolution {
    resolver.resolve(host, &Clock::start()).await
}

fn phases(step: &Step) -> Vec<Phase> {
    step.children.iter().map(|part| part.phase).collect()
}

/// The failure of the only resolver.
fn failure(error: Option<&Error>) -> &Failure {
    let Some(Error::Dns(DnsError::NoUsableResolver { tried })) = error else { panic!("{error:?}") };
    let [tried] = &tried[..] else { panic!("{tried:?}") };
    &tried.failure
}

#[tokio::test]
async fn the_same_answer_comes_every_way_with_every_step_on_the_timeline() {
    let lab = Lab::start().expect("a lab");
    let ways = [
        (lab.resolver(), Transport::Udp, vec![Phase::Names]),
        (lab.resolver_tls(), Transport::Tls, vec![Phase::Connect, Phase::Tls, Phase::Names]),
        (lab.resolver_https(), Transport::Https, vec![Phase::Names, Phase::Connect, Phase::Tls, Phase::Names]),
    ];
    for (upstream, transport, expected) in ways {
        let listed = upstream.to_string();
        let found = resolve(&through(&lab, upstream), "www.whiteboard.test").await;
        assert_eq!((found.error.clone(), &found.source), (None, &Source::Resolver), "{listed}");
        assert_eq!(found.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(), [WEB]);
        let step = found.steps.last().expect("a step");
        assert_eq!(phases(step), expected, "{listed}");
        assert!(step.children.iter().all(|part| part.span.duration_ns > 0 && part.error.is_none()), "{step:?}");
        assert!(step.children.is_sorted_by_key(|part| part.span.start_ns));
        assert!(step.children.last().is_some_and(|last| last.span.end_ns() <= step.span.end_ns()));

        let stub = found.stub.expect("what the resolver said");
        assert_eq!(stub.resolvers, [listed]);
        let [query] = &stub.queries[..] else { panic!("{stub:?}") };
        assert_eq!((query.transport, &query.outcome), (transport, &Outcome::Answer));
        assert!(query.server.address.ip().to_string() == RESOLVER && query.bytes_received > 12);
        let response = query.response.as_ref().expect("a response");
        assert!(response.recursion_available && response.authentic_data && !response.authoritative);
        if transport != Transport::Udp {
            assert_eq!(query.bytes_sent, 128, "padded");
            let secured = stub.secured.as_ref().expect("a connection");
            let handshake = secured.handshake.as_ref().expect("a handshake");
            let alpn = if transport == Transport::Tls { "dot" } else { "h2" };
            assert_eq!(handshake.alpn.as_deref(), Some(alpn));
            assert_eq!(handshake.server_name.as_deref(), Some("dns.whiteboard.test"));
            assert_eq!(secured.bootstrap.is_some(), transport == Transport::Https, "its name has to be found first");
        }
    }
}

#[tokio::test]
async fn both_families_share_a_connection_and_the_next_name_a_ticket() {
    let lab = Lab::start().expect("a lab");
    for upstream in [lab.resolver_tls(), lab.resolver_https()] {
        let method = Method::Resolver(Some(upstream));
        let resolver = Resolver::new(ResolverOptions { method, timeout_ms: AGES_MS, ..lab.names() });
        let first = resolve(&resolver, "dual.whiteboard.test").await;
        let stub = first.stub.as_ref().expect("what the resolver said");
        let types: Vec<&str> = stub.queries.iter().map(|query| query.record_type.as_str()).collect();
        assert_eq!((types, first.error), (vec!["AAAA", "A"], None));
        assert_eq!(stub.queries[0].span.start_ns, stub.queries[1].span.start_ns, "at the same time");
        let second = resolve(&resolver, "other.whiteboard.test").await;
        let kind = |stub: Option<&netprobe::names::Stub>| stub?.secured.as_ref()?.handshake.as_ref()?.kind;
        assert_eq!(kind(Some(stub)), Some(HandshakeKind::Full));
        assert_eq!(kind(second.stub.as_ref()), Some(HandshakeKind::Resumed));
    }
}

#[tokio::test]
async fn a_certificate_for_the_address_is_as_good_as_one_for_the_name() {
    let lab = Lab::start().expect("a lab");
    let Upstream::Tls { address, .. } = lab.resolver_tls() else { panic!("no TLS") };
    let found = resolve(&through(&lab, Upstream::Tls { address, name: None }), "www.whiteboard.test").await;
    assert_eq!(found.error, None);
    let handshake = found.stub.and_then(|stub| stub.secured?.handshake).expect("a handshake");
    assert_eq!(handshake.server_name, None, "an address is not sent in the ClientHello");

    let Upstream::Https { url, .. } = lab.resolver_https() else { panic!("no HTTPS") };
    let given = Upstream::Https { url, address: Some(address.ip()) };
    let found = resolve(&through(&lab, given), "www.whiteboard.test").await;
    assert!(
        found.error.is_none() && found.stub.is_some_and(|stub| stub.secured.is_some_and(|one| one.bootstrap.is_none()))
    );

    let strangers = ResolverOptions { roots: Roots::Platform, ..lab.names() };
    let method = Method::Resolver(Some(lab.resolver_tls()));
    let found = resolve(&Resolver::new(ResolverOptions { method, ..strangers }), "www.whiteboard.test").await;
    assert!(matches!(found.error, Some(Error::Tls(_))), "{found:?}");
}

#[tokio::test]
async fn a_validating_resolver_says_what_is_wrong_with_the_answer_that_it_keeps_back() {
    let lab = Lab::start().expect("a lab");
    for upstream in [lab.resolver(), lab.resolver_tls(), lab.resolver_https()] {
        let resolver = through(&lab, upstream);
        for (fault, code, name) in [
            (Fault::BogusSignature, 6, "DNSSEC Bogus"),
            (Fault::ExpiredSignature, 7, "Signature Expired"),
            (Fault::MissingSignature, 10, "RRSIGs Missing"),
            (Fault::EveryServerFails, 22, "No Reachable Authority"),
        ] {
            let found = resolve(&resolver, &fault.host()).await;
            let Failure::Rcode { rcode, errors } = failure(found.error.as_ref()) else { panic!("{found:?}") };
            let [ExtendedError { code: said, name: called, text }] = &errors[..] else { panic!("{errors:?}") };
            assert_eq!((rcode.as_str(), *said, called.as_str()), ("SERVFAIL", code, name));
            assert!(text.contains(&fault.host()), "{text}");
            let response =
                found.stub.as_ref().and_then(|stub| stub.queries.first()?.response.as_ref()).expect("a response");
            assert_eq!(response.edns.as_ref().map(|edns| &edns.errors), Some(errors));
        }
    }
    let found = resolve(&through(&lab, lab.resolver()), &Fault::BogusSignature.host()).await;
    let message = found.error.expect("an error").to_string();
    assert!(message.contains("answered SERVFAIL, EDE 6 (DNSSEC Bogus): DNSSEC: "), "{message}");
}

#[tokio::test]
async fn aliases_and_denials_are_what_the_resolver_says() {
    let lab = Lab::start().expect("a lab");
    let resolver = through(&lab, lab.resolver_https());
    let absent = resolve(&resolver, &Fault::NxDomain.host()).await;
    let Some(Error::Dns(DnsError::NoSuchName { soa: Some(soa), .. })) = &absent.error else { panic!("{absent:?}") };
    assert_eq!(soa.zone, "whiteboard.test.");
    let bare = resolve(&resolver, &Fault::NoData.host()).await;
    assert!(matches!(bare.error, Some(Error::Dns(DnsError::NoData { soa: Some(_), .. }))), "{bare:?}");
}

async fn visit(lab: &Lab, fault: Fault) -> Report {
    let mut probe: Probe = lab.probe().with_timeout_ms(AGES_MS);
    (probe.names.method, probe.names.family) = (lab.fault_method(fault), Family::V4);
    // One question.
    probe.names.https_records = false;
    probe.run(&lab.fault_url(fault)).await
}

/// The error, the steps of the resolver, and that the last of them is the one that failed.
fn broken(report: &Report) -> (&Error, Vec<Phase>) {
    let error = report.error.as_ref().expect("an error");
    let step = report.hops[0].step(Phase::Names).expect("a step");
    let parts = &step.children.last().expect("the resolver").children;
    let failed: Vec<bool> = parts.iter().map(|part| part.error.is_some()).collect();
    assert!(failed.iter().rev().skip(1).all(|failed| !failed) && failed.last() == Some(&true), "{parts:?}");
    (error, parts.iter().map(|part| part.phase).collect())
}

#[tokio::test]
async fn a_resolver_that_is_somebody_else_gets_no_question() {
    let lab = Lab::start().expect("a lab");
    let report = visit(&lab, Fault::DotWrongCertificate).await;
    let (error, phases) = broken(&report);
    let names = ["shop.example", "www.shop.example"].map(str::to_owned).to_vec();
    assert_eq!(*error, Error::Tls(TlsError::WrongHost { host: Fault::DotWrongCertificate.host(), names }));
    assert_eq!(phases, [Phase::Connect, Phase::Tls]);
    let stub = report.hops[0].resolution.as_ref().and_then(|found| found.stub.as_ref()).expect("what was tried");
    assert!(stub.queries.is_empty());
    let secured = stub.secured.as_ref().expect("a connection");
    assert_eq!(secured.handshake.as_ref().map(|handshake| handshake.chain.len()), Some(2), "the chain is kept");
}

#[tokio::test]
async fn a_resolver_that_hangs_up_or_lies_is_named() {
    let lab = Lab::start().expect("a lab");
    let malformed = |reason: &str| Failure::Malformed { reason: reason.to_owned() };
    for (fault, expected) in [
        (Fault::DotHangsUp, Failure::Cut { reason: "the server hung up".to_owned() }),
        (Fault::DohStatus, Failure::Status { status: 500 }),
        (Fault::DohContentType, Failure::ContentType { content_type: "text/html".to_owned() }),
        (Fault::DohWrongId, malformed("it has another ID than the query")),
        (Fault::DohWrongQuestion, malformed("it is for another question")),
        (Fault::DohEndlessBody, Failure::TooLarge { bytes_max: 65_535 }),
    ] {
        let report = visit(&lab, fault).await;
        let (error, phases) = broken(&report);
        assert_eq!(*failure(Some(error)), expected, "{fault:?}");
        let steps = [Phase::Names, Phase::Connect, Phase::Tls, Phase::Names];
        assert_eq!(phases, if fault == Fault::DotHangsUp { &steps[1..] } else { &steps[..] });
        let json = serde_json::to_string(&report).expect("JSON");
        assert_eq!(serde_json::from_str::<Report>(&json).expect("a report").hops, report.hops);
    }
}

#[tokio::test]
async fn a_resolver_that_says_nothing_is_waited_for_only_so_long() {
    let lab = Lab::start().expect("a lab");
    // Accepts, and never shakes hands.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    let method = Method::Resolver(Some(Upstream::Tls { address, name: None }));
    let resolver = Resolver::new(ResolverOptions { method, timeout_ms: 300, ..lab.names() });
    let found = resolve(&resolver, "www.whiteboard.test").await;
    assert!(matches!(found.error, Some(Error::Timeout { phase: Phase::Tls, limit_ms: 1..=300 })), "{found:?}");
    assert_eq!(phases(found.steps.last().expect("a step")), [Phase::Connect, Phase::Tls]);
}
