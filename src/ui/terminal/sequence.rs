//! What a finished control sequence of the terminal's means; most mean nothing here: reports that an earlier program
//! asked for, or that the terminal sends by itself.

use anstyle_parse::{Params, Parser, Perform, Utf8Parser};
use crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyEventState, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};

use super::made::key;

/// A control sequence, taken apart.
#[derive(Debug, Default)]
struct Sequence {
    params: Vec<Vec<u16>>,
    marks: Vec<u8>,
    last: Option<u8>,
}

impl Perform for Sequence {
    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignored: bool, action: u8) {
        if !ignored {
            self.params = params.iter().map(<[u16]>::to_vec).collect();
            self.marks = intermediates.to_vec();
            self.last = Some(action);
        }
    }
}

impl Sequence {
    /// The parser that also reads what the panel is given; it knows parameters, sub-parameters and their limits.
    fn read(body: &[u8]) -> Self {
        let mut read = Self::default();
        let mut parser = Parser::<Utf8Parser>::new();
        for byte in b"\x1b[".iter().chain(body) {
            parser.advance(&mut read, *byte);
        }
        read
    }

    /// A parameter; left out it is nought.
    fn param(&self, at: usize) -> u16 {
        self.params.get(at).and_then(|param| param.first()).copied().unwrap_or(0)
    }

    fn part(&self, at: usize, part: usize) -> Option<u16> {
        self.params.get(at).and_then(|param| param.get(part)).copied()
    }

    /// A key with what the second parameter says: what is held down, and pressed, repeated or released.
    fn key(&self, code: KeyCode) -> Event {
        let (modifiers, state) = held(self.param(1));
        let kind = match self.part(1, 1) {
            Some(2) => KeyEventKind::Repeat,
            Some(3) => KeyEventKind::Release,
            Some(_) | None => KeyEventKind::Press,
        };
        Event::Key(KeyEvent { code, modifiers, kind, state })
    }
}

/// What a `CSI` sequence means, given from its first parameter to its last byte.
pub(super) fn csi(body: &[u8]) -> Option<Event> {
    let read = Sequence::read(body);
    let last = read.last?;
    match (read.marks.as_slice(), last) {
        (b"<", b'M' | b'm') => sgr_mouse(&read, last == b'm'),
        ([], b'A' | b'B' | b'C' | b'D' | b'F' | b'H' | b'P' | b'Q' | b'S') => Some(read.key(named(last)?)),
        // F3 with something held down; with another first parameter it is where the cursor stands.
        ([], b'R') => (read.param(0) == 1 && read.param(1) > 1).then(|| read.key(KeyCode::F(3))),
        ([], b'Z') => Some(key(KeyCode::BackTab, KeyModifiers::SHIFT)),
        ([], b'I') if body.len() == 1 => Some(Event::FocusGained),
        ([], b'O') if body.len() == 1 => Some(Event::FocusLost),
        ([], b'~') if read.param(0) == 27 => coded(&read, read.param(2)),
        ([], b'~') => Some(read.key(numbered(read.param(0))?)),
        // rxvt: Ctrl and a numbered key.
        ([], b'^') => Some(key(numbered(read.param(0))?, KeyModifiers::CONTROL)),
        // rxvt: Shift and an arrow.
        ([], b'a'..=b'd') if body.len() == 1 => Some(key(named(last.to_ascii_uppercase())?, KeyModifiers::SHIFT)),
        ([], b'u') => coded(&read, read.param(0)),
        ([], b'M') => rxvt_mouse(&read),
        _ => None,
    }
}

/// What an `SS3` sequence means: function keys, the arrows in application mode, and the keypad in its own.
pub(super) fn ss3(body: &[u8], last: u8) -> Option<Event> {
    // Old terminals put what is held down here.
    let digits = std::str::from_utf8(body).ok()?;
    let held_down = digits.rsplit(';').next().and_then(|digits| digits.parse().ok()).unwrap_or(0);
    let (modifiers, state) = held(held_down);
    let event = |code, state| Some(Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press, state }));
    if let Some(code) = named(last) {
        return event(code, state);
    }
    // rxvt: Ctrl and an arrow.
    if let b'a'..=b'd' = last {
        return Some(key(named(last.to_ascii_uppercase())?, KeyModifiers::CONTROL));
    }
    let code = match last {
        b'p'..=b'y' => KeyCode::Char(char::from(last - b'p' + b'0')),
        b'j'..=b'o' => KeyCode::Char(char::from(last - b'j' + b'*')),
        b'X' => KeyCode::Char('='),
        b'M' => KeyCode::Enter,
        b'I' => KeyCode::Tab,
        _ => return None,
    };
    event(code, state | KeyEventState::KEYPAD)
}

/// The Linux console's F1 to F5, after `CSI [`.
pub(super) fn console(last: u8) -> Option<Event> {
    matches!(last, b'A'..=b'E').then(|| key(KeyCode::F(last - b'A' + 1), KeyModifiers::NONE))
}

/// A mouse report of three raw bytes, each 32 more than it says; places count from one.
pub(super) fn raw_mouse(button: u8, x: u8, y: u8) -> Option<Event> {
    let place = |byte: u8| byte.checked_sub(33).map(u16::from);
    mouse(u16::from(button.checked_sub(32)?), place(x)?, place(y)?, false)
}

fn rxvt_mouse(read: &Sequence) -> Option<Event> {
    let place = |at| read.param(at).checked_sub(1);
    mouse(read.param(0).checked_sub(32)?, place(1)?, place(2)?, false)
}

fn sgr_mouse(read: &Sequence, released: bool) -> Option<Event> {
    let place = |at| read.param(at).checked_sub(1);
    mouse(read.param(0), place(1)?, place(2)?, released)
}

/// A mouse report: two bits of the button, three of what is held down, one for a move, two for more buttons.
fn mouse(button: u16, column: u16, row: u16, released: bool) -> Option<Event> {
    let number = (button & 0b11) | ((button & 0b1100_0000) >> 4);
    let moved = button & 0b10_0000 != 0;
    let which = |number| match number {
        0 => MouseButton::Left,
        1 => MouseButton::Middle,
        _ => MouseButton::Right,
    };
    let kind = match (number, moved) {
        (0..=2, false) if released => MouseEventKind::Up(which(number)),
        (0..=2, false) => MouseEventKind::Down(which(number)),
        (0..=2, true) => MouseEventKind::Drag(which(number)),
        (3, false) => MouseEventKind::Up(MouseButton::Left),
        (3..=5, true) => MouseEventKind::Moved,
        (4, false) => MouseEventKind::ScrollUp,
        (5, false) => MouseEventKind::ScrollDown,
        (6, false) => MouseEventKind::ScrollLeft,
        (7, false) => MouseEventKind::ScrollRight,
        _ => return None,
    };
    let mut modifiers = KeyModifiers::NONE;
    modifiers.set(KeyModifiers::SHIFT, button & 0b100 != 0);
    modifiers.set(KeyModifiers::ALT, button & 0b1000 != 0);
    modifiers.set(KeyModifiers::CONTROL, button & 0b1_0000 != 0);
    Some(Event::Mouse(MouseEvent { kind, column, row, modifiers }))
}

/// Keys with a letter of their own.
fn named(letter: u8) -> Option<KeyCode> {
    Some(match letter {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        b'P'..=b'S' => KeyCode::F(letter - b'P' + 1),
        _ => return None,
    })
}

/// Keys with a number of their own; there are gaps between the function keys.
fn numbered(number: u16) -> Option<KeyCode> {
    let function = |less: u16| u8::try_from(number - less).ok().map(KeyCode::F);
    match number {
        1 | 7 => Some(KeyCode::Home),
        2 => Some(KeyCode::Insert),
        3 => Some(KeyCode::Delete),
        4 | 8 => Some(KeyCode::End),
        5 => Some(KeyCode::PageUp),
        6 => Some(KeyCode::PageDown),
        11..=15 => function(10),
        17..=21 => function(11),
        23..=26 => function(12),
        28..=29 => function(15),
        31..=34 => function(17),
        _ => None,
    }
}

/// What is held down: one more than the bits of Shift, Alt, Ctrl, Super, Hyper, Meta, caps lock and num lock.
fn held(param: u16) -> (KeyModifiers, KeyEventState) {
    let bits = param.saturating_sub(1);
    let mut modifiers = KeyModifiers::NONE;
    for (bit, modifier) in [
        (1, KeyModifiers::SHIFT),
        (2, KeyModifiers::ALT),
        (4, KeyModifiers::CONTROL),
        (8, KeyModifiers::SUPER),
        (16, KeyModifiers::HYPER),
        (32, KeyModifiers::META),
    ] {
        modifiers.set(modifier, bits & bit != 0);
    }
    let mut state = KeyEventState::NONE;
    state.set(KeyEventState::CAPS_LOCK, bits & 64 != 0);
    state.set(KeyEventState::NUM_LOCK, bits & 128 != 0);
    (modifiers, state)
}

/// A key given by its code point (`CSI u` of fixterms and kitty, `CSI 27 ; … ~` of xterm).
fn coded(read: &Sequence, code: u16) -> Option<Event> {
    let shifted = (read.param(1).saturating_sub(1) & 1 != 0).then(|| read.part(0, 1)).flatten();
    let (code, keypad) = match code {
        57399..=57427 => (on_keypad(code)?, true),
        57376..=57398 => (KeyCode::F(u8::try_from(code - 57363).ok()?), false),
        // Locks, media keys and the modifiers themselves, which have no meaning here; and what is no character.
        57344..=63743 | u16::MAX | 0 => return None,
        _ => (by_code(char::from_u32(u32::from(shifted.unwrap_or(code)))?, read), false),
    };
    let Event::Key(mut key) = read.key(code) else { return None };
    key.state.set(KeyEventState::KEYPAD, keypad);
    Some(Event::Key(key))
}

fn by_code(c: char, read: &Sequence) -> KeyCode {
    let shift = held(read.param(1)).0.contains(KeyModifiers::SHIFT);
    match c {
        '\x1b' => KeyCode::Esc,
        '\r' => KeyCode::Enter,
        '\t' if shift => KeyCode::BackTab,
        '\t' => KeyCode::Tab,
        '\x7f' | '\x08' => KeyCode::Backspace,
        c => KeyCode::Char(c),
    }
}

/// The numeric keypad in kitty's protocol.
fn on_keypad(code: u16) -> Option<KeyCode> {
    Some(match code {
        57399..=57408 => KeyCode::Char(char::from(u8::try_from(code - 57399).ok()? + b'0')),
        57409 => KeyCode::Char('.'),
        57410 => KeyCode::Char('/'),
        57411 => KeyCode::Char('*'),
        57412 => KeyCode::Char('-'),
        57413 => KeyCode::Char('+'),
        57414 => KeyCode::Enter,
        57415 => KeyCode::Char('='),
        57416 => KeyCode::Char(','),
        57417 => KeyCode::Left,
        57418 => KeyCode::Right,
        57419 => KeyCode::Up,
        57420 => KeyCode::Down,
        57421 => KeyCode::PageUp,
        57422 => KeyCode::PageDown,
        57423 => KeyCode::Home,
        57424 => KeyCode::End,
        57425 => KeyCode::Insert,
        57426 => KeyCode::Delete,
        _ => return None,
    })
}
