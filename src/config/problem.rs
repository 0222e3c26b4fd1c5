//! What is wrong with a config file, each problem with its place.

use std::fmt;

use super::tree::Place;
use crate::i18n::{Locale, Message};

/// Everything found wrong with one config file; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors {
    /// The file's name as it was given.
    pub file: String,
    /// The language the file itself asks for, if that much could be read.
    pub locale: Option<Locale>,
    /// The problems in the order of the file.
    pub problems: Vec<Problem>,
}

/// One thing wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: ProblemPlace,
    /// What, why, and what to do.
    pub message: Message,
}

/// An option of the config file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OptionName {
    /// Its table.
    pub table: &'static str,
    /// Its key in the table.
    pub key: String,
}

impl OptionName {
    /// The option with this key in a table.
    pub fn new(table: &'static str, key: &str) -> Self {
        Self { table, key: key.to_owned() }
    }
}

/// Where a problem is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProblemPlace {
    /// The file as a whole: it cannot be read.
    File,
    /// Line and column, both from 1; the column counts characters.
    Line {
        /// Line.
        line: usize,
        /// Column.
        column: usize,
    },
    /// A `--set` on the command line, by its key.
    Set(String),
}

impl ConfigErrors {
    /// One line a problem: `file:line:column: message`.
    pub fn lines(&self, locale: Locale) -> Vec<String> {
        self.problems.iter().map(|p| p.line(&self.file, locale)).collect()
    }

    /// All problems, one a line.
    pub fn render(&self, locale: Locale) -> String {
        self.lines(locale).join("\n")
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(self.locale.unwrap_or_default()))
    }
}

impl Problem {
    /// `file:line:column: message`, or `--set key: message`.
    pub fn line(&self, file: &str, locale: Locale) -> String {
        let message = self.message.render(locale);
        match &self.place {
            ProblemPlace::File => format!("{file}: {message}"),
            ProblemPlace::Line { line, column } => format!("{file}:{line}:{column}: {message}"),
            ProblemPlace::Set(key) => format!("--set {key}: {message}"),
        }
    }
}

/// Collects problems while a file is read.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<(Place, Message)>);

impl Problems {
    /// Notes a problem.
    pub fn add(&mut self, place: Place, message: Message) {
        self.0.push((place, message));
    }

    /// Whether nothing was wrong so far.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems in the order of the file, those of the command line last.
    pub fn placed(mut self, text: &str) -> Vec<Problem> {
        self.0.sort_by_key(|(place, _)| match place {
            Place::At(at) => *at,
            Place::Set(_) => usize::MAX,
        });
        self.0.into_iter().map(|(place, message)| Problem { place: locate(text, place), message }).collect()
    }
}

/// The line and column of a place in a text.
pub(super) fn locate(text: &str, place: Place) -> ProblemPlace {
    match place {
        Place::Set(key) => ProblemPlace::Set(key),
        Place::At(at) => {
            let before = text.get(..at).unwrap_or(text);
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
            ProblemPlace::Line { line, column }
        }
    }
}
