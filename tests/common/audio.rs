//! Tones written, recordings measured.

#![allow(dead_code)]

use std::{f64::consts::TAU, path::Path};

/// Five seconds of a sine, 48 kHz mono, 16 bits.
pub fn write_tone(path: &Path, hz: f64, dbfs: f64) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec).expect("a WAV file");
    let amplitude = f64::from(i16::MAX) * 10f64.powf(dbfs / 20.0);
    for n in 0..48_000 * 5 {
        let sample = amplitude * (TAU * hz * f64::from(n) / 48_000.0).sin();
        wav.write_sample(sample as i16).expect("a sample");
    }
    wav.finalize().expect("a whole WAV file");
}

/// A recording, mono, -1.0 to 1.0.
pub struct Recording {
    pub samples: Vec<f64>,
    pub rate: u32,
}

impl Recording {
    pub fn read(path: &Path) -> Self {
        let mut wav = hound::WavReader::open(path).expect("a WAV file that was closed properly");
        let spec = wav.spec();
        assert_eq!(spec.channels, 1);
        let samples = wav.samples::<i16>().map(|s| f64::from(s.expect("a sample")) / 32_768.0).collect();
        Self { samples, rate: spec.sample_rate }
    }

    /// The part that is loud, from 0.5 s after its beginning, at most `seconds` long.
    pub fn loud(&self, seconds: f64) -> &[f64] {
        let block = self.rate as usize / 50;
        let first = self.samples.chunks(block).position(|b| level(b) > -40.0).expect("something loud") * block;
        let from = (first + self.rate as usize / 2).min(self.samples.len());
        let to = (from + (seconds * f64::from(self.rate)) as usize).min(self.samples.len());
        &self.samples[from..to]
    }

    /// The last `seconds` before the last loud block ends, without its last 0.2 s.
    pub fn last_loud(&self, seconds: f64) -> &[f64] {
        let block = self.rate as usize / 50;
        let last = self.samples.chunks(block).rposition(|b| level(b) > -40.0).expect("something loud") * block;
        let to = last.saturating_sub(self.rate as usize / 5);
        let from = to.saturating_sub((seconds * f64::from(self.rate)) as usize);
        &self.samples[from..to]
    }

    /// The longest stretch of silence inside a part, ms.
    pub fn longest_gap_ms(&self, part: &[f64]) -> f64 {
        let block = self.rate as usize / 200;
        let mut longest = 0;
        let mut run = 0;
        for chunk in part.chunks_exact(block) {
            run = if level(chunk) > -40.0 { 0 } else { run + 1 };
            longest = longest.max(run);
        }
        f64::from(longest) * 5.0
    }

    /// The strongest frequency of a part between 100 and 3400 Hz.
    pub fn frequency(&self, part: &[f64]) -> f64 {
        let part = &part[..part.len().min(self.rate as usize)];
        let power = |hz: f64| goertzel(part, hz, f64::from(self.rate));
        let coarse = strongest((10..=340).map(|n| f64::from(n) * 10.0), power);
        strongest((-40..=40).map(|n| coarse + f64::from(n) * 0.25), power)
    }
}

/// Level of a sine with the same power, dBFS.
pub fn level(samples: &[f64]) -> f64 {
    let power = samples.iter().map(|s| s * s).sum::<f64>() / samples.len().max(1) as f64;
    if power < 1e-12 { -120.0 } else { 10.0 * (2.0 * power).log10() }
}

fn strongest(candidates: impl Iterator<Item = f64>, power: impl Fn(f64) -> f64) -> f64 {
    candidates.map(|hz| (hz, power(hz))).max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0.0, |(hz, _)| hz)
}

fn goertzel(samples: &[f64], hz: f64, rate: f64) -> f64 {
    let k = 2.0 * (TAU * hz / rate).cos();
    let (mut a, mut b) = (0.0, 0.0);
    for s in samples {
        (a, b) = (s + k * a - b, a);
    }
    a * a + b * b - k * a * b
}
