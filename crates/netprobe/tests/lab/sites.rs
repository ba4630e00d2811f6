//! HTTPS records (RFC 9460): asked for beside addresses, said in words, and never in the way.

use std::time::Duration;

use netprobe::dns::dnssec::Status;
use netprobe::dns::{Answer, DnsError, Failure, Outcome, RecordType, Site, Transport, Walk, Walker};
use netprobe::names::{Family, Method, Resolver, ResolverOptions, Source};
use netprobe::{Clock, Fault, Lab, Probe, Report};

/// Long enough on any machine, however busy.
const AGES: Duration = Duration::from_secs(600);

fn patient(lab: &Lab) -> Walker {
    Walker { site_grace: AGES, query_timeout: AGES, walk_timeout: AGES, ..lab.walker() }
}

async fn probe(lab: &Lab, url: &str) -> Report {
    let mut probe: Probe = lab.probe();
    probe.names.walker = patient(lab);
    probe.run(url).await
}

fn site(report: &Report) -> &Site {
    report.hops[0].resolution.as_ref().and_then(|resolution| resolution.site()).expect("somebody was asked")
}

#[tokio::test]
async fn it_is_asked_for_beside_the_addresses_and_said_in_words() {
    let lab = Lab::start().expect("a lab");
    let report = probe(&lab, &lab.url("/")).await;
    assert_eq!(report.error, None);
    let site = site(&report);
    let port = lab.https_port();
    assert_eq!(site.name, format!("_{port}._https.www.whiteboard.test."));
    assert_eq!(site.lookup.dnssec, Status::Secure);
    let [binding] = site.bindings()[..] else { panic!("{site:?}") };
    assert_eq!((binding.priority, binding.target.as_str()), (1, "www.whiteboard.test."));
    // The lab offers what it serves.
    let offers: &[&str] = if cfg!(feature = "h3") { &["h3", "h2", "http/1.1"] } else { &["h2", "http/1.1"] };
    assert_eq!(binding.alpn, offers);
    assert_eq!(binding.ipv4_hints.iter().map(ToString::to_string).collect::<Vec<_>>(), ["127.0.1.1"]);
    // At the same time as the addresses, and no query more than that.
    let walk = report.hops[0].resolution.as_ref().and_then(|found| found.walk.as_ref()).expect("a walk");
    let home: Vec<_> =
        walk.queries.iter().filter(|one| one.zone == "whiteboard.test." && one.record_type != "DNSKEY").collect();
    assert_eq!(home.iter().map(|one| one.record_type.as_str()).collect::<Vec<_>>(), ["AAAA", "A", "HTTPS"]);
    assert!(home[2].span.start_ns < home[0].span.end_ns(), "{home:#?}");
    let told: Vec<String> = report.story()[0].iter().flat_map(|telling| telling.details.clone()).collect();
    let offers = offers.join(", ");
    let offer = format!(
        "www.whiteboard.test. offers {offers}; a connection can begin at 127.0.1.1 before its address is known"
    );
    assert!(told.contains(&offer), "{told:#?}");
    let json = serde_json::to_string(&report).expect("JSON");
    let read: Report = serde_json::from_str(&json).expect("a report");
    assert_eq!(read.hops[0].resolution, report.hops[0].resolution);
}

async fn walk(walker: &Walker, name: &str) -> Walk {
    walker.walk(name, &[RecordType::HTTPS], &Clock::start()).await
}

#[tokio::test]
async fn an_alias_leads_to_where_the_service_is() {
    let lab = Lab::start().expect("a lab");
    let walk = walk(&patient(&lab), "other.whiteboard.test").await;
    let lookup = &walk.lookups[0];
    let aliases: Vec<_> = lookup.aliases.iter().map(|alias| (alias.name.as_str(), alias.target.as_str())).collect();
    assert_eq!(aliases, [("other.whiteboard.test.", "www.whiteboard.test.")]);
    let Ok(Answer::Records { records }) = &lookup.answer else { panic!("{lookup:?}") };
    let binding = records[0].service.as_ref().expect("a service").as_ref().expect("a good one");
    assert_eq!((binding.port, binding.target.as_str()), (Some(lab.https_port()), "www.whiteboard.test."));
    assert_eq!(lookup.dnssec, Status::Secure);
}

#[tokio::test]
async fn a_site_needs_none() {
    let lab = Lab::start().expect("a lab");
    let report = probe(&lab, &lab.host_url("http1", "/")).await;
    assert_eq!(report.error, None);
    assert!(matches!(site(&report).lookup.answer, Ok(Answer::NoSuchName { .. })), "{:?}", site(&report));
    assert!(site(&report).bindings().is_empty() && site(&report).meaning().is_empty());
    // And nobody asks if it is not wanted.
    let mut silent = lab.probe();
    silent.names.https_records = false;
    let report = silent.run(&lab.url("/")).await;
    assert!(report.hops[0].resolution.as_ref().is_some_and(|resolution| resolution.site().is_none()));
}

#[tokio::test]
async fn a_bad_record_is_named_and_the_page_is_there_all_the_same() {
    let lab = Lab::start().expect("a lab");
    let malformed = probe(&lab, &lab.fault_url(Fault::HttpsRecordMalformed)).await;
    assert_eq!(malformed.error, None);
    let Err(DnsError::NoUsableServer { zone, tried }) = &site(&malformed).lookup.answer else {
        panic!("{malformed:?}")
    };
    let Failure::Malformed { reason } = &tried[0].failure else { panic!("{tried:?}") };
    assert_eq!((zone.as_str(), reason.as_str()), ("whiteboard.test.", "SvcParams out of order"), "{reason}");
    assert!(site(&malformed).meaning()[0].starts_with("how the site wants to be reached is not known: "));

    let circle = probe(&lab, &lab.fault_url(Fault::HttpsRecordLoop)).await;
    assert_eq!(circle.error, None);
    let Err(DnsError::AliasLoop { path }) = &site(&circle).lookup.answer else { panic!("{:?}", site(&circle)) };
    let name = &site(&circle).name;
    assert_eq!(*path, [name.clone(), format!("back.{name}"), name.clone()]);
}

#[tokio::test]
async fn a_server_that_does_not_know_the_type_is_not_waited_for() {
    let lab = Lab::start().expect("a lab");
    let mut probe = lab.probe();
    // The addresses have all the time of the world, the record has none.
    probe.names.walker = Walker { site_grace: Duration::from_millis(50), ..patient(&lab) };
    let report = probe.run(&lab.fault_url(Fault::HttpsRecordSilent)).await;
    assert_eq!(report.error, None);
    // Silence, or no time left to ask once more.
    let answer = &site(&report).lookup.answer;
    assert!(matches!(answer, Err(DnsError::TimedOut { after_ms: 50 } | DnsError::NoUsableServer { .. })), "{answer:?}");
    let walk = report.hops[0].resolution.as_ref().and_then(|found| found.walk.as_ref()).expect("a walk");
    let unheard: Vec<_> = walk
        .queries
        .iter()
        .filter(|query| query.record_type == "HTTPS" && query.zone.starts_with("https-record-silent."))
        .collect();
    assert!(
        !unheard.is_empty()
            && unheard.iter().all(|query| matches!(query.outcome, Outcome::Failed(Failure::Silent { .. })))
    );
}

#[tokio::test]
async fn resolvers_are_asked_too_in_every_way() {
    let lab = Lab::start().expect("a lab");
    let port = lab.https_port();
    for (upstream, transport) in [
        (lab.resolver(), Transport::Udp),
        (lab.resolver_tls(), Transport::Tls),
        (lab.resolver_https(), Transport::Https),
    ] {
        let method = Method::Resolver(Some(upstream));
        let (walker, timeout_ms) = (patient(&lab), 600_000);
        let resolver = Resolver::new(ResolverOptions { method, timeout_ms, family: Family::V4, walker, ..lab.names() });
        let found = resolver.resolve_site("www.whiteboard.test", port, &Clock::start()).await;
        assert_eq!((found.error.clone(), &found.source), (None, &Source::Resolver));
        let stub = found.stub.as_ref().expect("what the resolver said");
        assert_eq!(stub.queries.iter().map(|query| query.record_type.as_str()).collect::<Vec<_>>(), ["A", "HTTPS"]);
        assert!(stub.queries.iter().all(|query| query.transport == transport));
        let site = found.site().expect("it was asked");
        assert_eq!(site.bindings().len(), 1, "{site:?}");
        let absent = resolver.resolve_site("http1.whiteboard.test", port, &Clock::start()).await;
        assert!(
            matches!(absent.site().map(|site| &site.lookup.answer), Some(Ok(Answer::NoSuchName { .. }))),
            "{absent:?}"
        );
        let circle = resolver.resolve_site(&Fault::HttpsRecordLoop.host(), port, &Clock::start()).await;
        let name = format!("back._{port}._https.{}.", Fault::HttpsRecordLoop.host());
        assert_eq!(circle.site().map(Site::meaning), Some(vec![format!("the site is served as {name}")]));
        let malformed = resolver.resolve_site(&Fault::HttpsRecordMalformed.host(), port, &Clock::start()).await;
        assert_eq!(malformed.error, None, "{malformed:?}");
        let Some(Err(DnsError::NoUsableResolver { tried })) = malformed.site().map(|site| &site.lookup.answer) else {
            panic!("{malformed:?}")
        };
        assert!(matches!(&tried[0].failure, Failure::Rcode { rcode, .. } if rcode == "SERVFAIL"), "{tried:?}");
    }
}
