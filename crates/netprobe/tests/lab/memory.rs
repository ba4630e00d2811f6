//! A warm walk: what is remembered is not asked again, and is believed no more than it was.

use std::time::Duration;

use netprobe::dns::dnssec::Status;
use netprobe::dns::{Answer, Memory, RecordType, Validation, Walk, Walker};
use netprobe::{Clock, Fault, Lab};

/// Long enough on any machine, however busy.
const AGES: Duration = Duration::from_secs(600);

async fn walk(walker: &Walker, memory: &mut Memory, name: &str) -> Walk {
    let types = [RecordType::A, RecordType::AAAA];
    walker.walk_with(memory, name, &types, &Clock::start()).await
}

fn asked(walk: &Walk) -> Vec<String> {
    walk.queries.iter().map(|query| format!("{} {} @{}", query.name, query.record_type, query.zone)).collect()
}

#[tokio::test]
async fn a_warm_walk_asks_only_what_is_new() {
    let lab = Lab::start().expect("a lab");
    let walker = Walker { query_timeout: AGES, walk_timeout: AGES, ..lab.walker() };
    let mut memory = Memory::default();
    let cold = walk(&walker, &mut memory, "www.whiteboard.test").await;
    assert_eq!((cold.queries.len(), cold.remembered.len()), (7, 0), "{:?}", asked(&cold));

    let known = walk(&walker, &mut memory, "WWW.whiteboard.test").await;
    assert_eq!(asked(&known), [""; 0]);
    let recalled: Vec<_> = known.remembered.iter().map(|one| (one.name.as_str(), one.record_type.as_str())).collect();
    let zones = [("test.", "NS"), ("whiteboard.test.", "NS")];
    let answers = [("www.whiteboard.test.", "A"), ("www.whiteboard.test.", "AAAA")];
    assert_eq!(recalled, [zones, answers].concat());
    assert!(known.remembered.iter().all(|one| one.ttl_left <= 300));
    assert_eq!(known.addresses(), cold.addresses());
    assert!(known.lookups.iter().all(|lookup| lookup.dnssec == Status::Secure));
    assert!(matches!(known.lookups[1].answer, Ok(Answer::NoData { .. })), "that there is none is remembered too");

    // Another name in the same zone: its servers and keys are known.
    let other = walk(&walker, &mut memory, "other.whiteboard.test").await;
    let expected = ["A", "AAAA"].map(|kind| format!("other.whiteboard.test. {kind} @whiteboard.test."));
    assert_eq!(asked(&other), expected);
    assert_eq!((other.lookups[0].dnssec.clone(), other.chain.len()), (Status::Secure, 3));
    memory.forget_answers();
    assert_eq!(walk(&walker, &mut memory, "www.whiteboard.test").await.queries.len(), 2);
    let json = serde_json::to_string(&known).expect("JSON");
    assert_eq!(serde_json::from_str::<Walk>(&json).expect("a walk"), known);
}

#[tokio::test]
async fn what_failed_is_asked_again_and_what_was_believed_for_other_reasons_is_forgotten() {
    let lab = Lab::start().expect("a lab");
    let walker = Walker { query_timeout: AGES, walk_timeout: AGES, ..lab.walker() };
    for fault in [Fault::EveryServerFails, Fault::BogusSignature, Fault::WrongDs] {
        let mut memory = Memory::default();
        let first = walk(&walker, &mut memory, &fault.host()).await;
        let again = walk(&walker, &mut memory, &fault.host()).await;
        assert!(first.lookups[0].answer.is_err() && first.lookups[0].answer == again.lookups[0].answer, "{fault:?}");
        assert!(!again.queries.is_empty(), "{fault:?} is not remembered");
    }
    let mut memory = Memory::default();
    let unchecked = Walker { validation: Validation::Off, ..walker.clone() };
    walk(&unchecked, &mut memory, "www.whiteboard.test").await;
    let checked = walk(&walker, &mut memory, "www.whiteboard.test").await;
    assert_eq!((checked.queries.len(), &checked.lookups[0].dnssec), (7, &Status::Secure));
}
