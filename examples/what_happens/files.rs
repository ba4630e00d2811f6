//! The files that were asked for. Each is written beside its place and then moved there: it is there as a whole or not at all.

use std::error::Error;
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use netprobe::Report;
use netprobe::render::{Timeline, escape_json};
use tempfile::NamedTempFile;

use crate::arguments::Arguments;

/// Whether everything can be written where it is to go: if not, there is no reason to visit anybody.
pub(crate) fn check(arguments: &Arguments) -> Result<(), String> {
    let Arguments { har, metrics, svg, html, page, .. } = arguments;
    let paths = [har, metrics, svg, html, &page.paint, &page.trees];
    let unwritable = |path: &PathBuf| match Place::of(path)? {
        Place::File(place) => beside(&place).map(drop),
        Place::Stream(_) => Ok(()),
    };
    paths.into_iter().flatten().try_for_each(|path| unwritable(path).map_err(|error| cannot_write(path, &error)))
}

/// A file that is to be written, and what is to be in it.
pub(crate) type Written = (PathBuf, Vec<u8>);

/// The files about the visit that were asked for.
pub(crate) fn of_visit(
    arguments: &Arguments,
    report: &Report,
    timeline: &Timeline,
) -> Result<Vec<Written>, Box<dyn Error>> {
    let mut files = Vec::new();
    let mut add = |path: &PathBuf, text: String| files.push((path.clone(), text.into_bytes()));
    if let Some(path) = &arguments.har {
        add(path, escape_json(&serde_json::to_string_pretty(&report.to_har())?));
    }
    arguments.metrics.iter().for_each(|path| add(path, report.to_open_metrics()));
    arguments.svg.iter().for_each(|path| add(path, timeline.to_svg()));
    arguments.html.iter().for_each(|path| add(path, timeline.to_html()));
    Ok(files)
}

pub(crate) fn write((path, bytes): &Written) -> Result<(), String> {
    let writing = || match Place::of(path)? {
        Place::File(place) => {
            let mut file = beside(&place)?;
            file.write_all(bytes)?;
            file.persist(place).map(drop).map_err(|error| error.error)
        }
        Place::Stream(path) => File::options().write(true).open(path)?.write_all(bytes),
    };
    writing().map_err(|error| cannot_write(path, &error))
}

fn cannot_write(path: &Path, error: &io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}

enum Place {
    /// A file, there or not yet. What a link leads to is written, as always.
    File(PathBuf),
    /// A pipe, a terminal: there is nothing to move to.
    Stream(PathBuf),
}

impl Place {
    fn of(path: &Path) -> io::Result<Self> {
        match fs::metadata(path) {
            Ok(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Ok(there) if there.is_file() => {
                // What may not be written to may not be replaced.
                File::options().write(true).open(path)?;
                fs::canonicalize(path).map(Self::File)
            }
            Ok(_) => Ok(Self::Stream(path.to_owned())),
            Err(_) => Ok(Self::File(path.to_owned())),
        }
    }
}

/// An empty file in the same folder, gone when it is dropped.
fn beside(place: &Path) -> io::Result<NamedTempFile> {
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".what_happens-");
    if let Some(permissions) = permissions(place) {
        builder.permissions(permissions);
    }
    // Its own path is no part of the error: nobody asked for that.
    builder.tempfile_in(folder).map_err(|error| error.kind().into())
}

/// Those of the file that is replaced, or what a new file gets.
#[cfg(unix)]
fn permissions(place: &Path) -> Option<Permissions> {
    use std::os::unix::fs::PermissionsExt;
    Some(fs::metadata(place).map_or_else(|_| Permissions::from_mode(0o666), |there| there.permissions()))
}

#[cfg(not(unix))]
fn permissions(_place: &Path) -> Option<Permissions> {
    None
}
