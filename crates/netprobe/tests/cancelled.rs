//! A run that is dropped half-way leaves nothing behind: no task, no socket.

#![cfg(target_os = "linux")]

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use netprobe::Lab;
use netprobe::names::Method;

/// In polls: more than a whole visit of the lab takes.
const PATIENCE: usize = 400;

/// Polls a future so often, then drops it; whether it ended before.
async fn polled<F: Future>(future: F, polls: usize) -> bool {
    let mut left = polls;
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        future.as_mut().poll(context).map(|_| true)
    })
    .await
}

/// This process's sockets, those of the lab's servers among them.
fn sockets() -> usize {
    let descriptors = std::fs::read_dir("/proc/self/fd").expect("a folder").flatten();
    let targets = descriptors.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

/// The lab's servers close their end when they see that ours is closed: a moment later.
async fn wait_for_sockets(expected: usize) {
    let waiting = async {
        while sockets() > expected {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(600), waiting).await;
    assert!(waited.is_ok(), "{} sockets, {expected} before", sockets());
}

// One test: another one's sockets would be counted too.
#[tokio::test]
async fn nothing_remains_of_a_run_that_is_dropped() {
    let lab = Lab::start().expect("a lab");
    let metrics = tokio::runtime::Handle::current().metrics();
    let resolvers = [lab.resolver(), lab.resolver_tls(), lab.resolver_https()];
    let resolvers = resolvers.map(|resolver| Method::Resolver(Some(resolver)));
    for method in resolvers.into_iter().chain([Method::Walk]) {
        let mut probe = lab.probe();
        probe.names.method = method;
        for path in ["/hops", "/bytes/1000000"] {
            let url = lab.url(path);
            // What is read only once is read before anything is counted.
            assert_eq!(probe.run(&url).await.error, None);
            let session = probe.open().expect("a session");
            let (tasks, before) = (metrics.num_alive_tasks(), sockets());
            for polls in 0..PATIENCE {
                let ended = polled(session.forgetful().run(&url), polls).await;
                assert_eq!(metrics.num_alive_tasks(), tasks, "{url} after {polls} polls");
                wait_for_sockets(before).await;
                if ended {
                    break;
                }
            }
        }
    }
}
