//! The app-state actor: the only owner of state.
//!
//! [`update`](state) is pure: `State` and an [`Input`] and a [`Now`] give [`Effect`]s, and nothing else happens.
//! The shell around it (`actor`) receives, updates, carries out effects, publishes one [`Snapshot`].
//! Three facts are kept apart: the *agent* (the platform's word), the *call* (its phase and parties), the *links*
//! (event websocket, registration, media). What is allowed, shown and timed is derived from them.

mod command;
mod effect;
mod event;
mod handle;
mod snapshot;

pub use command::*;
pub use effect::*;
pub use event::*;
pub use handle::*;
pub use snapshot::*;
