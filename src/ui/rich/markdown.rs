//! A subset of Markdown, line by line: headings, emphasis, code, lists, quotes, rules, and links as text. What is not
//! understood is shown as it is written.

use ratatui::style::{Modifier, Style};

use super::block::{Block, Piece, clean};
use crate::ui::theme::Scope;

/// Deepest indentation of a list that is kept, cells.
const DEEPEST: usize = 8;

/// The lines of a text.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut in_code = false;
    let mut blocks = Vec::new();
    for line in text.trim_end().lines() {
        if line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~") {
            in_code = !in_code;
            continue;
        }
        blocks.push(if in_code { code_line(line) } else { block(line) });
    }
    blocks
}

fn code_line(line: &str) -> Block {
    let text = clean(line);
    Block::Line { first: "  ".into(), pieces: vec![Piece { text, scope: Some(Scope::Accent), ..Piece::default() }] }
}

fn block(line: &str) -> Block {
    let line = clean(line);
    let text = line.trim_start();
    let indent = (line.len() - text.len()).min(DEEPEST);
    let text = text.trim_end();
    let plain = Style::new();
    if is_rule(text) {
        return Block::Rule;
    }
    let hashes = text.len() - text.trim_start_matches('#').len();
    if let (1..=6, Some(heading)) = (hashes, text.get(hashes..).and_then(|rest| rest.strip_prefix(' '))) {
        let heading = heading.trim().trim_end_matches('#').trim_end();
        let mut pieces = inline(heading, plain);
        for piece in &mut pieces {
            piece.scope = Some(Scope::Strong);
        }
        return Block::Line { first: String::new(), pieces };
    }
    if let Some(quoted) = text.strip_prefix('>') {
        let mut pieces = inline(quoted.trim_start(), plain);
        for piece in &mut pieces {
            piece.scope = Some(Scope::Dim);
        }
        return Block::Line { first: "> ".into(), pieces };
    }
    let bullet = ["- ", "* ", "+ "].iter().find_map(|mark| text.strip_prefix(mark));
    if let Some(point) = bullet {
        let (mark, point) = match point.trim_start() {
            point if point.starts_with("[ ] ") => ("[ ] ", point.get(4..).unwrap_or_default()),
            point if point.starts_with("[x] ") || point.starts_with("[X] ") => {
                ("[x] ", point.get(4..).unwrap_or_default())
            }
            point => ("- ", point),
        };
        return Block::Line { first: format!("{}{mark}", " ".repeat(indent)), pieces: inline(point, plain) };
    }
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    if (1..=3).contains(&digits)
        && let Some((number, rest)) = text.split_at_checked(digits)
        && let Some(point) = rest.strip_prefix(". ").or_else(|| rest.strip_prefix(") "))
    {
        return Block::Line {
            first: format!("{}{number}. ", " ".repeat(indent)),
            pieces: inline(point.trim_start(), plain),
        };
    }
    Block::Line { first: String::new(), pieces: inline(text, plain) }
}

fn is_rule(text: &str) -> bool {
    let marks: String = text.chars().filter(|c| *c != ' ').collect();
    marks.len() >= 3 && ['-', '*', '_'].iter().any(|mark| marks.chars().all(|c| c == *mark))
}

/// Emphasis, code and links within a line.
fn inline(text: &str, style: Style) -> Vec<Piece> {
    let mut reader = Inline { pieces: Vec::new(), plain: String::new() };
    reader.read(text, style, 0);
    reader.close(style);
    reader.pieces
}

/// What is marked up is not longer than this, bytes: whatever comes, reading it takes no time worth naming.
const FAR: usize = 500;

/// Emphasis within emphasis goes no deeper.
const NESTED: usize = 4;

struct Inline {
    pieces: Vec<Piece>,
    plain: String,
}

impl Inline {
    fn close(&mut self, style: Style) {
        if !self.plain.is_empty() {
            let text = std::mem::take(&mut self.plain);
            self.pieces.push(Piece { text, style, ..Piece::default() });
        }
    }

    fn read(&mut self, text: &str, style: Style, depth: usize) {
        let mut rest = text;
        let mut before = ' ';
        while let Some(c) = rest.chars().next() {
            if let Some(after) = self.marked(rest, before, style, depth) {
                before = ' ';
                rest = after;
                continue;
            }
            let mut taken = c;
            let mut after = rest.get(c.len_utf8()..).unwrap_or_default();
            // A backslash takes a mark's meaning away.
            if c == '\\'
                && let Some(mark) = after.chars().next().filter(char::is_ascii_punctuation)
            {
                taken = mark;
                after = after.get(mark.len_utf8()..).unwrap_or_default();
            }
            self.plain.push(taken);
            before = taken;
            rest = after;
        }
    }

    /// Reads what is marked up at the beginning of a text; returns what comes after it.
    fn marked<'a>(&mut self, rest: &'a str, before: char, style: Style, depth: usize) -> Option<&'a str> {
        if let Some((code, after)) = rest.strip_prefix('`').and_then(|inner| closed_by(inner, "`")) {
            if code.is_empty() {
                return None;
            }
            self.close(style);
            self.pieces.push(Piece { text: code.to_owned(), scope: Some(Scope::Accent), style, number: None });
            return Some(after);
        }
        if let Some((label, target, after)) = link(rest) {
            self.close(style);
            let linked = style.add_modifier(Modifier::UNDERLINED);
            self.pieces.push(Piece { text: label.to_owned(), style: linked, ..Piece::default() });
            if target != label && !target.is_empty() {
                let text = format!(" ({target})");
                self.pieces.push(Piece { text, scope: Some(Scope::Dim), style, number: None });
            }
            return Some(after);
        }
        if depth >= NESTED {
            return None;
        }
        for (mark, modifier) in [
            ("**", Modifier::BOLD),
            ("__", Modifier::BOLD),
            ("~~", Modifier::CROSSED_OUT),
            ("*", Modifier::ITALIC),
            ("_", Modifier::ITALIC),
        ] {
            let Some((inner, after)) = rest.strip_prefix(mark).and_then(|inner| closed_by(inner, mark)) else {
                continue;
            };
            let blank = |c: Option<char>| c.is_none_or(char::is_whitespace);
            let hugs = !blank(inner.chars().next()) && !blank(inner.chars().next_back());
            // Underscores and stars within words, as in names of files and in sums, are no emphasis.
            let word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
            if hugs && !(word(Some(before)) && word(after.chars().next())) {
                self.close(style);
                let emphasised = style.add_modifier(modifier);
                self.read(inner, emphasised, depth + 1);
                self.close(emphasised);
                return Some(after);
            }
        }
        None
    }
}

/// A text up to a mark that is not far, and what comes after it.
fn closed_by<'a>(text: &'a str, mark: &str) -> Option<(&'a str, &'a str)> {
    let near = text.get(..text.floor_char_boundary(FAR))?;
    let at = near.find(mark)?;
    Some((text.get(..at)?, text.get(at + mark.len()..)?))
}

/// `[label](target)`, `![label](target)` or `<target>` at the beginning of a text: label, target, and what comes after.
fn link(text: &str) -> Option<(&str, &str, &str)> {
    if let Some((target, after)) = text.strip_prefix('<').and_then(|inner| closed_by(inner, ">")) {
        let is_address = ["http://", "https://", "mailto:", "tel:"].iter().any(|scheme| target.starts_with(scheme));
        return (is_address && !target.contains(' ')).then_some((target, target, after));
    }
    let inner = text.strip_prefix("![").or_else(|| text.strip_prefix('['))?;
    let (label, rest) = closed_by(inner, "](")?;
    let (target, after) = closed_by(rest, ")")?;
    let fits = !label.is_empty() && !label.contains('[') && !target.contains(char::is_whitespace);
    fits.then_some((label, target, after))
}
