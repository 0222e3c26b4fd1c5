//! `themes list|show`: the built-in ones and the user's own.

use std::{fs, path::PathBuf};

use super::{CliError, Global, ThemesWord, config::paths, output::print};
use crate::{i18n::Message, ui::theme::BUILT_IN};

/// Does one word; without one, lists.
///
/// # Errors
/// Exit code 1 for a theme that is not there.
pub(super) fn run(word: Option<&ThemesWord>, global: &Global) -> Result<(), CliError> {
    match word {
        None | Some(ThemesWord::List) => {
            let mut names: Vec<String> = BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).collect();
            names.extend(own(global)?.into_iter().map(|(name, path)| format!("{name}  {}", path.display())));
            print(&names.join("\n"))
        }
        Some(ThemesWord::Show { name }) => {
            // A user's own theme stands before a built-in one of the same name.
            if let Some((_, path)) = own(global)?.into_iter().find(|(own, _)| own == name) {
                return match fs::read_to_string(&path) {
                    Ok(text) => print(&text),
                    Err(error) => {
                        let message = Message::new("control.cannot_read").with("path", path.display());
                        Err(CliError::failed(message.with("reason", error).render(global.language())))
                    }
                };
            }
            match BUILT_IN.iter().find(|(built_in, _)| built_in == name) {
                Some((_, text)) => print(text),
                None => {
                    Err(CliError::failed(Message::new("cli.no_theme").with("name", name).render(global.language())))
                }
            }
        }
    }
}

/// The user's own themes, by name.
fn own(global: &Global) -> Result<Vec<(String, PathBuf)>, CliError> {
    let Ok(entries) = fs::read_dir(paths(global)?.themes_dir()) else { return Ok(Vec::new()) };
    let mut themes: Vec<(String, PathBuf)> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path)))
        .collect();
    themes.sort();
    Ok(themes)
}
