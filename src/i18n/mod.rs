//! The message catalogue: every string a person sees, in English (`en`) and Chinese (`zh-CN`).
//!
//! The texts lie beside this file, one TOML file per room: a table per message, with a key per language and
//! `%{name}` for what is filled in. State and errors carry a [`Message`] (key and arguments); only the edge turns
//! it into words with [`Message::render`].

mod locale;
mod plain;
mod reason;

use std::fmt;

pub use locale::{Locale, text};
pub use plain::{clean, clean_lines, escape_json, is_harmful};

/// The argument that holds what the system or a library said, in English.
const REASON: &str = "reason";
/// A sound device, which may have no name but the library's own for the system's choice.
const DEVICE: &str = "device";
const ERROR: &str = "error";
/// How a program or a request ended.
const STATUS: &str = "status";

/// A sentence for a person, still without a language: the key of a catalogue text and what is filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    key: &'static str,
    args: Vec<(&'static str, String)>,
}

impl Message {
    /// The message of the catalogue with this key.
    pub fn new(key: &'static str) -> Self {
        Self { key, args: Vec::new() }
    }

    /// Fills in `%{name}`.
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.args.push((name, value.to_string()));
        self
    }

    /// A text that comes from outside (the platform's own words) and is shown as it is, what is harmful taken out.
    pub fn verbatim(text: &str) -> Self {
        Self::new("verbatim").with("text", clean(text))
    }

    /// The key, to compare messages in tests and to keep the same notice from being told twice.
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// The sentence in a language.
    pub fn render(&self, locale: Locale) -> String {
        let text = crate::_rust_i18n_translate(locale.tag(), self.key);
        let (names, values): (Vec<&str>, Vec<String>) = self
            .args
            .iter()
            .map(|(name, value)| match *name {
                name @ (REASON | DEVICE | ERROR | STATUS) => (name, reason::in_words(value, locale)),
                name => (name, value.clone()),
            })
            .unzip();
        rust_i18n::replace_patterns(&text, &names, &values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_said_in_both_languages() {
        let message = Message::verbatim("ok\u{1b}[2J");
        assert_eq!(message.render(Locale::En), "ok[2J");
        assert_eq!(message.render(Locale::ZhCn), "ok[2J");
    }
}
