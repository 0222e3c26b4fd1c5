//! Plain text with ANSI colours (SGR). Every other control sequence is left out, whole: it moves no cursor, sets no
//! title, rings no bell.

use anstyle_parse::{Params, Parser, Perform};
use ratatui::style::{Color, Modifier, Style};

use super::block::{Block, Piece, push_clean};

/// The lines of a text. A sequence that is not closed ends with its line; colours go on over lines.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut style = Style::new();
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.split('\n')
        .map(|line| {
            let mut reader = Reader { style, ..Reader::default() };
            let mut parser = Parser::<anstyle_parse::Utf8Parser>::new();
            for byte in line.bytes() {
                parser.advance(&mut reader, byte);
            }
            style = reader.style;
            reader.close_piece();
            Block::Line { first: String::new(), pieces: reader.pieces }
        })
        .collect()
}

#[derive(Default)]
struct Reader {
    pieces: Vec<Piece>,
    piece: String,
    style: Style,
    marks: usize,
    cells: u16,
}

impl Reader {
    fn close_piece(&mut self) {
        if !self.piece.is_empty() {
            let text = std::mem::take(&mut self.piece);
            self.pieces.push(Piece { text, style: self.style, ..Piece::default() });
        }
    }

    fn change(&mut self, style: Style) {
        if style != self.style {
            self.close_piece();
            self.style = style;
        }
    }
}

impl Perform for Reader {
    fn print(&mut self, c: char) {
        push_clean(&mut self.piece, &mut self.marks, &mut self.cells, c);
    }

    fn execute(&mut self, byte: u8) {
        if byte == b'\t' {
            self.print('\t');
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignored: bool, action: u8) {
        if action == b'm' && intermediates.is_empty() && !ignored {
            let style = sgr(self.style, params);
            self.change(style);
        }
    }
}

/// What an SGR sequence makes of a style (ECMA-48 8.3.117, and the colours of xterm).
fn sgr(mut style: Style, params: &Params) -> Style {
    // Colons and semicolons are both in use between the parts of a colour.
    let codes: Vec<&[u16]> = params.iter().collect();
    let mut rest = codes.as_slice();
    while let Some((code, after)) = rest.split_first() {
        rest = after;
        let first = code.first().copied().unwrap_or(0);
        style = match first {
            0 => Style::new(),
            1 => style.add_modifier(Modifier::BOLD),
            2 => style.add_modifier(Modifier::DIM),
            3 => style.add_modifier(Modifier::ITALIC),
            4 if code.get(1) == Some(&0) => without(style, Modifier::UNDERLINED),
            4 | 21 => style.add_modifier(Modifier::UNDERLINED),
            7 => style.add_modifier(Modifier::REVERSED),
            9 => style.add_modifier(Modifier::CROSSED_OUT),
            22 => without(without(style, Modifier::BOLD), Modifier::DIM),
            23 => without(style, Modifier::ITALIC),
            24 => without(style, Modifier::UNDERLINED),
            27 => without(style, Modifier::REVERSED),
            29 => without(style, Modifier::CROSSED_OUT),
            30..=37 => Style { fg: basic(first - 30), ..style },
            90..=97 => Style { fg: basic(first - 82), ..style },
            40..=47 => Style { bg: basic(first - 40), ..style },
            100..=107 => Style { bg: basic(first - 92), ..style },
            39 => Style { fg: None, ..style },
            49 => Style { bg: None, ..style },
            38 | 48 | 58 => {
                let color = extended(code.get(1..).unwrap_or(&[]), &mut rest);
                match first {
                    38 => Style { fg: color.or(style.fg), ..style },
                    48 => Style { bg: color.or(style.bg), ..style },
                    _ => style,
                }
            }
            // Blinking and hidden text among them: nothing blinks here but a call, and nothing is hidden.
            _ => style,
        };
    }
    style
}

fn without(mut style: Style, modifier: Modifier) -> Style {
    style.add_modifier.remove(modifier);
    style
}

/// `5;n` or `2;r;g;b` after 38 or 48; with colons in the same parameter (where a colour space may stand before the
/// red), with semicolons in those that follow.
fn extended(inside: &[u16], rest: &mut &[&[u16]]) -> Option<Color> {
    let byte = |value: &u16| u8::try_from(*value).ok();
    match inside {
        [5, index, ..] => return Some(Color::Indexed(byte(index)?)),
        [2, _, r, g, b, ..] | [2, r, g, b] => return Some(Color::Rgb(byte(r)?, byte(g)?, byte(b)?)),
        [] => {}
        _ => return None,
    }
    let mut next = || {
        let (code, after) = rest.split_first()?;
        *rest = after;
        code.first().copied()
    };
    match next()? {
        5 => Some(Color::Indexed(u8::try_from(next()?).ok()?)),
        2 => {
            let (r, g, b) = (next()?, next()?, next()?);
            Some(Color::Rgb(byte(&r)?, byte(&g)?, byte(&b)?))
        }
        _ => None,
    }
}

/// The 16 colours.
fn basic(index: u16) -> Option<Color> {
    Some(match index {
        0 => Color::Black,
        1 => Color::Red,
        2 => Color::Green,
        3 => Color::Yellow,
        4 => Color::Blue,
        5 => Color::Magenta,
        6 => Color::Cyan,
        7 => Color::Gray,
        8 => Color::DarkGray,
        9 => Color::LightRed,
        10 => Color::LightGreen,
        11 => Color::LightYellow,
        12 => Color::LightBlue,
        13 => Color::LightMagenta,
        14 => Color::LightCyan,
        15 => Color::White,
        _ => return None,
    })
}
