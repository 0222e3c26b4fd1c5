//! The command line: `args` says what can be typed, `help` says it in Chinese too, one file per subcommand does it, `error` becomes the exit code.
//!
//! Exit codes: 0 done; 1 failed at run time; 2 wrong usage or config. What went wrong is one message on standard error.

mod args;
mod assembly;
mod config;
mod ctl;
mod demo;
mod desktop_entry;
mod devices;
mod doctor;
mod error;
mod exits;
mod global;
mod help;
mod limits;
mod logging;
mod output;
mod papers;
mod run;
mod sim;
mod themes;

use std::process::ExitCode;

pub use args::{Cli, ConfigWord, DemoArgs, DevicesArgs, DoctorArgs, RunArgs, SimArgs, Subcommand, ThemesWord};
pub use error::CliError;
pub use global::Global;
use output::complain;

/// Parses the command line, does what it says, and gives the exit code.
pub fn main() -> ExitCode {
    // Before anything secret can be in memory. That it failed is for the log, which is not open yet.
    let private = limits::keep_memory_private();
    let Cli { global, command } = help::parse();
    let command = command.unwrap_or(Subcommand::Run(RunArgs {}));
    if !matches!(command, Subcommand::Man { .. }) {
        private_files();
    }
    let outcome = match command {
        Subcommand::Run(args) => run::run(&args, &global, private),
        Subcommand::Demo(args) => demo::run(&args, &global),
        Subcommand::Sim(args) => sim::run(&args, &global),
        Subcommand::Ctl(args) => ctl::run(&args, &global),
        Subcommand::Config { word } => config::run(&word, &global),
        Subcommand::Devices(args) => devices::run(&args, &global),
        Subcommand::Doctor(args) => doctor::run(&args, &global),
        Subcommand::Themes { word } => themes::run(word.as_ref(), &global),
        Subcommand::DesktopEntry => desktop_entry::run(),
        Subcommand::Completions { shell } => papers::completions(shell, global.language()),
        Subcommand::Man { dir } => papers::man(dir.as_deref(), global.language()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.message);
            ExitCode::from(error.exit_code)
        }
    }
}

/// Whatever is written (config, log, recordings) is for its owner alone; a manual page is for everybody.
fn private_files() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}
