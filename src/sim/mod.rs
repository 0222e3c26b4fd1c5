//! The built-in platform, for demos and tests: it speaks the vendor's protocol to any client, ours or the SDK in a
//! browser, over real sockets. It shares no wire code with `cti` or `softphone`.

pub mod log;
pub mod switch;
