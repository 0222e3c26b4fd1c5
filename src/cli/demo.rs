//! `demo`: the built-in platform and the phone bar in one process.

use super::{CliError, DemoArgs, Global};
use crate::i18n::text;

/// Starts the built-in platform on loopback ports and the phone bar on it.
///
/// # Errors
/// Exit code 1 when no port or no screen can be had.
pub(super) fn run(_args: &DemoArgs, global: &Global) -> Result<(), CliError> {
    Err(CliError::failed(text(global.language(), "cli.not_built_in")))
}
