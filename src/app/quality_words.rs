//! What is told of the quality of a call: what is wrong and what to do.

use crate::{
    domain::{Warning, WarningName},
    i18n::Message,
};

/// A warning as a sentence or two.
pub fn warning_message(warning: &Warning) -> Message {
    let (key, decimals) = match warning.name {
        WarningName::SpeakerStalled => ("media.warn_speaker_stalled", 0),
        WarningName::HighLoss => ("media.warn_loss", 1),
        WarningName::HighJitter => ("media.warn_jitter", 0),
        WarningName::HighRtt => ("media.warn_rtt", 0),
        WarningName::LowMos => ("media.warn_mos", 1),
        WarningName::ConstantInput => ("media.warn_constant_input", 0),
        WarningName::FarEndSilent => ("media.warn_far_end_silent", 0),
    };
    Message::new(key).with("value", format!("{:.decimals$}", warning.value))
}

/// A mean opinion score as a word, by the bands of ITU-T G.107 annex B: from 4.03 on everybody is satisfied, under 3.1
/// most are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Nearly all are dissatisfied.
    Bad,
    /// Many are dissatisfied.
    Poor,
    /// Some are dissatisfied.
    Fair,
    /// All are satisfied.
    Good,
}

impl Grade {
    /// The grade of a score.
    pub fn of(mos: f32) -> Self {
        // As it is shown, so that word and figure never disagree.
        let shown = (mos * 10.0).round() / 10.0;
        match shown {
            4.0.. => Grade::Good,
            3.6.. => Grade::Fair,
            3.1.. => Grade::Poor,
            _ => Grade::Bad,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::Locale;

    #[test]
    fn every_warning_says_what_is_wrong_and_what_to_do_in_one_line() {
        for name in WarningName::ALL {
            let warning = Warning { name, value: 412.34, threshold: 1.0 };
            for locale in [Locale::En, Locale::ZhCn] {
                let text = warning_message(&warning).render(locale);
                assert!(!text.contains("%{") && !text.contains("media."), "{text}");
                let cells: usize = text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
                assert!(cells <= 72, "too long for a line: {text}");
            }
        }
    }

    #[test]
    fn word_and_figure_agree() {
        for (mos, grade) in
            [(4.4, Grade::Good), (3.96, Grade::Good), (3.94, Grade::Fair), (3.5, Grade::Poor), (3.0, Grade::Bad)]
        {
            assert_eq!(Grade::of(mos), grade, "{mos}");
        }
    }
}
