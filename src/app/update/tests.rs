//! The state machine by its stories: what an agent lives through, message by message.

#![allow(clippy::wildcard_enum_match_arm)]

mod binding;
mod calls;
mod journal;
mod links;
mod look_ups;
mod panel;
mod races;
mod random;
pub(in crate::app) mod rig;
mod sessions;
mod sign_in;
mod take_over;
mod tokens;
