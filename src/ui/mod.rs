//! The full screen: terminal guard, key map, theme, layout and views. Draws from a snapshot only, never awaits the
//! network.
//!
//! - [`run`] (`app`) is the loop; `asking` carries out what it is asked for ([`effect::UiEffect`]).
//! - [`input_events`] gives keys, clicks and the wheel to the dialog, the field or the key map; [`intents`] turns an action
//!   into an effect (with `calls`, [`dial`], `duty`, `navigation`, `panel_intents`); [`needed`] maps it to the program's.
//! - [`state`] is what the screen remembers, [`settings`] what the configuration decided; `reconcile` brings the state in
//!   line with a newer snapshot; `seen` keeps a key with the call it was typed for; `watch` says which list is kept fresh.
//! - [`dialog`] holds the dialogs, [`view`] turns a snapshot into cells; [`labels`] and `who` are the words of both. All of
//!   them are pure.
//! - [`terminal`] owns the terminal and gives it back.

mod alarm;
mod app;
mod asking;
mod calls;
pub mod color;
pub mod dial;
pub mod dialog;
mod duty;
pub mod effect;
pub mod glyphs;
pub mod input;
pub mod input_events;
pub mod intents;
mod journal_filter;
mod keys;
pub mod labels;
mod lists;
mod navigation;
pub mod needed;
mod notify;
pub mod number;
pub mod panel_document;
mod panel_intents;
mod reconcile;
pub mod rich;
mod screen;
mod seen;
pub mod settings;
mod setup;
pub mod state;
mod suspend;
pub mod target;
pub mod terminal;
pub mod text;
pub mod theme;
pub mod view;
mod watch;
mod who;

pub use app::run;
pub use color::profile as color_profile;
pub use notify::kind as notification;
pub use setup::{Exit, UiError, UiSetup};
pub use terminal::guard::{redirect_stderr, restore as restore_terminal};

#[cfg(test)]
mod catalogue_tests;
#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod terminal_tests;
