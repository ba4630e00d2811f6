//! What was measured, as a table and as JSON.

use std::io::{self, Write};

use serde_json::json;

use super::Line;

pub(super) fn print(lines: &[Line], software: bool, out: &mut impl Write) -> io::Result<()> {
    let clock = if software { "ms, host's clock" } else { "ms" };
    if lines.iter().any(|line| line.counts.is_some()) {
        writeln!(
            out,
            "\n{:<29} {:>12} {:>11} {:>11} {:>10} {:>7} {:>10}",
            "kernel", "warp instr.", "MB asked", "MB moved", "conflicts", "warps", "max error"
        )?;
    } else {
        writeln!(out, "\n{:<29} {clock:>16} {:>10}", "kernel", "max error")?;
    }
    for line in lines {
        write!(out, "{:<29} ", line.name)?;
        if let Some(counts) = &line.counts {
            let (warps, of) = counts.warps;
            let megabytes = |bytes: u64| bytes as f64 / 1e6;
            write!(out, "{:>12} {:>11.2} ", counts.warp_instructions, megabytes(counts.requested_bytes))?;
            write!(out, "{:>11.2} {:>10} ", megabytes(counts.sector_bytes), counts.bank_conflicts)?;
            write!(out, "{:>7} ", format!("{warps}/{of}"))?;
        } else if let Some(milliseconds) = line.milliseconds {
            write!(out, "{milliseconds:>16.3} ")?;
        }
        writeln!(out, "{:>10.1e}", line.max_error)?;
    }
    if lines.iter().any(|line| line.counts.is_some()) {
        writeln!(
            out,
            "\nRoofline model, not measured: without caches a launch would take at least (and what binds; a block has one\n\
             multiprocessor, so that few blocks leave most of them idle)"
        )?;
    }
    for (line, counts) in lines.iter().filter_map(|line| Some((line, line.counts.as_ref()?))) {
        let short = |name: &str| name.trim_start_matches("NVIDIA ").split('-').next().unwrap_or_default().to_owned();
        let bound = |(name, time, binds): &(&str, f64, String)| format!("{time:>8.2} µs {} ({binds})", short(name));
        writeln!(out, "{:<29} {}", line.name, counts.bounds.iter().map(bound).collect::<Vec<_>>().join(", "))?;
    }
    Ok(())
}

pub(super) fn as_json(n: usize, device: &str, software: bool, lines: &[Line]) -> serde_json::Value {
    let rung = |line: &Line| {
        let counts = line.counts.as_ref().map(|counts| {
            let bounds: Vec<_> = (counts.bounds.iter())
                .map(|(gpu, time, binds)| json!({ "gpu": gpu, "microseconds": time, "binds": binds }))
                .collect();
            json!({
                "warp_instructions": counts.warp_instructions,
                "requested_bytes": counts.requested_bytes,
                "sector_bytes": counts.sector_bytes,
                "bank_conflicts": counts.bank_conflicts,
                "resident_warps": counts.warps.0,
                "model_bounds": bounds,
            })
        });
        json!({
            "name": line.name,
            "kernel": line.kernel,
            "max_error": line.max_error,
            "milliseconds": line.milliseconds,
            "counts": counts,
        })
    };
    json!({ "n": n, "device": device, "software": software, "rungs": lines.iter().map(rung).collect::<Vec<_>>() })
}
