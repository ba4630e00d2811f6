//! The input devices of this machine, listened to while a key is waited for. Only Enter is looked for; nothing else is kept.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::event::{EVENT_BYTES, newest_enter};

/// More devices than this are not listened to.
const DEVICES_MAX: usize = 64;

/// More events of one device than this are not looked at: people press keys more slowly.
const EVENTS_MAX: usize = 4096;

/// The devices that may be read.
#[derive(Debug)]
pub(super) struct Devices(Vec<Device>);

#[derive(Debug)]
struct Device {
    name: String,
    file: File,
}

impl Devices {
    /// Opens what may be opened.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub(super) fn open(folder: &Path, sys: &Path) -> Result<Self, String> {
        let said = |error: std::io::Error| format!("{}: {error}", folder.display());
        let entries = fs::read_dir(folder).map_err(said)?;
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| node(path).starts_with("event"));
        paths.sort();
        let mut devices = Vec::new();
        let mut refused = None;
        for path in paths.iter().take(DEVICES_MAX) {
            // Reading must not wait: there may be nothing to read.
            match OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path) {
                Ok(file) => devices.push(Device { name: name(path, sys), file }),
                Err(error) => refused = Some(format!("{}: {error}", path.display())),
            }
        }
        if devices.is_empty() {
            return Err(refused.unwrap_or_else(|| format!("{}: no event devices", folder.display())));
        }
        Ok(Self(devices))
    }

    /// Forgets everything that happened until now.
    pub(super) fn skip(&mut self) {
        self.newest_enter();
    }

    /// The device on which Enter last went down, and when that was by the machine's clock.
    pub(super) fn newest_enter(&mut self) -> Option<(String, Duration)> {
        let pressed = self.0.iter_mut().filter_map(|device| Some((device.name.clone(), device.newest_enter()?)));
        pressed.max_by_key(|(_, time)| *time)
    }
}

impl Device {
    fn newest_enter(&mut self) -> Option<Duration> {
        let mut bytes = vec![0; EVENT_BYTES * 64];
        let mut newest = None;
        for _ in 0..EVENTS_MAX / 64 {
            // The kernel gives whole events. That there is nothing now is an error, too.
            let Ok(length @ 1..) = self.file.read(&mut bytes) else { break };
            newest = newest.max(newest_enter(bytes.get(..length).unwrap_or_default()));
        }
        newest
    }
}

fn node(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// What the device calls itself, and its node.
fn name(path: &Path, sys: &Path) -> String {
    let name = fs::read_to_string(sys.join("class/input").join(node(path)).join("device/name"));
    match name.as_deref().map(str::trim) {
        Ok(name) if !name.is_empty() => format!("{name} ({})", path.display()),
        _ => path.display().to_string(),
    }
}
