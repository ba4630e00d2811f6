//! Servers that fail, lie or lose queries: what the walk does about each, and that it says so.

use std::time::Duration;

use netprobe::dns::dnssec::{Bogus, Status};
use netprobe::dns::{DnsError, Failure, Outcome, Purpose, RecordType, Transport, Walker};
use netprobe::{Fault, Lab};

use crate::walks::{WEB, addresses, asked, error, failures, fault, lookup, questions, walk, walk_to};

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
            (Fault::ServFail, Failure::Rcode { rcode, .. }) => rcode == "SERVFAIL",
            (Fault::SilentServer, Failure::Silent { after_ms: 2000, tries: 3, discarded }) => discarded.total() == 0,
            (Fault::MalformedAnswer, Failure::Malformed { .. }) => true,
            _ => false,
        };
        assert!(expected && failures.len() == 1, "{bad:?}: {failures:?}");
    }
}

#[tokio::test]
async fn a_query_that_is_lost_is_sent_again() {
    let lab = Lab::start().expect("a lab");
    let walker = Walker { resend_after: Duration::from_millis(20), ..lab.walker() };
    let walk = walk(&walker, &Fault::LostQuery.host(), RecordType::A).await;
    assert_eq!((addresses(&walk), &lookup(&walk).dnssec), (vec![WEB.to_owned()], &Status::Secure));
    let zone = format!("{}.", Fault::LostQuery.host());
    for query in &walk.queries {
        assert_eq!(query.sent_ns.len() > 1, query.zone == zone, "{query:?}");
        assert!(query.sent_ns.is_sorted() && query.sent_ns[0] >= query.span.start_ns);
        assert!(query.sent_ns.last().is_some_and(|last| *last <= query.span.end_ns()));
    }
    let once = Walker { tries_max: 1, query_timeout: Duration::from_millis(100), ..walker };
    let walk = walk_to(&once, Fault::LostQuery).await;
    let DnsError::NoUsableServer { tried, .. } = error(&walk) else { panic!("{walk:?}") };
    assert!(matches!(tried[0].failure, Failure::Silent { after_ms: 100, tries: 1, .. }), "{tried:?}");
}

#[tokio::test]
async fn a_bogus_answer_is_asked_for_at_another_server() {
    let lab = Lab::start().expect("a lab");
    let walk = fault(&lab, Fault::BogusServer).await;
    assert_eq!((addresses(&walk), &lookup(&walk).dnssec), (vec![WEB.to_owned()], &Status::Secure));
    let zone = format!("{}.", Fault::BogusServer.host());
    assert_eq!(asked(&walk), [".", "test.", "whiteboard.test.", &zone, &zone]);
    let expected = |failure: &&Failure| match failure {
        Failure::Bogus(Bogus::SignatureWrong { record_type, .. }) => record_type == "A",
        Failure::Bogus(Bogus::SignatureMissing { record_type, .. }) => record_type == "DNSKEY",
        _ => false,
    };
    let failures = failures(&walk);
    assert!(failures.len() == 2 && failures.iter().all(expected), "{failures:?}");
}

#[tokio::test]
async fn when_every_server_fails_all_are_listed() {
    let lab = Lab::start().expect("a lab");
    let walk = fault(&lab, Fault::EveryServerFails).await;
    let DnsError::NoUsableServer { zone, tried } = error(&walk) else { panic!("{:?}", error(&walk)) };
    assert_eq!(*zone, format!("{}.", Fault::EveryServerFails.host()));
    assert_eq!(tried.len(), 1);
    assert_eq!(tried[0].failure, Failure::Rcode { rcode: "SERVFAIL".to_owned(), errors: Vec::new() });
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
async fn servers_that_are_named_in_each_others_zones_are_not_looked_for_for_ever() {
    let lab = Lab::start().expect("a lab");
    let walk = fault(&lab, Fault::NsLoop).await;
    let DnsError::NoUsableServer { zone, tried } = error(&walk) else { panic!("{walk:?}") };
    assert_eq!((zone, tried.len()), (&format!("{}.", Fault::NsLoop.host()), 1));
    let Failure::NoAddress { reason } = &tried[0].failure else { panic!("{tried:?}") };
    assert!(reason.contains("to find it, it would have to be asked"), "{reason}");
    assert!(walk.queries.len() < 20, "{}", walk.queries.len());
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
