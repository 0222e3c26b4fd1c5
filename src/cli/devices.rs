//! `devices`: microphones and speakers.

use super::{CliError, DevicesArgs, Global};
use crate::i18n::text;

/// Lists devices, defaults marked, or tries them.
///
/// # Errors
/// Exit code 1 when the sound system cannot be asked.
pub(super) fn run(_args: &DevicesArgs, global: &Global) -> Result<(), CliError> {
    Err(CliError::failed(text(global.language(), "cli.not_built_in")))
}
