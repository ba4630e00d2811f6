//! The engine, blitz, on a thread of its own.
//!
//! It is not to be trusted with what a page does to it: it recurses as deep as the page is, and may panic or never end. So it gets a
//! large stack, a panic ends the thread and nothing else, and whoever waits for it waits no longer than is allowed.

mod asker;
mod boxes;
mod draw;
mod fonts;
mod load;
mod record;
mod render_tree;
mod sheets;
mod work;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;

use netprobe::Span;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::fetch::{Fetched, Wanted};
use crate::{Error, Page, Painter, Painting};

pub(crate) use record::Record;

/// What came of something wanted, and when.
pub(crate) struct Delivered {
    pub(crate) fetched: Fetched,
    /// How many bytes came, kept or not.
    pub(crate) bytes: u64,
    pub(crate) span: Span,
}

/// What the thread has of the world outside.
struct Outside {
    /// Asks for resources.
    wanted: UnboundedSender<Vec<Wanted>>,
    /// Has them, in the order in which they were asked for. Gone if nobody waits any more.
    delivered: mpsc::Receiver<Vec<Delivered>>,
    /// What was done so far.
    record: Record,
}

/// The thread, seen from outside.
pub(crate) struct Running {
    pub(crate) wanted: tokio::sync::mpsc::UnboundedReceiver<Vec<Wanted>>,
    pub(crate) delivered: mpsc::Sender<Vec<Delivered>>,
    pub(crate) done: oneshot::Receiver<Result<Painting, Error>>,
}

/// Starts a thread that paints a page.
pub(crate) fn start(painter: Painter, page: Page, record: Record) -> Result<Running, Error> {
    let (ask, wanted) = tokio::sync::mpsc::unbounded_channel();
    let (delivered, deliveries) = mpsc::channel();
    let (finished, done) = oneshot::channel();
    let outside = Outside { wanted: ask, delivered: deliveries, record };
    let stack_bytes = painter.limits.stack_bytes;
    let painting = move || {
        let result = catch_unwind(AssertUnwindSafe(|| work::paint(&painter, &page, &outside)));
        let result = result.unwrap_or_else(|payload| {
            Err(Error::Engine { stage: outside.record.current(), message: said(payload.as_ref()) })
        });
        // Whoever does not wait any more does not want it.
        let _ = finished.send(result);
    };
    let builder = thread::Builder::new().name("pagepaint".to_owned()).stack_size(stack_bytes);
    builder.spawn(painting).map_err(|error| Error::Thread { stack_bytes, reason: error.to_string() })?;
    Ok(Running { wanted, delivered, done })
}

/// What a panic said.
fn said(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied().map(str::to_owned);
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without words".to_owned())
}
