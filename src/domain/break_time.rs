//! The time of a break: two minutes of one day (protocol `phone-bar.md` 8.2).

use std::fmt;

use thiserror::Error;

/// Most characters of the remark of a break request.
pub const REMARK_MAX: usize = 256;

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// Minutes from now to the start, and to the end, of a break that is proposed.
const PROPOSED: (u16, u16) = (1, 6);

/// A minute of the day, `00:00` to `23:59`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minute(u16);

/// What is wrong with the time of a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BreakTimeError {
    /// The start is no time of the day.
    #[error("the start is no time of the day; write it as 12:05")]
    BadStart,
    /// The end is no time of the day.
    #[error("the end is no time of the day; write it as 12:30")]
    BadEnd,
    /// The end is not after the start; a break lies within one day.
    #[error("the end must be after the start, on the same day")]
    EndNotAfterStart,
}

impl Minute {
    /// By hour (0 to 23) and minute (0 to 59); none for anything else.
    pub fn new(hour: u16, minute: u16) -> Option<Self> {
        (hour < 24 && minute < 60).then_some(Self(hour * 60 + minute))
    }

    /// Reads `12:05`, `9:05` or `1205`, also as a Chinese keyboard writes them.
    pub fn parse(text: &str) -> Option<Self> {
        let plain: String = text
            .trim()
            .chars()
            .map(|c| match c {
                '\u{ff1a}' | '.' => ':',
                '\u{ff10}'..='\u{ff19}' => char::from_digit(u32::from(c) - 0xff10, 10).unwrap_or(c),
                c => c,
            })
            .collect();
        let (hour, minute) = match plain.split_once(':') {
            Some(parts) => parts,
            None if plain.len() == 4 => plain.split_at_checked(2)?,
            None => return None,
        };
        let number = |text: &str| {
            let digits = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| text.parse::<u16>().ok()).flatten()
        };
        if minute.len() != 2 {
            return None;
        }
        Self::new(number(hour)?, number(minute)?)
    }

    /// The break to propose now: it begins in a minute and lasts five, as far as the day goes.
    pub fn proposed(self) -> (Self, Self) {
        let (start, end) = PROPOSED;
        (Self((self.0 + start).min(DAY - 2)), Self((self.0 + end).min(DAY - 1)))
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// The start and the end of a break as typed.
///
/// # Errors
/// [`BreakTimeError`]: unreadable, or the end not after the start.
pub fn break_time(from: &str, to: &str) -> Result<(Minute, Minute), BreakTimeError> {
    let from = Minute::parse(from).ok_or(BreakTimeError::BadStart)?;
    let to = Minute::parse(to).ok_or(BreakTimeError::BadEnd)?;
    if to > from { Ok((from, to)) } else { Err(BreakTimeError::EndNotAfterStart) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Minute {
        Minute::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, shown) in [
            ("12:05", "12:05"),
            (" 9:05 ", "09:05"),
            ("0930", "09:30"),
            ("１２：３０", "12:30"),
            ("00:00", "00:00"),
            ("23.59", "23:59"),
        ] {
            assert_eq!(Minute::parse(text).map(|m| m.to_string()).as_deref(), Some(shown), "{text}");
        }
        for text in ["", "24:00", "12:60", "12", "12:5", "930", "-1:00", "+1:00", "12:05:00", "a:bc", "１", "：："] {
            assert_eq!(Minute::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_end_of_the_day_does_not_wrap() {
        assert_eq!(at("12:00").proposed(), (at("12:01"), at("12:06")));
        assert_eq!(at("23:55").proposed(), (at("23:56"), at("23:59")));
        assert_eq!(at("23:59").proposed(), (at("23:58"), at("23:59")));
        assert_eq!(break_time("23:58", "00:03"), Err(BreakTimeError::EndNotAfterStart));
        assert_eq!(break_time("12:00", "12:00"), Err(BreakTimeError::EndNotAfterStart));
        assert_eq!(break_time("x", "12:00"), Err(BreakTimeError::BadStart));
        assert_eq!(break_time("12:00", "24:00"), Err(BreakTimeError::BadEnd));
    }

    proptest! {
        #[test]
        fn what_is_proposed_can_be_asked_for(hour in 0u16..24, minute in 0u16..60) {
            let now = Minute::new(hour, minute).unwrap();
            let (from, to) = now.proposed();
            prop_assert_eq!(break_time(&from.to_string(), &to.to_string()), Ok((from, to)));
        }

        #[test]
        fn whatever_is_typed_is_read_as_a_time_of_the_day_or_not_at_all(text in "\\PC{0,8}") {
            if let Some(minute) = Minute::parse(&text) {
                prop_assert!(minute < Minute(DAY));
                prop_assert_eq!(Minute::parse(&minute.to_string()), Some(minute));
            }
        }

        #[test]
        fn a_break_lies_within_one_day(a in 0u16..1440, b in 0u16..1440) {
            let (from, to) = (Minute(a), Minute(b));
            prop_assert_eq!(break_time(&from.to_string(), &to.to_string()).is_ok(), b > a);
        }
    }
}
