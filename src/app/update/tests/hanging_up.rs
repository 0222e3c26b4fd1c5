//! Refusing and cancelling: the platform's own words for it first, the plain way where it refuses those.

use serde_json::Value;

use super::rig::Rig;
use crate::{
    app::{Action, Command, Effect, RefusalKind, TimerId},
    cti::{
        api::Request,
        push::{PhoneEvent, PhoneState, PushMessage},
    },
    domain::{CallPhase, Callee, Destination, Outcome, RingKind},
    softphone::{self, EndCause},
};

/// What is before, what is asked, and the platform's own word for it.
type Story = (fn() -> Rig, Command, Request);

fn local_end(rig: &mut Rig) {
    rig.phone(softphone::Event::Ended { call_id: "c1".into(), cause: EndCause::Local });
}

#[test]
fn hung_up_while_nothing_gets_through_the_agent_is_told_at_once() {
    let mut rig = Rig::talking();
    rig.link(crate::cti::link::LinkEvent::Closed { code: 1006, reason: String::new() });
    rig.command(Command::HangUp);
    assert!(!rig.notices().contains("hung up on this side"), "BYE may get through");
    let mut rig = Rig::talking();
    rig.link(crate::cti::link::LinkEvent::Closed { code: 1006, reason: String::new() });
    let (error, retry_in) = (softphone::SipError::Timeout, Some(std::time::Duration::from_secs(1)));
    rig.phone(softphone::Event::RegistrationFailed { error, retry_in });
    let id = rig.command(Command::HangUp);
    assert!(rig.notices().contains("the platform cannot be reached; hung up on this side"), "{}", rig.notices());
    local_end(&mut rig);
    assert!(!rig.shown().call.phase.is_live() && rig.outcome(id).is_some_and(|outcome| outcome.is_ok()));
}

/// A customer's ring of this name; all of them are the same one, who calls again.
fn rings(rig: &mut Rig, name: &str) {
    rig.agent("4");
    rig.push(PushMessage::Phone(PhoneEvent {
        state: PhoneState::Ring(RingKind::Queue),
        caller: Some("13800138000".into()),
        call_id: Some(name.into()),
        ..PhoneEvent::default()
    }));
}

fn hung_up(rig: &mut Rig, name: &str) {
    let event = PhoneEvent { state: PhoneState::HungUp, call_id: Some(name.into()), ..PhoneEvent::default() };
    rig.push(PushMessage::Phone(event));
    rig.agent("1");
}

#[test]
fn a_customer_who_was_refused_before_the_leg_came_rings_again_and_keeps_the_ring_when_that_leg_goes() {
    let refused = || {
        let mut rig = Rig::idle();
        rings(&mut rig, "a");
        rig.command(Command::Reject);
        rig.reply_to(|r| *r == Request::Refuse, 0, Value::Null);
        hung_up(&mut rig, "a");
        rig.phone(softphone::Event::Incoming { call_id: "c1".into(), from: "13800138000".into(), auto_answer: false });
        rings(&mut rig, "b");
        rig.phone(softphone::Event::Ended { call_id: "c1".into(), cause: EndCause::Cancelled });
        rig
    };
    let mut rig = refused();
    assert_eq!(rig.shown().call.phase, CallPhase::Ringing, "{}", rig.notices());
    rig.phone(softphone::Event::Incoming { call_id: "c2".into(), from: "13800138000".into(), auto_answer: false });
    assert!(rig.shown().can(Action::Answer) && rig.has_leg("c2"));
    let outcomes: Vec<_> = rig.shown().journal.iter().map(|line| line.outcome).collect();
    assert_eq!(outcomes, [Outcome::Rejected], "the ring that goes on has missed nobody");
    // It was the end of that call after all, which the platform says.
    let mut rig = refused();
    hung_up(&mut rig, "b");
    let shown = rig.shown();
    assert_eq!((shown.call.phase.is_live(), shown.journal[0].outcome), (false, Outcome::Missed));
}

#[test]
fn a_sign_out_in_a_call_ends_it_at_once_however_slow_the_platform_is() {
    let mut rig = Rig::talking();
    let id = rig.command(Command::SignOut);
    assert!(rig.phone_told(&softphone::Command::HangUp { call_id: "c1".into() }), "nobody hears the agent any more");
    assert!(rig.sent(|r| *r == Request::HangUp).is_some() && rig.sent(|r| *r == Request::Logout).is_some());
    local_end(&mut rig);
    rig.reply_to(|r| *r == Request::Logout, 0, Value::Null);
    assert!(rig.outcome(id).is_some_and(|outcome| outcome.is_ok()));
    let entry = rig.shown().journal[0].clone();
    assert_eq!((entry.outcome, entry.hung_up_by), (Outcome::Answered, crate::domain::HungUpBy::Agent));
}

#[test]
fn what_was_refused_within_a_call_is_not_told_any_more_after_it() {
    let mut rig = Rig::talking();
    rig.command(Command::Hold);
    rig.reply_to(|request| *request == Request::Hold, 40404, Value::Null);
    let fresh = |rig: &Rig| rig.shown().notices.iter().filter(|notice| !notice.dismissed).count();
    assert_eq!(fresh(&rig), 1);
    rig.later(std::time::Duration::from_secs(1));
    rig.pho(PhoneState::HungUp);
    assert_eq!(fresh(&rig), 0, "{}", rig.notices());
}

/// A call out whose far end rings; with or without a leg here.
fn dialling(leg: bool) -> Rig {
    let mut rig = Rig::idle();
    rig.command(Command::Dial { number: "139".into(), caller_id: None, queue_id: None, user_data: None });
    rig.reply(Value::Null);
    rig.agent("4");
    rig.push(PushMessage::Phone(PhoneEvent {
        state: PhoneState::CallOut,
        called: Some("139".into()),
        ..PhoneEvent::default()
    }));
    if leg {
        rig.phone(softphone::Event::Incoming { call_id: "c1".into(), from: "139".into(), auto_answer: true });
        rig.phone(softphone::Event::Answered { call_id: "c1".into() });
    }
    rig.effects.clear();
    rig
}

/// A customer rings, on a telephone of the desk's own.
fn ringing_elsewhere() -> Rig {
    let mut rig = Rig::idle();
    rig.agent("4");
    rig.pho(PhoneState::Ring(RingKind::Queue));
    rig.effects.clear();
    rig
}

fn requests(rig: &Rig) -> Vec<Request> {
    rig.effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Request { request, .. } => Some(request.clone()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_slow_platform_does_not_keep_a_ringing_leg() {
    let mut rig = Rig::ringing();
    rig.command(Command::Reject);
    assert_eq!(rig.hang_ups(), 0, "the platform's own way is tried first");
    rig.timer(TimerId::StrayCall);
    assert_eq!(rig.hang_ups(), 1);
}

/// The platform's commands are slow, so the leg was ended without waiting; the next customer rings before the order to
/// hang up has got there. Carried out then, it would end the new call: it does not name one.
#[test]
fn an_order_to_hang_up_does_not_meet_the_next_call() {
    let mut rig = Rig::talking();
    let id = rig.command(Command::HangUp);
    let Some(Effect::Request { id: request, .. }) =
        rig.effects.iter().find(|e| matches!(e, Effect::Request { request: Request::HangUp, .. })).cloned()
    else {
        panic!("it is asked to hang up")
    };
    local_end(&mut rig);
    rig.agent("1");
    let abandoned = |rig: &Rig| rig.count(|e| matches!(e, Effect::Abandon(id) if *id == request));
    assert_eq!(abandoned(&rig), 0, "nothing stands in its way yet");
    rig.phone(softphone::Event::Incoming { call_id: "c2".into(), from: "139".into(), auto_answer: false });
    assert_eq!(abandoned(&rig), 1);
    assert!(rig.outcome(id).is_some_and(|outcome| outcome.is_ok()));
    assert_eq!(rig.shown().call.phase, CallPhase::Ringing);
    // On time, it has nothing to be abandoned for.
    let mut rig = Rig::talking();
    rig.command(Command::HangUp);
    rig.reply_to(|r| *r == Request::HangUp, 0, Value::Null);
    local_end(&mut rig);
    rig.agent("1");
    rig.phone(softphone::Event::Incoming { call_id: "c2".into(), from: "139".into(), auto_answer: false });
    assert_eq!(rig.count(|e| matches!(e, Effect::Abandon(_))), 0);
}

#[test]
fn a_call_is_refused_in_the_platforms_words_and_the_leg_with_it() {
    // Accepted, refused, unanswered: the leg is refused in any case.
    for answer in 0..3 {
        let mut rig = Rig::ringing();
        rig.effects.clear();
        let id = rig.command(Command::Reject);
        match answer {
            0 => rig.reply_to(|r| *r == Request::Refuse, 0, Value::Null),
            1 => rig.reply_to(|r| *r == Request::Refuse, 40404, Value::Null),
            _ => rig.fail(|r| *r == Request::Refuse),
        }
        assert!(rig.hang_ups() > 0, "answer {answer}");
        assert!(rig.outcome(id).is_some_and(|outcome| outcome.is_ok()), "answer {answer}");
        assert_eq!(requests(&rig), [Request::Refuse]);
        local_end(&mut rig);
        assert_eq!(rig.shown().journal[0].outcome, Outcome::Rejected);
    }
}

#[test]
fn a_call_out_is_cancelled_in_the_platforms_words() {
    for leg in [true, false] {
        let mut rig = dialling(leg);
        let id = rig.command(Command::CancelDial);
        rig.reply_to(|r| *r == Request::CallOutCancel, 0, Value::Null);
        assert!(rig.outcome(id).is_some_and(|outcome| outcome.is_ok()));
        assert_eq!(rig.hang_ups() > 0, leg);
        rig.pho(PhoneState::HungUp);
        assert_eq!(rig.shown().journal[0].outcome, Outcome::Cancelled);
        assert_eq!(requests(&rig), [Request::CallOutCancel]);
    }
}

#[test]
fn what_the_platform_will_not_refuse_or_cancel_is_hung_up() {
    let stories: [Story; 2] = [
        (ringing_elsewhere, Command::Reject, Request::Refuse),
        (|| dialling(false), Command::CancelDial, Request::CallOutCancel),
    ];
    for (before, command, own) in stories {
        let mut rig = before();
        let id = rig.command(command.clone());
        rig.reply_to(|r| *r == own, 40404, Value::Null);
        assert!(rig.outcome(id).is_none(), "it goes on");
        assert_eq!(requests(&rig), [own.clone(), Request::HangUp]);
        rig.reply_to(|r| *r == Request::HangUp, 0, Value::Null);
        assert!(rig.outcome(id).is_some_and(|outcome| outcome.is_ok()));
        assert_eq!(rig.notices(), "");

        // Nor that: the platform knows no call, so there is none.
        let mut rig = before();
        let id = rig.command(command.clone());
        rig.reply_to(|r| *r == own, 40404, Value::Null);
        rig.reply_to(|r| *r == Request::HangUp, 40404, Value::Null);
        assert!(!rig.shown().call.phase.is_live());
        assert!(rig.outcome(id).is_some_and(|outcome| outcome.is_ok()));

        // No answer: said, and the call stays to be tried again.
        let mut rig = before();
        let id = rig.command(command);
        rig.fail(|r| *r == own);
        assert!(matches!(rig.outcome(id), Some(Err(r)) if r.kind == RefusalKind::Unreachable));
        assert!(rig.shown().can(Action::HangUp));
        assert_eq!(rig.shown().notices.len(), 1);
    }
}

#[test]
fn only_a_call_that_is_being_placed_can_be_cancelled() {
    assert!(dialling(true).shown().can(Action::CancelDial));
    for mut rig in [Rig::idle(), Rig::ringing(), Rig::talking()] {
        let id = rig.command(Command::CancelDial);
        assert!(matches!(rig.outcome(id), Some(Err(r)) if r.kind == RefusalKind::NotNow));
    }
    let mut rig = dialling(true);
    rig.pho(PhoneState::Connected);
    assert_eq!(rig.shown().call.phase, CallPhase::Talking);
    assert!(!rig.shown().can(Action::CancelDial) && rig.shown().can(Action::HangUp));
}

#[test]
fn a_leg_that_comes_after_the_call_out_was_cancelled_is_ended() {
    let mut rig = dialling(false);
    rig.command(Command::CancelDial);
    rig.reply_to(|r| *r == Request::CallOutCancel, 0, Value::Null);
    rig.phone(softphone::Event::Incoming { call_id: "c1".into(), from: "139".into(), auto_answer: true });
    assert!(rig.hang_ups() > 0);
}

/// A customer rings, and the leg is still on its way.
fn ringing_without_leg() -> Rig {
    let mut rig = Rig::idle();
    rig.agent("4");
    rig.pho(PhoneState::Ring(RingKind::Queue));
    rig.effects.clear();
    rig
}

#[test]
fn a_call_that_was_refused_is_not_answered_when_its_leg_comes() {
    for pressed in [false, true] {
        let mut rig = ringing_without_leg();
        rig.command(Command::SetAutoAnswer { on: true });
        let answer = pressed.then(|| rig.command(Command::Answer));
        rig.command(Command::Reject);
        if let Some(answer) = answer {
            assert!(rig.outcome(answer).is_some_and(|outcome| outcome.is_err()), "the newer key counts");
        }
        rig.phone(softphone::Event::Incoming { call_id: "c1".into(), from: "139".into(), auto_answer: false });
        assert_eq!((rig.answers(), rig.hang_ups()), (0, 0), "the platform's own way is tried first");
        rig.timer(TimerId::StrayCall);
        assert_eq!((rig.answers(), rig.hang_ups()), (0, 1), "but not for ever");
        local_end(&mut rig);
        assert_eq!(rig.shown().journal[0].outcome, Outcome::Rejected);
    }
}

#[test]
fn a_call_that_is_refused_while_it_is_being_answered_opens_no_microphone() {
    let mut rig = Rig::ringing();
    let answer = rig.command(Command::Answer);
    rig.command(Command::Reject);
    assert_eq!((rig.answers(), rig.hang_ups()), (1, 1));
    assert!(rig.outcome(answer).is_some_and(|outcome| outcome.is_err()));
    // The answer was faster than the end.
    rig.phone(softphone::Event::Answered { call_id: "c1".into() });
    assert_eq!(rig.releases(), 1);
    assert_eq!(rig.shown().call.phase, CallPhase::Ringing);
    local_end(&mut rig);
    assert_eq!(rig.shown().journal[0].outcome, Outcome::Rejected);
}

/// Orders do not name a call, so those of the last one must not meet the next customer.
#[test]
fn an_order_about_the_last_call_does_not_meet_the_next_one() {
    let number = || Callee::Number("139".into());
    let orders = [
        (Command::Hold, Action::Hold),
        (Command::Consult { callee: number(), caller_id: None }, Action::Consult),
        (Command::Transfer { to: Destination::Callee(number()), caller_id: None }, Action::Transfer),
        (Command::Evaluate, Action::Evaluate),
        (Command::Interact { ivr_code: "1".into(), ivr_param: None }, Action::Interact),
        (Command::SendDtmf { digits: "12".into() }, Action::SendDtmf),
    ];
    for (command, action) in orders {
        let mut rig = Rig::talking();
        let id = rig.command(command);
        let request = rig.sent(|_| true).expect("it is asked");
        rig.phone(softphone::Event::Ended { call_id: "c1".into(), cause: EndCause::RemoteBye });
        rig.phone(softphone::Event::Incoming { call_id: "c2".into(), from: "137".into(), auto_answer: false });
        assert_eq!(rig.count(|e| matches!(e, Effect::Abandon(id) if *id == request)), 1, "{action:?}");
        assert!(rig.outcome(id).is_some(), "{action:?} is answered");
        assert!(!rig.state.pending.commands.contains_key(&action), "{action:?}");
        rig.command(Command::Answer);
        rig.phone(softphone::Event::Answered { call_id: "c2".into() });
        rig.effects.clear();
        rig.command(Command::SendDtmf { digits: "3".into() });
        assert_eq!(requests(&rig), [Request::SendDtmf { digits: "3".into() }], "{action:?}");
    }
}

#[test]
fn a_late_cancelling_does_not_meet_the_call_that_is_dialled_next() {
    let dial = || Command::Dial { number: "137".into(), caller_id: None, queue_id: None, user_data: None };
    let dial_agent = || Command::DialAgent { ag_no: "8002".into(), caller_id: None };
    for next in [
        dial(),
        dial_agent(),
        Command::Spy { ag_no: "8002".into() },
        Command::TakeFromQueue { fields: serde_json::Map::new() },
    ] {
        let mut rig = dialling(true);
        rig.command(Command::CancelDial);
        let request = rig.sent(|r| *r == Request::CallOutCancel).expect("it is cancelled");
        local_end(&mut rig);
        rig.agent("1");
        assert_eq!(rig.count(|e| matches!(e, Effect::Abandon(_))), 0, "nothing stands in its way yet");
        rig.command(next);
        let place = |fits: &dyn Fn(&Effect) -> bool| rig.effects.iter().rposition(fits);
        let abandoned = place(&|e| matches!(e, Effect::Abandon(id) if *id == request));
        let asked = place(&|e| matches!(e, Effect::Request { .. }));
        assert!(abandoned.is_some() && abandoned < asked, "before the next one is asked for");
    }
}
