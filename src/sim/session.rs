//! Sign-ins and links: who is there, under which registration, and what a returning link is told.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{sync::mpsc, time::Instant};

use super::{
    json::merge,
    state::{Link, LinkOp, Rest, Session, Sta, Timer},
    tokens::Worth,
    world::World,
};

/// No valid token (protocol `cti.md` section 9, WS accept).
const CLOSE_BAD_TOKEN: u16 = 3403;
/// No such registration, or signed out.
const CLOSE_NO_SESSION: u16 = 3404;
/// Replaced by a newer link of the same registration.
const CLOSE_REPLACED: u16 = 3405;

/// A sign-in as it is asked for.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The phone to use.
    pub bind_tel: String,
    /// 1 dynamic, 2 static.
    pub login_type: u8,
    /// 0: wait for the link and then for ready or busy; 1 ready; 2 busy.
    pub state: u8,
}

impl World {
    /// A registration id nobody had before.
    pub fn new_reg_id(&mut self) -> String {
        format!("R{}-{:08x}", self.next_number(), rand::random::<u32>())
    }

    /// Signs an agent in who is not; returns `data` of the reply.
    pub fn sign_in(&mut self, ag_no: &str, wanted: &SignIn) -> Value {
        let reg_id = self.new_reg_id();
        let session = Session {
            reg_id: reg_id.clone(),
            login_type: wanted.login_type,
            bind_tel: wanted.bind_tel.clone(),
            sta: Sta::Initial,
            rest: if wanted.state == 2 { Rest::Busy(None) } else { Rest::Ready },
            since: Instant::now(),
            wrap_up_until: None,
            linked_before: false,
            call: None,
        };
        if let Some(agent) = self.agent_mut(ag_no) {
            agent.session = Some(session);
            agent.outbox.clear();
        }
        self.begin_day(ag_no);
        if wanted.state == 0 {
            self.expect_link(ag_no, &reg_id);
        } else {
            self.rest(ag_no);
        }
        json!({"regId": reg_id, "agSta": "0"})
    }

    /// What a second sign-in is told about the first (`data` of 40101).
    pub fn sign_in_data(&self, ag_no: &str) -> Option<Value> {
        let agent = self.agent(ag_no)?;
        let session = agent.session.as_ref()?;
        let linked = agent.link.as_ref().is_some_and(|l| l.reg_id == session.reg_id);
        Some(json!({
            "regId": session.reg_id,
            "agSta": session.sta.number().to_string(),
            "agType": session.login_type.to_string(),
            "phoNum": session.bind_tel,
            "wsLink": if linked { "1" } else { "0" },
        }))
    }

    /// A dynamic sign-in without a link lasts only so long.
    fn expect_link(&mut self, ag_no: &str, reg_id: &str) {
        let patience = Duration::from_secs(self.scenario.link_patience_s);
        self.after(patience, Timer::LinkLost { ag_no: ag_no.to_owned(), reg_id: reg_id.to_owned() });
    }

    /// Whom a link with this token belongs to, if anybody.
    pub fn link_owner(&self, token: &str) -> Option<String> {
        match self.tokens.check(token) {
            Worth::Good { ag_no, .. } => Some(ag_no),
            Worth::Expired | Worth::Unknown => None,
        }
    }

    /// A link has been opened.
    ///
    /// # Errors
    /// The code to close it with.
    pub fn link_opened(&mut self, token: &str, reg_id: &str, tx: mpsc::UnboundedSender<LinkOp>) -> Result<u64, u16> {
        let ag_no = self.link_owner(token).ok_or(CLOSE_BAD_TOKEN)?;
        let id = self.next_number();
        let agent = self.agent_mut(&ag_no).ok_or(CLOSE_BAD_TOKEN)?;
        let current = agent.session.as_ref().map(|s| s.reg_id.as_str());
        if current != Some(reg_id) && !agent.timed_out.iter().any(|r| r == reg_id) {
            return Err(CLOSE_NO_SESSION);
        }
        let link = Link { id, reg_id: reg_id.to_owned(), tx, greeted: false };
        if let Some(old) = agent.link.replace(link) {
            old.ask(LinkOp::Close(if old.reg_id == reg_id { CLOSE_REPLACED } else { CLOSE_NO_SESSION }));
        }
        let wanted = (ag_no, reg_id.to_owned());
        self.cancel(|t| matches!(t, Timer::LinkLost { ag_no, reg_id } if (ag_no, reg_id) == (&wanted.0, &wanted.1)));
        Ok(id)
    }

    /// The client has said hello: the link is established, and a returning one is told the state (`MT` 6).
    pub fn link_greeted(&mut self, ag_no: &str, id: u64) {
        let Some(agent) = self.agent_mut(ag_no) else { return };
        let Some(link) = agent.link.as_mut().filter(|l| l.id == id && !l.greeted) else { return };
        link.greeted = true;
        link.ask(LinkOp::Text(json!({"MT": 0}).to_string()));
        if agent.timed_out.iter().any(|r| *r == link.reg_id) {
            link.ask(LinkOp::Text(json!({"MT": 10, "Code": 10}).to_string()));
            self.close_link_soon(ag_no);
            return;
        }
        // Pushes that wait for a reply are older than the state told now.
        agent.outbox.clear();
        let Some(session) = agent.session.as_mut() else { return };
        if std::mem::replace(&mut session.linked_before, true) {
            let told = self.resync(ag_no);
            if let (Some(told), Some(link)) = (told, self.agent(ag_no).and_then(|a| a.link.as_ref())) {
                link.ask(LinkOp::Text(told.to_string()));
            }
        }
    }

    /// The state as a returning link is told it (protocol `cti.md` 4.4): numbers, unlike `MT` 4.
    fn resync(&self, ag_no: &str) -> Option<Value> {
        let session = self.session(ag_no)?;
        let mut told = json!({"MT": 6, "AgSta": session.sta.number()});
        let pho_sta = session.call.and_then(|no| self.calls.get(&no)).and_then(|c| c.pho_sta(ag_no));
        if let Some(pho_sta) = pho_sta {
            merge(&mut told, json!({"PhoSta": pho_sta}));
        }
        match (session.sta, &session.rest, session.wrap_up_until) {
            (Sta::Busy, Rest::Busy(Some(reason)), _) => merge(&mut told, json!({"AgStaParam": reason})),
            (Sta::WrapUp, _, Some(until)) => {
                let left = until.saturating_duration_since(Instant::now()).as_secs_f64().ceil();
                merge(&mut told, json!({"AgStaParam": left as u64}));
            }
            (Sta::Initial | Sta::Ready | Sta::Busy | Sta::Occupied | Sta::WrapUp, _, _) => {}
        }
        Some(told)
    }

    /// A link has ended, however.
    pub fn link_closed(&mut self, ag_no: &str, id: u64) {
        let Some(agent) = self.agent_mut(ag_no) else { return };
        if agent.link.as_ref().is_none_or(|l| l.id != id) {
            return;
        }
        agent.link = None;
        let left = agent.session.as_ref().filter(|s| s.login_type == 1).map(|s| s.reg_id.clone());
        if let Some(reg_id) = left {
            self.expect_link(ag_no, &reg_id);
        }
    }
}
