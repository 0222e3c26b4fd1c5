//! Every pushed message (protocol `cti.md` 4.2), as it travels: in right and wrong types, once and twice.

use serde_json::{Map, Value, json};

use super::rig::Rig;
use crate::{
    app::Snapshot,
    cti::{link::LinkEvent, push::parse},
    domain::{
        AgentState::{self, Busy, Idle, Occupied, SignedOut, WrapUp},
        CallPhase::{self, Barging, ConsultOut, Consulting, Dialing, Held, Ringing, Spying, Talking, ThreeWay},
    },
};

/// A frame as it travels.
fn hear(rig: &mut Rig, frame: &Value) {
    let push = parse(&frame.to_string()).unwrap();
    rig.link(LinkEvent::Push(Box::new(push)));
}

/// The same frame with numbers as strings, and numeric strings as numbers.
fn swapped(frame: &Value) -> Value {
    let swap = |value: &Value| match value {
        Value::Number(number) => Value::String(number.to_string()),
        Value::String(text) => text.parse::<i64>().map_or_else(|_| value.clone(), Value::from),
        other => other.clone(),
    };
    let fields: Map<String, Value> = frame.as_object().unwrap().iter().map(|(k, v)| (k.clone(), swap(v))).collect();
    Value::Object(fields)
}

fn phone(pho_sta: i64) -> Value {
    json!({ "MT": 3, "PhoSta": pho_sta })
}

/// Occupied, and brought to a phase by the platform's words alone.
fn at(words: &[i64]) -> Rig {
    let mut rig = Rig::idle();
    rig.agent("4");
    for word in words {
        hear(&mut rig, &phone(*word));
    }
    rig
}

struct Row {
    before: &'static [i64],
    frame: Value,
    call: CallPhase,
    agent: AgentState,
}

fn row(before: &'static [i64], frame: Value, call: CallPhase, agent: AgentState) -> Row {
    Row { before, frame, call, agent }
}

/// Protocol `cti.md` 4.2 and 5.2, row by row: what was before, the message, what is then.
fn rows() -> Vec<Row> {
    let ring = |kind: i64| json!({ "MT": 3, "PhoSta": 5, "RingType": kind, "Caller": "139", "OAgId": 0, "QueId": 2 });
    let state = |state: &str| json!({ "MT": 4, "State": state });
    vec![
        row(&[6], phone(0), CallPhase::Ended, Occupied),
        row(&[], json!({ "MT": 3, "PhoSta": 4, "Called": "139" }), Dialing, Occupied),
        row(&[], ring(0), Ringing, Occupied),
        row(&[], ring(1), Ringing, Occupied),
        row(&[], ring(2), Dialing, Occupied),
        row(&[4], ring(2), Dialing, Occupied),
        row(&[], ring(3), Dialing, Occupied),
        row(&[], ring(4), Ringing, Occupied),
        row(&[], ring(5), Ringing, Occupied),
        row(&[4], phone(6), Talking, Occupied),
        row(&[4], phone(10), Dialing, Occupied),
        row(&[4, 10], phone(55), Dialing, Occupied),
        row(&[6], phone(21), ConsultOut, Occupied),
        row(&[6], phone(22), Consulting, Occupied),
        row(&[6, 21], phone(22), Consulting, Occupied),
        row(&[6, 21, 22], phone(23), Talking, Occupied),
        row(&[6, 21], phone(23), Talking, Occupied),
        row(&[6, 21], phone(24), Talking, Occupied),
        row(&[6], phone(24), Talking, Occupied),
        row(&[6, 21, 22], phone(25), ThreeWay, Occupied),
        row(&[6, 22, 25], phone(26), Talking, Occupied),
        row(&[], phone(31), Spying, Occupied),
        row(&[31], phone(32), Barging, Occupied),
        row(&[], phone(32), Barging, Occupied),
        row(&[6], phone(33), Talking, Occupied),
        row(&[6], phone(34), Talking, Occupied),
        row(&[31], phone(34), Talking, Occupied),
        row(&[4], phone(35), Talking, Occupied),
        row(&[6], phone(36), Talking, Occupied),
        // Out of order: overtaken words change nothing.
        row(&[6, 22], phone(21), Consulting, Occupied),
        row(&[6, 22, 25], phone(22), ThreeWay, Occupied),
        row(&[6, 22, 25], phone(6), ThreeWay, Occupied),
        row(&[6, 21], phone(6), ConsultOut, Occupied),
        row(&[32], phone(31), Barging, Occupied),
        row(&[], state("0"), CallPhase::None, SignedOut),
        row(&[6], state("1"), CallPhase::None, Idle),
        row(&[21], json!({ "MT": 4, "State": "2", "Reason": "11" }), CallPhase::None, Busy),
        row(&[25], state("3"), CallPhase::None, Idle),
        row(&[6], state("4"), Talking, Occupied),
        row(&[32], json!({ "MT": 4, "State": "5", "WaitTime": 10 }), CallPhase::None, WrapUp),
        row(&[], state("11"), CallPhase::None, Idle),
        row(&[], state("12"), CallPhase::None, Busy),
        row(&[6], state("13"), Talking, Occupied),
        row(&[6], json!({ "MT": 4 }), Talking, Occupied),
        row(&[], json!({ "MT": 6, "AgSta": 1 }), CallPhase::None, Idle),
        row(&[], json!({ "MT": 6, "AgSta": 2, "AgStaParam": 11 }), CallPhase::None, Busy),
        row(&[6], json!({ "MT": 6, "AgSta": 4, "PhoSta": 22 }), Consulting, Occupied),
        row(&[], json!({ "MT": 6, "AgSta": 5, "AgStaParam": 10 }), CallPhase::None, WrapUp),
        row(&[6], json!({ "MT": 7, "IvrResult": "12" }), Talking, Occupied),
        row(&[6], json!({ "MT": 8, "Param": 1 }), Talking, Occupied),
        row(&[6], json!({ "MT": 8, "Param": 2 }), Talking, Occupied),
        row(&[], json!({ "MT": 10, "Code": 4 }), CallPhase::None, SignedOut),
        row(&[], json!({ "MT": 10, "Code": 5 }), CallPhase::None, Idle),
        row(&[], json!({ "MT": 10, "Code": 6 }), CallPhase::None, Busy),
        row(&[], json!({ "MT": 10, "Code": 10 }), CallPhase::None, AgentState::SigningIn),
        row(&[6], json!({ "MT": 0 }), Talking, Occupied),
        // What is not in the table changes nothing.
        row(&[6], phone(7), Talking, Occupied),
        row(&[6], json!({ "MT": 3, "PhoSta": 5, "RingType": 7 }), Talking, Occupied),
        row(&[6], json!({ "MT": 3 }), Talking, Occupied),
        row(&[6], json!({ "MT": 5 }), Talking, Occupied),
        row(&[6], json!({ "MT": 10, "Code": 100 }), Talking, Occupied),
    ]
}

fn facts(shown: &Snapshot) -> (CallPhase, AgentState, usize, usize, usize) {
    let live = usize::from(shown.call.phase.is_live());
    (shown.call.phase, shown.agent.state, shown.notices.len(), shown.journal.len(), live)
}

#[test]
fn every_row_means_what_the_protocol_says_in_either_type_and_is_heard_twice_as_once() {
    for Row { before, frame, call, agent } in rows() {
        let mut rig = at(before);
        hear(&mut rig, &frame);
        let shown = rig.shown();
        assert_eq!((shown.call.phase, shown.agent.state), (call, agent), "{before:?} then {frame}");
        let once = facts(&shown);
        hear(&mut rig, &frame);
        assert_eq!(facts(&rig.shown()), once, "{before:?} then {frame} twice");

        let mut rig = at(before);
        hear(&mut rig, &swapped(&frame));
        assert_eq!(facts(&rig.shown()), once, "{before:?} then {} with the types swapped", swapped(&frame));
        hear(&mut rig, &frame);
        assert_eq!(facts(&rig.shown()), once, "{before:?} then {frame} in both types");
    }
}

#[test]
fn a_hold_is_lifted_by_what_moves_the_call_and_by_nothing_else() {
    for (frame, phase) in [
        (phone(6), Held),
        (phone(10), Held),
        (phone(55), Held),
        (phone(23), Held),
        (phone(24), Held),
        (phone(26), Held),
        (phone(33), Held),
        (json!({ "MT": 4, "State": "4" }), Held),
        (phone(21), ConsultOut),
        (phone(25), ThreeWay),
        (phone(0), CallPhase::Ended),
    ] {
        let mut rig = Rig::talking();
        rig.command(crate::app::Command::Hold);
        rig.reply(Value::Null);
        hear(&mut rig, &frame);
        assert_eq!(rig.shown().call.phase, phase, "{frame}");
    }
}

#[test]
fn a_hang_up_that_came_too_quickly_carries_the_sdks_mark() {
    let quick = |ring: i64, wait_ms: u64| {
        let mut rig = Rig::idle();
        hear(&mut rig, &json!({ "MT": 3, "PhoSta": 5, "RingType": ring, "Called": "139" }));
        rig.later(std::time::Duration::from_millis(wait_ms));
        hear(&mut rig, &json!({ "MT": 3, "PhoSta": 0, "CallID": "x" }));
        let data = rig.effects.iter().rev().find_map(|effect| match effect {
            crate::app::Effect::Publish(event) if event.name == "phoneHangup" => Some(event.data.clone()),
            _ => None,
        });
        data.unwrap()
    };
    // Protocol `cti.md` 1 and 4.2: within 1500 ms after phoneRingOutbound.
    assert_eq!(quick(2, 1400), json!({ "MT": 3, "PhoSta": 0, "CallID": "x", "hangupQuick": true }));
    assert_eq!(quick(2, 1600), json!({ "MT": 3, "PhoSta": 0, "CallID": "x" }));
    assert_eq!(quick(1, 100), json!({ "MT": 3, "PhoSta": 0, "CallID": "x" }));
}
