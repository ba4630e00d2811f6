//! The readable forms.

use std::fmt;

use crate::counters::{Counters, SharedTraffic, Traffic};
use crate::finding::Finding;
use crate::gpu::LaunchReport;
use crate::report::{Derived, Summary};

impl fmt::Display for LaunchReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [gx, gy, gz] = self.grid;
        let [bx, by, bz] = self.block;
        writeln!(out, "{}: grid {gx}×{gy}×{gz}, block {bx}×{by}×{bz}", self.kernel)?;
        let counters = &self.counters;
        let derived = Derived::new(counters);
        row(out, "shared memory a block", &format!("{} B", grouped(self.shared_bytes)), "")?;
        row(out, "registers a thread", &self.registers.to_string(), "an ideal allocation; a compiler may need more")?;
        instructions(out, counters, &derived)?;
        memory(out, counters, &derived)?;
        row(out, "barriers", &grouped(counters.barriers), "arrivals of warps")?;
        findings(out, self)
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.report)?;
        row(out, "occupancy (model)", &self.occupancy.to_string(), "")?;
        row(out, "roofline (model)", &self.bound.to_string(), "")
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [bx, by, bz] = self.block;
        let [tx, ty, tz] = self.thread;
        write!(out, "{} in {}, PTX line {}", self.kind, self.kernel, self.ptx_line)?;
        if let Some((file, line)) = &self.source {
            write!(out, " ({file}:{line})")?;
        }
        write!(out, ", block ({bx}, {by}, {bz}), thread ({tx}, {ty}, {tz})")?;
        if let Some(address) = self.address {
            write!(out, ", address {address:#x}")?;
        }
        write!(out, ": {}", self.detail)?;
        if self.count > 1 { write!(out, " [{} times]", grouped(self.count)) } else { Ok(()) }
    }
}

impl fmt::Display for crate::finding::FindingKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::finding::FindingKind::*;
        out.write_str(match self {
            OutOfBounds => "access out of bounds",
            Misaligned => "misaligned access",
            UseAfterFree => "use after free",
            UninitializedGlobal => "read of uninitialised global memory",
            UninitializedShared => "read of uninitialised shared memory",
            Race => "race",
            AsyncCopyNotWaitedFor => "cp.async not waited for",
            DivergentBarrier => "barrier in divergent code",
            Deadlock => "deadlock",
            TooManyInstructions => "no end in sight",
            Trap => "trap",
        })
    }
}

fn instructions(out: &mut fmt::Formatter<'_>, counters: &Counters, derived: &Derived) -> fmt::Result {
    let lanes = derived.active_lanes.map_or(String::new(), |lanes| format!("{lanes:.1} of 32 lanes active on average"));
    row(out, "warp instructions", &grouped(counters.warp_instructions), &lanes)?;
    row(out, "lane instructions", &grouped(counters.lane_instructions), "")?;
    let flops = [
        ("flops f32", counters.flops_f32),
        ("flops f64", counters.flops_f64),
        ("flops f16", counters.flops_f16),
        ("flops tensor", counters.flops_tensor),
        ("special functions", counters.special_functions),
    ];
    for (name, count) in flops.into_iter().filter(|&(_, count)| count > 0) {
        row(out, name, &grouped(count), "")?;
    }
    let divergent = format!("{} divergent", grouped(counters.divergent_branches));
    row(out, "branches", &grouped(counters.branches), &divergent)
}

fn memory(out: &mut fmt::Formatter<'_>, counters: &Counters, derived: &Derived) -> fmt::Result {
    let traffic = [
        ("global loads", counters.global_loads),
        ("global stores", counters.global_stores),
        ("global atomics", counters.global_atomics),
        ("local loads", counters.local_loads),
        ("local stores", counters.local_stores),
    ];
    for (name, Traffic { requests, bytes, sectors }) in traffic.into_iter().filter(|(_, t)| t.requests > 0) {
        let note = format!("{} sectors, {} requests", grouped(sectors), grouped(requests));
        row(out, name, &format!("{} B", grouped(bytes)), &note)?;
    }
    let shared = [
        ("shared loads", counters.shared_loads),
        ("shared stores", counters.shared_stores),
        ("shared atomics", counters.shared_atomics),
    ];
    for (name, traffic) in shared.into_iter().filter(|(_, t)| t.requests > 0) {
        let SharedTraffic { requests, bytes, wavefronts, ideal_wavefronts } = traffic;
        let (wavefronts, ideal) = (grouped(wavefronts), grouped(ideal_wavefronts));
        let note = format!("{wavefronts} wavefronts (ideal {ideal}), {} requests", grouped(requests));
        row(out, name, &format!("{} B", grouped(bytes)), &note)?;
    }
    if derived.bank_conflicts > 0 {
        row(out, "bank conflicts", &grouped(derived.bank_conflicts), "wavefronts beyond the ideal")?;
    }
    if let Some(efficiency) = derived.global_efficiency {
        row(
            out,
            "global efficiency",
            &format!("{:.0} %", 100.0 * efficiency),
            "bytes asked for, of the sectors' bytes",
        )?;
    }
    match derived.arithmetic_intensity {
        Some(intensity) => row(out, "arithmetic intensity", &format!("{intensity:.2}"), "flops a byte of sectors"),
        None => Ok(()),
    }
}

fn findings(out: &mut fmt::Formatter<'_>, report: &LaunchReport) -> fmt::Result {
    if report.findings.is_empty() {
        return row(out, "findings", "none", "");
    }
    let dropped = match report.findings_dropped {
        0 => String::new(),
        more => format!("and {} more that were not kept", grouped(more)),
    };
    row(out, "findings", &report.findings.len().to_string(), &dropped)?;
    report.findings.iter().try_for_each(|finding| writeln!(out, "    {finding}"))
}

/// A line of the table.
fn row(out: &mut fmt::Formatter<'_>, name: &str, value: &str, note: &str) -> fmt::Result {
    let line = format!("  {name:<22} {value:>16}  {note}");
    writeln!(out, "{}", line.trim_end())
}

/// 1234567 as `1 234 567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|g| std::str::from_utf8(g).ok()).collect();
    groups.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::A100;
    use crate::report::example;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1 000");
        assert_eq!(grouped(12_345_678), "12 345 678");
    }

    #[test]
    fn the_table_shows_what_was_counted_and_found() {
        let report = example();
        let text = Summary::new(&report, &A100).to_string();
        for expected in [
            "tile: grid 2×1×1, block 64×1×1\n",
            "24.0 of 32 lanes active",
            "64 wavefronts (ideal 8)",
            "bank conflicts                       56",
            "global efficiency                  60 %",
            "race in tile, PTX line 41 (tile.cu:12), block (1, 0, 0), thread (33, 0, 0), address 0x84: 4 bytes read",
            "[64 times]",
            "(model)",
            "not measured",
        ] {
            assert!(text.contains(expected), "{expected:?} is not in\n{text}");
        }
        assert!(!text.contains("flops f64"), "a row without a count:\n{text}");
    }
}
