//! Errors of the screen in both languages.

use std::collections::BTreeMap;

use termprofile::TermProfile;

use super::{UiError, input::KeyMap, theme::Theme};
use crate::i18n::Locale;

#[test]
fn every_error_is_a_whole_sentence_in_both_languages() {
    let keys = BTreeMap::from([
        ("nope".to_owned(), vec!["a".to_owned()]),
        ("hold".to_owned(), vec!["hyper-h".to_owned(), "1".to_owned(), "z".to_owned()]),
        ("mute".to_owned(), vec!["z".to_owned()]),
    ]);
    let mut messages = UiError::Keys(KeyMap::new(&keys, None).unwrap_err()).messages();
    assert_eq!(messages.len(), 4);
    for (theme, color) in [("nope", None), ("wincall", Some("blau"))] {
        let error = Theme::load(theme, color, TermProfile::TrueColor).unwrap_err();
        messages.extend(UiError::from(error).messages());
    }
    let error = Theme::parse("mine", "[scopes", None, TermProfile::TrueColor).unwrap_err();
    messages.extend(UiError::from(error).messages());
    messages.extend(UiError::from(std::io::Error::other("gone")).messages());
    messages.extend(UiError::ProgramGone.messages());
    for (_, message) in messages {
        let (en, zh) = (message.render(Locale::En), message.render(Locale::ZhCn));
        for text in [&en, &zh] {
            assert!(!text.contains("%{") && !text.starts_with("ui."), "{text}");
        }
        assert_ne!(en, zh);
    }
}
