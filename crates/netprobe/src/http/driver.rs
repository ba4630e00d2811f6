//! Runs hyper's background work inside the probe's own future, so that its time is counted where it belongs and nothing
//! outlives the probe.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where hyper leaves the tasks that it wants run.
#[derive(Clone, Default)]
pub(crate) struct Inbox(Arc<Mutex<Vec<Task>>>);

impl<F: Future + Send + 'static> hyper::rt::Executor<F> for Inbox {
    fn execute(&self, future: F) {
        let task = Box::pin(async move {
            future.await;
        });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }
}

/// The tasks of one connection.
#[derive(Default)]
pub(crate) struct Driver {
    inbox: Inbox,
    running: Vec<Task>,
}

impl Driver {
    pub(crate) fn inbox(&self) -> Inbox {
        self.inbox.clone()
    }

    /// Awaits `future`, and polls the tasks each time that it cannot go on.
    pub(crate) async fn drive<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        std::future::poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(output);
            }
            self.poll_tasks(context);
            future.as_mut().poll(context)
        })
        .await
    }

    fn poll_tasks(&mut self, context: &mut Context<'_>) {
        let mut place = 0;
        loop {
            // A task may leave new ones; they come after it.
            let new = std::mem::take(&mut *self.inbox.0.lock().unwrap_or_else(PoisonError::into_inner));
            self.running.extend(new);
            let Some(task) = self.running.get_mut(place) else { return };
            if task.as_mut().poll(context).is_ready() {
                drop(self.running.remove(place));
            } else {
                place += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::rt::Executor;

    #[tokio::test]
    async fn a_task_of_a_task_runs_and_wakes_the_future() {
        let mut driver = Driver::default();
        let inbox = driver.inbox();
        let (first, received) = tokio::sync::oneshot::channel();
        let outer = inbox.clone();
        outer.execute(async move {
            inbox.execute(async move {
                tokio::task::yield_now().await;
                first.send(7).expect("a receiver");
            });
        });
        assert_eq!(driver.drive(received).await, Ok(7));
    }
}
