//! `completions` and `man`: made from the command line's own description.

use std::path::Path;

use clap::{Arg, Command, builder::PossibleValuesParser};
use clap_complete::Shell;

use super::{CliError, help, print};
use crate::{control::condition::Condition, i18n::Locale, sim, ui::theme::BUILT_IN};

/// What the program is called on a command line.
const NAME: &str = "wincall-tui";
/// Languages by their tags.
const LOCALES: [&str; 2] = ["zh-CN", "en"];

/// The completion script of a shell.
pub(super) fn completions(shell: Shell, locale: Locale) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut with_values(help::command(locale)), NAME, &mut script);
    let script = String::from_utf8_lossy(&script);
    print(&if shell == Shell::Bash { mended(&script) } else { script.into_owned() })
}

/// Names that stand for values without being the only ones that are taken: where they are checked, more is allowed.
fn with_values(command: Command) -> Command {
    let themes: Vec<&'static str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
    let prints_theme = command.get_name() == "show";
    command.mut_args(move |arg| offer(arg, &themes, prints_theme)).mut_subcommands(with_values)
}

fn offer(arg: Arg, themes: &[&'static str], prints_theme: bool) -> Arg {
    match arg.get_id().as_str() {
        "locale" => arg.value_parser(PossibleValuesParser::new(LOCALES)),
        "name" if prints_theme => arg.value_parser(PossibleValuesParser::new(themes.iter().copied())),
        "theme" => arg.value_parser(PossibleValuesParser::new(themes.iter().copied())),
        "scenario" => arg.value_parser(PossibleValuesParser::new(sim::shipped())),
        "condition" => arg.value_parser(PossibleValuesParser::new(Condition::words())),
        _ => arg,
    }
}

/// The script for bash as its generator means it. The generator takes the dash of our name for one between a word and the
/// next where it says what follows a word, but not where it looks for the word: below the first word nothing matches.
/// And of a value that may be a name or a file it offers the names alone.
fn mended(script: &str) -> String {
    let (looked_for, written) = (NAME.replace('-', "__"), NAME.replace('-', "__subcmd__"));
    let names = format!("$(compgen -W \"{}\" -- \"${{cur}}\")", sim::shipped().join(" "));
    let or_files = format!("{names} $(compgen -f -- \"${{cur}}\")");
    script.replace(&written, &looked_for).replace(&names, &or_files)
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
