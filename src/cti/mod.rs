//! The platform's control plane, client side (protocol `cti.md`): HTTP commands, the event websocket, pushed messages.
//!
//! [`api`] sends one command and gives one result; [`link`] is one connection of the event websocket, with its
//! heartbeat and its watch for a silent server; [`push`] turns a pushed frame into a typed message and the SDK's
//! event names. Behind them: `request` and `envelope` are what a command and its answer look like, `client` sends,
//! `parse` holds the tables of pushed messages, `value` reads the platform's loose types, [`codes`] names the codes that make a difference. Nothing here keeps agent or
//! call state, and nothing here reconnects: that is decided in `app`.

pub mod api;
mod client;
pub mod codes;
mod envelope;
pub mod link;
mod parse;
pub mod push;
mod request;
mod value;
