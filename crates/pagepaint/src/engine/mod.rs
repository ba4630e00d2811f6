//! The engine, blitz, on a thread of its own.
//!
//! It is not to be trusted with what a page does to it: it recurses as deep as the page is, and may panic or never end. So it gets a
//! large stack, a panic ends the thread and nothing else, and whoever waits for it waits no longer than is allowed.

mod asker;
mod boxes;
mod columns;
mod deliver;
mod draw;
mod finish;
mod fonts;
mod load;
mod record;
mod render_tree;
mod sheets;
mod text;
mod work;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use url::Url;

use crate::fetch::Fetched;
use crate::{Error, Page, Painter, Painting};

pub(crate) use record::Record;

/// Resources that the engine waits for.
pub(crate) struct Wishes {
    /// The place of the first of them in the record; the others follow.
    pub(crate) first: usize,
    pub(crate) urls: Vec<Url>,
}

/// What the thread has of the world outside.
struct Outside {
    /// Asks for resources.
    wanted: UnboundedSender<Wishes>,
    /// Has them, in the order in which they were asked for. Gone if nobody waits any more.
    delivered: mpsc::Receiver<Vec<Fetched>>,
    /// What was done so far.
    record: Record,
}

/// The thread, seen from outside.
pub(crate) struct Running {
    pub(crate) wanted: tokio::sync::mpsc::UnboundedReceiver<Wishes>,
    pub(crate) delivered: mpsc::Sender<Vec<Fetched>>,
    pub(crate) done: oneshot::Receiver<Result<Painting, Error>>,
}

/// The name of the engine's threads.
const THREAD_NAME: &str = "pagepaint";

/// Whether this is a thread on which a page is painted. A panic there is caught and becomes [`Error::Engine`], but the process's panic
/// hook has printed it by then. The hook is the program's and not a library's to change; one that wants it quiet asks here:
///
/// ```
/// let usual = std::panic::take_hook();
/// std::panic::set_hook(Box::new(move |panic| {
///     if !pagepaint::is_engine_thread() {
///         usual(panic);
///     }
/// }));
/// ```
#[must_use]
pub fn is_engine_thread() -> bool {
    thread::current().name() == Some(THREAD_NAME)
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
    let builder = thread::Builder::new().name(THREAD_NAME.to_owned()).stack_size(stack_bytes);
    builder.spawn(painting).map_err(|error| Error::Thread { stack_bytes, reason: error.to_string() })?;
    Ok(Running { wanted, delivered, done })
}

/// What a panic said.
fn said(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied().map(str::to_owned);
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without words".to_owned())
}
