//! Between a device and our blocks of 10 ms: keeps as much ready as the device needs, follows its clock, and gives up what
//! is too much.

use std::sync::atomic::Ordering;

use super::{drift::Drift, line::Open, open::End};
use crate::softphone::audio::{BLOCK, RATE, resample::Resampler};

/// Added to what a device is kept filled with each time it runs dry, samples: 5 ms.
const MORE_MARGIN: usize = 240;
/// The most added so, samples: 60 ms.
const MOST_MARGIN: usize = 2880;
/// When this much more than should waits in a ring on average, a block is left out, samples: 20 ms.
const EXCESS: f64 = 960.0;
/// When this much more waits at once, the device does not keep time, samples: 60 ms.
const JAM: usize = 2880;

/// Fewer samples than this left over, 2 ms, are nearly none.
const NEARLY_DRY: usize = 96;
/// Blocks after more was wanted in which that is not looked at: 6 s, until the drift's correction has brought it.
const REST_AFTER_MORE: u32 = 600;
/// Blocks after which what was not needed is kept ready no longer: 10 s.
const LOOKED_BACK: u32 = 1000;

/// How much should wait: what the device takes or gives at once, a block, and more after it ran dry or nearly so, until
/// that has not been needed for a while.
struct Margin {
    extra: usize,
    starved: u64,
    rest: u32,
    lowest: usize,
    blocks: u32,
}

impl Default for Margin {
    fn default() -> Self {
        Self { extra: 0, starved: 0, rest: 0, lowest: usize::MAX, blocks: 0 }
    }
}

impl Margin {
    fn wanted(&self, open: &Open) -> usize {
        // A server's queue is filled by ourselves: half a block is enough for our being late. More comes when needed.
        let block = if matches!(open.end, End::Playback(_)) { BLOCK / 2 } else { BLOCK };
        self.period(open) + block + self.extra
    }

    /// What the device takes or gives at once, in our rate.
    fn period(&self, open: &Open) -> usize {
        let biggest = open.stats.biggest.load(Ordering::Relaxed) as u64 * u64::from(RATE) / u64::from(open.rate.max(1));
        let biggest = biggest as usize;
        match open.end.is_of_server() {
            // It makes up for lost time with one great piece; its period is at most the one asked for all the same.
            true if biggest > 0 => biggest.min(BLOCK),
            true => BLOCK,
            false => biggest.min(RATE as usize / 5),
        }
    }

    fn ran_dry(&mut self) {
        self.extra = (self.extra + MORE_MARGIN).min(MOST_MARGIN);
        self.rest = REST_AFTER_MORE;
    }

    /// Every block: how many samples were left when there were fewest. More is kept ready before it is too late; that
    /// takes a while to have an effect.
    fn note(&mut self, left: usize, device: &str) {
        self.rest = self.rest.saturating_sub(1);
        if left < NEARLY_DRY && self.rest == 0 {
            self.ran_dry();
            tracing::debug!(left, margin = self.extra, device, "nearly dry");
        }
        (self.lowest, self.blocks) = (self.lowest.min(left), self.blocks + 1);
        if self.blocks == LOOKED_BACK {
            if self.lowest > NEARLY_DRY + 2 * MORE_MARGIN {
                self.extra = self.extra.saturating_sub(MORE_MARGIN);
            }
            (self.lowest, self.blocks) = (usize::MAX, 0);
        }
    }
}

/// From the microphone's ring to our blocks.
pub struct CaptureFeed {
    resampler: Option<Resampler>,
    drift: Drift,
    ready: Vec<f32>,
    scratch: Vec<f32>,
    margin: Margin,
    filling: bool,
}

impl CaptureFeed {
    /// For a device of this rate, Hz.
    pub fn new(rate: u32) -> Self {
        Self {
            resampler: Resampler::new(rate, RATE),
            drift: Drift::from_device(),
            ready: Vec::new(),
            scratch: Vec::new(),
            margin: Margin::default(),
            filling: true,
        }
    }

    /// Samples that wait to be taken.
    pub fn waiting(&self) -> usize {
        self.ready.len()
    }

    /// The next 10 ms, where there is something.
    pub fn read(&mut self, open: &mut Open, block: &mut [f32; BLOCK]) {
        let wanted = self.margin.wanted(open);
        match (&mut open.end, &mut self.resampler) {
            (End::Record(record), _) => record.take(&mut self.ready),
            (End::Capture(ring), Some(resampler)) => {
                self.scratch.resize(ring.slots(), 0.0);
                let (heard, _) = ring.pop_partial_slice(&mut self.scratch);
                resampler.process(heard, &mut self.ready);
            }
            (End::Capture(_) | End::Play(_) | End::Playback(_), _) => return,
        }
        let fill = self.ready.len();
        if self.filling && fill < wanted {
            return;
        }
        if self.filling || fill > wanted + JAM {
            self.ready.drain(..fill - wanted);
            self.drift.forget();
            self.filling = false;
        }
        self.drift.note(self.ready.len(), wanted);
        if self.drift.over(wanted) > EXCESS && self.ready.len() > BLOCK + wanted {
            self.ready.drain(..BLOCK);
            self.drift.left_out();
        }
        let takes = self.drift.takes();
        let Some(samples) = self.ready.get(..takes) else {
            self.margin.ran_dry();
            self.filling = true;
            open.stats.xruns.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(margin = self.margin.extra, "the microphone does not keep up");
            return;
        };
        for (to, from) in block.iter_mut().zip(self.drift.process(samples)) {
            *to = *from;
        }
        self.ready.drain(..takes);
        self.margin.note(self.ready.len(), &open.name);
    }
}

/// From our blocks to a speaker's ring.
pub struct PlayFeed {
    rate: u32,
    resampler: Option<Resampler>,
    drift: Drift,
    out: Vec<f32>,
    margin: Margin,
    filling: bool,
    jammed: bool,
}

impl PlayFeed {
    /// For a device of this rate, Hz.
    pub fn new(rate: u32) -> Self {
        Self {
            rate,
            resampler: Resampler::new(RATE, rate),
            drift: Drift::to_device(),
            out: Vec::new(),
            margin: Margin::default(),
            filling: true,
            jammed: false,
        }
    }

    /// The next 10 ms to be played.
    pub fn write(&mut self, open: &mut Open, block: &[f32; BLOCK]) {
        // A server plays nothing before it has something to play.
        if !open.at_work() && !open.end.is_of_server() {
            return;
        }
        let starved = open.stats.starved.load(Ordering::Relaxed);
        if starved != self.margin.starved && !self.filling {
            self.margin.ran_dry();
            self.filling = true;
            tracing::debug!(margin = self.margin.extra, "the speaker ran dry");
        }
        self.margin.starved = starved;
        let wanted = self.margin.wanted(open);
        let Some(resampler) = &mut self.resampler else { return };
        let to_ours = |samples: usize| (samples as u64 * u64::from(RATE) / u64::from(self.rate.max(1))) as usize;
        let to_device = |samples: usize| (samples as u64 * u64::from(self.rate) / u64::from(RATE)) as usize;
        let waiting = to_ours(open.end.waiting());
        self.out.clear();
        if self.filling {
            self.out.resize(to_device(wanted.saturating_sub(waiting)), 0.0);
            self.drift.forget();
            self.filling = false;
        } else if waiting > wanted + if self.jammed { 0 } else { JAM } {
            // All of the excess is left out, not only what is over the limit: one gap, and no delay that stays.
            if !self.jammed {
                self.jammed = true;
                open.stats.xruns.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(waiting, wanted, "the speaker stands still");
            }
            return;
        } else {
            if self.jammed {
                self.jammed = false;
                self.drift.forget();
            }
            self.drift.note(waiting, wanted);
            if open.end.is_of_server() {
                self.margin.note(waiting.saturating_sub(self.margin.period(open)), &open.name);
            }
            if self.drift.over(wanted) > EXCESS && waiting > wanted + BLOCK {
                self.drift.left_out();
                return;
            }
        }
        resampler.process(self.drift.process(block), &mut self.out);
        let left_over = match &mut open.end {
            End::Play(ring) => ring.push_partial_slice(&self.out).1.len(),
            End::Playback(playback) => playback.play(&self.out),
            End::Capture(_) | End::Record(_) => 0,
        };
        if left_over > 0 {
            tracing::debug!(samples = left_over, "no room in the speaker's queue");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_kept_ready_before_it_runs_dry_and_given_up_when_it_is_not_needed() {
        let mut margin = Margin::default();
        margin.note(NEARLY_DRY, "headset");
        assert_eq!(margin.extra, 0);
        margin.note(NEARLY_DRY - 1, "headset");
        assert_eq!(margin.extra, MORE_MARGIN);
        margin.note(0, "headset");
        assert_eq!(margin.extra, MORE_MARGIN, "it has not had its effect yet");
        for _ in 0..REST_AFTER_MORE {
            margin.note(0, "headset");
        }
        assert_eq!(margin.extra, 2 * MORE_MARGIN);
        for _ in 0..4 * LOOKED_BACK {
            margin.note(NEARLY_DRY + 3 * MORE_MARGIN, "headset");
        }
        assert_eq!(margin.extra, 0);
        for _ in 0..100 * REST_AFTER_MORE {
            margin.note(0, "headset");
        }
        assert_eq!(margin.extra, MOST_MARGIN);
    }
}
