//! A web server that can be stopped and started again.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::secure::Secure;
use super::{listen, port, serve};
use crate::lab::LabError;

/// One of several servers with the same pages.
#[derive(Debug)]
pub(in super::super) struct Replica {
    pub(in super::super) address: SocketAddr,
    secure: Arc<Secure>,
    running: Option<JoinHandle<()>>,
}

impl Replica {
    /// Starts as a task of the current runtime.
    pub(super) fn new(secure: Secure) -> Result<Self, LabError> {
        let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port(&listener)));
        let mut replica = Self { address, secure: Arc::new(secure), running: None };
        replica.run(listener);
        Ok(replica)
    }

    /// Starts again at the old address, if it is stopped.
    pub(in super::super) fn start(&mut self) -> Result<(), LabError> {
        if self.running.is_none() {
            self.run(listen(self.address)?);
        }
        Ok(())
    }

    /// Ends it, and every connection to it. Nobody listens any more when this is done.
    pub(in super::super) async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
            let _ = running.await;
        }
    }

    fn run(&mut self, listener: TcpListener) {
        let secure = Arc::clone(&self.secure);
        self.running = Some(serve(listener, move |stream| Arc::clone(&secure).connection(stream)));
    }
}
