//! The TOML config file as typed values.
//!
//! `model` holds the types that the rest of the program reads; [`load`] turns a file into them and reports every
//! problem with its line and column at once (`tree` keeps the places, `keys` knows the names, `section` the types,
//! `fill`, `tables`, `ice` and `proxy` the meaning); `template` fills in arguments and addresses; [`token`] gets the token, [`paths`] says where things are, [`show`] prints what counts;
//! [`DEFAULT`] is the commented file that `config init` writes.

pub mod load;
pub mod paths;
pub mod show;
pub mod token;

mod color;
mod ear;
mod fill;
mod ice;
mod keys;
mod model;
mod problem;
mod proxy;
mod section;
mod tables;
mod template;
mod tree;

pub use ear::Ear;
pub use model::*;
pub use problem::{ConfigErrors, OptionName, Problem, ProblemPlace};
pub use proxy::{ProxyChoice, ProxyLogin};
pub use template::Template;

/// A commented config file with every option.
pub const DEFAULT: &str = include_str!("default.toml");
