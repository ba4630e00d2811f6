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
//! cargo run --release --example dns_walk -- www.google.com --all     # every server of every zone, and who disagrees
//! cargo run --release --example dns_walk -- www.google.com --warm    # again, with what the first walk found out
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
use netprobe::dns::{Anchor, Answer, Outcome, RecordType, Server, Walk, Walker};
use netprobe::render::escape_json;
use netprobe::{Clock, Lab};

#[path = "../support/runtime.rs"]
mod runtime;
#[path = "../support/mod.rs"]
mod support;
mod survey;
mod tell;
mod warm;

/// Walks from the root name servers to those that know a name.
#[derive(Parser)]
struct Arguments {
    /// The name; without one, www.whiteboard.test in a lab on loopback
    name: Option<String>,
    /// Record types, separated by commas
    #[arg(long = "type", value_name = "TYPE", default_value = "A", value_delimiter = ',', value_parser = record_type)]
    record_types: Vec<RecordType>,
    /// Root name servers to start at instead of the world's
    #[arg(long, value_name = "IP,IP", value_delimiter = ',')]
    roots: Vec<IpAddr>,
    /// The port of all name servers
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
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
    /// Ask every server of every zone on the way: who agrees, and which way down is the fastest
    #[arg(long, conflicts_with = "minimise")]
    all: bool,
    /// Walk again with what the first walk found out, and say what that saves
    #[arg(long, conflicts_with = "all")]
    warm: bool,
    /// Write everything as JSON
    #[arg(long)]
    json: bool,
}

fn record_type(text: &str) -> Result<RecordType, String> {
    text.to_ascii_uppercase().parse().map_err(|_| format!("{text:?} is not a record type"))
}

fn main() -> ExitCode {
    support::exit(runtime::block_on(run(&Arguments::parse(), &mut io::stdout().lock())))
}

async fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let lab = if arguments.name.is_none() { Some(Lab::start()?) } else { None };
    let mut walker = lab.as_ref().map_or_else(Walker::default, Lab::walker);
    walker.query_timeout = Duration::from_millis(arguments.timeout_ms);
    walker.minimise = arguments.minimise;
    walker.port = arguments.dns_port.unwrap_or(walker.port);
    if arguments.roots.is_empty() {
        walker.roots.iter_mut().for_each(|root| root.address.set_port(walker.port));
    } else {
        let root = |ip: &IpAddr| Server { name: String::new(), address: SocketAddr::new(*ip, walker.port) };
        walker.roots = arguments.roots.iter().map(root).collect();
    }
    if !arguments.anchor.is_empty() {
        walker.anchors.clone_from(&arguments.anchor);
    }
    let name = arguments.name.as_deref().unwrap_or("www.whiteboard.test");
    if arguments.all {
        return survey_all(arguments, &walker, name, out).await;
    }
    if arguments.warm {
        return walk_warm(arguments, &walker, name, out).await;
    }
    let walk = walker.walk(name, &arguments.record_types, &Clock::start()).await;
    check(&walk);
    if arguments.json {
        writeln!(out, "{}", escape_json(&serde_json::to_string_pretty(&walk)?))?;
    } else {
        tell::tell(&walk, out)?;
    }
    succeeded(&walk)
}

/// Whatever the walk says must follow from what it heard.
fn check(walk: &Walk) {
    let heard = walk.queries.iter().filter(|query| query.outcome == Outcome::Answer).count();
    let answered = walk.lookups.iter().filter(|lookup| matches!(lookup.answer, Ok(Answer::Records { .. }))).count();
    assert!(heard >= answered, "an answer that no server gave");
}

/// Whether there are such records.
fn succeeded(walk: &Walk) -> Result<(), Box<dyn Error>> {
    for lookup in &walk.lookups {
        if let Some(error) = lookup.answer.as_ref().err().cloned().or_else(|| lookup.negative()) {
            return Err(error.into());
        }
    }
    Ok(())
}

/// Cold, and then warmer and warmer.
async fn walk_warm(
    arguments: &Arguments,
    walker: &Walker,
    name: &str,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let rounds = warm::rounds(walker, name, &arguments.record_types, &Clock::start()).await;
    let [cold, .., known] = &rounds[..] else { return Ok(()) };
    check(&cold.walk);
    let is_known = cold.walk.lookups.iter().all(|lookup| matches!(lookup.answer, Ok(Answer::Records { .. })));
    if arguments.json {
        writeln!(out, "{}", escape_json(&serde_json::to_string_pretty(&warm::to_json(&rounds))?))?;
    } else {
        rounds.iter().take(2).try_for_each(|round| tell::tell(&round.walk, out))?;
        warm::tell(&rounds, out)?;
    }
    assert!(!is_known || known.walk.queries.len() <= cold.walk.queries.len(), "knowing more, it asked more");
    succeeded(&cold.walk)
}

/// A survey for each record type, one after the other.
async fn survey_all(
    arguments: &Arguments,
    walker: &Walker,
    name: &str,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let clock = Clock::start();
    let mut surveys = Vec::new();
    for record_type in &arguments.record_types {
        surveys.push(walker.survey(name, *record_type, &clock).await);
    }
    if arguments.json {
        writeln!(out, "{}", escape_json(&serde_json::to_string_pretty(&surveys)?))?;
    } else {
        surveys.iter().try_for_each(|survey| survey::tell(survey, out))?;
    }
    surveys.into_iter().find_map(|survey| survey.error).map_or(Ok(()), |error| Err(error.into()))
}
