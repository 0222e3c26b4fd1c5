//! The platform's calls as it has pushed them (MT 3), kept apart from the SIP legs: the two come over two connections to
//! two servers, and nothing orders them.
//!
//! The platform holds one call of an agent at a time. But the word of its end may come after the next call, or never, so
//! a call that is over here stays open in this list until the platform has said so, or speaks of the next one.

use std::{collections::VecDeque, time::Instant};

/// Calls that are over and whose names are still known.
const REMEMBERED: usize = 16;
/// Calls that are not over as far as the platform has said: it holds one, and may be behind with a few.
const OPEN: usize = 8;
/// Names of one call.
const NAMES: usize = 8;

/// Knows one of the platform's calls. Unlike its `CallID` it is always there and never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::app) struct PlatformKey(u64);

/// One of the platform's calls.
#[derive(Debug)]
pub(in crate::app) struct PlatformCall {
    pub(in crate::app) key: PlatformKey,
    /// The names (`CallID`) it was pushed under, newest last; none where the platform sends none.
    ids: Vec<String>,
    /// When the call that it was on the screen ended, if it has.
    pub(in crate::app) ended_here: Option<Instant>,
}

impl PlatformCall {
    /// Whether it was pushed under this name.
    pub(in crate::app) fn is_called(&self, id: &str) -> bool {
        self.ids.iter().any(|known| known == id)
    }

    /// Whether it has a name at all.
    pub(in crate::app) fn is_named(&self) -> bool {
        !self.ids.is_empty()
    }
}

/// The platform's calls.
#[derive(Debug, Default)]
pub(in crate::app) struct PlatformCalls {
    /// Not over as far as the platform has said, oldest first.
    open: Vec<PlatformCall>,
    /// Over, oldest first.
    over: VecDeque<PlatformCall>,
    /// When the platform last ended one.
    pub(in crate::app) over_at: Option<Instant>,
    last_key: u64,
}

impl PlatformCalls {
    /// A call that the platform has not pushed before.
    pub(in crate::app) fn begin(&mut self, id: Option<&str>) -> PlatformKey {
        self.last_key += 1;
        let key = PlatformKey(self.last_key);
        let ids = id.map(str::to_owned).into_iter().collect();
        if self.open.len() >= OPEN
            && let Some(index) = self.open.iter().position(|call| call.ended_here.is_some())
        {
            // Its end was never said.
            let call = self.open.remove(index);
            self.keep(call);
        }
        self.open.push(PlatformCall { key, ids, ended_here: None });
        key
    }

    /// Another message about a call, under this name.
    pub(in crate::app) fn name(&mut self, key: PlatformKey, id: Option<&str>) {
        let (Some(id), Some(call)) = (id, self.open.iter_mut().find(|call| call.key == key)) else { return };
        if !call.is_called(id) {
            call.ids.truncate(NAMES - 1);
            call.ids.push(id.to_owned());
        }
    }

    /// The open call with this key.
    pub(in crate::app) fn get(&self, key: PlatformKey) -> Option<&PlatformCall> {
        self.open.iter().find(|call| call.key == key)
    }

    /// The open call with this name.
    pub(in crate::app) fn called(&self, id: &str) -> Option<&PlatformCall> {
        self.open.iter().rev().find(|call| call.is_called(id))
    }

    /// The call that began last of those that are open: what a message without a name is about.
    pub(in crate::app) fn newest(&self) -> Option<&PlatformCall> {
        self.open.last()
    }

    /// The call with this name that is over, newest first.
    pub(in crate::app) fn over(&self, id: &str) -> Option<&PlatformCall> {
        self.over.iter().rev().find(|call| call.is_called(id))
    }

    /// The platform has ended a call.
    pub(in crate::app) fn end(&mut self, key: PlatformKey, at: Instant) {
        if let Some(index) = self.open.iter().position(|call| call.key == key) {
            let call = self.open.remove(index);
            self.keep(call);
            self.over_at = Some(at);
        }
    }

    /// Remembers a call that is over.
    fn keep(&mut self, call: PlatformCall) {
        if self.over.len() == REMEMBERED {
            self.over.pop_front();
        }
        self.over.push_back(call);
    }

    /// The platform has ended every call but these, whatever became of the message that says so.
    pub(in crate::app) fn end_all_but(&mut self, kept: &[PlatformKey], at: Instant) {
        let ended: Vec<PlatformKey> = self.open.iter().map(|call| call.key).filter(|key| !kept.contains(key)).collect();
        ended.into_iter().for_each(|key| self.end(key, at));
    }

    /// How many are open.
    #[cfg(test)]
    pub(in crate::app) fn open_calls(&self) -> usize {
        self.open.len()
    }

    /// The call that it was on the screen has ended; the platform has not said so yet.
    pub(in crate::app) fn ended_here(&mut self, key: PlatformKey, at: Instant) {
        if let Some(call) = self.open.iter_mut().find(|call| call.key == key) {
            call.ended_here = Some(at);
        }
    }
}
