//! A walk in words: every query with its answer, the chain of trust, and what was found.

use std::io::{self, Write};

use netprobe::dns::dnssec::{Link, Status};
use netprobe::dns::service::meaning;
use netprobe::dns::{Answer, Lookup, Outcome, Purpose, Query, Transport, Walk};

pub(crate) fn tell(walk: &Walk, out: &mut impl Write) -> io::Result<()> {
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
        Purpose::Version => "Which version of the zone its servers have:",
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
