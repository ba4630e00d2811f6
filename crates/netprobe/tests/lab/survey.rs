//! All servers of each zone: who agrees with whom, who is of no use, and which way down is the fastest.

use std::time::Duration;

use netprobe::dns::{DnsError, Failure, Outcome, RecordType, SURVEY_ZONES_MAX, Survey, Transport, Walker, ZoneSurvey};
use netprobe::{Clock, Fault, Lab};

/// Long enough on any machine, however busy.
const AGES: Duration = Duration::from_secs(600);

async fn survey(lab: &Lab, name: &str) -> Survey {
    let walker = Walker { query_timeout: AGES, walk_timeout: AGES, ..lab.walker() };
    walker.survey(name, RecordType::A, &Clock::start()).await
}

fn zones(survey: &Survey) -> Vec<&str> {
    survey.zones.iter().map(|zone| zone.zone.as_str()).collect()
}

fn last(survey: &Survey) -> &ZoneSurvey {
    survey.zones.last().expect("a zone")
}

fn opinions(zone: &ZoneSurvey) -> Vec<(&str, usize)> {
    zone.opinions.iter().map(|opinion| (opinion.says.as_str(), opinion.servers)).collect()
}

#[tokio::test]
async fn where_all_is_well_everybody_agrees() {
    let lab = Lab::start().expect("a lab");
    let survey = survey(&lab, "www.whiteboard.test").await;
    assert_eq!((survey.error.as_ref(), zones(&survey)), (None, vec![".", "test.", "whiteboard.test."]));
    assert!(survey.zones.iter().all(ZoneSurvey::is_agreed));
    assert_eq!(opinions(&survey.zones[0]), [("ask a.nic.test. of test.", 1)]);
    assert_eq!((opinions(last(&survey)), last(&survey).serials.as_slice()), (vec![("A 127.0.1.1", 1)], &[1][..]));
    let path: Vec<_> = survey.best_path().iter().map(|asked| asked.query.server.name.as_str()).collect();
    assert_eq!(path, ["a.root.test.", "a.nic.test.", "ns1.whiteboard.test."]);
    // One for the question and one for the version, at the same time.
    assert_eq!(survey.queries(), 6);
    let asked = &last(&survey).asked[0];
    assert_eq!(asked.others[0].record_type, "SOA");
    assert!(asked.others[0].span.start_ns < asked.query.span.end_ns());
    let json = serde_json::to_string(&survey).expect("JSON");
    assert_eq!(serde_json::from_str::<Survey>(&json).expect("a survey"), survey);
}

#[tokio::test]
async fn an_old_version_beside_the_new_one_is_seen() {
    let lab = Lab::start().expect("a lab");
    let survey = survey(&lab, &Fault::StaleServer.host()).await;
    let zone = last(&survey);
    assert_eq!((survey.error.as_ref(), zone.is_agreed(), zone.serials.as_slice()), (None, false, &[2, 1][..]));
    let mut said = opinions(zone);
    said.sort_unstable();
    assert_eq!(said, [("A 127.0.1.1", 1), ("A 127.0.1.2", 1)]);
    let starts: Vec<u64> = zone.asked.iter().map(|asked| asked.query.span.start_ns).collect();
    assert!(zone.asked.iter().all(|asked| starts.iter().all(|start| *start < asked.query.span.end_ns())), "together");
    let old = zone.asked.iter().find(|asked| asked.query.server.name.starts_with("ns1.")).expect("the old one");
    assert_eq!(old.serial, Some(1));
}

#[tokio::test]
async fn who_is_of_no_use_is_listed_and_does_not_count() {
    let lab = Lab::start().expect("a lab");
    for fault in [Fault::LameServer, Fault::ServFail, Fault::MalformedAnswer] {
        let survey = survey(&lab, &fault.host()).await;
        let zone = last(&survey);
        assert_eq!((survey.error.as_ref(), zone.asked.len(), opinions(zone)), (None, 2, vec![("A 127.0.1.1", 1)]));
        let [good, bad] = &zone.asked[..] else { panic!("{zone:?}") };
        assert!(good.is_useful() && zone.fastest() == Some(good) && zone.slowest() == Some(good));
        let Outcome::Failed(failure) = &bad.query.outcome else { panic!("{bad:?}") };
        let expected = match fault {
            Fault::LameServer => matches!(failure, Failure::Lame { .. }),
            Fault::ServFail => matches!(failure, Failure::Rcode { rcode, .. } if rcode == "SERVFAIL"),
            _ => matches!(failure, Failure::Malformed { .. }),
        };
        assert!(expected, "{fault:?}: {failure:?}");
    }
    let none = survey(&lab, &Fault::EveryServerFails.host()).await;
    let Some(DnsError::NoUsableServer { zone, tried }) = &none.error else { panic!("{none:?}") };
    assert_eq!((zone.as_str(), tried.len(), last(&none).asked.len()), ("every-server-fails.whiteboard.test.", 1, 1));

    let impatient = Walker { query_timeout: Duration::from_millis(400), ..lab.walker() };
    let silent = impatient.survey(&Fault::SilentServer.host(), RecordType::A, &Clock::start()).await;
    let [good, bad] = &last(&silent).asked[..] else { panic!("{silent:?}") };
    assert!(good.is_useful() && matches!(bad.query.outcome, Outcome::Failed(Failure::Silent { .. })), "{bad:?}");
}

#[tokio::test]
async fn lies_are_opinions_and_the_truncated_come_over_tcp() {
    let lab = Lab::start().expect("a lab");
    let forged = survey(&lab, &Fault::BogusServer.host()).await;
    let mut said = opinions(last(&forged));
    said.sort_unstable();
    assert_eq!(said, [("A 127.0.1.1", 1), ("A 192.0.2.66", 1)]);
    assert_eq!(last(&forged).serials, [1], "the same version says both");

    let truncated = survey(&lab, &Fault::Truncated.host()).await;
    let [asked] = &last(&truncated).asked[..] else { panic!("{truncated:?}") };
    assert_eq!((asked.query.transport, &asked.query.outcome), (Transport::Tcp, &Outcome::Answer));
    assert!(asked.others.iter().any(|query| query.outcome == Outcome::Truncated));
}

#[tokio::test]
async fn servers_without_addresses_and_aliases_in_circles() {
    let lab = Lab::start().expect("a lab");
    let circle = survey(&lab, &Fault::NsLoop.host()).await;
    let Some(DnsError::NoUsableServer { tried, .. }) = &circle.error else { panic!("{circle:?}") };
    assert!(matches!(tried[0].failure, Failure::NoAddress { .. }) && last(&circle).asked.is_empty());
    assert!(!circle.besides.is_empty(), "it was looked for");

    let elsewhere = survey(&lab, &Fault::ForeignGlue.host()).await;
    assert_eq!((elsewhere.error.as_ref(), opinions(last(&elsewhere))), (None, vec![("A 127.0.1.1", 1)]));

    let across = survey(&lab, &Fault::CnameLoopAcrossZones.host()).await;
    let host = format!("{}.", Fault::CnameLoopAcrossZones.host());
    let path = vec![host.clone(), "loop.example.".to_owned(), host];
    assert_eq!(across.error, Some(DnsError::AliasLoop { path }));
    let endless = survey(&lab, &Fault::EndlessAliases.host()).await;
    assert!(matches!(endless.error, Some(DnsError::AliasesExceeded { max: 16, .. })), "{:?}", endless.error);
    assert!(endless.zones.len() < SURVEY_ZONES_MAX);

    let absent = survey(&lab, &Fault::NxDomain.host()).await;
    assert_eq!((absent.error.as_ref(), opinions(last(&absent))), (None, vec![("no such name", 1)]));
    let bad = survey(&lab, "a..b").await;
    assert!(matches!(bad.error, Some(DnsError::BadName { .. })) && bad.zones.is_empty());
}
