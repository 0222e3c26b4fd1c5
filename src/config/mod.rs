//! The TOML config file as typed values.
//!
//! `model` holds the types that the rest of the program reads; `load` turns a file into them and reports every
//! problem with its line and column at once; `default.toml` is the commented file that `config init` writes.

mod model;

pub use model::*;
