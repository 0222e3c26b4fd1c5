//! The state machine by its stories: what an agent lives through, message by message.

#![allow(clippy::wildcard_enum_match_arm)]

mod breaks;
mod calls;
mod links;
mod overtime;
mod projects;
mod races;
mod random;
mod reminders;
pub(in crate::app) mod rig;
mod sessions;
mod sign_in;
