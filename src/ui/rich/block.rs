//! Lines and fields of clean text, before they are laid out.

use ratatui::style::Style;

use crate::ui::{text, theme::Scope};

/// Marks that combine with one character at most; more would be a tower over the lines above.
const MARKS: usize = 3;

/// Longest line, cells; the rest of a longer one is left out.
const LONGEST_LINE: u16 = 4000;

/// Cells between the stops of a tabulator.
const TAB: u16 = 4;

/// A part of a line with one look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// What is read.
    pub text: String,
    /// Its look in the theme, `Base` unless it means something.
    pub scope: Option<Scope>,
    /// What it asks for besides.
    pub style: Style,
    /// It is this one of the document's numbers.
    pub number: Option<usize>,
}

/// A line before it is broken, or a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// A line; `first` stands before its first row, blanks as wide before the others.
    Line {
        /// Such as a bullet.
        first: String,
        /// The line.
        pieces: Vec<Piece>,
    },
    /// A name and its value, in columns.
    Field {
        /// The name.
        label: String,
        /// The value, perhaps of several lines.
        value: Vec<Piece>,
    },
    /// A line across.
    Rule,
}

/// A field; lines of its value are kept.
pub fn field(label: &str, value: &str) -> Block {
    let value = value.trim_end().lines().map(clean).collect::<Vec<_>>().join("\n");
    Block::Field { label: clean(label), value: vec![Piece { text: value, ..Piece::default() }] }
}

/// One line of a text from outside: tabulators become blanks; nothing is left that drives the terminal, reorders text,
/// or has a width that terminals do not agree on.
pub(super) fn clean(line: &str) -> String {
    let mut cleaned = String::with_capacity(line.len());
    let (mut marks, mut cells) = (0, 0);
    for c in line.chars() {
        push_clean(&mut cleaned, &mut marks, &mut cells, c);
    }
    cleaned
}

/// Adds a character, if it may be seen; `marks` counts combining ones in a row, `cells` the width so far.
pub(super) fn push_clean(line: &mut String, marks: &mut usize, cells: &mut u16, c: char) {
    if *cells >= LONGEST_LINE {
        return;
    }
    if c == '\t' {
        let blanks = TAB - *cells % TAB;
        line.extend(std::iter::repeat_n(' ', usize::from(blanks)));
        *cells = cells.saturating_add(blanks);
        *marks = 0;
        return;
    }
    if text::is_harmful(c) {
        return;
    }
    let mut buffer = [0; 4];
    let wide = text::width(c.encode_utf8(&mut buffer));
    *marks = if wide == 0 { *marks + 1 } else { 0 };
    // A mark without anything to stand on would change the character of another piece.
    if *marks <= MARKS && (wide > 0 || *cells > 0) {
        line.push(c);
        *cells = cells.saturating_add(wide);
    }
}
