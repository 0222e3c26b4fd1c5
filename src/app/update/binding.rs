//! Another phone, another kind of sign-in, mid-shift (protocol `cti.md` 2.2).

use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;

use super::{Turn, answer, commands::DEADLINE, refusal, refused, text_of, unreachable};
use crate::{
    app::{
        Action, CommandId, Refusal, RefusalKind,
        state::{PhoneChange, Purpose},
    },
    config::LoginType,
    cti::api::{ApiError, Reply, Request},
    i18n::Message,
    softphone::Account,
};

/// Two requests, one after the other; HTTP itself waits 4 s for each.
const CHANGE_DEADLINE: Duration = Duration::from_secs(9);
/// Longest phone number, as in the config.
const LONGEST: usize = 64;

impl Turn<'_> {
    /// The account of the new phone comes first: without it nothing is changed, on either side.
    pub(super) fn change_phone(&mut self, id: CommandId, phone: &str, web_phone: Option<bool>) {
        let phone = phone.trim();
        let fits = |c: char| c.is_ascii_alphanumeric() || "+*#-_.,".contains(c);
        if phone.is_empty() || phone.len() > LONGEST || !phone.chars().all(fits) {
            let message = Message::new("app.bad_phone").with("phone", super::clean(phone));
            self.warn(message.clone());
            return self.resolve(id, Err(refusal(RefusalKind::Invalid, message)));
        }
        self.state.session.change =
            Some(PhoneChange { phone: phone.to_owned(), asked: web_phone, account: None, accepted: false });
        self.wait(Action::ChangePhone, id, CHANGE_DEADLINE);
        if web_phone.unwrap_or(self.state.session.web_phone) {
            self.request(Purpose::NewPhone, Request::RtcInfo { pho_num: phone.to_owned() });
        } else {
            self.bind_new_phone();
        }
    }

    pub(super) fn new_phone_info(&mut self, result: Result<Reply, ApiError>) {
        let Some(change) = self.state.session.change.as_mut().filter(|change| !change.accepted) else { return };
        let account = match &result {
            Ok(reply) if reply.is_ok() => account(&reply.data, &change.phone),
            Ok(_) | Err(_) => None,
        };
        if let Some(account) = account {
            change.account = Some(account);
            return self.bind_new_phone();
        }
        self.change_failed(match result {
            Ok(reply) if reply.is_ok() => refusal(RefusalKind::Platform, Message::new("app.no_phone_account")),
            Ok(reply) => refused(&reply),
            Err(error) => unreachable(&error),
        });
    }

    fn bind_new_phone(&mut self) {
        let Some(change) = &self.state.session.change else { return };
        let request = Request::ChangeBindTel { bind_tel: change.phone.clone(), is_webrtc: change.asked };
        self.request(Purpose::Command(Action::ChangePhone), request);
    }

    pub(super) fn phone_bound(&mut self, result: Result<Reply, ApiError>) {
        let Some(change) = self.state.session.change.as_mut() else { return };
        match result {
            Ok(reply) if reply.is_ok() => {
                change.accepted = true;
                self.use_new_phone();
                self.resolve_pending(Action::ChangePhone, Ok(answer(reply)));
            }
            Ok(reply) => self.change_failed(refused(&reply)),
            Err(error) => self.change_failed(unreachable(&error)),
        }
    }

    /// From now on the phone is the one that the platform has bound; a call that came meanwhile keeps its own.
    pub(super) fn use_new_phone(&mut self) {
        if self.state.live_call().is_some() {
            return;
        }
        let Some(change) = self.state.session.change.take_if(|change| change.accepted) else { return };
        let (before, softphone) = (&self.state.session, change.account.is_some());
        let only_where = change.phone == before.phone && softphone != before.web_phone;
        let told = match (only_where, softphone) {
            (true, true) => "app.softphone_on",
            (true, false) => "app.softphone_off",
            (false, _) => "app.phone_changed",
        };
        self.info(Message::new(told).with("phone", &change.phone));
        self.state.session.phone = change.phone;
        if change.account.is_some() {
            self.state.session.web_phone = true;
            self.state.session.account = change.account;
            self.register();
        } else {
            self.leave_registration();
            self.state.session.account = None;
            self.state.session.web_phone = false;
        }
        self.remember_sign_in();
    }

    fn change_failed(&mut self, refusal: Refusal) {
        self.state.session.change = None;
        self.command_failed(Action::ChangePhone, refusal);
    }

    pub(super) fn switch_mode(&mut self, id: CommandId, login_type: LoginType) {
        self.state.session.switching = Some(login_type);
        self.wait(Action::SwitchMode, id, DEADLINE);
        self.request(Purpose::Command(Action::SwitchMode), Request::SwitchMode { ag_type: login_type.number() });
    }

    pub(super) fn mode_switched(&mut self, result: Result<Reply, ApiError>) {
        let Some(login_type) = self.state.session.switching.take() else { return };
        match result {
            Ok(reply) if reply.is_ok() => {
                self.state.session.login_type = login_type;
                self.info(Message::new(match login_type {
                    LoginType::Dynamic => "app.mode_dynamic",
                    LoginType::Static => "app.mode_static",
                }));
                self.remember_sign_in();
                self.resolve_pending(Action::SwitchMode, Ok(answer(reply)));
            }
            Ok(reply) => self.command_failed(Action::SwitchMode, refused(&reply)),
            Err(error) => self.command_failed(Action::SwitchMode, unreachable(&error)),
        }
    }

    /// The same without anybody having asked: part of taking a sign-in over.
    pub(super) fn mode_reply(&mut self, login_type: LoginType, result: Result<Reply, ApiError>) {
        match result {
            Ok(reply) if reply.is_ok() => {
                self.state.session.login_type = login_type;
                self.remember_sign_in();
            }
            Ok(reply) => self.error(refused(&reply).message),
            Err(error) => self.error(unreachable(&error).message),
        }
    }

    /// Changes that were under way end with the sign-in.
    pub(super) fn forget_changes(&mut self) {
        let (change, switching) = (self.state.session.change.take(), self.state.session.switching.take());
        for action in [change.map(|_| Action::ChangePhone), switching.map(|_| Action::SwitchMode)].into_iter().flatten()
        {
            self.resolve_pending(action, Err(refusal(RefusalKind::NotNow, Message::new("app.not_signed_in"))));
        }
    }
}

/// Who registers with this phone, by the answer of `/agent/rtcInfo`.
pub(crate) fn account(data: &Value, phone: &str) -> Option<Account> {
    let (vcc_id, password) = (text_of(data.get("vccId"))?, text_of(data.get("phopass"))?);
    Some(Account { user: format!("ss{vcc_id}ss{phone}"), password: SecretString::from(password) })
}
