//! A terminal that gives every key at once, and is what it was before when it is dropped.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{OptionalActions, SpecialCodeIndex, Termios, isatty, tcgetattr, tcsetattr, ttyname};

use super::KeyPressError;

/// A key that somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Enter,
    /// Ctrl-C or Ctrl-\, which would end the process if the terminal were not raw.
    Interrupt(&'static str),
    /// Ctrl-D.
    End,
}

impl Key {
    /// The first key of interest in what a raw terminal gave; others are passed over.
    fn first(bytes: &[u8]) -> Option<Self> {
        bytes.iter().find_map(|byte| match byte {
            b'\r' | b'\n' => Some(Self::Enter),
            0x03 => Some(Self::Interrupt("Ctrl-C")),
            0x1c => Some(Self::Interrupt("Ctrl-\\")),
            0x04 => Some(Self::End),
            _ => None,
        })
    }
}

/// A terminal in raw mode. Dropping it restores its mode.
#[derive(Debug)]
pub(super) struct RawTerminal {
    terminal: OwnedFd,
    before: Termios,
    /// Its name, if it has one.
    pub(super) name: Option<String>,
}

impl RawTerminal {
    /// Keys that were pressed before are forgotten.
    pub(super) fn enter(terminal: impl AsFd) -> Result<Self, KeyPressError> {
        if !isatty(&terminal) {
            return Err(KeyPressError::NoTerminal);
        }
        let failed = |doing: &str| {
            let doing = doing.to_owned();
            move |error: std::io::Error| KeyPressError::Mode { doing, source: error.into() }
        };
        let terminal = terminal.as_fd().try_clone_to_owned().map_err(failed("read"))?;
        let before = tcgetattr(&terminal).map_err(|errno| failed("read")(errno.into()))?;
        let name = ttyname(&terminal, Vec::new()).ok().map(|name| name.to_string_lossy().into_owned());
        let mut raw = before.clone();
        raw.make_raw();
        // What is written while we wait still starts at the left.
        raw.output_modes = before.output_modes;
        // Reading never waits: that is what poll is for.
        raw.special_codes[SpecialCodeIndex::VMIN] = 0;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        let this = Self { terminal, before, name };
        tcsetattr(&this.terminal, OptionalActions::Flush, &raw).map_err(|errno| failed("change")(errno.into()))?;
        Ok(this)
    }

    /// The next key of interest; none if it does not come in time, or a signal came first.
    pub(super) fn key(&self, limit: Duration) -> Result<Option<Key>, KeyPressError> {
        let failed = |errno: Errno| KeyPressError::Read { source: std::io::Error::from(errno).into() };
        let mut polled = [PollFd::new(&self.terminal, PollFlags::IN)];
        // More than a time can say is a long time.
        let limit = Timespec::try_from(limit).ok();
        match poll(&mut polled, limit.as_ref()) {
            Ok(0) | Err(Errno::INTR) => return Ok(None),
            Ok(_) => {}
            Err(errno) => return Err(failed(errno)),
        }
        let mut bytes = [0; 256];
        match rustix::io::read(&self.terminal, &mut bytes) {
            Ok(0) if polled.iter().any(|polled| polled.revents().intersects(PollFlags::HUP | PollFlags::ERR)) => {
                Err(KeyPressError::HungUp)
            }
            Ok(length) => Ok(Key::first(bytes.get(..length).unwrap_or_default())),
            Err(Errno::INTR | Errno::AGAIN) => Ok(None),
            // What Linux says when the other end of a terminal is gone.
            Err(Errno::IO) => Err(KeyPressError::HungUp),
            Err(errno) => Err(failed(errno)),
        }
    }

    fn set_back(&self) -> rustix::io::Result<()> {
        tcsetattr(&self.terminal, OptionalActions::Now, &self.before)
    }

    /// Restores the mode, and says if that failed. A terminal that is gone has no mode.
    pub(super) fn restore(self) -> Result<(), KeyPressError> {
        match self.set_back() {
            Ok(()) | Err(Errno::IO) => Ok(()),
            Err(errno) => {
                let source = std::io::Error::from(errno).into();
                Err(KeyPressError::Mode { doing: "restore".to_owned(), source })
            }
        }
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        // There is nobody left to tell.
        let _ = self.set_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_keys_are_passed_over() {
        assert_eq!(Key::first(b"abc \x1b[A\x7f\t"), None);
        assert_eq!(Key::first(b"x\r\x03"), Some(Key::Enter));
        assert_eq!(Key::first(b"\n"), Some(Key::Enter));
        assert_eq!(Key::first("é\u{3}\r".as_bytes()), Some(Key::Interrupt("Ctrl-C")));
        assert_eq!(Key::first(b"\x04"), Some(Key::End));
    }
}
