//! `sim`: the built-in platform alone.

use super::{CliError, Global, SimArgs};
use crate::i18n::text;

/// Serves until SIGINT or SIGTERM; prints one line of JSON when ready.
///
/// # Errors
/// Exit code 1 when a port is taken or a file cannot be written, 2 for a wrong scenario.
pub(super) fn run(_args: &SimArgs, global: &Global) -> Result<(), CliError> {
    Err(CliError::failed(text(global.language(), "cli.not_built_in")))
}
