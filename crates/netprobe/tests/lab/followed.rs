//! HTTPS records that are acted on (RFC 9460): each decision a step, and the page there as long as anybody serves it.

use std::time::Duration;

use netprobe::dns::{DnsError, Walker};
use netprobe::names::Method;
use netprobe::tcp::Outcome;
use netprobe::tls::Alpn;
use netprobe::{Error, Fault, Followed, Hop, HttpsRecords, Lab, Phase, Probe, Report};

/// Long enough on any machine, however busy.
const AGES: Duration = Duration::from_secs(600);

fn probe(lab: &Lab) -> Probe {
    let mut probe = Probe { https_records: HttpsRecords::Followed, ..lab.probe().with_timeout_ms(600_000) };
    probe.names.walker = Walker { site_grace: AGES, query_timeout: AGES, walk_timeout: AGES, ..lab.walker() };
    probe
}

fn decisions(hop: &Hop) -> Vec<&str> {
    hop.steps.iter().filter(|step| step.phase == Phase::Site).map(|step| step.label.as_str()).collect()
}

fn followed(hop: &Hop) -> &Followed {
    hop.followed.as_ref().expect("a record that was followed")
}

/// The address and the port of the connection, and the status of the answer.
fn reached(hop: &Hop) -> (Option<String>, Option<u16>) {
    let peer = hop.connection.as_ref().and_then(|connection| connection.peer);
    (peer.map(|peer| peer.to_string()), hop.exchange.as_ref().and_then(|exchange| exchange.status))
}

fn at_home(lab: &Lab) -> (Option<String>, Option<u16>) {
    (Some(format!("127.0.1.1:{}", lab.https_port())), Some(200))
}

/// It succeeded, nothing on its way counts as failed, and it survives JSON.
fn good(report: &Report) {
    assert_eq!(report.error, None, "{:#?}", report.hops.last());
    assert_eq!(report.failed_step(), None);
    let json = serde_json::to_string(report).expect("JSON");
    assert_eq!(
        serde_json::from_str::<Report>(&json).expect("a report").hops.last().map(reached),
        report.hops.last().map(reached)
    );
}

#[tokio::test]
async fn a_port_in_the_record_is_where_the_site_is() {
    let lab = Lab::start().expect("a lab");
    let port = lab.https_port();
    // At its own port 443 nobody listens.
    let report = probe(&lab).run("https://www.whiteboard.test/").await;
    good(&report);
    let hop = &report.hops[0];
    assert_eq!(reached(hop), at_home(&lab));
    assert_eq!((followed(hop).used, followed(hop).endpoints[0].port), (Some(0), port));
    let offers = if cfg!(feature = "h3") { "h3, h2, http/1.1" } else { "h2, http/1.1" };
    let chosen = format!("to www.whiteboard.test:{port}: priority 1, and it offers {offers}");
    assert_eq!(decisions(hop), [&*chosen, "the hint 127.0.1.1 is right: it is among the addresses"]);
    let told: Vec<String> = report.story()[0].iter().map(|telling| telling.what.clone()).collect();
    assert!(told.contains(&chosen), "{told:#?}");
    assert!(report.to_html().contains("priority 1, and it offers"));
    // Asked to show it only, the probe goes to the port of the URL.
    let shown = Probe { https_records: HttpsRecords::Shown, ..probe(&lab) };
    let report = shown.run("https://www.whiteboard.test/").await;
    assert!(matches!(report.error, Some(Error::Tcp(_))), "{:?}", report.error);
    assert_eq!((&report.hops[0].followed, decisions(&report.hops[0])), (&None, vec![]));
}

#[tokio::test]
async fn http_becomes_https_before_anything_is_sent() {
    let lab = Lab::start().expect("a lab");
    let session = probe(&lab).open().expect("a session");
    let report = session.run("http://ann:secret@www.whiteboard.test/page?q#f").await;
    good(&report);
    let [first, second] = &report.hops[..] else { panic!("{:#?}", report.hops) };
    let redirect = first.redirect.as_ref().expect("a redirect");
    assert_eq!((redirect.status, redirect.by_https_record, redirect.becomes_get), (307, true, false));
    assert_eq!(redirect.url, "https://redacted@www.whiteboard.test/page?q#f");
    assert!(first.connection.is_none() && first.exchange.is_none() && first.sent_bytes == 0);
    assert!(decisions(first).last().is_some_and(|why| why.starts_with("to https: ")), "{:?}", decisions(first));
    // The record was learnt with the addresses: nobody is asked again.
    assert_eq!(second.url, redirect.url);
    assert_eq!(reached(second), at_home(&lab));
    let found = second.resolution.as_ref().expect("a name");
    assert!(found.walk.is_none() && found.known_site.is_some());
    // A site without a record is visited as it was asked for.
    let plain = session.run(&lab.http_url("/").replace("www.", "http1.")).await;
    good(&plain);
    assert_eq!((plain.hops.len(), plain.hops[0].followed.is_none()), (1, true));
}

#[tokio::test]
async fn a_site_without_an_address_is_where_its_record_says() {
    let lab = Lab::start().expect("a lab");
    let port = lab.https_port();
    let report = probe(&lab).run("https://moved.whiteboard.test/").await;
    good(&report);
    let hop = &report.hops[0];
    assert_eq!(reached(hop), at_home(&lab));
    let passed = "edge.whiteboard.test:443 is passed over: it offers h9, and nothing that is spoken here over TCP";
    let chosen = format!("to edge.whiteboard.test:{port}: priority 2, and it offers h2, http/1.1");
    let right = "the hint 127.0.1.1 is right: it is among the addresses";
    assert_eq!(decisions(hop), [passed, &chosen, right]);
    let found = followed(hop).resolution.as_ref().expect("another name's addresses");
    assert_eq!((found.name.as_str(), found.walk.is_some()), ("edge.whiteboard.test", true));
    // The connection to the hint began before the addresses had come, and was not thrown away.
    let names: Vec<_> = hop.steps.iter().filter(|step| step.phase == Phase::Names).collect();
    let connection = hop.connection.as_ref().expect("a connection");
    assert!(connection.span.start_ns < names[1].span.end_ns(), "{names:#?}");
    assert_eq!(connection.attempts.len(), 1);
    assert!(report.total.wait_ns <= report.total.duration_ns);
    // That it has no address of its own fails whoever does not follow.
    let shown = Probe { https_records: HttpsRecords::Shown, ..probe(&lab) };
    let report = shown.run("https://moved.whiteboard.test/").await;
    assert!(matches!(report.error, Some(Error::Dns(DnsError::NoData { .. }))), "{:?}", report.error);
}

#[tokio::test]
async fn an_alias_leads_on_whoever_is_asked() {
    let lab = Lab::start().expect("a lab");
    let port = lab.https_port();
    for method in [Method::Walk, Method::Resolver(Some(lab.resolver())), Method::Resolver(Some(lab.resolver_tls()))] {
        let is_walk = method == Method::Walk;
        let mut probe = probe(&lab);
        probe.names.method = method;
        let report = probe.run("https://other.whiteboard.test/").await;
        good(&report);
        let hop = &report.hops[0];
        assert_eq!(reached(hop), at_home(&lab));
        let endpoints: Vec<_> = followed(hop).endpoints.iter().map(|one| (one.host.as_str(), one.port)).collect();
        assert_eq!(endpoints, [("www.whiteboard.test", port), ("www.whiteboard.test", 443)]);
        let asked = "the HTTPS record of other.whiteboard.test. is an alias of www.whiteboard.test.: asked there";
        assert_eq!(decisions(hop).contains(&asked), !is_walk, "{:?}", decisions(hop));
    }
}

#[tokio::test]
async fn aliases_in_a_circle_end_and_the_page_is_there() {
    let lab = Lab::start().expect("a lab");
    for method in [Method::Walk, Method::Resolver(Some(lab.resolver()))] {
        let mut probe = probe(&lab);
        probe.names.method = method;
        let report = probe.run(&lab.fault_url(Fault::HttpsRecordLoop)).await;
        good(&report);
        let hop = &report.hops[0];
        assert_eq!((reached(hop), &hop.followed), (at_home(&lab), &None));
        let why = decisions(hop).pop().expect("a decision");
        assert!(why.starts_with("the HTTPS record is not known: ") && why.matches("back.").count() == 1, "{why}");
    }
}

#[tokio::test]
async fn a_dead_hint_is_withdrawn_when_the_addresses_come() {
    let lab = Lab::start().expect("a lab");
    let report = probe(&lab).run(&lab.fault_url(Fault::HttpsRecordDeadHint)).await;
    good(&report);
    let hop = &report.hops[0];
    assert_eq!(reached(hop), at_home(&lab));
    let attempts = &hop.connection.as_ref().expect("a connection").attempts;
    let outcomes: Vec<_> = attempts.iter().map(|one| (one.address.ip().to_string(), &one.outcome)).collect();
    let (dead, right) = ("127.0.1.3".to_owned(), "127.0.1.1".to_owned());
    assert_eq!(outcomes, [(dead, &Outcome::Withdrawn), (right, &Outcome::Connected)]);
    let wrong = "the hint 127.0.1.3 is wrong: it is none of the addresses, which count";
    assert_eq!(decisions(hop).last(), Some(&wrong));
}

#[tokio::test]
async fn a_server_that_refuses_is_followed_by_the_next() {
    let lab = Lab::start().expect("a lab");
    let report = probe(&lab).run(&lab.fault_url(Fault::HttpsRecordDeadServer)).await;
    good(&report);
    let hop = &report.hops[0];
    assert_eq!((reached(hop), followed(hop).used), (at_home(&lab), Some(1)));
    let vain = hop.steps.iter().find(|step| step.label.contains(" in vain: ")).expect("a server in vain");
    assert_eq!(vain.children.iter().map(|part| part.phase).collect::<Vec<_>>(), [Phase::Names, Phase::Connect]);
    assert!(matches!(vain.children[1].error, Some(Error::Tcp(_))), "{vain:#?}");
}

#[tokio::test]
async fn a_record_that_fits_nobody_leaves_the_hosts_own_addresses() {
    let lab = Lab::start().expect("a lab");
    let port = lab.https_port();
    let ours = Probe { alpn: Alpn::Http1, ..probe(&lab) };
    // Over HTTP/1.1, which goes without saying, all of them can be spoken to but the stranger.
    good(&ours.run("https://moved.whiteboard.test/").await);
    let malformed = probe(&lab).run(&lab.fault_url(Fault::HttpsRecordMalformed)).await;
    good(&malformed);
    assert_eq!(reached(&malformed.hops[0]), at_home(&lab));
    assert!(decisions(&malformed.hops[0])[0].starts_with("the HTTPS record is not known: "));
    // What the caller says about addresses and connections comes first.
    let mut led = probe(&lab);
    led.connect_to.push(format!("www.whiteboard.test::http1.whiteboard.test:{port}").parse().expect("a direction"));
    let report = led.run("https://www.whiteboard.test/").await;
    good(&report);
    assert_eq!((&report.hops[0].followed, reached(&report.hops[0])), (&None, at_home(&lab)));
    let known = Probe { https_records: HttpsRecords::Followed, ..lab.probe_resolved() };
    let report = known.run(&lab.url("/")).await;
    good(&report);
    assert_eq!((&report.hops[0].followed, decisions(&report.hops[0])), (&None, vec![]));
}
