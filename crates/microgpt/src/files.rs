//! Reading files of bounded size.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::Error;

/// The largest file of names or text that is learned from: 256 MiB.
pub const MAX_DATA_BYTES: u64 = 1 << 28;

/// All bytes of a file, if there are at most `limit` of them. What a file says of its size is not asked: a device has no end.
///
/// # Errors
///
/// [`Error::Read`]; [`Error::InFile`] with [`Error::TooManyBytes`].
pub fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut bytes))
        .map_err(|source| Error::Read { path: path.to_owned(), source })?;
    if bytes.len() as u64 > limit {
        return in_file(path, Err(Error::TooManyBytes { limit }));
    }
    Ok(bytes)
}

pub(crate) fn in_file<T>(path: &Path, result: Result<T, Error>) -> Result<T, Error> {
    result.map_err(|error| Error::InFile { path: path.to_owned(), source: Box::new(error) })
}
