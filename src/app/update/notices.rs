//! Telling the agent, and the facts that scripts are told.

use std::time::Duration;

use super::Turn;
use crate::{
    app::{Action, NoticeLevel, NoticeView},
    i18n::{self, Message},
};

/// Notices kept.
const KEPT: usize = 200;

/// The same sentence again within this time is not told twice.
const SAME: Duration = Duration::from_secs(3);

impl Turn<'_> {
    pub(super) fn info(&mut self, message: Message) {
        self.tell(NoticeLevel::Info, &message);
    }

    pub(super) fn warn(&mut self, message: Message) {
        self.tell(NoticeLevel::Warn, &message);
    }

    pub(super) fn error(&mut self, message: Message) {
        self.tell(NoticeLevel::Error, &message);
    }

    fn tell(&mut self, level: NoticeLevel, message: &Message) {
        let text = message.render(self.state.profile.locale);
        let said = self
            .state
            .notices
            .iter()
            .rev()
            .take(5)
            .any(|n| n.text == text && self.now.at.saturating_duration_since(n.at) < SAME);
        if said {
            return;
        }
        if self.state.notices.len() == KEPT {
            self.state.notices.pop_front();
        }
        self.state.notices.push_back(NoticeView {
            time: self.now.wall,
            at: self.now.at,
            level,
            kind: message.key(),
            text,
            call: None,
            dismissed: false,
        });
    }

    /// A number, or what is said where there is none.
    pub(super) fn who(&self, number: &str) -> String {
        let shown = super::clean(number);
        if shown.trim().is_empty() { i18n::text(self.state.profile.locale, "app.unknown_caller") } else { shown }
    }

    /// What was told just now is about the call on the screen, and nothing to anybody when it is over.
    pub(super) fn about_this_call(&mut self, action: Action) {
        use Action::{
            Answer, Barge, Consult, ConsultReturn, ConsultTransfer, Disconnect, Evaluate, Hold, Interact, Mute,
            SendDtmf, ThreeWay, ThreeWayReturn, Transfer, Unhold, Unmute, Whisper, WhisperCancel,
        };
        #[rustfmt::skip]
        let within = [
            Answer, Barge, Consult, ConsultReturn, ConsultTransfer, Disconnect, Evaluate, Hold, Interact, Mute, SendDtmf,
            ThreeWay, ThreeWayReturn, Transfer, Unhold, Unmute, Whisper, WhisperCancel,
        ];
        let (at, call) = (self.now.at, self.state.live_call().map(|call| call.journal_id));
        if let Some(notice) = self.state.notices.back_mut().filter(|notice| notice.at == at && within.contains(&action))
        {
            notice.call = call;
        }
    }

    /// A call is over: what was told of it before is out of date.
    pub(super) fn settle_call(&mut self, id: u64) {
        let at = self.now.at;
        for notice in self.state.notices.iter_mut().filter(|notice| notice.call == Some(id) && notice.at < at) {
            notice.dismissed = true;
        }
    }

    /// What was wrong is well again: nobody need be told of it any more. The notices stay in the list.
    pub(super) fn settle(&mut self, kinds: &[&str]) {
        for notice in self.state.notices.iter_mut().filter(|notice| kinds.contains(&notice.kind)) {
            notice.dismissed = true;
        }
    }

    pub(super) fn dismiss_notices(&mut self) {
        for notice in &mut self.state.notices {
            notice.dismissed = true;
        }
    }
}
