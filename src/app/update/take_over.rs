//! The agent is signed in already: the platform's code 40101 (protocol `cti.md` 2.3, decision order and matrix).

use serde_json::Value;

use super::{Turn, refused, text_of, unreachable};
use crate::{
    app::state::Purpose,
    config::LoginType,
    cti::api::{ApiError, Reply, Request},
};

impl Turn<'_> {
    /// 40101: take the registration over, or tell who holds it (protocol `cti.md` 2.3, the matrix).
    pub(super) fn already_signed_in(&mut self, reply: &Reply) {
        let held = Held::of(&reply.data);
        let session = &self.state.session;
        let same_phone = held.phone == session.phone;
        let known = session.reg_id.as_deref() == Some(held.reg_id.as_str());
        // Lost answers and absences leave a sign-in of our own behind; one with a link is somebody else's.
        let ours = known || (!held.linked && (session.coming_back || (session.login_unanswered && same_phone)));
        let by_matrix = match session.login_type {
            LoginType::Dynamic => held.login_type == Some(LoginType::Static) && !held.linked,
            // A client without the link has to be static, so it may make a dynamic sign-in its own.
            LoginType::Static => held.login_type == Some(LoginType::Static) || !self.state.profile.websocket,
        };
        let (force, link) = (session.force, self.state.profile.websocket);
        if held.reg_id.is_empty() || !(force || ours || by_matrix) {
            return self.sign_in_refused(refused(reply));
        }
        if !link && held.login_type != Some(LoginType::Static) && session.login_type == LoginType::Dynamic {
            return self.end_other_sign_in(reply);
        }
        if !same_phone {
            let bind_tel = session.phone.clone();
            self.request(Purpose::Bind, Request::ChangeBindTel { bind_tel, is_webrtc: None });
        }
        self.take_over_mode(&held);
        if link {
            let login_state = (force || ours).then_some(held.state.clone());
            self.logged_in(held.reg_id, login_state);
            self.adopt_state(&held.state);
        } else {
            self.register();
            self.adopt_state(&held.state);
            if self.state.session.state_set { self.signed_in(Value::Null) } else { self.first_state() }
        }
    }

    /// A dynamic sign-in lives by its link, and this client wants none: the other one is ended, and this one begins.
    fn end_other_sign_in(&mut self, reply: &Reply) {
        if std::mem::replace(&mut self.state.session.ended_other, true) {
            return self.sign_in_refused(refused(reply));
        }
        self.request(Purpose::RollBack, Request::Logout);
        self.attempt_sign_in();
    }

    /// What is taken over keeps its kind, unless this client has to be static.
    fn take_over_mode(&mut self, held: &Held) {
        let Some(kind) = held.login_type else { return };
        if self.state.session.login_type == LoginType::Static && kind == LoginType::Dynamic {
            self.request(Purpose::Mode(LoginType::Static), Request::SwitchMode { ag_type: LoginType::Static.number() });
        } else {
            self.state.session.login_type = kind;
        }
    }

    /// A state that the platform holds already is taken over; only a fresh registration needs its first ready or busy.
    pub(super) fn adopt_state(&mut self, ag_sta: &str) {
        if matches!(ag_sta, "" | "0") {
            return;
        }
        self.state.session.state_set = true;
        if let Ok(state) = ag_sta.parse() {
            self.agent_number(state, None, None);
        }
    }

    pub(super) fn bind_reply(&mut self, result: Result<Reply, ApiError>) {
        let problem = match result {
            Ok(reply) if reply.is_ok() => return,
            Ok(reply) => refused(&reply),
            Err(error) => unreachable(&error),
        };
        self.error(problem.message);
    }
}

/// The sign-in that stands in the way (`data` of 40101).
struct Held {
    reg_id: String,
    state: String,
    login_type: Option<LoginType>,
    phone: String,
    /// Its link is up.
    linked: bool,
}

impl Held {
    fn of(data: &Value) -> Self {
        let field = |name: &str| text_of(data.get(name)).unwrap_or_default();
        Self {
            reg_id: field("regId"),
            state: field("agSta"),
            login_type: match field("agType").as_str() {
                "1" => Some(LoginType::Dynamic),
                "2" => Some(LoginType::Static),
                _ => None,
            },
            phone: field("phoNum"),
            linked: field("wsLink") == "1",
        }
    }
}
