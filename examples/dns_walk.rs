//! Who knows the address of a name, and how does one find them?
//!
//! "www.google.com" means nothing to the network: it needs an address. A recursive resolver finds it by asking a root name
//! server, which knows who serves `com.`, which knows who serves `google.com.`, which knows. This walks the same way, asks
//! nobody else, and says what every server answered and why it is believed: each signature on the way is checked, down from the
//! one key that everybody has. Without a name it walks a small internet of its own on loopback, so it needs no network.
//!
//! ```text
//! cargo run --release --example dns_walk
//! cargo run --release --example dns_walk -- www.google.com --type AAAA,HTTPS
//! cargo run --release --example dns_walk -- www.whiteboard.test --roots 127.0.2.1 --dns-port 5300 --json
//! ```
//!
//! Sample output (ports left out; an unoptimised build on a busy machine):
//!
//! ```text
//! www.whiteboard.test. means nothing to the network. Who knows its address?
//!
//! The question, to those who are closer and closer to knowing:
//!   .                  a.root.test. (127.0.2.1): www.whiteboard.test. A? 10.69 ms
//!     → ask the servers of test., NOERROR [] (48 bytes asked, 231 answered)
//!       authority test. 300 s NS a.nic.test.
//!       authority test. 300 s DS 41007 15 2 E5049E1ECA3457984D0BD87AF9176393B7B132CA835DBB2B8
//!       authority 1 records of DNSSEC: keys, signatures, proofs
//!       glue      a.nic.test. 300 s A 127.0.2.2
//!   test.              a.nic.test. (127.0.2.2): www.whiteboard.test. A? 0.15 ms
//!     → ask the servers of whiteboard.test., NOERROR [] (48 bytes asked, 245 answered)
//!       authority whiteboard.test. 300 s NS ns1.whiteboard.test.
//!       authority whiteboard.test. 300 s DS 15524 15 2 92F3B3958E9A9E2487EF5084A52888C655CD3E2B734ED953A
//!       authority 1 records of DNSSEC: keys, signatures, proofs
//!       glue      ns1.whiteboard.test. 300 s A 127.0.2.4
//!   whiteboard.test.   ns1.whiteboard.test. (127.0.2.4): www.whiteboard.test. A? 0.08 ms
//!     → the answer, NOERROR [aa] (48 bytes asked, 194 answered)
//!       answer    www.whiteboard.test. 300 s A 127.0.1.1
//!       answer    1 records of DNSSEC: keys, signatures, proofs
//! Whether that may be believed: the keys that the answers are signed with.
//!   .                  a.root.test. (127.0.2.1): . DNSKEY? 0.10 ms
//!     → the answer, NOERROR [aa] (28 bytes asked, 169 answered)
//!       answer    2 records of DNSSEC: keys, signatures, proofs
//!   test.              a.nic.test. (127.0.2.2): test. DNSKEY? 0.10 ms
//!     → the answer, NOERROR [aa] (33 bytes asked, 185 answered)
//!       answer    2 records of DNSSEC: keys, signatures, proofs
//!   whiteboard.test.   ns1.whiteboard.test. (127.0.2.4): whiteboard.test. DNSKEY? 0.07 ms
//!     → the answer, NOERROR [aa] (44 bytes asked, 218 answered)
//!       answer    2 records of DNSSEC: keys, signatures, proofs
//!
//! The chain of trust, from the key that is known in advance:
//!   .                  vouched for: [26502]; keys: 26502 (ED25519)
//!   test.              vouched for: [41007]; keys: 41007 (ED25519)
//!   whiteboard.test.   vouched for: [15524]; keys: 15524 (ED25519)
//!
//! www.whiteboard.test. A 127.0.1.1 (for 300 s)
//! DNSSEC: secure
//! 6 queries in 11.87 ms, of which 10.68 ms were waiting for the network.
//! ```
//!
//! Exit status 0 if the name has such records, 1 if not or if nobody could say, 2 for a command line that makes no sense.

use std::error::Error;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use netprobe::dns::dnssec::{Link, Status};
use netprobe::dns::service::meaning;
use netprobe::dns::{Anchor, Answer, Lookup, Outcome, Purpose, Query, RecordType, Server, Transport, Walk, Walker};
use netprobe::render::escape_json;
use netprobe::{Clock, Lab};

mod support;

/// Walks from the root name servers to those that know a name.
#[derive(Parser)]
#[command(name = "dns_walk")]
struct Options {
    /// The name; without one, www.whiteboard.test in a lab on loopback
    name: Option<String>,
    /// Record types, separated by commas
    #[arg(long = "type", value_name = "TYPE", default_value = "A", value_delimiter = ',', value_parser = record_type)]
    record_types: Vec<RecordType>,
    /// Root name servers to start at instead of the world's
    #[arg(long, value_name = "IP", value_delimiter = ',')]
    roots: Vec<IpAddr>,
    /// The port of all name servers
    #[arg(long, value_name = "N")]
    dns_port: Option<u16>,
    /// The root's key, as `. IN DS TAG ALGORITHM DIGEST-TYPE DIGEST`; may be given several times
    #[arg(long, value_name = "DS")]
    anchor: Vec<Anchor>,
    /// How long a server may take to answer
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    timeout_ms: u64,
    /// Tell each server no more of the name than it needs (QNAME minimisation)
    #[arg(long)]
    minimise: bool,
    /// Write everything as JSON
    #[arg(long)]
    json: bool,
}

fn record_type(text: &str) -> Result<RecordType, String> {
    text.to_ascii_uppercase().parse().map_err(|_| format!("{text:?} is not a record type"))
}

fn main() -> ExitCode {
    support::exit(run(&Options::parse(), &mut io::stdout().lock()))
}

fn run(options: &Options, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let lab = if options.name.is_none() { Some(Lab::start()?) } else { None };
    let mut walker = lab.as_ref().map_or_else(Walker::default, Lab::walker);
    walker.query_timeout = Duration::from_millis(options.timeout_ms);
    walker.minimise = options.minimise;
    walker.port = options.dns_port.unwrap_or(walker.port);
    if options.roots.is_empty() {
        walker.roots.iter_mut().for_each(|root| root.address.set_port(walker.port));
    } else {
        let root = |ip: &IpAddr| Server { name: String::new(), address: SocketAddr::new(*ip, walker.port) };
        walker.roots = options.roots.iter().map(root).collect();
    }
    if !options.anchor.is_empty() {
        walker.anchors.clone_from(&options.anchor);
    }
    let name = options.name.as_deref().unwrap_or("www.whiteboard.test");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let walk = runtime.block_on(walker.walk(name, &options.record_types, &Clock::start()));

    // Whatever the walk says must follow from what it heard.
    let heard = walk.queries.iter().filter(|query| query.outcome == Outcome::Answer).count();
    let answered = walk.lookups.iter().filter(|lookup| matches!(lookup.answer, Ok(Answer::Records { .. }))).count();
    assert!(heard >= answered, "an answer that no server gave");

    if options.json {
        writeln!(out, "{}", escape_json(&serde_json::to_string_pretty(&walk)?))?;
    } else {
        tell(&walk, out)?;
    }
    for lookup in &walk.lookups {
        if let Some(error) = lookup.answer.as_ref().err().cloned().or_else(|| lookup.negative()) {
            return Err(error.into());
        }
    }
    Ok(())
}

fn tell(walk: &Walk, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{} means nothing to the network. Who knows its address?\n", walk.name)?;
    let mut before: Option<Purpose> = None;
    for query in &walk.queries {
        if before != Some(query.purpose) {
            writeln!(out, "{}", why(query.purpose))?;
            before = Some(query.purpose);
        }
        tell_query(query, out)?;
    }
    if !walk.chain.is_empty() {
        writeln!(out, "\nThe chain of trust, from the key that is known in advance:")?;
        walk.chain.iter().try_for_each(|link| tell_link(link, out))?;
    }
    writeln!(out)?;
    walk.lookups.iter().try_for_each(|lookup| tell_lookup(&walk.name, lookup, out))?;
    let waited = walk.span.wait_ns as f64 / 1e6;
    let total = walk.span.duration_ms();
    writeln!(
        out,
        "{} queries in {total:.2} ms, of which {waited:.2} ms were waiting for the network.",
        walk.queries.len()
    )
}

fn why(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Question => "The question, to those who are closer and closer to knowing:",
        Purpose::Part => "A part of the question, to those who need not know the rest:",
        Purpose::ServerAddress => "A name server is known by name only, so its address has to be found first:",
        Purpose::Keys => "Whether that may be believed: the keys that the answers are signed with.",
        Purpose::Delegation => "Whether there is a zone of its own below, with keys of its own:",
    }
}

fn tell_query(query: &Query, out: &mut impl Write) -> io::Result<()> {
    let indent = "  ".repeat(query.depth + 1);
    let transport = match query.transport {
        Transport::Udp => String::new(),
        other => format!(" over {}", other.name()),
    };
    let (ms, zone) = (query.span.duration_ms(), &query.zone);
    writeln!(out, "{indent}{zone:<18} {}{transport}: {} {}? {ms:.2} ms", query.server, query.name, query.record_type)?;
    if query.discarded.total() > 0 {
        writeln!(
            out,
            "{indent}  {} wrong responses arrived first and were dropped: {:?}",
            query.discarded.total(),
            query.discarded
        )?;
    }
    if let [first, again @ ..] = &query.sent_ns[..]
        && !again.is_empty()
    {
        let later = |sent_ns: &u64| format!("{:.0} ms", sent_ns.saturating_sub(*first) as f64 / 1e6);
        writeln!(
            out,
            "{indent}  no answer in time; sent again after {}",
            again.iter().map(later).collect::<Vec<_>>().join(", ")
        )?;
    }
    let bytes = format!("{} bytes asked, {} answered", query.bytes_sent, query.bytes_received);
    let Some(response) = &query.response else { return writeln!(out, "{indent}  → {} ({bytes})", query.outcome) };
    let flags: Vec<&str> =
        [(response.authoritative, "aa"), (response.truncated, "tc"), (response.recursion_available, "ra")]
            .iter()
            .filter_map(|(set, name)| set.then_some(*name))
            .collect();
    writeln!(out, "{indent}  → {}, {} [{}] ({bytes})", query.outcome, response.rcode, flags.join(" "))?;
    if let Some(edns) = &response.edns {
        let offered = query.udp_payload_max.unwrap_or_default();
        if (edns.udp_payload_max, edns.version) != (offered, 0) {
            writeln!(
                out,
                "{indent}    EDNS      version {}, datagrams of up to {} bytes",
                edns.version, edns.udp_payload_max
            )?;
        }
        edns.errors.iter().try_for_each(|error| writeln!(out, "{indent}    EDNS      {error}"))?;
    } else {
        writeln!(out, "{indent}    EDNS      the server does not know it")?;
    }
    let shown = |record_type: &str| !matches!(record_type, "RRSIG" | "NSEC" | "NSEC3" | "DNSKEY");
    for (section, records) in
        [("answer", &response.answers), ("authority", &response.authorities), ("glue", &response.additionals)]
    {
        for record in records.iter().filter(|record| shown(&record.record_type)) {
            let data: String = record.data.chars().take(60).collect();
            writeln!(out, "{indent}    {section:<9} {} {} s {} {data}", record.name, record.ttl, record.record_type)?;
        }
        let hidden = records.iter().filter(|record| !shown(&record.record_type)).count();
        if hidden > 0 {
            writeln!(out, "{indent}    {section:<9} {hidden} records of DNSSEC: keys, signatures, proofs")?;
        }
    }
    if let Outcome::Referral { ignored, .. } = &query.outcome {
        for record in ignored {
            writeln!(out, "{indent}    ignored   {} {}: not this server's to say", record.name, record.data)?;
        }
    }
    Ok(())
}

fn tell_link(link: &Link, out: &mut impl Write) -> io::Result<()> {
    let keys: Vec<String> = link.keys.iter().map(|key| format!("{} ({})", key.tag, key.algorithm)).collect();
    match &link.status {
        Status::Secure => {
            writeln!(out, "  {:<18} vouched for: {:?}; keys: {}", link.zone, link.vouched, keys.join(", "))
        }
        status => writeln!(out, "  {:<18} {status}", link.zone),
    }
}

fn tell_lookup(name: &str, lookup: &Lookup, out: &mut impl Write) -> io::Result<()> {
    let mut last = name;
    for alias in &lookup.aliases {
        writeln!(out, "{} is an alias of {} (for {} s)", alias.name, alias.target, alias.ttl)?;
        last = &alias.target;
    }
    match &lookup.answer {
        Ok(Answer::Records { records }) => {
            for record in records {
                writeln!(out, "{last} {} {} (for {} s)", record.record_type, record.data, record.ttl)?;
            }
            meaning(records).iter().try_for_each(|sentence| writeln!(out, "  {sentence}"))?;
        }
        Ok(_) => writeln!(out, "{last} has no {} records.", lookup.record_type)?,
        Err(_) => writeln!(out, "{last} {}: nobody could say.", lookup.record_type)?,
    }
    writeln!(out, "DNSSEC: {}", lookup.dnssec)
}
