//! Keypad digits: queued, sent in order, none lost at any speed (protocol `cti.md` 8.19).

use serde_json::json;

use super::{Turn, refused, unreachable};
use crate::{
    app::{Action, CommandId, Refusal, RefusalKind, state::Purpose},
    cti::api::{ApiError, Reply, Request},
    i18n::Message,
    softphone::{self, Tone},
};

impl Turn<'_> {
    pub(super) fn send_dtmf(&mut self, id: CommandId, digits: &str) {
        let digits: String = digits.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).collect();
        let bad = digits.chars().find(|c| !matches!(c, '0'..='9' | '*' | '#' | 'A'..='D'));
        if bad.is_some() || digits.is_empty() {
            let message = Message::new("app.bad_digits").with("digits", super::clean(&digits));
            return self.resolve(id, Err(super::refusal(RefusalKind::Invalid, message)));
        }
        if let Some(last) = digits.chars().last() {
            self.phone(softphone::Command::Play(Some(Tone::Key(last))));
        }
        self.state.dtmf.queue.push_str(&digits);
        // One answer for the whole queue: earlier commands are done when their digits are on the way.
        self.resolve_pending(Action::SendDtmf, Ok(json!({ "queued": true })));
        self.wait(Action::SendDtmf, id, super::commands::DEADLINE);
        self.send_queued_digits();
    }

    fn send_queued_digits(&mut self) {
        if self.state.dtmf.in_flight || self.state.dtmf.queue.is_empty() {
            return;
        }
        let digits = std::mem::take(&mut self.state.dtmf.queue);
        self.state.dtmf.in_flight = true;
        self.request(Purpose::Dtmf, Request::SendDtmf { digits });
    }

    pub(super) fn dtmf_reply(&mut self, result: Result<Reply, ApiError>) {
        self.state.dtmf.in_flight = false;
        match result {
            Ok(reply) if reply.is_ok() => {
                if self.state.dtmf.queue.is_empty() {
                    self.resolve_pending(Action::SendDtmf, Ok(super::answer(reply)));
                }
                self.send_queued_digits();
            }
            Ok(reply) => self.digits_lost(refused(&reply)),
            Err(error) => self.digits_lost(unreachable(&error)),
        }
    }

    fn digits_lost(&mut self, refusal: Refusal) {
        self.state.dtmf.queue.clear();
        self.error(refusal.message.clone());
        self.resolve_pending(Action::SendDtmf, Err(refusal));
    }
}
