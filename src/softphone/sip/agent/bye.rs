//! The BYE transaction: outlives the call, and the connection it began on.

use tokio::time::Instant;

use super::{
    super::{bye::Bye, call::Call, digest::Challenge, headers::param, message::Response, timers::TIMER_F},
    Agent,
};

impl Agent {
    /// Says BYE; if there is no connection now, over the next one.
    pub(super) fn bye(&mut self, mut call: Call, now: Instant) {
        let (branch, text) = call.goodbye(&self.identity, &[]);
        self.send(text.clone());
        self.byes.push(Bye { call, branch, text, give_up: now + TIMER_F, challenged: false });
    }

    /// A response that is not the registration's: the answer to a BYE, or nobody's.
    pub(super) fn bye_response(&mut self, response: &Response, now: Instant) {
        let branch = response.headers.values("Via").next().and_then(|via| param(via, "branch"));
        let index = self.byes.iter().position(|bye| Some(bye.branch.as_str()) == branch);
        let Some(index) = index.filter(|_| response.code >= 200) else {
            tracing::debug!(code = response.code, "a response to nothing");
            return;
        };
        let mut bye = self.byes.remove(index);
        let challenges = Challenge::choose(&response.headers);
        if let (401 | 407, false, false, Some(registration)) =
            (response.code, bye.challenged, challenges.is_empty(), &mut self.registration)
        {
            let credentials = registration.credentials();
            credentials.challenged(challenges);
            let headers = credentials.headers("BYE", bye.call.request_uri(), "");
            let (branch, text) = bye.call.goodbye(&self.identity, &headers);
            self.send(text.clone());
            self.byes.push(Bye { branch, text, give_up: now + TIMER_F, challenged: true, ..bye });
        } else if response.code >= 300 {
            tracing::debug!(code = response.code, "BYE refused; the call is over all the same");
        }
    }
}
