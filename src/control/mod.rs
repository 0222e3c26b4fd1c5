//! The control socket: newline-delimited JSON-RPC 2.0 for scripts (`ctl`), and the event stream.
