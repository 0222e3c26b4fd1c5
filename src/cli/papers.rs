//! `completions` and `man`: made from the command line's own description.

use std::path::Path;

use super::{CliError, help, print};
use crate::i18n::Locale;

/// The completion script of a shell.
pub(super) fn completions(shell: clap_complete::Shell, locale: Locale) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut help::command(locale), "wincall-tui", &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// The manual page, or a directory with one for every command.
pub(super) fn man(dir: Option<&Path>, locale: Locale) -> Result<(), CliError> {
    if let Some(dir) = dir {
        return clap_mangen::generate_to(help::command(locale), dir)
            .map_err(|error| CliError::failed(format!("{}: {error}", dir.display())));
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(help::command(locale)).render(&mut page).map_err(CliError::failed)?;
    print(&String::from_utf8_lossy(&page))
}
