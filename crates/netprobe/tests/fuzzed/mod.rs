//! What each fuzz target of `netprobe` checks, so that ordinary tests check it as well.

pub(crate) mod dns;
pub(crate) mod http;
pub(crate) mod report;
pub(crate) mod tls;
pub(crate) mod url;
