//! From a name to addresses, in the order in which this machine asks.
//!
//! ```text
//! our own cache ──miss──► the machine, in the order of nsswitch.conf ──miss──► the walk from the root, or a resolver
//! (a browser's place)       ├─ files: /etc/hosts
//!                           ├─ dns: what the resolver (the router's, the provider's) has in its cache
//!                           └─ others are named, and not asked
//! ```
//!
//! An entry in the hosts file ends the search, as it does for every program. An answer in the resolver's cache is shown, and the
//! walk is done all the same: this crate is there to show it. [`Method::Resolver`] asks a resolver instead, as programs do: in the
//! clear, inside TLS or over HTTPS ([`Upstream`]). Such a resolver has to be found, connected to and agreed with first: each of these is
//! a step ([`Secured`]).

mod ask;
mod cache;
mod doh;
mod hosts;
mod machine;
mod nsswitch;
mod options;
mod peek;
mod resolution;
mod resolver;
mod secure;
mod site;
mod stub;
mod upstream;

pub use ask::system_resolvers;
pub use cache::CACHE_ENTRIES_MAX;
pub(crate) use doh::MESSAGE;
pub use hosts::{HostsEntry, find_in_hosts};
pub use machine::Machine;
pub use nsswitch::{Found, Service, host_services};
pub use options::{Family, Method, ResolverOptions};
pub use resolution::{CacheLook, Place, Resolution, Source};
pub use resolver::Resolver;
pub use secure::Secured;
pub use stub::Stub;
pub use upstream::{TLS_PORT, Upstream};
