use std::time::Duration;

use serde_json::{Value, json};

use super::rig::Rig;
use crate::{
    app::{Action, Command, Effect, Event, RefusalKind, TimerId},
    cti::{
        api::{ApiError, Request},
        link::LinkEvent,
        push::{PhoneEvent, PhoneState, PushMessage},
    },
    domain::{AgentState, CallPhase, Direction, HungUpBy, Outcome, RingKind, Unreached},
    softphone::{self, EndCause, Tone},
};

fn ended(cause: EndCause) -> softphone::Event {
    softphone::Event::Ended { call_id: "c1".into(), cause }
}

#[test]
fn a_customer_rings_is_answered_talks_and_hangs_up() {
    let mut rig = Rig::ringing();
    let shown = rig.shown();
    assert_eq!(shown.call.phase, CallPhase::Ringing);
    assert_eq!(shown.call.direction, Some(Direction::In));
    assert_eq!(shown.call.peer.number.as_deref(), Some("13800138000"));
    assert_eq!(shown.call.peer.area.as_deref(), Some("北京"));
    assert_eq!(shown.call.call_id.as_deref(), Some("8f3a"));
    assert!(rig.phone_told(&softphone::Command::Play(Some(Tone::Ring))));
    rig.later(Duration::from_secs(3));
    let id = rig.command(Command::Answer);
    assert!(rig.answers() > 0);
    assert!(rig.shown().is_pending(Action::Answer));
    rig.phone(softphone::Event::Answered { call_id: "c1".into() });
    assert_eq!(rig.shown().call.phase, CallPhase::Talking);
    assert!(rig.phone_told(&softphone::Command::Play(None)), "the ring stops");
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
    rig.pho(PhoneState::Connected);
    rig.later(Duration::from_secs(60));
    rig.pho(PhoneState::HungUp);
    rig.phone(ended(EndCause::RemoteBye));
    let shown = rig.shown();
    assert_eq!(shown.call.phase, CallPhase::Ended);
    assert_eq!((shown.call.ring_ms, shown.call.talk_ms), (3000, 60_000));
    rig.agent("5");
    let shown = rig.shown();
    assert_eq!(shown.call.phase, CallPhase::None);
    assert_eq!((shown.agent.state, shown.agent.wrap_up_left_ms), (AgentState::WrapUp, Some(10_000)));
    let entry = &shown.journal[0];
    assert_eq!((entry.outcome, entry.hung_up_by), (Outcome::Answered, HungUpBy::Peer));
    assert_eq!((rig.published("callStarted"), rig.published("callEnded")), (1, 1));
}

#[test]
fn the_invite_may_come_before_the_platforms_message() {
    let mut rig = Rig::idle();
    rig.phone(softphone::Event::Incoming { call_id: "c1".into(), from: "138".into(), auto_answer: false });
    assert_eq!(rig.shown().call.phase, CallPhase::Ringing);
    rig.push(PushMessage::Phone(PhoneEvent {
        state: PhoneState::Ring(RingKind::Queue),
        caller: Some("13800138000".into()),
        ..PhoneEvent::default()
    }));
    assert_eq!(rig.shown().call.peer.number.as_deref(), Some("13800138000"));
    assert_eq!(rig.published("callStarted"), 1);
    assert!(rig.shown().can(Action::Answer));
}

#[test]
fn an_answer_before_the_invite_answers_it_when_it_comes() {
    let mut rig = Rig::idle();
    rig.agent("4");
    rig.pho(PhoneState::Ring(RingKind::Queue));
    let id = rig.command(Command::Answer);
    assert!(rig.answers() == 0, "there is nothing to answer yet");
    rig.phone(softphone::Event::Incoming { call_id: "c1".into(), from: "138".into(), auto_answer: false });
    assert!(rig.answers() > 0);
    rig.phone(softphone::Event::Answered { call_id: "c1".into() });
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
}

#[test]
fn a_caller_who_gives_up_closes_everything_at_once() {
    // By CANCEL, by the platform's word, and by the agent's next state: each alone is enough.
    let ends: [fn(&mut Rig); 3] = [
        |rig| rig.phone(ended(EndCause::Cancelled)),
        |rig| rig.pho(PhoneState::HungUp),
        |rig| {
            rig.phone(ended(EndCause::Cancelled));
            rig.agent("1");
        },
    ];
    for (way, end) in ends.into_iter().enumerate() {
        let mut rig = Rig::ringing();
        end(&mut rig);
        assert!(!rig.shown().call.phase.is_live());
        assert!(rig.phone_told(&softphone::Command::Play(None)), "the ring stops");
        assert_eq!(rig.shown().journal[0].outcome, Outcome::Missed);
        // Until the leg has ended too, somebody else may have answered.
        assert_eq!(rig.notices().contains("13800138000"), way != 1);
        rig.phone(ended(EndCause::Local));
        assert_eq!(rig.notices().matches("13800138000").count(), 1);
    }
}

#[test]
fn that_somebody_else_has_answered_is_known_also_when_the_platform_ends_the_call_first() {
    let mut rig = Rig::ringing();
    rig.pho(PhoneState::HungUp);
    rig.agent("1");
    rig.phone(ended(EndCause::AnsweredElsewhere));
    assert_eq!(rig.shown().journal[0].outcome, Outcome::Elsewhere);
    assert_eq!(rig.lines().last().map(|line| line.outcome), Some(Outcome::Elsewhere), "on disk too");
    assert!(!rig.notices().contains("13800138000"), "{}", rig.notices());
    // The next call does not wait for that.
    let mut rig = Rig::ringing();
    rig.pho(PhoneState::HungUp);
    rig.phone(softphone::Event::Incoming { call_id: "c2".into(), from: "139".into(), auto_answer: false });
    assert!(rig.notices().contains("13800138000"));
}

#[test]
fn a_call_that_somebody_else_has_answered_was_not_missed() {
    let mut rig = Rig::ringing();
    rig.phone(ended(EndCause::AnsweredElsewhere));
    rig.pho(PhoneState::HungUp);
    assert!(!rig.shown().call.phase.is_live());
    assert_eq!(rig.shown().journal[0].outcome, Outcome::Elsewhere);
    assert_eq!(serde_json::to_value(Outcome::Elsewhere).unwrap(), "elsewhere");
    assert!(!rig.notices().contains("13800138000"), "{}", rig.notices());
}

#[test]
fn a_ghost_without_a_leg_goes_with_the_next_agent_state() {
    let mut rig = Rig::idle();
    rig.agent("4");
    rig.pho(PhoneState::Ring(RingKind::Queue));
    assert_eq!(rig.shown().call.phase, CallPhase::Ringing);
    rig.agent("1");
    assert_eq!(rig.shown().call.phase, CallPhase::Ringing, "it may be a state from before the call");
    rig.timer(TimerId::CallDeadline);
    assert_eq!(rig.shown().call.phase, CallPhase::None);
}

#[test]
fn hold_and_resume_have_their_own_clock() {
    let mut rig = Rig::talking();
    rig.later(Duration::from_secs(10));
    let id = rig.command(Command::Hold);
    assert_eq!(rig.shown().call.phase, CallPhase::Talking, "held only when the platform says so");
    rig.reply(Value::Null);
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
    assert!(rig.phone_told(&softphone::Command::SetHeld(true)));
    assert_eq!(rig.shown().call.phase, CallPhase::Held);
    assert!(rig.shown().can(Action::HangUp));
    rig.later(Duration::from_secs(20));
    rig.command(Command::Unhold);
    rig.reply(Value::Null);
    rig.later(Duration::from_secs(5));
    let shown = rig.shown();
    assert_eq!(shown.call.phase, CallPhase::Talking);
    assert_eq!((shown.call.hold_ms, shown.call.talk_ms), (20_000, 35_000));
}

#[test]
fn a_refused_hold_is_said_and_changes_nothing() {
    let mut rig = Rig::talking();
    let id = rig.command(Command::Hold);
    rig.reply_to(|r| *r == Request::Hold, 40412, Value::Null);
    assert!(matches!(rig.outcome(id), Some(Err(r)) if r.platform == Some((40412, "no".into()))));
    assert_eq!(rig.shown().call.phase, CallPhase::Talking);
    assert!(rig.notices().contains("40412"));
}

#[test]
fn muted_is_shown_only_when_the_capture_path_says_so() {
    let mut rig = Rig::talking();
    let id = rig.command(Command::Mute);
    assert!(!rig.shown().call.muted);
    rig.phone(softphone::Event::Muted(true));
    assert!(rig.shown().call.muted);
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
    rig.pho(PhoneState::HungUp);
    assert!(rig.phone_told(&softphone::Command::SetMuted(false)), "the next call begins unmuted");
}

#[test]
fn hanging_up_works_in_every_phase_and_whatever_the_platform_answers() {
    let phases: [fn(&mut Rig); 6] = [
        |_| {},
        |rig| {
            rig.command(Command::Hold);
            rig.reply(Value::Null);
        },
        |rig| rig.pho(PhoneState::ConsultOut),
        |rig| rig.pho(PhoneState::ConsultConnected),
        |rig| rig.pho(PhoneState::ThreeWay),
        |rig| rig.link(LinkEvent::Closed { code: 1006, reason: String::new() }),
    ];
    for (n, phase) in phases.iter().enumerate() {
        for answer in 0..3 {
            let mut rig = Rig::talking();
            phase(&mut rig);
            assert!(rig.shown().can(Action::HangUp), "phase {n}");
            let id = rig.command(Command::HangUp);
            match answer {
                0 => rig.reply_to(|r| *r == Request::HangUp, 0, Value::Null),
                1 => rig.reply_to(|r| *r == Request::HangUp, 40404, Value::Null),
                _ => rig.fail(|r| *r == Request::HangUp),
            }
            assert!(rig.hang_ups() > 0, "phase {n}, answer {answer}");
            rig.phone(ended(EndCause::Local));
            assert!(!rig.shown().call.phase.is_live());
            assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
            assert_eq!(rig.shown().journal[0].hung_up_by, HungUpBy::Agent);
        }
    }
}

#[test]
fn a_call_without_a_leg_that_the_platform_does_not_know_is_over() {
    let mut rig = Rig::idle();
    rig.pho(PhoneState::Connected);
    rig.command(Command::HangUp);
    rig.reply_to(|r| *r == Request::HangUp, 40404, Value::Null);
    assert!(!rig.shown().call.phase.is_live());
}

#[test]
fn dialling_out_from_the_first_key_to_wrap_up() {
    let mut rig = Rig::idle();
    let id =
        rig.command(Command::Dial { number: "139-0013 9000".into(), caller_id: None, queue_id: None, user_data: None });
    rig.reply_to(|r| matches!(r, Request::CallOut { tel, .. } if tel == "13900139000"), 0, Value::Null);
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
    assert_eq!(rig.shown().call.phase, CallPhase::Dialing, "shown as soon as it is accepted");
    rig.agent("4");
    rig.push(PushMessage::Phone(PhoneEvent {
        state: PhoneState::CallOut,
        called: Some("13900139000".into()),
        ..PhoneEvent::default()
    }));
    rig.pho(PhoneState::Ring(RingKind::Outbound));
    rig.phone(softphone::Event::Incoming { call_id: "c1".into(), from: "139".into(), auto_answer: true });
    assert_eq!(rig.shown().call.phase, CallPhase::Dialing);
    assert!(!rig.phone_told(&softphone::Command::Play(Some(Tone::Ring))), "the own leg does not ring");
    rig.phone(softphone::Event::Answered { call_id: "c1".into() });
    rig.pho(PhoneState::SelfConnected);
    rig.pho(PhoneState::FarRinging);
    let shown = rig.shown();
    assert_eq!((shown.call.phase, shown.call.far_ringing), (CallPhase::Dialing, true));
    assert_eq!(shown.call.peer.number.as_deref(), Some("13900139000"), "not the caller of the own leg");
    let quiet = softphone::MediaEvent::Levels { microphone: -40.0, far_end: -90.0 };
    rig.phone(softphone::Event::Media(quiet));
    assert!(rig.phone_told(&softphone::Command::Play(Some(Tone::RingBack))));
    rig.pho(PhoneState::Connected);
    assert_eq!(rig.shown().call.phase, CallPhase::Talking);
    assert_eq!(rig.shown().call.direction, Some(Direction::Out));
}

#[test]
fn a_number_that_cannot_be_dialled_is_never_sent() {
    let mut rig = Rig::idle();
    for number in ["", "  ", "张三", "1+2"] {
        let id = rig.command(Command::Dial { number: number.into(), caller_id: None, queue_id: None, user_data: None });
        assert!(matches!(rig.outcome(id), Some(Err(r)) if r.kind == RefusalKind::Invalid), "{number}");
    }
    assert!(rig.sent(|r| matches!(r, Request::CallOut { .. })).is_none());
}

#[test]
fn a_phone_that_refuses_its_own_leg_is_told_of() {
    let mut rig = Rig::idle();
    rig.pho(PhoneState::Ring(RingKind::Outbound));
    rig.later(Duration::from_millis(900));
    rig.pho(PhoneState::HungUp);
    assert!(rig.notices().contains("too quickly"), "{}", rig.notices());
    assert_eq!(rig.shown().journal[0].outcome, Outcome::Failed);
}

#[test]
fn why_a_dialled_number_was_not_reached_is_said_once() {
    let dialled = || {
        let mut rig = Rig::idle();
        rig.agent("4");
        let rings = PhoneState::Ring(RingKind::Outbound);
        rig.push(PushMessage::Phone(PhoneEvent { state: rings, called: Some("139".into()), ..PhoneEvent::default() }));
        rig.phone(softphone::Event::Incoming { call_id: "c1".into(), from: "1".into(), auto_answer: true });
        rig.phone(softphone::Event::Answered { call_id: "c1".into() });
        rig.later(Duration::from_millis(900));
        rig
    };
    // The platform's word and the BYE come in either order; the agent's next state may be between them.
    let busy = || ended(EndCause::Unreached(Unreached::Busy));
    let ends: [fn(&mut Rig, softphone::Event); 3] = [
        |rig, bye| {
            rig.phone(bye);
            rig.pho(PhoneState::HungUp);
            rig.agent("1");
        },
        |rig, bye| {
            rig.pho(PhoneState::HungUp);
            rig.agent("1");
            assert_eq!(rig.notices(), "", "the BYE may say why");
            rig.phone(bye);
        },
        |rig, bye| {
            rig.pho(PhoneState::HungUp);
            rig.phone(bye);
            rig.later(Duration::from_secs(1));
        },
    ];
    for end in ends {
        let mut rig = dialled();
        end(&mut rig, busy());
        let entry = rig.shown().journal[0].clone();
        assert_eq!((entry.outcome, entry.unreached), (Outcome::Unanswered, Some(Unreached::Busy)));
        assert_eq!(rig.shown().notices.len(), 1, "{}", rig.notices());
        assert!(rig.notices().contains("139 was not reached: busy"), "{}", rig.notices());
    }

    // A BYE that says nothing, or none at all: it is said all the same.
    let mut rig = dialled();
    rig.pho(PhoneState::HungUp);
    rig.phone(ended(EndCause::RemoteBye));
    assert!(rig.notices().contains("139 was not reached"), "{}", rig.notices());
    let mut rig = dialled();
    rig.pho(PhoneState::HungUp);
    rig.phone(ended(EndCause::Local));
    assert_eq!(rig.shown().notices.len(), 1, "{}", rig.notices());

    // Given up by the agent: nothing to explain.
    let mut rig = dialled();
    rig.command(Command::HangUp);
    rig.reply_to(|r| *r == Request::HangUp, 0, Value::Null);
    rig.pho(PhoneState::HungUp);
    rig.phone(ended(EndCause::Local));
    assert_eq!(rig.notices(), "");
}

#[test]
fn keypad_digits_queue_and_none_is_lost() {
    let mut rig = Rig::talking();
    let first = rig.command(Command::SendDtmf { digits: "1".into() });
    rig.command(Command::SendDtmf { digits: "2".into() });
    let last = rig.command(Command::SendDtmf { digits: "3#".into() });
    let sent = |rig: &Rig| rig.count(|e| matches!(e, Effect::Request { request: Request::SendDtmf { .. }, .. }));
    assert_eq!(sent(&rig), 1, "one at a time");
    rig.reply(Value::Null);
    assert!(rig.sent(|r| *r == Request::SendDtmf { digits: "23#".into() }).is_some(), "in order, together");
    rig.reply(Value::Null);
    assert_eq!(sent(&rig), 2);
    assert!(rig.outcome(first).is_some_and(|o| o.is_ok()) && rig.outcome(last).is_some_and(|o| o.is_ok()));
    let bad = rig.command(Command::SendDtmf { digits: "x".into() });
    assert!(matches!(rig.outcome(bad), Some(Err(r)) if r.kind == RefusalKind::Invalid));
}

#[test]
fn ready_right_after_the_call_waits_for_the_platforms_word() {
    let mut rig = Rig::talking();
    rig.command(Command::HangUp);
    rig.reply_to(|r| *r == Request::HangUp, 0, Value::Null);
    rig.phone(ended(EndCause::Local));
    assert_eq!(rig.shown().agent.state, AgentState::Occupied);
    let id = rig.command(Command::Ready);
    assert!(rig.sent(|r| *r == Request::Ready).is_none());
    rig.agent("5");
    rig.reply_to(|r| *r == Request::Ready, 0, Value::Null);
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
    rig.agent("1");
    assert_eq!(rig.shown().agent.state, AgentState::Idle);
}

#[test]
fn ready_is_asked_for_even_if_the_platform_stays_silent() {
    let mut rig = Rig::talking();
    rig.phone(ended(EndCause::RemoteBye));
    let id = rig.command(Command::Ready);
    rig.timer(TimerId::CommandDeadline);
    rig.reply_to(|r| *r == Request::Ready, 0, Value::Null);
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
}

#[test]
fn commands_that_make_no_sense_say_why() {
    let mut rig = Rig::idle();
    for command in [Command::Answer, Command::HangUp, Command::Hold, Command::Unhold, Command::Mute, Command::Reject] {
        let id = rig.command(command);
        assert!(matches!(rig.outcome(id), Some(Err(r)) if r.kind == RefusalKind::NotNow));
    }
    assert_eq!(rig.count(|e| matches!(e, Effect::Request { .. })), 0, "nothing was sent");
}

#[test]
fn the_same_command_twice_is_pending_not_sent_twice() {
    let mut rig = Rig::talking();
    rig.command(Command::Hold);
    let second = rig.command(Command::Hold);
    assert!(matches!(rig.outcome(second), Some(Err(r)) if r.kind == RefusalKind::Pending));
    assert_eq!(rig.count(|e| matches!(e, Effect::Request { request: Request::Hold, .. })), 1);
}

#[test]
fn an_unanswered_command_is_given_up_and_said() {
    let mut rig = Rig::ringing();
    let id = rig.command(Command::Answer);
    rig.timer(TimerId::CommandDeadline);
    assert!(matches!(rig.outcome(id), Some(Err(r)) if r.kind == RefusalKind::Unreachable));
    assert!(rig.shown().can(Action::Answer), "it can be tried again");
}

#[test]
fn signalling_that_leaves_never_ends_a_conversation() {
    let mut rig = Rig::talking();
    rig.link(LinkEvent::Closed { code: 3405, reason: String::new() });
    assert!(!rig.phone_told(&softphone::Command::Unregister), "not during the call");
    assert_eq!(rig.shown().call.phase, CallPhase::Talking);
    rig.phone(ended(EndCause::RemoteBye));
    assert!(rig.phone_told(&softphone::Command::Unregister), "but after it");
}

#[test]
fn lists_fill_names_and_choices() {
    let mut rig = Rig::new(super::rig::profile());
    rig.event(Event::Started);
    rig.reply(json!({ "vccCode": "VC", "vccId": 77, "phopass": "pw" }));
    let reasons = json!([{ "id": "11", "stat_reason": "小休" }]);
    rig.reply_to(|r| *r == Request::BusyReasons, 0, reasons);
    let numbers = json!({ "num": [{ "name": "A", "value": "010" }, { "name": "B", "value": "020" }] });
    rig.reply_to(|r| *r == Request::CallerList, 0, numbers);
    rig.reply_to(
        |r| *r == Request::AgentBaseInfo,
        0,
        json!({ "ag_name": "张三", "que": [{ "id": "2", "que_name": "售后" }] }),
    );
    let id = rig.sent(|r| *r == Request::SkillGroups).unwrap();
    rig.event(Event::Replied { id, result: Err(ApiError::Timeout(4000)) });
    let shown = rig.shown();
    assert_eq!(shown.agent.name.as_deref(), Some("张三"));
    assert_eq!(shown.caller_id.map(|c| c.value).as_deref(), Some("010"));
    assert_eq!(shown.busy_reasons[0].name, "小休");
    let id = rig.command(Command::ChooseCallerId { value: "B".into() });
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
    assert_eq!(rig.shown().caller_id.map(|c| c.value).as_deref(), Some("020"));
}

#[test]
fn a_call_out_carries_the_first_skill_group_only_where_that_is_wanted() {
    for (auto_queue, asked, sent) in
        [(true, None, Some(2)), (false, None, None), (true, Some(5), Some(5)), (false, Some(5), Some(5))]
    {
        let mut rig = Rig::signed_in(crate::app::Profile { auto_queue, ..super::rig::profile() });
        let own = json!({ "id": 1001, "que": [{ "id": "2", "que_name": "售后" }, { "id": "1", "que_name": "售前" }] });
        rig.reply_to(|r| matches!(r, Request::AgentBaseInfo), 0, own);
        rig.command(Command::Dial { number: "13800138000".into(), caller_id: None, queue_id: asked, user_data: None });
        let carried = |r: &Request| matches!(r, Request::CallOut { queue_id, .. } if *queue_id == sent);
        assert!(rig.sent(carried).is_some(), "{auto_queue} {asked:?}");
    }
}

#[test]
fn nobody_calls_oneself() {
    let mut rig = Rig::idle();
    rig.effects.clear();
    let id = rig.command(Command::DialAgent { ag_no: " 8001 ".into(), caller_id: None });
    assert!(matches!(rig.outcome(id), Some(Err(refusal)) if refusal.kind == RefusalKind::Invalid));
    assert!(!rig.effects.iter().any(|effect| matches!(effect, Effect::Request { .. })), "{:?}", rig.effects);
    assert_eq!(rig.shown().call.phase, CallPhase::None);
}

#[test]
fn a_call_placed_for_a_skill_group_is_shown_and_kept_with_it() {
    let mut rig = Rig::idle();
    let for_group = Command::Dial { number: "139".into(), caller_id: None, queue_id: Some(1), user_data: None };
    rig.command(for_group);
    rig.reply_to(|r| matches!(r, Request::CallOut { queue_id: Some(1), .. }), 0, Value::Null);
    assert_eq!(rig.shown().call.queue.as_ref().map(|group| group.id), Some(1));
}
