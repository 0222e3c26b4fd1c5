//! What lies between the program and the two servers: the event link and the SIP connection, each in order for itself and
//! neither for the other, and HTTP without any order.
//!
//! A connection that is cut loses what is on its way. What SIP repeats until it is answered (200 OK, BYE) is said again
//! when the connection is back.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Lab,
    clock::Ms,
    day::AgentDue,
    phone::{Down, PhoneDue, Up},
    platform::PlatformDue,
};
use crate::{
    app::{Event, LinkId, RequestId},
    cti::{
        api::{ApiError, Reply, Request},
        link::{LinkError, LinkEvent},
        push::{Push, PushMessage},
    },
};

/// HTTP is given up after this time (protocol `cti.md` 2.1).
const HTTP_LIMIT: Ms = 4000;
/// A BYE is repeated for so long (RFC 3261, timer F).
const REPEATED: Ms = 32_000;

/// What is due.
pub(super) enum Due {
    /// A push arrives; `about` is the call that it is about.
    Push {
        link: LinkId,
        message: PushMessage,
        about: Option<usize>,
    },
    /// An attempt to open the link comes to its end.
    LinkTried {
        link: LinkId,
        reg_id: String,
    },
    /// The program notices that the link is gone.
    LinkLost {
        link: LinkId,
        event: LinkEvent,
    },
    /// A request arrives at the platform, unless that has been restarted since.
    Asked {
        id: RequestId,
        request: Request,
        age: u64,
    },
    /// A request's result arrives.
    Answered {
        id: RequestId,
        result: Result<Reply, ApiError>,
        about: Option<usize>,
    },
    /// A SIP message arrives at the phone, or at the switch.
    Down {
        connection: u64,
        message: Down,
    },
    Up {
        connection: u64,
        message: Up,
    },
    Phone(PhoneDue),
    Platform(PlatformDue),
    Agent(AgentDue),
}

#[derive(Default)]
pub(super) struct Network {
    /// The link that stands.
    pub(super) link: Option<LinkId>,
    /// The link that the program has or wants.
    wanted: Option<LinkId>,
    link_away_until: Ms,
    stalled_until: Ms,
    last_push: Ms,
    /// Since when the link stands.
    linked_at: Ms,
    http_away_until: Ms,
    http_slow_until: Ms,
    /// Requests without a result.
    open: BTreeSet<RequestId>,
    /// The SIP connection that stands, by its number.
    pub(super) sip: Option<u64>,
    connections: u64,
    sip_away_until: Ms,
    last_down: Ms,
    last_up: Ms,
    /// Said again when the SIP connection is back, and since when it has been said.
    again: Vec<(Ms, Result<Down, Up>)>,
    /// Nothing arrives in order any more after this time.
    pub(super) quiet_from: Ms,
    /// The next pushes are lost although the link stands.
    pub(super) lose: u32,
}

impl Network {
    pub(super) fn is_quiet(&self, now: Ms) -> bool {
        self.open.is_empty() && self.quiet_from <= now
    }

    pub(super) fn size(&self) -> usize {
        self.open.len() + self.again.len()
    }
}

impl Lab {
    pub(super) fn happens(&mut self, due: Due) {
        match due {
            Due::Push { link, message, about } => self.push_arrives(link, message, about),
            Due::LinkTried { link, reg_id } => self.link_is_tried(link, &reg_id),
            Due::LinkLost { link, event } => {
                if self.network.wanted == Some(link) {
                    self.network.wanted = None;
                    self.changed();
                    self.event(Event::Link { id: link, event });
                }
            }
            Due::Asked { id, request, age } => {
                if age == self.platform.age && self.now >= self.network.http_away_until {
                    let (code, data, about) = self.platform_does(request);
                    let reply = Reply { code, message: if code == 0 { "ok" } else { "no" }.to_owned(), data };
                    let at = self.now + self.http_delay();
                    self.schedule.plan(at, Due::Answered { id, result: Ok(reply), about });
                }
            }
            Due::Answered { id, result, about } => {
                if self.network.open.remove(&id) {
                    self.changed();
                    if let (Ok(reply), Some(call)) = (&result, about) {
                        self.ledger.dial_is_answered(call, reply.is_ok(), self.now);
                    }
                    self.event(Event::Replied { id, result });
                }
            }
            Due::Down { connection, message } => {
                if self.network.sip == Some(connection) {
                    self.changed();
                    self.arrives_at_phone(message);
                } else {
                    self.is_lost_on_the_way(Ok(message));
                }
            }
            Due::Up { connection, message } => {
                if self.network.sip == Some(connection) {
                    self.changed();
                    self.arrives_at_switch(message);
                } else {
                    self.is_lost_on_the_way(Err(message));
                }
            }
            Due::Phone(due) => self.phone_is_due(due),
            Due::Platform(due) => self.platform_is_due(due),
            Due::Agent(due) => self.agent_is_due(due),
        }
    }

    // The event link.

    pub(super) fn link_is_opened(&mut self, link: LinkId, reg_id: String) {
        self.network.link = None;
        self.network.wanted = Some(link);
        let at = self.now + self.dice.between(1, 60);
        self.schedule.plan(at, Due::LinkTried { link, reg_id });
    }

    pub(super) fn link_is_closed(&mut self) {
        self.network.link = None;
        self.network.wanted = None;
        self.changed();
    }

    fn link_is_tried(&mut self, link: LinkId, reg_id: &str) {
        if self.network.wanted != Some(link) {
            return;
        }
        self.changed();
        if self.now < self.network.link_away_until {
            let error = LinkError::Connect { host: "platform".into(), reason: "refused".into() };
            self.network.wanted = None;
            return self.event(Event::Link { id: link, event: LinkEvent::Failed(error) });
        }
        if !self.platform.knows(reg_id) {
            let event = LinkEvent::Closed { code: 3404, reason: String::new() };
            self.schedule.plan(self.now + 1, Due::LinkLost { link, event });
            return self.event(Event::Link { id: link, event: LinkEvent::Opened });
        }
        self.network.link = Some(link);
        self.network.linked_at = self.now;
        self.network.last_push = self.now;
        self.event(Event::Link { id: link, event: LinkEvent::Opened });
        self.platform_greets();
    }

    /// The link is cut; the program notices it later, and cannot have another one for a while.
    pub(super) fn cut_link(&mut self, unnoticed: Ms, away: Ms) {
        self.note(|| format!("the link is cut, noticed after {unnoticed} ms, away for {away} ms"));
        self.network.link_away_until = self.network.link_away_until.max(self.now + away);
        self.changed();
        if let Some(link) = self.network.link.take() {
            let event = if unnoticed < 5000 {
                LinkEvent::Closed { code: 1006, reason: String::new() }
            } else {
                LinkEvent::Failed(LinkError::Silent(unnoticed / 1000))
            };
            self.schedule.plan(self.now + unnoticed, Due::LinkLost { link, event });
        }
    }

    /// The link carries nothing for a while, and then everything at once.
    pub(super) fn stall_link(&mut self, ms: Ms) {
        self.network.stalled_until = self.network.stalled_until.max(self.now + ms);
    }

    /// The platform pushes.
    pub(super) fn push(&mut self, message: PushMessage, about: Option<usize>) {
        let delay = self.dice.up_to(self.terms.push_ms);
        let at = (self.now + delay).max(self.network.last_push).max(self.network.stalled_until);
        self.network.last_push = at;
        let doubled = self.dice.falls(self.terms.doubled);
        self.push_at(at, message.clone(), about);
        if doubled {
            self.push_at(at, message, about);
        }
    }

    /// The same, at a time of its own.
    pub(super) fn push_at(&mut self, at: Ms, message: PushMessage, about: Option<usize>) {
        let Some(link) = self.network.link.filter(|_| self.network.lose == 0) else {
            self.network.lose = self.network.lose.saturating_sub(1);
            return self.note(|| format!("lost: {message:?}"));
        };
        self.network.quiet_from = self.network.quiet_from.max(at);
        self.schedule.plan(at, Due::Push { link, message, about });
    }

    fn push_arrives(&mut self, link: LinkId, message: PushMessage, about: Option<usize>) {
        if self.network.link != Some(link) {
            return self.note(|| format!("lost on the way: {message:?}"));
        }
        self.changed();
        if let Some(no) = about.filter(|no| self.shown_call() != Some(*no)) {
            let live = self.state.call.as_ref().filter(|call| call.phase.is_live());
            let busy = live.is_some_and(|call| call.leg.is_some() || (call.asked && call.platform.is_none()));
            self.ledger.call_mut(no).beside |= busy && self.ledger.call(no).rang.is_none();
        }
        self.ledger.is_heard(&message, about, self.network.linked_at, self.now);
        self.before_push(&message, about);
        self.note(|| format!("push {message:?}"));
        let push = Push { message, event_name: "test", event_type: &["phone"], status: "", raw: Value::Null };
        self.input(crate::app::Input::Event(Event::Link { id: link, event: LinkEvent::Push(Box::new(push)) }));
        self.after_push();
    }

    // HTTP.

    fn http_delay(&mut self) -> Ms {
        if self.now < self.network.http_slow_until { 2500 } else { self.dice.up_to(self.terms.http_ms) }
    }

    pub(super) fn request_is_sent(&mut self, id: RequestId, request: Request) {
        self.note(|| format!("asks {request:?}"));
        self.network.open.insert(id);
        if self.now < self.network.http_away_until && self.dice.falls(500) {
            let error = ApiError::Connect { host: "platform".into(), reason: "refused".into() };
            self.schedule.plan(self.now + 5, Due::Answered { id, result: Err(error), about: None });
            return;
        }
        let limit = Due::Answered { id, result: Err(ApiError::Timeout(HTTP_LIMIT)), about: None };
        self.schedule.plan(self.now + HTTP_LIMIT, limit);
        let at = self.now + self.http_delay();
        self.schedule.plan(at, Due::Asked { id, request, age: self.platform.age });
    }

    /// The program closes the connection of a request: what has not arrived never will, and nobody waits for the answer.
    pub(super) fn request_is_abandoned(&mut self, id: RequestId) {
        self.note(|| format!("abandons {id:?}"));
        self.network.open.remove(&id);
        self.schedule.forget(|due| match due {
            Due::Asked { id: other, .. } | Due::Answered { id: other, .. } => *other == id,
            _ => false,
        });
    }

    pub(super) fn stop_http(&mut self, ms: Ms) {
        self.network.http_away_until = self.network.http_away_until.max(self.now + ms);
    }

    pub(super) fn slow_http(&mut self, ms: Ms) {
        self.network.http_slow_until = self.network.http_slow_until.max(self.now + ms);
    }

    // SIP.

    pub(super) fn sip_opens(&mut self) -> bool {
        if self.now < self.network.sip_away_until {
            return false;
        }
        self.network.connections += 1;
        self.network.sip = Some(self.network.connections);
        let now = self.now;
        let again = std::mem::take(&mut self.network.again);
        for (since, message) in again.into_iter().filter(|(since, _)| now.saturating_sub(*since) < REPEATED) {
            match message {
                Ok(down) => self.send_down(down, Some(since)),
                Err(up) => self.send_up(up, Some(since)),
            }
        }
        self.changed();
        true
    }

    /// The SIP connection is lost, which the phone sees at once, and cannot be had for a while.
    pub(super) fn cut_sip(&mut self, away: Ms) {
        self.network.sip_away_until = self.network.sip_away_until.max(self.now + away);
        if self.network.sip.take().is_some() {
            self.note(|| format!("the SIP connection is lost for {away} ms"));
            self.changed();
            self.phone_loses_connection(away);
        }
    }

    pub(super) fn send_down(&mut self, message: Down, since: Option<Ms>) {
        let Some(connection) = self.network.sip else { return self.is_lost_on_the_way(Ok(message)) };
        let at = (self.now + self.dice.up_to(self.terms.sip_ms)).max(self.network.last_down);
        self.network.last_down = at;
        self.network.quiet_from = self.network.quiet_from.max(at);
        self.note(|| format!("the switch says {message:?}{}", if since.is_some() { " again" } else { "" }));
        self.schedule.plan(at, Due::Down { connection, message });
    }

    pub(super) fn send_up(&mut self, message: Up, since: Option<Ms>) {
        let Some(connection) = self.network.sip else { return self.is_lost_on_the_way(Err(message)) };
        let at = (self.now + self.dice.up_to(self.terms.sip_ms)).max(self.network.last_up);
        self.network.last_up = at;
        self.network.quiet_from = self.network.quiet_from.max(at);
        self.note(|| format!("the phone says {message:?}{}", if since.is_some() { " again" } else { "" }));
        self.schedule.plan(at, Due::Up { connection, message });
    }

    fn is_lost_on_the_way(&mut self, message: Result<Down, Up>) {
        let repeated = match &message {
            Ok(Down::Bye(..)) | Err(Up::Ok(_) | Up::Bye(_)) => true,
            Ok(Down::Invite(_) | Down::Cancel(_)) | Err(Up::Refused(_)) => false,
        };
        if repeated {
            self.network.again.push((self.now, message));
        } else if let Ok(Down::Invite(leg)) = message {
            self.invite_is_lost(leg);
        }
    }
}
