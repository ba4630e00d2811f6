//! What the kernel says about keys on `/dev/input/event*`: which, and when it learnt of it (the kernel's
//! Documentation/input/input.rst and include/uapi/linux/input.h).
//!
//! ```text
//! ┌───────────────┬───────────────┬──────┬──────┬─────────┐
//! │ seconds       │ microseconds  │ type │ code │ value   │    struct input_event: each field in the machine's byte order,
//! │ long          │ long          │ u16  │ u16  │ i32     │    the first two as wide as the machine's words
//! └───────────────┴───────────────┴──────┴──────┴─────────┘
//! ```

use std::time::Duration;

/// A field as wide as the machine's words.
const WORD: usize = size_of::<usize>();

/// How long an event is.
pub(super) const EVENT_BYTES: usize = 2 * WORD + 8;

/// The type of events that are keys: `EV_KEY`.
const TYPE_KEY: u16 = 1;

/// `KEY_ENTER`, and that of the block of digits, `KEY_KPENTER`.
const ENTER: [u16; 2] = [28, 96];

/// The value of a key that goes down; it is 0 when it comes up, 2 when it repeats.
const DOWN: i32 = 1;

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InputEvent {
    /// When, since 1970, by the machine's clock.
    pub(super) time: Duration,
    kind: u16,
    code: u16,
    value: i32,
}

impl InputEvent {
    /// Reads one event from the start of `bytes`; `None` if it is not all there.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (seconds, rest) = bytes.split_at_checked(WORD)?;
        let (micros, rest) = rest.split_at_checked(WORD)?;
        let word = |bytes: &[u8]| Some(usize::from_ne_bytes(bytes.try_into().ok()?) as u64);
        let &[kind_0, kind_1, code_0, code_1, value_0, value_1, value_2, value_3, ..] = rest else { return None };
        // What is no time is bounded, so that sums do not overflow.
        let (seconds, micros) = (word(seconds)?.min(u64::from(u32::MAX)), word(micros)?.min(999_999));
        Some(Self {
            time: Duration::from_secs(seconds) + Duration::from_micros(micros),
            kind: u16::from_ne_bytes([kind_0, kind_1]),
            code: u16::from_ne_bytes([code_0, code_1]),
            value: i32::from_ne_bytes([value_0, value_1, value_2, value_3]),
        })
    }

    /// Whether Enter went down.
    pub(super) fn is_enter(&self) -> bool {
        self.kind == TYPE_KEY && ENTER.contains(&self.code) && self.value == DOWN
    }
}

/// The time of the newest Enter in a run of events.
pub(super) fn newest_enter(bytes: &[u8]) -> Option<Duration> {
    let events = bytes.chunks_exact(EVENT_BYTES).filter_map(InputEvent::parse);
    events.filter(InputEvent::is_enter).map(|event| event.time).max()
}

#[cfg(test)]
pub(super) fn event(time: Duration, kind: u16, code: u16, value: i32) -> Vec<u8> {
    let word = |value: u64| usize::try_from(value).expect("a word").to_ne_bytes();
    let (seconds, micros) = (word(time.as_secs()), word(u64::from(time.subsec_micros())));
    [&seconds[..], &micros, &kind.to_ne_bytes(), &code.to_ne_bytes(), &value.to_ne_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_enter_going_down_counts() {
        let at = |seconds: u64| Duration::new(seconds, 250_000_000);
        let sync = event(at(9), 0, 0, 0);
        let other = event(at(8), TYPE_KEY, 30, DOWN);
        let (up, repeated) = (event(at(7), TYPE_KEY, 28, 0), event(at(6), TYPE_KEY, 28, 2));
        let none = [sync.clone(), other, up, repeated].concat();
        assert_eq!(newest_enter(&none), None);
        let (enter, keypad) = (event(at(3), TYPE_KEY, 28, DOWN), event(at(4), TYPE_KEY, 96, DOWN));
        assert_eq!(newest_enter(&[none, enter, keypad.clone(), sync].concat()), Some(at(4)));
        assert_eq!(newest_enter(&keypad[..EVENT_BYTES - 1]), None, "half an event is none");
        assert_eq!(keypad.len(), EVENT_BYTES);
    }

    #[test]
    fn any_bytes_are_an_event_or_none() {
        assert!(InputEvent::parse(&[0xff; EVENT_BYTES]).is_some_and(|event| !event.is_enter()));
        assert!((0..EVENT_BYTES).all(|length| InputEvent::parse(&vec![0xff; length]).is_none()));
    }
}
