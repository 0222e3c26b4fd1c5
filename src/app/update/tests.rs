//! The state machine by its stories: what an agent lives through, message by message.

#![allow(clippy::wildcard_enum_match_arm)]

mod after_call;
mod auto_answer;
mod binding;
mod calls;
mod consult;
mod found;
mod hanging_up;
mod journal;
mod links;
mod look_ups;
mod monitor;
mod panel;
mod pushes;
mod races;
mod random;
mod refusals;
mod rejoin;
pub(in crate::app) mod rig;
mod sessions;
mod sign_in;
mod take_over;
mod tokens;
