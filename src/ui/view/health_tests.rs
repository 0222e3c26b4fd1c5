//! The health window and its sign, at several sizes in both languages.

use crossterm::event::KeyCode;

use super::tests::{compare, lines, render};
use crate::{
    app::{Command, HealthItem, HealthLevel, HealthView, Snapshot},
    i18n::Locale,
    softphone::SoundTest,
    ui::{
        dialog::Dialog,
        effect::UiEffect,
        fixtures::{self, now},
        input_events,
        state::ViewState,
    },
};

fn item(name: &'static str, level: HealthLevel, text: &str) -> HealthItem {
    let time = |text: &str| text.parse().unwrap();
    HealthItem {
        name,
        level,
        text: text.into(),
        hint: None,
        since: time("2026-01-02T06:30:00Z"),
        confirmed: None,
        until: None,
        value_ms: None,
    }
}

/// Everything in order but the microphone and the link; the agent may not go ready.
fn unwell(locale: Locale) -> Snapshot {
    let say = |en: &'static str, zh: &'static str| if locale == Locale::En { en } else { zh };
    let mut snapshot = fixtures::idle(locale);
    let time = |text: &str| Some(text.parse().unwrap());
    let ok = |name, text| item(name, HealthLevel::Ok, text);
    let mut link = item(
        "link",
        HealthLevel::Warn,
        say("no answer for 4 s: calls may not be announced", "已 4 秒无应答，来电可能无法及时通知"),
    );
    link.hint = Some(
        say(
            "Wait a moment: without an answer for 25 s it is connected anew by itself.",
            "请稍候：25 秒无应答将自动重新连接。",
        )
        .into(),
    );
    let mut microphone = item(
        "microphone",
        HealthLevel::Fail,
        say("the microphone 'USB Headset' cannot be used: it is in use", "无法使用麦克风「USB Headset」：设备被占用"),
    );
    microphone.hint =
        Some(say("Plug the headset in, or close the program that uses it.", "请插好耳机，或关闭占用它的程序。").into());
    let mut sip = ok("sip", say("up; round trip 38 ms: very good", "已连接；网络延迟 38 ms，很好"));
    (sip.confirmed, sip.until) = (time("2026-01-02T06:31:00Z"), time("2026-01-02T06:41:00Z"));
    let mut token = ok("token", say("accepted", "有效"));
    token.until = time("2026-01-02T08:00:00Z");
    snapshot.health = HealthView {
        level: HealthLevel::Fail,
        check: true,
        ready_refused: Some(say("Not ready: callers would hear nothing.", "不能示闲：客户将听不到您。").into()),
        items: vec![
            ok("config", say("no problems", "没有问题")),
            token,
            ok("platform", say("up; round trip 52 ms: very good", "已连接；网络延迟 52 ms，很好")),
            link,
            sip,
            microphone,
            ok("speaker", say("works: USB Headset", "可用：USB Headset")),
            ok("ring_device", say("works", "可用")),
            item("media", HealthLevel::Off, say("no call", "无通话")),
            item("quality", HealthLevel::Off, say("no call", "无通话")),
        ],
        test: None,
    };
    fixtures::allow(&mut snapshot, &[crate::app::Action::Ready, crate::app::Action::Busy]);
    snapshot
}

#[test]
fn the_window_and_its_sign_as_they_look() {
    let open = ViewState { dialog: Some(Dialog::Health(0)), ..fixtures::state() };
    for locale in [Locale::En, Locale::ZhCn] {
        for (width, height) in [(60, 15), (80, 24), (160, 48), (100, 3)] {
            let (buffer, _) = render(&unwell(locale), &open, width, height);
            compare(&format!("health_{}_{width}x{height}", locale.tag()), &lines(&buffer));
        }
        let (buffer, _) = render(&unwell(locale), &fixtures::state(), 80, 24);
        compare(&format!("health_sign_{}_80x24", locale.tag()), &lines(&buffer));
        let mut tested = unwell(locale);
        tested.health.test = Some(SoundTest {
            running: true,
            speaker: true,
            microphone: true,
            peak_dbfs: -23.4,
            ..SoundTest::default()
        });
        let (buffer, _) = render(&tested, &open, 80, 24);
        compare(&format!("health_test_{}_80x24", locale.tag()), &lines(&buffer));
    }
}

#[test]
fn ready_leads_here_while_it_is_refused_and_past_it_by_its_key() {
    let snapshot = unwell(Locale::En);
    let mut state = fixtures::state();
    let mut press = |key: &str| input_events::on_key(&mut state, &snapshot, key.parse().unwrap(), now());
    assert!(matches!(press("r"), Some(UiEffect::Send(Command::CheckHealth))));
    assert!(matches!(press("t"), Some(UiEffect::Send(Command::TestSound { on: true }))));
    assert!(matches!(press("c"), Some(UiEffect::Send(Command::CheckHealth))));
    assert!(matches!(press("R"), Some(UiEffect::Send(Command::ReadyAnyway))));
    assert!(state.dialog.is_none());
    // Where nothing is refused, the key is what it is elsewhere.
    let well = fixtures::idle(Locale::En);
    let mut state = ViewState { dialog: Some(Dialog::Health(0)), ..fixtures::state() };
    assert!(matches!(
        input_events::on_key(&mut state, &well, "R".parse().unwrap(), now()),
        Some(UiEffect::Send(Command::ReconnectNow))
    ));
}

#[test]
fn a_test_ends_with_the_window() {
    let mut snapshot = unwell(Locale::En);
    snapshot.health.test = Some(SoundTest { running: true, ..SoundTest::default() });
    for key in [KeyCode::Esc, KeyCode::Enter, KeyCode::Char('H')] {
        let mut state = ViewState { dialog: Some(Dialog::Health(0)), ..fixtures::state() };
        let chord = crate::ui::keys::Chord::new(key, crossterm::event::KeyModifiers::NONE);
        let ask = input_events::on_key(&mut state, &snapshot, chord, now());
        assert!(matches!(ask, Some(UiEffect::Send(Command::TestSound { on: false }))), "{key:?}");
        assert!(state.dialog.is_none());
    }
}

#[test]
fn a_toast_that_says_what_the_window_says_does_not_lie_over_its_keys() {
    let mut snapshot = unwell(Locale::En);
    let last = snapshot.notices.last_mut().unwrap();
    (last.kind, last.level, last.dismissed) = ("health.held_untried", crate::app::NoticeLevel::Warn, false);
    (last.at, last.text) = (now(), "Signed in as busy".into());
    let open = ViewState { dialog: Some(Dialog::Health(0)), ..fixtures::state() };
    let shown = |snapshot: &Snapshot, state: &ViewState| lines(&render(snapshot, state, 80, 24).0);
    assert!(shown(&snapshot, &fixtures::state()).contains("Signed in as busy"));
    assert!(!shown(&snapshot, &open).contains("Signed in as busy"));
    // Other news is shown over it as over every window.
    snapshot.notices.last_mut().unwrap().kind = "app.other";
    assert!(shown(&snapshot, &open).contains("Signed in as busy"));
}

#[test]
fn how_long_a_token_lasts_is_said_in_the_unit_that_fits() {
    let open = ViewState { dialog: Some(Dialog::Health(0)), ..fixtures::state() };
    for (until, said) in [
        ("2026-01-02T08:00:00Z", "剩余 86 分钟，至"),
        ("2026-01-02T14:13:00Z", "剩余 7 小时，至"),
        ("2026-01-09T08:00:00Z", "剩余 7 天"),
    ] {
        let mut snapshot = unwell(Locale::ZhCn);
        snapshot.health.items[1].until = Some(until.parse().unwrap());
        let screen = lines(&render(&snapshot, &open, 80, 24).0);
        assert!(screen.contains(said), "{screen}");
    }
}
