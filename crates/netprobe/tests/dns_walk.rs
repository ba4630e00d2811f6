//! The walk through the lab: what it finds, what it says on the way, and where it stops when somebody lies.

use std::time::Duration;

use netprobe::dns::dnssec::{Bogus, Insecure, Status};
use netprobe::dns::{Answer, DnsError, Failure, Lookup, Outcome, Purpose, Query, RecordType, Transport, Walk, Walker};
use netprobe::{Clock, Fault, Lab};

/// The web server's address in every healthy answer.
const WEB: &str = "127.0.1.1";

async fn walk(walker: &Walker, name: &str, record_type: RecordType) -> Walk {
    walker.walk(name, &[record_type], &Clock::start()).await
}

/// Walks to the host of a fault. Long enough for a busy machine, short enough for those that have to be waited for.
async fn fault(lab: &Lab, fault: Fault) -> Walk {
    let walker = Walker { query_timeout: Duration::from_secs(2), ..lab.walker() };
    walk(&walker, &fault.host(), RecordType::A).await
}

fn lookup(walk: &Walk) -> &Lookup {
    assert_eq!(walk.lookups.len(), 1);
    &walk.lookups[0]
}

fn error(walk: &Walk) -> &DnsError {
    lookup(walk).answer.as_ref().expect_err("an error")
}

/// Zone by zone, the queries for the question itself.
fn asked(walk: &Walk) -> Vec<&str> {
    questions(walk).map(|query| query.zone.as_str()).collect()
}

fn questions(walk: &Walk) -> impl Iterator<Item = &Query> {
    walk.queries.iter().filter(|query| query.purpose == Purpose::Question)
}

fn addresses(walk: &Walk) -> Vec<String> {
    walk.addresses().expect("addresses").iter().map(ToString::to_string).collect()
}

fn failures(walk: &Walk) -> Vec<&Failure> {
    let failure = |query: &'_ Query| matches!(query.outcome, Outcome::Failed(_));
    let failed = walk.queries.iter().filter(|query| failure(query));
    failed
        .filter_map(|query| if let Outcome::Failed(failure) = &query.outcome { Some(failure) } else { None })
        .collect()
}

#[tokio::test]
async fn from_the_root_to_the_answer_with_every_link_signed() {
    let lab = Lab::start().expect("a lab");
    let walk = walk(&lab.walker(), "www.whiteboard.test", RecordType::A).await;
    assert_eq!(asked(&walk), [".", "test.", "whiteboard.test."]);
    assert_eq!(addresses(&walk), [WEB]);
    assert_eq!(lookup(&walk).dnssec, Status::Secure);

    let zones: Vec<&str> = walk.chain.iter().map(|link| link.zone.as_str()).collect();
    assert_eq!(zones, [".", "test.", "whiteboard.test."]);
    for link in &walk.chain {
        assert_eq!(link.status, Status::Secure);
        assert_eq!(link.vouched, link.keys.iter().map(|key| key.tag).collect::<Vec<_>>());
    }
    let referral = &walk.queries[0];
    assert!(referral.bytes_sent > 12 && referral.bytes_received > referral.bytes_sent);
    assert!(referral.span.duration_ns > 0);
    let response = referral.response.as_ref().expect("a response");
    assert!(!response.authoritative && response.answers.is_empty(), "a referral is no answer: {response:?}");
    let glue = &response.additionals[0];
    assert_eq!((glue.name.as_str(), glue.record_type.as_str(), glue.data.as_str()), ("a.nic.test.", "A", "127.0.2.2"));
    let answer = walk.queries[2].response.as_ref().expect("a response");
    assert!(answer.authoritative && answer.answers[0].ttl == 300);
}

#[tokio::test]
async fn what_was_learnt_for_one_type_is_kept_for_the_next() {
    let lab = Lab::start().expect("a lab");
    let types = [RecordType::A, RecordType::AAAA];
    let walk = lab.walker().walk("www.whiteboard.test", &types, &Clock::start()).await;
    assert_eq!(asked(&walk), [".", "test.", "whiteboard.test.", "whiteboard.test."]);
    assert_eq!(walk.lookups[1].dnssec, Status::Secure);
    assert!(matches!(walk.lookups[1].answer, Ok(Answer::NoData { .. })), "{:?}", walk.lookups[1]);
    assert_eq!(addresses(&walk), [WEB]);
}

#[tokio::test]
async fn a_wildcard_needs_a_proof_that_the_name_is_not_there() {
    let lab = Lab::start().expect("a lab");
    let walk = walk(&lab.walker(), "any.thing.wild.whiteboard.test", RecordType::A).await;
    assert_eq!((addresses(&walk), &lookup(&walk).dnssec), (vec![WEB.to_owned()], &Status::Secure));
    let types: Vec<_> = walk.queries[2].response.as_ref().expect("a response").authorities.iter().collect();
    assert!(types.iter().any(|record| record.record_type == "NSEC"));
}

#[tokio::test]
async fn zones_on_the_server_of_their_parent_are_found_without_a_referral() {
    let lab = Lab::start().expect("a lab");
    let signed = walk(&lab.walker(), "www.signed.whiteboard.test", RecordType::A).await;
    assert_eq!((asked(&signed).len(), &lookup(&signed).dnssec), (3, &Status::Secure));
    assert_eq!(signed.chain.last().map(|link| link.zone.as_str()), Some("signed.whiteboard.test."));

    for name in ["www.unsigned.whiteboard.test", "absent.unsigned.whiteboard.test"] {
        let unsigned = walk(&lab.walker(), name, RecordType::A).await;
        let expected = Insecure::UnsignedDelegation {
            zone: "unsigned.whiteboard.test.".to_owned(),
            parent: "whiteboard.test.".to_owned(),
            proof: "NSEC".to_owned(),
        };
        assert_eq!(lookup(&unsigned).dnssec, Status::Insecure(expected));
    }
}

#[tokio::test]
async fn aliases_that_run_in_circles() {
    let lab = Lab::start().expect("a lab");
    let inside = fault(&lab, Fault::CnameLoop).await;
    let host = format!("{}.", Fault::CnameLoop.host());
    let path = vec![host.clone(), format!("second.{host}"), format!("third.{host}"), host];
    assert_eq!(*error(&inside), DnsError::AliasLoop { path });
    assert_eq!(asked(&inside), [".", "test.", "whiteboard.test."]);

    let across = fault(&lab, Fault::CnameLoopAcrossZones).await;
    let host = format!("{}.", Fault::CnameLoopAcrossZones.host());
    assert_eq!(*error(&across), DnsError::AliasLoop { path: vec![host.clone(), "loop.example.".to_owned(), host] });
    assert_eq!(asked(&across), [".", "test.", "whiteboard.test.", ".", "example."]);

    let endless = fault(&lab, Fault::EndlessAliases).await;
    assert!(matches!(error(&endless), DnsError::AliasesExceeded { max: 16, path } if path.len() > 16));
    assert!(endless.queries.len() < 20, "{}", endless.queries.len());
}

#[tokio::test]
async fn the_next_server_is_tried_and_both_are_listed() {
    let lab = Lab::start().expect("a lab");
    for bad in [Fault::LameServer, Fault::ServFail, Fault::SilentServer, Fault::MalformedAnswer] {
        let walk = fault(&lab, bad).await;
        assert_eq!((addresses(&walk), &lookup(&walk).dnssec), (vec![WEB.to_owned()], &Status::Secure), "{bad:?}");
        let zone = format!("{}.", bad.host());
        assert_eq!(asked(&walk), [".", "test.", "whiteboard.test.", &zone, &zone], "{bad:?}");
        let failures = failures(&walk);
        let expected = match (bad, failures[0]) {
            (Fault::LameServer, Failure::Lame { reason }) => reason == "refers to ., which leads no closer",
            (Fault::ServFail, Failure::Rcode { rcode }) => rcode == "SERVFAIL",
            (Fault::SilentServer, Failure::Silent { after_ms: 2000, discarded }) => discarded.total() == 0,
            (Fault::MalformedAnswer, Failure::Malformed { .. }) => true,
            _ => false,
        };
        assert!(expected && failures.len() == 1, "{bad:?}: {failures:?}");
    }
}

#[tokio::test]
async fn when_every_server_fails_all_are_listed() {
    let lab = Lab::start().expect("a lab");
    let walk = fault(&lab, Fault::EveryServerFails).await;
    let DnsError::NoUsableServer { zone, tried } = error(&walk) else { panic!("{:?}", error(&walk)) };
    assert_eq!(*zone, format!("{}.", Fault::EveryServerFails.host()));
    assert_eq!(tried.len(), 1);
    assert_eq!(tried[0].failure, Failure::Rcode { rcode: "SERVFAIL".to_owned() });
    assert_eq!(asked(&walk).len(), 4, "what was asked before is kept");
}

#[tokio::test]
async fn nothing_of_a_truncated_answer_is_used() {
    let lab = Lab::start().expect("a lab");
    let walk = fault(&lab, Fault::Truncated).await;
    assert_eq!((addresses(&walk), &lookup(&walk).dnssec), (vec![WEB.to_owned()], &Status::Secure));
    let [.., cut, whole] = questions(&walk).collect::<Vec<_>>()[..] else { panic!("{walk:?}") };
    assert_eq!((cut.transport, &cut.outcome), (Transport::Udp, &Outcome::Truncated));
    assert_eq!((whole.transport, &whole.outcome), (Transport::Tcp, &Outcome::Answer));
    assert_eq!(cut.server, whole.server);
    let response = cut.response.as_ref().expect("a response");
    assert!(response.truncated && response.answers.is_empty() && cut.bytes_received > 12);
    assert!(cut.span.end_ns() <= whole.span.start_ns && whole.span.duration_ns > 0, "both times are kept");
}

#[tokio::test]
async fn forgeries_are_dropped_and_counted_and_waiting_goes_on() {
    let lab = Lab::start().expect("a lab");
    for forged in [Fault::WrongId, Fault::WrongSource] {
        let walk = fault(&lab, forged).await;
        assert_eq!((addresses(&walk), &lookup(&walk).dnssec), (vec![WEB.to_owned()], &Status::Secure), "{forged:?}");
        let last = questions(&walk).last().expect("a query");
        let counts = (last.discarded.wrong_id, last.discarded.wrong_source, last.discarded.wrong_question);
        assert_eq!(counts, if forged == Fault::WrongId { (1, 0, 0) } else { (0, 1, 0) });
        assert_eq!(last.outcome, Outcome::Answer);
    }
}

#[tokio::test]
async fn a_server_that_forgets_capital_letters_is_asked_over_tcp() {
    let lab = Lab::start().expect("a lab");
    let walk = fault(&lab, Fault::WrongCase).await;
    assert_eq!(addresses(&walk), [WEB]);
    let [.., small, tcp] = questions(&walk).collect::<Vec<_>>()[..] else { panic!("{walk:?}") };
    assert_eq!(small.discarded.wrong_question, 1);
    assert_eq!((tcp.transport, &tcp.outcome), (Transport::Tcp, &Outcome::Answer));
}

#[tokio::test]
async fn glue_that_is_none_of_the_servers_business_is_ignored() {
    let lab = Lab::start().expect("a lab");
    let walk = fault(&lab, Fault::ForeignGlue).await;
    assert_eq!((addresses(&walk), &lookup(&walk).dnssec), (vec![WEB.to_owned()], &Status::Secure));
    let ignored: Vec<_> = walk
        .queries
        .iter()
        .filter_map(|query| match &query.outcome {
            Outcome::Referral { ignored, .. } if !ignored.is_empty() => Some(&ignored[0]),
            _ => None,
        })
        .collect();
    assert_eq!((ignored.len(), ignored[0].name.as_str()), (1, "ns.elsewhere.example."));
    let found = walk.queries.iter().filter(|query| query.purpose == Purpose::ServerAddress);
    let found: Vec<_> = found.map(|query| (query.zone.as_str(), query.depth)).collect();
    assert_eq!(found, [(".", 1), ("example.", 1)]);
}

#[tokio::test]
async fn no_such_name_is_not_no_such_record() {
    let lab = Lab::start().expect("a lab");
    let absent = fault(&lab, Fault::NxDomain).await;
    let Ok(Answer::NoSuchName { name, soa: Some(soa) }) = &lookup(&absent).answer else { panic!("{absent:?}") };
    assert_eq!(*name, format!("{}.", Fault::NxDomain.host()));
    assert_eq!((soa.zone.as_str(), soa.minimum, soa.negative_ttl), ("whiteboard.test.", 60, 60));
    assert!(matches!(absent.addresses(), Err(DnsError::NoSuchName { .. })));

    let bare = fault(&lab, Fault::NoData).await;
    assert!(matches!(&lookup(&bare).answer, Ok(Answer::NoData { soa: Some(_), .. })), "{bare:?}");
    assert!(matches!(bare.addresses(), Err(DnsError::NoData { .. })));
    for walk in [absent, bare] {
        assert_eq!(lookup(&walk).dnssec, Status::Secure);
    }
    let opted_out = walk(&lab.walker(), "nothing.test", RecordType::A).await;
    assert_eq!(lookup(&opted_out).dnssec, Status::Insecure(Insecure::OptOut { zone: "test.".to_owned() }));
}

#[tokio::test]
async fn signatures_that_do_not_hold_say_why() {
    let lab = Lab::start().expect("a lab");
    for broken in
        [Fault::BogusSignature, Fault::ExpiredSignature, Fault::MissingSignature, Fault::WrongDs, Fault::MissingProof]
    {
        let walk = fault(&lab, broken).await;
        let DnsError::Bogus(why) = error(&walk) else { panic!("{broken:?}: {:?}", error(&walk)) };
        assert_eq!(lookup(&walk).dnssec, Status::Bogus(why.clone()));
        let expected = match (broken, why) {
            (Fault::BogusSignature, Bogus::SignatureWrong { record_type, .. }) => record_type == "A",
            (Fault::ExpiredSignature, Bogus::SignatureExpired { by_seconds, .. }) => by_seconds / 86_400 == 3,
            (Fault::MissingSignature, Bogus::SignatureMissing { zone, .. }) => zone == "whiteboard.test.",
            (Fault::WrongDs, Bogus::NoMatchingDs { keys, vouched, .. }) => keys.len() == 1 && keys != vouched,
            (Fault::SelfSignedDs, Bogus::NoKeys { reason, .. }) => reason == "the proof of them depends on itself",
            (Fault::MissingProof, Bogus::ProofMissing { zone, .. }) => zone == "whiteboard.test.",
            _ => false,
        };
        assert!(expected, "{broken:?}: {why:?}");
        assert!(questions(&walk).last().is_some_and(|query| query.response.is_some()), "what was heard is kept");
    }
}

#[tokio::test]
async fn a_bogus_answer_can_be_looked_at_and_checking_can_be_left_out() {
    use netprobe::dns::Validation;
    let lab = Lab::start().expect("a lab");
    let host = Fault::ExpiredSignature.host();
    let report = Walker { validation: Validation::Report, ..lab.walker() };
    let reported = walk(&report, &host, RecordType::A).await;
    assert_eq!(addresses(&reported), [WEB]);
    assert!(matches!(lookup(&reported).dnssec, Status::Bogus(Bogus::SignatureExpired { .. })));

    let off = Walker { validation: Validation::Off, ..lab.walker() };
    let unchecked = walk(&off, &host, RecordType::A).await;
    assert_eq!((addresses(&unchecked), &lookup(&unchecked).dnssec), (vec![WEB.to_owned()], &Status::Unchecked));
    assert_eq!(unchecked.queries.len(), 3, "no keys are asked for");
    let records = &unchecked.queries[2].response.as_ref().expect("a response").answers;
    assert!(records.iter().all(|record| record.record_type == "A"), "no signatures were sent: {records:?}");
}

#[tokio::test]
async fn a_stranger_to_the_root_is_not_trusted() {
    let lab = Lab::start().expect("a lab");
    let other = Walker { anchors: netprobe::dns::root_anchors(), ..lab.walker() };
    let walk = walk(&other, "www.whiteboard.test", RecordType::A).await;
    let DnsError::Bogus(Bogus::NoMatchingDs { zone, vouched, .. }) = error(&walk) else { panic!("{walk:?}") };
    assert_eq!((zone.as_str(), vouched.as_slice()), (".", &[20326, 38696][..]));
}

#[tokio::test]
async fn limits_have_names() {
    let lab = Lab::start().expect("a lab");
    let few = Walker { queries_max: 2, ..lab.walker() };
    let stopped = walk(&few, "www.whiteboard.test", RecordType::A).await;
    assert_eq!(*error(&stopped), DnsError::QueriesExceeded { max: 2 });
    assert_eq!(stopped.queries.len(), 2);

    let short = Walker { walk_timeout: Duration::ZERO, ..lab.walker() };
    let late = walk(&short, "www.whiteboard.test", RecordType::A).await;
    assert_eq!(*error(&late), DnsError::TimedOut { after_ms: 0 });

    let shallow = Walker { depth_max: 0, ..lab.walker() };
    let deep = walk(&shallow, &Fault::ForeignGlue.host(), RecordType::A).await;
    let DnsError::NoUsableServer { tried, .. } = error(&deep) else { panic!("{deep:?}") };
    assert!(matches!(&tried[0].failure, Failure::NoAddress { reason } if reason.contains("0 levels")), "{tried:?}");

    for bad in ["", "a..b", &"x".repeat(300)] {
        assert!(matches!(error(&walk(&lab.walker(), bad, RecordType::A).await), DnsError::BadName { .. }), "{bad:?}");
    }
}

#[tokio::test]
async fn a_walk_survives_json() {
    let lab = Lab::start().expect("a lab");
    for host in ["www.whiteboard.test".to_owned(), Fault::LameServer.host(), Fault::WrongDs.host()] {
        let walk = walk(&lab.walker(), &host, RecordType::A).await;
        let json = serde_json::to_string(&walk).expect("JSON");
        assert_eq!(serde_json::from_str::<Walk>(&json).expect("a walk"), walk);
    }
}
