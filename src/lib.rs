//! # wincall-tui: the call-centre phone bar, in a terminal
//!
//! One street, one way:
//!
//! ```text
//! keys, mouse -> ui::input  -+
//! control socket -> control -+-> Command -> app::actor -> Snapshot -> ui::view -> one frame
//! signals, hooks ------------+              owns State    event stream -> control, hooks, journal
//! cti::link, cti::api -> Event ->           and every  -> Effect -> cti::api, cti::link, softphone, timers
//! softphone, timers   -> Event ->           task
//! ```
//!
//! `docs/architecture.md` says where a key press, a pushed message, an RTP packet and a config option go.
//!
//! Start reading at [`app`]: its `update` is the pure state machine, its vocabularies are the words of the program.
//! [`cti`] and [`softphone`] are the two halves of the outside world, [`ui`] and [`control`] the two ways to ask,
//! [`panel`] and [`hooks`] run what the integrator configured, [`store`] keeps journal and choices on disk; [`sim`] is
//! the built-in platform for demos and tests and shares no wire code with the client.

#![forbid(unsafe_code)]

rust_i18n::i18n!("src/i18n", fallback = "en");

pub mod app;
pub mod cli;
mod clock;
pub mod config;
pub mod control;
pub mod cti;
pub mod domain;
#[cfg(test)]
mod fuzz;
pub mod hooks;
pub mod i18n;
pub mod net;
pub mod panel;
pub mod process;
pub mod sim;
pub mod softphone;
pub mod store;
pub mod ui;
