//! `completions` and `man`: made from the command line's own description.

use std::{fs, io, path::Path};

use clap::{Arg, Command, builder::PossibleValuesParser};
use clap_complete::Shell;
use clap_mangen::Man;

use super::{CliError, help, output::print};
use crate::{control::condition::Condition, i18n::Locale, sim, ui::theme::BUILT_IN};

/// What the program is called on a command line.
const NAME: &str = "wincall-tui";
/// When what the manual says was last looked through; the same for every build of a version.
const MANUAL_DATE: &str = "2026-12-01";
/// Longest line of a manual page where it can be broken, bytes.
const LINE: usize = 80;
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
    let mut command = help::command(locale).disable_help_subcommand(true);
    command.build();
    match dir {
        Some(dir) => pages(&command, dir).map_err(|error| CliError::failed(format!("{}: {error}", dir.display()))),
        None => print(&page(command).map_err(CliError::failed)?.1),
    }
}

/// Writes the page of a command and those of all below it.
fn pages(command: &Command, dir: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        pages(below, dir)?;
    }
    let (name, text) = page(command.clone())?;
    fs::write(dir.join(name), text)
}

/// A command's page: the name of its file, and what is in it.
fn page(command: Command) -> io::Result<(String, String)> {
    let title = command.get_display_name().unwrap_or(command.get_name()).to_uppercase();
    let man =
        Man::new(command).title(title).date(MANUAL_DATE).source(concat!("wincall-tui ", env!("CARGO_PKG_VERSION")));
    let mut text = Vec::new();
    man.render(&mut text)?;
    Ok((man.get_filename(), tidy(&String::from_utf8_lossy(&text))))
}

/// What its generator leaves untidy: blanks at the ends of lines, long lines, breaks beside empty lines.
fn tidy(page: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in page.lines().map(str::trim_end).map(|line| if line.is_empty() { ".sp" } else { line }) {
        let is_order = |line: &str| line.starts_with(['.', '\'']);
        match lines.last_mut() {
            Some(last) if last == ".br" && line == ".sp" => line.clone_into(last),
            Some(last) if last == ".sp" && line == ".br" => {}
            _ if is_order(line) => lines.push(line.to_owned()),
            _ => {
                let mut begun = String::new();
                for word in line.split(' ') {
                    // A word that would be taken for an order stays where it is.
                    if !begun.is_empty() && begun.len() + 1 + word.len() > LINE && !is_order(word) && !word.is_empty() {
                        lines.push(std::mem::take(&mut begun));
                    } else if !begun.is_empty() {
                        begun.push(' ');
                    }
                    begun.push_str(word);
                }
                lines.push(begun);
            }
        }
    }
    lines.push(String::new());
    lines.join("\n")
}
