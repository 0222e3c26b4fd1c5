//! One way to open a WebSocket: own TCP dial, own TLS, an optional subprotocol.
