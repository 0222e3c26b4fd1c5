//! What the screen itself remembers: focus, tab, scroll, the number being typed, an open dialog. No fact of the trade.

use std::time::{Duration, Instant};

use jiff::{Timestamp, tz::TimeZone};
use tui_input::Input;

use super::{
    dial,
    dialog::{Dialog, Duty, PickKind, Question, reminders},
    duty,
    input::{KeyMap, UiAction},
    lists,
    reading::Reading,
    seen,
    suspend::Suspension,
    theme::Theme,
};
use crate::{
    app::{Action, Fetched, NoticeView, Snapshot},
    domain::Callee,
    i18n::{self, Locale},
};

/// How long a hint of the screen's own stays in the status line.
const FLASH: Duration = Duration::from_secs(5);

/// Notices of this kind stay until they have been read: the platform's warnings about busy reasons.
const STICKY: &str = "duty.restriction";

/// How long that is at most.
const STICKY_TIME: Duration = Duration::from_secs(12 * 3600);

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

/// A number of what was pasted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pasted {
    /// The number.
    pub number: String,
    /// The extension behind it.
    pub extension: Option<String>,
}

/// An extension that is to be sent when the number behind which it stood has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// The number.
    pub number: String,
    /// Its digits.
    pub digits: String,
    /// The number has been dialled.
    pub dialled: bool,
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
    /// The numbers of what was pasted, while one of them is to be chosen.
    pub pasted: Vec<Pasted>,
    /// Quitting signs out, so nobody is sent to a phone that is gone.
    pub quit_signs_out: bool,
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
            find: Input::default(),
            queue_order: QueueOrder::default(),
            number: Input::default(),
            dialled: Vec::new(),
            recalled: None,
            extension: None,
            pasted: Vec::new(),
            quit_signs_out: false,
            suspension: Suspension::None,
            dialog: None,
            prefix_typed: false,
            flash: None,
            looked_at: true,
            clocks: BothClocks::now(),
            zone: TimeZone::UTC,
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
        let key = self.keymap.hint(action, in_field)?;
        Some(if key == "Enter" && !self.ascii { "⏎".to_owned() } else { key })
    }

    /// Whether the number field is shown although there is a call: something is being typed, or still stands there.
    pub fn number_in_use(&self) -> bool {
        self.focus == Focus::Number || !self.number.value().is_empty()
    }

    /// Whether the list has the keyboard.
    pub fn in_list(&self) -> bool {
        self.focus == Focus::List
    }

    /// Lines of the open tab.
    pub fn list_len(&self, snapshot: &Snapshot) -> usize {
        lists::rows(self, snapshot).len()
    }

    /// Keeps the selection inside the list.
    pub fn clamp(&mut self, snapshot: &Snapshot) {
        self.selected = self.selected.min(self.list_len(snapshot).saturating_sub(1));
        self.locale = snapshot.locale;
        if self.reading.is_new(snapshot.panel.content.as_ref()) {
            self.panel_scroll = 0;
        }
    }

    /// Goes along with a newer snapshot: selections stay on their lines, and a dialog whose matter is over closes.
    pub fn follow(&mut self, old: &Snapshot, new: &Snapshot, now: Instant) {
        self.selected = lists::follow(self, old, new);
        self.locale = new.locale;
        let (before, after) = (seen::call_of(old), seen::call_of(new));
        if before.is_some() && before != after {
            // A hint is about what was on the screen.
            self.flash = None;
        }
        duty::follow(self, old, new, now);
        dial::follow(self, old, new, now);
        let Some(mut dialog) = self.dialog.take() else { return };
        let selected = dialog.list_mut().map_or(0, |list| list.selected);
        let choice = dialog.choices(self, old).into_iter().nth(selected);
        let place = choice.and_then(|choice| dialog.choices(self, new).iter().position(|one| *one == choice));
        if let (Some(list), Some(place)) = (dialog.list_mut(), place) {
            list.selected = place;
        }
        let other_call = before.is_some() && after.is_some() && before != after;
        let over = if other_call && seen::is_about_call(&dialog) {
            Over::Because("ui.call_is_over")
        } else {
            over(&dialog, new)
        };
        match over {
            Over::No => self.dialog = Some(dialog),
            Over::Quietly => {}
            Over::Because(why) => self.hint(i18n::text(new.locale, why), now),
        }
    }
}

/// Whether a dialog has lost its matter.
enum Over {
    /// It has not.
    No,
    /// It has, as anybody can see.
    Quietly,
    /// It has, for a reason to be told.
    Because(&'static str),
}

fn over(dialog: &Dialog, snapshot: &Snapshot) -> Over {
    let phase = snapshot.call.phase;
    let quietly = |over: bool| if over { Over::Quietly } else { Over::No };
    match dialog {
        Dialog::Keypad(_) | Dialog::Quality => quietly(!phase.is_live()),
        Dialog::Pick(pick) => match pick.kind {
            PickKind::Consult | PickKind::Transfer if !phase.is_live() => Over::Because("ui.call_is_over"),
            PickKind::Consult | PickKind::Transfer => Over::No,
            PickKind::Spy => quietly(phase.is_connected()),
        },
        Dialog::Question(Question::Disconnect { .. }) => quietly(!snapshot.can(Action::Disconnect)),
        Dialog::Question(Question::HangUpAll | Question::Evaluate) => quietly(!phase.is_live()),
        Dialog::Question(Question::TakeFromQueue { number, .. }) => {
            let waits = snapshot.queue.rows.iter().any(|row| row.number == *number);
            let known = matches!(snapshot.queue.fetched, Fetched::At(_));
            if known && !waits { Over::Because("ui.left_queue") } else { Over::No }
        }
        // The question is whether to stop while customers are sent here.
        Dialog::Question(Question::Suspend) => quietly(phase.is_live() || !snapshot.agent.state.is_signed_in()),
        Dialog::Question(Question::Quit | Question::QuitAnyway { .. } | Question::SignOut | Question::TakeOver)
        | Dialog::Busy(_)
        | Dialog::CallerId(_)
        | Dialog::Palette(_)
        | Dialog::Numbers(_)
        | Dialog::Help(_)
        | Dialog::Health(_) => Over::No,
        Dialog::Devices(_) => quietly(!snapshot.agent.web_phone),
        Dialog::Duty(Duty::Reminders(_)) => quietly(reminders::items(snapshot).is_empty()),
        Dialog::Duty(_) => quietly(!snapshot.agent.state.is_signed_in()),
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
