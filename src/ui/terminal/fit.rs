//! Whether the screen can be shown here at all, told before anything else happens; the terminal itself is not asked.

use std::io::IsTerminal;

use thiserror::Error;

use crate::i18n::{Locale, Message};

/// Why the screen cannot be shown here.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unfit {
    /// Standard output goes somewhere else.
    #[error("standard output is no terminal")]
    NoTerminal,
    /// The terminal cannot place the cursor.
    #[error("TERM is '{0}'")]
    Dumb(String),
    /// The terminal is told to be in another character set than the language needs.
    #[error("the locale '{0}' is not UTF-8")]
    Charset(String),
}

impl Unfit {
    /// What is wrong and the way out.
    pub fn message(&self) -> Message {
        match self {
            Unfit::NoTerminal => Message::new("ui.no_terminal"),
            Unfit::Dumb(name) => Message::new("ui.dumb_terminal").with("name", name),
            Unfit::Charset(name) => Message::new("ui.other_charset").with("name", name),
        }
    }

    /// The language that can be read here.
    pub fn language(&self, locale: Locale) -> Locale {
        match self {
            Unfit::NoTerminal | Unfit::Dumb(_) => locale,
            Unfit::Charset(_) => Locale::En,
        }
    }
}

/// Looks at standard output and the environment. Whether signs and frames have to be drawn in ASCII.
///
/// # Errors
/// [`Unfit`].
pub fn look(locale: Locale) -> Result<bool, Unfit> {
    if !std::io::stdout().is_terminal() {
        return Err(Unfit::NoTerminal);
    }
    of_environment(locale, |name| std::env::var(name).ok())
}

fn of_environment(locale: Locale, env: impl Fn(&str) -> Option<String>) -> Result<bool, Unfit> {
    let name = env("TERM").unwrap_or_default();
    if matches!(name.as_str(), "" | "dumb" | "unknown") {
        return Err(Unfit::Dumb(name));
    }
    let set = charset(&env);
    match (utf8(&env), locale) {
        (true, _) => Ok(false),
        // Chinese asked for by a locale that writes it in another way: all of it would be garbled. `C` says nothing
        // about the terminal, which mostly knows UTF-8 then.
        (false, Locale::ZhCn) if !matches!(set.as_str(), "" | "C" | "POSIX") => Err(Unfit::Charset(set)),
        (false, Locale::ZhCn | Locale::En) => Ok(true),
    }
}

/// Whether the environment says that text is UTF-8, which Chinese needs.
pub fn utf8(env: impl Fn(&str) -> Option<String>) -> bool {
    let set = charset(env).to_ascii_lowercase();
    let set = set.split('@').next().unwrap_or_default();
    set.ends_with("utf-8") || set.ends_with("utf8")
}

/// The locale that tells the character set (POSIX: the first of these that is set counts).
fn charset(env: impl Fn(&str) -> Option<String>) -> String {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| env(name).filter(|value| !value.is_empty()));
    set.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(set: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        move |name| set.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn the_first_variable_that_is_set_tells_the_character_set() {
        assert!(utf8(env(&[("LANG", "zh_CN.UTF-8")])));
        assert!(utf8(env(&[("LC_ALL", ""), ("LANG", "en_US.utf8")])));
        assert!(utf8(env(&[("LANG", "de_DE.UTF-8@euro")])));
        assert!(!utf8(env(&[("LC_ALL", "C"), ("LANG", "zh_CN.UTF-8")])));
        assert!(!utf8(env(&[])));
    }

    #[test]
    fn what_cannot_be_shown_is_told_and_what_can_is_drawn_in_ascii() {
        let look = |locale, set| of_environment(locale, env(set));
        assert_eq!(look(Locale::ZhCn, &[("TERM", "xterm"), ("LANG", "zh_CN.UTF-8")]), Ok(false));
        assert_eq!(look(Locale::En, &[("TERM", "xterm"), ("LANG", "C")]), Ok(true));
        assert_eq!(look(Locale::ZhCn, &[("TERM", "xterm")]), Ok(true));
        assert_eq!(look(Locale::En, &[("TERM", "xterm"), ("LANG", "zh_CN.GBK")]), Ok(true));
        let gbk = look(Locale::ZhCn, &[("TERM", "xterm"), ("LANG", "zh_CN.GBK")]);
        assert_eq!(gbk, Err(Unfit::Charset("zh_CN.GBK".into())));
        assert_eq!(look(Locale::En, &[("TERM", "dumb"), ("LANG", "C.UTF-8")]), Err(Unfit::Dumb("dumb".into())));
        assert_eq!(look(Locale::En, &[("LANG", "C.UTF-8")]), Err(Unfit::Dumb(String::new())));
    }
}
