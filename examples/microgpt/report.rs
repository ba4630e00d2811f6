//! `--json`: losses, names and speed.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// A JSON file that is there when it is whole, and not before; a device or a pipe, such as `/dev/stdout`, is written to.
pub(crate) struct Report<'a> {
    path: &'a Path,
    /// Whether what is there is no file, and stays.
    in_place: bool,
}

impl<'a> Report<'a> {
    pub(crate) fn begin(path: &'a Path) -> Result<Self, String> {
        let in_place = fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir());
        if !in_place {
            writable(path)?;
        }
        Ok(Report { path, in_place })
    }

    pub(crate) fn finish(
        self,
        losses: &[f64],
        names: &[String],
        trained: usize,
        elapsed: Duration,
    ) -> Result<(), Box<dyn Error>> {
        let seconds = elapsed.as_secs_f64();
        let report = serde_json::json!({
            "losses": losses,
            "names": names,
            "seconds": seconds,
            "names_per_second": trained as f64 / seconds,
        });
        let text = format!("{report:#}\n");
        if self.in_place {
            return fs::write(self.path, text).map_err(|error| format!("cannot write {:?}: {error}", self.path).into());
        }
        Ok(microgpt::write_file(self.path, text.as_bytes())?)
    }
}

/// Fails now rather than after the training if no file can be written there.
pub(crate) fn writable(path: &Path) -> Result<(), String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => Err(format!("cannot write {path:?}: it is a folder")),
        Ok(there) if !there.is_file() => Err(format!("cannot write {path:?}: it is not a regular file")),
        _ => tempfile::tempfile_in(folder).map(drop).map_err(|error| format!("cannot write {path:?}: {error}")),
    }
}
