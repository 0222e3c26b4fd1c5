//! Sample rate conversion of a stream, with proper anti-alias filtering (rubato's FFT resampler).

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _};

/// A mono stream from one sample rate to another. Takes any number of samples; delay about 5 ms.
pub struct Resampler {
    inner: Option<Inner>,
}

struct Inner {
    fft: Fft<f32>,
    pending: Vec<f32>,
    output: Vec<f32>,
}

impl Resampler {
    /// From `from` Hz to `to` Hz; equal rates pass through untouched. `None` for rates no resampler can be made for.
    pub fn new(from: u32, to: u32) -> Option<Self> {
        if from == to {
            return Some(Self { inner: None });
        }
        let chunk = (from / 100).max(1) as usize;
        let fft = Fft::new(from as usize, to as usize, chunk, 1, FixedSync::Both)
            .inspect_err(|error| tracing::debug!(from, to, %error, "no resampler"))
            .ok()?;
        let output = vec![0.0; fft.output_frames_max()];
        Some(Self { inner: Some(Inner { fft, pending: Vec::new(), output }) })
    }

    /// Takes in samples and appends to `out` what is ready.
    pub fn process(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        let Some(inner) = &mut self.inner else {
            out.extend_from_slice(samples);
            return;
        };
        inner.pending.extend_from_slice(samples);
        let mut used = 0;
        loop {
            let need = inner.fft.input_frames_next();
            let Some(chunk) = inner.pending.get(used..used + need) else { break };
            let frames = inner.output.len();
            let (Ok(input), Ok(mut output)) =
                (InterleavedSlice::new(chunk, 1, need), InterleavedSlice::new_mut(&mut inner.output, 1, frames))
            else {
                break;
            };
            used += need;
            match inner.fft.process_into_buffer(&input, &mut output, None) {
                Ok((_, made)) => out.extend(inner.output.iter().take(made)),
                Err(error) => tracing::debug!(%error, "resampling failed"),
            }
        }
        inner.pending.drain(..used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::softphone::audio::testing::{level_at, sine, strongest_near};

    #[test]
    fn a_tone_survives_the_way_down_and_up_again() {
        let mut down = Resampler::new(48_000, 8_000).unwrap();
        let mut up = Resampler::new(8_000, 48_000).unwrap();
        let (mut narrow, mut wide) = (Vec::new(), Vec::new());
        for piece in sine(1000.0, -12.0, 48_000).chunks(333) {
            down.process(piece, &mut narrow);
        }
        up.process(&narrow, &mut wide);
        assert!((47_000..=48_000).contains(&wide.len()), "{} samples", wide.len());
        let steady = &wide[4800..43_200];
        assert!((strongest_near(steady, 1000.0) - 1000.0).abs() < 0.3);
        assert!((level_at(steady, 1000.0) + 12.0).abs() < 0.1);
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_filtered_out() {
        let mut down = Resampler::new(48_000, 8_000).unwrap();
        let mut narrow = Vec::new();
        down.process(&sine(6000.0, 0.0, 48_000), &mut narrow);
        let peak = narrow[800..].iter().fold(0.0f32, |peak, s| peak.max(s.abs()));
        assert!(peak < 0.01, "6 kHz came through at {peak}");
    }

    #[test]
    fn odd_rates_keep_time_and_equal_rates_pass_untouched() {
        for from in [11_025, 16_000, 22_050, 32_000, 44_100, 96_000] {
            let mut up = Resampler::new(from, 48_000).unwrap();
            let mut out = Vec::new();
            up.process(&vec![0.1; from as usize], &mut out);
            assert!((46_000..=48_000).contains(&out.len()), "{from} Hz gave {}", out.len());
        }
        let mut same = Resampler::new(48_000, 48_000).unwrap();
        let mut out = Vec::new();
        same.process(&[0.5, -0.5], &mut out);
        assert_eq!(out, [0.5, -0.5]);
    }
}
