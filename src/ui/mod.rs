//! The full screen: terminal guard, key map, theme, layout and views. Draws from a snapshot only, never awaits the
//! network.
//!
//! [`run`] is the loop. [`press`] and [`act`] turn keys, pastes and clicks into commands ([`calls`], [`dial`]) and into what
//! is looked at ([`look`], [`lists`]), [`view`] turns a snapshot into cells; all of them are pure. [`watch`] says what is to be
//! kept fresh. [`guard`] owns the terminal and gives it back.

pub mod act;
mod alarm;
mod app;
mod asking;
mod calls;
pub mod color;
pub mod dial;
pub mod dialog;
mod duty;
pub mod input;
pub mod keys;
mod lists;
mod look;
mod notify;
mod press;
mod reading;
pub mod rich;
mod screen;
mod seen;
mod setup;
pub mod state;
mod suspend;
pub mod terminal;
pub mod text;
pub mod theme;
pub mod view;
mod watch;

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
