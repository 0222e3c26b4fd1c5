//! A call that somebody else is brought into, or given to.

use std::time::Duration;

use serde_json::{Value, json};

use super::rig::Rig;
use crate::{
    app::{Action, Command, Effect, RefusalKind},
    cti::{
        api::Request,
        link::LinkEvent,
        push::{PhoneEvent, PhoneState, PushMessage},
    },
    domain::{CallPhase, Callee, CallerId, Destination, Direction, HungUpBy, Outcome, RingKind, SkillGroup},
    softphone::{self, EndCause},
};

/// What is told, and how it goes on.
type Story = (&'static str, fn(&mut Rig));

fn agent(ag_no: &str) -> Callee {
    Callee::Agent(ag_no.into())
}

fn number(number: &str) -> Callee {
    Callee::Number(number.into())
}

fn consult(callee: Callee) -> Command {
    Command::Consult { callee, caller_id: None }
}

fn transfer(to: Destination) -> Command {
    Command::Transfer { to, caller_id: None }
}

fn bye(rig: &mut Rig) {
    rig.phone(softphone::Event::Ended { call_id: "c1".into(), cause: EndCause::RemoteBye });
}

fn is_ok(rig: &Rig, id: crate::app::CommandId) -> bool {
    rig.outcome(id).is_some_and(|outcome| outcome.is_ok())
}

/// Talking to agent 8002 while the customer waits.
fn consulting() -> Rig {
    let mut rig = Rig::talking();
    rig.command(consult(agent("8002")));
    rig.reply(Value::Null);
    rig.pho(PhoneState::ConsultOut);
    rig.pho(PhoneState::ConsultConnected);
    rig.effects.clear();
    rig
}

/// Agent 8002 consults this agent, who has answered.
fn consulted() -> Rig {
    let mut rig = Rig::idle();
    rig.agent("4");
    rig.push(PushMessage::Phone(PhoneEvent {
        state: PhoneState::Ring(RingKind::Consult),
        caller: Some("13800138000".into()),
        from_agent: true,
        agent_no: Some("8002".into()),
        agent_name: Some("李四".into()),
        ..PhoneEvent::default()
    }));
    rig.phone(softphone::Event::Incoming { call_id: "c1".into(), from: "9002".into(), auto_answer: false });
    rig.command(Command::Answer);
    rig.phone(softphone::Event::Answered { call_id: "c1".into() });
    rig.pho(PhoneState::Connected);
    rig.effects.clear();
    rig
}

#[test]
fn an_agent_is_consulted_and_gets_the_call() {
    let mut rig = Rig::talking();
    let id = rig.command(consult(agent(" 8002 ")));
    assert_eq!(rig.shown().call.phase, CallPhase::Talking, "not before the platform agrees");
    let asked = Request::ConsultAgent { consult_ag_no: "8002".into(), caller_id: None };
    rig.reply_to(|r| *r == asked, 0, Value::Null);
    assert!(is_ok(&rig, id));
    assert_eq!(rig.shown().call.phase, CallPhase::ConsultOut, "shown before the message");
    rig.pho(PhoneState::ConsultOut);
    rig.pho(PhoneState::ConsultConnected);
    let shown = rig.shown();
    assert_eq!((shown.call.phase, shown.call.consult.ag_no.as_deref()), (CallPhase::Consulting, Some("8002")));
    assert_eq!(shown.call.peer.number.as_deref(), Some("13800138000"), "the peer is still the customer");
    let id = rig.command(Command::ConsultTransfer);
    rig.reply_to(|r| *r == Request::ConsultTransfer, 0, Value::Null);
    assert!(is_ok(&rig, id));
    rig.pho(PhoneState::TransferDone);
    rig.pho(PhoneState::HungUp);
    bye(&mut rig);
    rig.agent("5");
    let shown = rig.shown();
    assert_eq!(shown.call.phase, CallPhase::None);
    assert_eq!((shown.journal[0].outcome, shown.journal[0].hung_up_by), (Outcome::Transferred, HungUpBy::Agent));
    assert_eq!(rig.notices().matches("transferred").count(), 1, "{}", rig.notices());
    let taker = shown.journal[0].transferred_to.clone().unwrap();
    assert_eq!((taker.ag_no.as_deref(), taker.number), (Some("8002"), None), "the colleague, not the customer");
}

#[test]
fn the_journal_says_who_goes_on_with_a_transferred_call() {
    let ended = |to: Destination, code: i64| {
        let mut rig = Rig::talking();
        rig.state.lists.skill_groups = vec![SkillGroup { id: 2, name: "售后".into() }];
        rig.command(transfer(to));
        rig.reply_to(|r| format!("{r:?}").starts_with("Transfer"), code, Value::Null);
        rig.pho(PhoneState::HungUp);
        bye(&mut rig);
        let entry = rig.shown().journal[0].clone();
        (entry.outcome, entry.transferred_to.map(|who| (who.short().to_owned(), who.name)))
    };
    let queue = Destination::Queue { id: 2, vcc_id: None };
    let transferred =
        |who: &str, name: Option<&str>| (Outcome::Transferred, Some((who.to_owned(), name.map(str::to_owned))));
    assert_eq!(ended(Destination::Callee(agent(" 8002 ")), 0), transferred("8002", None));
    assert_eq!(ended(Destination::Callee(number("010-5854 5832")), 0), transferred("01058545832", None));
    assert_eq!(ended(queue.clone(), 0), transferred("", Some("售后")));
    assert_eq!(ended(queue, 40400), (Outcome::Answered, None), "refused: the customer hung up");
}

#[test]
fn numbers_are_cleaned_and_caller_ids_added_as_documented() {
    let mut rig = Rig::talking();
    rig.state.lists.caller_id = Some(CallerId { value: "010".into(), name: "A".into() });
    let sent = |rig: &mut Rig, command: Command, request: Request| {
        rig.command(command);
        assert!(rig.sent(|r| *r == request).is_some(), "{request:?} in {:?}", rig.effects);
        rig.reply_to(|r| *r == request, 40400, Value::Null);
    };
    let caller_id = || Some("010".to_owned());
    sent(
        &mut rig,
        consult(number("tel:139-0013 9000")),
        Request::ConsultTel { consult_tel: "13900139000".into(), caller_id: caller_id() },
    );
    sent(
        &mut rig,
        consult(agent("8002")),
        Request::ConsultAgent { consult_ag_no: "8002".into(), caller_id: caller_id() },
    );
    sent(
        &mut rig,
        Command::Consult { callee: agent("8002"), caller_id: Some("020".into()) },
        Request::ConsultAgent { consult_ag_no: "8002".into(), caller_id: Some("020".into()) },
    );
    // Protocol 2.1: not added to transferTel.
    sent(
        &mut rig,
        transfer(Destination::Callee(number("(010) 5854"))),
        Request::TransferTel { transfer_tel: "0105854".into(), caller_id: None },
    );
    sent(
        &mut rig,
        transfer(Destination::Callee(agent("8002"))),
        Request::TransferAgent { transfer_ag_no: "8002".into() },
    );
    // The tenant of the rig is 77.
    for (vcc_id, trans_vcc) in [(None, 0), (Some(77), 0), (Some(78), 78)] {
        let to = Destination::Queue { id: 3, vcc_id };
        sent(&mut rig, transfer(to), Request::TransferQueue { queue_id: 3, trans_vcc });
    }
    sent(
        &mut rig,
        transfer(Destination::Ivr { code: " 100 ".into(), node: "2".into(), vcc_id: Some(78) }),
        Request::TransferIvr { ivr_code: "100".into(), ivr_node: "2".into(), vcc_id: Some(78) },
    );
    sent(
        &mut rig,
        Command::Interact { ivr_code: "100".into(), ivr_param: Some("a=1".into()) },
        Request::Interact { ivr_code: "100".into(), ivr_param: Some("a=1".into()) },
    );
}

#[test]
fn what_cannot_be_reached_is_never_sent() {
    let mut rig = Rig::talking();
    for command in [
        consult(agent("")),
        consult(agent("8001")),
        consult(agent("80-02")),
        consult(number(" ")),
        consult(number("张三")),
        transfer(Destination::Callee(agent("8001"))),
        transfer(Destination::Callee(number(""))),
        transfer(Destination::Queue { id: 0, vcc_id: None }),
        transfer(Destination::Ivr { code: "1".into(), node: " ".into(), vcc_id: None }),
        Command::Interact { ivr_code: String::new(), ivr_param: None },
    ] {
        rig.later(Duration::from_secs(10));
        let before = rig.shown().notices.len();
        let id = rig.command(command.clone());
        assert!(matches!(rig.outcome(id), Some(Err(r)) if r.kind == RefusalKind::Invalid), "{command:?}");
        assert_eq!(rig.shown().notices.len(), before + 1, "{command:?} is told");
    }
    assert_eq!(rig.count(|e| matches!(e, Effect::Request { .. })), 0);
    assert!(rig.notices().contains("your own number"), "{}", rig.notices());
}

#[test]
fn a_consultation_that_reaches_nobody_is_told_once_with_who_it_was() {
    // With and without the message that it began.
    for began in [true, false] {
        let mut rig = Rig::talking();
        rig.command(consult(number("13900139000")));
        if began {
            rig.pho(PhoneState::ConsultOut);
        }
        rig.pho(PhoneState::ConsultFailed);
        rig.pho(PhoneState::ConsultFailed);
        rig.reply(Value::Null);
        let shown = rig.shown();
        assert_eq!(shown.call.phase, CallPhase::Talking, "a late answer is not the platform's last word");
        assert_eq!(shown.call.consult, crate::app::ConsultView::default());
        assert_eq!(shown.notices.len(), 1, "{}", rig.notices());
        assert!(rig.notices().contains("13900139000 was not reached"), "{}", rig.notices());
    }
}

#[test]
fn back_with_the_customer_by_message_or_by_answer_answered_or_not() {
    for answered in [true, false] {
        for by_message in [true, false] {
            let mut rig = Rig::talking();
            rig.command(consult(agent("8002")));
            rig.reply(Value::Null);
            rig.pho(PhoneState::ConsultOut);
            if answered {
                rig.pho(PhoneState::ConsultConnected);
            }
            let id = rig.command(Command::ConsultReturn);
            if by_message {
                rig.pho(PhoneState::ConsultBack);
                assert_eq!(rig.shown().call.phase, CallPhase::Talking);
            }
            rig.reply_to(|r| *r == Request::ConsultCancel, 0, json!({}));
            assert!(is_ok(&rig, id));
            let shown = rig.shown();
            assert_eq!((shown.call.phase, shown.call.consult.ag_no.as_deref()), (CallPhase::Talking, None));
            assert_eq!(rig.notices(), "", "the agent knows");
        }
    }
}

#[test]
fn a_consulted_party_who_leaves_is_told_of() {
    let mut rig = consulting();
    rig.pho(PhoneState::ConsultBack);
    rig.pho(PhoneState::ConsultBack);
    assert_eq!(rig.shown().call.phase, CallPhase::Talking);
    assert_eq!(rig.notices(), "8002 has left; back with the customer");
}

#[test]
fn three_together_and_back() {
    let mut rig = consulting();
    let id = rig.command(Command::ThreeWay);
    rig.reply_to(|r| *r == Request::ConsultThreeway, 0, Value::Null);
    assert!(is_ok(&rig, id));
    assert_eq!(rig.shown().call.phase, CallPhase::ThreeWay, "by the answer");
    rig.pho(PhoneState::ThreeWay);
    rig.pho(PhoneState::ConsultConnected);
    let shown = rig.shown();
    assert_eq!((shown.call.phase, shown.call.consult.ag_no.as_deref()), (CallPhase::ThreeWay, Some("8002")));
    assert!(shown.can(Action::ThreeWayReturn) && shown.can(Action::HangUp) && shown.can(Action::Mute));
    rig.command(Command::ThreeWayReturn);
    rig.reply_to(|r| *r == Request::ConsultThreewayReturn, 0, Value::Null);
    rig.pho(PhoneState::ThreeWayBack);
    assert_eq!(rig.shown().call.phase, CallPhase::Talking);
    assert_eq!(rig.notices(), "");
}

#[test]
fn muting_persists_through_consultation_and_three_way() {
    let mut rig = Rig::talking();
    rig.command(Command::Mute);
    rig.phone(softphone::Event::Muted(true));
    rig.effects.clear();
    for state in [
        PhoneState::ConsultOut,
        PhoneState::ConsultConnected,
        PhoneState::ThreeWay,
        PhoneState::ThreeWayBack,
        PhoneState::Connected,
    ] {
        rig.pho(state);
        assert!(rig.shown().call.muted && rig.shown().can(Action::Unmute), "{state:?}");
    }
    assert!(!rig.phone_told(&softphone::Command::SetMuted(false)));
}

#[test]
fn a_customer_on_hold_can_be_consulted_about_and_waits_no_longer_on_this_side() {
    let mut rig = Rig::talking();
    rig.command(Command::Hold);
    rig.reply(Value::Null);
    rig.later(Duration::from_secs(4));
    rig.command(consult(agent("8002")));
    assert_eq!(rig.shown().call.phase, CallPhase::Held, "refused, it would still be so");
    rig.effects.retain(|e| matches!(e, Effect::Request { .. }));
    rig.reply_to(|r| matches!(r, Request::ConsultAgent { .. }), 0, Value::Null);
    let shown = rig.shown();
    assert_eq!((shown.call.phase, shown.call.hold_ms), (CallPhase::ConsultOut, 4000));
    assert!(rig.phone_told(&softphone::Command::SetHeld(false)), "agent and third party hear each other");
}

#[test]
fn a_repeated_return_does_not_lift_a_later_hold() {
    let mut rig = consulting();
    rig.pho(PhoneState::ConsultBack);
    rig.command(Command::Hold);
    rig.reply(Value::Null);
    rig.pho(PhoneState::ConsultBack);
    rig.pho(PhoneState::ConsultFailed);
    assert_eq!(rig.shown().call.phase, CallPhase::Held);
}

#[test]
fn a_given_away_call_ends_as_transferred_by_whose_word_ever() {
    let ends: [Story; 5] = [
        ("the message, then the end", |rig| {
            rig.reply(Value::Null);
            rig.pho(PhoneState::TransferDone);
            rig.pho(PhoneState::HungUp);
        }),
        ("the end alone", |rig| {
            rig.reply(Value::Null);
            rig.pho(PhoneState::HungUp);
        }),
        ("the end before the answer", |rig| {
            rig.pho(PhoneState::HungUp);
            rig.reply_to(|r| matches!(r, Request::TransferQueue { .. }), 0, Value::Null);
        }),
        ("the leg's end while the link is down", |rig| {
            rig.link(LinkEvent::Closed { code: 1006, reason: String::new() });
            rig.reply_to(|r| matches!(r, Request::TransferQueue { .. }), 0, Value::Null);
            bye(rig);
        }),
        ("the message twice, before the answer", |rig| {
            rig.pho(PhoneState::TransferDone);
            rig.pho(PhoneState::TransferDone);
            rig.reply_to(|r| matches!(r, Request::TransferQueue { .. }), 0, Value::Null);
            bye(rig);
        }),
    ];
    for (story, end) in ends {
        let mut rig = Rig::talking();
        let id = rig.command(transfer(Destination::Queue { id: 3, vcc_id: None }));
        end(&mut rig);
        assert!(is_ok(&rig, id), "{story}");
        let shown = rig.shown();
        assert_eq!(shown.journal[0].outcome, Outcome::Transferred, "{story}");
        assert_eq!(rig.notices().lines().filter(|line| *line == "transferred").count(), 1, "{story}");
    }
}

#[test]
fn a_refused_transfer_leaves_the_call_and_a_customer_who_hangs_up_then_has_hung_up() {
    let mut rig = Rig::talking();
    let id = rig.command(transfer(Destination::Callee(agent("8002"))));
    rig.reply_to(|r| matches!(r, Request::TransferAgent { .. }), 40410, Value::Null);
    assert!(matches!(rig.outcome(id), Some(Err(r)) if r.platform == Some((40410, "no".into()))));
    assert_eq!(rig.shown().call.phase, CallPhase::Talking);
    rig.pho(PhoneState::HungUp);
    let entry = rig.shown().journal[0].clone();
    assert_eq!((entry.outcome, entry.hung_up_by), (Outcome::Answered, HungUpBy::Peer));

    // Refused because the customer had hung up in the same moment.
    let mut rig = Rig::talking();
    rig.command(transfer(Destination::Callee(agent("8002"))));
    rig.pho(PhoneState::HungUp);
    rig.reply_to(|r| matches!(r, Request::TransferAgent { .. }), 40410, Value::Null);
    let entry = rig.shown().journal[0].clone();
    assert_eq!((entry.outcome, entry.hung_up_by), (Outcome::Answered, HungUpBy::Peer));
    assert_eq!(rig.shown().notices.len(), 1, "{}", rig.notices());

    // Accepted, and the platform brings the customer back.
    let mut rig = Rig::talking();
    rig.command(transfer(Destination::Callee(agent("8002"))));
    rig.reply(Value::Null);
    rig.pho(PhoneState::Connected);
    rig.pho(PhoneState::HungUp);
    assert_eq!(rig.shown().journal[0].outcome, Outcome::Answered);
}

#[test]
fn a_late_message_that_the_call_is_connected_does_not_take_back_its_transfer() {
    let mut rig = Rig::ringing();
    rig.command(Command::Answer);
    rig.phone(softphone::Event::Answered { call_id: "c1".into() });
    assert_eq!(rig.shown().call.phase, CallPhase::Talking, "its leg is enough");
    rig.command(transfer(Destination::Callee(agent("8002"))));
    rig.reply_to(|r| matches!(r, Request::TransferAgent { .. }), 0, Value::Null);
    rig.pho(PhoneState::Connected);
    rig.pho(PhoneState::HungUp);
    assert_eq!(rig.shown().journal[0].outcome, Outcome::Transferred);
}

#[test]
fn the_survey_ends_the_call_on_this_side() {
    let mut rig = Rig::talking();
    rig.command(Command::Evaluate);
    rig.reply_to(|r| *r == Request::TransferEvaluate, 0, Value::Null);
    assert!(rig.notices().contains("survey"));
    rig.pho(PhoneState::HungUp);
    let entry = rig.shown().journal[0].clone();
    assert_eq!((entry.outcome, entry.hung_up_by), (Outcome::Answered, HungUpBy::Agent));
}

#[test]
fn a_consulted_agent_can_mute_and_hang_up_until_the_call_is_transferred_here() {
    let mut rig = consulted();
    let shown = rig.shown();
    assert_eq!((shown.call.phase, shown.call.direction), (CallPhase::Talking, Some(Direction::Consult)));
    assert_eq!(shown.call.peer.ag_no.as_deref(), Some("8002"));
    let call_actions = [
        Action::Hold,
        Action::Consult,
        Action::ConsultReturn,
        Action::ConsultTransfer,
        Action::ThreeWay,
        Action::ThreeWayReturn,
        Action::Transfer,
        Action::Evaluate,
        Action::Interact,
    ];
    for action in call_actions {
        assert!(!shown.can(action), "{action:?}");
    }
    assert!(shown.can(Action::Mute) && shown.can(Action::HangUp));
    let id = rig.command(Command::Hold);
    assert!(matches!(rig.outcome(id), Some(Err(r)) if r.message.key() == "app.being_consulted"));

    rig.later(Duration::from_secs(30));
    rig.effects.clear();
    for _ in 0..2 {
        rig.push(PushMessage::Phone(PhoneEvent {
            state: PhoneState::Transferred,
            caller: Some("13800138000".into()),
            area: Some("北京".into()),
            from_agent: true,
            agent_no: Some("8002".into()),
            ..PhoneEvent::default()
        }));
    }
    let shown = rig.shown();
    assert_eq!((shown.call.phase, shown.call.direction), (CallPhase::Talking, Some(Direction::In)));
    assert_eq!(
        (shown.call.peer.number.as_deref(), shown.call.peer.area.as_deref()),
        (Some("13800138000"), Some("北京"))
    );
    assert_eq!((&shown.call.peer.ag_no, &shown.call.peer.name), (&None, &None), "the colleague has left");
    for action in [Action::Hold, Action::Consult, Action::Transfer, Action::Evaluate, Action::Mute, Action::HangUp] {
        assert!(shown.can(action), "{action:?}");
    }
    assert_eq!(rig.notices().matches("transferred to you").count(), 1);
}

#[test]
fn a_blind_transfer_is_answered_by_35_instead_of_6() {
    let mut rig = Rig::idle();
    rig.agent("4");
    rig.push(PushMessage::Phone(PhoneEvent {
        state: PhoneState::Ring(RingKind::Called),
        caller: Some("13800138000".into()),
        from_agent: true,
        agent_no: Some("8002".into()),
        ..PhoneEvent::default()
    }));
    rig.push(PushMessage::Phone(PhoneEvent {
        state: PhoneState::Transferred,
        caller: Some("13800138000".into()),
        ..PhoneEvent::default()
    }));
    let shown = rig.shown();
    assert_eq!((shown.call.phase, shown.call.direction), (CallPhase::Talking, Some(Direction::In)));
    assert_eq!(shown.call.peer.short(), "13800138000");
    assert!(rig.notices().contains("transferred to you"));
}

#[test]
fn while_the_link_is_down_the_platforms_answers_carry_a_consultation_to_its_end() {
    let mut rig = Rig::talking();
    rig.link(LinkEvent::Closed { code: 1006, reason: String::new() });
    rig.command(consult(agent("8002")));
    rig.reply_to(|r| matches!(r, Request::ConsultAgent { .. }), 0, Value::Null);
    assert!(rig.shown().can(Action::ConsultTransfer), "nobody will say that 8002 has answered");
    rig.command(Command::ThreeWay);
    rig.reply_to(|r| *r == Request::ConsultThreeway, 0, Value::Null);
    assert_eq!(rig.shown().call.phase, CallPhase::ThreeWay);
    rig.command(Command::ThreeWayReturn);
    rig.reply_to(|r| *r == Request::ConsultThreewayReturn, 0, Value::Null);
    assert_eq!(rig.shown().call.phase, CallPhase::Talking);
    // With the link, the platform's word is waited for.
    let mut rig = Rig::talking();
    rig.pho(PhoneState::ConsultOut);
    assert!(!rig.shown().can(Action::ConsultTransfer));
}

#[test]
fn the_consulted_phone_is_heard_ringing_where_the_platform_sends_no_tone() {
    let quiet = || softphone::Event::Media(softphone::MediaEvent::Levels { microphone: -40.0, far_end: -90.0 });
    let ring_back = softphone::Command::Play(Some(softphone::Tone::RingBack));
    let mut rig = Rig::talking();
    rig.phone(quiet());
    assert!(!rig.phone_told(&ring_back), "a customer who says nothing does not ring");
    rig.pho(PhoneState::ConsultOut);
    rig.phone(quiet());
    assert!(rig.phone_told(&ring_back));
    rig.effects.clear();
    rig.pho(PhoneState::ConsultConnected);
    assert!(rig.phone_told(&softphone::Command::Play(None)));
}

#[test]
fn torn_down_is_told_even_if_the_bye_is_faster() {
    let mut rig = Rig::talking();
    rig.phone(softphone::Event::Ended { call_id: "c1".into(), cause: EndCause::RemoteBye });
    for _ in 0..2 {
        rig.push(PushMessage::Phone(PhoneEvent {
            state: PhoneState::TornDown,
            call_id: Some("8f3a".into()),
            ..PhoneEvent::default()
        }));
    }
    assert_eq!(rig.notices().matches("supervisor").count(), 1, "{}", rig.notices());
    assert_eq!(rig.shown().journal[0].hung_up_by, HungUpBy::Supervisor);
}

#[test]
fn torn_down_is_told_once_and_kept_in_the_journal() {
    let mut rig = Rig::talking();
    rig.pho(PhoneState::TornDown);
    rig.later(Duration::from_secs(5));
    rig.pho(PhoneState::TornDown);
    rig.pho(PhoneState::HungUp);
    rig.pho(PhoneState::TornDown);
    assert_eq!(rig.shown().notices.len(), 1, "{}", rig.notices());
    assert_eq!(rig.shown().journal[0].hung_up_by, HungUpBy::Supervisor);
}
