//! Telephone numbers in a text: found, so that they can be picked, copied and dialled.

use super::block::{Block, Piece};

/// Fewest and most digits of what is taken for a telephone number.
const FEWEST: usize = 5;
const MOST: usize = 16;

/// Most numbers of one document.
const MANY: usize = 500;

/// Digits of a day that is written as one.
const DAY: usize = 8;

/// A number that is dialled without a country's code has no longer run of digits.
const LONGEST_RUN: usize = 11;

/// Fewest digits of a group within a number, but for a country's code: a date's groups are shorter.
const GROUP: usize = 3;

/// A number that can be dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    /// As it is dialled.
    pub dial: String,
    /// What stands in its line.
    pub context: String,
}

/// Finds the numbers and makes each a piece of its own.
pub(super) fn mark(blocks: &mut [Block]) -> Vec<Number> {
    let mut numbers: Vec<Number> = Vec::new();
    for block in blocks {
        let (label, pieces) = match block {
            Block::Line { pieces, .. } => (None, pieces),
            Block::Field { label, value } => (Some(label.as_str()), value),
            Block::Rule => continue,
        };
        let text: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
        let found = find(&text);
        if found.is_empty() {
            continue;
        }
        let mut marks = Vec::new();
        for (from, to, dial) in found {
            let index = match numbers.iter().position(|known| known.dial == dial) {
                Some(index) => index,
                None if numbers.len() == MANY => continue,
                None => {
                    let line = text.lines().find(|line| line.contains(text.get(from..to).unwrap_or_default()));
                    let context = label.map_or_else(|| line.unwrap_or_default().trim().to_owned(), str::to_owned);
                    numbers.push(Number { dial, context });
                    numbers.len() - 1
                }
            };
            marks.push((from, to, index));
        }
        *pieces = split(std::mem::take(pieces), &marks);
    }
    numbers
}

/// Numbers in a text: from where, to where (bytes), and as they are dialled.
fn find(text: &str) -> Vec<(usize, usize, String)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let begins = byte.is_ascii_digit() || matches!(byte, b'+' | b'(');
        let before = at.checked_sub(1).and_then(|i| bytes.get(i)).copied().unwrap_or(b' ');
        let stands_alone = !before.is_ascii_alphanumeric() && !matches!(before, b'_' | b'.' | b',' | b'+' | b'-');
        match (begins && stands_alone).then(|| number_at(bytes, at)) {
            Some(Some((to, dial))) => {
                found.push((at, to, dial));
                at = to;
            }
            Some(None) | None => at += 1,
        }
    }
    found
}

/// The number that begins at a place. Its groups stand apart by one blank or one dash; an area's code may stand in
/// brackets. It is none if a letter, or a point and digits, come right after it.
fn number_at(bytes: &[u8], from: usize) -> Option<(usize, String)> {
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(b' ');
    let digits_at = |at: usize| (at..).take(MOST + 1).take_while(|at| byte(*at).is_ascii_digit()).count();
    let mut dial = String::new();
    let mut at = from;
    let mut take = |at: &mut usize, count: usize| {
        dial.extend((*at..*at + count).map(|i| char::from(byte(i))));
        *at += count;
    };
    let international = byte(at) == b'+';
    if international {
        take(&mut at, 1);
    }
    if byte(at) == b'(' {
        let count = digits_at(at + 1);
        if !(2..=5).contains(&count) || byte(at + 1 + count) != b')' {
            return None;
        }
        at += 1;
        take(&mut at, count);
        at += 1;
        at += usize::from(byte(at) == b' ');
    }
    let first = digits_at(at);
    if first == 0 {
        return None;
    }
    take(&mut at, first);
    loop {
        let too_long = at - from > 2 * MOST;
        let group = if matches!(byte(at), b'-' | b' ') && !too_long { digits_at(at + 1) } else { 0 };
        let closed = !byte(at + 1 + group).is_ascii_alphanumeric();
        if group < if international { 2 } else { GROUP } || !closed {
            break;
        }
        at += 1;
        take(&mut at, group);
    }
    let digits = dial.bytes().filter(u8::is_ascii_digit).count();
    let decimal = matches!(byte(at), b'.' | b',' | b':') && byte(at + 1).is_ascii_digit();
    // What goes on after a dash in too short a group is a date, or a name of something.
    let goes_on = byte(at) == b'-' && byte(at + 1).is_ascii_alphanumeric() && first < FEWEST;
    let dated = !international && byte(from) != b'(' && is_dated(&dial, first);
    let is_number = (FEWEST..=MOST).contains(&digits)
        && !byte(at).is_ascii_alphanumeric()
        && !matches!(byte(at), b'_' | b'%')
        && !decimal
        && !goes_on
        && !dated;
    is_number.then_some((at, dial))
}

/// Whether digits begin with a day (such as 20261120) that stands alone, in a group of its own, or in a run that no
/// telephone number is as long as: a date, or the number of an order. `first`: digits of the first group.
fn is_dated(dial: &str, first: usize) -> bool {
    let part = |from: usize, to: usize| dial.get(from..to).and_then(|digits| digits.parse::<u32>().ok());
    let (Some(year), Some(month), Some(day)) = (part(0, 4), part(4, 6), part(6, 8)) else { return false };
    let is_day = (1900..2100).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    is_day && (first == DAY || first > LONGEST_RUN)
}

/// Cuts pieces so that every mark is made of whole ones.
fn split(pieces: Vec<Piece>, marks: &[(usize, usize, usize)]) -> Vec<Piece> {
    let mut cut = Vec::new();
    let mut start = 0;
    for piece in pieces {
        let end = start + piece.text.len();
        let edges = marks.iter().flat_map(|(from, to, _)| [*from, *to]).filter(|edge| (start + 1..end).contains(edge));
        let mut edges: Vec<usize> = edges.chain([start, end]).collect();
        edges.sort_unstable();
        for (from, to) in edges.iter().zip(edges.iter().skip(1)).filter(|(from, to)| from < to) {
            let Some(text) = piece.text.get(from - start..to - start) else { continue };
            let number = marks.iter().find(|(first, last, _)| first <= from && to <= last).map(|(.., index)| *index);
            cut.push(Piece { text: text.to_owned(), number, ..piece.clone() });
        }
        start = end;
    }
    cut
}
