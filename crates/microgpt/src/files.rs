//! Files: bounded when they are read, whole when they are written.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use crate::error::Error;

/// The largest file of names or text that is learned from: 256 MiB.
pub const DATA_BYTES_MAX: u64 = 1 << 28;

/// All bytes of a file, if there are at most `max` of them. What a file says of its size is not asked: a device has
/// no end.
///
/// # Errors
///
/// [`Error::Read`]; [`Error::InFile`] with [`Error::TooManyBytes`].
pub fn read_file(path: &Path, max: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(max.saturating_add(1)).read_to_end(&mut bytes))
        .map_err(|source| Error::Read { path: path.to_owned(), source })?;
    if bytes.len() as u64 > max {
        return in_file(path, Err(Error::TooManyBytes { max }));
    }
    Ok(bytes)
}

/// The text that bytes are in UTF-8.
///
/// # Errors
///
/// [`Error::InvalidUtf8`] with the place.
pub fn utf8(bytes: &[u8]) -> Result<&str, Error> {
    str::from_utf8(bytes).map_err(|error| {
        let valid = &bytes[..error.valid_up_to()];
        let mut lines = valid.split(|&byte| byte == b'\n' || byte == b'\r').collect::<Vec<_>>();
        let last = lines.pop().unwrap_or_default();
        // A line that ends in two characters is one line.
        let line = 1 + lines.len() - valid.windows(2).filter(|pair| pair == b"\r\n").count();
        Error::InvalidUtf8 { line, column: 1 + last.len() }
    })
}

/// Writes a file beside `path`, has the disk keep it, and gives it that name: at any time there is the old file or the
/// new one.
///
/// # Errors
///
/// [`Error::Write`]; what was at `path` is then still there. A device or a pipe is refused, since a file in its place is
/// not what anybody wants.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let failed = |source: io::Error| Error::Write { path: path.to_owned(), source };
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(failed(io::Error::other("what is there is not a regular file")));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = temporary().tempfile_in(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    // The name, too, is to outlive a crash; not every file system lets a folder be synchronised.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

/// For a file that others may read once it has its name, as far as the user's mask lets new files be read.
fn temporary() -> tempfile::Builder<'static, 'static> {
    #[allow(unused_mut, reason = "elsewhere than on Unix a new file has no mode")]
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

pub(crate) fn in_file<T>(path: &Path, result: Result<T, Error>) -> Result<T, Error> {
    result.map_err(|error| Error::InFile { path: path.to_owned(), source: Box::new(error) })
}
