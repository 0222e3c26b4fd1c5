//! The calls that are over for the agent, while their SIP legs may still be there.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use crate::softphone::audio::CallAudio;

/// Calls remembered: far more than there are legs at a time.
const REMEMBERED: usize = 16;

/// Which calls are silenced, and the sound that is open: asked and changed without waiting for a media session, which
/// may be busy for seconds.
#[derive(Default)]
pub struct Silenced(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// Call-IDs, newest last.
    over: VecDeque<String>,
    /// The sound opened last, and its call.
    sounding: Option<(String, Weak<CallAudio>)>,
}

impl Silenced {
    /// This call is silent from now on, whether its sound is open already or not.
    pub fn silence(&self, call_id: &str) {
        let mut known = self.known();
        if let Some(audio) = known.sounding.as_ref().filter(|(id, _)| id == call_id).and_then(|(_, a)| a.upgrade()) {
            audio.silence();
        }
        if known.over.iter().any(|id| id == call_id) {
            return;
        }
        if known.over.len() >= REMEMBERED {
            known.over.pop_front();
        }
        known.over.push_back(call_id.to_owned());
    }

    /// A new call comes by a Call-ID that may have been used before: a proxy that sends a call again keeps it.
    pub fn begins(&self, call_id: &str) {
        self.known().over.retain(|id| id != call_id);
    }

    /// The sound of this call has been opened.
    pub fn opened(&self, call_id: &str, audio: &Arc<CallAudio>) {
        let mut known = self.known();
        if known.over.iter().any(|id| id == call_id) {
            audio.silence();
        }
        known.sounding = Some((call_id.to_owned(), Arc::downgrade(audio)));
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
