//! A parsed TOML file that remembers where everything stood, with `--set` values laid over it.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// Where something was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Byte offset in the file.
    At(usize),
    /// On the command line, `--set KEY=...`.
    Set(String),
}

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub place: Place,
    pub kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    String(String),
    /// `None`: an integer that 64 bits do not hold.
    Integer(Option<i64>),
    Float(f64),
    Boolean(bool),
    Datetime,
    Array(Vec<Node>),
    Table(Vec<Entry>),
    /// From `--set`: any type that its text can stand for.
    Loose(String),
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub key: String,
    pub place: Place,
    pub value: Node,
}

/// A place where the text is not TOML, and what the parser says of it.
pub(super) type SyntaxError = (Range<usize>, String);

/// Parses a whole file.
///
/// # Errors
/// Every syntax error found, in the order of the file.
pub(super) fn parse(text: &str) -> Result<Vec<Entry>, Vec<SyntaxError>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(entries(table.get_ref()));
    }
    let mut errors: Vec<SyntaxError> =
        errors.iter().map(|e| (e.span().unwrap_or(0..0), e.message().to_owned())).collect();
    errors.sort_by_key(|(span, _)| span.start);
    Err(errors)
}

fn entries(table: &DeTable<'_>) -> Vec<Entry> {
    let mut entries: Vec<(usize, Entry)> = table
        .iter()
        .map(|(key, value)| {
            let at = key.span().start;
            let value = node(value.get_ref(), value.span().start);
            (at, Entry { key: key.get_ref().to_string(), place: Place::At(at), value })
        })
        .collect();
    // The parser's map is sorted by name; lists such as caller IDs and panel fields keep the order of the file.
    entries.sort_by_key(|(at, _)| *at);
    entries.into_iter().map(|(_, entry)| entry).collect()
}

fn node(value: &DeValue<'_>, at: usize) -> Node {
    let kind = match value {
        DeValue::String(text) => Kind::String(text.to_string()),
        DeValue::Integer(integer) => Kind::Integer(i64::from_str_radix(integer.as_str(), integer.radix()).ok()),
        DeValue::Float(float) => Kind::Float(float.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(boolean) => Kind::Boolean(*boolean),
        DeValue::Datetime(_) => Kind::Datetime,
        DeValue::Array(items) => {
            Kind::Array(items.iter().map(|item| node(item.get_ref(), item.span().start)).collect())
        }
        DeValue::Table(table) => Kind::Table(entries(table)),
    };
    Node { place: Place::At(at), kind }
}

/// Lays `--set path.to.key=value` over a file; `same` says whether two spellings name the same key.
///
/// Returns false when a part of the path before the last is a plain value, not a table.
pub(super) fn set(root: &mut Vec<Entry>, path: &str, value: &str, same: fn(&str, &str) -> bool) -> bool {
    let place = Place::Set(path.to_owned());
    let mut parts: Vec<&str> = path.split('.').map(str::trim).collect();
    let Some(last) = parts.pop() else { return false };
    let mut table = root;
    for part in parts {
        if !table.iter().any(|e| same(&e.key, part)) {
            let value = Node { place: place.clone(), kind: Kind::Table(Vec::new()) };
            table.push(Entry { key: part.to_owned(), place: place.clone(), value });
        }
        let Some(Entry { value: Node { kind: Kind::Table(inner), .. }, .. }) =
            table.iter_mut().find(|e| same(&e.key, part))
        else {
            return false;
        };
        table = inner;
    }
    table.retain(|e| !same(&e.key, last));
    let value = Node { place: place.clone(), kind: Kind::Loose(value.to_owned()) };
    table.push(Entry { key: last.to_owned(), place, value });
    true
}

impl Node {
    /// The TOML name of its type, for "found ...".
    pub fn type_name(&self) -> &'static str {
        match &self.kind {
            Kind::String(_) | Kind::Loose(_) => "string",
            Kind::Integer(_) => "integer",
            Kind::Float(_) => "float",
            Kind::Boolean(_) => "boolean",
            Kind::Datetime => "datetime",
            Kind::Array(_) => "array",
            Kind::Table(_) => "table",
        }
    }

    /// The value with a `--set` text read as TOML; a text that is no TOML value is a string.
    pub fn typed(self) -> Node {
        let Kind::Loose(text) = &self.kind else { return self };
        let kind = match DeValue::parse(text.trim()) {
            Ok(value) => node(value.get_ref(), 0).kind,
            Err(_) => Kind::String(text.clone()),
        };
        Node { kind: repossess(kind, &self.place), place: self.place }
    }

    /// The string it is; for a `--set` text the text itself unless it is a quoted TOML string.
    pub fn into_string(self) -> Result<String, Node> {
        match self.kind {
            Kind::String(text) => Ok(text),
            Kind::Loose(text) => match DeValue::parse(text.trim()).map(|v| v.get_ref().as_str().map(str::to_owned)) {
                Ok(Some(quoted)) => Ok(quoted),
                Ok(None) | Err(_) => Ok(text),
            },
            kind @ (Kind::Integer(_)
            | Kind::Float(_)
            | Kind::Boolean(_)
            | Kind::Datetime
            | Kind::Array(_)
            | Kind::Table(_)) => Err(Node { kind, place: self.place }),
        }
    }
}

/// Gives everything inside a `--set` value the place of the `--set`.
fn repossess(kind: Kind, place: &Place) -> Kind {
    match kind {
        Kind::Array(items) => Kind::Array(
            items.into_iter().map(|n| Node { kind: repossess(n.kind, place), place: place.clone() }).collect(),
        ),
        Kind::Table(entries) => Kind::Table(
            entries
                .into_iter()
                .map(|e| Entry {
                    key: e.key,
                    place: place.clone(),
                    value: Node { kind: repossess(e.value.kind, place), place: place.clone() },
                })
                .collect(),
        ),
        other @ (Kind::String(_)
        | Kind::Integer(_)
        | Kind::Float(_)
        | Kind::Boolean(_)
        | Kind::Datetime
        | Kind::Loose(_)) => other,
    }
}
