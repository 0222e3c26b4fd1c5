//! Keypad digits as telephone-event (RFC 4733): in place of the sound, one after the other, none lost at any speed.

use std::collections::VecDeque;

use bytes::Bytes;

/// Blocks of 10 ms from one packet of an event to the next (RFC 4733 2.5.1.2 recommends 50 ms).
const UPDATE: u32 = 5;
/// Blocks an event lasts: 150 ms, which the slowest receiver notices.
const LASTS: u32 = 15;
/// Times the end of an event is told (RFC 4733 2.5.1.4), a block apart, so that a short burst of loss does not take all.
const ENDS: u32 = 3;
/// Blocks from the beginning of an event to that of the next: 200 ms, with 50 ms of silence in between. Whole packets of
/// 20 ms, so that the sound goes on where a packet begins.
const APART: u32 = 20;
/// Power of the tone, -dBm0: what gateways make of it is about as loud as a telephone's own keypad.
const VOLUME: u8 = 10;
/// Most digits that wait.
const MOST: usize = 64;
/// The bit that says that the event is over.
const END: u8 = 0x80;

/// Code of a digit (RFC 4733 3.2).
fn code(digit: char) -> Option<u8> {
    "0123456789*#ABCD".find(digit.to_ascii_uppercase()).and_then(|at| u8::try_from(at).ok())
}

/// An event that is being told.
#[derive(Debug)]
struct Telling {
    code: u8,
    /// RTP timestamp of its beginning, the same in all its packets.
    timestamp: u32,
    /// Blocks since then.
    blocks: u32,
}

/// A packet of an event.
#[derive(Debug, PartialEq, Eq)]
pub struct EventPacket {
    /// Beginning of the event.
    pub timestamp: u32,
    /// First packet of the event.
    pub marker: bool,
    /// The four bytes of RFC 4733 2.3.
    pub payload: Bytes,
}

/// Digits on their way.
#[derive(Debug, Default)]
pub struct Digits {
    waiting: VecDeque<u8>,
    telling: Option<Telling>,
}

impl Digits {
    /// Takes a digit (0-9, *, #, A-D); others are ignored. False when it was not taken.
    pub fn push(&mut self, digit: char) -> bool {
        let Some(code) = code(digit).filter(|_| self.waiting.len() < MOST) else { return false };
        self.waiting.push_back(code);
        true
    }

    /// Forgets what has not been told.
    pub fn clear(&mut self) {
        (self.waiting, self.telling) = (VecDeque::new(), None);
    }

    /// A packet of sound would begin now, at this RTP timestamp. True when a digit takes its place.
    pub fn takes_over(&mut self, timestamp: u32) -> bool {
        if self.telling.is_none() {
            self.telling = self.waiting.pop_front().map(|code| Telling { code, timestamp, blocks: 0 });
        }
        self.telling.is_some()
    }

    /// 10 ms of an event have passed; what is to be sent now, if anything. `clock` is that of telephone-event, Hz.
    pub fn block(&mut self, clock: u32) -> Option<EventPacket> {
        let telling = self.telling.as_mut()?;
        telling.blocks += 1;
        let at = telling.blocks;
        let ends = at >= LASTS;
        let packet = (at < LASTS && at.is_multiple_of(UPDATE) || (LASTS..LASTS + ENDS).contains(&at)).then(|| {
            // At 48 kHz 150 ms are 7200 ticks: no event is as long as a duration can be.
            let duration = u16::try_from(at.min(LASTS) * clock / 100).unwrap_or(u16::MAX).to_be_bytes();
            let flags = if ends { END | VOLUME } else { VOLUME };
            let payload: Vec<u8> = [telling.code, flags].into_iter().chain(duration).collect();
            EventPacket { timestamp: telling.timestamp, marker: at == UPDATE, payload: payload.into() }
        });
        if at >= APART {
            self.telling = None;
        }
        packet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_has_its_code_and_nothing_else_has() {
        let codes: Vec<_> = "0123456789*#ABCD".chars().map(code).collect();
        assert_eq!(codes, (0..16).map(Some).collect::<Vec<_>>());
        assert_eq!((code('d'), code('x'), code('+')), (Some(15), None, None));
        let mut digits = Digits::default();
        assert!(!digits.push('x') && !digits.takes_over(0));
        assert_eq!((0..1000).filter(|_| digits.push('1')).count(), MOST);
    }
}
