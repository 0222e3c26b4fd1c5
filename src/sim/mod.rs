//! The built-in platform, for demos and tests: it speaks the vendor's protocol to any client, ours or the SDK in a
//! browser, over real sockets. It shares no wire code with `cti` or `softphone`.
//!
//! ```text
//! http, web -> commands, lists ---+                      +-> pushes -> push (event websocket)
//! admin ---> calls, people, faults +-> world (one value) -+-> orders -> telephony -> switch (SIP, audio)
//! push, switch events, clock ------+                      +-> replies
//! ```
//!
//! [`Platform`] owns the sockets and tasks; `world` and the files that extend it (`session`, `calls`, `people`,
//! `approvals`, `restrictions`, `projects`, `schedule`, `updates`, `faults`) hold and change the state without doing any
//! I/O.

mod admin;
mod agent_day;
mod approvals;
mod calls;
mod commands;
mod customers;
mod delays;
mod directory;
mod fault;
mod faults;
mod faults_in_force;
mod http;
mod json;
pub mod log;
mod people;
mod platform;
mod projects;
mod push;
mod restrictions;
mod roll;
mod scenario;
mod schedule;
mod session;
mod shared;
mod state;
pub mod switch;
mod telephony;
mod tls;
mod tokens;
mod updates;
mod voice;
mod web;
mod world;

#[cfg(test)]
mod tests;

pub use platform::{Options, Platform, ReadyAgent, ReadyLine};
pub use scenario::shipped;
pub use voice::write_voice;
