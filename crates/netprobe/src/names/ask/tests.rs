//! Two resolvers in a row, as a system's configuration lists them.

use std::net::Ipv4Addr;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record};
use tokio::net::UdpSocket;

use super::*;

/// Knows an address, and fails whoever asks how the site wants to be reached, or says that nobody cares.
async fn resolver(fails: bool) -> Upstream {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let address = socket.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        while let Ok((length, client)) = socket.recv_from(&mut buffer).await {
            let query = Message::from_vec(&buffer[..length]).expect("a query");
            let question = query.queries[0].clone();
            let mut response = query.into_response();
            if question.query_type() == RecordType::A {
                let address = RData::A(A(Ipv4Addr::new(192, 0, 2, 1)));
                response.add_answer(Record::from_rdata(question.name().clone(), 300, address));
            } else if fails {
                response.metadata.response_code = ResponseCode::ServFail;
            }
            socket.send_to(&response.to_vec().expect("bytes"), client).await.expect("sent");
        }
    });
    Upstream::Plain(address)
}

#[tokio::test]
async fn a_record_that_one_does_not_have_is_asked_of_the_next() {
    let (walker, clock) = (Walker { site_grace: Duration::from_secs(600), ..Walker::default() }, Clock::start());
    let asking = Asking {
        name: "a.test",
        family: Family::V4,
        record_types: Family::V4.record_types(),
        site: Some(Name::from_ascii("a.test.").expect("a name")),
        timeout: Duration::from_secs(600),
        tls: None,
        walker: &walker,
        clock: &clock,
    };
    let (failing, knowing) = (resolver(true).await, resolver(false).await);
    for (upstreams, expected, is_known) in [
        ([&failing, &knowing], &["A", "HTTPS", "HTTPS"][..], true),
        ([&knowing, &failing], &["A", "HTTPS"], true),
        ([&failing, &failing], &["A", "HTTPS", "HTTPS"], false),
    ] {
        let upstreams = upstreams.map(Clone::clone);
        let stub = ask_each(&upstreams, &asking, Stub::unasked(), &mut Vec::new()).await;
        let asked: Vec<&str> = stub.queries.iter().map(|query| query.record_type.as_str()).collect();
        assert_eq!((asked, stub.addresses().len(), stub.error.clone()), (expected.to_vec(), 1, None), "{stub:#?}");
        assert_eq!(stub.site.is_some_and(|site| site.lookup.answer.is_ok()), is_known);
    }
}
