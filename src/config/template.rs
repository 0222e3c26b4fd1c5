//! Texts with `{name}` in them, filled in for every call or event: arguments of commands, addresses.
//!
//! What is filled in comes from outside, so it cannot become anything but what stands in that place: no option of a
//! command, no other part of an address.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Longest value that is filled in, characters.
const LONGEST: usize = 1024;

/// What stays as it is in an address (RFC 3986 section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text with places to fill in. `{name}` is one, where `name` is letters, digits and `_`; `{{name}}` is the text
/// `{name}`; any other brace is itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Name(String),
}

impl Template {
    /// Reads a template; there are no wrong ones.
    pub fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            plain.push_str(before);
            if let Some((name, tail)) = after.strip_prefix('{').and_then(|inner| named(inner, "}}")) {
                plain.push_str(&format!("{{{name}}}"));
                rest = tail;
            } else if let Some((name, tail)) = named(after, "}") {
                if !plain.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                }
                parts.push(Part::Name(name.to_owned()));
                rest = tail;
            } else {
                plain.push('{');
                rest = after;
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() || parts.is_empty() {
            parts.push(Part::Text(plain));
        }
        Self(parts)
    }

    /// The names to fill in.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Name(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The text before the first place.
    pub fn beginning(&self) -> &str {
        match self.0.first() {
            Some(Part::Text(text)) => text,
            Some(Part::Name(_)) | None => "",
        }
    }

    /// Filled in as one argument of a command. A value that begins the argument loses its dashes, so that it is never
    /// an option; in an argument that is an address (`https://..`) values are percent-encoded.
    pub fn argument(&self, value: impl Fn(&str) -> String) -> String {
        self.fill(|before, name| {
            let value = printable(&value(name));
            match before {
                before if before.contains("://") => encoded(&value),
                "" => value.trim_start_matches('-').to_owned(),
                _ => value,
            }
        })
    }

    /// Filled in as an address, values percent-encoded.
    pub fn address(&self, value: impl Fn(&str) -> String) -> String {
        self.fill(|_, name| encoded(&printable(&value(name))))
    }

    fn fill(&self, value: impl Fn(&str, &str) -> String) -> String {
        self.0.iter().fold(String::new(), |mut filled, part| {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Name(name) => {
                    let value = value(&filled, name);
                    filled.push_str(&value);
                }
            }
            filled
        })
    }
}

/// A name at the beginning that is closed by `close`, and what comes after.
fn named<'a>(text: &'a str, close: &str) -> Option<(&'a str, &'a str)> {
    let (name, tail) = text.split_once(close)?;
    let fits = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    fits.then_some((name, tail))
}

/// No control characters, not too long.
fn printable(value: &str) -> String {
    value.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

fn encoded(value: &str) -> String {
    // A path's part of dots alone would be a step to another folder, encoded or not.
    if value.chars().all(|c| c == '.') {
        return String::new();
    }
    utf8_percent_encode(value, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(name: &str) -> String {
        match name {
            "number" => "+86 138&x=1".to_owned(),
            "dash" => "--rm".to_owned(),
            "dots" => "..".to_owned(),
            "area" => "北京\u{1b}\n".to_owned(),
            _ => String::new(),
        }
    }

    #[test]
    fn places_are_filled_in() {
        for (template, argument) in [
            ("{number}", "+86 138&x=1"),
            ("n={number} in {area}.", "n=+86 138&x=1 in 北京."),
            ("{dash}", "rm"),
            ("{nothing}{dash}", "rm"),
            ("n={dash}", "n=--rm"),
            ("{other}", ""),
            ("{{number}}", "{number}"),
            ("{ number } {} {number", "{ number } {} {number"),
            ("{name: .Caller, x: {y}}", "{name: .Caller, x: }"),
            ("", ""),
            ("https://crm/?n={number}#{area}", "https://crm/?n=%2B86%20138%26x%3D1#%E5%8C%97%E4%BA%AC"),
        ] {
            assert_eq!(Template::parse(template).argument(values), argument, "{template}");
        }
        assert_eq!(Template::parse("{a}b{c_1}").names().collect::<Vec<_>>(), ["a", "c_1"]);
        assert_eq!(Template::parse("a{b}").beginning(), "a");
        assert_eq!(Template::parse("{b}").beginning(), "");
    }

    #[test]
    fn nothing_filled_into_an_address_is_more_than_a_value() {
        let template = Template::parse("https://crm.example/c/{dots}/{number}?a={area}");
        let address = template.address(values);
        assert_eq!(address, "https://crm.example/c//%2B86%20138%26x%3D1?a=%E5%8C%97%E4%BA%AC");
        assert_eq!(url::Url::parse(&address).unwrap().path(), "/c//%2B86%20138%26x%3D1");
    }
}
