//! What a clock that is set must neither set going nor make grow.

use std::time::Instant;

use serde_json::Value;

use super::{cell::Cell, faults::Act, phases::Phase, rig::Done};

/// Clocks of a call may be so much off, ms: they are asked for over a socket on a busy machine.
const TOLERANCE_MS: f64 = 1000.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counts {
    /// Registrations and event links that the platform has seen.
    registrations: usize,
    links: usize,
    /// Clocks of the call, ms.
    ring: f64,
    talk: f64,
    hold: f64,
}

impl Cell {
    pub(super) async fn counts(&self) -> Done<Counts> {
        let log = self.rig.look("/log").await?;
        let count = |source: &str, start: &str| {
            let entries = log.as_array().into_iter().flatten();
            let is = |entry: &&Value| {
                let text = entry["text"].as_str().unwrap_or_default();
                entry["source"] == source && entry["direction"] == "in" && text.starts_with(start)
            };
            entries.filter(is).count()
        };
        let status = self.rig.status().await?;
        let ms = |key: &str| status["call"][key].as_f64().unwrap_or_default();
        Ok(Counts {
            registrations: count("sip", "REGISTER"),
            links: count("ws", "GET"),
            ring: ms("ring_ms"),
            talk: ms("talk_ms"),
            hold: ms("hold_ms"),
        })
    }

    /// After the clock was set: nobody connected or registered anew, and the call's clocks went on as before.
    pub(super) async fn counts_as_before(&mut self) -> Done {
        let Some((at, before)) = self.clock_set else { return Ok(()) };
        let now = self.counts().await?;
        let passed = at.elapsed().as_secs_f64() * 1000.0;
        self.say(format!("{before:?}, after {passed:.0} ms {now:?}"));
        if self.phase == Phase::SigningIn {
            return Ok(());
        }
        if now.registrations > before.registrations || now.links > before.links {
            return Err(format!("the clock was set, and the phone bar connected anew: {before:?}, {now:?}"));
        }
        for (what, before, now) in
            [("rung", before.ring, now.ring), ("talked", before.talk, now.talk), ("held", before.hold, now.hold)]
        {
            let grown = now - before;
            if grown < -1.0 || grown > passed + TOLERANCE_MS {
                return Err(format!(
                    "the clock was set, and the call has {what} for {grown} ms more in {passed:.0} ms"
                ));
            }
        }
        let grown = now.talk - before.talk;
        if self.phase.speaks() && grown < passed - TOLERANCE_MS {
            return Err(format!("the clock was set, and the call's own stands: {grown} ms in {passed:.0} ms"));
        }
        Ok(())
    }

    /// No call of the journal lasted longer than the cell, nor the one of before less than the fault.
    pub(super) fn lasted_as_long_as_it_did(&self, journal: &Value) -> Done {
        let (Some((at, _)), Act::Clock(seconds)) = (self.clock_set, &self.fault.act) else { return Ok(()) };
        let lines = journal["calls"].as_array().cloned().unwrap_or_default();
        let ms = |line: &Value, key: &str| line[key].as_f64().unwrap_or_default();
        let most = (self.begun.elapsed().as_secs_f64()) * 1000.0 + TOLERANCE_MS;
        let longest = lines.iter().map(|line| ms(line, "talk_ms")).fold(0.0, f64::max);
        let whole = |line: &&Value| ms(line, "talk_ms") + ms(line, "ring_ms") > most;
        if let Some(line) = lines.iter().find(whole) {
            return Err(format!("the clock was set, and a call lasted too long: {line}"));
        }
        // The newest call says whether the clock was set at all.
        let times = lines.first().and_then(|line| line["time"].as_str()?.parse::<jiff::Timestamp>().ok());
        let off = times.map(|time| (time.as_second() - jiff::Timestamp::now().as_second() - i64::from(*seconds)).abs());
        if off.is_none_or(|off| off > 120) {
            return Err(format!("the phone bar's clock was not set: {journal}"));
        }
        let least = self.fault.lasts_ms as f64 - TOLERANCE_MS;
        if lines.is_empty() || (self.phase.speaks() && longest < least) {
            return Err(format!(
                "the clock was set {:?} ago, and a call was too short: {journal}",
                Instant::now() - at
            ));
        }
        Ok(())
    }
}
