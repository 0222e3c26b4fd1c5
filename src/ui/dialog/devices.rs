//! The sound devices: one list for each of microphone, speaker and ring device, tested while they are looked at.

use crossterm::event::{KeyCode, KeyModifiers};

use super::{Choice, Context, DeviceChoice, Item, ListDialog, Outcome};
use crate::{
    app::{Command, DeviceWish, Probe, Snapshot},
    domain::DeviceRole,
    i18n::{self, Message},
    softphone::audio::{DeviceDirection, DeviceInfo},
    ui::{input::UiAction, keys::Chord},
};

/// ALSA's names for a card's bare hardware, which takes only what it likes; the same card has better ones.
const BARE: [&str; 2] = ["alsa:hw:", "alsa:front:"];

/// Whether a name tells nothing of the system's choice: ALSA's own word for it, or none (a file backend without a file).
pub fn says_nothing(name: &str) -> bool {
    ["", "default", "Default Audio Device"].contains(&name)
}

/// The open dialog.
#[derive(Clone, Debug)]
pub struct DevicesDialog {
    /// Whose list is shown.
    pub role: DeviceRole,
    /// The selected line of it.
    pub list: ListDialog,
}

impl DeviceChoice {
    /// What is asked of the program for it.
    pub fn command(self) -> Command {
        match self {
            DeviceChoice::Use(role, device) => Command::SetDevices(DeviceWish::one(role, device)),
            DeviceChoice::Try(probe) => Command::TestDevice(probe),
        }
    }
}

impl DevicesDialog {
    /// The dialog with the microphones, the one in use selected.
    pub fn new(snapshot: &Snapshot) -> Self {
        let mut dialog = Self { role: DeviceRole::Microphone, list: ListDialog::default() };
        dialog.open(snapshot, DeviceRole::Microphone);
        dialog
    }

    /// Shows the list of a role.
    pub fn open(&mut self, snapshot: &Snapshot, role: DeviceRole) {
        self.role = role;
        self.list.selected = self.items(snapshot).iter().position(|item| item.current).unwrap_or(0);
    }

    /// The system's choice first, then every device; one that is in use and not plugged in too.
    pub fn items(&self, snapshot: &Snapshot) -> Vec<Item> {
        let locale = snapshot.locale;
        let view = snapshot.devices.of(self.role);
        let choice = |id: &str| Choice::Device(DeviceChoice::Use(self.role, id.to_owned()));
        let ours: Vec<&DeviceInfo> =
            snapshot.devices.list.iter().filter(|device| device.direction == DeviceDirection::of(self.role)).collect();
        let default = ours.iter().find(|device| device.is_default).map(|device| device.name.clone());
        let mut items = vec![Item {
            label: i18n::text(locale, "devices.system"),
            remark: default.filter(|name| !says_nothing(name)).unwrap_or_default(),
            enabled: true,
            current: view.follows_system,
            choice: choice("default"),
        }];
        let is_current = |device: &DeviceInfo| !view.follows_system && device.is_meant_by(&view.chosen);
        let worth = |device: &&&DeviceInfo| {
            let bare = BARE.iter().any(|bare| device.id.starts_with(bare));
            // ALSA's word for the system's choice is the line above.
            let system = device.is_default && device.id.ends_with(":default");
            is_current(device) || !(bare || system)
        };
        items.extend(ours.iter().filter(worth).map(|device| {
            let new = snapshot.devices.new_device.as_deref() == Some(device.short_name());
            Item {
                label: device.name.clone(),
                remark: if new { i18n::text(locale, "devices.is_new") } else { String::new() },
                enabled: true,
                current: is_current(device),
                choice: choice(&device.id),
            }
        }));
        if !items.iter().any(|item| item.current) {
            items.push(Item {
                label: view.name.clone().unwrap_or_else(|| view.chosen.clone()),
                remark: i18n::text(locale, "devices.absent"),
                enabled: true,
                current: true,
                choice: choice(&view.chosen),
            });
        }
        items
    }

    /// Tab changes the list, Enter uses a device, `t` and `r` try them; other keys are not its business.
    #[expect(clippy::wildcard_enum_match_arm, reason = "crossterm's enum: keys without a meaning here")]
    pub fn on_key(&mut self, context: &Context<'_>, chord: Chord) -> Outcome {
        let Context { snapshot, settings, .. } = *context;
        let items = self.items(snapshot);
        let last = items.len().saturating_sub(1);
        let chord = chord.on_latin();
        let bare = !chord.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
        match chord.code {
            KeyCode::Esc => return Outcome::Close,
            KeyCode::Char('c') if chord.modifiers.contains(KeyModifiers::CONTROL) => return Outcome::Close,
            KeyCode::Tab | KeyCode::Right => self.turn(snapshot, 1),
            KeyCode::BackTab | KeyCode::Left => self.turn(snapshot, DeviceRole::ALL.len() - 1),
            KeyCode::Up => self.list.selected = self.list.selected.min(last).checked_sub(1).unwrap_or(last),
            KeyCode::Down => self.list.selected = if self.list.selected >= last { 0 } else { self.list.selected + 1 },
            KeyCode::Home => self.list.selected = 0,
            KeyCode::End => self.list.selected = last,
            KeyCode::Enter => {
                return match items.into_iter().nth(self.list.selected.min(last)) {
                    Some(item) => Outcome::DoAndStay(item.choice),
                    None => Outcome::Stay,
                };
            }
            KeyCode::Char('t') if bare => return Outcome::DoAndStay(tried(Probe::Tone)),
            KeyCode::Char('r') if bare => return Outcome::DoAndStay(tried(Probe::Ring)),
            _ if settings.keymap.action(chord) == Some(UiAction::Devices) => return Outcome::Close,
            _ => return Outcome::Pass,
        }
        Outcome::Stay
    }

    fn turn(&mut self, snapshot: &Snapshot, by: usize) {
        let at = DeviceRole::ALL.iter().position(|role| *role == self.role).unwrap_or(0);
        if let Some(role) = DeviceRole::ALL.get((at + by) % DeviceRole::ALL.len()) {
            self.open(snapshot, *role);
        }
    }
}

fn tried(probe: Probe) -> Choice {
    Choice::Device(DeviceChoice::Try(probe))
}

/// What is said under the devices about the one whose list is shown: what is wrong with it, or what the test has found.
pub fn told(snapshot: &Snapshot, role: DeviceRole) -> (String, bool) {
    let devices = &snapshot.devices;
    if let Some(error) = &devices.of(role).error {
        return (error.clone(), true);
    }
    let say = |key| (i18n::text(snapshot.locale, key), false);
    let Some(test) = devices.test else { return say("devices.opening") };
    if !test.running {
        return say("devices.test_over");
    }
    match role {
        DeviceRole::Microphone => {
            let peak = |key| {
                let peak = format!("{:.0}", test.peak_dbfs);
                (Message::new(key).with("peak", peak).render(snapshot.locale), false)
            };
            match test.echo_db {
                _ if !test.microphone => say("devices.opening"),
                _ if devices.microphone_silent || test.peak_dbfs <= -89.0 => say("devices.hears_nothing"),
                Some(echo) if echo < 20.0 => {
                    let message = Message::new("devices.echo_loud").with("echo", format!("{echo:.0}"));
                    (message.render(snapshot.locale), false)
                }
                Some(_) | None if test.speech => peak("devices.hears_you"),
                Some(_) | None if test.peak_dbfs > -50.0 => peak("devices.hears_quietly"),
                Some(_) | None => say("devices.say_something"),
            }
        }
        DeviceRole::Speaker if !test.speaker => say("devices.opening"),
        DeviceRole::Speaker => say("devices.speaker_takes"),
        DeviceRole::Ring => say("devices.ring_takes"),
    }
}
