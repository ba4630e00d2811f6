//! Where a file goes: into a folder, into a pipe, or to standard output, whatever it is called there.

use std::fs::{self, File, FileType, Metadata, Permissions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// The most links that lead to one another, as Linux has it.
const LINKS_MAX: usize = 40;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A file, there or not yet. What a link leads to is written, as always.
    File(PathBuf),
    /// A pipe, a device: there is nothing to move to.
    Stream(PathBuf),
    /// Where the report goes.
    StandardOutput,
}

impl Place {
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::StandardOutput);
        }
        match fs::metadata(path) {
            Ok(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Ok(there) if is_standard_output(&there) => Ok(Self::StandardOutput),
            Ok(there) if there.is_file() => {
                // What may not be written to may not be replaced.
                File::options().write(true).open(path)?;
                fs::canonicalize(path).map(Self::File)
            }
            Ok(_) => Ok(Self::Stream(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => absent(path).map(Self::File),
            Err(error) => Err(error),
        }
    }

    /// Whether something can be written there.
    pub(crate) fn check(&self) -> io::Result<()> {
        match self {
            Self::File(place) => beside(place).map(drop),
            Self::Stream(_) | Self::StandardOutput => Ok(()),
        }
    }
}

/// The file that is to be there: a link may lead to it that leads nowhere yet. Its folder is called by its one true name.
fn absent(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let folder = fs::canonicalize(folder(&path))?;
        if !fs::symlink_metadata(&path).is_ok_and(|there| there.file_type().is_symlink()) {
            let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
            return Ok(folder.join(name));
        }
        path = folder.join(fs::read_link(&path)?);
    }
    Err(io::ErrorKind::NotFound.into())
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// An empty file in the same folder, gone when it is dropped.
pub(crate) fn beside(place: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".what_happens-");
    if let Some(permissions) = permissions(place) {
        builder.permissions(permissions);
    }
    // Its own path is no part of the error: nobody asked for that.
    builder.tempfile_in(folder(place)).map_err(|error| error.kind().into())
}

/// Writes a file as a whole or not at all; what is for standard output is not for this.
pub(crate) fn write(place: Place, bytes: &[u8]) -> io::Result<()> {
    match place {
        Place::File(place) => {
            let mut file = beside(&place)?;
            file.write_all(bytes)?;
            file.persist(place).map(drop).map_err(|error| error.error)
        }
        Place::Stream(path) => File::options().write(true).open(path)?.write_all(bytes),
        Place::StandardOutput => io::stdout().write_all(bytes),
    }
}

/// Whether it is the file or the pipe that standard output is: `/dev/stdout`, or the file that a shell made of it. To replace that would be
/// to lose the report. A device such as `/dev/null` is everybody's.
#[cfg(unix)]
fn is_standard_output(there: &Metadata) -> bool {
    use std::os::fd::AsFd;
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    let out = io::stdout().as_fd().try_clone_to_owned().and_then(|out| File::from(out).metadata());
    let is_shared = |kind: FileType| kind.is_char_device() && !io::stdout().is_terminal();
    out.is_ok_and(|out| (out.dev(), out.ino()) == (there.dev(), there.ino()) && !is_shared(out.file_type()))
}

#[cfg(not(unix))]
fn is_standard_output(_there: &Metadata) -> bool {
    false
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
