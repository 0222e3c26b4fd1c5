//! The state machine by its stories: what an agent lives through, message by message.

#![allow(clippy::wildcard_enum_match_arm)]

mod after_call;
mod auto_answer;
mod binding;
mod breaks;
mod calls;
mod consult;
mod deadlines;
mod devices;
mod echo;
mod found;
mod hanging_up;
mod health;
mod journal;
mod lab;
mod links;
mod look_ups;
mod media;
mod monitor;
mod other_calls;
mod overtime;
mod panel;
mod phone_away;
mod projects;
mod pushes;
mod quit;
mod races;
mod random;
mod random_duties;
mod refusals;
mod rejoin;
mod reminders;
pub(in crate::app) mod rig;
mod sessions;
mod sign_in;
mod take_over;
mod tokens;
mod tones;
mod two_channels;
