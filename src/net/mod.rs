//! What both the platform client and the softphone need of TLS and WebSocket: whom to trust, and one way to dial.

pub mod tls;
pub mod ws;
