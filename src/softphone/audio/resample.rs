//! Sample rate conversion of a stream, with proper anti-alias filtering (rubato's windowed sinc).

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, FixedAsync, Resampler as _, SincInterpolationParameters, SincInterpolationType, WindowFunction};

/// Length of the filter, samples of the lower rate: half of it is the delay, 3.5 ms at 8 kHz.
const LENGTH: f64 = 56.0;
/// Where the filter is 6 dB down, as a share of the lower Nyquist frequency: at 8 kHz it is flat to 3.3 kHz and 70 dB down
/// from 4.1 kHz on.
const CUTOFF: f32 = 0.93;
/// The same for a filter in a hurry: flat to a third of the lower rate, 70 dB down from two thirds on.
const HASTY_LENGTH: f64 = 16.0;
const HASTY_CUTOFF: f32 = 0.95;
/// Most places between two samples for which the filter is kept ready, which makes the result exact; rates that need more
/// are interpolated between [`COARSE_PHASES`] of them.
const MOST_PHASES: usize = 1024;
const COARSE_PHASES: usize = 256;
/// Shortest piece converted, as a share of a second: 2.5 ms.
const PIECES: u32 = 400;

/// A mono stream from one sample rate to another. Takes any number of samples and gives exactly as many as their time
/// holds, counted in whole pieces of 2.5 ms; delay 28 samples of the lower rate.
pub struct Resampler {
    inner: Option<Inner>,
}

struct Inner {
    sinc: Async<f32>,
    /// Samples in and out in the same time.
    ratio: (usize, usize),
    pending: Vec<f32>,
    output: Vec<f32>,
    /// Converted and not given yet: rubato counts in floating point and is a sample early or late now and then.
    ready: Vec<f32>,
    /// What is owed beyond whole samples, in parts of `ratio.0`.
    owed: usize,
}

impl Resampler {
    /// From `from` Hz to `to` Hz; equal rates pass through untouched. `None` for rates no resampler can be made for.
    pub fn new(from: u32, to: u32) -> Option<Self> {
        Self::with_filter(from, to, LENGTH, CUTOFF)
    }

    /// The same in a hurry, for sound of which only the lower half of the lower rate's band matters in the end: delay 8
    /// samples of the lower rate, and what folds back lies in the upper half.
    pub fn hasty(from: u32, to: u32) -> Option<Self> {
        Self::with_filter(from, to, HASTY_LENGTH, HASTY_CUTOFF)
    }

    fn with_filter(from: u32, to: u32, length: f64, cutoff: f32) -> Option<Self> {
        if from == to {
            return Some(Self { inner: None });
        }
        let common = common_divisor(from, to);
        let (from_parts, to_parts) = ((from / common.max(1)) as usize, (to / common.max(1)) as usize);
        let ratio = f64::from(to) / f64::from(from);
        let exact = to_parts <= MOST_PHASES;
        let parameters = SincInterpolationParameters {
            sinc_len: (length * (1.0 / ratio).max(1.0)).ceil() as usize,
            f_cutoff: Some(cutoff),
            oversampling_factor: if exact { to_parts } else { COARSE_PHASES },
            interpolation: if exact { SincInterpolationType::Nearest } else { SincInterpolationType::Linear },
            window: WindowFunction::Blackman,
        };
        let chunk = (from / PIECES).max(1) as usize;
        let sinc = Async::new_sinc(ratio, 1.0, &parameters, chunk, 1, FixedAsync::Input)
            .inspect_err(|error| tracing::debug!(from, to, %error, "no resampler"))
            .ok()?;
        let output = vec![0.0; sinc.output_frames_max()];
        // Its first piece lacks two samples of the input's rate, which never come.
        let ready = vec![0.0; (2.0 * ratio).ceil() as usize + 1];
        Some(Self {
            inner: Some(Inner { sinc, ratio: (from_parts, to_parts), pending: Vec::new(), output, ready, owed: 0 }),
        })
    }

    /// Takes in samples and appends to `out` what is ready.
    pub fn process(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        match &mut self.inner {
            None => out.extend_from_slice(samples),
            Some(inner) => inner.process(samples, out),
        }
    }
}

impl Inner {
    fn process(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.pending.extend_from_slice(samples);
        let mut used = 0;
        loop {
            let need = self.sinc.input_frames_next();
            let Some(piece) = self.pending.get(used..used + need) else { break };
            let frames = self.output.len();
            let (Ok(input), Ok(mut output)) =
                (InterleavedSlice::new(piece, 1, need), InterleavedSlice::new_mut(&mut self.output, 1, frames))
            else {
                break;
            };
            used += need;
            match self.sinc.process_into_buffer(&input, &mut output, None) {
                Ok((_, made)) => self.ready.extend(self.output.iter().take(made)),
                Err(error) => tracing::debug!(%error, "resampling failed"),
            }
        }
        self.pending.drain(..used);
        let (from, to) = self.ratio;
        self.owed += used * to;
        let due = (self.owed / from).min(self.ready.len());
        self.owed -= due * from;
        out.extend(self.ready.drain(..due));
    }
}

fn common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::softphone::audio::testing::{level_at, rms_dbfs, sine, strongest_near};

    fn convert(from: u32, to: u32, samples: &[f32]) -> Vec<f32> {
        let mut out = Vec::new();
        Resampler::new(from, to).unwrap().process(samples, &mut out);
        out
    }

    #[test]
    fn a_tone_survives_the_way_down_and_up_again() {
        for (rate, highest) in [(8_000, 3300.0), (16_000, 6600.0)] {
            for hz in [100.0, 1000.0, highest] {
                let mut down = Resampler::new(48_000, rate).unwrap();
                let (mut narrow, mut wide) = (Vec::new(), Vec::new());
                for piece in sine(hz, -12.0, 48_000).chunks(333) {
                    down.process(piece, &mut narrow);
                }
                Resampler::new(rate, 48_000).unwrap().process(&narrow, &mut wide);
                assert!((47_000..=48_000).contains(&wide.len()), "{} samples", wide.len());
                let steady = &wide[4800..43_200];
                assert!((strongest_near(steady, hz) - hz).abs() < 0.3);
                let level = level_at(steady, hz);
                assert!((level + 12.0).abs() < 0.5, "{hz} Hz over {rate} Hz: {level:.2} dBFS");
                for image in [f64::from(rate) - hz, f64::from(rate) + hz].into_iter().filter(|image| *image < 23_000.0)
                {
                    let image = level_at(steady, image);
                    assert!(image < -62.0, "{hz} Hz over {rate} Hz has an image of {image:.1} dBFS");
                }
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_50_db_down() {
        for (rate, from_hz) in [(8_000, 4200.0), (16_000, 8400.0)] {
            for hz in [from_hz, from_hz * 1.25, from_hz * 1.9, from_hz * 2.4] {
                let narrow = convert(48_000, rate, &sine(hz, 0.0, 48_000));
                let level = rms_dbfs(&narrow[800..]) + 3.0;
                assert!(level < -50.0, "{hz} Hz came through {rate} Hz at {level:.1} dBFS");
            }
        }
    }

    #[test]
    fn frames_are_exact_from_the_first_one_on() {
        for (from, to) in [(48_000, 8_000), (8_000, 48_000), (48_000, 16_000), (16_000, 48_000)] {
            let mut resampler = Resampler::new(from, to).unwrap();
            let mut out = Vec::new();
            // A minute, so that rounding would show.
            for block in 0..6_000 {
                out.clear();
                resampler.process(&vec![0.1; from as usize / 100], &mut out);
                assert_eq!(out.len(), to as usize / 100, "{from} to {to} Hz, block {block}");
            }
        }
    }

    #[test]
    fn the_delay_is_under_5_ms() {
        for rate in [8_000, 16_000] {
            let mut click = vec![0.0; 4800];
            click[480] = 1.0;
            let back = convert(rate, 48_000, &convert(48_000, rate, &click));
            let peak = back.iter().enumerate().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs())).unwrap().0;
            let one_way = (peak - 480) as f64 / 48.0 / 2.0;
            assert!(one_way < 5.0, "{one_way} ms at {rate} Hz");
        }
    }

    #[test]
    fn odd_rates_keep_time_and_equal_rates_pass_untouched() {
        for from in [11_025, 16_000, 22_050, 32_000, 44_100, 96_000, 47_999] {
            let out = convert(from, 48_000, &vec![0.1; from as usize]);
            assert!((47_800..=48_000).contains(&out.len()), "{from} Hz gave {}", out.len());
            assert!((out[24_000] - 0.1).abs() < 0.001, "{from} Hz: a steady level becomes {}", out[24_000]);
            let back = convert(48_000, from, &sine(1000.0, -12.0, 48_000));
            assert!(
                (back.len() as i64 - i64::from(from)).abs() < i64::from(from) / 100,
                "{from} Hz gave {}",
                back.len()
            );
        }
        assert_eq!(convert(48_000, 48_000, &[0.5, -0.5]), [0.5, -0.5]);
    }
}
