//! TURN over TCP and TLS. The `webrtc` crate speaks TURN over UDP only (0.21); the messages are the same over a stream. So
//! it is given an address that stands for the server, and [`socket`], which the runtime puts around its UDP sockets,
//! carries what goes there over a [`lane`], a stream of its own. [`framing`] knows where messages begin and end,
//! [`outbox`] what may wait.
//!
//! What such a server sees of us is the address of a TCP connection, useless for UDP: nobody asks it for one.

mod framing;
mod lane;
mod outbox;
mod server;
mod socket;

pub use server::StreamServer;
pub use socket::StreamSocket;
