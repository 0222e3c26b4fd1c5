//! Keypad digits: queued, sent in order, none lost at any speed (protocol `cti.md` 8.19); by the platform, or in the
//! call's own sound where that is wished and agreed on.

use serde_json::json;

use super::{Turn, refused, unreachable};
use crate::{
    app::{Action, CommandId, Refusal, RefusalKind, state::Purpose},
    config::KeypadWay,
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
        let (by_platform, in_sound) = self.ways_of_digits();
        if in_sound {
            digits.chars().for_each(|digit| self.phone(softphone::Command::SendDigit(digit)));
        }
        if !by_platform {
            return self.resolve(id, Ok(json!({ "queued": true })));
        }
        self.state.dtmf.queue.push_str(&digits);
        // One answer for the whole queue: earlier commands are done when their digits are on the way.
        self.resolve_pending(Action::SendDtmf, Ok(json!({ "queued": true })));
        self.wait(Action::SendDtmf, id, super::commands::DEADLINE);
        self.send_queued_digits();
    }

    /// Whether digits go by the platform, and whether in the call's sound: as configured, and never nowhere.
    fn ways_of_digits(&mut self) -> (bool, bool) {
        let possible = self.state.media.digits;
        let way = self.state.profile.keypad;
        if way == KeypadWay::Rtp && !possible && !self.state.media.no_digits_told {
            self.state.media.no_digits_told = true;
            self.info(Message::new("app.keypad_by_platform"));
        }
        match way {
            KeypadWay::Platform => (true, false),
            KeypadWay::Rtp => (!possible, possible),
            KeypadWay::Both => (true, possible),
        }
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
