//! What reaches a person who looks elsewhere: the window title, the bell, a desktop notification (OSC 9).

use std::{
    io::{self, Write},
    time::Instant,
};

use crossterm::{queue, terminal::SetTitle};

use super::{
    alarm::Alarm,
    state::ViewState,
    text,
    view::{self, words_of},
};
use crate::{app::Snapshot, i18n};

/// Tells only what changed.
#[derive(Debug)]
pub struct Notifier {
    bell: bool,
    title: bool,
    shown: String,
    ringing: bool,
    alarm: Alarm,
}

impl Notifier {
    /// `bell` rings the terminal's bell for a call, `title` keeps the window title.
    pub fn new(bell: bool, title: bool) -> Self {
        Self { bell, title, shown: String::new(), ringing: false, alarm: Alarm::default() }
    }

    /// Writes what changed since the last time.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub fn tell(
        &mut self,
        out: &mut impl Write,
        snapshot: &Snapshot,
        state: &ViewState,
        now: Instant,
    ) -> io::Result<()> {
        let (word, peer) = words_of(snapshot, now);
        if self.title {
            let mut title = word.clone();
            if !peer.is_empty() {
                title = format!("{title} {peer}");
            }
            if snapshot.call.phase.is_live() && snapshot.call.muted {
                title = format!("{title} [{}]", i18n::text(snapshot.locale, "ui.muted"));
            }
            let title = text::clean(&title).into_owned();
            if title != self.shown {
                queue!(out, SetTitle(&title))?;
                self.shown = title;
            }
        }
        let ringing = view::is_offered(snapshot);
        if ringing && !self.ringing {
            if self.bell {
                out.write_all(b"\x07")?;
            }
            if !state.looked_at {
                let text = format!("{word} {peer}");
                write!(out, "\x1b]9;{}\x07", text::clean(&text))?;
            }
        }
        self.ringing = ringing;
        if self.alarm.is_new(snapshot) && self.bell && !snapshot.quiet {
            out.write_all(b"\x07")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{i18n::Locale, ui::fixtures};

    #[test]
    fn a_call_rings_the_bell_once_and_notifies_only_who_looks_elsewhere() {
        let (mut state, now) = (fixtures::state(), fixtures::now());
        let mut snapshot = fixtures::ringing(Locale::ZhCn);
        snapshot.call.peer.area = None;
        snapshot.call.peer.number = Some("138\u{1b}]0;evil\u{7}00".into());
        let mut notifier = Notifier::new(true, true);
        let mut said = |snapshot: &Snapshot, state: &ViewState| {
            let mut out = Vec::new();
            notifier.tell(&mut out, snapshot, state, now).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(said(&fixtures::idle(Locale::ZhCn), &state), "\u{1b}]0;空闲\u{7}");
        assert_eq!(said(&snapshot, &state), "\u{1b}]0;客户来电 138]0;evil00\u{7}\u{7}");
        assert_eq!(said(&snapshot, &state), "", "nothing changed, nothing is said");
        said(&fixtures::idle(Locale::ZhCn), &state);
        state.looked_at = false;
        let away = said(&snapshot, &state);
        assert!(away.ends_with("\u{7}\u{1b}]9;客户来电 138]0;evil00\u{7}"), "{away:?}");
    }

    #[test]
    fn the_title_says_muted() {
        let mut out = Vec::new();
        let snapshot = fixtures::held_and_muted(Locale::En);
        Notifier::new(false, true).tell(&mut out, &snapshot, &fixtures::state(), fixtures::now()).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "\u{1b}]0;on hold 13800138000 [muted]\u{7}");
    }
}
