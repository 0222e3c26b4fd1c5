//! What must not be given up where there is little room.

use super::{
    tests::{lines, render},
    *,
};
use crate::{
    app::{LinkState, NoticeLevel},
    domain::{AgentState, CallPhase, Outcome},
    i18n::Locale,
    ui::{
        dialog::Dialog,
        fixtures::{self, now},
    },
};

fn text(snapshot: &Snapshot, state: &ViewState, width: u16, height: u16) -> String {
    lines(&render(snapshot, state, width, height).0)
}

#[test]
fn why_a_key_did_nothing_is_said_whole_before_the_ways_to_more() {
    let mut state = fixtures::state();
    let hint = "号码里不能有「b」，请改正后再试";
    state.hint(hint.into(), now());
    for (width, height) in [(80, 24), (120, 36), (80, 3)] {
        let screen = text(&fixtures::idle(Locale::ZhCn), &state, width, height);
        assert!(screen.contains(hint), "{screen}");
    }
}

#[test]
fn a_hint_too_long_for_its_place_takes_the_row() {
    let mut state = fixtures::state();
    let hint = "'x' is not part of a number; correct it and try again";
    state.hint(hint.into(), now());
    let screen = text(&fixtures::idle(Locale::En), &state, 80, 24);
    assert!(screen.contains(hint), "{screen}");
    let mut nothing_yet = fixtures::idle(Locale::En);
    nothing_yet.journal = Default::default();
    let screen = text(&nothing_yet, &fixtures::state(), 80, 24).replace('│', "");
    let words: Vec<&str> = screen.split_whitespace().collect();
    assert!(words.join(" ").contains("press Enter to"), "{screen}");
    assert!(screen.contains("call.") && !screen.contains('…'), "{screen}");
}

#[test]
fn that_calls_answer_themselves_is_shown_before_the_caller_id() {
    let mut snapshot = fixtures::idle(Locale::ZhCn);
    assert!(!text(&snapshot, &fixtures::state(), 80, 24).contains("自动接听"));
    snapshot.auto_answer = true;
    assert!(text(&snapshot, &fixtures::state(), 80, 24).contains("自动接听 开"));
    assert!(text(&snapshot, &fixtures::state(), 160, 24).contains("主叫 01058545832   A 自动接听 开"));
}

#[test]
fn toasts_leave_the_call_alone_and_do_not_repeat_the_banner() {
    let mut snapshot = fixtures::talking(Locale::ZhCn);
    for i in 0..3 {
        let told = format!("{i} {}", "扬声器无法使用，请检查是否已插好、是否被其他程序占用。".repeat(3));
        snapshot = fixtures::with_notice(snapshot, NoticeLevel::Error, &told);
    }
    let screen = text(&snapshot, &fixtures::state(), 80, 24);
    for kept in ["通话 02:31    振铃 00:06", "-24 dB", "-19 dB", "4.4 ● 良好", "× 2 "] {
        assert!(screen.contains(kept), "{kept}: {screen}");
    }

    let snapshot = fixtures::link_down(Locale::ZhCn);
    let told = crate::i18n::text(Locale::ZhCn, "app.link_down_in_call");
    let mut snapshot = fixtures::with_notice(snapshot, NoticeLevel::Warn, &told);
    snapshot.notices.last_mut().unwrap().kind = "app.link_down_in_call";
    let screen = text(&snapshot, &fixtures::state(), 120, 36);
    assert!(!screen.contains(&told) && screen.contains("链路已断开 4 秒"), "{screen}");
}

#[test]
fn while_wrapping_up_the_last_customer_stays_in_view() {
    let mut snapshot = fixtures::wrap_up(Locale::ZhCn);
    snapshot.call = crate::app::CallView::default();
    let screen = text(&snapshot, &fixtures::state(), 80, 24);
    assert!(screen.contains("呼出 · 通话结束") && screen.contains("通话 00:48"), "{screen}");
    assert!(screen.contains("号码    02187654321"), "{screen}");

    // A call that was missed is not what is being wrapped up.
    std::sync::Arc::make_mut(&mut snapshot.journal)[0].outcome = Outcome::Missed;
    assert!(!text(&snapshot, &fixtures::state(), 80, 24).contains("通话结束"));
    // One that was handed over is: the notes are about that customer too.
    std::sync::Arc::make_mut(&mut snapshot.journal)[0].outcome = Outcome::Transferred;
    assert!(text(&snapshot, &fixtures::state(), 80, 24).contains("号码    02187654321"));
    snapshot.agent.state = AgentState::Idle;
    assert!(!text(&snapshot, &fixtures::state(), 80, 24).contains("通话结束"));
}

#[test]
fn figures_stand_where_they_stood_before_the_first_ones_came() {
    let late = fixtures::talking(Locale::ZhCn);
    let mut early = late.clone();
    early.media.mos = None;
    early.media.rtt_ms = None;
    // Where there is less room, the word for the score is left out in both.
    for (width, height, words) in [(80, 24, &["往返", "丢包"][..]), (120, 36, &["往返", "抖动", "丢包", "音质"][..])]
    {
        let columns = |snapshot: &Snapshot| -> Vec<Option<u16>> {
            let screen = text(snapshot, &fixtures::state(), width, height);
            let line = screen.lines().find(|l| l.contains("Opus")).unwrap().to_owned();
            words.iter().map(|word| line.find(word).map(|at| crate::ui::text::width(&line[..at]))).collect()
        };
        assert_eq!(columns(&early), columns(&late));
        assert!(columns(&early).iter().all(Option::is_some));
    }
}

#[test]
fn numbers_of_other_countries_are_whole_in_the_list_of_calls() {
    let mut snapshot = fixtures::idle(Locale::ZhCn);
    std::sync::Arc::make_mut(&mut snapshot.journal)[0].peer.number = Some("+8613800138000".into());
    let screen = text(&snapshot, &fixtures::state(), 80, 24);
    assert!(screen.contains("+8613800138000"), "{screen}");
}

#[test]
fn where_the_ways_to_more_do_not_all_fit_the_help_is_kept() {
    let state = fixtures::state_with(|settings| settings.demo = true);
    let last = |locale, width| text(&fixtures::idle(locale), &state, width, 24).lines().last().unwrap().to_owned();
    assert!(last(Locale::En, 80).contains("? help   q quit"), "{}", last(Locale::En, 80));
    assert!(last(Locale::En, 60).contains("? help"), "{}", last(Locale::En, 60));
    assert!(last(Locale::ZhCn, 60).contains(": 命令   ? 帮助"), "{}", last(Locale::ZhCn, 60));
}

#[test]
fn the_wish_for_after_the_call_is_in_the_bar_whole_or_not_at_all() {
    let mut snapshot = fixtures::talking(Locale::En);
    snapshot.after_call = Some(crate::app::Wanted::Ready);
    let bar = |width| text(&snapshot, &fixtures::state(), width, 24).lines().next().unwrap().to_owned();
    assert!(bar(120).contains("after the call: ready"), "{}", bar(120));
    assert!(!bar(60).contains("after"), "{}", bar(60));
    assert!(text(&snapshot, &fixtures::state(), 60, 24).contains("after the call: ready"), "the card has it");
}

#[test]
fn only_what_makes_sense_is_offered() {
    let everything = |mut snapshot: Snapshot| {
        fixtures::allow(&mut snapshot, &crate::app::Action::ALL);
        text(&snapshot, &fixtures::state(), 200, 36).lines().nth(1).unwrap().to_owned()
    };
    assert!(!everything(fixtures::idle(Locale::ZhCn)).contains("示闲"));
    assert!(everything(fixtures::wrap_up(Locale::ZhCn)).contains("示闲"));
    let ringing = everything(fixtures::ringing(Locale::ZhCn));
    assert!(!ringing.contains("静音") && !ringing.contains("签出"), "{ringing}");
    let talking = fixtures::talking(Locale::ZhCn);
    assert_eq!(talking.call.phase, CallPhase::Talking);
    let talking = everything(talking);
    assert!(talking.contains("静音") && !talking.contains("签出"), "{talking}");
}

#[test]
fn the_help_is_read_to_its_end_where_it_does_not_fit() {
    let snapshot = fixtures::idle(Locale::En);
    let at = |scroll| ViewState { dialog: Some(Dialog::Help(scroll)), ..fixtures::state() };
    let (_, drawn) = render(&snapshot, &at(0), 80, 24);
    let end = drawn.help_end().unwrap();
    assert!(end > 20, "there is more than fits: {end}");
    let last = text(&snapshot, &at(end), 80, 24);
    assert!((0..=end).all(|scroll| !text(&snapshot, &at(scroll), 80, 24).contains('…')), "every line is whole");
    assert!(last.contains("^C  quit") && !last.contains("more below"), "{last}");
    assert_eq!(text(&snapshot, &at(u16::MAX), 80, 24), last, "beyond the end there is nothing");
    assert!(text(&snapshot, &at(end - 1), 80, 24).contains("more below"));
    let whole = text(&snapshot, &at(0), 160, 48);
    assert!(whole.contains("hang up or reject") && whole.contains("^C  quit") && !whole.contains("more below"));
}

#[test]
fn windows_and_sign_out_are_shown_only_where_they_are_wanted() {
    let ringing = fixtures::ringing(Locale::ZhCn);
    let wanted = fixtures::state();
    let unwanted = fixtures::state_with(|settings| {
        settings.pop_up = false;
        settings.show_sign_out = false;
    });
    let window = |state: &ViewState| text(&ringing, state, 80, 24).matches("客户来电").count() > 1;
    assert!(window(&wanted) && !window(&unwanted));
    let frame = text(&ringing, &unwanted, 80, 24);
    assert!(frame.contains("13800138000") && frame.contains("a 接听"), "the call is shown all the same\n{frame}");
    let mut idle = fixtures::idle(Locale::ZhCn);
    fixtures::allow(&mut idle, &[crate::app::Action::SignOut]);
    let offers = |state: &ViewState| text(&idle, state, 120, 30).contains("签出");
    assert!(offers(&wanted) && !offers(&unwanted));
}

#[test]
fn figures_of_the_sound_are_graded() {
    let mut snapshot = fixtures::talking(Locale::En);
    let mut look = |rtt_ms, loss_pct: f32| {
        (snapshot.media.rtt_ms, snapshot.media.loss_pct) = (Some(rtt_ms), loss_pct);
        let (buffer, _) = render(&snapshot, &fixtures::state(), 120, 30);
        let at = |wanted: &str| {
            let (y, line) = lines(&buffer).lines().map(str::to_owned).enumerate().find(|(_, l)| l.contains(wanted))?;
            let before = line.split(wanted).next()?;
            let x = usize::from(crate::ui::text::width(before)) + wanted.len() + 1;
            Some(buffer[(u16::try_from(x).ok()?, u16::try_from(y).ok()?)].style())
        };
        (at("rtt ").unwrap(), at("loss ").unwrap())
    };
    let (good, fair, poor) = (look(119.0, 0.0), look(240.0, 1.5), look(480.0, 6.0));
    assert!(good.0 != fair.0 && fair.0 != poor.0 && good.0 != poor.0, "{good:?} {fair:?} {poor:?}");
    assert_eq!((good.0, fair.0, poor.0), (good.1, fair.1, poor.1), "loss has the same grades");
}

#[test]
fn a_state_that_is_old_news_says_as_of_when_and_what_an_agent_can_do() {
    let mut snapshot = fixtures::idle(Locale::ZhCn);
    snapshot.agent.as_of = Some("2026-01-02T14:03:20Z".parse().unwrap());
    snapshot.link.last_error = Some("平台不再接受本次签入（代码 3403）".into());
    snapshot.link.state = LinkState::GivenUp;
    for (width, height) in [(120, 36), (80, 24), (100, 3), (24, 2)] {
        let screen = text(&snapshot, &fixtures::state(), width, height);
        assert!(screen.contains("空闲") && screen.contains("截至 14:03"), "{screen}");
    }
    let screen = text(&snapshot, &fixtures::state(), 120, 36);
    for said in ["按 R 重试", "仍不行请签出后重新签入，或联系管理员", "代码 3403"] {
        assert!(screen.contains(said), "{said}: {screen}");
    }
    // A link that is tried again may be back at any moment; after a minute the state is old all the same.
    snapshot.link.state = LinkState::Down;
    for (seconds, old) in [(5, false), (61, true)] {
        snapshot.link.since_at = fixtures::ago(seconds);
        let screen = text(&snapshot, &fixtures::state(), 120, 36);
        assert_eq!(screen.contains("截至 14:03"), old, "{screen}");
    }
    // What a call shows is the phone's own word.
    let mut talking = fixtures::talking(Locale::ZhCn);
    (talking.agent.as_of, talking.link) = (snapshot.agent.as_of, snapshot.link);
    assert!(!text(&talking, &fixtures::state(), 120, 36).contains("截至"));
}

#[test]
fn a_sign_in_that_fails_says_why_instead_of_asking_for_patience() {
    let mut snapshot = fixtures::signed_out(Locale::ZhCn);
    snapshot.agent.state = AgentState::SigningIn;
    snapshot.agent.signed_out_because = None;
    fixtures::allow(&mut snapshot, &[]);
    for state in [LinkState::Down, LinkState::Connecting] {
        snapshot.link.state = state;
        snapshot.link.last_error = None;
        assert!(text(&snapshot, &fixtures::state(), 120, 36).contains("请稍候"));
        snapshot.link.last_error = Some("平台拒绝建立链路（HTTP 状态 403）。请检查 ws_server 和令牌。".into());
        for (width, height) in [(120, 36), (80, 24), (100, 3)] {
            let screen = text(&snapshot, &fixtures::state(), width, height);
            assert!(screen.contains("签入未完成：平台拒绝建立链路（HTTP 状态 403）"), "{screen}");
            assert!(!screen.contains("请稍候"), "{screen}");
        }
    }
}

#[test]
fn an_idle_agent_without_a_phone_is_offered_busy() {
    let mut snapshot = fixtures::idle(Locale::En);
    snapshot.sip.state = crate::app::SipState::Failed;
    snapshot.sip.last_error = Some("it was cut".into());
    assert!(text(&snapshot, &fixtures::state(), 120, 36).contains("b goes busy until then"));
    snapshot.agent.state = AgentState::Busy;
    assert!(!text(&snapshot, &fixtures::state(), 120, 36).contains("goes busy until then"));
}

#[test]
fn a_lost_link_is_red_a_reminder_is_amber() {
    let state = fixtures::state();
    let theme = &state.settings.theme;
    let (bad, warn) = (theme.style(Scope::BannerBad).bg, theme.style(Scope::BannerWarn).bg);
    assert_ne!(bad, warn);
    let mut lost = fixtures::talking(Locale::En);
    lost.link.state = LinkState::Down;
    for (snapshot, words, ground) in
        [(lost, "Link down", bad), (fixtures::reminded(Locale::En), "reminder: 14:31", warn)]
    {
        for (width, height) in [(120, 36), (80, 24), (100, 3)] {
            let (buffer, _) = render(&snapshot, &state, width, height);
            let screen = lines(&buffer);
            let row = screen.lines().position(|line| line.contains(words)).unwrap_or_else(|| panic!("{screen}"));
            assert_eq!(Some(buffer[(4, row as u16)].bg), ground, "{words} at {width}x{height}");
        }
    }
}

#[test]
fn a_link_that_was_given_up_says_why_before_what_to_do() {
    let mut snapshot = fixtures::talking(Locale::ZhCn);
    snapshot.link.state = LinkState::GivenUp;
    snapshot.link.last_error = Some("坐席已在别处签入".into());
    for (width, height) in [(120, 36), (80, 24), (60, 15), (100, 3)] {
        let screen = text(&snapshot, &fixtures::state(), width, height);
        assert!(screen.contains("坐席已在别处签入 · 按 R 重试"), "{screen}");
    }
    snapshot.link.last_error = None;
    assert!(text(&snapshot, &fixtures::state(), 80, 24).contains("链路已停止重连 · 按 R 重试"));
}

#[test]
fn without_a_sign_in_the_empty_list_says_to_sign_in() {
    for (locale, words) in [(Locale::En, "s signs in"), (Locale::ZhCn, "请先按 s 签入")] {
        let mut snapshot = fixtures::signed_out(locale);
        snapshot.journal = Default::default();
        let screen = text(&snapshot, &fixtures::state(), 120, 36);
        assert!(screen.contains(words), "{screen}");
    }
}
