//! What the platform refuses, or never answers: told once, and nothing has changed.

use std::time::Duration;

use serde_json::Value;

use super::rig::Rig;
use crate::{
    app::{Command, RefusalKind, Snapshot, TimerId},
    cti::push::PhoneState,
    domain::{Callee, Destination, RingKind},
};

fn at(states: &[PhoneState]) -> Rig {
    let mut rig = Rig::talking();
    states.iter().for_each(|state| rig.pho(*state));
    rig.effects.clear();
    rig
}

fn spying() -> Rig {
    let mut rig = Rig::idle();
    rig.command(Command::Spy { ag_no: "8003".into() });
    rig.reply(Value::Null);
    rig.agent("4");
    rig.pho(PhoneState::Ring(RingKind::Spy));
    rig.pho(PhoneState::Spying);
    rig.effects.clear();
    rig
}

fn whispering() -> Rig {
    let mut rig = spying();
    rig.command(Command::Whisper { ag_no: None });
    rig.reply(Value::Null);
    rig.effects.clear();
    rig
}

fn held() -> Rig {
    let mut rig = Rig::talking();
    rig.command(Command::Hold);
    rig.reply(Value::Null);
    rig.effects.clear();
    rig
}

/// Every command about a call that asks the platform, and where it is possible.
fn commands() -> Vec<(fn() -> Rig, Command)> {
    let agent = || Callee::Agent("8002".into());
    let number = || Callee::Number("139".into());
    let consult = |callee| Command::Consult { callee, caller_id: None };
    let transfer = |to| Command::Transfer { to, caller_id: None };
    let talking: fn() -> Rig = || at(&[]);
    let consulting: fn() -> Rig = || at(&[PhoneState::ConsultOut, PhoneState::ConsultConnected]);
    vec![
        (Rig::idle, Command::Dial { number: "139".into(), caller_id: None, queue_id: None, user_data: None }),
        (Rig::idle, Command::DialAgent { ag_no: "8002".into(), caller_id: None }),
        (talking, Command::Hold),
        (held, Command::Unhold),
        (talking, consult(agent())),
        (held, consult(agent())),
        (talking, consult(number())),
        (|| at(&[PhoneState::ConsultOut]), Command::ConsultReturn),
        (consulting, Command::ConsultReturn),
        (consulting, Command::ConsultTransfer),
        (consulting, Command::ThreeWay),
        (|| at(&[PhoneState::ThreeWay]), Command::ThreeWayReturn),
        (talking, transfer(Destination::Callee(agent()))),
        (held, transfer(Destination::Callee(number()))),
        (talking, transfer(Destination::Queue { id: 3, vcc_id: None })),
        (talking, transfer(Destination::Ivr { code: "1".into(), node: "2".into(), vcc_id: None })),
        (talking, Command::Evaluate),
        (talking, Command::Interact { ivr_code: "1".into(), ivr_param: None }),
        (Rig::idle, Command::Spy { ag_no: "8003".into() }),
        (spying, Command::Whisper { ag_no: None }),
        (whispering, Command::WhisperCancel),
        (spying, Command::Barge { ag_no: None }),
        (whispering, Command::Barge { ag_no: None }),
        (spying, Command::Disconnect { ag_no: Some("8004".into()) }),
        (Rig::idle, Command::Busy { reason: Some(11) }),
    ]
}

/// Everything shown but the notices and what has the time in it.
fn facts(shown: &Snapshot) -> Snapshot {
    let mut facts = shown.clone();
    facts.notices.clear();
    facts.call.talk_ms = 0;
    facts.call.hold_ms = 0;
    // That the platform answers, or does not, is news of its health.
    facts.health = Default::default();
    facts
}

#[test]
fn every_refusal_is_told_once_and_leaves_everything_as_it_was() {
    for (before, command) in commands() {
        let mut rig = before();
        rig.later(Duration::from_secs(10));
        let (was, told) = (facts(&rig.shown()), rig.shown().notices.len());
        let id = rig.command(command.clone());
        rig.reply_to(|_| true, 40444, Value::Null);
        let outcome = rig.outcome(id);
        assert!(
            matches!(outcome, Some(Err(r)) if r.kind == RefusalKind::Platform && r.platform == Some((40444, "no".into()))),
            "{command:?}: {outcome:?}"
        );
        let shown = rig.shown();
        assert_eq!(facts(&shown), was, "{command:?}");
        assert_eq!(shown.notices.len(), told + 1, "{command:?}: {}", rig.notices());
        assert!(shown.notices.last().is_some_and(|n| n.text.contains("40444") && n.text.contains("no")));
        assert!(rig.hang_ups() == 0, "{command:?}");
    }
}

#[test]
fn a_platform_that_does_not_answer_is_told_once_too() {
    for (before, command) in commands() {
        let mut rig = before();
        rig.later(Duration::from_secs(10));
        let (was, told) = (facts(&rig.shown()), rig.shown().notices.len());
        let id = rig.command(command.clone());
        rig.fail(|_| true);
        assert!(matches!(rig.outcome(id), Some(Err(r)) if r.kind == RefusalKind::Unreachable), "{command:?}");
        assert_eq!(facts(&rig.shown()), was, "{command:?}");
        assert_eq!(rig.shown().notices.len(), told + 1, "{command:?}: {}", rig.notices());

        // Nor does HTTP: the command has a deadline of its own.
        let mut rig = before();
        let id = rig.command(command.clone());
        assert!(rig.outcome(id).is_none(), "{command:?}");
        rig.timer(TimerId::CommandDeadline);
        assert!(matches!(rig.outcome(id), Some(Err(r)) if r.kind == RefusalKind::Unreachable), "{command:?}");
        assert_eq!(facts(&rig.shown()), facts(&before_shown(before, &rig)), "{command:?}");
    }
}

/// What was shown before, with the clock of now.
fn before_shown(before: fn() -> Rig, now: &Rig) -> Snapshot {
    let mut rig = before();
    rig.at = now.at;
    let mut shown = rig.shown();
    let is = now.shown();
    // Two rigs have two starting points of the clock.
    shown.agent.since_at = is.agent.since_at;
    shown.link.since_at = is.link.since_at;
    shown.call.clocks = is.call.clocks;
    shown.call.ring_ms = is.call.ring_ms;
    shown
}
