//! Help in the user's language. The English texts are the doc comments of the command line itself; the Chinese ones lie
//! beside this file, keyed by the English.

use std::{collections::HashMap, ffi::OsString, io::Write};

use clap::{Command, CommandFactory, Parser, error::ErrorKind};

use super::Cli;
use crate::i18n::Locale;

/// Chinese by English. Read only when Chinese help is asked for.
const CHINESE: &str = include_str!("help.zh-CN.toml");

/// Headings: of what has none of its own, of commands, and the one of [`Global`](super::Global).
const ARGUMENTS: &str = "参数";
const OPTIONS: &str = "选项";
const COMMANDS: &str = "命令";
const EVERYWHERE: (&str, &str) = ("Options for every command", "通用选项");

/// Parses the command line; help is printed in the language of `--locale`, else of the environment. Ends the program
/// with exit code 0 after help, 2 for wrong usage.
pub(super) fn parse() -> Cli {
    let line: Vec<OsString> = std::env::args_os().collect();
    Cli::try_parse_from(&line).unwrap_or_else(|error| {
        let is_help =
            matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand);
        match asked_for(&line) {
            Locale::ZhCn if is_help => {
                let mut command = Cli::command();
                // Also what clap adds by itself is to be translated.
                command.build();
                match translated(command, &words()).try_get_matches_from(line) {
                    Err(help) => end(&help),
                    Ok(_) => end(&error),
                }
            }
            Locale::ZhCn | Locale::En => end(&error),
        }
    })
}

/// Prints what the parser says and ends the program: with the parser's own exit code, or with 1 if it cannot be written.
fn end(said: &clap::Error) -> ! {
    let code = match said.print().and_then(|()| std::io::stdout().flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => 1,
        Ok(()) | Err(_) => said.exit_code(),
    };
    std::process::exit(code)
}

/// The command line described in a language, for manual pages and completions.
pub(super) fn command(locale: Locale) -> Command {
    match locale {
        Locale::En => Cli::command(),
        Locale::ZhCn => translated(Cli::command(), &words()),
    }
}

/// The language asked for in a line that was not parsed.
fn asked_for(line: &[OsString]) -> Locale {
    let texts: Vec<&str> = line.iter().filter_map(|word| word.to_str()).collect();
    let after = texts.windows(2).find_map(|pair| match pair {
        ["--locale", tag] => Some(*tag),
        _ => None,
    });
    let named = after.or_else(|| texts.iter().find_map(|word| word.strip_prefix("--locale=")));
    named.and_then(Locale::from_tag).unwrap_or_else(Locale::detect)
}

fn words() -> HashMap<String, String> {
    // A test reads the file as well, so that what cannot be read never gets here.
    toml::from_str(CHINESE).unwrap_or_default()
}

fn translated(mut command: Command, words: &HashMap<String, String>) -> Command {
    let chinese = |text: Option<String>| text.and_then(|text| words.get(&text).cloned());
    if let Some(about) = chinese(command.get_about().map(ToString::to_string)) {
        command = command.about(about);
    }
    command
        .help_template("{about-with-newline}\n用法：{usage}\n\n{all-args}")
        .subcommand_help_heading(COMMANDS)
        .mut_args(|arg| {
            let heading = match arg.get_help_heading() {
                Some(heading) if heading == EVERYWHERE.0 => EVERYWHERE.1,
                _ if arg.is_positional() => ARGUMENTS,
                _ => OPTIONS,
            };
            let arg_help = chinese(arg.get_help().map(ToString::to_string));
            let arg = arg.help_heading(heading);
            match arg_help {
                Some(help) => arg.help(help),
                None => arg,
            }
        })
        .mut_subcommands(|word| translated(word, words))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every text that help shows, of a command and of all below it.
    fn texts(command: &Command, all: &mut BTreeSet<String>) {
        all.extend(command.get_about().map(ToString::to_string));
        for arg in command.get_arguments() {
            all.extend(arg.get_help().map(ToString::to_string));
            assert!(
                arg.get_help_heading().is_none_or(|heading| heading == EVERYWHERE.0),
                "{:?}",
                arg.get_help_heading()
            );
        }
        for word in command.get_subcommands() {
            texts(word, all);
        }
    }

    #[test]
    fn every_text_of_the_help_is_there_in_chinese_and_none_lies_unused() {
        let mut command = Cli::command();
        command.build();
        let mut english = BTreeSet::new();
        texts(&command, &mut english);
        let words: HashMap<String, String> = toml::from_str(CHINESE).unwrap();
        let missing: Vec<&String> = english.iter().filter(|text| !words.contains_key(*text)).collect();
        assert!(missing.is_empty(), "no Chinese for {missing:#?}");
        let unused: Vec<&String> = words.keys().filter(|text| !english.contains(*text)).collect();
        assert!(unused.is_empty(), "nothing says {unused:#?}");
    }

    #[test]
    fn chinese_help_is_chinese_from_the_first_word_to_the_last() {
        let mut command = Cli::command();
        command.build();
        let mut command = translated(command, &words());
        let dial = command.find_subcommand_mut("ctl").and_then(|ctl| ctl.find_subcommand_mut("dial")).unwrap();
        let help = dial.render_help().to_string();
        for part in ["用法：", "参数:", "选项:", "外线"] {
            assert!(help.contains(part), "{part} in\n{help}");
        }
        for english in ["Usage", "Options", "Arguments", "Print", "Call "] {
            assert!(!help.contains(english), "{english} in\n{help}");
        }
    }

    #[test]
    fn the_language_is_that_of_the_line() {
        let line = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        assert_eq!(asked_for(&line(&["wincall-tui", "--locale", "zh-CN", "--help"])), Locale::ZhCn);
        assert_eq!(asked_for(&line(&["wincall-tui", "ctl", "--help", "--locale=en"])), Locale::En);
    }
}
