//! Whether everything that a call needs is in order, as it is shown: one line for each thing, what is wrong with it and
//! what to do.

mod facts;

use jiff::Timestamp;
use serde::Serialize;

use super::moment;
use crate::softphone::SoundTest;

/// How something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthLevel {
    /// Not used now, or not looked at yet.
    #[default]
    Off,
    /// As it should be.
    Ok,
    /// Calls work; something is not as it should be.
    Warn,
    /// Calls do not work.
    Fail,
}

/// One thing that a call needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthItem {
    /// Name for scripts: `config`, `token`, `platform`, `link`, `sip`, `microphone`, `speaker`, `ring_device`, `media`,
    /// `quality`.
    pub name: &'static str,
    /// How it is.
    pub level: HealthLevel,
    /// The same in words.
    pub text: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Since when it is so.
    #[serde(serialize_with = "moment::to_ms")]
    pub since: Timestamp,
    /// When it was last seen to be so: the last 200 OK of a registration, the last proof of a device.
    #[serde(serialize_with = "moment::to_ms_if_known")]
    pub confirmed: Option<Timestamp>,
    /// Until when it holds: the end of a token or of a registration.
    #[serde(serialize_with = "moment::to_ms_if_known")]
    pub until: Option<Timestamp>,
    /// Round trip, ms, where one is measured.
    pub value_ms: Option<u64>,
}

/// Everything that a call needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct HealthView {
    /// The worst of all.
    pub level: HealthLevel,
    /// The check runs all the time (`check = true`).
    pub check: bool,
    /// Why the agent may not go ready, while that is so.
    pub ready_refused: Option<String>,
    /// In the order of the way from here to the caller.
    pub items: Vec<HealthItem>,
    /// The test of microphone and speaker: the one that runs, or the last.
    #[serde(skip)]
    pub test: Option<SoundTest>,
}

/// A round trip in words, in the original's bands (protocol `phone-bar.md` 9), and how it is to be taken.
pub(super) fn band(ms: u64) -> (&'static str, HealthLevel) {
    match ms {
        0..120 => ("health.trip_quick", HealthLevel::Ok),
        120..240 => ("health.trip_good", HealthLevel::Ok),
        240..360 => ("health.trip_slow", HealthLevel::Warn),
        360..480 => ("health.trip_very_slow", HealthLevel::Warn),
        480.. => ("health.trip_too_slow", HealthLevel::Fail),
    }
}
