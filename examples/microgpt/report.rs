//! `--json`: losses, names and speed.

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use tempfile::NamedTempFile;

/// A JSON file that is there when it is whole, and not before.
pub(crate) struct Report<'a> {
    path: &'a Path,
    file: NamedTempFile,
}

impl<'a> Report<'a> {
    pub(crate) fn begin(path: &'a Path) -> Result<Self, String> {
        Ok(Report { path, file: writable(path)? })
    }

    pub(crate) fn finish(
        mut self,
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
        let failed = |error: io::Error| format!("cannot write {:?}: {error}", self.path);
        serde_json::to_writer_pretty(&mut self.file, &report).map_err(|error| failed(error.into()))?;
        writeln!(self.file).map_err(failed)?;
        self.file.persist(self.path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

/// A file beside the one that is to be written: fails now rather than after the training if nothing can be written there.
pub(crate) fn writable(path: &Path) -> Result<NamedTempFile, String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() {
        return Err(format!("cannot write {path:?}: it is a folder"));
    }
    NamedTempFile::new_in(folder).map_err(|error| format!("cannot write {path:?}: {error}"))
}
