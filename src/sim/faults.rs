//! Faults that can be put in the platform's way (contract: `sim` admin interface).

use serde_json::{Value, json};

use super::{
    delays::{Delays, Drawn},
    fault::{Fault, Way},
    faults_in_force::{InForce, Order},
    state::{LinkOp, Rest, Sta, Timer},
    switch::SwitchFaults,
    world::{World, sip_user},
};

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
            reflect: self.faults.on(Fault::RtpReflect, None),
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
                        self.days.remove(ag_no);
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
                | Fault::RtpReflect
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
