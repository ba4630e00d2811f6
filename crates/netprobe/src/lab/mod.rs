//! A small internet on loopback: name servers, a certificate authority, web servers, and everything that can go wrong with them.
//!
//! Every fault has a host of its own, so one lab holds all of them at once and a test only picks a URL.

mod dns;
mod error;
mod fault;
mod hosts;

use std::fmt;
use std::sync::mpsc;
use std::thread;

use tokio::sync::oneshot;

use crate::dns::Walker;
use crate::names::ResolverOptions;

pub use error::LabError;
pub use fault::Fault;

/// A running lab. Its servers live on a thread of their own, so that their work is not taken for the client's, and end when it
/// is dropped.
pub struct Lab {
    servers: Servers,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// What the servers of a lab say about themselves once all of them listen.
#[derive(Debug)]
struct Servers {
    hosts: Vec<hosts::Host>,
    names: dns::NameServers,
}

impl Servers {
    /// Starts everything on the current runtime: each server is a task of it.
    async fn start() -> Result<Self, LabError> {
        let hosts = hosts::hosts();
        let names = dns::NameServers::start(&hosts).await?;
        Ok(Self { hosts, names })
    }
}

impl Lab {
    /// Starts every server. Needs no privileges and takes a few milliseconds.
    ///
    /// # Errors
    /// [`LabError`] if an address cannot be bound, or something cannot be signed.
    pub fn start() -> Result<Self, LabError> {
        let (stop, stopped) = oneshot::channel();
        let (started, servers) = mpsc::sync_channel(1);
        let thread = thread::Builder::new().name("netprobe-lab".to_owned());
        let thread =
            thread.spawn(move || run(&started, stopped)).map_err(|error| LabError::Thread { source: error.into() })?;
        let servers = servers.recv().unwrap_or_else(|_| {
            let source = std::io::Error::other("the thread ended before the servers were up").into();
            Err(LabError::Thread { source })
        })?;
        Ok(Self { servers, stop: Some(stop), thread: Some(thread) })
    }

    /// A walker that starts at the lab's root name server and trusts its key.
    #[must_use]
    pub fn walker(&self) -> Walker {
        self.servers.names.walker()
    }

    /// How the lab's names are resolved: by walking from its root, and nothing else.
    #[must_use]
    pub fn names(&self) -> ResolverOptions {
        ResolverOptions { walker: self.walker(), ..ResolverOptions::default() }
    }

    /// The names of all hosts.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.servers.hosts.iter().map(|host| host.name.as_str())
    }
}

/// The lab's thread: servers until somebody says stop, or forgets the lab.
fn run(started: &mpsc::SyncSender<Result<Servers, LabError>>, stopped: oneshot::Receiver<()>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = started.send(Err(LabError::Thread { source: error.into() }));
            return;
        }
    };
    runtime.block_on(async {
        let servers = Servers::start().await;
        let up = servers.is_ok();
        if started.send(servers).is_ok() && up {
            let _ = stopped.await;
        }
    });
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Lab {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Lab").field("servers", &self.servers).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lab_starts_and_ends() {
        let lab = Lab::start().expect("a lab");
        assert!(lab.hosts().any(|host| host == "www.whiteboard.test"));
        assert!(lab.hosts().any(|host| host == Fault::CnameLoop.host()));
    }
}
