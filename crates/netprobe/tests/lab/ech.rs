//! A ClientHello whose name is encrypted: the lab's servers do not decrypt it, and what then happens is theirs to show.

use std::time::Duration;

use netprobe::dns::{DnsError, Validation, Walker};
use netprobe::names::{Family, Method};
use netprobe::proxy::{Kind, Proxies, Proxy};
use netprobe::tls::{Alpn, Ech, EchKeys, EchOutcome, Handshake, Roots, TlsClient, TlsError, Trust};
use netprobe::{Clock, Error, Fault, HttpsRecords, Lab, Phase, Probe, Report, Step};

/// Long enough on any machine, however busy.
const AGES: Duration = Duration::from_secs(600);

/// Offers to hide names.
fn hiding(lab: &Lab) -> Probe {
    let mut probe = Probe { ech: Ech::Offered, ..lab.probe().with_timeout_ms(600_000) };
    probe.names.walker = Walker { site_grace: AGES, query_timeout: AGES, walk_timeout: AGES, ..lab.walker() };
    probe
}

fn outcome(report: &Report) -> Option<&EchOutcome> {
    report.hops[0].handshake.as_ref()?.ech.as_ref()
}

async fn run(lab: &Lab, ech: Ech, url: &str) -> Report {
    // Names are walked for: the keys are in a site's record.
    let mut probe = lab.probe().with_timeout_ms(600_000);
    probe.names.walker.site_grace = std::time::Duration::from_secs(600);
    Probe { ech, ..probe }.run(url).await
}

#[tokio::test]
async fn a_server_that_does_not_decrypt_it_is_only_the_public_name() {
    let lab = Lab::start().expect("a lab");
    let (host, public_name) = (Fault::EchRejected.host(), "www.whiteboard.test".to_owned());
    let report = run(&lab, Ech::Offered, &lab.fault_url(Fault::EchRejected)).await;
    let rejected = TlsError::EchRejected { host, public_name: public_name.clone(), has_retry_keys: false };
    assert_eq!(report.error, Some(Error::Tls(rejected)), "{report:#?}");
    assert_eq!(report.failed_step().map(|step| step.phase), Some(Phase::Tls));
    let handshake = report.hops[0].handshake.as_ref().expect("a handshake");
    assert_eq!(handshake.server_name.as_deref(), Some("www.whiteboard.test"), "what who listens sees");
    assert_eq!(handshake.ech, Some(EchOutcome::Rejected { public_name }));
    // The same keys, by way of the server that the record leads to.
    let mut followed = Probe { ech: Ech::Offered, https_records: HttpsRecords::Followed, ..lab.probe() };
    followed.names.walker.site_grace = std::time::Duration::from_secs(600);
    let followed = followed.with_timeout_ms(600_000).run(&lab.fault_url(Fault::EchRejected)).await;
    assert_eq!((followed.hops[0].followed.as_ref().and_then(|one| one.used), followed.error), (Some(0), report.error));
    assert_eq!(run(&lab, Ech::Off, &lab.fault_url(Fault::EchRejected)).await.error, None, "who does not ask is served");
}

#[tokio::test]
async fn what_only_looks_like_it_is_ignored_and_without_keys_nothing_is_hidden() {
    let lab = Lab::start().expect("a lab");
    for (ech, expected, told) in [
        (Ech::Grease, EchOutcome::Grease, "what looked like a hidden name meant nothing"),
        (Ech::Offered, EchOutcome::NoKeys, "the name could not be hidden"),
    ] {
        let report = run(&lab, ech, &lab.url("/")).await;
        assert_eq!(report.error, None, "{report:#?}");
        let handshake = report.hops[0].handshake.as_ref().expect("a handshake");
        assert_eq!((&handshake.ech, handshake.server_name.as_deref()), (&Some(expected), Some("www.whiteboard.test")));
        assert!(report.to_html().contains(told));
    }
}

#[tokio::test]
async fn a_bogus_record_ends_the_visit_also_where_what_is_bogus_is_only_told() {
    let lab = Lab::start().expect("a lab");
    let url = lab.fault_url(Fault::BogusSignature);
    for https_records in [HttpsRecords::Shown, HttpsRecords::Followed] {
        for family in [Family::Any, Family::V4] {
            let mut probe = Probe { https_records, ..hiding(&lab) };
            probe.names.walker.validation = Validation::Report;
            // Of this one nothing is signed as it should be.
            probe.names.family = family;
            let session = probe.open().expect("a session");
            for _ in 0..2 {
                let report = session.run(&url).await;
                let Some(Error::Dns(DnsError::SiteWithheld { channel, source, .. })) = &report.error else {
                    panic!("{https_records:?}: {report:#?}")
                };
                assert_eq!((channel.as_str(), matches!(**source, DnsError::Bogus(_))), ("in a signed zone", true));
                assert!(report.hops[0].connection.is_none() && report.hops[0].sent_bytes == 0);
                let story = format!("{:#?}", report.story());
                assert!(story.contains("the HTTPS record is not used, since it is bogus: "), "{story}");
            }
            assert_eq!(Probe { ech: Ech::Off, ..probe }.run(&url).await.error, None, "the visit of who hides nothing");
        }
    }
}

/// The peers that somebody tried to connect to.
fn peers(steps: &[Step]) -> Vec<&str> {
    let own = steps.iter().filter(|step| step.phase == Phase::Connect && step.children.is_empty());
    let below = steps.iter().flat_map(|step| peers(&step.children));
    own.map(|step| step.label.as_str()).chain(below).collect()
}

#[tokio::test]
async fn where_each_server_has_keys_the_hosts_own_addresses_do_not_learn_the_name() {
    let lab = Lab::start().expect("a lab");
    let url = lab.host_url("keyed", "/");
    let probe = Probe { https_records: HttpsRecords::Followed, ..hiding(&lab) };
    let report = probe.run(&url).await;
    assert!(matches!(report.error, Some(Error::Tcp(_))), "{report:#?}");
    let last = report.failed_step().expect("a step");
    assert_eq!((last.phase, &last.error, last.label.starts_with("not visited: ")), (Phase::Site, &report.error, true));
    let hop = &report.hops[0];
    assert!(hop.followed.as_ref().is_some_and(|followed| followed.used.is_none()));
    assert!(peers(&hop.steps).iter().all(|peer| peer.contains("127.0.1.2")), "{:#?}", hop.steps);
    assert!(hop.connection.is_none() && hop.handshake.is_none() && hop.sent_bytes == 0);
    // Nobody speaks what is wanted: who is left is still nobody.
    let stranger = Probe { alpn: Alpn::Dot, ..probe.clone() }.run(&url).await;
    assert!(matches!(stranger.error, Some(Error::Dns(DnsError::NoUsableEndpoint { .. }))), "{stranger:#?}");
    assert!(stranger.hops[0].connection.is_none() && stranger.hops[0].sent_bytes == 0);
    let open = Probe { ech: Ech::Off, ..probe }.run(&url).await;
    assert_eq!(open.error, None);
    assert!(peers(&open.hops[0].steps).iter().any(|peer| peer.contains("127.0.1.1")), "who hides nothing goes on");
}

#[tokio::test]
async fn keys_are_used_through_a_proxy_that_is_told_an_address() {
    let lab = Lab::start().expect("a lab");
    let proxies = Proxies::all(Proxy { kind: Kind::Socks5, ..lab.socks_proxy() });
    let probe = Probe { proxies, ..hiding(&lab) };
    let report = probe.run(&lab.fault_url(Fault::EchRejected)).await;
    assert!(matches!(report.error, Some(Error::Tls(TlsError::EchRejected { .. }))), "{report:#?}");
    let tunnel = report.hops[0].tunnel.as_ref().expect("a tunnel");
    assert_eq!(tunnel.resolution.as_ref().map(|found| &found.name), Some(&Fault::EchRejected.host()));
    let withheld = probe.run(&lab.fault_url(Fault::HttpsRecordMalformed)).await;
    assert!(matches!(withheld.error, Some(Error::Dns(DnsError::SiteWithheld { .. }))), "{withheld:#?}");
    assert!(withheld.hops[0].connection.is_none() && withheld.hops[0].tunnel.is_none());
}

#[tokio::test]
async fn a_record_that_only_somebody_on_the_way_can_have_kept_back_ends_the_visit() {
    let lab = Lab::start().expect("a lab");
    let (fault, resolver) = (Fault::HttpsRecordMalformed, |upstream| Method::Resolver(Some(upstream)));
    for (method, protection) in [
        (Method::Walk, Some("in a signed zone")),
        (resolver(lab.resolver_tls()), Some("through TLS")),
        (resolver(lab.resolver_https()), Some("through TLS")),
        (resolver(lab.resolver()), None),
    ] {
        for https_records in [HttpsRecords::Shown, HttpsRecords::Followed] {
            let mut probe = Probe { https_records, ..hiding(&lab) };
            probe.names.method = method.clone();
            let session = probe.open().expect("a session");
            // Addresses that are known already lead nobody past it.
            for _ in 0..2 {
                let report = session.run(&lab.fault_url(fault)).await;
                let hop = &report.hops[0];
                let Some(protection) = protection else {
                    assert_eq!((&report.error, outcome(&report)), (&None, Some(&EchOutcome::NoKeys)), "{method:?}");
                    continue;
                };
                let Some(Error::Dns(DnsError::SiteWithheld { name, channel, .. })) = &report.error else {
                    panic!("{method:?}: {report:#?}")
                };
                assert_eq!((name.ends_with(&format!("{}.", fault.host())), channel.as_str()), (true, protection));
                assert_eq!(report.failed_step().map(|step| step.phase), Some(Phase::Site));
                assert!(hop.connection.is_none() && hop.sent_bytes == 0, "nobody was told the name");
            }
            let open = Probe { ech: Ech::Off, ..probe }.run(&lab.fault_url(fault)).await;
            assert_eq!(open.error, None, "who hides nothing is served");
        }
    }
}

#[tokio::test]
async fn silence_hides_nothing_and_a_circle_is_no_silence() {
    let lab = Lab::start().expect("a lab");
    let mut probe = hiding(&lab);
    // Nobody will answer.
    probe.names.walker.query_timeout = Duration::from_secs(1);
    let report = probe.run(&lab.fault_url(Fault::HttpsRecordSilent)).await;
    assert!(matches!(report.error, Some(Error::Dns(DnsError::SiteWithheld { .. }))), "{:?}", report.error);
    // Such a site is reached as if it had no record (RFC 9460, section 3.1).
    let report = hiding(&lab).run(&lab.fault_url(Fault::HttpsRecordLoop)).await;
    assert_eq!((&report.error, outcome(&report)), (&None, Some(&EchOutcome::NoKeys)));
}

#[tokio::test]
async fn keys_are_waited_for_as_long_as_addresses_are() {
    let lab = Lab::start().expect("a lab");
    let mut probe = hiding(&lab);
    probe.names.family = Family::V4;
    probe.names.method = Method::Resolver(Some(lab.resolver()));
    probe.names.walker.site_grace = Duration::ZERO;
    let report = probe.run(&lab.fault_url(Fault::EchRejected)).await;
    assert!(matches!(report.error, Some(Error::Tls(TlsError::EchRejected { .. }))), "{:?}", report.error);
}

/// An ECHConfigList with a key that nobody here has.
fn keys(public_name: &str) -> Vec<u8> {
    let vector = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes(), bytes].concat();
    let name = [&[public_name.len() as u8], public_name.as_bytes()].concat();
    // Its ID, X25519, the key, HKDF-SHA256 with AES-128-GCM, no longest name, no extensions.
    let contents = [&[7, 0, 0x20], &vector(&[9; 32])[..], &vector(&[0, 1, 0, 1]), &[0], &name, &[0, 0]].concat();
    vector(&[&[0xfe, 0x0d], &vector(&contents)[..]].concat())
}

async fn hidden(lab: &Lab, roots: &Roots, public_name: &str) -> (Handshake, Error) {
    let client = TlsClient::new(roots, Alpn::Any).expect("a client");
    let stream = tokio::net::TcpStream::connect(("127.0.1.1", lab.https_port())).await.expect("a connection");
    let keys = keys(public_name);
    let host = "other.whiteboard.test";
    let (handshake, result) = client.handshake_hidden(host, stream, Some(&keys), 600_000, &Clock::start()).await;
    (handshake, result.map(drop).expect_err("nobody decrypts it"))
}

#[tokio::test]
async fn whoever_does_not_decrypt_it_has_to_be_the_public_name() {
    let lab = Lab::start().expect("a lab");
    let roots = Roots::Pem(lab.root_pem().as_bytes().to_vec());
    let host = || "other.whiteboard.test".to_owned();
    // The server's certificate is for the host, too, and not for this name.
    let public_name = || "cover.test".to_owned();
    let (handshake, error) = hidden(&lab, &roots, "cover.test").await;
    let names = handshake.chain[0].names.clone();
    assert!(names.contains(&host()));
    let reason = Box::new(TlsError::WrongHost { host: public_name(), names });
    let unproven = TlsError::EchUnproven { host: host(), public_name: public_name(), reason };
    assert_eq!(error, Error::Tls(unproven), "{handshake:#?}");
    let text = error.to_string();
    assert!(
        text.contains("cannot show to be cover.test") && text.contains("cover.test: the certificate is not for"),
        "{text}"
    );
    assert_eq!(handshake.ech, Some(EchOutcome::Rejected { public_name: public_name() }));
    assert_eq!((handshake.server_name, handshake.trust), (Some(public_name()), Trust::NotVerified));
    // Who checks nothing learns no more than that it was not decrypted.
    let (handshake, error) = hidden(&lab, &Roots::Unchecked, "cover.test").await;
    let rejected = TlsError::EchRejected { host: host(), public_name: public_name(), has_retry_keys: false };
    assert_eq!((error, handshake.trust), (Error::Tls(rejected), Trust::Unchecked));
    assert_eq!(EchKeys::read("a.test", &keys("cover.test")).expect("keys").public_name(), "cover.test");
}
