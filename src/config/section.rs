//! One table of the config file, read key by key; what is wrong is noted with its place and reading goes on.

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
    time::Duration,
};

use url::Url;

use super::{
    keys,
    problem::Problems,
    tree::{Entry, Kind, Node, Place},
};
use crate::i18n::Message;

/// What every table of one file shares.
pub(super) struct Reading<'a> {
    /// Directory that relative paths start from.
    pub base: &'a Path,
    /// The user's home, for `~/`.
    pub home: Option<PathBuf>,
    /// What was found wrong so far.
    pub problems: RefCell<Problems>,
}

impl Reading<'_> {
    pub fn problem(&self, place: Place, message: Message) {
        self.problems.borrow_mut().add(place, message);
    }

    /// A path of the file: `~/` is the home, relative ones start at the file's directory.
    fn resolve(&self, path: &str) -> PathBuf {
        match (path.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            (Some(_) | None, _) => self.base.join(path),
        }
    }
}

/// A table, its keys in this program's spelling.
pub(super) struct Section<'a> {
    name: &'static str,
    reading: &'a Reading<'a>,
    values: Vec<(&'static str, Node)>,
}

impl<'a> Section<'a> {
    /// Sorts a table's entries by known key; unknown and doubled keys become problems here.
    pub fn new(name: &'static str, entries: Vec<Entry>, reading: &'a Reading<'a>) -> Self {
        let mut section = Self { name, reading, values: Vec::new() };
        for entry in entries {
            let canonical = keys::canonical(&entry.key);
            match keys::of(name).iter().copied().find(|known| *known == canonical) {
                Some(known) if section.values.iter().any(|(key, _)| *key == known) => {
                    section
                        .problem(entry.place, Message::new("config.twice").with("key", entry.key).with("known", known));
                }
                Some(known) => section.values.push((known, entry.value)),
                None => section.unknown(entry, &canonical),
            }
        }
        section
    }

    /// A table within this one, such as an item of an array.
    pub fn inner(&self, name: &'static str, entries: Vec<Entry>) -> Section<'a> {
        Section::new(name, entries, self.reading)
    }

    fn unknown(&self, entry: Entry, canonical: &str) {
        let message = if let Some((_, key)) = keys::ELSEWHERE.iter().find(|(name, _)| *name == canonical) {
            Message::new(key).with("key", entry.key)
        } else if let Some(home) = keys::home(canonical, self.name) {
            let message = if home == keys::TOP { "config.belongs_at_top" } else { "config.belongs_in" };
            Message::new(message).with("key", entry.key).with("table", home)
        } else {
            let nearest = keys::nearest(self.name, &entry.key).unwrap_or_default();
            let message = if self.name == keys::TOP { "config.unknown" } else { "config.unknown_in" };
            Message::new(message).with("key", entry.key).with("nearest", nearest).with("table", self.name)
        };
        self.problem(entry.place, message);
    }

    pub fn problem(&self, place: Place, message: Message) {
        self.reading.problem(place, message);
    }

    fn wrong(&self, expected: &'static str, key: &str, node: &Node) {
        let message = Message::new(expected).with("key", key).with("found", node.type_name());
        self.problem(node.place.clone(), message);
    }

    /// Where a key's value stands, if it is given and not read yet.
    pub fn place(&self, key: &str) -> Option<Place> {
        self.values.iter().find(|(name, _)| *name == key).map(|(_, node)| node.place.clone())
    }

    /// The value of a key as it is.
    pub fn take(&mut self, key: &'static str) -> Option<Node> {
        let at = self.values.iter().position(|(name, _)| *name == key)?;
        Some(self.values.swap_remove(at).1)
    }

    /// A table inside this one; an absent one has no entries.
    pub fn table(&mut self, key: &'static str) -> Vec<Entry> {
        match self.take(key).map(Node::typed) {
            None => Vec::new(),
            Some(Node { kind: Kind::Table(entries), .. }) => entries,
            Some(other) => {
                self.wrong("config.expected_table", key, &other);
                Vec::new()
            }
        }
    }

    /// A string; blanks around it do not count, and an empty one is an error.
    pub fn string(&mut self, key: &'static str) -> Option<(String, Place)> {
        let node = self.take(key)?;
        let place = node.place.clone();
        match node.into_string() {
            Ok(text) if text.trim().is_empty() => {
                self.problem(place, Message::new("config.empty").with("key", key));
                None
            }
            Ok(text) if text.chars().any(char::is_control) => {
                self.problem(place, Message::new("config.control_character").with("key", key));
                None
            }
            Ok(text) => Some((text.trim().to_owned(), place)),
            Err(Node { kind: Kind::Integer(Some(number)), .. }) => {
                self.problem(place, Message::new("config.number_needs_quotes").with("key", key).with("value", number));
                None
            }
            Err(node) => {
                self.wrong("config.expected_string", key, &node);
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'static str) -> Option<bool> {
        match self.take(key)?.typed() {
            Node { kind: Kind::Boolean(value), .. } => Some(value),
            other => {
                self.wrong("config.expected_boolean", key, &other);
                None
            }
        }
    }

    /// A number in a range.
    pub fn number(&mut self, key: &'static str, least: f64, most: f64) -> Option<f64> {
        let node = self.take(key)?.typed();
        let number = match &node.kind {
            Kind::Integer(Some(value)) => *value as f64,
            Kind::Float(value) => *value,
            Kind::String(_)
            | Kind::Integer(None)
            | Kind::Boolean(_)
            | Kind::Datetime
            | Kind::Array(_)
            | Kind::Table(_)
            | Kind::Loose(_) => {
                self.wrong_range("config.expected_number", key, least, most, node.type_name(), node.place);
                return None;
            }
        };
        if (least..=most).contains(&number) {
            return Some(number);
        }
        self.wrong_range("config.out_of_range", key, least, most, &number.to_string(), node.place);
        None
    }

    /// A whole number in a range.
    pub fn whole(&mut self, key: &'static str, least: u16, most: u16) -> Option<u16> {
        let place = self.place(key)?;
        let number = self.number(key, least.into(), most.into())?;
        if number.fract() == 0.0 {
            return Some(number as u16);
        }
        let found = number.to_string();
        self.wrong_range("config.expected_whole", key, least.into(), most.into(), &found, place);
        None
    }

    fn wrong_range(&self, message: &'static str, key: &str, least: f64, most: f64, found: &str, place: Place) {
        let message = Message::new(message).with("key", key).with("least", least).with("most", most);
        self.problem(place, message.with("found", found));
    }

    /// A duration: whole milliseconds, or a string such as "30m" or "1h 30m".
    pub fn duration(&mut self, key: &'static str) -> Option<Duration> {
        let node = self.take(key)?.typed();
        match &node.kind {
            Kind::Integer(Some(ms)) if *ms >= 0 => return Some(Duration::from_millis(ms.unsigned_abs())),
            Kind::String(text) => {
                if let Ok(duration) = humantime::parse_duration(text.trim()) {
                    return Some(duration);
                }
                let message = Message::new("config.bad_duration").with("key", key).with("value", text);
                self.problem(node.place, message);
            }
            Kind::Integer(_)
            | Kind::Float(_)
            | Kind::Boolean(_)
            | Kind::Datetime
            | Kind::Array(_)
            | Kind::Table(_)
            | Kind::Loose(_) => self.wrong("config.expected_duration", key, &node),
        }
        None
    }

    /// A URL with one of the schemes; `//host` means the last of them (the secure one).
    pub fn url(&mut self, key: &'static str, schemes: [&'static str; 2]) -> Option<Url> {
        let (text, place) = self.string(key)?;
        self.parse_url(key, &text, place, schemes)
    }

    /// The text of a key as such a URL.
    pub fn parse_url(&self, key: &str, text: &str, place: Place, schemes: [&'static str; 2]) -> Option<Url> {
        let [plain, secure] = schemes;
        let full = if text.starts_with("//") { format!("{secure}:{text}") } else { text.to_owned() };
        let reason = match Url::parse(&full) {
            Ok(url) if !schemes.contains(&url.scheme()) => Message::new("config.wrong_scheme"),
            Ok(url) if url.host_str().is_none_or(str::is_empty) => Message::new("config.bad_url"),
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                // The text is not repeated: it holds a password.
                self.problem(place, Message::new("config.url_with_password").with("key", key));
                return None;
            }
            Ok(url) => return Some(url),
            Err(_) if !text.contains("://") => Message::new("config.wrong_scheme"),
            Err(_) => Message::new("config.bad_url"),
        };
        let shown = text.split(['?', '@']).next().unwrap_or_default();
        self.problem(place, reason.with("key", key).with("value", shown).with("plain", plain).with("secure", secure));
        None
    }

    /// A path, made absolute.
    pub fn path(&mut self, key: &'static str) -> Option<(PathBuf, Place)> {
        let (text, place) = self.string(key)?;
        Some((self.reading.resolve(&text), place))
    }

    /// A file that must be there now.
    pub fn existing_file(&mut self, key: &'static str) -> Option<PathBuf> {
        let (path, place) = self.path(key)?;
        match std::fs::metadata(&path) {
            Ok(meta) if !meta.is_dir() => return Some(path),
            Ok(_) => {
                let message = Message::new("config.is_a_directory").with("key", key).with("path", path.display());
                self.problem(place, message);
            }
            Err(error) => {
                let message = Message::new("config.no_file").with("key", key).with("path", path.display());
                self.problem(place, message.with("reason", error));
            }
        }
        None
    }

    /// One of a few words, whatever their case.
    pub fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let (text, place) = self.string(key)?;
        self.pick(key, &text, place, choices)
    }

    fn pick<T: Copy>(&self, key: &str, text: &str, place: Place, choices: &[(&str, T)]) -> Option<T> {
        let found = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, value)| *value);
        if found.is_none() {
            let words = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
            let message = Message::new("config.not_a_choice").with("key", key).with("value", text);
            self.problem(place, message.with("choices", words));
        }
        found
    }

    /// A list of such words, without repetition; an empty list is an error.
    pub fn choices<T: Copy + PartialEq>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<Vec<T>> {
        let place = self.place(key)?;
        let mut picked = Vec::new();
        for node in self.items(key, "config.expected_strings")? {
            let place = node.place.clone();
            match node.into_string() {
                Ok(text) => {
                    let value = self.pick(key, &text, place, choices)?;
                    if !picked.contains(&value) {
                        picked.push(value);
                    }
                }
                Err(node) => {
                    self.wrong("config.expected_strings", key, &node);
                    return None;
                }
            }
        }
        if picked.is_empty() {
            self.problem(place, Message::new("config.empty").with("key", key));
            return None;
        }
        Some(picked)
    }

    /// The items of an array.
    pub fn items(&mut self, key: &'static str, expected: &'static str) -> Option<Vec<Node>> {
        match self.take(key)?.typed() {
            Node { kind: Kind::Array(items), .. } => Some(items),
            other => {
                self.wrong(expected, key, &other);
                None
            }
        }
    }

    /// A command: program and arguments as an array, or one string without quoting that is split at blanks.
    pub fn command(&mut self, key: &'static str) -> Option<Vec<String>> {
        let node = self.take(key)?.typed();
        self.argv(key, node)
    }

    /// A node as a command.
    pub fn argv(&self, key: &str, node: Node) -> Option<Vec<String>> {
        let place = node.place.clone();
        let argv = match node.kind {
            Kind::String(line) if line.contains(['"', '\'', '\\', '$', '|', '<', '>', ';', '&', '`', '*']) => {
                self.problem(place, Message::new("config.command_needs_array").with("key", key));
                return None;
            }
            Kind::String(line) => line.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
            Kind::Array(items) => match items.into_iter().map(Node::into_string).collect::<Result<Vec<_>, _>>() {
                Ok(argv) => argv,
                Err(node) => {
                    self.wrong("config.expected_command", key, &node);
                    return None;
                }
            },
            kind @ (Kind::Integer(_)
            | Kind::Float(_)
            | Kind::Boolean(_)
            | Kind::Datetime
            | Kind::Table(_)
            | Kind::Loose(_)) => {
                self.wrong("config.expected_command", key, &Node { kind, place });
                return None;
            }
        };
        if argv.first().is_none_or(|program| program.trim().is_empty()) {
            self.problem(place, Message::new("config.empty").with("key", key));
            return None;
        }
        Some(argv)
    }

    /// A `[keys]` value: one key or several.
    pub fn key_names(&self, key: &str, node: Node) -> Option<Vec<String>> {
        let node = node.typed();
        let place = node.place.clone();
        match node.kind {
            Kind::String(one) => Some(vec![one]),
            Kind::Array(items) => match items.into_iter().map(Node::into_string).collect() {
                Ok(names) => Some(names),
                Err(node) => {
                    self.wrong("config.expected_keys", key, &node);
                    None
                }
            },
            kind @ (Kind::Integer(_)
            | Kind::Float(_)
            | Kind::Boolean(_)
            | Kind::Datetime
            | Kind::Table(_)
            | Kind::Loose(_)) => {
                self.wrong("config.expected_keys", key, &Node { kind, place });
                None
            }
        }
    }
}
