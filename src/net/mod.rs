//! What both the platform client and the softphone need of TLS and WebSocket: whom to trust, and one way to dial.
//!
//! [`tls`] decides which certificates are accepted, [`proxy`] which proxy a connection goes through; [`dialer`] opens
//! connections by both, on the TCP connections of `dial`. [`ws`] opens a WebSocket, [`stream`] a bare connection for packets
//! of sound, [`fault`] turns what the network said into words, [`may_log`] keeps what travels over the wire out of the log.
//! [`netem`] is a bad network on paper, [`changes`] tells when this machine is in another one.

pub mod changes;
mod dial;
pub mod dialer;
pub mod fault;
pub mod netem;
pub mod proxy;
pub mod stream;
#[cfg(test)]
pub(crate) mod testing;
pub mod tls;
pub mod ws;

use tracing::Level;

/// Whether a log line may be kept. The log must be filtered with this besides its level: some libraries print every
/// byte that travels, and with them tokens and `Authorization` headers, at TRACE or, with SIP, already at DEBUG.
///
/// To be used as `tracing_subscriber::filter::filter_fn(net::may_log)`.
pub fn may_log(line: &tracing::Metadata<'_>) -> bool {
    let library = line.target().split("::").next().unwrap_or_default();
    let most = match library {
        "tungstenite" | "tokio_tungstenite" | "reqwest" | "hyper" | "hyper_util" => Level::DEBUG,
        _ => Level::TRACE,
    };
    *line.level() <= most
}
