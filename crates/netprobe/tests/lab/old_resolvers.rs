//! Resolvers in the clear as they stand in many homes: old, forgetful, and wrong in ways that can be lived with, or not.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, CNAME, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use netprobe::dns::{DnsError, Failure, Outcome, Transport};
use netprobe::names::{Family, Method, Resolution, Resolver, ResolverOptions, Source, Upstream};
use netprobe::{Clock, Error};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

/// Long enough on any machine, however busy.
const AGES_MS: u64 = 600_000;

const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// What a resolver answers, over TCP or not.
type Habit = fn(Message, bool) -> Message;

/// A resolver on both transports, and somebody who asks it.
async fn resolver(family: Family, habit: Habit) -> Resolver {
    let connections = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = connections.local_addr().expect("an address");
    let datagrams = UdpSocket::bind(address).await.expect("a socket");
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        while let Ok((length, client)) = datagrams.recv_from(&mut buffer).await {
            let query = Message::from_vec(&buffer[..length]).expect("a query");
            let response = habit(query, false).to_vec().expect("bytes");
            datagrams.send_to(&response, client).await.expect("sent");
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = connections.accept().await {
            let mut query = vec![0; usize::from(stream.read_u16().await.expect("a length"))];
            stream.read_exact(&mut query).await.expect("a query");
            let response = habit(Message::from_vec(&query).expect("a query"), true).to_vec().expect("bytes");
            stream.write_u16(u16::try_from(response.len()).expect("a length")).await.expect("sent");
            stream.write_all(&response).await.expect("sent");
        }
    });
    asking(address, family)
}

fn asking(address: SocketAddr, family: Family) -> Resolver {
    let method = Method::Resolver(Some(Upstream::Plain(address)));
    Resolver::new(ResolverOptions { method, timeout_ms: AGES_MS, family, machine: None, ..Default::default() })
}

async fn resolve(resolver: &Resolver) -> Resolution {
    resolver.resolve("www.home.test", &Clock::start()).await
}

/// The right answer: an address, or that there is none of that type.
fn truth(query: Message) -> Message {
    let question = query.queries[0].clone();
    let mut response = query.into_response();
    if question.query_type() == RecordType::A {
        response.add_answer(Record::from_rdata(question.name().clone(), 300, RData::A(A(ADDRESS))));
    } else {
        let zone = Name::from_ascii("home.test.").expect("a name");
        let soa = SOA::new(zone.clone(), zone.clone(), 1, 1, 1, 1, 60);
        response.add_authority(Record::from_rdata(zone, 60, RData::SOA(soa)));
    }
    response
}

/// How each query went, in order.
fn course(found: &Resolution) -> Vec<(Transport, Option<u16>, String)> {
    let queries = &found.stub.as_ref().expect("what the resolver said").queries;
    queries.iter().map(|query| (query.transport, query.udp_payload_max, query.outcome.to_string())).collect()
}

fn failure(found: &Resolution) -> &Failure {
    let Some(Error::Dns(DnsError::NoUsableResolver { tried })) = &found.error else { panic!("{found:?}") };
    &tried.last().expect("one was asked").failure
}

#[tokio::test]
async fn one_that_keeps_no_capital_letters_is_asked_over_tcp() {
    let resolver = resolver(Family::V4, |query, over_tcp| {
        let mut response = truth(query);
        if !over_tcp {
            // Every letter in the other case.
            let swap = |byte: &u8| if byte.is_ascii_alphabetic() { byte ^ 0x20 } else { *byte };
            let labels: Vec<Vec<u8>> =
                response.queries[0].name().iter().map(|label| label.iter().map(swap).collect()).collect();
            let mut swapped = Name::from_labels(labels).expect("a name");
            swapped.set_fqdn(true);
            response.queries[0].set_name(swapped);
        }
        response
    });
    let found = resolve(&resolver.await).await;
    assert_eq!((found.error.clone(), &found.addresses), (None, &vec![IpAddr::V4(ADDRESS)]));
    let queries = &found.stub.as_ref().expect("what the resolver said").queries;
    let [first, second] = &queries[..] else { panic!("{queries:?}") };
    assert!(
        matches!(first.outcome, Outcome::Failed(Failure::Silent { discarded, .. }) if discarded.wrong_question > 0)
    );
    assert_eq!((second.transport, &second.outcome), (Transport::Tcp, &Outcome::Answer));
}

#[tokio::test]
async fn one_that_knows_no_edns_is_asked_without() {
    let resolver = resolver(Family::V4, |query, _| {
        if query.edns.is_none() {
            return truth(query);
        }
        let mut response = query.into_response();
        response.edns = None;
        response.metadata.response_code = ResponseCode::FormErr;
        response
    });
    let found = resolve(&resolver.await).await;
    assert_eq!((found.error.clone(), &found.addresses), (None, &vec![IpAddr::V4(ADDRESS)]));
    let expected = [(Some(1232), "answered FORMERR"), (None, "the answer")];
    assert_eq!(course(&found), expected.map(|(edns, outcome)| (Transport::Udp, edns, outcome.to_owned())));
}

#[tokio::test]
async fn half_an_answer_is_no_answer() {
    let resolver = resolver(Family::V4, |query, _| {
        let mut response = query.into_response();
        response.metadata.truncation = true;
        response
    });
    let found = resolve(&resolver.await).await;
    let truncated = "truncated, and that over TCP".to_owned();
    assert_eq!(*failure(&found), Failure::Malformed { reason: truncated.clone() });
    let outcomes =
        [(Transport::Udp, "truncated, again over TCP".to_owned()), (Transport::Tcp, format!("malformed: {truncated}"))];
    assert_eq!(course(&found), outcomes.map(|(transport, outcome)| (transport, Some(1232), outcome)));
}

#[tokio::test]
async fn what_failed_is_not_remembered_as_absent() {
    let half = resolver(Family::Any, |query, _| {
        if query.queries[0].query_type() == RecordType::A {
            return truth(query);
        }
        let mut response = query.into_response();
        response.metadata.response_code = ResponseCode::ServFail;
        response
    })
    .await;
    for _ in 0..2 {
        let found = resolve(&half).await;
        assert_eq!((&found.addresses, &found.source), (&vec![IpAddr::V4(ADDRESS)], &Source::Resolver));
    }
    let whole = resolver(Family::Any, |query, _| truth(query)).await;
    let sources = [resolve(&whole).await.source, resolve(&whole).await.source];
    assert_eq!(sources, [Source::Resolver, Source::Cache]);
    let absent = resolver(Family::V6, |query, _| truth(query)).await;
    let found = [resolve(&absent).await, resolve(&absent).await];
    assert_eq!(found[1].source, Source::Cache, "that there is none is remembered as well");
    assert!(matches!(found[1].error, Some(Error::Dns(DnsError::NoData { .. }))) && found[0].error == found[1].error);
}

#[tokio::test]
async fn more_aliases_than_anybody_follows_are_no_denial() {
    let resolver = resolver(Family::V4, |query, _| {
        let name = query.queries[0].name().clone();
        let mut response = query.into_response();
        let link = |index: usize| Name::from_ascii(format!("{index}.home.test.")).expect("a name");
        response.add_answer(Record::from_rdata(name, 300, RData::CNAME(CNAME(link(0)))));
        for index in 0..20 {
            response.add_answer(Record::from_rdata(link(index), 300, RData::CNAME(CNAME(link(index + 1)))));
        }
        response.add_answer(Record::from_rdata(link(20), 300, RData::A(A(ADDRESS))));
        response
    });
    let found = resolve(&resolver.await).await;
    assert_eq!(*failure(&found), Failure::Malformed { reason: "16 aliases or more".to_owned() });
}
