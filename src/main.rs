//! The command line's front door.

use std::process::ExitCode;

fn main() -> ExitCode {
    wincall_tui::cli::main()
}
