//! What reaches a person who looks elsewhere: the window title, the bell, a notification of the terminal's (OSC 9, 777 or
//! 99). In quiet mode only the title.

use std::time::Instant;

use super::{
    alarm::Alarm,
    state::ViewState,
    terminal::paint::Beside,
    text,
    view::{self, title_labels},
};
use crate::{app::Snapshot, config::Notify, i18n};

/// How the terminal is asked to notify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// `Auto` is decided by now.
    kind: Notify,
    /// tmux hands on what is wrapped for it (`allow-passthrough`), and swallows it otherwise.
    in_tmux: bool,
}

impl Way {
    /// What the config says, else what the environment tells of the terminal: kitty has OSC 99, foot, urxvt and those
    /// made of VTE have OSC 777, most others OSC 9.
    pub fn of(wanted: Notify, env: impl Fn(&str) -> Option<String>) -> Self {
        let is = |name: &str, starts: &[&str]| env(name).is_some_and(|v| starts.iter().any(|s| v.starts_with(s)));
        let kind = match wanted {
            Notify::Auto if env("KITTY_WINDOW_ID").is_some() || is("TERM", &["xterm-kitty"]) => Notify::Osc99,
            Notify::Auto if env("VTE_VERSION").is_some() || is("TERM", &["foot", "rxvt"]) => Notify::Osc777,
            Notify::Auto => Notify::Osc9,
            Notify::Osc9 | Notify::Osc777 | Notify::Osc99 | Notify::Off => wanted,
        };
        Self { kind, in_tmux: env("TMUX").is_some_and(|v| !v.is_empty()) }
    }

    /// The sequence that notifies; `title` and `text` are clean. Semicolons stand between the parts of one.
    fn sequence(self, title: &str, text: &str) -> String {
        let title = title.replace(';', ",");
        let sequence = match self.kind {
            Notify::Off | Notify::Auto => return String::new(),
            Notify::Osc9 => format!("\x1b]9;{title} {text}\x07"),
            Notify::Osc777 => format!("\x1b]777;notify;{title};{text}\x07"),
            Notify::Osc99 => format!("\x1b]99;i=wincall:d=0;{title}\x1b\\\x1b]99;i=wincall:p=body;{text}\x1b\\"),
        };
        if self.in_tmux { format!("\x1bPtmux;{}\x1b\\", sequence.replace('\x1b', "\x1b\x1b")) } else { sequence }
    }
}

/// The name of the sequence that notifies here.
pub fn kind(wanted: Notify) -> &'static str {
    match Way::of(wanted, |name| std::env::var(name).ok()).kind {
        Notify::Off => "off",
        Notify::Osc777 => "OSC 777",
        Notify::Osc99 => "OSC 99",
        Notify::Auto | Notify::Osc9 => "OSC 9",
    }
}

/// Says only what changed.
#[derive(Debug)]
pub struct Notifier {
    bell: bool,
    title: bool,
    way: Way,
    shown: String,
    ringing: bool,
    alarm: Alarm,
}

impl Notifier {
    /// `bell` rings the terminal's bell for a call, `title` keeps the window title.
    pub fn new(bell: bool, title: bool, way: Way) -> Self {
        Self { bell, title, way, shown: String::new(), ringing: false, alarm: Alarm::default() }
    }

    /// Whether the window title is kept.
    pub fn has_title(&self) -> bool {
        self.title
    }

    /// What changed since the last time.
    pub fn news(&mut self, snapshot: &Snapshot, state: &ViewState, now: Instant) -> Beside {
        let mut news = Beside::default();
        let (word, peer) = title_labels(snapshot, now);
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
                news.title = Some(title.clone());
                self.shown = title;
            }
        }
        let ringing = view::is_offered(snapshot);
        if ringing && !self.ringing && !snapshot.quiet {
            news.bell = self.bell;
            if !state.looked_at {
                let sequence = self.way.sequence(&text::clean(&word), &text::clean(&peer));
                news.notification = Some(sequence).filter(|sequence| !sequence.is_empty());
            }
        }
        self.ringing = ringing;
        if self.alarm.is_new(snapshot) && self.bell && !snapshot.quiet {
            news.bell = true;
        }
        news
    }

    /// The terminal has been somebody else's: the title has to be told again.
    pub fn forget(&mut self) {
        self.shown.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{i18n::Locale, ui::fixtures};

    fn written(news: &Beside) -> String {
        let mut out = Vec::new();
        news.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    const OSC9: Way = Way { kind: Notify::Osc9, in_tmux: false };

    #[test]
    fn a_call_rings_the_bell_once_and_notifies_only_who_looks_elsewhere() {
        let (mut state, now) = (fixtures::state(), fixtures::now());
        let mut snapshot = fixtures::ringing(Locale::ZhCn);
        snapshot.call.peer.area = None;
        snapshot.call.peer.number = Some("138\u{1b}]0;evil\u{7}00".into());
        let mut notifier = Notifier::new(true, true, OSC9);
        let mut said = |snapshot: &Snapshot, state: &ViewState| written(&notifier.news(snapshot, state, now));
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
        let snapshot = fixtures::held_and_muted(Locale::En);
        let news = Notifier::new(false, true, OSC9).news(&snapshot, &fixtures::state(), fixtures::now());
        assert_eq!(written(&news), "\u{1b}]0;on hold 13800138000 [muted]\u{7}");
    }

    #[test]
    fn the_way_is_the_configs_or_the_terminals_own() {
        let way = |wanted, vars: &[(&str, &str)]| {
            Way::of(wanted, |name| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
        };
        for (wanted, vars, kind) in [
            (Notify::Auto, &[("TERM", "xterm-256color")][..], Notify::Osc9),
            (Notify::Auto, &[("TERM", "xterm-kitty")], Notify::Osc99),
            (Notify::Auto, &[("TERM", "foot-extra")], Notify::Osc777),
            (Notify::Auto, &[("TERM", "xterm-256color"), ("VTE_VERSION", "7000")], Notify::Osc777),
            (Notify::Off, &[("TERM", "xterm-kitty")], Notify::Off),
            (Notify::Osc9, &[("TERM", "xterm-kitty")], Notify::Osc9),
        ] {
            assert_eq!(way(wanted, vars), Way { kind, in_tmux: false }, "{wanted:?} {vars:?}");
        }
        assert!(way(Notify::Auto, &[("TMUX", "/tmp/tmux-0/default,1,0")]).in_tmux);
    }

    #[test]
    fn each_kind_of_terminal_is_told_in_its_own_words() {
        let said = |kind, in_tmux| Way { kind, in_tmux }.sequence("来电;1", "138");
        assert_eq!(said(Notify::Osc9, false), "\u{1b}]9;来电,1 138\u{7}");
        assert_eq!(said(Notify::Osc777, false), "\u{1b}]777;notify;来电,1;138\u{7}");
        let kitty = "\u{1b}]99;i=wincall:d=0;来电,1\u{1b}\\\u{1b}]99;i=wincall:p=body;138\u{1b}\\";
        assert_eq!(said(Notify::Osc99, false), kitty);
        assert_eq!(said(Notify::Off, false), "");
        assert_eq!(said(Notify::Off, true), "");
        assert_eq!(said(Notify::Osc9, true), "\u{1b}Ptmux;\u{1b}\u{1b}]9;来电,1 138\u{7}\u{1b}\\");
    }

    #[test]
    fn quiet_is_quiet_but_for_the_title() {
        let mut state = fixtures::state();
        state.looked_at = false;
        let mut snapshot = fixtures::ringing(Locale::En);
        snapshot.quiet = true;
        let said = written(&Notifier::new(true, true, OSC9).news(&snapshot, &state, fixtures::now()));
        assert!(said.starts_with("\u{1b}]0;") && said.matches('\u{7}').count() == 1, "{said:?}");
    }
}
