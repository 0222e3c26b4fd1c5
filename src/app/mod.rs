//! The app-state actor: the only owner of state.
//!
//! [`State::update`] is pure: a [`State`], an [`Input`] and a [`Now`] give [`Effect`]s, and nothing else happens.
//! The shell around it ([`Actor`]) receives, updates, carries out effects and publishes one [`Snapshot`].
//! Three facts are kept apart: the *agent* (the platform's word), the *call* (its phase, its parties, its SIP leg) and
//! the *links* (event websocket, registration, media). What is allowed, shown and timed is derived from them.
//!
//! `update/` has one file per subject; `actions` says what is possible now; `view` makes the snapshot.

mod actions;
mod actor;
mod command;
mod devices;
mod directory;
mod duty;
mod effect;
mod event;
mod handle;
mod health;
mod moment;
mod phone_line;
mod profile;
mod quality_words;
mod snapshot;
mod state;
mod token_file;
mod update;
mod view;
mod world;

pub use crate::panel::PanelContent;
pub use actor::{Actor, World};
pub use command::*;
pub use devices::*;
pub use directory::*;
pub use duty::*;
pub use effect::*;
pub use event::*;
pub use handle::*;
pub use health::*;
pub use phone_line::PhoneLine;
pub use profile::*;
pub use quality_words::*;
pub use snapshot::*;
pub use state::State;
pub(crate) use update::account;
pub use world::LiveWorld;
