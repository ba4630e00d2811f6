//! What the engine asks for is written down, with who asked, until somebody fetches it.

use std::sync::Mutex;

use blitz_traits::net::{NetHandler, NetProvider, Request};

use crate::fetch::{Initiator, Wanted};

/// Something wanted, and the engine's hand that is held out for it.
pub(super) type Asked = (Wanted, Box<dyn NetHandler>);

/// Notes what is asked for.
pub(super) struct Asker {
    asked: Mutex<Vec<Asked>>,
    initiator: Mutex<Initiator>,
}

impl Asker {
    pub(super) fn new() -> Self {
        Self { asked: Mutex::default(), initiator: Mutex::new(Initiator::Style) }
    }

    /// Says in whose name what follows is asked for.
    pub(super) fn ask_as(&self, initiator: Initiator) {
        *lock(&self.initiator) = initiator;
    }

    /// What was asked for since the last time, in order.
    pub(super) fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut *lock(&self.asked))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl NetProvider for Asker {
    fn fetch(&self, _document: usize, request: Request, handler: Box<dyn NetHandler>) {
        let initiator = lock(&self.initiator).clone();
        lock(&self.asked).push((Wanted { url: request.url, initiator }, handler));
    }
}
