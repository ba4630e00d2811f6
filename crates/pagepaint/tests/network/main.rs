//! A page from a server, with all that it asks for.

mod embedded;
mod lab;
mod late;
mod secrets;
mod server;
