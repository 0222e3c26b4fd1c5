//! Between a sound device's clock and ours: keeps the ring between them at a steady fill by letting a sample slip now
//! and then (rubato's `Slip`).

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Adjustable as _, FixedAsync, Resampler as _, Slip};

use crate::softphone::audio::BLOCK;

/// Greatest correction, as a share: 5000 ppm, far above what clocks are off.
const GREATEST: f64 = 0.005;
/// Correction for a fill that is one block off.
const PER_BLOCK: f64 = 0.002;
/// A fill this near the wanted one is left alone, samples: 2 ms.
const DEAD_BAND: f64 = 96.0;
/// Share of the newest fill in the average: a time constant of half a second.
const NEWEST: f64 = 0.02;

/// Slips samples so that a fill level stays where it should be.
pub struct Drift {
    slip: Option<Slip<f32>>,
    average: Option<f64>,
    scratch: Vec<f32>,
}

impl Drift {
    /// For the way from a device: blocks come out, what goes in varies.
    pub fn from_device() -> Self {
        Self::new(FixedAsync::Output)
    }

    /// For the way to a device: blocks go in, what comes out varies.
    pub fn to_device() -> Self {
        Self::new(FixedAsync::Input)
    }

    fn new(fixed: FixedAsync) -> Self {
        let slip = Slip::new(BLOCK, 1, fixed)
            .inspect_err(|error| tracing::debug!(%error, "clock drift is not corrected"))
            .ok();
        let longest = slip.as_ref().map_or(BLOCK, |slip| slip.output_frames_max());
        Self { slip, average: None, scratch: vec![0.0; longest] }
    }

    /// Takes note of how many samples wait in the ring and how many should.
    pub fn note(&mut self, fill: usize, wanted: usize) {
        let fill = fill as f64;
        let average = self.average.map_or(fill, |average| average + (fill - average) * NEWEST);
        self.average = Some(average);
        let off = average - wanted as f64;
        let correction = if off.abs() < DEAD_BAND { 0.0 } else { off / BLOCK as f64 * PER_BLOCK };
        let ratio = 1.0 - correction.clamp(-GREATEST, GREATEST);
        // At the limit the nearest possible ratio is taken, which is what we want.
        if let Some(Err(error)) = self.slip.as_mut().map(|slip| slip.set_resample_ratio(ratio, false)) {
            tracing::trace!(%error, "drift at its limit");
        }
    }

    /// Forgets the average, after the fill has been set by force.
    pub fn forget(&mut self) {
        self.average = None;
    }

    /// How many samples the next [`process`](Self::process) takes.
    pub fn takes(&self) -> usize {
        self.slip.as_ref().map_or(BLOCK, |slip| slip.input_frames_next())
    }

    /// Passes on [`takes`](Self::takes) samples.
    pub fn process<'a>(&'a mut self, input: &'a [f32]) -> &'a [f32] {
        let Some(slip) = &mut self.slip else { return input };
        let room = self.scratch.len();
        let (Ok(from), Ok(mut to)) =
            (InterleavedSlice::new(input, 1, input.len()), InterleavedSlice::new_mut(&mut self.scratch, 1, room))
        else {
            return input;
        };
        match slip.process_into_buffer(&from, &mut to, None) {
            Ok((_, made)) => self.scratch.get(..made).unwrap_or(input),
            Err(error) => {
                tracing::debug!(%error, "drift correction failed");
                input
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::softphone::audio::testing::{rms_dbfs, sine};

    /// A device whose clock is `ppm` off ours, and how full the ring gets over ten minutes.
    fn run(ppm: f64) -> (f64, f64) {
        let (mut drift, mut fill, wanted) = (Drift::from_device(), 960.0f64, 960);
        let (mut lowest, mut highest) = (fill, fill);
        for _ in 0..60_000 {
            fill += 480.0 * (1.0 + ppm * 1e-6);
            drift.note(fill as usize - 480, wanted);
            let takes = drift.takes();
            let input = vec![0.0; takes];
            assert_eq!(drift.process(&input).len(), BLOCK);
            fill -= takes as f64;
            lowest = lowest.min(fill);
            highest = highest.max(fill);
        }
        (lowest, highest)
    }

    #[test]
    fn a_wrong_clock_neither_empties_nor_fills_the_ring() {
        for ppm in [-500.0, -50.0, 0.0, 50.0, 500.0] {
            let (lowest, highest) = run(ppm);
            assert!(lowest > 600.0 && highest < 1320.0, "{ppm} ppm: {lowest} to {highest}");
        }
    }

    #[test]
    fn with_the_same_clock_nothing_is_changed() {
        let mut drift = Drift::to_device();
        let tone = sine(440.0, -12.0, 4800);
        for block in tone.chunks(BLOCK) {
            drift.note(960, 960);
            assert_eq!(drift.takes(), BLOCK);
            assert_eq!(drift.process(block), block);
        }
    }

    #[test]
    fn a_slip_is_not_heard() {
        let mut drift = Drift::to_device();
        let mut out = Vec::new();
        for block in sine(440.0, -12.0, 96_000).chunks(BLOCK) {
            drift.note(2400, 480);
            out.extend_from_slice(drift.process(block));
        }
        assert!(out.len() < 96_000 - 100, "nothing slipped");
        let steepest = out.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        assert!(steepest < 0.03, "a click of {steepest}");
        assert!((rms_dbfs(&out) + 15.0).abs() < 0.1);
    }
}
