//! Settings from the environment, read once at `cuInit`.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::profile::{A100, GpuModel};
use crate::settings::{Checks, Lanes, Settings};

/// Names of the variables, and the whole list: others that begin with `SIMGPU_` are refused, for they are mistyped.
const VARIABLES: [&str; 8] = [
    "SIMGPU_CHECKS",
    "SIMGPU_THREADS",
    "SIMGPU_GPU",
    "SIMGPU_REPORT",
    "SIMGPU_TABLE",
    "SIMGPU_FAIL",
    "SIMGPU_INSTRUCTIONS_MAX",
    "SIMGPU_LANES",
];

/// What the environment says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Options {
    pub(super) settings: Settings,
    /// The GPU that is answered for.
    pub(super) model: &'static GpuModel,
    /// Where each launch's report is appended as a line of JSON.
    pub(super) report: Option<PathBuf>,
    /// Where each launch's report is appended as a table.
    pub(super) table: Option<PathBuf>,
    /// Whether any finding fails the launch, not only those that a GPU would notice.
    pub(super) fail: bool,
}

impl Options {
    /// From these variables; the error is a sentence that names the variable, its value and what is allowed.
    pub(super) fn parse(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<Options, String> {
        let (settings, model) = (Settings::default(), &A100);
        let mut options = Options { settings, model, report: None, table: None, fail: false };
        for (name, value) in variables {
            let Some(name) = name.to_str().filter(|name| name.starts_with("SIMGPU_")) else { continue };
            if !VARIABLES.contains(&name) {
                return Err(format!("{name} is no setting, there are {}", VARIABLES.join(", ")));
            }
            // Empty is as good as not set.
            if !value.is_empty() {
                options.set(name, &value)?;
            }
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &OsString) -> Result<(), String> {
        let text = value.to_string_lossy();
        let wrong = |allowed: &str| format!("{name} is `{text}`, it must be {allowed}");
        match name {
            "SIMGPU_REPORT" => self.report = Some(PathBuf::from(value)),
            "SIMGPU_TABLE" => self.table = Some(PathBuf::from(value)),
            "SIMGPU_CHECKS" => self.settings.checks = checks(&text).map_err(|allowed| wrong(&allowed))?,
            "SIMGPU_THREADS" => {
                self.settings.threads = Some(positive(&text).ok_or_else(|| wrong("a positive number"))?)
            }
            "SIMGPU_INSTRUCTIONS_MAX" => {
                self.settings.block_instructions_max =
                    positive(&text).ok_or_else(|| wrong("a positive number"))? as u64;
            }
            "SIMGPU_GPU" => self.model = GpuModel::named(&text).ok_or_else(|| wrong("a100 or h100"))?,
            "SIMGPU_LANES" => {
                let lanes = [("portable", Lanes::Portable), ("avx2", Lanes::Avx2), ("avx512", Lanes::Avx512)];
                let found = lanes.into_iter().find(|(name, _)| *name == text);
                self.settings.lanes = Some(found.ok_or_else(|| wrong("portable, avx2 or avx512"))?.1);
            }
            _ => {
                self.fail = match &*text {
                    "1" => true,
                    "0" => false,
                    _ => return Err(wrong("0 or 1")),
                }
            }
        }
        Ok(())
    }
}

fn positive(text: &str) -> Option<usize> {
    text.parse().ok().filter(|&number| number > 0)
}

/// `all`, `none` or a list; the error is what is allowed.
fn checks(text: &str) -> Result<Checks, String> {
    let mut checks = match text {
        "all" => return Ok(Checks::ALL),
        _ => Checks::NONE,
    };
    if text == "none" {
        return Ok(checks);
    }
    for name in text.split(',') {
        match name.trim() {
            "uninitialized_global" => checks.uninitialized_global = true,
            "uninitialized_shared" => checks.uninitialized_shared = true,
            "races" => checks.races = true,
            "global_races" => checks.global_races = true,
            "divergent_barriers" => checks.divergent_barriers = true,
            _ => {
                let names = "uninitialized_global, uninitialized_shared, races, global_races, divergent_barriers";
                return Err(format!("all, none or a comma-separated list of {names}"));
            }
        }
    }
    Ok(checks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::H100;

    fn parse(variables: &[(&str, &str)]) -> Result<Options, String> {
        Options::parse(variables.iter().map(|&(name, value)| (name.into(), value.into())))
    }

    #[test]
    fn nothing_set_is_the_default() {
        let options = parse(&[("PATH", "/bin"), ("SIMGPU_REPORT", "")]).expect("defaults");
        assert_eq!(options.settings, Settings::default());
        assert_eq!(options.model, &A100);
        assert_eq!((options.report, options.table, options.fail), (None, None, false));
    }

    #[test]
    fn every_variable_is_read() {
        let options = parse(&[
            ("SIMGPU_CHECKS", "races, uninitialized_shared"),
            ("SIMGPU_THREADS", "3"),
            ("SIMGPU_GPU", "H100"),
            ("SIMGPU_REPORT", "r.json"),
            ("SIMGPU_TABLE", "t.txt"),
            ("SIMGPU_FAIL", "1"),
            ("SIMGPU_INSTRUCTIONS_MAX", "1000"),
            ("SIMGPU_LANES", "avx2"),
        ])
        .expect("all of it is right");
        let checks = Checks { races: true, uninitialized_shared: true, ..Checks::NONE };
        let settings = Settings { checks, threads: Some(3), block_instructions_max: 1000, lanes: Some(Lanes::Avx2) };
        assert_eq!(options.settings, settings);
        assert_eq!(options.model, &H100);
        assert_eq!(options.report, Some("r.json".into()));
        assert_eq!(options.table, Some("t.txt".into()));
        assert!(options.fail);
        assert_eq!(parse(&[("SIMGPU_CHECKS", "none")]).expect("right").settings.checks, Checks::NONE);
        assert_eq!(parse(&[("SIMGPU_CHECKS", "all")]).expect("right").settings.checks, Checks::ALL);
    }

    #[test]
    fn a_wrong_value_is_named_beside_what_is_allowed() {
        for (name, value, allowed) in [
            ("SIMGPU_CHECKS", "racez", "divergent_barriers"),
            ("SIMGPU_THREADS", "0", "positive"),
            ("SIMGPU_THREADS", "-1", "positive"),
            ("SIMGPU_GPU", "b200", "a100 or h100"),
            ("SIMGPU_FAIL", "yes", "0 or 1"),
            ("SIMGPU_INSTRUCTIONS_MAX", "lots", "positive"),
            ("SIMGPU_LANES", "sse", "avx2"),
        ] {
            let error = parse(&[(name, value)]).expect_err("a wrong value");
            assert!(error.contains(name) && error.contains(value) && error.contains(allowed), "{error}");
        }
        let error = parse(&[("SIMGPU_CHECK", "all")]).expect_err("mistyped");
        assert!(error.contains("SIMGPU_CHECK ") && error.contains("SIMGPU_CHECKS"), "{error}");
    }
}
