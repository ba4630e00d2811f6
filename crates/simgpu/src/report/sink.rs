//! Files that grow by one report a launch.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;

/// A file that text is appended to, each piece in one write: a program that is killed leaves whole reports behind.
#[derive(Debug)]
pub(crate) struct Sink {
    file: Mutex<File>,
}

impl Sink {
    /// Opens or creates the file; what is in it stays.
    pub(crate) fn open(path: &Path) -> io::Result<Sink> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        Ok(Sink { file: Mutex::new(file) })
    }

    /// Appends `text` and an end of line.
    pub(crate) fn append(&self, text: &str) -> io::Result<()> {
        let line = format!("{}\n", text.trim_end_matches('\n'));
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.write_all(line.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_appended_in_whole_lines() {
        let path = std::env::temp_dir().join(format!("simgpu-sink-{}", std::process::id()));
        for text in ["one", "two\n"] {
            Sink::open(&path).expect("a file").append(text).expect("a write");
        }
        let read = std::fs::read_to_string(&path).expect("a file");
        std::fs::remove_file(&path).expect("it is there");
        assert_eq!(read, "one\ntwo\n");
        assert!(Sink::open(Path::new("/nowhere/at/all")).is_err());
    }
}
