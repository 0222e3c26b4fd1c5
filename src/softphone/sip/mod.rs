//! SIP over WebSocket (RFC 7118): one registration, and the one dialog of a call.
//!
//! `agent` decides, without I/O: frames, commands, media results and time in, frames and events out. It uses `message`
//! (text to headers and back), `body`, `registration` (with `binding` and `outage`), `call` (a dialog), `timer` and `reliable` (RFC 4028, RFC 3262), `digest`
//! and `identity`. `link` is the WebSocket.
//!
//! The transactions are our own, and few: over a reliable transport nothing is sent again but a 200 to INVITE and a
//! 180 that must arrive, we answer calls and never place one, and REGISTER, BYE, re-INVITE and UPDATE are all we ever ask. The layers of `rsipstack` would have to be kept
//! from resolving names, dialling and rewriting our Contact; its reader drops the body of a message without
//! Content-Length (legal here, RFC 7118 5), a request whose method it does not know and one whose request URI has a
//! `transport` it does not know, all of which must be answered; and it writes URIs back in another form than they came.

mod agent;
mod binding;
mod body;
mod bye;
mod call;
mod digest;
mod headers;
mod identity;
mod link;
mod message;
mod outage;
mod outgoing;
mod registration;
mod reliable;
mod session_timer;
mod timers;

pub(super) use agent::{Agent, Job, JobResult, Output, Task};
pub(super) use link::{Link, LinkEvent};
