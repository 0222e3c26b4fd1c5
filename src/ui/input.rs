//! The key map: one table of what can be done, its name in `[keys]`, its keys and what it is called.
//!
//! Bar, help and palette read the live map, so what they show is what works.

use std::collections::{BTreeMap, HashMap};

use crossterm::event::KeyCode;
use thiserror::Error;

use super::keys::{Chord, NotAKey};
use crate::{config::OptionName, i18n::Message};

/// Where an action stands in the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// The call.
    Call,
    /// The agent.
    Agent,
    /// Screen and program.
    Screen,
}

impl Group {
    /// In the order of the help.
    pub const ALL: [Group; 3] = [Group::Call, Group::Agent, Group::Screen];

    /// Catalogue key of the heading.
    pub fn heading(self) -> &'static str {
        match self {
            Group::Call => "ui.group_call",
            Group::Agent => "ui.group_agent",
            Group::Screen => "ui.group_screen",
        }
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $group:ident, [$($key:literal),*], $about:literal;)+) => {
        /// Something a key does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum UiAction { $($(#[$doc])* $variant),+ }

        impl UiAction {
            /// Every action, in the order of help and palette.
            pub const ALL: &[UiAction] = &[$(UiAction::$variant),+];

            /// The name in `[keys]`.
            pub fn name(self) -> &'static str {
                match self { $(UiAction::$variant => $name),+ }
            }

            /// Keys unless the config says otherwise; the first is the one shown.
            pub fn default_keys(self) -> &'static [&'static str] {
                match self { $(UiAction::$variant => &[$($key),*]),+ }
            }

            /// Where it stands in the help.
            pub fn group(self) -> Group {
                match self { $(UiAction::$variant => Group::$group),+ }
            }

            /// Catalogue key of what it does.
            pub fn about(self) -> &'static str {
                match self { $(UiAction::$variant => $about),+ }
            }
        }
    };
}

actions! {
    /// Answer the ringing call; never on Enter.
    Answer = "answer", Call, ["a", "alt-a", "f2"], "ui.do_answer";
    /// Hang up, or refuse while it rings.
    HangUp = "hang_up", Call, ["x", "alt-x", "f4"], "ui.do_hang_up";
    /// Hang up on everybody, in a consultation too.
    HangUpAll = "hang_up_all", Call, ["ctrl-x"], "ui.do_hang_up_all";
    /// Hold or resume.
    Hold = "hold", Call, ["h", "alt-h", "f6"], "ui.do_hold";
    /// Mute or unmute.
    Mute = "mute", Call, ["m", "alt-m", "f7"], "ui.do_mute";
    /// Keypad digits.
    Keypad = "keypad", Call, ["k", "alt-k"], "ui.do_keypad";
    /// How the call sounds, in full.
    Quality = "quality", Call, ["K", "alt-K"], "ui.do_quality";
    /// Consult an agent or an outside number.
    Consult = "consult", Call, ["c", "alt-c"], "ui.do_consult";
    /// Back to the other side, from a consultation or a three-way call.
    Return = "return", Call, ["u", "alt-u"], "ui.do_return";
    /// Complete the consultation as a transfer.
    ConsultTransfer = "consult_transfer", Call, ["T", "alt-T"], "ui.do_consult_transfer";
    /// Join all three.
    ThreeWay = "three_way", Call, ["w", "alt-w"], "ui.do_three_way";
    /// Give the call to an agent, a skill group, an outside number or an IVR.
    Transfer = "transfer", Call, ["t", "alt-t"], "ui.do_transfer";
    /// Send the other side to the satisfaction survey.
    Evaluate = "evaluate", Call, ["e", "alt-e"], "ui.do_evaluate";
    /// Listen to an agent's call.
    Spy = "spy", Call, ["v", "alt-v"], "ui.do_spy";
    /// Speak to the monitored agent alone, or only listen again.
    Whisper = "whisper", Call, ["W", "alt-W"], "ui.do_whisper";
    /// Join the monitored call.
    Barge = "barge", Call, ["B", "alt-B"], "ui.do_barge";
    /// Tear the monitored call down.
    Disconnect = "disconnect", Call, ["D", "alt-D"], "ui.do_disconnect";
    /// Call the last dialled number again.
    Redial = "redial", Call, ["."], "ui.do_redial";
    /// Copy the number.
    Copy = "copy", Call, ["y", "alt-y"], "ui.do_copy";
    /// Call what is in the number field, or the chosen journal line again.
    Dial = "dial", Call, ["enter"], "ui.do_dial";
    /// Call what is in the number field as an agent number.
    DialAgent = "dial_agent", Call, ["i", "alt-i"], "ui.do_dial_agent";
    /// Go to the number field.
    Number = "number", Call, ["/", "alt-/"], "ui.do_number";
    /// Choose the caller ID.
    CallerId = "caller_id", Call, ["l", "alt-l"], "ui.do_caller_id";
    /// Answer by itself, or not.
    AutoAnswer = "auto_answer", Call, ["A", "alt-A"], "ui.do_auto_answer";
    /// Go ready.
    Ready = "ready", Agent, ["r", "alt-r", "f8"], "ui.do_ready";
    /// Go busy, with a reason.
    Busy = "busy", Agent, ["b", "alt-b", "f9"], "ui.do_busy";
    /// Enter or leave a predictive project.
    Projects = "projects", Agent, ["o", "alt-o"], "ui.do_projects";
    /// Ask for a break.
    RaiseHand = "raise_hand", Agent, ["g", "alt-g"], "ui.do_raise_hand";
    /// The break requests.
    BreakRequests = "break_requests", Agent, ["G", "alt-G"], "ui.do_break_requests";
    /// Answer a reminder, or silence an overtime warning.
    Reminder = "reminder", Agent, ["N", "alt-N"], "ui.do_reminder";
    /// Bind another phone, or change the kind of sign-in.
    Phone = "phone", Agent, ["C", "alt-C"], "ui.do_phone";
    /// The sound devices.
    Devices = "devices", Agent, ["V", "alt-V"], "ui.do_devices";
    /// Sign in.
    SignIn = "sign_in", Agent, ["s", "alt-s"], "ui.do_sign_in";
    /// Sign out.
    SignOut = "sign_out", Agent, ["S", "alt-S"], "ui.do_sign_out";
    /// Reconnect now.
    Reconnect = "reconnect", Agent, ["R", "alt-R"], "ui.do_reconnect";
    /// The journal.
    Journal = "journal", Screen, ["j", "alt-1"], "ui.do_journal";
    /// Agents and skill groups.
    Directory = "directory", Screen, ["d", "alt-2"], "ui.do_directory";
    /// Who waits.
    Queue = "queue", Screen, ["Q", "alt-3"], "ui.do_queue";
    /// Filter the list.
    Find = "find", Screen, ["f", "alt-f"], "ui.do_find";
    /// Sort the queue another way.
    Sort = "sort", Screen, ["O", "alt-O"], "ui.do_sort";
    /// The notices.
    Notices = "notices", Screen, ["n", "alt-4"], "ui.do_notices";
    /// Move between number field and list.
    NextFocus = "next_focus", Screen, ["tab"], "ui.do_next_focus";
    /// One line up in the list.
    Up = "up", Screen, ["up"], "ui.do_up";
    /// One line down in the list.
    Down = "down", Screen, ["down"], "ui.do_down";
    /// A page up in the list.
    PageUp = "page_up", Screen, ["pageup"], "ui.do_page_up";
    /// A page down in the list.
    PageDown = "page_down", Screen, ["pagedown"], "ui.do_page_down";
    /// Show or hide the right-hand panel.
    Panel = "panel", Screen, ["p", "alt-p"], "ui.do_panel";
    /// Scroll the panel up.
    PanelUp = "panel_up", Screen, ["[", "alt-up"], "ui.do_panel_up";
    /// Scroll the panel down.
    PanelDown = "panel_down", Screen, ["]", "alt-down"], "ui.do_panel_down";
    /// A narrower panel.
    PanelNarrower = "panel_narrower", Screen, [">"], "ui.do_panel_narrower";
    /// A wider panel.
    PanelWider = "panel_wider", Screen, ["<"], "ui.do_panel_wider";
    /// Pick a number in the panel.
    PanelPick = "panel_pick", Screen, ["P", "alt-P"], "ui.do_panel_pick";
    /// Empty the panel.
    PanelClear = "panel_clear", Screen, ["X"], "ui.do_panel_clear";
    /// What is in order and what is not.
    Health = "health", Screen, ["H", "alt-H"], "ui.do_health";
    /// Quiet mode.
    Quiet = "quiet", Screen, ["Z", "alt-Z"], "ui.do_quiet";
    /// The command palette.
    Palette = "palette", Screen, [":", "alt-:"], "ui.do_palette";
    /// The help.
    Help = "help", Screen, ["?", "f1"], "ui.do_help";
    /// Mouse on or off.
    Mouse = "mouse", Screen, ["M", "alt-M"], "ui.do_mouse";
    /// Draw everything anew.
    Redraw = "redraw", Screen, ["ctrl-l"], "ui.do_redraw";
    /// Suspend the program, back to the shell.
    Suspend = "suspend", Screen, ["ctrl-z"], "ui.do_suspend";
    /// Quit.
    Quit = "quit", Screen, ["q", "alt-q", "ctrl-c"], "ui.do_quit";
}

/// What is wrong with `[keys]` or the prefix.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyMapError {
    /// No such action.
    #[error("[keys] {name}: no such action")]
    UnknownAction {
        /// As written.
        name: String,
        /// The nearest there is.
        nearest: &'static str,
    },
    /// Not a key.
    #[error("[keys] {name}: '{key}' is not a key")]
    BadKey {
        /// Of which action.
        name: String,
        /// As written.
        key: String,
    },
    /// One key for two actions.
    #[error("[keys] {key}: both {first} and {second}")]
    Conflict {
        /// The key.
        key: String,
        /// One action.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// The key does something fixed: digits dial, Esc goes back, Enter never answers.
    #[error("[keys] {name}: '{key}' cannot be given away")]
    Reserved {
        /// Of which action.
        name: String,
        /// As written.
        key: String,
    },
}

impl KeyMapError {
    /// The option it is about; none for the prefix, which the config file's reader has checked.
    pub fn option(&self) -> Option<OptionName> {
        let name = match self {
            KeyMapError::UnknownAction { name, .. }
            | KeyMapError::BadKey { name, .. }
            | KeyMapError::Reserved { name, .. } => name.as_str(),
            KeyMapError::Conflict { second, .. } => second,
        };
        (name != "prefix").then(|| OptionName::new("keys", name))
    }

    /// The sentence for a person.
    pub fn message(&self) -> Message {
        match self {
            KeyMapError::UnknownAction { name, nearest } => {
                Message::new("ui.keys_unknown").with("name", name).with("nearest", nearest)
            }
            KeyMapError::BadKey { name, key } => Message::new("ui.keys_bad").with("name", name).with("key", key),
            KeyMapError::Conflict { key, first, second } => {
                Message::new("ui.keys_conflict").with("key", key).with("first", first).with("second", second)
            }
            KeyMapError::Reserved { name, key } => Message::new("ui.keys_reserved").with("name", name).with("key", key),
        }
    }
}

/// The live key map.
#[derive(Clone, Debug)]
pub struct KeyMap {
    by_chord: HashMap<Chord, UiAction>,
    by_action: BTreeMap<UiAction, Vec<Chord>>,
    prefix: Option<Chord>,
}

impl KeyMap {
    /// The table with the config's changes. A key given to an action takes it from the action that had it by default;
    /// two actions that are both given the same key are a mistake.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn new(changes: &BTreeMap<String, Vec<String>>, prefix: Option<&str>) -> Result<Self, Vec<KeyMapError>> {
        let mut errors = Vec::new();
        let mut given: BTreeMap<UiAction, Vec<Chord>> = BTreeMap::new();
        let mut by_chord: HashMap<Chord, UiAction> = HashMap::new();
        for (name, keys) in changes {
            let Some(action) = UiAction::ALL.iter().copied().find(|a| a.name() == name) else {
                errors.push(KeyMapError::UnknownAction { name: name.clone(), nearest: nearest(name) });
                continue;
            };
            let chords = given.entry(action).or_default();
            for key in keys {
                match key.parse::<Chord>() {
                    Err(NotAKey(key)) => errors.push(KeyMapError::BadKey { name: name.clone(), key }),
                    Ok(chord) if is_reserved(chord, action) => {
                        errors.push(KeyMapError::Reserved { name: name.clone(), key: key.clone() });
                    }
                    Ok(chord) => match by_chord.insert(chord, action) {
                        Some(other) if other != action => errors.push(KeyMapError::Conflict {
                            key: chord.to_string(),
                            first: other.name(),
                            second: action.name(),
                        }),
                        Some(_) | None => chords.push(chord),
                    },
                }
            }
        }
        for action in UiAction::ALL.iter().copied().filter(|a| !given.contains_key(a)).collect::<Vec<_>>() {
            let chords = given.entry(action).or_default();
            for chord in action.default_keys().iter().filter_map(|key| key.parse::<Chord>().ok()) {
                if let std::collections::hash_map::Entry::Vacant(free) = by_chord.entry(chord) {
                    free.insert(action);
                    chords.push(chord);
                }
            }
        }
        let prefix = match prefix.map(str::trim).filter(|p| !p.is_empty()) {
            None => None,
            Some(text) => match text.parse::<Chord>() {
                Ok(chord) if !chord.is_text() => Some(chord),
                Ok(_) => {
                    errors.push(KeyMapError::Reserved { name: "prefix".into(), key: text.into() });
                    None
                }
                Err(NotAKey(key)) => {
                    errors.push(KeyMapError::BadKey { name: "prefix".into(), key });
                    None
                }
            },
        };
        if errors.is_empty() { Ok(Self { by_chord, by_action: given, prefix }) } else { Err(errors) }
    }

    /// What a key does, whatever the keyboard's layout.
    pub fn action(&self, chord: Chord) -> Option<UiAction> {
        self.by_chord.get(&chord).or_else(|| self.by_chord.get(&chord.on_latin())).copied()
    }

    /// The chord that has to come before the keys of the bar, if one is set.
    pub fn prefix(&self) -> Option<Chord> {
        self.prefix
    }

    /// Whether a key works without the prefix even where one is set: those that move and type, and Ctrl-C.
    pub fn is_free(chord: Chord) -> bool {
        chord == Chord::new(KeyCode::Char('c'), crossterm::event::KeyModifiers::CONTROL)
            || (chord.modifiers.is_empty() && !matches!(chord.code, KeyCode::Char(_) | KeyCode::F(_)))
    }

    /// All keys of an action.
    pub fn keys(&self, action: UiAction) -> &[Chord] {
        self.by_action.get(&action).map_or(&[], Vec::as_slice)
    }

    /// The key to show for an action: with a text field in use, the shortest that works there.
    pub fn hint(&self, action: UiAction, in_field: bool) -> Option<String> {
        let keys = self.keys(action);
        let chord = if in_field && self.prefix.is_none() {
            let usable = keys.iter().filter(|c| !c.is_text());
            usable.min_by_key(|c| c.to_string().len())
        } else {
            keys.first()
        };
        chord.map(ToString::to_string)
    }
}

/// Digits go to the number field, Esc goes back, and Enter never answers.
fn is_reserved(chord: Chord, action: UiAction) -> bool {
    chord.text().is_some_and(|c| c.is_ascii_digit())
        || chord.code == KeyCode::Esc
        || (chord.code == KeyCode::Enter && action == UiAction::Answer)
}

fn nearest(name: &str) -> &'static str {
    UiAction::ALL.iter().map(|a| a.name()).min_by_key(|known| strsim::levenshtein(name, known)).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(list: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
        list.iter().map(|(n, k)| ((*n).to_owned(), k.iter().map(|k| (*k).to_owned()).collect())).collect()
    }

    fn chord(text: &str) -> Chord {
        text.parse().unwrap()
    }

    #[test]
    fn every_default_key_is_a_key_and_belongs_to_one_action() {
        let mut seen: HashMap<Chord, UiAction> = HashMap::new();
        for action in UiAction::ALL {
            assert!(!action.default_keys().is_empty(), "{}", action.name());
            for key in action.default_keys() {
                let chord: Chord = key.parse().unwrap_or_else(|e| panic!("{}: {e}", action.name()));
                assert!(!is_reserved(chord, *action), "{key}");
                if let Some(other) = seen.insert(chord, *action) {
                    panic!("{key} is both {} and {}", other.name(), action.name());
                }
            }
        }
    }

    #[test]
    fn the_keys_of_the_call_also_work_while_a_number_is_typed() {
        let map = KeyMap::new(&BTreeMap::new(), None).unwrap();
        for action in
            [UiAction::Answer, UiAction::HangUp, UiAction::Hold, UiAction::Mute, UiAction::Ready, UiAction::Busy]
        {
            assert!(map.keys(action).iter().any(|c| matches!(c.code, KeyCode::F(_))), "{}", action.name());
            assert!(!map.hint(action, true).unwrap().is_empty());
        }
        assert_eq!(map.hint(UiAction::Answer, false).as_deref(), Some("a"));
        assert_eq!(map.hint(UiAction::Answer, true).as_deref(), Some("F2"));
        assert_eq!(map.hint(UiAction::DialAgent, true).as_deref(), Some("Alt-i"));
    }

    #[test]
    fn a_key_given_away_leaves_its_old_action() {
        let map = KeyMap::new(&changes(&[("hold", &["a", "ctrl-h"])]), None).unwrap();
        assert_eq!(map.action(chord("a")), Some(UiAction::Hold));
        assert_eq!(map.action(chord("h")), None);
        assert_eq!(map.action(chord("f2")), Some(UiAction::Answer));
        assert_eq!(map.hint(UiAction::Answer, false).as_deref(), Some("Alt-a"));
    }

    #[test]
    fn mistakes_are_told_all_at_once_and_by_name() {
        let wrong = changes(&[
            ("awnser", &["a"]),
            ("hold", &["hyper-h"]),
            ("mute", &["z"]),
            ("quit", &["z", "5"]),
            ("answer", &["enter"]),
        ]);
        let errors = KeyMap::new(&wrong, Some("x")).unwrap_err();
        assert_eq!(
            errors,
            [
                KeyMapError::Reserved { name: "answer".into(), key: "enter".into() },
                KeyMapError::UnknownAction { name: "awnser".into(), nearest: "answer" },
                KeyMapError::BadKey { name: "hold".into(), key: "hyper-h".into() },
                KeyMapError::Conflict { key: "z".into(), first: "mute", second: "quit" },
                KeyMapError::Reserved { name: "quit".into(), key: "5".into() },
                KeyMapError::Reserved { name: "prefix".into(), key: "x".into() },
            ]
        );
    }

    #[test]
    fn keys_are_found_on_other_layouts() {
        let map = KeyMap::new(&BTreeMap::new(), None).unwrap();
        assert_eq!(map.action(chord("ф")), Some(UiAction::Answer));
        assert_eq!(map.action(chord("？")), Some(UiAction::Help));
    }
}
