//! How a call sounds to a person: when that is worth a warning, and what is kept of it.
//!
//! Pure: fed once a second. The thresholds are those that production SDKs use (`targets.md` 3.3).

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

/// What is wrong with the sound of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningName {
    /// The far end is not heard because the speaker's device takes nothing.
    SpeakerStalled,
    /// Packets get lost.
    HighLoss,
    /// Packets come unevenly.
    HighJitter,
    /// It takes long to the other side and back.
    HighRtt,
    /// All together it sounds bad.
    LowMos,
    /// The microphone delivers the same all the time.
    ConstantInput,
    /// The far end sends nothing but silence.
    FarEndSilent,
}

impl WarningName {
    /// Worst first: what to tell where there is room for one.
    pub const ALL: [WarningName; 7] = [
        WarningName::SpeakerStalled,
        WarningName::HighLoss,
        WarningName::HighJitter,
        WarningName::HighRtt,
        WarningName::LowMos,
        WarningName::ConstantInput,
        WarningName::FarEndSilent,
    ];

    /// Good to know, and nothing that anybody here could mend.
    pub fn is_informational(self) -> bool {
        self == WarningName::FarEndSilent
    }

    fn rule(self) -> Option<Rule> {
        let most = |raise, clear| Some(Rule { over: true, raise, clear, average: false });
        match self {
            WarningName::HighRtt => most(400.0, 350.0),
            WarningName::HighJitter => most(30.0, 25.0),
            WarningName::HighLoss => Some(Rule { over: true, raise: 3.0, clear: 1.5, average: true }),
            WarningName::LowMos => Some(Rule { over: false, raise: 3.5, clear: 3.6, average: false }),
            WarningName::SpeakerStalled | WarningName::ConstantInput | WarningName::FarEndSilent => None,
        }
    }
}

/// When a measure is bad, and when it is well again.
#[derive(Clone, Copy)]
struct Rule {
    /// Bad is more than the threshold, else less.
    over: bool,
    raise: f32,
    clear: f32,
    /// The average of the last [`AVERAGED`] counts, else each of the last [`LOOKED_AT`].
    average: bool,
}

impl Rule {
    fn is_bad(self, value: f32) -> bool {
        if self.over { value > self.raise } else { value < self.raise }
    }

    fn is_well(self, value: f32) -> bool {
        if self.over { value < self.clear } else { value > self.clear }
    }
}

/// Samples looked at for a measure that counts by the sample, and how many of them must be bad.
const LOOKED_AT: usize = 5;
const BAD: usize = 3;
/// Samples averaged for a measure that counts by its average.
const AVERAGED: usize = 7;
/// Samples in a row that must be well before a warning is over.
const WELL: usize = 3;
/// Levels looked at, and how little they may differ to be the same, dB: 4 s, which no room with a person in it does.
const LEVELS: usize = 40;
const SAME_LEVEL: f32 = 0.5;
/// Digital silence has a message of its own.
const SILENCE_DBFS: f32 = -89.0;

/// A warning in force.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Warning {
    /// Which.
    pub name: WarningName,
    /// What was measured last, in the unit of the threshold.
    pub value: f32,
    /// What it is held against: ms, percent, score, dB or seconds.
    pub threshold: f32,
}

/// A warning has come or gone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WarningChange {
    /// It is in force now.
    Raised(Warning),
    /// It is over.
    Cleared(Warning),
}

/// A second of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// Round trip, ms.
    pub rtt_ms: Option<f32>,
    /// Jitter of what arrives, ms.
    pub jitter_ms: f32,
    /// Packets lost in this second, percent.
    pub loss_pct: f32,
    /// Mean opinion score.
    pub mos: f32,
}

/// Watches over a call and says when something is worth a warning.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QualityWatch {
    measured: BTreeMap<WarningName, VecDeque<f32>>,
    levels: VecDeque<f32>,
    in_force: BTreeMap<WarningName, Warning>,
}

impl QualityWatch {
    /// Warnings in force, worst first.
    pub fn warnings(&self) -> impl Iterator<Item = &Warning> {
        WarningName::ALL.into_iter().filter_map(|name| self.in_force.get(&name))
    }

    /// A second has passed.
    pub fn second(&mut self, sample: Sample) -> Vec<WarningChange> {
        let measures = [
            (WarningName::HighRtt, sample.rtt_ms),
            (WarningName::HighJitter, Some(sample.jitter_ms)),
            (WarningName::HighLoss, Some(sample.loss_pct)),
            (WarningName::LowMos, Some(sample.mos)),
        ];
        measures.into_iter().filter_map(|(name, value)| self.measure(name, value.filter(|v| v.is_finite())?)).collect()
    }

    /// A tenth of a second has passed: what the microphone heard, dBFS. None while it is muted.
    pub fn level(&mut self, dbfs: Option<f32>) -> Option<WarningChange> {
        let Some(dbfs) = dbfs.filter(|dbfs| *dbfs > SILENCE_DBFS) else {
            self.levels.clear();
            return self.settle(WarningName::ConstantInput);
        };
        if self.levels.len() >= LEVELS {
            self.levels.pop_front();
        }
        self.levels.push_back(dbfs);
        let (least, most) = self.levels.iter().fold((f32::MAX, f32::MIN), |(l, m), v| (l.min(*v), m.max(*v)));
        if most - least > SAME_LEVEL {
            return self.settle(WarningName::ConstantInput);
        }
        let full = self.levels.len() >= LEVELS;
        full.then(|| self.raise(Warning { name: WarningName::ConstantInput, value: dbfs, threshold: SAME_LEVEL }))?
    }

    /// Something that is told as such is wrong, or no longer is; for how long it has to last, s.
    pub fn told(&mut self, name: WarningName, wrong: bool, seconds: f32) -> Option<WarningChange> {
        if wrong { self.raise(Warning { name, value: seconds, threshold: seconds }) } else { self.settle(name) }
    }

    /// Nothing is measured any more: what was in force is over.
    pub fn reset(&mut self) -> Vec<WarningChange> {
        self.measured.clear();
        self.levels.clear();
        std::mem::take(&mut self.in_force).into_values().map(WarningChange::Cleared).collect()
    }

    fn measure(&mut self, name: WarningName, value: f32) -> Option<WarningChange> {
        let rule = name.rule()?;
        let kept = if rule.average { AVERAGED } else { LOOKED_AT };
        let history = self.measured.entry(name).or_default();
        if history.len() >= kept {
            history.pop_front();
        }
        history.push_back(value);
        // What is not measured yet counts as nothing, so that one bad second is no average.
        let average = history.iter().sum::<f32>() / AVERAGED as f32;
        let bad_ones = history.iter().filter(|value| rule.is_bad(**value)).count();
        // A single second is none, however bad it was.
        let bad = if rule.average { bad_ones > 1 && rule.is_bad(average) } else { bad_ones >= BAD };
        let mut last = history.iter().rev().take(WELL);
        let well = history.len() >= WELL && last.all(|value| rule.is_well(*value));
        let shown = if rule.average { average } else { value };
        if let Some(warning) = self.in_force.get_mut(&name) {
            warning.value = shown;
            if !well {
                return None;
            }
            // What was bad before must not raise it again.
            history.clear();
            return self.settle(name);
        }
        if bad { self.raise(Warning { name, value: shown, threshold: rule.raise }) } else { None }
    }

    fn raise(&mut self, warning: Warning) -> Option<WarningChange> {
        self.in_force.insert(warning.name, warning).is_none().then_some(WarningChange::Raised(warning))
    }

    fn settle(&mut self, name: WarningName) -> Option<WarningChange> {
        self.in_force.remove(&name).map(WarningChange::Cleared)
    }
}

/// How a call has sounded, when it is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallQuality {
    /// Codec, the last one of the call.
    pub codec: String,
    /// Mean opinion score over the call.
    pub mos: f32,
    /// The worst of it.
    pub worst_mos: f32,
    /// Packets of the far end that never came, percent.
    pub loss_pct: f32,
    /// Sound that was made up, percent.
    pub concealed_pct: f32,
    /// Jitter of what arrived, mean, ms.
    pub jitter_ms: f32,
    /// Round trip, mean, ms.
    pub rtt_ms: Option<f32>,
    /// What the far end lost of what was sent, mean, percent.
    pub far_loss_pct: Option<f32>,
    /// Seconds in which nothing came though it should have.
    pub silent_s: u32,
    /// Warnings raised.
    pub warnings: u32,
}

/// A second of a call, for what is kept of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Heard {
    /// As for the warnings.
    pub sample: Sample,
    /// Sound that was made up, percent.
    pub concealed_pct: f32,
    /// What the far end lost, percent.
    pub far_loss_pct: Option<f32>,
    /// Packets that came, since the sound of the call began.
    pub received: u64,
    /// Packets that did not.
    pub lost: u64,
    /// Nothing came in this second though it should have.
    pub silent: bool,
}

/// The sum of the seconds of a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QualityTally {
    codec: &'static str,
    mos: Mean,
    worst_mos: Option<f32>,
    concealed: Mean,
    jitter: Mean,
    rtt: Mean,
    far_loss: Mean,
    /// Of the media sessions before this one, and of this one.
    before: (u64, u64),
    now: (u64, u64),
    silent_s: u32,
    warnings: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Mean {
    sum: f64,
    count: u32,
}

impl Mean {
    fn add(&mut self, value: f32) {
        if value.is_finite() {
            self.sum += f64::from(value);
            self.count += 1;
        }
    }

    fn value(self) -> Option<f32> {
        (self.count > 0).then(|| (self.sum / f64::from(self.count)) as f32)
    }
}

impl QualityTally {
    /// A second has passed.
    pub fn second(&mut self, heard: Heard) {
        self.mos.add(heard.sample.mos);
        let worst = self.worst_mos.get_or_insert(heard.sample.mos);
        *worst = worst.min(heard.sample.mos);
        self.concealed.add(heard.concealed_pct);
        self.jitter.add(heard.sample.jitter_ms);
        heard.sample.rtt_ms.into_iter().for_each(|rtt| self.rtt.add(rtt));
        heard.far_loss_pct.into_iter().for_each(|loss| self.far_loss.add(loss));
        if heard.received < self.now.0 {
            // Another media session counts from the beginning.
            self.before = (self.before.0 + self.now.0, self.before.1 + self.now.1);
        }
        self.now = (heard.received, heard.lost);
        self.silent_s += u32::from(heard.silent);
    }

    /// This codec is spoken from now on.
    pub fn spoken(&mut self, codec: &'static str) {
        self.codec = codec;
    }

    /// A warning was raised.
    pub fn warned(&mut self) {
        self.warnings += 1;
    }

    /// All of it, if there was any sound.
    pub fn summary(&self) -> Option<CallQuality> {
        let (received, lost) = (self.before.0 + self.now.0, self.before.1 + self.now.1);
        let round = |value: f32, steps: f32| (value * steps).round() / steps;
        Some(CallQuality {
            codec: self.codec.to_owned(),
            mos: round(self.mos.value()?, 100.0),
            worst_mos: round(self.worst_mos?, 100.0),
            loss_pct: round(lost as f32 * 100.0 / (received + lost).max(1) as f32, 10.0),
            concealed_pct: round(self.concealed.value().unwrap_or(0.0), 10.0),
            jitter_ms: round(self.jitter.value().unwrap_or(0.0), 10.0),
            rtt_ms: self.rtt.value().map(|rtt| round(rtt, 10.0)),
            far_loss_pct: self.far_loss.value().map(|loss| round(loss, 10.0)),
            silent_s: self.silent_s,
            warnings: self.warnings,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: Sample = Sample { rtt_ms: Some(40.0), jitter_ms: 3.0, loss_pct: 0.0, mos: 4.3 };

    /// Seconds until a warning of this name is raised, then until it is cleared, by `bad` and then by [`GOOD`].
    fn seconds(name: WarningName, bad: Sample) -> (usize, usize) {
        let mut watch = QualityWatch::default();
        for _ in 0..30 {
            assert_eq!(watch.second(GOOD), []);
        }
        let mut until = |sample, raised| {
            (1..=30).find(|_| {
                watch.second(sample).iter().any(|change| match change {
                    WarningChange::Raised(warning) => raised && warning.name == name,
                    WarningChange::Cleared(warning) => !raised && warning.name == name,
                })
            })
        };
        let raised = until(bad, true).expect("raised");
        // It has been bad for long before it gets well.
        for _ in 0..20 {
            until(bad, true);
        }
        (raised, until(GOOD, false).expect("cleared"))
    }

    #[test]
    fn each_is_raised_and_cleared_within_five_seconds() {
        for (name, bad) in [
            (WarningName::HighRtt, Sample { rtt_ms: Some(450.0), ..GOOD }),
            (WarningName::HighJitter, Sample { jitter_ms: 40.0, ..GOOD }),
            (WarningName::HighLoss, Sample { loss_pct: 6.0, ..GOOD }),
            (WarningName::HighLoss, Sample { loss_pct: 40.0, ..GOOD }),
            (WarningName::LowMos, Sample { mos: 3.0, ..GOOD }),
        ] {
            let (raised, cleared) = seconds(name, bad);
            assert!((2..=5).contains(&raised) && (2..=5).contains(&cleared), "{name:?}: {raised} s, {cleared} s");
        }
    }

    #[test]
    fn the_thresholds_are_those_of_the_table() {
        let raised = |sample: Sample, seconds| {
            let mut watch = QualityWatch::default();
            (0..seconds).flat_map(|_| watch.second(sample)).count()
        };
        for (within, beyond) in [
            (Sample { rtt_ms: Some(400.0), ..GOOD }, Sample { rtt_ms: Some(401.0), ..GOOD }),
            (Sample { jitter_ms: 30.0, ..GOOD }, Sample { jitter_ms: 30.5, ..GOOD }),
            (Sample { loss_pct: 3.0, ..GOOD }, Sample { loss_pct: 3.2, ..GOOD }),
            (Sample { mos: 3.5, ..GOOD }, Sample { mos: 3.4, ..GOOD }),
        ] {
            assert_eq!((raised(within, 60), raised(beyond, 60)), (0, 1), "{beyond:?}");
        }
    }

    #[test]
    fn one_bad_second_is_no_warning() {
        let mut watch = QualityWatch::default();
        let bad = Sample { rtt_ms: Some(900.0), jitter_ms: 200.0, loss_pct: 100.0, mos: 1.0 };
        for n in 0..60 {
            assert_eq!(watch.second(if n % 10 == 0 { bad } else { GOOD }), [], "second {n}");
        }
    }

    #[test]
    fn between_the_thresholds_nothing_changes() {
        let mut watch = QualityWatch::default();
        (0..5).for_each(|_| drop(watch.second(Sample { jitter_ms: 50.0, ..GOOD })));
        for n in 0..60 {
            let jitter_ms = if n % 2 == 0 { 29.0 } else { 26.0 };
            assert_eq!(watch.second(Sample { jitter_ms, ..GOOD }), []);
        }
        assert_eq!(watch.warnings().map(|warning| warning.name).collect::<Vec<_>>(), [WarningName::HighJitter]);
    }

    #[test]
    fn a_level_that_never_moves_is_told_and_a_voice_or_silence_is_not() {
        let mut watch = QualityWatch::default();
        let mut raised_at = None;
        for n in 0..100 {
            if let Some(WarningChange::Raised(_)) = watch.level(Some(-20.0 + (n % 2) as f32 * 0.2)) {
                raised_at = Some(n);
            }
        }
        assert_eq!(raised_at, Some(39), "4 s");
        assert!(matches!(watch.level(Some(-26.0)), Some(WarningChange::Cleared(_))));
        for n in 0..200 {
            assert_eq!(watch.level(Some(-50.0 + (n % 7) as f32)), None);
        }
        for _ in 0..200 {
            assert_eq!(watch.level(Some(-90.0)), None, "digital silence");
        }
    }

    #[test]
    fn the_summary_goes_on_over_media_sessions() {
        let mut tally = QualityTally::default();
        assert_eq!(tally.summary(), None, "no sound");
        tally.spoken("PCMA");
        let second = |received, lost, mos| Heard {
            sample: Sample { mos, ..GOOD },
            received,
            lost,
            concealed_pct: 2.0,
            ..Heard::default()
        };
        tally.second(second(900, 100, 4.0));
        tally.second(second(100, 0, 3.0));
        tally.second(Heard { silent: true, ..second(100, 0, 2.0) });
        tally.warned();
        let summary = tally.summary().unwrap();
        assert_eq!((summary.mos, summary.worst_mos, summary.loss_pct), (3.0, 2.0, 9.1));
        assert_eq!((summary.silent_s, summary.warnings, summary.codec.as_str()), (1, 1, "PCMA"));
        assert_eq!((summary.rtt_ms, summary.far_loss_pct), (Some(40.0), None));
    }

    fn any_sample() -> impl Strategy<Value = Sample> {
        let value = || prop_oneof![8 => 0.0f32..60.0, 1 => 300.0f32..500.0, 1 => any::<f32>()];
        (proptest::option::of(value()), value(), value(), prop_oneof![3.0f32..4.0, any::<f32>()])
            .prop_map(|(rtt_ms, jitter_ms, loss_pct, mos)| Sample { rtt_ms, jitter_ms, loss_pct, mos })
    }

    proptest! {
        /// Whatever is measured: a warning that comes was not there, one that goes was, and the list says the same.
        #[test]
        fn warnings_come_and_go_in_turn(
            steps in proptest::collection::vec((any_sample(), proptest::option::of(-90.0f32..0.0), 0u8..20), 0..300)
        ) {
            let mut watch = QualityWatch::default();
            let mut on = std::collections::BTreeSet::new();
            for (sample, level, dice) in steps {
                let mut changes = watch.second(sample);
                changes.extend(watch.level(level));
                changes.extend(watch.told(WarningName::FarEndSilent, dice % 3 == 0, 3.0));
                if dice == 7 {
                    changes.extend(watch.reset());
                }
                for change in changes {
                    match change {
                        WarningChange::Raised(warning) => prop_assert!(on.insert(warning.name), "{warning:?} twice"),
                        WarningChange::Cleared(warning) => prop_assert!(on.remove(&warning.name), "{warning:?} never"),
                    }
                }
                let listed: std::collections::BTreeSet<_> = watch.warnings().map(|warning| warning.name).collect();
                prop_assert_eq!(&listed, &on);
            }
        }
    }
}
