//! Session timers (RFC 4028): how a far end makes sure that the call it knows of is still there.
//!
//! We never ask for one. Where one is asked for it is kept: we would rather have the other side refresh, and do it
//! ourselves, at half time, where we are told to.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    headers::{Headers, param},
    message::{Request, Writer},
};

/// The shortest interval taken, s (RFC 4028 5).
pub(super) const LEAST: u32 = 90;
/// After a lost connection, or a refresh that came to nothing, this much is always left.
const GRACE: Duration = Duration::from_secs(32);
/// Between attempts to refresh that fail, at least.
const LEAST_PAUSE: Duration = Duration::from_secs(5);

/// The timer of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SessionTimer {
    /// The interval, s.
    interval: u32,
    /// The smallest interval anybody on the way has asked for, s.
    least: u32,
    /// We refresh.
    pub(super) ours: bool,
    /// The far end knows the extension: it may be told to refresh.
    known: bool,
    /// When we refresh next.
    refresh: Instant,
    /// When the session is over, if nobody refreshes.
    end: Instant,
}

/// What a timer has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ripe {
    /// Time to refresh.
    Refresh,
    /// Nobody has refreshed.
    Over,
}

impl SessionTimer {
    /// What an INVITE or UPDATE of the other side asks for (RFC 4028 9); the error is the smallest interval we take.
    pub(super) fn asked(request: &Request, now: Instant) -> Result<Option<Self>, u32> {
        let Some((interval, refresher)) = session_expires(&request.headers) else { return Ok(None) };
        let known = ["Supported", "Require"]
            .iter()
            .any(|name| request.headers.values(name).any(|tag| tag.eq_ignore_ascii_case("timer")));
        if interval < LEAST && known {
            return Err(LEAST);
        }
        let least = request.headers.seconds("Min-SE").unwrap_or(LEAST).max(LEAST);
        let ours = !known || refresher.is_some_and(|r| r.eq_ignore_ascii_case("uas"));
        Ok(Some(Self::begin(interval.max(least), least, ours, known, now)))
    }

    /// What a 2xx to a request of ours says (RFC 4028 7.2); without the header there is no timer any more.
    pub(super) fn granted(before: Option<&Self>, headers: &Headers, now: Instant) -> Option<Self> {
        let (interval, refresher) = session_expires(headers)?;
        let ours = !refresher.is_some_and(|r| r.eq_ignore_ascii_case("uas"));
        let least = before.map_or(LEAST, |timer| timer.least);
        Some(Self::begin(interval.max(LEAST), least, ours, true, now))
    }

    fn begin(interval: u32, least: u32, ours: bool, known: bool, now: Instant) -> Self {
        let whole = Duration::from_secs(interval.into());
        // Who waits for the other side ends the session a little before it is over (RFC 4028 10).
        let early = if ours { Duration::ZERO } else { GRACE.min(whole / 3) };
        Self { interval, least, ours, known, refresh: now + whole / 2, end: now + whole - early }
    }

    /// Our side of the agreement, on a 2xx.
    pub(super) fn answer(&self, writer: Writer) -> Writer {
        let refresher = if self.ours { "uas" } else { "uac" };
        let writer = writer.header("Session-Expires", &format!("{};refresher={refresher}", self.interval));
        // Who must refresh must know how.
        if self.known && !self.ours { writer.header("Require", "timer") } else { writer }
    }

    /// The same, on a request of ours.
    pub(super) fn ask(&self, writer: Writer) -> Writer {
        let refresher = if self.ours || !self.known { "uac" } else { "uas" };
        let writer = writer.header("Session-Expires", &format!("{};refresher={refresher}", self.interval));
        if self.least > LEAST { writer.header("Min-SE", &self.least.to_string()) } else { writer }
    }

    /// A 422 came: the interval was too short for somebody on the way. False if it does not say what would do.
    pub(super) fn lengthen(&mut self, headers: &Headers) -> bool {
        let Some(least) = headers.seconds("Min-SE").filter(|least| *least > self.interval) else { return false };
        (self.interval, self.least) = (least, least);
        true
    }

    /// A refresh has been begun: the next one only after its end, or when the connection is back.
    pub(super) fn asked_for(&mut self, now: Instant) {
        self.refresh = now + GRACE;
    }

    /// The refresh came to nothing: it is tried again at half of what is left, and so on until the end.
    pub(super) fn missed(&mut self, now: Instant) {
        self.refresh = self.refresh.min(now + (self.left(now) / 2).max(LEAST_PAUSE));
    }

    /// Until the session is over.
    pub(super) fn left(&self, now: Instant) -> Duration {
        self.end.saturating_duration_since(now)
    }

    /// There is a connection again: nobody could refresh meanwhile.
    pub(super) fn back(&mut self, now: Instant) {
        self.end = self.end.max(now + GRACE * 2);
        if self.ours {
            self.refresh = self.refresh.min(now);
        }
    }

    /// When [`Self::ripe`] says something.
    pub(super) fn deadline(&self) -> Instant {
        if self.ours { self.refresh.min(self.end) } else { self.end }
    }

    /// What time has brought.
    pub(super) fn ripe(&self, now: Instant) -> Option<Ripe> {
        if self.end <= now { Some(Ripe::Over) } else { (self.ours && self.refresh <= now).then_some(Ripe::Refresh) }
    }
}

/// Interval in seconds and who refreshes; `x` is the compact name.
fn session_expires(headers: &Headers) -> Option<(u32, Option<&str>)> {
    let value = headers.get("Session-Expires")?;
    let (seconds, params) = value.split_once(';').unwrap_or((value, ""));
    Some((seconds.trim().parse().ok()?, param(params, "refresher")))
}
