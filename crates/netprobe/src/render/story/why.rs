//! Why there is such a step at all, step by step.

use crate::Phase;

impl Phase {
    /// Why there is such a step.
    #[must_use]
    pub fn why(self) -> &'static str {
        match self {
            Self::Key => {
                "a key closes a circuit, its controller interrupts a processor, and the kernel wakes whoever waits for the character"
            }
            Self::Url => "what was typed says how to talk (scheme), to whom (host, port) and what about (path)",
            Self::Names => "a name means nothing to the network: it carries packets to addresses",
            Self::Site => {
                "a name says where a machine is; an HTTPS record says where a site is, and how it wants to be spoken to"
            }
            Self::Connect => {
                "SYN, SYN-ACK, ACK: three packets, and both sides have agreed to count every byte, so that none is lost"
            }
            Self::Proxy => "the proxy connects in our place, and passes on bytes that it need not understand",
            Self::Tls => {
                "HTTPS: the server proves who it is, and a Diffie-Hellman exchange gives both sides keys that nobody else has"
            }
            Self::Send => "the request itself: a method, a path and headers; small, and so gone at once",
            Self::Upload => "what the server is to have: as fast as the narrowest link on the way there allows",
            Self::Retry => {
                "a server may close a connection at any time, or want to be asked again; a request that it did not act on may be sent again"
            }
            Self::Wait => "a round trip, and the server's work: a load balancer picks a machine, which makes the page",
            Self::Transfer => "the rest of the answer, as fast as the narrowest link on the way allows",
            Self::Decode => "text shrinks to a third, and sending takes longer than unpacking",
            Self::Quic => {
                "the connection and its keys in one handshake: what TCP and TLS need two round trips for takes one"
            }
            Self::Path => {
                "no machine knows the whole way: each router passes a packet on to the next, and tells if it may go no further"
            }
            Self::Html => "text becomes a tree: which element is in which",
            Self::Css => "text becomes rules: which elements look how",
            Self::RenderTree => "each element meets the rules that apply to it; what is not shown drops out",
            Self::Layout => "boxes get their places and sizes, from the width of the window down",
            Self::Paint => "boxes become a list of things to draw, from the back to the front",
            Self::Composite => "the list becomes pixels, layer upon layer",
        }
    }
}
