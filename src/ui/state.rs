//! What the screen itself remembers: focus, tab, scroll, the number being typed, an open dialog. No fact of the trade.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use tui_input::Input;

use super::{
    dialog::{Context, Dialog},
    input::{KeyMap, UiAction},
    number::Extension,
    panel_document::PanelReader,
    settings::Settings,
    theme::Theme,
};
use crate::{
    app::{NoticeView, Snapshot},
    domain::Callee,
    i18n::Locale,
};

/// How long a hint of the screen's own stays in the status line.
const FLASH: Duration = Duration::from_secs(5);

/// Notices of this kind stay until they have been read: the platform's warnings about busy reasons.
const STICKY: &str = "duty.restriction";

/// How long that is at most.
const STICKY_TIME: Duration = Duration::from_secs(12 * 3600);

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
    /// What the list is searched for.
    Find,
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

/// How the queue is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueOrder {
    /// Longest waiting first.
    #[default]
    Wait,
    /// Highest level first.
    LevelDown,
    /// Lowest level first, for platforms whose first level is the best.
    LevelUp,
}

impl QueueOrder {
    /// The next one, around.
    pub fn next(self) -> Self {
        match self {
            QueueOrder::Wait => QueueOrder::LevelDown,
            QueueOrder::LevelDown => QueueOrder::LevelUp,
            QueueOrder::LevelUp => QueueOrder::Wait,
        }
    }

    /// Catalogue key of its name.
    pub fn name(self) -> &'static str {
        match self {
            QueueOrder::Wait => "ui.order_wait",
            QueueOrder::LevelDown => "ui.order_level_down",
            QueueOrder::LevelUp => "ui.order_level_up",
        }
    }
}

/// One instant on both clocks, so that times of the day and ages can be shown by a view that has no clock.
#[derive(Clone, Copy, Debug)]
pub struct BothClocks {
    /// On the clock that only goes forward.
    pub at: Instant,
    /// The same instant in the world.
    pub wall: Timestamp,
}

impl BothClocks {
    /// This instant.
    pub fn now() -> Self {
        Self { at: Instant::now(), wall: crate::clock::now() }
    }

    /// The time of the day at another instant near by.
    pub fn wall(&self, at: Instant) -> Timestamp {
        let later = at.saturating_duration_since(self.at);
        let earlier = self.at.saturating_duration_since(at);
        let moved = self.wall.saturating_add(later).and_then(|wall| wall.saturating_sub(earlier));
        moved.unwrap_or(self.wall)
    }

    /// Whole seconds from a time of the day to an instant; none before it.
    pub fn seconds_since(&self, since: Timestamp, at: Instant) -> u64 {
        u64::try_from(self.wall(at).as_second() - since.as_second()).unwrap_or(0)
    }
}

/// What a suspension has done to the agent's state. Nobody answers while the program is stopped, so nobody may be sent here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Suspension {
    /// Nothing.
    #[default]
    None,
    /// The platform has accepted what the agent has chosen: busy, or signed out.
    Agreed {
        /// Ready again after it.
        ready_again: bool,
    },
    /// The state is so, and the program is being stopped.
    Begins {
        /// Ready again after it.
        ready_again: bool,
    },
    /// It is over, and the agent was ready before it.
    Over,
}

/// What the screen remembers.
#[derive(Clone, Debug)]
pub struct ViewState {
    /// What the configuration decided.
    pub settings: Settings,
    /// The right-hand panel is shown.
    pub panel: bool,
    /// Its width in percent of the screen.
    pub panel_width: u16,
    /// First line of the panel shown.
    pub panel_scroll: u16,
    /// What the panel shows, read and laid out.
    pub panel_reader: PanelReader,
    /// Mouse reports are on.
    pub mouse: bool,
    /// Where keys go first.
    pub focus: Focus,
    /// The open tab.
    pub tab: Tab,
    /// Selected line of the open tab's list, counted from the newest.
    pub selected: usize,
    /// What the open list is searched for.
    pub find: Input,
    /// How the queue is sorted.
    pub queue_order: QueueOrder,
    /// The number field.
    pub number: Input,
    /// What was dialled at this screen, newest last.
    pub dialled: Vec<Callee>,
    /// Which of what was dialled stands in the number field, and what stood there before.
    pub recalled: Option<(usize, String)>,
    /// The extension that came with the number in the field, or with the one that was dialled.
    pub extension: Option<Extension>,
    /// What a suspension of the program has done to the agent's state, and what is to follow it.
    pub suspension: Suspension,
    /// The open dialog.
    pub dialog: Option<Dialog>,
    /// The prefix chord has been typed and its key has not.
    pub prefix_typed: bool,
    /// A hint of the screen's own, and until when.
    pub flash: Option<(String, Instant)>,
    /// The terminal has the keyboard; unknown counts as yes.
    pub looked_at: bool,
    /// The instant of the frame, on both clocks.
    pub clocks: BothClocks,
    /// Language, taken from the newest snapshot.
    pub locale: Locale,
}

impl ViewState {
    /// The screen at its start.
    pub fn new(theme: Theme, keymap: KeyMap) -> Self {
        Self {
            settings: Settings::new(theme, keymap),
            panel: true,
            panel_width: 33,
            panel_scroll: 0,
            panel_reader: PanelReader::default(),
            mouse: false,
            focus: Focus::None,
            tab: Tab::Journal,
            selected: 0,
            find: Input::default(),
            queue_order: QueueOrder::default(),
            number: Input::default(),
            dialled: Vec::new(),
            recalled: None,
            extension: None,
            suspension: Suspension::None,
            dialog: None,
            prefix_typed: false,
            flash: None,
            looked_at: true,
            clocks: BothClocks::now(),
            locale: Locale::En,
        }
    }

    /// Time has passed: what waits for it in the open dialog goes on.
    pub fn tick(&mut self, now: Instant) {
        if let Some(Dialog::Duty(duty)) = &mut self.dialog {
            duty.tick(now);
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
            None => matches!(self.focus, Focus::Number | Focus::Find),
        }
    }

    /// The key to show for an action, if it has one that works now.
    pub fn key_hint(&self, action: UiAction, in_field: bool) -> Option<String> {
        self.settings.key_hint(action, in_field)
    }

    /// What an open dialog reads besides its own state.
    pub fn context<'a>(&'a self, snapshot: &'a Snapshot) -> Context<'a> {
        let extension = self.extension.as_ref().and_then(|extension| extension.offered(snapshot));
        Context { snapshot, settings: &self.settings, panel_reader: &self.panel_reader, extension }
    }

    /// Whether the number field is shown although there is a call: something is being typed, or still stands there.
    pub fn number_in_use(&self) -> bool {
        self.focus == Focus::Number || !self.number.value().is_empty()
    }

    /// Whether the list has the keyboard.
    pub fn in_list(&self) -> bool {
        self.focus == Focus::List
    }
}

/// How long a notice is shown as a toast: longer, the more serious it is. What stays until it is read does not stay in
/// front of a dialog: its rows are needed there.
pub fn toast_time(notice: &NoticeView, dialog: bool) -> Duration {
    use crate::app::NoticeLevel::{Error, Info, Warn};
    if notice.kind == STICKY && !dialog {
        return STICKY_TIME;
    }
    match notice.level {
        Info => Duration::from_secs(5),
        Warn => Duration::from_secs(8),
        Error => Duration::from_secs(12),
    }
}
