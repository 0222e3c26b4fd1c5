//! The states an agent can be in when a fault comes.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    rig::{Done, Rig, STEP},
    truth::{Truth, shown_phase},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    SigningIn,
    Idle,
    Busy,
    Ringing,
    Dialing,
    Talking,
    Held,
    Consulting,
    ThreeWay,
    WrapUp,
}

pub const ALL: [Phase; 10] = [
    Phase::SigningIn,
    Phase::Idle,
    Phase::Busy,
    Phase::Ringing,
    Phase::Dialing,
    Phase::Talking,
    Phase::Held,
    Phase::Consulting,
    Phase::ThreeWay,
    Phase::WrapUp,
];

impl Phase {
    pub fn name(self) -> &'static str {
        match self {
            Phase::SigningIn => "signing-in",
            Phase::Idle => "idle",
            Phase::Busy => "busy",
            Phase::Ringing => "ringing",
            Phase::Dialing => "dialing",
            Phase::Talking => "talking",
            Phase::Held => "held",
            Phase::Consulting => "consulting",
            Phase::ThreeWay => "three-way",
            Phase::WrapUp => "wrap-up",
        }
    }

    /// There is a call.
    pub fn has_call(self) -> bool {
        self.is_answered() || matches!(self, Phase::Ringing | Phase::Dialing)
    }

    /// The agent's own leg is up.
    pub fn is_answered(self) -> bool {
        self.speaks() || self == Phase::Held
    }

    /// The agent speaks with somebody.
    pub fn speaks(self) -> bool {
        matches!(self, Phase::Talking | Phase::Consulting | Phase::ThreeWay)
    }
}

/// Signed in, registered and ready.
pub async fn become_idle(rig: &Rig, limit: f64) -> Done {
    let is_in = |s: &Value| !["signed_out", "signing_in"].contains(&s["agent"]["state"].as_str().unwrap_or_default());
    let (status, _) = rig.until("signed in", limit, is_in).await?;
    if status["agent"]["state"] != "idle" {
        // Refused where it is so already.
        rig.ask("Agent.ready", json!({})).await.ok();
    }
    rig.until("idle", limit, |s| s["agent"]["state"] == "idle").await?;
    rig.until("registered", limit, |s| s["sip"]["state"] == "registered").await?;
    Ok(())
}

/// From a started phone bar to the phase.
pub async fn reach(rig: &Rig, phase: Phase) -> Done {
    if phase == Phase::SigningIn {
        return Ok(());
    }
    become_idle(rig, 20.0).await?;
    match phase {
        Phase::SigningIn | Phase::Idle => return Ok(()),
        Phase::Busy => {
            rig.ask("Agent.unready", json!({"reason": 11})).await?;
            rig.until("busy", 5.0, |s| s["agent"]["state"] == "busy").await?;
            return Ok(());
        }
        Phase::Dialing => {
            rig.post("/outbound", json!({"number": "13900139000", "behaviour": "no_answer"})).await?;
            rig.ask("Agent.callOut", json!({"tel": "13900139000"})).await?;
            rig.until_phase("dialing", 5.0).await?;
            return settled(rig, |t| t.phases() == ["far_ringing"]).await;
        }
        Phase::Ringing | Phase::Talking | Phase::Held | Phase::Consulting | Phase::ThreeWay | Phase::WrapUp => {}
    }
    rig.customer_calls(json!({})).await?;
    rig.until_phase("ringing", 6.0).await?;
    if phase == Phase::Ringing {
        return settled(rig, |t| t.phases() == ["ringing"]).await;
    }
    rig.ask("Session.answer", json!({})).await?;
    rig.until_sound(8.0).await?;
    match phase {
        Phase::WrapUp => {
            rig.ask("Session.hangup", json!({})).await?;
            rig.until("wrap-up", 5.0, |s| s["agent"]["state"] == "wrap_up").await?;
            return Ok(());
        }
        Phase::Held => {
            rig.ask("Session.hold", json!({})).await?;
            rig.until_phase("held", 5.0).await?;
        }
        Phase::Consulting | Phase::ThreeWay => {
            let consulted =
                json!({"number": "02164700001", "behaviour": "answer", "after_ms": 200, "audio": "tone:700"});
            rig.post("/outbound", consulted).await?;
            rig.ask("Session.consultTel", json!({"consultTel": "02164700001"})).await?;
            rig.until_phase("consulting", 5.0).await?;
            if phase == Phase::ThreeWay {
                rig.ask("Session.consultThreeway", json!({})).await?;
                rig.until_phase("three_way", 5.0).await?;
            }
        }
        Phase::SigningIn | Phase::Idle | Phase::Busy | Phase::Ringing | Phase::Dialing | Phase::Talking => {}
    }
    // Some steady sound before the fault, to tell a gap from a beginning.
    sleep(Duration::from_millis(500)).await;
    Ok(())
}

async fn settled(rig: &Rig, wanted: impl Fn(&Truth) -> bool) -> Done {
    for _ in 0..100 {
        if wanted(&rig.truth().await?) {
            return Ok(());
        }
        sleep(STEP).await;
    }
    Err("the platform does not get there".into())
}

/// What differs between what is shown and what the platform has; nothing is good.
pub fn differences(status: &Value, truth: &Truth) -> Option<String> {
    let shown = status["agent"]["state"].as_str().unwrap_or_default();
    let state = truth.state();
    let wanted = match state {
        None => "signed_out",
        Some(0 | 1 | 3) => "idle",
        Some(2) => "busy",
        Some(4) => "occupied",
        Some(5) => "wrap_up",
        Some(_) => "?",
    };
    let phase = shown_phase(status);
    // Ringing or dialling, the platform already counts the agent as occupied.
    let early = state == Some(4) && phase != "none" && ["occupied", "idle", "busy"].contains(&shown);
    if shown != wanted && !early {
        return Some(format!("agent shown {shown}, platform {wanted}"));
    }
    call_differs(status, truth)
}

/// The same for the call alone.
pub fn call_differs(status: &Value, truth: &Truth) -> Option<String> {
    let phase = shown_phase(status);
    let there: Vec<String> = truth.phases().iter().filter_map(|word| as_shown(word).map(str::to_owned)).collect();
    let same = if phase == "none" { there.is_empty() } else { there.iter().any(|word| word == phase) };
    (!same).then(|| format!("call shown {phase}, platform {there:?}"))
}

/// The platform's word for a call as the agent sees it; nothing for one that is not at the agent.
fn as_shown(word: &str) -> Option<&str> {
    match word {
        "own_leg" | "reaching" | "far_ringing" => Some("dialing"),
        "interacting" => Some("talking"),
        "queued" | "transferring" | "transferred" | "ivr" | "evaluating" => None,
        other => Some(other),
    }
}
