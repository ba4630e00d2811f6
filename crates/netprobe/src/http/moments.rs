//! When the parts of a request left, and when its answer began: what neither hyper nor h2 tells.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// No such moment yet.
const NEVER: u64 = u64::MAX;

/// A moment in nanoseconds since the run's start.
#[derive(Debug)]
struct Moment(AtomicU64);

impl Moment {
    const fn new() -> Self {
        Self(AtomicU64::new(NEVER))
    }

    fn set(&self, now_ns: u64) {
        self.0.store(now_ns, Ordering::Relaxed);
    }

    fn get(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|moment| *moment != NEVER)
    }
}

/// Moments of one exchange, and bytes, inside TLS.
#[derive(Debug)]
pub(super) struct Moments {
    /// The head was handed over.
    submitted: Moment,
    /// The head, or the last block of the body so far, was handed over.
    handed: Moment,
    /// The first write after the head was handed over was done.
    head_sent: Moment,
    sent: Moment,
    /// Everything that had been handed over was written.
    flushed: Moment,
    first_read: Moment,
    last_read: Moment,
    received_bytes: AtomicU64,
    uploaded_bytes: AtomicU64,
    /// There is no connection yet.
    is_held: AtomicBool,
}

impl Moments {
    pub(super) const fn new() -> Self {
        Self {
            submitted: Moment::new(),
            handed: Moment::new(),
            head_sent: Moment::new(),
            sent: Moment::new(),
            flushed: Moment::new(),
            first_read: Moment::new(),
            last_read: Moment::new(),
            received_bytes: AtomicU64::new(0),
            uploaded_bytes: AtomicU64::new(0),
            is_held: AtomicBool::new(false),
        }
    }

    pub(super) fn is_held(&self) -> bool {
        self.is_held.load(Ordering::Relaxed)
    }

    pub(super) fn set_held(&self, is_held: bool) {
        self.is_held.store(is_held, Ordering::Relaxed);
    }

    /// Another exchange is about to begin.
    pub(super) fn reset(&self) {
        let Self { submitted, handed, head_sent, sent, flushed, first_read, last_read, .. } = self;
        for moment in [submitted, handed, head_sent, sent, flushed, first_read, last_read] {
            moment.set(NEVER);
        }
        self.received_bytes.store(0, Ordering::Relaxed);
        self.uploaded_bytes.store(0, Ordering::Relaxed);
    }

    /// The request is about to be handed over.
    pub(super) fn submit(&self, now_ns: u64) {
        self.submitted.set(now_ns);
        self.handed.set(now_ns);
    }

    /// So many bytes of its body are about to be.
    pub(super) fn hand(&self, bytes: usize, now_ns: u64) {
        self.handed.set(now_ns);
        self.uploaded_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A write is a part of the request until something comes back. HTTP/2's frames may come before the request leaves, and a 100
    /// before its body, so that a write is a part of it too while something that was handed over has not left; later ones
    /// acknowledge what came.
    pub(super) fn wrote(&self, now_ns: u64) {
        if self.submitted.get().is_some() && self.head_sent.get().is_none() {
            self.head_sent.set(now_ns);
        }
        let has_left = match (self.handed.get(), self.flushed.get()) {
            (Some(handed), Some(flushed)) => flushed >= handed,
            _ => false,
        };
        if self.first_read.get().is_none() || !has_left {
            self.sent.set(now_ns);
        }
    }

    /// Nothing is left to write.
    pub(super) fn flushed(&self, now_ns: u64) {
        self.flushed.set(now_ns);
    }

    pub(super) fn read(&self, bytes: usize, now_ns: u64) {
        self.received_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.last_read.set(now_ns);
        if self.first_read.get().is_none() {
            self.first_read.set(now_ns);
        }
    }

    /// What was read was an informational answer: the answer is still to begin.
    pub(super) fn forget_read(&self) {
        self.first_read.set(NEVER);
    }

    /// When the request's head was written.
    pub(super) fn head_sent_ns(&self) -> Option<u64> {
        self.head_sent.get()
    }

    /// When the request's last byte was written.
    pub(super) fn sent_ns(&self) -> Option<u64> {
        self.sent.get()
    }

    /// When the first byte of the answer came. It may have come together with an informational answer.
    pub(super) fn first_byte_ns(&self) -> Option<u64> {
        self.first_read.get().or(self.last_read.get())
    }

    pub(super) fn received_bytes(&self) -> u64 {
        self.received_bytes.load(Ordering::Relaxed)
    }

    /// Bytes of the request's body that were handed over.
    pub(super) fn uploaded_bytes(&self) -> u64 {
        self.uploaded_bytes.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_left_when_all_of_it_has() {
        let moments = Moments::new();
        // The settings of HTTP/2, both sides', before the request.
        moments.wrote(1);
        moments.read(9, 2);
        moments.submit(3);
        moments.wrote(4);
        moments.flushed(5);
        assert_eq!((moments.head_sent_ns(), moments.sent_ns()), (Some(4), Some(4)));
        moments.hand(100, 6);
        moments.wrote(7);
        moments.wrote(8);
        moments.flushed(9);
        // An acknowledgement.
        moments.wrote(10);
        assert_eq!((moments.head_sent_ns(), moments.sent_ns(), moments.uploaded_bytes()), (Some(4), Some(8), 100));
        moments.reset();
        assert_eq!((moments.sent_ns(), moments.first_byte_ns(), moments.received_bytes()), (None, None, 0));
    }

    #[test]
    fn an_informational_answer_is_not_the_answer() {
        let moments = Moments::new();
        moments.submit(1);
        moments.wrote(2);
        moments.flushed(3);
        moments.read(30, 4);
        moments.forget_read();
        assert_eq!(moments.first_byte_ns(), Some(4), "both may come together");
        moments.read(30, 5);
        assert_eq!((moments.first_byte_ns(), moments.received_bytes()), (Some(5), 60));
    }
}
