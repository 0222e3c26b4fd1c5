//! `completions` and `man`: made from the command line's own description.

use std::path::Path;

use clap::CommandFactory;

use super::{Cli, CliError, print};

/// The completion script of a shell.
pub(super) fn completions(shell: clap_complete::Shell) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "wincall-tui", &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// The manual page, or a directory with one for every command.
pub(super) fn man(dir: Option<&Path>) -> Result<(), CliError> {
    if let Some(dir) = dir {
        return clap_mangen::generate_to(Cli::command(), dir)
            .map_err(|error| CliError::failed(format!("{}: {error}", dir.display())));
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(CliError::failed)?;
    print(&String::from_utf8_lossy(&page))
}
