//! From what the terminal shows to what it is to show, in bytes: only the cells that differ, only the attributes that
//! change. Nothing here asks the terminal anything.

use std::{borrow::Cow, io::Write};

use crossterm::{Command, clipboard::CopyToClipboard};
use ratatui::{
    buffer::Buffer,
    layout::Position,
    style::{Color, Modifier},
};

use crate::ui::text;

/// Begins and ends what the terminal is to show at once (DEC mode 2026).
const TOGETHER: &[u8] = b"\x1b[?2026h";
const SHOW: &[u8] = b"\x1b[?2026l";

/// Attributes with the codes that switch them on and off (ECMA-48 8.3.117); bold and dim share one to switch off.
const ATTRIBUTES: [(Modifier, u8, u8); 9] = [
    (Modifier::BOLD, 1, 22),
    (Modifier::DIM, 2, 22),
    (Modifier::ITALIC, 3, 23),
    (Modifier::UNDERLINED, 4, 24),
    (Modifier::SLOW_BLINK, 5, 25),
    (Modifier::RAPID_BLINK, 6, 25),
    (Modifier::REVERSED, 7, 27),
    (Modifier::HIDDEN, 8, 28),
    (Modifier::CROSSED_OUT, 9, 29),
];

/// What goes to the terminal beside the cells, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// Another window title.
    pub title: Option<String>,
    /// The bell.
    pub bell: bool,
    /// The terminal's own notification, as a whole sequence.
    pub notification: Option<String>,
    /// A text for the clipboard.
    pub copy: Option<String>,
}

impl Beside {
    /// What is still to be said when something newer comes: nothing is lost but an older title.
    pub fn followed_by(self, newer: Self) -> Self {
        Self {
            title: newer.title.or(self.title),
            bell: newer.bell || self.bell,
            notification: newer.notification.or(self.notification),
            copy: newer.copy.or(self.copy),
        }
    }

    /// Adds its sequences.
    pub fn write(&self, out: &mut Vec<u8>) {
        if let Some(title) = &self.title {
            out.extend(format!("\x1b]0;{title}\x07").bytes());
        }
        if self.bell {
            out.push(0x07);
        }
        if let Some(notification) = &self.notification {
            out.extend_from_slice(notification.as_bytes());
        }
        if let Some(text) = &self.copy {
            let mut sequence = String::new();
            // Writing to a string does not fail.
            if CopyToClipboard::to_clipboard_from(text).write_ansi(&mut sequence).is_ok() {
                out.extend_from_slice(sequence.as_bytes());
            }
        }
    }
}

/// The bytes that make the terminal show `new`, with the cursor there, if it shows `old` now; with nothing known of what
/// it shows, everything is drawn.
pub fn frame(old: Option<&Buffer>, new: &Buffer, cursor: Option<Position>, beside: &Beside) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(TOGETHER);
    match old.filter(|old| old.area == new.area) {
        Some(old) => cells(&mut out, &without_halves(old, new), new),
        None => {
            out.extend_from_slice(b"\x1b[?25l\x1b[m\x1b[2J");
            cells(&mut out, &Buffer::empty(new.area), new);
        }
    }
    match cursor {
        Some(Position { x, y }) => {
            go(&mut out, x, y);
            out.extend_from_slice(b"\x1b[?25h");
        }
        None => out.extend_from_slice(b"\x1b[?25l"),
    }
    out.extend_from_slice(SHOW);
    beside.write(&mut out);
    out
}

/// How the next character looks.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Look {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

const PLAIN: Look = Look { fg: Color::Reset, bg: Color::Reset, modifier: Modifier::empty() };

/// What the terminal shows, where a wide character that goes leaves its second half to the terminal: what stands there
/// then is not known, so it is drawn again.
fn without_halves<'a>(old: &'a Buffer, new: &Buffer) -> Cow<'a, Buffer> {
    let mut known = Cow::Borrowed(old);
    for (at, (was, is)) in old.content.iter().zip(&new.content).enumerate() {
        let goes = was != is && was.symbol().len() > 1 && text::width(was.symbol()) > 1;
        if goes && let Some(half) = known.to_mut().content.get_mut(at + 1) {
            half.set_symbol("\u{fffd}");
        }
    }
    known
}

fn cells(out: &mut Vec<u8>, old: &Buffer, new: &Buffer) {
    let mut look = PLAIN;
    let mut after: Option<(u16, u16)> = None;
    for (x, y, cell) in old.diff_iter(new) {
        // Where a wide character has gone the terminal's cursor is only known to be somewhere else.
        if after != Some((x, y)) {
            go(out, x, y);
        }
        let wanted = Look { fg: cell.fg, bg: cell.bg, modifier: cell.modifier };
        change(out, look, wanted);
        look = wanted;
        out.extend_from_slice(cell.symbol().as_bytes());
        after = Some((x.saturating_add(1), y));
    }
    if look != PLAIN {
        out.extend_from_slice(b"\x1b[m");
    }
}

fn go(out: &mut Vec<u8>, x: u16, y: u16) {
    // Writing to a vector does not fail.
    write!(out, "\x1b[{};{}H", u32::from(y) + 1, u32::from(x) + 1).unwrap_or_default();
}

/// The attributes that differ, in one sequence.
fn change(out: &mut Vec<u8>, from: Look, to: Look) {
    if from == to {
        return;
    }
    let mut codes: Vec<String> = Vec::new();
    let gone = from.modifier - to.modifier;
    let mut come = to.modifier - from.modifier;
    for (attribute, _, off) in ATTRIBUTES.iter().filter(|(attribute, ..)| gone.contains(*attribute)) {
        codes.push(off.to_string());
        // What shares this code goes with it, and has to come again.
        let shared = ATTRIBUTES.iter().filter(|(other, _, code)| code == off && other != attribute);
        shared.for_each(|(other, ..)| come |= *other & to.modifier);
    }
    codes.extend(ATTRIBUTES.iter().filter(|(a, ..)| come.contains(*a)).map(|(_, on, _)| on.to_string()));
    if from.fg != to.fg {
        codes.push(color(to.fg, false));
    }
    if from.bg != to.bg {
        codes.push(color(to.bg, true));
    }
    if !codes.is_empty() {
        out.extend(format!("\x1b[{}m", codes.join(";")).bytes());
    }
}

/// A colour's code: the sixteen as every terminal with colours has them, the others as xterm's.
fn color(color: Color, ground: bool) -> String {
    let plus = if ground { 10 } else { 0 };
    let basic = |code: u8| (code + plus).to_string();
    match color {
        Color::Reset => basic(39),
        Color::Black => basic(30),
        Color::Red => basic(31),
        Color::Green => basic(32),
        Color::Yellow => basic(33),
        Color::Blue => basic(34),
        Color::Magenta => basic(35),
        Color::Cyan => basic(36),
        Color::Gray => basic(37),
        Color::DarkGray => basic(90),
        Color::LightRed => basic(91),
        Color::LightGreen => basic(92),
        Color::LightYellow => basic(93),
        Color::LightBlue => basic(94),
        Color::LightMagenta => basic(95),
        Color::LightCyan => basic(96),
        Color::White => basic(97),
        Color::Indexed(index) => format!("{};5;{index}", 38 + plus),
        Color::Rgb(r, g, b) => format!("{};2;{r};{g};{b}", 38 + plus),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ratatui::{layout::Rect, style::Style};

    use super::*;

    const COLORS: [Color; 5] = [Color::Reset, Color::Red, Color::LightBlue, Color::Indexed(200), Color::Rgb(1, 2, 3)];

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    #[test]
    fn only_what_differs_is_written() {
        let area = Rect::new(0, 0, 10, 2);
        let mut old = Buffer::empty(area);
        old.set_string(0, 0, "ready", Style::new().fg(Color::Green));
        let mut new = old.clone();
        new.set_string(0, 1, "x", Style::new());
        let bytes = text(&frame(Some(&old), &new, None, &Beside::default()));
        assert_eq!(bytes, "\x1b[?2026h\x1b[2;1Hx\x1b[?25l\x1b[?2026l");
        let all = text(&frame(None, &new, Some(Position { x: 1, y: 1 }), &Beside::default()));
        assert!(all.contains("\x1b[2J") && all.contains("ready") && all.contains('x'), "{all:?}");
        assert!(all.ends_with("\x1b[2;2H\x1b[?25h\x1b[?2026l"), "{all:?}");
        assert!(!all.contains("6n"), "the terminal is asked nothing");
    }

    #[test]
    fn sixteen_colours_are_written_as_every_terminal_knows_them() {
        let mut new = Buffer::empty(Rect::new(0, 0, 3, 1));
        new.set_string(0, 0, "a", Style::new().fg(Color::Red).bg(Color::White));
        let bytes = text(&frame(None, &new, None, &Beside::default()));
        assert!(bytes.contains("\x1b[31;107ma"), "{bytes:?}");
        assert!(!bytes.contains(";5;"), "{bytes:?}");
    }

    #[test]
    fn what_is_said_beside_is_kept_until_it_is_said() {
        let ring = Beside { bell: true, title: Some("ringing".into()), ..Beside::default() };
        let after = Beside { title: Some("ready".into()), ..Beside::default() };
        let both = ring.followed_by(after);
        assert_eq!(both, Beside { bell: true, title: Some("ready".into()), ..Beside::default() });
        let bytes = text(&frame(None, &Buffer::empty(Rect::new(0, 0, 1, 1)), None, &both));
        assert!(bytes.ends_with("\x1b]0;ready\x07\x07"), "{bytes:?}");
    }

    fn picture() -> impl Strategy<Value = Buffer> {
        let words = prop::sample::select(vec!["a", "坐席", "ready 8001", "é", "●", " "]);
        let piece = (words, 0..12u16, 0..4u16, 0..5usize, 0..5usize, any::<u16>());
        prop::collection::vec(piece, 0..12).prop_map(|pieces| {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 4));
            for (word, x, y, fg, bg, modifier) in pieces {
                // The model of the terminal has bold or dim, not both.
                let modifier = Modifier::from_bits_truncate(modifier) - Modifier::DIM;
                let style = Style::new().fg(COLORS[fg]).bg(COLORS[bg]).add_modifier(modifier);
                buffer.set_string(x, y, word, style);
            }
            buffer
        })
    }

    /// What a terminal shows: text and look of each cell.
    fn seen(parser: &vt100::Parser) -> Vec<(String, String)> {
        let cell = |x, y| parser.screen().cell(y, x);
        (0..4)
            .flat_map(|y| (0..12).map(move |x| (x, y)))
            .filter_map(|(x, y)| cell(x, y))
            .map(|cell| {
                let look =
                    (cell.fgcolor(), cell.bgcolor(), cell.bold(), cell.italic(), cell.underline(), cell.inverse());
                let text = cell.contents();
                (if text.is_empty() { " ".to_owned() } else { text.to_owned() }, format!("{look:?}"))
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        /// A terminal that follows the differences shows what one shows that was drawn anew.
        #[test]
        fn the_differences_add_up(pictures in prop::collection::vec(picture(), 1..6)) {
            let mut follows = vt100::Parser::new(4, 12, 0);
            let mut old: Option<Buffer> = None;
            for new in pictures {
                follows.process(&frame(old.as_ref(), &new, None, &Beside::default()));
                let mut anew = vt100::Parser::new(4, 12, 0);
                anew.process(&frame(None, &new, None, &Beside::default()));
                prop_assert_eq!(seen(&follows), seen(&anew));
                old = Some(new);
            }
        }
    }
}
