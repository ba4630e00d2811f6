//! The forms that programs read.

use serde::Serialize;
use serde_json::{Value, json};

use crate::gpu::LaunchReport;
use crate::report::{Derived, Summary};

/// A report as a JSON object: `kernel`, `grid`, `block`, `shared_bytes`, `registers`, `counters`, `derived`, `findings`,
/// `findings_dropped`. Counters and findings have the names of [`Counters`](crate::Counters) and
/// [`Finding`](crate::Finding); a number that cannot be derived is null.
pub fn launch_json(report: &LaunchReport) -> Value {
    json!({
        "kernel": report.kernel,
        "grid": report.grid,
        "block": report.block,
        "shared_bytes": report.shared_bytes,
        "registers": report.registers,
        "counters": value(&report.counters),
        "derived": value(&Derived::new(&report.counters)),
        "findings": value(&report.findings),
        "findings_dropped": report.findings_dropped,
    })
}

/// The same with `model`: an object with the modelled GPU's `name`, the `occupancy` and the `bound` of the roofline. It
/// holds nothing that was measured.
pub fn summary_json(summary: &Summary<'_>) -> Value {
    let mut object = launch_json(summary.report);
    object["model"] = json!({
        "name": summary.bound.model,
        "occupancy": value(&summary.occupancy),
        "bound": value(&summary.bound),
        "seconds": summary.bound.seconds(),
    });
    object
}

/// These types hold numbers, strings and lists of them: all of it is JSON, so that the null is never taken.
fn value(part: &impl Serialize) -> Value {
    serde_json::to_value(part).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use crate::profile::H100;
    use crate::report::{Summary, example};

    #[test]
    fn programs_read_what_was_written() {
        let report = example();
        let line = Summary::new(&report, &H100).to_json();
        assert!(!line.contains('\n'));
        let read: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(read["kernel"], "tile");
        assert_eq!(read["counters"]["global_loads"]["sectors"], 64);
        assert_eq!(read["derived"]["bank_conflicts"], 56);
        assert_eq!(read["findings"][0]["kind"], "race");
        assert_eq!(read["findings"][0]["source"], serde_json::json!(["tile.cu", 12]));
        assert_eq!(read["model"]["name"], "NVIDIA H100-SXM5-80GB");
        assert_eq!(read["model"]["occupancy"]["blocks"], 32);
        assert_eq!(read["model"]["occupancy"]["limit"], "warps");
        assert!(read["model"]["bound"]["seconds_memory"].as_f64().expect("a number") > 0.0);
    }
}
