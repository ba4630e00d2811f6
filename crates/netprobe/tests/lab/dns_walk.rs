//! The walk through the lab: what it finds, what it says on the way, and where it stops.

use std::time::Duration;

use netprobe::dns::dnssec::{Bogus, Insecure, Status};
use netprobe::dns::{Answer, DnsError, Failure, Purpose, RecordType, Walk, Walker};
use netprobe::{Clock, Fault, Lab};

use crate::walks::{WEB, addresses, asked, error, fault, lookup, questions, walk};

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
    let [.., first, second] = questions(&walk).collect::<Vec<_>>()[..] else { panic!("{walk:?}") };
    assert_eq!((first.record_type.as_str(), second.record_type.as_str()), ("A", "AAAA"));
    assert!(second.span.start_ns < first.span.end_ns(), "both are asked for at the same time");
    assert!(walk.span.cpu_ns > 0 && walk.span.cpu_ns < walk.span.duration_ns, "{:?}", walk.span);
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
    for broken in [
        Fault::BogusSignature,
        Fault::ExpiredSignature,
        Fault::MissingSignature,
        Fault::WrongDs,
        Fault::SelfSignedDs,
        Fault::MissingProof,
    ] {
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

    let ages = Walker {
        query_timeout: Duration::MAX,
        walk_timeout: Duration::MAX,
        resend_after: Duration::MAX,
        ..lab.walker()
    };
    assert_eq!(addresses(&walk(&ages, "www.whiteboard.test", RecordType::A).await), [WEB]);

    let shallow = Walker { depth_max: 0, ..lab.walker() };
    let deep = walk(&shallow, &Fault::ForeignGlue.host(), RecordType::A).await;
    let DnsError::NoUsableServer { tried, .. } = error(&deep) else { panic!("{deep:?}") };
    assert!(matches!(&tried[0].failure, Failure::NoAddress { reason } if reason.contains("0 levels")), "{tried:?}");
    assert_eq!((tried[0].name.as_str(), tried[0].address), ("ns.elsewhere.example.", None));
    assert!(tried[0].to_string().starts_with("ns.elsewhere.example.: no address: "), "{}", tried[0]);

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

#[tokio::test]
async fn nobody_is_told_more_of_a_name_than_it_takes() {
    let lab = Lab::start().expect("a lab");
    let minimal = Walker { minimise: true, ..lab.walker() };
    let said = |walk: &Walk| {
        let about_it = walk.queries.iter().filter(|query| matches!(query.purpose, Purpose::Part | Purpose::Question));
        about_it.map(|query| format!("{} {} @{}", query.name, query.record_type, query.zone)).collect::<Vec<_>>()
    };
    let www = walk(&minimal, "www.whiteboard.test", RecordType::AAAA).await;
    let expected =
        ["test. A @.", "whiteboard.test. A @test.", "www.whiteboard.test. AAAA @whiteboard.test."].map(str::to_owned);
    assert_eq!(said(&www), expected);
    assert_eq!(lookup(&www).dnssec, Status::Secure);

    // A name with nothing at it but names below it, and a server that denies such a name.
    let between = walk(&minimal, "www.below.between.whiteboard.test", RecordType::A).await;
    assert_eq!((addresses(&between), said(&between).len()), (vec![WEB.to_owned()], 5), "{:?}", said(&between));
    let denied = walk(&minimal, "www.below.denied.whiteboard.test", RecordType::A).await;
    assert_eq!((addresses(&denied), &lookup(&denied).dnssec), (vec![WEB.to_owned()], &Status::Secure));
    let [.., part, whole] = &said(&denied)[..] else { panic!("{denied:?}") };
    assert_eq!(part, "denied.whiteboard.test. A @whiteboard.test.");
    assert_eq!(whole, "www.below.denied.whiteboard.test. A @whiteboard.test.", "the rest is told at once");

    // The same answers, aliases and all.
    for host in
        [Fault::CnameLoopAcrossZones, Fault::ForeignGlue, Fault::NxDomain, Fault::EveryServerFails].map(Fault::host)
    {
        let (whole, part) =
            (walk(&lab.walker(), &host, RecordType::A).await, walk(&minimal, &host, RecordType::A).await);
        match (&lookup(&whole).answer, &lookup(&part).answer) {
            (Err(DnsError::NoUsableServer { zone, .. }), Err(DnsError::NoUsableServer { zone: other, .. })) => {
                assert_eq!(zone, other);
            }
            (whole, part) => assert_eq!(whole, part),
        }
    }
}

#[tokio::test]
async fn what_servers_say_of_themselves_is_kept() {
    let lab = Lab::start().expect("a lab");
    let walk = walk(&lab.walker(), "www.whiteboard.test", RecordType::A).await;
    for query in &walk.queries {
        let edns = query.response.as_ref().and_then(|response| response.edns.as_ref()).expect("EDNS");
        assert_eq!((query.udp_payload_max, edns.udp_payload_max, edns.version), (Some(1232), 1232, 0));
        assert!(edns.dnssec_ok && edns.errors.is_empty(), "{edns:?}");
    }
}
