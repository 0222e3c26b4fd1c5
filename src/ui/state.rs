//! What the screen itself remembers: focus, tab, scroll, the number being typed, an open dialog. No fact of the trade.

use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use tui_input::Input;

use super::{
    dialog::Dialog,
    input::{KeyMap, UiAction},
    reading::Reading,
    theme::Theme,
};
use crate::{
    app::{NoticeView, Snapshot},
    i18n::Locale,
};

/// How long a hint of the screen's own stays in the status line.
const FLASH: Duration = Duration::from_secs(5);

/// Most characters the number field takes.
pub const NUMBER_MAX: usize = 48;

/// Where keys go first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Focus {
    /// Nowhere: letters are actions, digits go to the number field.
    #[default]
    None,
    /// The number field.
    Number,
    /// The list of the open tab.
    List,
}

/// The tabs below the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    /// Calls of this run.
    #[default]
    Journal,
    /// Agents and skill groups.
    Directory,
    /// Who waits.
    Queue,
    /// Everything told.
    Notices,
}

/// What the screen remembers.
#[derive(Clone, Debug)]
pub struct ViewState {
    /// The look.
    pub theme: Theme,
    /// The live key map.
    pub keymap: KeyMap,
    /// Only ASCII for glyphs and frames.
    pub ascii: bool,
    /// Blink an incoming call.
    pub blink: bool,
    /// Show the incoming-call window.
    pub pop_up: bool,
    /// Offer sign-out in the bar.
    pub show_sign_out: bool,
    /// This is the demonstration.
    pub demo: bool,
    /// The right-hand panel is shown.
    pub panel: bool,
    /// Its width in percent of the screen.
    pub panel_width: u16,
    /// First line of the panel shown.
    pub panel_scroll: u16,
    /// What the panel shows, read and laid out.
    pub reading: Reading,
    /// Mouse reports are on.
    pub mouse: bool,
    /// Where keys go first.
    pub focus: Focus,
    /// The open tab.
    pub tab: Tab,
    /// Selected line of the open tab's list, counted from the newest.
    pub selected: usize,
    /// The number field.
    pub number: Input,
    /// The open dialog.
    pub dialog: Option<Dialog>,
    /// The prefix chord has been typed and its key has not.
    pub prefix_typed: bool,
    /// A hint of the screen's own, and until when.
    pub flash: Option<(String, Instant)>,
    /// The terminal has the keyboard; unknown counts as yes.
    pub looked_at: bool,
    /// Time zone of clock times.
    pub zone: TimeZone,
    /// Language, taken from the newest snapshot.
    pub locale: Locale,
}

impl ViewState {
    /// The screen at its start.
    pub fn new(theme: Theme, keymap: KeyMap) -> Self {
        Self {
            theme,
            keymap,
            ascii: false,
            blink: true,
            pop_up: true,
            show_sign_out: true,
            demo: false,
            panel: true,
            panel_width: 33,
            panel_scroll: 0,
            reading: Reading::default(),
            mouse: false,
            focus: Focus::None,
            tab: Tab::Journal,
            selected: 0,
            number: Input::default(),
            dialog: None,
            prefix_typed: false,
            flash: None,
            looked_at: true,
            zone: TimeZone::UTC,
            locale: Locale::En,
        }
    }

    /// Shows a hint in the status line for a while.
    pub fn hint(&mut self, text: String, now: Instant) {
        self.flash = Some((text, now + FLASH));
    }

    /// The hint to show now.
    pub fn flash_at(&self, now: Instant) -> Option<&str> {
        self.flash.as_ref().filter(|(_, until)| *until > now).map(|(text, _)| text.as_str())
    }

    /// Whether letters are text now, because a field or a filter has the keyboard.
    pub fn is_typing(&self) -> bool {
        match &self.dialog {
            Some(dialog) => dialog.takes_text(),
            None => self.focus == Focus::Number,
        }
    }

    /// The key to show for an action, if it has one that works now.
    pub fn key_hint(&self, action: UiAction, in_field: bool) -> Option<String> {
        let key = self.keymap.hint(action, in_field)?;
        Some(if key == "Enter" && !self.ascii { "⏎".to_owned() } else { key })
    }

    /// Whether the number field is shown although there is a call: something is being typed, or still stands there.
    pub fn number_in_use(&self) -> bool {
        self.focus == Focus::Number || !self.number.value().is_empty()
    }

    /// Lines of the open tab.
    pub fn list_len(&self, snapshot: &Snapshot) -> usize {
        match self.tab {
            Tab::Journal => snapshot.journal.len(),
            Tab::Directory => snapshot.directory.agents.len() + snapshot.directory.groups.len(),
            Tab::Queue => snapshot.queue.rows.len(),
            Tab::Notices => snapshot.notices.len(),
        }
    }

    /// Keeps the selection inside the list after it changed.
    pub fn clamp(&mut self, snapshot: &Snapshot) {
        self.selected = self.selected.min(self.list_len(snapshot).saturating_sub(1));
        self.locale = snapshot.locale;
        if self.reading.is_new(snapshot.panel.content.as_ref()) {
            self.panel_scroll = 0;
        }
    }
}

/// How long a notice is shown as a toast: longer, the more serious it is.
pub fn toast_time(notice: &NoticeView) -> Duration {
    use crate::app::NoticeLevel::{Error, Info, Warn};
    match notice.level {
        Info => Duration::from_secs(5),
        Warn => Duration::from_secs(8),
        Error => Duration::from_secs(12),
    }
}
