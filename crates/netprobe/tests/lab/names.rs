//! From a name to addresses: every place where an answer can be, in its order.

use std::fs;
use std::net::{IpAddr, SocketAddr};

use netprobe::dns::DnsError;
use netprobe::names::{Family, Machine, Method, Place, Resolution, Resolver, ResolverOptions, Source, Upstream};
use netprobe::{Clock, Error, Fault, Lab};

const WEB: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 1, 1));

async fn resolve(resolver: &Resolver, host: &str) -> Resolution {
    resolver.resolve(host, &Clock::start()).await
}

/// A server of the lab that holds the zone `whiteboard.test.`, in the place of a resolver that has it cached.
fn holder(lab: &Lab) -> SocketAddr {
    SocketAddr::from(([127, 0, 2, 4], lab.walker().port))
}

fn machine(folder: &tempfile::TempDir, hosts: &str, nsswitch: &str, resolver: SocketAddr) -> Machine {
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path
    };
    Machine { hosts: file("hosts", hosts), nsswitch: file("nsswitch.conf", nsswitch), resolver: Some(resolver) }
}

fn looks(resolution: &Resolution) -> Vec<(String, bool)> {
    resolution.caches.iter().map(|look| (look.place.to_string(), look.hit)).collect()
}

#[tokio::test]
async fn the_second_time_our_own_cache_knows() {
    let lab = Lab::start().expect("a lab");
    let resolver = Resolver::new(ResolverOptions { family: Family::V4, ..lab.names() });
    let first = resolve(&resolver, "www.whiteboard.test").await;
    assert_eq!((&first.addresses, &first.source), (&vec![WEB], &Source::Walk));
    assert_eq!(looks(&first), [("own cache".to_owned(), false)]);
    assert_eq!(first.steps.last().map(|step| step.children.len()), first.walk.as_ref().map(|walk| walk.queries.len()));

    let second = resolve(&resolver, "WWW.whiteboard.test.").await;
    assert_eq!((&second.addresses, &second.source, second.walk.is_none()), (&vec![WEB], &Source::Cache, true));
    assert_eq!(looks(&second), [("own cache".to_owned(), true)]);
    assert!(second.caches[0].note.starts_with("for 29") || second.caches[0].note.starts_with("for 300"), "{second:?}");

    for (fault, kept) in [(Fault::NxDomain, Source::Cache), (Fault::EveryServerFails, Source::Nothing)] {
        let first = resolve(&resolver, &fault.host()).await;
        let again = resolve(&resolver, &fault.host()).await;
        assert!(first.error.is_some() && first.error == again.error, "{again:?}");
        assert_eq!(again.source, kept, "what does not exist is kept, what failed is tried again");
    }
}

#[tokio::test]
async fn the_machine_is_asked_in_the_order_of_its_files() {
    let lab = Lab::start().expect("a lab");
    let folder = tempfile::tempdir().expect("a folder");
    let nsswitch = "hosts: mdns4_minimal [NOTFOUND=return] files dns myhostname\n";
    let machine =
        machine(&folder, "10.0.0.9 other.test\n::9 listed.test\n10.9.9.9 listed.test\n", nsswitch, holder(&lab));
    let resolver = Resolver::new(ResolverOptions { machine: Some(machine), ..lab.names() });

    let listed = resolve(&resolver, "listed.test").await;
    assert_eq!(listed.source, Source::Hosts);
    assert_eq!(listed.addresses, ["::9", "10.9.9.9"].map(|address| address.parse::<IpAddr>().expect("an address")));
    let hosts = folder.path().join("hosts").display().to_string();
    assert_eq!(looks(&listed)[1..], [("service mdns4_minimal".to_owned(), false), (hosts, true)]);
    assert!(listed.walk.is_none() && listed.caches[2].note == "line 2, 3", "{listed:?}");

    let walked = resolve(&resolver, "www.whiteboard.test").await;
    assert_eq!((&walked.addresses, &walked.source), (&vec![WEB], &Source::Walk));
    let place = Place::Resolver { address: holder(&lab) };
    let peeked = walked.caches.iter().find(|look| look.place == place).expect("a look into the resolver's cache");
    assert!(peeked.hit && peeked.addresses == [WEB] && peeked.note == "for 300 s more", "{peeked:?}");

    let elsewhere = resolve(&resolver, "nothing.example").await;
    let peeked = elsewhere.caches.iter().find(|look| look.place == place).expect("a look");
    assert!(!peeked.hit && peeked.note == "answered REFUSED", "{peeked:?}");

    let local = resolve(&resolver, "a.localhost").await;
    assert_eq!((&local.source, local.addresses.len()), (&Source::Hosts, 2));
}

#[tokio::test]
async fn a_resolver_can_be_asked_instead() {
    let lab = Lab::start().expect("a lab");
    let ask = |port| {
        let resolver = SocketAddr::from(([127, 0, 2, 4], port));
        let options = ResolverOptions {
            method: Method::Resolver(Some(Upstream::Plain(resolver))),
            timeout_ms: 1000,
            ..lab.names()
        };
        Resolver::new(options)
    };
    let resolver = ask(holder(&lab).port());
    let found = resolve(&resolver, "www.whiteboard.test").await;
    assert_eq!((&found.addresses, &found.source, &found.error), (&vec![WEB], &Source::Resolver, &None));
    assert!(found.stub.is_some_and(|stub| stub.records.len() == 1 && stub.span.duration_ns > 0));
    assert_eq!(resolve(&resolver, "www.whiteboard.test").await.source, Source::Cache);

    let absent = resolve(&resolver, &Fault::NxDomain.host()).await;
    assert!(matches!(absent.error, Some(Error::Dns(DnsError::NoSuchName { .. }))), "{absent:?}");
    let bare = resolve(&resolver, &Fault::NoData.host()).await;
    assert!(matches!(bare.error, Some(Error::Dns(DnsError::NoData { .. }))), "{bare:?}");
    let silent = resolve(&ask(1), "www.whiteboard.test").await;
    assert!(matches!(silent.error, Some(Error::Dns(DnsError::NoUsableResolver { .. }))), "{silent:?}");
}

#[tokio::test]
async fn families_are_kept_apart() {
    let lab = Lab::start().expect("a lab");
    let v6 = Resolver::new(ResolverOptions { family: Family::V6, ..lab.names() });
    let none = resolve(&v6, "www.whiteboard.test").await;
    assert!(matches!(none.error, Some(Error::Dns(DnsError::NoData { ref record_type, .. })) if record_type == "AAAA"));
    let literal = resolve(&v6, "127.0.0.1").await;
    assert!(matches!(literal.error, Some(Error::Dns(DnsError::NoAddressOfFamily { .. }))));
}
