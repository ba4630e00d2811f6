//! A load balancer in front of the lab's servers: who answers, and who does when one is gone.

use netprobe::lab::{Balancer, Policy};
use netprobe::tls::TlsError;
use netprobe::{Error, Lab, Session};
use tokio::net::TcpStream;

/// Which server answered.
async fn answered_by(session: &Session, url: &str) -> String {
    let report = session.run(url).await;
    assert_eq!(report.error, None, "{report:#?}");
    let server = report.answer().and_then(|answer| answer.header("x-served-by")).expect("a name").to_owned();
    let told = report.story().iter().flatten().any(|told| told.details.contains(&format!("answered by {server}")));
    assert!(told, "the report says who answered");
    server
}

/// Waits until something is so, which is soon: nothing but its own tests is bound by time.
async fn until(balancer: &Balancer, holds: impl Fn(&Balancer) -> bool) {
    while !holds(balancer) {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn servers_take_turns() {
    let lab = Lab::start().expect("a lab");
    let balancer = lab.balancer(3, Policy::RoundRobin).expect("a balancer");
    let session = lab.probe().open().expect("a session");
    let mut servers = Vec::new();
    for _ in 0..6 {
        servers.push(answered_by(&session, &lab.balanced_url(&balancer, "/")).await);
    }
    assert_eq!(servers, ["web-1", "web-2", "web-3", "web-1", "web-2", "web-3"]);
    let unbalanced = answered_by(&session, &lab.url("/")).await;
    assert_eq!(unbalanced, "web");
}

#[tokio::test]
async fn who_has_the_fewest_connections_gets_the_next() {
    let lab = Lab::start().expect("a lab");
    let balancer = lab.balancer(3, Policy::LeastConnections).expect("a balancer");
    let session = lab.probe().open().expect("a session");
    let mut held = Vec::new();
    for expected in [[1, 0, 0], [1, 1, 0], [1, 1, 1], [2, 1, 1]] {
        held.push(TcpStream::connect(balancer.address).await.expect("a connection"));
        until(&balancer, |balancer| balancer.open_connections() == expected).await;
    }
    // In turns, it would be the second's.
    drop(held.remove(2));
    until(&balancer, |balancer| balancer.open_connections() == [2, 1, 0]).await;
    assert_eq!(answered_by(&session, &lab.balanced_url(&balancer, "/")).await, "web-3");
}

#[tokio::test]
async fn requests_succeed_while_a_server_is_gone() {
    let lab = Lab::start().expect("a lab");
    let mut balancer = lab.balancer(3, Policy::RoundRobin).expect("a balancer");
    let session = lab.probe().open().expect("a session");
    let url = lab.balanced_url(&balancer, "/");
    let run = async |times: usize| {
        let mut servers = Vec::new();
        for _ in 0..times {
            servers.push(answered_by(&session, &url).await);
        }
        servers
    };
    assert!(run(6).await.contains(&"web-2".to_owned()));
    balancer.take_down(1).await;
    // Not one fails, whether a check or a client is the first to notice.
    let without = run(9).await;
    until(&balancer, |balancer| balancer.healthy() == [true, false, true]).await;
    let later = run(6).await;
    assert!(!without.contains(&"web-2".to_owned()) && !later.contains(&"web-2".to_owned()), "{without:?} {later:?}");
    assert!(later.contains(&"web-1".to_owned()) && later.contains(&"web-3".to_owned()), "{later:?}");
    balancer.bring_up(1).expect("its old address");
    until(&balancer, |balancer| balancer.healthy() == [true, true, true]).await;
    assert!(run(3).await.contains(&"web-2".to_owned()));

    for server in 0..balancer.servers() {
        balancer.take_down(server).await;
    }
    until(&balancer, |balancer| balancer.healthy() == [false, false, false]).await;
    let error = session.run(&url).await.error;
    assert!(matches!(error, Some(Error::Tls(TlsError::Cut { .. }))), "{error:?}");
    // Nobody is not a server.
    balancer.take_down(7).await;
    assert_eq!(balancer.bring_up(7), Ok(()));
}
