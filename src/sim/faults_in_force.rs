//! The faults in force, and orders for new ones.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    delays::{Delays, Drawn, Kind},
    fault::{Fault, Way},
    switch::RtpFaults,
};
use crate::net::netem::Jitter;

/// A fault in force.
#[derive(Clone, Debug)]
pub(super) struct InForce {
    pub(super) id: u64,
    pub(super) fault: Fault,
    pub(super) value: Value,
    pub(super) agent: Option<String>,
    pub(super) ways: &'static [Way],
    /// For late pushes: what has been drawn.
    pub(super) drawn: Drawn,
}

/// The faults in force, newest last.
#[derive(Default)]
pub struct Faults(pub(super) Vec<InForce>);

impl Faults {
    /// The value of a fault that concerns this agent; the newest wins. `None` for an unknown agent matches only faults
    /// that concern everybody.
    pub fn get(&self, fault: Fault, ag_no: Option<&str>) -> Option<&Value> {
        let concerns = |f: &&InForce| f.fault == fault && f.agent.as_deref().is_none_or(|a| ag_no == Some(a));
        self.0.iter().rev().find(concerns).map(|f| &f.value)
    }

    /// Whether a fault concerns this agent.
    pub fn on(&self, fault: Fault, ag_no: Option<&str>) -> bool {
        self.get(fault, ag_no).is_some_and(|v| *v != json!(false))
    }

    /// How late a push of this kind reaches an agent.
    pub fn push_late(&mut self, kind: Kind, ag_no: &str) -> Duration {
        let concerns = |f: &&mut InForce| f.fault == Fault::DelayPush && f.agent.as_deref().is_none_or(|a| a == ag_no);
        self.0.iter_mut().rev().find(concerns).map(|f| f.drawn.next(kind)).unwrap_or_default()
    }

    /// How late the switch's requests are.
    pub(super) fn of_sip(&self) -> Delays {
        self.get(Fault::DelaySip, None).and_then(|value| Delays::from_value(value).ok()).unwrap_or_default()
    }

    /// What becomes of RTP on this way.
    pub(super) fn of_rtp(&self, way: Way) -> RtpFaults {
        let value = |fault| self.0.iter().rev().find(|f| f.fault == fault && f.ways.contains(&way)).map(|f| &f.value);
        let number = |fault| value(fault).and_then(Value::as_f64).unwrap_or(0.0) as f32;
        RtpFaults {
            loss_pct: number(Fault::RtpLoss),
            burst: number(Fault::RtpBurst),
            delay_ms: number(Fault::RtpDelay),
            jitter: value(Fault::RtpJitter).map_or(Jitter::None, jitter),
            reorder_pct: number(Fault::RtpReorder),
            duplicate_pct: number(Fault::RtpDuplicate),
            rate_kbps: number(Fault::RtpRate) as u32,
            blackhole: value(Fault::RtpBlackhole).is_some_and(|v| *v != json!(false)),
        }
    }
}

/// Jitter as it is ordered: a number is the largest delay in ms, evenly distributed; `{"sigma_ms": N}` is a normal
/// distribution, `{"mean_ms": N}` one with a heavy tail.
fn jitter(value: &Value) -> Jitter {
    let of = |key: &str| value.get(key).and_then(Value::as_f64).filter(|ms| *ms > 0.0);
    if let Some(sigma_ms) = of("sigma_ms") {
        Jitter::Normal { sigma_ms }
    } else if let Some(mean_ms) = of("mean_ms") {
        Jitter::HeavyTail { mean_ms }
    } else {
        value.as_f64().filter(|ms| *ms > 0.0).map_or(Jitter::None, |most_ms| Jitter::Uniform { most_ms })
    }
}

/// A fault as it is ordered.
#[derive(Clone, Debug)]
pub struct Order {
    /// Which.
    pub fault: Fault,
    /// Its value, null for none.
    pub value: Value,
    /// How long; unset: until all are cleared.
    pub lasting: Option<Duration>,
    /// Whom; unset: everybody.
    pub agent: Option<String>,
    /// For a fault of RTP: which ways.
    pub ways: &'static [Way],
}

impl Order {
    /// What is wrong with the value, where it has to have a certain form.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check(&self) -> Result<(), String> {
        if matches!(self.fault, Fault::DelayPush | Fault::DelaySip) {
            Delays::from_value(&self.value)?;
        }
        Ok(())
    }
}
