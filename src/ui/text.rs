//! Text as a terminal shows it: widths in cells (CJK is two), cutting by grapheme, clocks.

use std::borrow::Cow;

pub use crate::i18n::{clean, is_harmful};
use tui_input::Input;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Width in cells.
pub fn width(text: &str) -> u16 {
    if text.is_ascii() {
        return u16::try_from(text.len()).unwrap_or(u16::MAX);
    }
    u16::try_from(text.width()).unwrap_or(u16::MAX)
}

/// The text in at most `max` cells; where something had to go, it ends in `ellipsis`.
pub fn cut<'a>(text: &'a str, max: u16, ellipsis: &str) -> Cow<'a, str> {
    if width(text) <= max {
        return Cow::Borrowed(text);
    }
    let mark = width(ellipsis);
    if max <= mark {
        return Cow::Owned(if max == mark { ellipsis.to_owned() } else { String::new() });
    }
    let mut kept = String::with_capacity(text.len());
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        let next = used + width(grapheme);
        if next > max - mark {
            break;
        }
        used = next;
        kept.push_str(grapheme);
    }
    kept.push_str(ellipsis);
    Cow::Owned(kept)
}

/// The text filled up with blanks on the right to `cells`; longer ones stay as they are.
pub fn pad(text: &str, cells: u16) -> String {
    let missing = cells.saturating_sub(width(text));
    let mut padded = String::with_capacity(text.len() + usize::from(missing));
    padded.push_str(text);
    padded.extend(std::iter::repeat_n(' ', usize::from(missing)));
    padded
}

/// The text filled up with blanks on the left to `cells`; longer ones stay as they are.
pub fn pad_left(text: &str, cells: u16) -> String {
    let missing = cells.saturating_sub(width(text));
    let mut padded = String::with_capacity(text.len() + usize::from(missing));
    padded.extend(std::iter::repeat_n(' ', usize::from(missing)));
    padded.push_str(text);
    padded
}

/// What of a text being typed fits into `room` cells so that its cursor is in sight, and the cursor's cell in it. Cut
/// without a mark: the rest is a key press away.
pub fn typed(input: &Input, room: u16) -> (String, u16) {
    let scroll = input.visual_scroll(usize::from(room));
    let mut skipped = 0;
    let visible: String = input
        .value()
        .chars()
        .skip_while(|c| {
            let skip = skipped < scroll;
            if skip {
                skipped += usize::from(width(c.encode_utf8(&mut [0; 4])));
            }
            skip
        })
        .collect();
    let cursor = u16::try_from(input.visual_cursor().saturating_sub(scroll)).unwrap_or(room).min(room);
    (cut(&visible, room, "").into_owned(), cursor)
}

/// A duration in ms as a clock: `02:31`, from an hour on `1:02:31`. Whole seconds, rounded down.
pub fn clock(ms: u64) -> String {
    let seconds = ms / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes:02}:{seconds:02}") }
}

/// Time left in ms as whole seconds, rounded up: what is left reaches zero only when it is over.
pub fn seconds_left(ms: u64) -> u64 {
    ms.div_ceil(1000)
}

/// Whether this stands behind a word and never at the beginning of a line.
fn closes(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| ".,;:!?)]}。，；：！？、）」』】”’%".contains(c))
}

/// Breaks a text into lines of at most `max` cells: at blanks where there are some, anywhere in CJK text or long words.
pub fn wrap(text: &str, max: u16) -> Vec<String> {
    if max == 0 {
        return Vec::new();
    }
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let (mut line, mut used) = (String::new(), 0u16);
        // Where the last word of the line begins.
        let mut last = 0;
        for word in paragraph.split_word_bounds() {
            let w = width(word);
            if used + w <= max {
                last = if word.trim().is_empty() { last } else { line.len() };
                line.push_str(word);
                used += w;
                continue;
            }
            if last > 0 && closes(word) {
                // No stop stands alone at the beginning of a line: its word goes with it.
                let carried = line.split_off(last);
                lines.push(line.trim_end().to_owned());
                used = width(&carried) + w;
                line = carried + word;
                last = 0;
                continue;
            }
            last = 0;
            if used > 0 {
                lines.push(std::mem::take(&mut line).trim_end().to_owned());
                used = 0;
            }
            if word.trim().is_empty() {
                continue;
            }
            for grapheme in word.graphemes(true) {
                let w = width(grapheme);
                if used + w > max && used > 0 {
                    lines.push(std::mem::take(&mut line));
                    used = 0;
                }
                line.push_str(grapheme);
                used += w;
            }
        }
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// Whether a text holds every word that is searched for, in any case.
pub fn holds(text: &str, wanted: &str) -> bool {
    let (text, wanted) = (text.to_lowercase(), wanted.to_lowercase());
    wanted.split_whitespace().all(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cutting_counts_cells_and_never_splits_a_character() {
        assert_eq!(cut("13800138000", 11, "…"), "13800138000");
        assert_eq!(cut("13800138000", 6, "…"), "13800…");
        assert_eq!(cut("北京售后", 8, "…"), "北京售后");
        assert_eq!(cut("北京售后", 7, "…"), "北京售…");
        assert_eq!(cut("北京售后", 6, "…"), "北京…");
        assert_eq!(cut("北京", 1, "…"), "…");
        assert_eq!(cut("北京", 0, "…"), "");
        assert_eq!(cut("e\u{301}e\u{301}e\u{301}", 2, "…"), "e\u{301}…");
    }

    #[test]
    fn no_stop_stands_alone_at_the_beginning_of_a_line() {
        assert_eq!(wrap("the other seat is gone.", 22), ["the other seat is", "gone."]);
        assert_eq!(wrap("已在别处签入。", 12), ["已在别处签", "入。"]);
        assert_eq!(wrap("one two, three", 7), ["one", "two,", "three"]);
        assert_eq!(wrap("12345678.", 8), ["12345678", "."], "a word of a whole line has to be cut");
    }

    #[test]
    fn padding_counts_cells() {
        assert_eq!(pad("北京", 6), "北京  ");
        assert_eq!(pad_left("9", 3), "  9");
        assert_eq!(pad("北京", 3), "北京");
    }

    #[test]
    fn clocks_read_as_people_write_them() {
        assert_eq!(clock(0), "00:00");
        assert_eq!(clock(151_999), "02:31");
        assert_eq!(clock(3_751_000), "1:02:31");
        assert_eq!(seconds_left(1), 1);
        assert_eq!(seconds_left(4000), 4);
        assert_eq!(seconds_left(0), 0);
    }

    #[test]
    fn wrapping_keeps_to_the_width() {
        assert_eq!(wrap("hello wide world", 10), ["hello wide", "world"]);
        assert_eq!(wrap("北京市海淀区", 5), ["北京", "市海", "淀区"]);
        assert_eq!(wrap("a\n\nb", 5), ["a", "", "b"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert!(wrap("x", 0).is_empty());
    }
}
