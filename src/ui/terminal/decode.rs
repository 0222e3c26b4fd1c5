//! From the bytes of a terminal to events, by the grammar of control sequences (ECMA-48 5.4 and 5.6, xterm's "Control
//! Sequences"): one that is finished is swallowed whole, whether it means something here or not, so that no part of it
//! ever becomes a key. Only time tells a lone ESC from the start of a sequence; [`Decoder::due`] says when.
//!
//! crossterm's own reader cannot be used: it takes a lone ESC at the end of a read for the key, and waits for ever for
//! the end of a report that it does not know.

use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyModifiers};

use super::{
    made::{ESC, Opening, character, chord, control, is_one_key, key, opened_by, pasted},
    sequence,
};

/// How long an ESC waits for what would make it a sequence, as in most terminal programs.
const ESCAPE: Duration = Duration::from_millis(25);
/// How long the start of a sequence that is also a chord (Alt-[, Alt-O, Alt-P) waits for its next byte.
const CHORD: Duration = Duration::from_millis(100);
/// After such a silence within a string or a paste, what a person types ends it: its end is lost.
const SILENCE: Duration = Duration::from_secs(1);
/// How long after a lone ESC its sequence may still come, on a line that is slower than [`ESCAPE`], also byte by byte.
const LATE: Duration = Duration::from_millis(250);
/// How long a network may stall in the middle of a sequence. The rest of it comes so late and is still no key: letters
/// and digits of it would switch auto-answer on, or be tones in a call.
const STALL: Duration = Duration::from_secs(4);
/// However much comes, a control sequence is not longer under way.
const SEQUENCE_TIME: Duration = Duration::from_secs(8);
/// However a person types, a string or a paste whose end is lost is not longer under way.
const TEXT_TIME: Duration = Duration::from_secs(30);
/// A person types less than this in so long; less than a line carries, whatever it is.
const PACE_TIME: Duration = Duration::from_secs(2);
const PACE: usize = 100;

/// Most bytes of a control sequence that are read; of a longer one nothing is of use.
const SEQUENCE_MAX: usize = 128;
/// Most bytes that are kept of a paste; a telephone number, a name or a remark is shorter.
const PASTE_MAX: usize = 64 * 1024;

const PASTE_END: &[u8] = b"\x1b[201~";

/// Where in the grammar the next byte stands.
#[derive(Debug)]
enum State {
    Ground,
    /// After an ESC, or after two.
    Escape {
        twice: bool,
    },
    /// Within a character of more than one byte.
    Character {
        bytes: Vec<u8>,
        alt: bool,
    },
    /// After `CSI`.
    Csi {
        body: Vec<u8>,
        opening: Opening,
    },
    /// After `SS3`.
    Ss3 {
        body: Vec<u8>,
        opening: Opening,
    },
    /// After `CSI [`: the Linux console's F1 to F5.
    Console,
    /// After `CSI M`: a mouse report of three raw bytes.
    Mouse(Vec<u8>),
    /// Within an OSC, DCS, APC, PM or SOS string; of no use, so nothing of it is kept.
    Text {
        kind: u8,
        empty: bool,
        escape: bool,
    },
    /// Between the marks of a paste; how much of the end mark stands at its end.
    Paste {
        text: Vec<u8>,
        mark: usize,
    },
}

/// What was given as a key and may have been the beginning of something longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beginning {
    /// An ESC.
    Escape,
    /// An ESC and the letter that begins such a string.
    Text(u8),
}

impl Beginning {
    /// The letter of a string.
    fn string(self) -> Option<u8> {
        if let Self::Text(kind) = self { Some(kind) } else { None }
    }
}

/// The decoder. Memory is bounded whatever comes.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    /// When the last byte came.
    last: Option<Instant>,
    /// When what is under way began.
    begun: Option<Instant>,
    /// How much came since when, while a string or a paste is under way.
    pace: Option<(Instant, usize)>,
    /// What was given as a key, and when its last byte came; forgotten with the next byte.
    given: Option<(Instant, Beginning)>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { state: State::Ground, last: None, begun: None, pace: None, given: None }
    }
}

impl Decoder {
    /// Takes the bytes of one read. Whether what is under way has waited too long is not asked here: it has not, if
    /// its next byte is there.
    pub fn feed(&mut self, bytes: &[u8], now: Instant, events: &mut Vec<Event>) {
        if self.end_is_lost(bytes, now) {
            self.give_up(events);
        }
        for (at, byte) in bytes.iter().enumerate() {
            if matches!(self.state, State::Ground) {
                (self.begun, self.pace) = (Some(now), None);
            }
            self.byte(*byte, at + 1 < bytes.len(), now, events);
            self.last = Some(now);
        }
        if let Some((_, count)) = &mut self.pace {
            *count += bytes.len();
        }
    }

    /// Whether a string or a paste has lost its end: what comes is a key by itself, after a silence or at the pace of a
    /// person. The rest of one that a network has held up comes as more than that.
    fn end_is_lost(&mut self, bytes: &[u8], now: Instant) -> bool {
        let goes_on = match &self.state {
            State::Text { kind, escape, .. } => match bytes {
                [b'\\'] => *escape,
                [0x07] => *kind == b']',
                [ESC, ..] | [0x18 | 0x1a] => true,
                _ => false,
            },
            State::Paste { mark, .. } => {
                let expected = PASTE_END.get(*mark..).unwrap_or_default();
                let begins = expected.starts_with(bytes) && (*mark > 0 || bytes.len() > 1);
                begins || bytes.starts_with(expected) || bytes.windows(PASTE_END.len()).any(|part| part == PASTE_END)
            }
            State::Ground
            | State::Escape { .. }
            | State::Character { .. }
            | State::Csi { .. }
            | State::Ss3 { .. }
            | State::Console
            | State::Mouse(_) => return false,
        };
        let since = |then: Option<Instant>| then.map_or(Duration::ZERO, |then| now.saturating_duration_since(then));
        let (from, count) = *self.pace.get_or_insert((self.begun.unwrap_or(now), PACE));
        let slow = since(Some(from)) >= PACE_TIME && count < PACE;
        if since(Some(from)) >= PACE_TIME {
            self.pace = Some((now, 0));
        }
        !goes_on && is_one_key(bytes) && (slow || since(self.last) >= SILENCE || since(self.begun) >= TEXT_TIME)
    }

    /// When something under way has waited long enough, if nothing comes.
    pub fn due(&self) -> Option<Instant> {
        let patience = match &self.state {
            State::Ground => return None,
            State::Escape { .. } => ESCAPE,
            State::Csi { body, opening } | State::Ss3 { body, opening } if body.is_empty() && opening.is_chord() => {
                CHORD
            }
            State::Text { empty: true, .. } => CHORD,
            State::Csi { .. } | State::Ss3 { .. } | State::Character { .. } | State::Console | State::Mouse(_) => {
                return self.last.zip(self.begun).map(|(last, begun)| (last + STALL).min(begun + SEQUENCE_TIME));
            }
            State::Text { .. } | State::Paste { .. } => STALL,
        };
        self.last.map(|last| last + patience)
    }

    /// Nothing more has come until now: what has waited long enough ends.
    pub fn elapsed(&mut self, now: Instant, events: &mut Vec<Event>) {
        // A chord is given first, and its rest is waited for after that.
        while self.due().is_some_and(|due| due <= now) {
            self.give_up(events);
        }
    }

    /// What is under way ends as it is.
    fn give_up(&mut self, events: &mut Vec<Event>) {
        match std::mem::replace(&mut self.state, State::Ground) {
            State::Escape { twice } => {
                for _ in 0..=usize::from(twice) {
                    events.push(key(KeyCode::Esc, KeyModifiers::NONE));
                }
                self.given = self.last.map(|last| (last, Beginning::Escape));
            }
            State::Csi { body, opening } if body.is_empty() && opening.is_chord() => {
                chord('[', opening, events);
                self.state = State::Csi { body, opening: Opening::Given };
            }
            State::Ss3 { body, opening } if body.is_empty() && opening.is_chord() => {
                chord('O', opening, events);
                self.state = State::Ss3 { body, opening: Opening::Given };
            }
            State::Text { kind, empty: true, .. } => {
                chord(char::from(kind), Opening::Escape, events);
                self.given = self.last.map(|last| (last, Beginning::Text(kind)));
            }
            State::Paste { text, .. } => events.push(pasted(&text)),
            State::Ground
            | State::Character { .. }
            | State::Csi { .. }
            | State::Ss3 { .. }
            | State::Console
            | State::Mouse(_)
            | State::Text { .. } => {}
        }
    }

    fn byte(&mut self, byte: u8, more: bool, now: Instant, events: &mut Vec<Event>) {
        match std::mem::replace(&mut self.state, State::Ground) {
            State::Ground => self.ground(byte, more, now, events),
            State::Escape { twice } => self.after_escape(byte, twice, events),
            State::Character { mut bytes, alt } => {
                if byte & 0xc0 != 0x80 {
                    // Cut short; what comes now is something else.
                    return self.ground(byte, more, now, events);
                }
                bytes.push(byte);
                match std::str::from_utf8(&bytes) {
                    Ok(text) => events.extend(text.chars().map(|c| character(c, alt))),
                    Err(error) if error.error_len().is_none() => self.state = State::Character { bytes, alt },
                    Err(_) => {}
                }
            }
            State::Csi { mut body, opening } => match byte {
                0x20..=0x3f => {
                    if body.len() <= SEQUENCE_MAX {
                        body.push(byte);
                    }
                    self.state = State::Csi { body, opening };
                }
                b'[' if body.is_empty() => self.state = State::Console,
                b'M' if body.is_empty() => self.state = State::Mouse(Vec::new()),
                b'~' if body == b"200" => self.state = State::Paste { text: Vec::new(), mark: 0 },
                0x40..=0x7e if body.len() <= SEQUENCE_MAX => {
                    body.push(byte);
                    events.extend(sequence::csi(&body).and_then(|event| opened_by(event, opening)));
                }
                0x40..=0x7e => {}
                _ => self.torn(byte, more, now, events),
            },
            State::Ss3 { mut body, opening } => match byte {
                0x20..=0x3f => {
                    if body.len() <= SEQUENCE_MAX {
                        body.push(byte);
                    }
                    self.state = State::Ss3 { body, opening };
                }
                0x40..=0x7e => events.extend(sequence::ss3(&body, byte).and_then(|event| opened_by(event, opening))),
                _ => self.torn(byte, more, now, events),
            },
            State::Console => {
                if byte < 0x20 {
                    return self.torn(byte, more, now, events);
                }
                events.extend(sequence::console(byte));
            }
            State::Mouse(mut bytes) => {
                if byte < 0x20 {
                    return self.torn(byte, more, now, events);
                }
                bytes.push(byte);
                if let [button, x, y] = *bytes.as_slice() {
                    events.extend(sequence::raw_mouse(button, x, y));
                } else {
                    self.state = State::Mouse(bytes);
                }
            }
            State::Text { kind, escape, .. } => match byte {
                b'\\' if escape => {}
                // Something else begins: the string is over.
                _ if escape => self.after_escape(byte, false, events),
                0x07 if kind == b']' => {}
                0x18 | 0x1a => {}
                _ => self.state = State::Text { kind, empty: false, escape: byte == ESC },
            },
            State::Paste { mut text, mark } => {
                let mark = match PASTE_END.get(mark) {
                    Some(expected) if *expected == byte => mark + 1,
                    _ => {
                        // What looked like the end mark was none; it belongs to the text.
                        keep(&mut text, PASTE_END.get(..mark).unwrap_or_default());
                        if byte == ESC {
                            1
                        } else {
                            keep(&mut text, &[byte]);
                            0
                        }
                    }
                };
                if mark == PASTE_END.len() {
                    events.push(pasted(&text));
                } else {
                    self.state = State::Paste { text, mark };
                }
            }
        }
    }

    fn ground(&mut self, byte: u8, more: bool, now: Instant, events: &mut Vec<Event>) {
        let given = self.given.take().map(|(at, what)| (now.saturating_duration_since(at), what));
        let (late, cut_short) = match given {
            Some((ago, what)) if ago < STALL => (what == Beginning::Escape, what.string()),
            Some(_) | None => (false, None),
        };
        // After a while a single letter is more likely a key than a part; what follows it is not.
        let is_key = !more && given.is_some_and(|(ago, _)| ago >= LATE);
        let opening = if is_key { Opening::Given } else { Opening::Late };
        if late && is_key && matches!(byte, b'[' | b'O') {
            events.push(character(char::from(byte), false));
        }
        let string = |kind| State::Text { kind, empty: false, escape: false };
        if let (Some(kind), true, 0x20..=0x7e) = (cut_short, more, byte) {
            self.state = string(kind);
            return;
        }
        match byte {
            ESC => self.state = State::Escape { twice: false },
            b'[' if late => self.state = State::Csi { body: Vec::new(), opening },
            b'O' if late => self.state = State::Ss3 { body: Vec::new(), opening },
            b']' | b'P' | b'X' | b'^' | b'_' if late && more => self.state = string(byte),
            // The same with eight bits, from a terminal that is told to use them.
            0x9b => self.state = State::Csi { body: Vec::new(), opening: Opening::EightBit },
            0x8f => self.state = State::Ss3 { body: Vec::new(), opening: Opening::EightBit },
            0x90 | 0x98 | 0x9d | 0x9e | 0x9f => self.state = string(byte - 0x40),
            0x00..=0x1f | 0x7f => events.push(control(byte, KeyModifiers::NONE)),
            0x20..=0x7e => events.push(character(char::from(byte), false)),
            0xc2..=0xf4 => self.state = State::Character { bytes: vec![byte], alt: false },
            // No character of UTF-8 begins so.
            0x80..=0xc1 | 0xf5..=0xff => {}
        }
    }

    fn after_escape(&mut self, byte: u8, twice: bool, events: &mut Vec<Event>) {
        let opening = if twice { Opening::Alt } else { Opening::Escape };
        match byte {
            b'[' => self.state = State::Csi { body: Vec::new(), opening },
            b'O' => self.state = State::Ss3 { body: Vec::new(), opening },
            ESC => {
                if twice {
                    events.push(key(KeyCode::Esc, KeyModifiers::NONE));
                }
                self.state = State::Escape { twice: true };
            }
            _ => {
                if twice {
                    events.push(key(KeyCode::Esc, KeyModifiers::NONE));
                }
                match byte {
                    b']' | b'P' | b'X' | b'^' | b'_' => {
                        self.state = State::Text { kind: byte, empty: true, escape: false };
                    }
                    0x00..=0x1f | 0x7f => events.push(control(byte, KeyModifiers::ALT)),
                    0x20..=0x7e => events.push(character(char::from(byte), true)),
                    0xc2..=0xf4 => self.state = State::Character { bytes: vec![byte], alt: true },
                    0x80..=0xc1 | 0xf5..=0xff => {}
                }
            }
        }
    }

    /// A byte that no sequence has within: the sequence is lost, the byte is what it is.
    fn torn(&mut self, byte: u8, more: bool, now: Instant, events: &mut Vec<Event>) {
        if !matches!(byte, 0x18 | 0x1a) {
            self.ground(byte, more, now, events);
        }
    }
}

fn keep(text: &mut Vec<u8>, bytes: &[u8]) {
    if text.len() + bytes.len() <= PASTE_MAX {
        text.extend_from_slice(bytes);
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
