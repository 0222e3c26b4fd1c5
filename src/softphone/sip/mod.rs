//! SIP over WebSocket (RFC 7118): transport, registration, digest, and the one dialog of a call.
