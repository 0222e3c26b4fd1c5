//! The languages, and the catalogue's texts without arguments.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A language the program speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Locale {
    /// English.
    #[default]
    #[serde(rename = "en")]
    En,
    /// Simplified Chinese.
    #[serde(rename = "zh-CN")]
    ZhCn,
}

impl Locale {
    /// The tag used in the catalogue, the config file and on the command line.
    pub fn tag(self) -> &'static str {
        match self {
            Locale::En => "en",
            Locale::ZhCn => "zh-CN",
        }
    }

    /// The language a tag such as `zh_CN.UTF-8`, `zh`, `en-GB` or `C` asks for, if it is one we speak.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let tag = tag.to_ascii_lowercase();
        if tag.starts_with("zh") {
            Some(Locale::ZhCn)
        } else if tag.starts_with("en") || tag == "c" || tag == "posix" || tag.starts_with("c.") {
            Some(Locale::En)
        } else {
            None
        }
    }

    /// The language of this environment (`LC_ALL`, `LC_MESSAGES`, `LANG`, or the system's own setting), else English.
    pub fn detect() -> Self {
        sys_locale::get_locale().and_then(|tag| Self::from_tag(&tag)).unwrap_or_default()
    }
}

impl std::str::FromStr for Locale {
    type Err = String;

    fn from_str(tag: &str) -> Result<Self, Self::Err> {
        Self::from_tag(tag).ok_or_else(|| format!("unknown locale '{tag}': use zh-CN or en"))
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

/// The catalogue's text for a key without arguments: labels, headings, hints.
pub fn text(locale: Locale, key: &'static str) -> String {
    crate::_rust_i18n_translate(locale.tag(), key).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_tags_are_understood() {
        assert_eq!(Locale::from_tag("zh_CN.UTF-8"), Some(Locale::ZhCn));
        assert_eq!(Locale::from_tag("en_US"), Some(Locale::En));
        assert_eq!(Locale::from_tag("C.UTF-8"), Some(Locale::En));
        assert_eq!(Locale::from_tag("fr_FR"), None);
    }
}
