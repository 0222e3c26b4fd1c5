//! Breaking a document into rows of a width.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::{
    Document,
    block::{Block, Piece},
};
use crate::ui::{text, theme::Scope};

/// Cells between a field's name and its value.
const GAP: u16 = 2;

/// Fewest cells that a text is broken to; narrower ones are cut off.
const NARROWEST: u16 = 4;

/// A row of the panel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// Pieces side by side.
    Text(Vec<Piece>),
    /// A line across.
    Rule,
}

/// The rows of a document at a width; none is wider, but where one character is.
pub fn lay_out(document: &Document, cells: u16) -> Vec<Row> {
    let labels = document.blocks.iter().map(|block| match block {
        Block::Field { label, .. } => text::width(label),
        Block::Line { .. } | Block::Rule => 0,
    });
    // Names that are much too long do not push the values out.
    let column = labels.filter(|label| *label <= cells / 2).max().unwrap_or(0);
    let mut rows = Vec::new();
    for block in &document.blocks {
        match block {
            Block::Rule => rows.push(Row::Rule),
            Block::Line { first, pieces } => {
                let margin = text::width(first);
                let margin = if margin + NARROWEST > cells { 0 } else { margin };
                let mark = if margin == 0 { "" } else { first.as_str() };
                push_lines(&mut rows, wrapped(pieces, cells - margin), mark, margin, Some(Scope::Dim));
            }
            Block::Field { label, value } => {
                let fits = text::width(label) <= column && column + GAP + NARROWEST <= cells;
                // A number is not cut in two where the whole width would hold it.
                let cut = widest_word(value) > cells.saturating_sub(column + GAP);
                let beside = fits && !(cut && widest_word(value) + GAP <= cells);
                if beside {
                    let lines = wrapped(value, cells - column - GAP);
                    push_lines(&mut rows, lines, &text::pad(label, column + GAP), column + GAP, Some(Scope::Dim));
                } else {
                    // A name too long for its column, or a value for its own, stands in two rows.
                    let label = Piece { text: label.clone(), scope: Some(Scope::Dim), ..Piece::default() };
                    push_lines(&mut rows, wrapped(&[label], cells), "", 0, None);
                    let margin = if cells > GAP + NARROWEST { GAP } else { 0 };
                    push_lines(&mut rows, wrapped(value, cells - margin), &text::pad("", margin), margin, None);
                }
            }
        }
    }
    rows
}

fn push_lines(rows: &mut Vec<Row>, lines: Vec<Vec<Piece>>, first: &str, margin: u16, scope: Option<Scope>) {
    for (index, line) in lines.into_iter().enumerate() {
        let mut row = Vec::with_capacity(line.len() + 1);
        if margin > 0 {
            let text = if index == 0 { first.to_owned() } else { text::pad("", margin) };
            row.push(Piece { text, scope, ..Piece::default() });
        }
        row.extend(line);
        rows.push(Row::Text(row));
    }
}

/// Cells of the longest word that is not CJK text, such as a number.
fn widest_word(pieces: &[Piece]) -> u16 {
    let whole: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
    let words = whole.split(|c: char| c.is_whitespace() || !c.is_ascii());
    words.map(text::width).max().unwrap_or(0)
}

/// The lines of pieces at a width; at least one, perhaps empty.
fn wrapped(pieces: &[Piece], cells: u16) -> Vec<Vec<Piece>> {
    let whole: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
    let lines: Vec<Vec<Piece>> = breaks(&whole, cells).into_iter().map(|line| within(pieces, &line)).collect();
    if lines.is_empty() { vec![Vec::new()] } else { lines }
}

/// The parts of pieces that lie in a range of their text.
fn within(pieces: &[Piece], range: &Range<usize>) -> Vec<Piece> {
    let mut start = 0;
    let mut found = Vec::new();
    for piece in pieces {
        let (from, to) = (range.start.max(start), range.end.min(start + piece.text.len()));
        if from < to
            && let Some(text) = piece.text.get(from - start..to - start)
        {
            found.push(Piece { text: text.to_owned(), ..piece.clone() });
        }
        start += piece.text.len();
    }
    found
}

/// Where a text is broken: at its own line ends, at blanks, and anywhere in CJK text or in words that are too long.
/// Blanks at a line's end are left out.
fn breaks(text: &str, cells: u16) -> Vec<Range<usize>> {
    let cells = cells.max(1);
    let mut lines = Vec::new();
    let mut base = 0;
    for paragraph in text.split('\n') {
        let mut line = base..base;
        let mut used = 0u16;
        for (offset, word) in paragraph.split_word_bound_indices() {
            let (from, to) = (base + offset, base + offset + word.len());
            let wide = text::width(word);
            if used.saturating_add(wide) <= cells {
                line.end = to;
                used += wide;
                continue;
            }
            if used > 0 {
                lines.push(line.clone());
                used = 0;
            }
            line = to..to;
            if word.trim().is_empty() {
                continue;
            }
            line = from..from;
            for grapheme in word.graphemes(true) {
                let wide = text::width(grapheme);
                if used > 0 && used.saturating_add(wide) > cells {
                    lines.push(line.clone());
                    line.start = line.end;
                    used = 0;
                }
                line.end += grapheme.len();
                used = used.saturating_add(wide);
            }
        }
        if !line.is_empty() || paragraph.is_empty() || used > 0 {
            lines.push(line);
        }
        base += paragraph.len() + 1;
    }
    let trimmed = |line: Range<usize>| {
        let kept = text.get(line.clone()).map_or(0, |shown| shown.trim_end().len());
        line.start..line.start + kept
    };
    lines.into_iter().map(trimmed).collect()
}
