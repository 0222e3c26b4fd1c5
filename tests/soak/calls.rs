//! The calls of the row: one of each kind, and those with a fault in them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    phases::{become_idle, differences},
    rig::{Done, Rig, STEP},
    truth::{Truth, brief, shown_phase},
};

/// Everything happens within this, s; each of them within a small part of it on a machine that keeps up.
const LIMIT: f64 = 10.0;
/// After a fault, s.
const RECOVERY: f64 = 20.0;
/// Who is called, and who is consulted.
const CALLED: &str = "13900139001";
const CONSULTED: &str = "02164700001";

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A customer calls, the agent hangs up.
    In,
    /// The agent calls.
    Out,
    /// A customer calls and is put on hold.
    Hold,
    /// A customer calls, somebody is consulted.
    Consult,
    /// A customer calls and is refused.
    Refuse,
    /// A customer calls and hangs up.
    CustomerEnds,
}

pub const KINDS: [Kind; 6] = [Kind::In, Kind::Out, Kind::Hold, Kind::Consult, Kind::Refuse, Kind::CustomerEnds];

/// Makes one call from an idle agent to an idle agent; `heard`: both ends must hear each other.
pub async fn make(rig: &Rig, kind: Kind, heard: bool) -> Done {
    match kind {
        Kind::Out => {
            let answers = json!({"number": CALLED, "behaviour": "answer", "after_ms": 20, "audio": "tone:440"});
            rig.post("/outbound", answers).await?;
            rig.ask("Agent.callOut", json!({"tel": CALLED})).await?;
            speak(rig, heard).await?;
        }
        Kind::Refuse => {
            rig.customer_calls(json!({})).await?;
            rig.until_phase("ringing", LIMIT).await?;
            rig.ask("Session.refuse", json!({})).await?;
            return over(rig).await;
        }
        Kind::In | Kind::Hold | Kind::Consult | Kind::CustomerEnds => take(rig, heard).await?,
    }
    match kind {
        Kind::Hold => {
            rig.ask("Session.hold", json!({})).await?;
            rig.until_phase("held", LIMIT).await?;
            rig.ask("Session.unhold", json!({})).await?;
            rig.until_phase("talking", LIMIT).await?;
        }
        Kind::Consult => {
            let answers = json!({"number": CONSULTED, "behaviour": "answer", "after_ms": 20, "audio": "tone:700"});
            rig.post("/outbound", answers).await?;
            rig.ask("Session.consultTel", json!({"consultTel": CONSULTED})).await?;
            rig.until_phase("consulting", LIMIT).await?;
            rig.ask("Session.consultReturn", json!({})).await?;
            rig.until_phase("talking", LIMIT).await?;
        }
        Kind::In | Kind::Out | Kind::Refuse | Kind::CustomerEnds => {}
    }
    if matches!(kind, Kind::CustomerEnds) {
        customers_hang_up(rig).await?;
    } else {
        rig.ask("Session.hangup", json!({})).await?;
    }
    over(rig).await
}

/// A customer's call, to the first sound.
async fn take(rig: &Rig, heard: bool) -> Done {
    rig.customer_calls(json!({})).await?;
    rig.until_phase("ringing", LIMIT).await?;
    rig.ask("Session.answer", json!({})).await?;
    speak(rig, heard).await
}

async fn speak(rig: &Rig, heard: bool) -> Done {
    let sounds = |s: &Value| {
        let packets = s["media"]["packets_received"].as_u64();
        s["call"]["phase"] == "talking" && s["media"]["state"] == "up" && packets > Some(5)
    };
    rig.until("talking, with sound", LIMIT, sounds).await?;
    if heard {
        rig.until_sound(LIMIT).await?;
    }
    Ok(())
}

async fn customers_hang_up(rig: &Rig) -> Done {
    for call in rig.truth().await?.calls {
        let path = format!("/calls/{}", call["call_id"].as_str().unwrap_or_default());
        rig.admin(reqwest::Method::DELETE, &path, Value::Null).await?;
    }
    Ok(())
}

/// No call on either side, and the agent ready for the next.
async fn over(rig: &Rig) -> Done {
    rig.until("the call is over", LIMIT, |s| shown_phase(s) == "none").await?;
    // A refused customer may be looking for somebody else.
    customers_hang_up(rig).await?;
    become_idle(rig, LIMIT).await
}

/// Faults in turn.
pub struct Faults(usize);

impl Faults {
    pub fn from(first: usize) -> Self {
        Self(first * 3)
    }

    /// A call in which the next fault strikes, hung up while it lasts; how many calls that made.
    pub async fn strike(&mut self, rig: &Rig) -> Done<usize> {
        let faults = [
            ("drop_ws", json!(true), 300),
            ("late_words", Value::Null, 0),
            ("http_status", json!(500), 400),
            ("drop_sip", json!(true), 300),
            ("garbage_frame", Value::Null, 0),
            ("stall_ws", json!(true), 600),
            ("rtp_loss_pct", json!(30), 400),
            ("close_code", json!(1001), 0),
            ("http_delay_ms", json!(1500), 500),
            ("stall_sip", json!(true), 500),
            ("http_garbage", json!(true), 400),
            ("rtp_blackhole", json!(true), 400),
        ];
        self.0 += 1;
        let (fault, value, for_ms) = faults[self.0 % faults.len()].clone();
        let made = async {
            take(rig, false).await?;
            if fault == "late_words" {
                return late_words(rig).await.map(|()| 2);
            }
            rig.fault(fault, &value, for_ms).await?;
            let over = Instant::now() + Duration::from_millis(for_ms);
            sleep(Duration::from_millis(60)).await;
            // What the platform answers does not matter.
            rig.ask("Session.hangup", json!({})).await.ok();
            sleep(over.saturating_duration_since(Instant::now())).await;
            recovered(rig).await.map(|()| 1)
        };
        made.await.map_err(|error: String| format!("{fault}: {error}"))
    }
}

/// The event link says nothing while a call is hung up and the next one answered; what it says afterwards about the
/// first must not touch the second.
async fn late_words(rig: &Rig) -> Done {
    rig.fault("stall_ws", &json!(true), 1200).await?;
    rig.ask("Session.hangup", json!({})).await.ok();
    for _ in 0..100 {
        if rig.truth().await?.state() == Some(1) {
            break;
        }
        sleep(STEP).await;
    }
    take(rig, false).await?;
    // Until the link has caught up, and longer than a leg without a call is left alone.
    sleep(Duration::from_millis(1200)).await;
    let calls = |truth: Truth| truth.phases();
    for _ in 0..60 {
        if calls(rig.truth().await?) != ["talking"] || rig.status().await?["call"]["phase"] != "talking" {
            return Err(format!("the second call was cut: {}", brief(&rig.status().await?)));
        }
        sleep(STEP).await;
    }
    rig.ask("Session.hangup", json!({})).await?;
    recovered(rig).await
}

/// Everything is up, agrees and is ready again.
async fn recovered(rig: &Rig) -> Done {
    let begun = Instant::now();
    loop {
        let (status, truth) = (rig.status().await?, rig.truth().await?);
        let up = status["link"]["state"] == "up" && status["sip"]["state"] == "registered";
        let wrong = differences(&status, &truth);
        if up && wrong.is_none() && truth.reaches() == (true, true) && truth.calls.is_empty() {
            return over(rig).await;
        }
        if begun.elapsed().as_secs_f64() > RECOVERY {
            return Err(format!("after {RECOVERY} s: {wrong:?} ({}; platform: {})", brief(&status), truth.brief()));
        }
        sleep(STEP).await;
    }
}
