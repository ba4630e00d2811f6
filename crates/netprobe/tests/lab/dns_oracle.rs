//! The walk against other people's servers: NSD plays root, top-level domain and authority, with zones that LDNS signed, and
//! unbound resolves and validates the same names. The same unbound is asked in the clear, behind TLS and behind HTTPS. Ignored by default, since it needs Debian's packages `nsd`, `unbound`,
//! `ldnsutils` and `bind9-dnsutils`:
//!
//! ```sh
//! cargo test -p netprobe --test lab dns_oracle:: -- --ignored
//! ```

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use netprobe::dns::dnssec::{Bogus, Status};
use netprobe::dns::{Anchor, Answer, DnsError, Failure, RecordType, Server, Walker};
use netprobe::names::{Family, Method, Resolver, ResolverOptions};
use netprobe::tls::Roots;
use netprobe::{Clock, Error};

const ROOT: Ipv4Addr = Ipv4Addr::new(127, 0, 3, 1);
const TLD: Ipv4Addr = Ipv4Addr::new(127, 0, 3, 2);
const LEAF: Ipv4Addr = Ipv4Addr::new(127, 0, 3, 3);
const RESOLVER: Ipv4Addr = Ipv4Addr::new(127, 0, 3, 4);

/// How far above the port of all servers those of the resolver are behind TLS and HTTPS.
const TLS: u16 = 1000;
const HTTPS: u16 = 2000;

/// How a zone is signed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signed {
    Nsec,
    Nsec3,
    Nsec3OptOut,
    Expired,
    No,
}

/// Servers that end with the test.
struct Running(Vec<Child>);

impl Drop for Running {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // NSD and unbound end their own helpers when they are asked to stop.
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let _ = child.wait();
        }
    }
}

fn command(folder: &Path, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("{program} (see the top of this file): {error}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Signs a zone; gives back the DS record of its key.
fn zone(folder: &Path, origin: &str, signed: Signed, servers: &str, records: &str) -> String {
    let file = if origin == "." { "root.zone".to_owned() } else { format!("{origin}zone") };
    let text =
        format!("$ORIGIN {origin}\n$TTL 300\n@ SOA ns.zz. admin.zz. 1 7200 900 1209600 60\n{servers}\n{records}\n");
    fs::write(folder.join(&file), text).expect("a zone");
    if signed == Signed::No {
        return String::new();
    }
    let key = command(folder, "ldns-keygen", &["-k", "-a", "ECDSAP256SHA256", origin]).trim().to_owned();
    let ds = command(folder, "ldns-key2ds", &["-n", "-2", &format!("{key}.key")]);
    let style: &[&str] = match signed {
        Signed::Nsec3 => &["-n"],
        Signed::Nsec3OptOut => &["-n", "-p"],
        Signed::Expired => &["-i", "20190101", "-e", "20200101"],
        _ => &[],
    };
    let output = format!("{file}.signed");
    command(folder, "ldns-signzone", &[style, &["-f", &output, &file, &key]].concat());
    fs::rename(folder.join(output), folder.join(file)).expect("renamed");
    ds
}

fn serve(folder: &Path, address: Ipv4Addr, port: u16, origins: &[&str]) -> Child {
    let home = folder.join(address.to_string());
    fs::create_dir(&home).expect("a folder");
    let mut text = format!(
        "server:\n ip-address: {address}\n port: {port}\n server-count: 1\n username: \"\"\n chroot: \"\"\n \
         zonesdir: \"{zones}\"\n pidfile: \"{home}/pid\"\n xfrdfile: \"{home}/xfrd\"\n zonelistfile: \"{home}/list\"\n \
         xfrdir: \"{home}\"\n database: \"\"\n logfile: \"{home}/log\"\n ipv4-edns-size: 1232\n minimal-responses: no\n\
         remote-control:\n control-enable: no\n",
        zones = folder.display(),
        home = home.display(),
    );
    for origin in origins {
        let file = if *origin == "." { "root.zone".to_owned() } else { format!("{origin}zone") };
        writeln!(text, "zone:\n name: \"{origin}\"\n zonefile: \"{file}\"").expect("text");
    }
    let configuration = home.join("nsd.conf");
    fs::write(&configuration, text).expect("a file");
    spawn("/usr/sbin/nsd", &["-d", "-c", &configuration.display().to_string()])
}

fn resolve(folder: &Path, port: u16, anchor: &str, stubs: &[(&str, Ipv4Addr)]) -> Child {
    let (tls, https) = (port + TLS, port + HTTPS);
    let mut text = format!(
        "server:\n interface: {RESOLVER}\n port: {port}\n do-daemonize: no\n username: \"\"\n chroot: \"\"\n \
         directory: \"{folder}\"\n pidfile: \"\"\n use-syslog: no\n logfile: \"{folder}/unbound.log\"\n \
         do-not-query-localhost: no\n do-ip6: no\n trust-anchor: \"{anchor}\"\n module-config: \"validator iterator\"\n \
         access-control: 127.0.0.0/8 allow\n ede: yes\n \
         interface: {RESOLVER}@{tls}\n tls-port: {tls}\n interface: {RESOLVER}@{https}\n https-port: {https}\n \
         tls-service-key: \"{folder}/key.pem\"\n tls-service-pem: \"{folder}/chain.pem\"\n\
         remote-control:\n control-enable: no\n",
        folder = folder.display(),
    );
    // All on one port that is not 53, which unbound can only be told zone by zone.
    for (name, address) in stubs {
        writeln!(text, "stub-zone:\n name: \"{name}\"\n stub-addr: {address}@{port}").expect("text");
    }
    let configuration = folder.join("unbound.conf");
    fs::write(&configuration, text).expect("a file");
    spawn("/usr/sbin/unbound", &["-d", "-c", &configuration.display().to_string()])
}

/// A certificate for the resolver, by its name and its address.
fn certificate(folder: &Path) {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
    let names = vec!["resolver.zz".to_owned(), RESOLVER.to_string()];
    let certificate = rcgen::CertificateParams::new(names).expect("names").self_signed(&key).expect("a certificate");
    fs::write(folder.join("chain.pem"), certificate.pem()).expect("a file");
    fs::write(folder.join("key.pem"), key.serialize_pem()).expect("a file");
}

fn spawn(program: &str, arguments: &[&str]) -> Child {
    let child = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn();
    child.unwrap_or_else(|error| panic!("{program} (see the top of this file): {error}"))
}

/// A port that is free at all four addresses.
fn port() -> u16 {
    for port in 20_053..20_953 {
        let free = [ROOT, TLD, LEAF, RESOLVER].map(|address| TcpListener::bind((address, port)).is_ok());
        if free == [true; 4] {
            return port;
        }
    }
    panic!("no free port")
}

/// What a resolver made of a question.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    rcode: String,
    secure: bool,
    data: Vec<String>,
}

/// Unbound's answer, through `dig`.
fn unbound(folder: &Path, port: u16, name: &str, record_type: &str) -> Said {
    let server = format!("@{RESOLVER}");
    let port = port.to_string();
    let text = command(
        folder,
        "dig",
        &[
            &server,
            "-p",
            &port,
            "+dnssec",
            "+noall",
            "+comments",
            "+answer",
            "+timeout=5",
            "+tries=2",
            name,
            record_type,
        ],
    );
    let after = |mark: &str| text.split(mark).nth(1).and_then(|rest| rest.split([',', ';']).next()).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.starts_with(';'));
    let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
    let data = words.filter(|words| words.get(3) == Some(&record_type));
    let mut data: Vec<String> = data.map(|words| normal(&words[4..].join(" "))).collect();
    data.sort();
    Said { rcode: after("status: ").to_owned(), secure: after("flags: ").split(' ').any(|flag| flag == "ad"), data }
}

/// As both write it: small letters, no quotes, no blanks inside of digests.
fn normal(data: &str) -> String {
    data.to_ascii_lowercase().replace(['"', ' '], "")
}

async fn ours(walker: &Walker, name: &str, record_type: RecordType) -> (Said, Status) {
    let walk = walker.walk(name, &[record_type], &Clock::start()).await;
    let lookup = &walk.lookups[0];
    let (rcode, mut data) = match &lookup.answer {
        Ok(Answer::Records { records }) => ("NOERROR", records.iter().map(|record| normal(&record.data)).collect()),
        Ok(Answer::NoData { .. }) => ("NOERROR", Vec::new()),
        Ok(Answer::NoSuchName { .. }) => ("NXDOMAIN", Vec::new()),
        Err(DnsError::Bogus(_)) => ("SERVFAIL", Vec::new()),
        Err(error) => panic!("{name} {record_type}: {error}\n{walk:#?}"),
    };
    data.sort();
    (Said { rcode: rcode.to_owned(), secure: lookup.dnssec == Status::Secure, data }, lookup.dnssec.clone())
}

#[tokio::test]
#[ignore = "needs nsd, unbound, ldnsutils and bind9-dnsutils"]
async fn the_walk_and_unbound_agree_about_what_nsd_serves() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let port = port();
    let leaf = "@ NS ns.leaf.zz.";
    let addresses: String = (0..90).map(|last| format!("many A 192.0.2.{last}\n")).collect();
    let text = "x".repeat(200);
    let signed = format!(
        "www A 192.0.2.1\nwww A 192.0.2.2\nwww AAAA 2001:db8::1\nMixed.Case MX 10 Mail.Signed.ZZ.\ndeep.er A 192.0.2.3\n\
         *.wild A 192.0.2.4\nalias CNAME www\nfar CNAME www.plain.zz.\nhashed CNAME www.hashed.zz.\nold DNAME hashed.zz.\n\
         www HTTPS 1 . alpn=h2,h3 port=8443 ipv4hint=192.0.2.1,192.0.2.2\nwww HTTPS 2 far alpn=h2 no-default-alpn\n\
         apex HTTPS 0 www\nlong TXT \"{text}\"\n{addresses}"
    );
    let hosts = "www A 192.0.2.9\n*.wild A 192.0.2.10\na.b.c A 192.0.2.11\n";
    let mut below = String::new();
    below += &zone(folder, "signed.zz.", Signed::Nsec, leaf, &signed);
    below += &zone(folder, "hashed.zz.", Signed::Nsec3, leaf, hosts);
    below += &zone(folder, "expired.zz.", Signed::Expired, leaf, hosts);
    zone(folder, "plain.zz.", Signed::No, leaf, hosts);
    let children = ["signed.zz.", "hashed.zz.", "expired.zz.", "plain.zz."];
    let delegations: String = children.map(|child| format!("{child} NS ns.leaf.zz.\n")).concat();
    let glue = format!("ns.zz. A {TLD}\nns.leaf.zz. A {LEAF}\n");
    let ds = zone(folder, "zz.", Signed::Nsec3OptOut, "@ NS ns.zz.", &format!("{delegations}{glue}{below}"));
    let root = format!("zz. NS ns.zz.\nns.zz. A {TLD}\nns.root. A {ROOT}\n{ds}");
    let anchor = zone(folder, ".", Signed::Nsec, "@ NS ns.root.", &root);
    let anchor = anchor.split_whitespace().collect::<Vec<_>>().join(" ").replacen(". 300 IN", ". IN", 1);

    let stubs: Vec<(&str, Ipv4Addr)> =
        [(".", ROOT), ("zz.", TLD)].into_iter().chain(children.map(|child| (child, LEAF))).collect();
    certificate(folder);
    let _running = Running(vec![
        serve(folder, ROOT, port, &["."]),
        serve(folder, TLD, port, &["zz."]),
        serve(folder, LEAF, port, &children),
        resolve(folder, port, &anchor, &stubs),
    ]);
    let walker = Walker {
        roots: vec![Server { name: "ns.root.".to_owned(), address: SocketAddr::from((ROOT, port)) }],
        port,
        anchors: vec![anchor.parse::<Anchor>().expect("an anchor")],
        ..Walker::default()
    };
    let started = Instant::now();
    while ours_is_up(&walker).await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(60), "the servers do not come up");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    let mut kinds = [0; 3];
    for (name, types) in [
        ("www.signed.zz.", "A AAAA MX HTTPS"),
        ("alias.signed.zz.", "HTTPS"),
        ("WWW.Signed.ZZ.", "A"),
        ("many.signed.zz.", "A"),
        ("long.signed.zz.", "TXT"),
        ("mixed.case.signed.zz.", "MX"),
        ("absent.signed.zz.", "A"),
        ("er.signed.zz.", "A"),
        ("x.er.signed.zz.", "A"),
        ("any.wild.signed.zz.", "A AAAA"),
        ("more.than.one.wild.signed.zz.", "A"),
        ("alias.signed.zz.", "A AAAA"),
        ("far.signed.zz.", "A"),
        ("hashed.signed.zz.", "A"),
        ("www.old.signed.zz.", "A"),
        ("signed.zz.", "SOA NS DS DNSKEY A"),
        ("www.hashed.zz.", "A AAAA"),
        ("absent.hashed.zz.", "A"),
        ("c.hashed.zz.", "A"),
        ("b.c.hashed.zz.", "TXT"),
        ("x.y.wild.hashed.zz.", "A AAAA"),
        ("hashed.zz.", "DS NS"),
        ("www.plain.zz.", "A AAAA"),
        ("absent.plain.zz.", "A"),
        ("any.wild.plain.zz.", "A"),
        ("plain.zz.", "DS SOA"),
        ("www.expired.zz.", "A"),
        ("absent.expired.zz.", "A"),
        ("nothing.zz.", "A"),
        ("zz.", "NS SOA DS"),
        ("nothing.", "A"),
        (".", "NS SOA DNSKEY"),
    ] {
        for record_type in types.split(' ') {
            let (ours, status) = ours(&walker, name, record_type.parse().expect("a type")).await;
            assert_eq!(ours, unbound(folder, port, name, record_type), "{name} {record_type}: {status}");
            kinds[match status {
                Status::Secure => 0,
                Status::Insecure(_) => 1,
                Status::Bogus(Bogus::SignatureExpired { .. }) => 2,
                other => panic!("{name} {record_type}: {other}"),
            }] += 1;
        }
    }
    // An alias of this kind is the client's to follow.
    let (followed, _) = ours(&walker, "apex.signed.zz.", RecordType::HTTPS).await;
    assert_eq!(followed, unbound(folder, port, "www.signed.zz.", "HTTPS"));
    assert_eq!(unbound(folder, port, "apex.signed.zz.", "HTTPS").data, ["0www.signed.zz."]);
    let pem = fs::read(folder.join("chain.pem")).expect("a certificate");
    the_resolver_says_the_same_every_way(folder, port, &pem).await;
    assert!(kinds.iter().all(|count| *count > 1), "every kind was seen: {kinds:?}");
}

/// What unbound answers in the clear, behind TLS and behind HTTPS, each beside `dig`.
async fn the_resolver_says_the_same_every_way(folder: &Path, port: u16, pem: &[u8]) {
    let https = format!("https://resolver.zz:{}/dns-query#{RESOLVER}", port + HTTPS);
    let tls = [format!("tls://{RESOLVER}:{}", port + TLS), format!("tls://{RESOLVER}:{}#resolver.zz", port + TLS)];
    for upstream in [format!("{RESOLVER}:{port}"), https].into_iter().chain(tls) {
        let resolver = Resolver::new(ResolverOptions {
            method: Method::Resolver(Some(upstream.parse().expect("a resolver"))),
            roots: Roots::Pem(pem.to_vec()),
            family: Family::V4,
            machine: None,
            ..ResolverOptions::default()
        });
        for name in ["www.signed.zz.", "many.signed.zz.", "alias.signed.zz.", "any.wild.hashed.zz.", "www.plain.zz."] {
            let found = resolver.resolve(name, &Clock::start()).await;
            let mut data: Vec<String> = found.addresses.iter().map(ToString::to_string).collect();
            data.sort();
            let theirs = unbound(folder, port, name, "A");
            assert_eq!((data, found.error), (theirs.data, None), "{name} {upstream}");
        }
        let absent = resolver.resolve("absent.signed.zz.", &Clock::start()).await;
        assert!(matches!(absent.error, Some(Error::Dns(DnsError::NoSuchName { .. }))), "{upstream}: {absent:?}");
        let expired = resolver.resolve("www.expired.zz.", &Clock::start()).await;
        let Some(Error::Dns(DnsError::NoUsableResolver { tried })) = &expired.error else { panic!("{expired:?}") };
        let Failure::Rcode { rcode, errors } = &tried[0].failure else { panic!("{tried:?}") };
        // Unbound's own choice of the codes that fit.
        assert!(rcode == "SERVFAIL" && matches!(errors[0].code, 6 | 7 | 9), "{upstream}: {tried:?}");
    }
}

async fn ours_is_up(walker: &Walker) -> Result<(), DnsError> {
    let quick = Walker { query_timeout: Duration::from_millis(500), ..walker.clone() };
    quick.walk("www.signed.zz.", &[RecordType::A], &Clock::start()).await.addresses().map(|_| ())
}
