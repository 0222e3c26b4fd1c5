//! What a subcommand ends with when it does not end well.

use std::fmt;

/// A message in the program's language, and the exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CliError {
    /// What failed, why, and what to do; empty if it has been said already.
    pub message: String,
    /// 1 or 2.
    pub exit_code: u8,
}

impl CliError {
    /// Failed at run time: exit code 1.
    pub fn failed(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), exit_code: 1 }
    }

    /// Wrong usage or config: exit code 2.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), exit_code: 2 }
    }
}
