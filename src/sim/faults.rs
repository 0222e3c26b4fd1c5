//! Faults that can be put in the platform's way (contract: `sim` admin interface).

use std::time::Duration;

use serde_json::{Value, json};

use crate::net::netem::Jitter;

pub use super::fault::{Fault, Way};
use super::{
    delays::{Delays, Drawn, Kind},
    state::{LinkOp, Rest, Sta, Timer},
    switch::{RtpFaults, SwitchFaults},
    world::{World, sip_user},
};

/// A fault in force.
#[derive(Clone, Debug)]
struct InForce {
    id: u64,
    fault: Fault,
    value: Value,
    agent: Option<String>,
    ways: &'static [Way],
    /// For late pushes: what has been drawn.
    drawn: Drawn,
}

/// The faults in force, newest last.
#[derive(Default)]
pub struct Faults(Vec<InForce>);

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
    fn of_sip(&self) -> Delays {
        self.get(Fault::DelaySip, None).and_then(|value| Delays::from_value(value).ok()).unwrap_or_default()
    }

    /// What becomes of RTP on this way.
    fn of_rtp(&self, way: Way) -> RtpFaults {
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

impl World {
    /// Puts a fault in force, or lets it happen if it is of a moment.
    pub fn order_fault(&mut self, order: Order) {
        let concerned: Vec<String> = self
            .agents
            .iter()
            .filter(|a| a.colleague.is_none())
            .map(|a| a.entry.ag_no.clone())
            .filter(|a| order.agent.as_ref().is_none_or(|wanted| wanted == a))
            .collect();
        if order.fault.is_momentary() {
            self.momentary(&order, &concerned);
            if order.fault == Fault::Restart && order.lasting.is_some() {
                for fault in [Fault::DropWs, Fault::RefuseHttp, Fault::DropSip] {
                    self.order_fault(Order {
                        fault,
                        value: Value::Null,
                        lasting: order.lasting,
                        agent: None,
                        ways: order.ways,
                    });
                }
            }
            return;
        }
        if order.fault == Fault::DropWs {
            for ag_no in &concerned {
                self.tell_link(ag_no, LinkOp::Cut);
            }
        }
        let id = self.next_number();
        // The switch knows no agents: its faults are everybody's.
        let agent = order.agent.filter(|_| !order.fault.concerns_switch());
        let mut drawn = Drawn::default();
        if order.fault == Fault::DelayPush {
            drawn.set(Delays::from_value(&order.value).unwrap_or_default());
        }
        self.faults.0.push(InForce { id, fault: order.fault, value: order.value, agent, ways: order.ways, drawn });
        if let Some(lasting) = order.lasting {
            self.after(lasting, Timer::FaultOver { id });
        }
        self.faults_to_switch();
    }

    /// Ends a fault.
    pub fn fault_over(&mut self, id: u64) {
        self.faults.0.retain(|f| f.id != id);
        self.faults_to_switch();
    }

    /// Ends all faults.
    pub fn clear_faults(&mut self) {
        self.faults.0.clear();
        self.cancel(|t| matches!(t, Timer::FaultOver { .. }));
        self.faults_to_switch();
    }

    fn faults_to_switch(&self) {
        self.switch.set_faults(SwitchFaults {
            drop_sip: self.faults.on(Fault::DropSip, None),
            stall_sip: self.faults.on(Fault::StallSip, None),
            late: self.faults.of_sip(),
            to_agent: self.faults.of_rtp(Way::ToAgent),
            from_agent: self.faults.of_rtp(Way::FromAgent),
        });
    }

    fn momentary(&mut self, order: &Order, concerned: &[String]) {
        let code = order.value.as_u64().and_then(|c| u16::try_from(c).ok());
        if order.fault == Fault::ExpireToken {
            self.tokens.expire(order.agent.as_deref(), order.value.as_u64().unwrap_or(0));
        }
        if order.fault == Fault::PhonePassword {
            self.new_phone_passwords();
        }
        for ag_no in concerned {
            match order.fault {
                Fault::Kick => self.kick(ag_no, code.unwrap_or(3405)),
                Fault::ForceBusy => self.force(ag_no, Rest::Busy(None), 6),
                Fault::ForceIdle => self.force(ag_no, Rest::Ready, 5),
                Fault::ForceLogoff => {
                    if self.session(ag_no).is_some() {
                        self.push(ag_no, json!({"MT": 10, "Code": 4}));
                        self.sign_out(ag_no, false);
                    }
                }
                Fault::CloseCode => self.tell_link(ag_no, LinkOp::Close(code.unwrap_or(1001))),
                Fault::GarbageFrame => {
                    let text = order.value.as_str().unwrap_or("<html>not a message</html>");
                    self.tell_link(ag_no, LinkOp::Text(text.to_owned()));
                }
                Fault::Restart => {
                    if order.value.as_str() == Some("forget") {
                        self.sign_out(ag_no, false);
                        self.desks.remove(ag_no);
                    }
                    self.tell_link(ag_no, LinkOp::Cut);
                }
                Fault::ExpireToken
                | Fault::PhonePassword
                | Fault::DropWs
                | Fault::StallWs
                | Fault::RefuseHttp
                | Fault::HttpDelay
                | Fault::HttpStatus
                | Fault::HttpHtml
                | Fault::HttpGarbage
                | Fault::DropSip
                | Fault::StallSip
                | Fault::RtpLoss
                | Fault::RtpJitter
                | Fault::RtpReorder
                | Fault::RtpBlackhole
                | Fault::RtpBurst
                | Fault::RtpDuplicate
                | Fault::RtpRate
                | Fault::RtpDelay
                | Fault::DelayPush
                | Fault::DelaySip
                | Fault::NoCallId
                | Fault::SipFrom => {}
            }
        }
    }

    fn new_phone_passwords(&mut self) {
        let tenant = self.scenario.vcc_id;
        for (phone, password) in &mut self.phones {
            *password = format!("{:016x}", rand::random::<u64>());
            self.switch.set_account(&sip_user(tenant, phone), password);
        }
    }

    fn tell_link(&self, ag_no: &str, op: LinkOp) {
        if let Some(link) = self.agent(ag_no).and_then(|a| a.link.as_ref()) {
            link.ask(op);
        }
    }

    /// Somebody else took the sign-in over: it goes on under a new registration, and the old client is told off.
    fn kick(&mut self, ag_no: &str, code: u16) {
        let reg_id = self.new_reg_id();
        if let Some(session) = self.session_mut(ag_no) {
            session.reg_id = reg_id;
        }
        self.tell_link(ag_no, LinkOp::Close(code));
    }

    /// A supervisor sets the state; a call in progress goes on.
    fn force(&mut self, ag_no: &str, rest: Rest, code: u8) {
        let Some(session) = self.session_mut(ag_no) else { return };
        session.rest = rest;
        let in_call = session.sta == Sta::Occupied;
        self.push(ag_no, json!({"MT": 10, "Code": code}));
        if !in_call {
            self.rest(ag_no);
        }
    }
}
