//! All that is tested against the lab and against stand-ins on loopback, as one program: the futures of a probe are large, and a program
//! for each file compiles and links them as often as there are files.
//!
//! `cargo test --test lab dns_walk::` runs one file's tests. What stands beside this folder needs a process of its own (`cancelled` counts
//! its sockets) or another build (`http3`).

#[path = "../fuzzed/mod.rs"]
mod fuzzed;

mod balancer;
mod chromium;
mod client_certificate;
mod dns_mutations;
mod dns_oracle;
mod dns_servers;
mod dns_walk;
mod doh;
mod early_data;
mod ech;
mod embedded;
mod faults;
mod followed;
mod healthy;
mod hostile;
mod hostile_h2;
mod keypress;
mod memory;
mod mutated;
mod names;
mod nginx;
mod old_resolvers;
mod path;
mod pictures;
mod proxy;
mod resolvers;
mod reuse;
mod scan;
mod seeds;
mod sites;
mod staple;
mod survey;
mod upload;
mod walks;
