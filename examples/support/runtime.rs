//! What examples that wait for a network run on.

use std::error::Error;

/// Runs it to its end, all of it on this thread.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, Box<dyn Error>>>) -> Result<T, Box<dyn Error>> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}
