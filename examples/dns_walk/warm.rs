//! `--warm`: the same name three times, each time with more to remember.

use std::io::{self, Write};

use netprobe::Clock;
use netprobe::dns::{Memory, RecordType, Walk, Walker};

/// A walk, and what it could build on.
pub(crate) struct Round {
    pub(crate) knows: &'static str,
    pub(crate) walk: Walk,
}

/// Cold; then with the referrals and keys of the first walk, as if another name of the zone were looked for; then with its answers.
pub(crate) async fn rounds(walker: &Walker, name: &str, record_types: &[RecordType], clock: &Clock) -> Vec<Round> {
    let mut memory = Memory::default();
    let cold = walker.walk_with(&mut memory, name, record_types, clock).await;
    memory.forget_answers();
    let warm = walker.walk_with(&mut memory, name, record_types, clock).await;
    let known = walker.walk_with(&mut memory, name, record_types, clock).await;
    let round = |knows, walk| Round { knows, walk };
    vec![
        round("nothing", cold),
        round("who serves which zone, and its keys", warm),
        round("that, and the answer", known),
    ]
}

pub(crate) fn tell(rounds: &[Round], out: &mut impl Write) -> io::Result<()> {
    let [cold, ..] = rounds else { return Ok(()) };
    writeln!(out, "\n{:<38} {:>7} {:>12} {:>22}", "what is known already", "queries", "time", "saved")?;
    for round in rounds {
        let (queries, ms) = (round.walk.queries.len(), round.walk.span.duration_ms());
        let saved_queries = cold.walk.queries.len().saturating_sub(queries);
        let saved = match saved_queries {
            0 => String::new(),
            saved => format!("{saved} queries, {:.2} ms", cold.walk.span.duration_ms() - ms),
        };
        writeln!(out, "{:<38} {queries:>7} {ms:>9.2} ms {saved:>22}", round.knows)?;
    }
    let last = rounds.last().map(|round| &round.walk.remembered[..]).unwrap_or_default();
    for part in last {
        writeln!(out, "  remembered: {} {}, for {} s more", part.name, part.record_type, part.ttl_left)?;
    }
    Ok(())
}

pub(crate) fn to_json(rounds: &[Round]) -> serde_json::Value {
    let cold = rounds.first().map(|round| &round.walk);
    let round = |round: &Round| {
        let saved_queries = cold.map_or(0, |cold| cold.queries.len().saturating_sub(round.walk.queries.len()));
        let saved_ns = cold.map_or(0, |cold| cold.span.duration_ns.saturating_sub(round.walk.span.duration_ns));
        serde_json::json!({
            "knows": round.knows,
            "queries": round.walk.queries.len(),
            "duration_ns": round.walk.span.duration_ns,
            "saved_queries": saved_queries,
            "saved_ns": saved_ns,
            "walk": round.walk,
        })
    };
    rounds.iter().map(round).collect()
}
