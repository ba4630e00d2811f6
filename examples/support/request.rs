//! What is requested, and where: arguments that several examples share, by curl's names.

use clap::Args;
use netprobe::{ConnectTo, Override, Probe};

/// The request, and the way to its server.
#[derive(Args)]
pub(crate) struct RequestArguments {
    /// An address that is known already; may be given more than once
    #[arg(long, value_name = "HOST:PORT:ADDR")]
    pub(crate) resolve: Vec<Override>,
    /// For requests to the first host and port, connect to the second; what is empty means any, or the request's own
    #[arg(long, value_name = "HOST1:PORT1:HOST2:PORT2")]
    pub(crate) connect_to: Vec<ConnectTo>,
}

impl RequestArguments {
    /// The same probe with what was asked for.
    pub(crate) fn apply(&self, probe: &mut Probe) {
        probe.overrides.extend(self.resolve.iter().cloned());
        probe.connect_to.extend(self.connect_to.iter().cloned());
    }
}
