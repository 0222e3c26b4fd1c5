//! The control socket: newline-delimited JSON-RPC 2.0 over a Unix socket, for scripts and integrators (`contract.md`).
//!
//! [`server`] answers for a running phone bar, [`client`] asks (plain blocking I/O, so that `ctl` starts in no time),
//! `rpc` is the envelope, `methods` maps the SDK's method names to commands and `params` checks what comes with them, [`status`] is the snapshot as JSON with
//! its clocks counted up to now, [`condition`] is what `ctl wait` waits for, [`socket`] is where the socket lies.

pub mod client;
pub mod condition;
pub mod server;
pub mod socket;
pub mod status;

mod connection;
mod methods;
mod params;
mod rpc;

/// Longest line that is read, bytes.
const MAX_LINE: usize = 64 * 1024;
