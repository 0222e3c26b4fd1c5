//! Cleaning and checking of numbers that a person typed or pasted.

use thiserror::Error;

use super::numbers_in::numbers_in;

/// Most digits a telephone number may have here: E.164 allows 15, platforms add prefixes and extensions.
const MAX_DIGITS: usize = 31;

/// Why a typed number cannot be dialled.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NumberError {
    /// Nothing but blanks and punctuation.
    #[error("there is no number to call")]
    Empty,
    /// A character that no telephone number has.
    #[error("'{0}' is not part of a telephone number")]
    BadCharacter(char),
    /// More digits than any number has.
    #[error("the number has {0} digits; at most {MAX_DIGITS} are possible")]
    TooLong(usize),
    /// More than one number.
    #[error("'{0}' and another number: only one can be called")]
    Several(String),
}

/// Digits from which on two groups are two numbers.
const WHOLE: usize = 7;

/// Cleans a telephone number: `tel:` is taken off, blanks, dashes, dots and brackets go, full-width digits become plain.
/// Of a `tel:` link (RFC 3966) the number counts; its parameters and every extension go, see [`extension`].
///
/// A leading `+` stays, and so do `*`, `#` and `,` (a pause, [`cti.md` 2.3]).
///
/// # Errors
/// [`NumberError`] when nothing dialable is left or something cannot be dialled.
pub fn clean_number(typed: &str) -> Result<String, NumberError> {
    let typed = typed.trim();
    let link = of_link(typed);
    let typed = link.as_deref().unwrap_or(typed).trim_start_matches('/');
    let typed = typed.split(';').next().unwrap_or(typed);
    // What begins as a service code is one, whatever stands in it.
    let found = if typed.trim_start().starts_with(['*', '#']) { Vec::new() } else { numbers_in(typed) };
    let mut whole = found.iter().filter(|one| one.number.len() >= WHOLE);
    if let (Some(first), Some(_)) = (whole.next(), whole.next()) {
        return Err(NumberError::Several(first.number.clone()));
    }
    let end = match found.as_slice() {
        [one] => one.extension.as_ref().filter(|extension| extension.sure).map(|extension| extension.at),
        _ => None,
    };
    let typed = end.and_then(|end| typed.get(..end)).unwrap_or(typed);
    let mut number = String::with_capacity(typed.len());
    for c in typed.chars() {
        match c {
            '0'..='9' | '*' | '#' | ',' => number.push(c),
            '+' if number.is_empty() => number.push(c),
            '\u{ff10}'..='\u{ff19}' => number.extend(char::from_digit(c as u32 - 0xff10, 10)),
            c if c.is_whitespace() => {}
            '-'
            | '.'
            | '('
            | ')'
            | '/'
            | '\u{2010}'..='\u{2015}'
            | '（'
            | '）'
            | '\u{feff}'
            | '\u{200b}'
            | '\u{202a}'..='\u{202e}' => {}
            other => return Err(NumberError::BadCharacter(other)),
        }
    }
    let digits = number.chars().filter(char::is_ascii_digit).count();
    if digits == 0 && !number.contains(['*', '#']) {
        return Err(NumberError::Empty);
    }
    if digits > MAX_DIGITS {
        return Err(NumberError::TooLong(digits));
    }
    Ok(number)
}

/// The extension in what was typed: that of a `tel:` link (`;ext=`), or one behind the number. Nothing can dial it together
/// with the number, so the agent is told.
pub fn extension(typed: &str) -> Option<String> {
    let Some(link) = of_link(typed.trim()) else {
        let [one] = <[_; 1]>::try_from(numbers_in(typed.split(';').next()?)).ok()?;
        return one.extension.filter(|extension| extension.sure).map(|extension| extension.digits);
    };
    let extension = link.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.eq_ignore_ascii_case("ext").then_some(value)
    })?;
    let digits: String = extension.chars().filter(|c| c.is_ascii_digit() || matches!(c, '*' | '#')).take(16).collect();
    (!digits.is_empty()).then_some(digits)
}

/// What comes after `tel:`, percent-decoded; `None` if it is no such link.
fn of_link(typed: &str) -> Option<String> {
    let rest = typed.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("tel:")).and_then(|_| typed.get(4..))?;
    Some(percent_encoding::percent_decode_str(rest).decode_utf8_lossy().into_owned())
}

/// Cleans an agent number: 3 to 20 letters and digits (protocol `cti.md` 2.3).
///
/// # Errors
/// [`NumberError`] when it is empty, too long or has another character.
pub fn clean_agent_number(typed: &str) -> Result<String, NumberError> {
    let number: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    if number.is_empty() {
        return Err(NumberError::Empty);
    }
    if let Some(bad) = number.chars().find(|c| !c.is_ascii_alphanumeric()) {
        return Err(NumberError::BadCharacter(bad));
    }
    if number.len() > 20 {
        return Err(NumberError::TooLong(number.len()));
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasted_forms_become_dialable() {
        for (typed, dialled) in [
            (" 138 0013-8000 ", "13800138000"),
            ("tel:+86-10-5854-5832;ext=1", "+861058545832"),
            ("(010) 5854.5832", "01058545832"),
            ("１３８００１３８０００", "13800138000"),
            ("*57#", "*57#"),
            ("TEL:%2B86%20138-0013-8000", "+8613800138000"),
            ("tel://10086", "10086"),
            ("tel:863-1234;phone-context=+1-914-555;isub=7", "8631234"),
            ("021-64700000-801", "02164700000"),
            ("400-811-1111转3", "4008111111"),
            ("138/0013/8000", "13800138000"),
            ("02164700000,801", "02164700000,801"),
        ] {
            assert_eq!(clean_number(typed).as_deref(), Ok(dialled), "{typed}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused_with_the_reason() {
        assert_eq!(clean_number("  "), Err(NumberError::Empty));
        assert_eq!(clean_number("tel:"), Err(NumberError::Empty));
        assert_eq!(clean_number("张三"), Err(NumberError::BadCharacter('张')));
        assert_eq!(clean_number("1+2"), Err(NumberError::BadCharacter('+')));
        assert_eq!(clean_number(&"1".repeat(32)), Err(NumberError::TooLong(32)));
        for two in ["13800138000 13900139000", "138-0013-8000/139-0013-9000", "13800138000,13900139000"] {
            assert_eq!(clean_number(two), Err(NumberError::Several("13800138000".into())), "{two}");
        }
    }

    #[test]
    fn the_extension_of_a_link_is_known() {
        assert_eq!(extension("tel:+86-10-5854-5832;ext=12").as_deref(), Some("12"));
        assert_eq!(extension("tel:10086;isub=1;EXT=1-2%3B").as_deref(), Some("12"));
        assert_eq!(extension("021-64700000-801").as_deref(), Some("801"));
        assert_eq!(extension("400-811-1111 ext 3").as_deref(), Some("3"));
        for none in ["tel:10086", "tel:10086;ext=", "10086;ext=12", "tel:10086;next=1", ""] {
            assert_eq!(extension(none), None, "{none}");
        }
    }

    #[test]
    fn agent_numbers_are_trimmed_and_checked() {
        assert_eq!(clean_agent_number(" 8002 ").as_deref(), Ok("8002"));
        assert_eq!(clean_agent_number("80-02"), Err(NumberError::BadCharacter('-')));
        assert_eq!(clean_agent_number(""), Err(NumberError::Empty));
    }
}
