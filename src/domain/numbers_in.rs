//! Telephone numbers in a text that was pasted: where one ends and the next begins, and which digits are an extension.
//! An extension or a second number that became part of the first would reach a stranger.

/// Most digits that a number and what is written beside it can have together (E.164).
const E164: usize = 15;
/// A second number has at least so many digits; what is shorter may be a part of the first one.
const WHOLE: usize = 7;
/// Most digits of an extension.
const EXTENSION_MAX: usize = 8;
/// Most digits of an extension that nothing but a dash or a blank separates.
const BARE_EXTENSION_MAX: usize = 5;

/// A number found in a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// As it can be dialled.
    pub number: String,
    /// The extension behind it.
    pub extension: Option<Extension>,
}

/// An extension found behind a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Its digits.
    pub digits: String,
    /// Where in the text it and what announces it begin, bytes.
    pub at: usize,
    /// Whether nothing else can be meant: not so after `#` and `,`, which can be dialled too.
    pub sure: bool,
}

/// What stands between two groups of digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Between {
    /// Dashes, dots, brackets.
    Joint,
    Blank,
    /// A word for extension.
    Word,
    Hash,
    Comma,
    /// Something else: another number begins.
    Other,
}

/// All numbers in a text, in their order. Those of one or two digits are left out beside longer ones: they count
/// something.
pub fn numbers_in(text: &str) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut between = String::new();
    let mut between_at = 0;
    let mut digits = String::new();
    let ends = text.char_indices().map(|(at, c)| (at, Some(c))).chain([(text.len(), None)]);
    for (at, c) in ends {
        if let Some(digit) = c.and_then(digit) {
            digits.push(digit);
            continue;
        }
        if !digits.is_empty() {
            group(&mut found, &between, between_at, std::mem::take(&mut digits));
            between.clear();
            between_at = at;
        }
        between.extend(c.filter(|c| !is_invisible(*c)));
    }
    // A service code ends in what else would separate: `*57#`.
    if let Some(last) = found.last_mut().filter(|last| is_code(&last.number))
        && let Some(mark) = between.chars().next().filter(|c| matches!(c, '*' | '#'))
    {
        last.number.push(mark);
    }
    // One number in groups, unless each of them could be an inner one.
    if found.len() > 1 && text.trim().chars().all(|c| c == '/' || digit(c).is_some()) {
        let joined: String = found.iter().map(|one| one.number.as_str()).collect();
        if is_whole(&joined) {
            return vec![Found { number: joined, extension: None }];
        }
    }
    if found.iter().any(|one| one.number.len() > 4) {
        found.retain(|one| one.number.len() > 2);
    }
    found
}

/// A group of digits and what stands before it.
fn group(found: &mut Vec<Found>, between: &str, between_at: usize, digits: String) {
    let kind = kind(between);
    let Some(last) = found.last_mut() else { return found.push(begin(between, digits)) };
    if is_code(&last.number) && matches!(between, "*" | "#") {
        last.number.push_str(between);
        last.number.push_str(&digits);
        return;
    }
    let before = last.number.len();
    let begun = between.trim_end().ends_with('+') || last.extension.is_some();
    let extends = match kind {
        _ if begun => false,
        Between::Word => before >= 3 && digits.len() <= EXTENSION_MAX,
        Between::Hash | Between::Comma => before >= 5 && digits.len() < WHOLE,
        Between::Joint => is_whole(&last.number) && digits.len() <= BARE_EXTENSION_MAX,
        Between::Blank | Between::Other => false,
    };
    if extends {
        let sure = matches!(kind, Between::Word | Between::Joint);
        last.extension = Some(Extension { digits, at: between_at, sure });
        return;
    }
    let two = before >= WHOLE && digits.len() >= WHOLE;
    let continues = match kind {
        _ if begun => false,
        Between::Joint | Between::Blank => !is_whole(&last.number) && !two && before + digits.len() <= E164,
        Between::Word | Between::Hash | Between::Comma | Between::Other => false,
    };
    if continues {
        last.number.push_str(&digits);
    } else {
        found.push(begin(between, digits));
    }
}

/// A number begins: a `+`, `*` or `#` right before it belongs to it.
fn begin(between: &str, digits: String) -> Found {
    let mark = between.chars().next_back().filter(|c| matches!(c, '+' | '*' | '#'));
    Found { number: mark.into_iter().chain(digits.chars()).collect(), extension: None }
}

/// `*57#`: not a telephone number, but can be dialled.
fn is_code(number: &str) -> bool {
    number.starts_with(['*', '#'])
}

/// Whether a number of this country is complete: a mobile one, one with its area code, one of 400 and 800.
fn is_whole(number: &str) -> bool {
    let home = ["+86", "0086"].into_iter().find_map(|country| number.strip_prefix(country));
    let mobile = |n: &str| n.len() == 11 && n.starts_with('1') && !n.starts_with("10");
    match home {
        // Without the 0 of the area code.
        Some(home) => mobile(home) || (!home.starts_with('1') && matches!(home.len(), 10..=11)),
        None => {
            mobile(number)
                || number.strip_prefix("86").is_some_and(mobile)
                || (number.starts_with('0') && matches!(number.len(), 11..=12))
                || (number.len() == 10 && (number.starts_with("400") || number.starts_with("800")))
        }
    }
}

fn kind(between: &str) -> Between {
    if between.contains(['\n', '\r', '\t']) {
        return Between::Other;
    }
    let joint = |c: char| matches!(c, '-' | '.' | '(' | ')' | '（' | '）' | '\u{2010}'..='\u{2015}' | '－');
    if between.chars().all(char::is_whitespace) {
        return Between::Blank;
    }
    if between.chars().all(|c| joint(c) || c.is_whitespace()) {
        return Between::Joint;
    }
    let word: String = between
        .chars()
        .filter(|c| !c.is_whitespace() && !joint(*c) && !matches!(c, ':' | '：' | '号' | '[' | ']'))
        .flat_map(char::to_lowercase)
        .collect();
    match word.as_str() {
        "x" | "ext" | "extn" | "extension" | "转" | "轉" | "分机" | "分機" | "转分机" | "轉分機" | "转接" | "内线"
        | ",转" | "，转" | ",分机" | "，分机" | ",ext" => Between::Word,
        "#" | "＃" => Between::Hash,
        commas if commas.chars().all(|c| matches!(c, ',' | '，')) => Between::Comma,
        _ => Between::Other,
    }
}

/// A digit, plain or full-width.
fn digit(c: char) -> Option<char> {
    match c {
        '0'..='9' => Some(c),
        '\u{ff10}'..='\u{ff19}' => char::from_digit(u32::from(c) - 0xff10, 10),
        _ => None,
    }
}

/// Marks without a width, which come along with what is copied from pages and contacts, and control characters that
/// separate nothing.
fn is_invisible(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        || matches!(c, '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let one = |found: Found| match found.extension {
            Some(extension) => format!("{} + {}", found.number, extension.digits),
            None => found.number,
        };
        numbers_in(text).into_iter().map(one).collect()
    }

    #[test]
    fn fuzz_numbers() {
        crate::fuzz::run("numbers", &["tests/corpora/numbers"], |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let all: usize = text.chars().filter_map(digit).count();
            let found = numbers_in(&text);
            let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
            let taken: usize = found
                .iter()
                .map(|one| {
                    digits(&one.number) + one.extension.as_ref().map_or(0, |extension| digits(&extension.digits))
                })
                .sum();
            assert!(taken <= all, "{found:?}");
            for one in &found {
                assert!(one.extension.as_ref().is_none_or(|extension| text.is_char_boundary(extension.at)));
            }
            // What is clean stays as it is; to refuse it after all does no harm.
            if let Ok(number) = crate::domain::clean_number(&text) {
                match crate::domain::clean_number(&number) {
                    Ok(again) => assert_eq!(again, number),
                    Err(error) => assert!(matches!(error, crate::domain::NumberError::Several(_)), "{number}: {error}"),
                }
            }
        });
    }

    #[test]
    fn an_extension_is_no_part_of_the_number() {
        for (text, expected) in [
            ("400-811-1111转3", "4008111111 + 3"),
            ("400-811-1111 转 3", "4008111111 + 3"),
            ("021-64700000-801", "02164700000 + 801"),
            ("(021) 64700000 - 801", "02164700000 + 801"),
            ("+86-21-64700000-801", "+862164700000 + 801"),
            ("021-64700000 ext. 801", "02164700000 + 801"),
            ("021-64700000x801", "02164700000 + 801"),
            ("021-64700000#801", "02164700000 + 801"),
            ("02164700000,801", "02164700000 + 801"),
            ("02164700000,,801", "02164700000 + 801"),
            ("010-58545832 分机：12", "01058545832 + 12"),
            ("010-58545832（转１２）", "01058545832 + 12"),
            ("+1 914-555-1234 Extension 77", "+19145551234 + 77"),
        ] {
            assert_eq!(found(text), [expected], "{text}");
        }
    }

    #[test]
    fn two_numbers_stay_two() {
        for (text, expected) in [
            ("138-0013-8000/139-0013-9000", ["13800138000", "13900139000"]),
            ("13800138000 13900139000", ["13800138000", "13900139000"]),
            ("138 0013 8000 139 0013 9000", ["13800138000", "13900139000"]),
            ("13800138000、13900139000", ["13800138000", "13900139000"]),
            ("13800138000,13900139000", ["13800138000", "13900139000"]),
            ("8002/8003", ["8002", "8003"]),
            ("13800138000\n8002", ["13800138000", "8002"]),
            ("家 64700000 公司 64700001", ["64700000", "64700001"]),
            ("64700000 64700001", ["64700000", "64700001"]),
            ("+8613800138000 +8613900139000", ["+8613800138000", "+8613900139000"]),
            ("021-64700000-801 / 13900139000", ["02164700000 + 801", "13900139000"]),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn one_number_stays_one_however_it_is_written() {
        for (text, expected) in [
            ("138 0013 8000", "13800138000"),
            ("138-0013-8000", "13800138000"),
            ("+86 138 0013 8000", "+8613800138000"),
            ("010 5854 5832", "01058545832"),
            ("(010) 5854.5832", "01058545832"),
            ("0755-2345-6789", "075523456789"),
            ("+1 (914) 555-1234", "+19145551234"),
            ("138/0013/8000", "13800138000"),
            ("１３８００１３８０００", "13800138000"),
            ("138-0013\u{7} 8000", "13800138000"),
            ("\u{202d}138\u{202c}0013\u{200b}8000", "13800138000"),
            ("*57#", "*57#"),
            ("*72*13800138000#", "*72*13800138000#"),
            ("电话：13912345678，王先生", "13912345678"),
            ("第 3 次 13912345678", "13912345678"),
            ("10086", "10086"),
            ("5", "5"),
        ] {
            assert_eq!(found(text), [expected], "{text}");
        }
        assert!(found("张三").is_empty());
    }
}
