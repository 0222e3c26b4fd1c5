//! The sound devices as they look, and what keys and clicks do in their dialog.

use std::sync::Arc;

use super::{
    tests::{compare, lines, render},
    *,
};
use crate::{
    app::{DeviceState, DeviceView, DevicesView, Watched},
    domain::DeviceRole,
    i18n::Locale,
    softphone::{
        AudioError, SoundTest,
        audio::{DeviceDirection, DeviceInfo},
    },
    ui::{
        dialog::{DevicesDialog, Dialog},
        fixtures::{self, now},
        input_events, watch,
    },
};

fn device(id: &str, name: &str, direction: DeviceDirection) -> DeviceInfo {
    DeviceInfo { name: name.into(), id: format!("alsa:{id}"), direction, is_default: id == "default" }
}

fn devices(locale: Locale) -> DevicesView {
    use DeviceDirection::{Input, Output};
    let gone = AudioError::Gone { direction: "ring device", device: "Desk speakers".into() };
    DevicesView {
        input: DeviceView {
            chosen: "alsa:sysdefault:CARD=E20".into(),
            name: Some("Jabra EVOLVE 20, USB Audio".into()),
            state: DeviceState::Works,
            xruns: 3,
            ..DeviceView::default()
        },
        output: DeviceView {
            chosen: "default".into(),
            follows_system: true,
            name: Some("Jabra EVOLVE 20".into()),
            state: DeviceState::Works,
            ..DeviceView::default()
        },
        ring: DeviceView {
            chosen: "alsa:sysdefault:CARD=Desk".into(),
            name: Some("Desk speakers".into()),
            state: DeviceState::Failed,
            error: Some(gone.message().render(locale)),
            ..DeviceView::default()
        },
        new_device: Some("会议音箱".into()),
        list: Arc::new(vec![
            device("default", "Default", Input),
            device("sysdefault:CARD=E20", "Jabra EVOLVE 20, USB Audio", Input),
            device("hw:CARD=E20,DEV=0", "Jabra EVOLVE 20, USB Audio, bare", Input),
            device("sysdefault:CARD=PCH", "HDA Intel PCH, ALC257 Analog", Input),
            device("default", "Default", Output),
            device("sysdefault:CARD=E20", "Jabra EVOLVE 20, USB Audio", Output),
            device("sysdefault:CARD=Conf", "会议音箱, USB Audio", Output),
        ]),
        test: Some(SoundTest {
            running: true,
            microphone: true,
            speaker: true,
            level_dbfs: -22.0,
            peak_dbfs: -14.0,
            speech: true,
            ..SoundTest::default()
        }),
        ..DevicesView::default()
    }
}

fn snapshot(locale: Locale) -> Snapshot {
    Snapshot { devices: devices(locale), ..fixtures::in_talk(locale) }
}

fn open(snapshot: &Snapshot, role: DeviceRole) -> ViewState {
    let mut dialog = DevicesDialog::new(snapshot);
    dialog.open(snapshot, role);
    ViewState { dialog: Some(Dialog::Devices(dialog)), ..fixtures::state() }
}

fn shots(name: &str, role: DeviceRole, change: impl Fn(&mut Snapshot)) {
    let mut all = String::new();
    for (width, height) in [(80, 24), (120, 30), (60, 15), (80, 3)] {
        for locale in [Locale::En, Locale::ZhCn] {
            let mut snapshot = snapshot(locale);
            change(&mut snapshot);
            let (buffer, _) = render(&snapshot, &open(&snapshot, role), width, height);
            all.push_str(&format!("== {} {width}x{height}\n{}", locale.tag(), lines(&buffer)));
        }
    }
    compare(name, &all);
}

fn press(state: &mut ViewState, snapshot: &Snapshot, keys: &str) -> Vec<String> {
    let asks = keys.split(' ').filter_map(|key| input_events::on_key(state, snapshot, key.parse().unwrap(), now()));
    asks.map(|ask| format!("{ask:?}")).collect()
}

#[test]
fn devices_as_they_look() {
    shots("devices_microphone", DeviceRole::Microphone, |_| {});
    shots("devices_ring_unplugged", DeviceRole::Ring, |_| {});
    shots("devices_test_over", DeviceRole::Speaker, |snapshot| {
        snapshot.devices.test = Some(SoundTest::default());
    });
}

#[test]
fn the_banner_says_first_that_nobody_hears_the_agent() {
    let mut all = String::new();
    let mut shot = |snapshot: &Snapshot| {
        let screen = lines(&render(snapshot, &fixtures::state(), 80, 24).0);
        all.push_str(screen.lines().nth(2).unwrap());
        all.push('\n');
    };
    for locale in [Locale::En, Locale::ZhCn] {
        let mut muted = fixtures::in_talk(locale);
        muted.call.muted = true;
        muted.devices.speaking_muted = true;
        shot(&muted);
        let mut silent = fixtures::in_talk(locale);
        silent.devices.microphone_silent = true;
        shot(&silent);
        let mut unplugged = fixtures::in_talk(locale);
        let gone = AudioError::Gone { direction: "microphone", device: "Jabra".into() };
        unplugged.media.device_error = Some(gone.message());
        shot(&unplugged);
    }
    compare("devices_banners", &all);
}

#[test]
fn keys_choose_try_and_turn_and_the_dialog_stays() {
    let snapshot = snapshot(Locale::En);
    let mut state = fixtures::state();
    assert_eq!(press(&mut state, &snapshot, "V"), [""; 0]);
    assert_eq!(watch::watched(&state, &snapshot), Some(Watched::Devices));
    // The one in use is selected; one line up is the system's choice.
    let asked = press(&mut state, &snapshot, "up enter");
    assert!(asked.len() == 1 && asked[0].contains("input: Some(\"default\")"), "{asked:?}");
    let asked = press(&mut state, &snapshot, "tab down enter");
    assert!(asked.len() == 1 && asked[0].contains("output: Some(\"alsa:sysdefault:CARD=E20\")"), "{asked:?}");
    let asked = press(&mut state, &snapshot, "t r");
    assert!(asked.len() == 2 && asked[0].contains("Tone") && asked[1].contains("Ring"), "{asked:?}");
    assert!(matches!(&state.dialog, Some(Dialog::Devices(open)) if open.role == DeviceRole::Speaker));
    let asked = press(&mut state, &snapshot, "m");
    assert!(asked[0].contains("Mute"), "the call's keys work through it: {asked:?}");
    press(&mut state, &snapshot, "esc");
    assert!(state.dialog.is_none());
    assert_eq!(watch::watched(&state, &snapshot), None);
}

#[test]
fn a_click_on_a_device_uses_it_and_one_on_a_role_opens_its_list() {
    let snapshot = snapshot(Locale::En);
    let mut state = open(&snapshot, DeviceRole::Microphone);
    input_events::on_click(&mut state, &snapshot, Target::Page(1), now());
    let asked = input_events::on_click(&mut state, &snapshot, Target::Item(2), now()).map(|ask| format!("{ask:?}"));
    assert!(asked.is_some_and(|asked| asked.contains("output: Some(\"alsa:sysdefault:CARD=Conf\")")));
    assert!(state.dialog.is_some());
}

#[test]
fn a_phone_of_its_own_has_no_such_dialog() {
    let mut snapshot = snapshot(Locale::En);
    snapshot.agent.web_phone = false;
    let mut state = fixtures::state();
    press(&mut state, &snapshot, "V");
    assert!(state.dialog.is_none() && state.flash.is_some());
}

#[test]
fn a_name_that_says_only_default_is_not_shown_beside_those_words() {
    for name in ["", "default", "Default Audio Device"] {
        let mut snapshot = snapshot(Locale::ZhCn);
        snapshot.devices.output.name = Some(name.into());
        let list = vec![device("default", "default", DeviceDirection::Output)];
        snapshot.devices.list = Arc::new(list);
        let mut dialog = DevicesDialog::new(&snapshot);
        dialog.open(&snapshot, DeviceRole::Speaker);
        let state = ViewState { dialog: Some(Dialog::Devices(dialog)), ..fixtures::state() };
        let (buffer, _) = render(&snapshot, &state, 80, 24);
        let shown = lines(&buffer);
        assert!(!shown.contains("系统默认：") && !shown.contains("default"), "{name}: {shown}");
        assert_eq!(shown.matches("系统默认（自动跟随）").count(), 2, "the line of the speaker and the choice: {shown}");
    }
}
