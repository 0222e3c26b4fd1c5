//! What an agent heard, from the file that the phone bar wrote.

use std::{f64::consts::TAU, path::Path, time::Duration};

use super::rig::Done;

/// Below this a stretch counts as silence, dBFS.
const SILENCE_DBFS: f64 = -40.0;
/// Stretches that are looked at, a second's part.
const STRETCH: usize = 200;

/// Samples a second, and bytes before the first one, of the files that the phone bar writes.
const RATE: f64 = 48_000.0;
const HEADER: u64 = 44;

/// A recording, mono, -1.0 to 1.0.
pub struct Recording {
    samples: Vec<f64>,
    rate: usize,
}

impl Recording {
    pub fn read(path: &Path) -> Done<Self> {
        let mut wav = hound::WavReader::open(path).map_err(|error| format!("what was heard: {error}"))?;
        let rate = wav.spec().sample_rate as usize;
        let samples = wav.samples::<i16>().map(|s| s.map(|s| f64::from(s) / 32_768.0)).collect::<Result<_, _>>();
        Ok(Self { samples: samples.map_err(|error| format!("what was heard: {error}"))?, rate })
    }

    /// Longest silence between two samples of the file, ms.
    pub fn longest_gap_ms(&self, from: usize, to: usize) -> f64 {
        let part = self.samples.get(from.min(self.samples.len())..to.min(self.samples.len())).unwrap_or_default();
        let (mut longest, mut run) = (0, 0);
        for stretch in part.chunks_exact(self.rate / STRETCH) {
            run = if level(stretch) > SILENCE_DBFS { 0 } else { run + 1 };
            longest = longest.max(run);
        }
        f64::from(longest) * 1000.0 / STRETCH as f64
    }

    /// The strongest frequency of the last 0.3 s that were loud, among those given; none in silence.
    pub fn last_hz(&self, among: &[f64]) -> Option<f64> {
        let block = self.rate / STRETCH;
        let last = self.samples.chunks_exact(block).rposition(|stretch| level(stretch) > SILENCE_DBFS)? * block;
        let part = &self.samples.get(last.saturating_sub(self.rate * 3 / 10)..last)?;
        among.iter().copied().max_by(|a, b| self.power(part, *a).total_cmp(&self.power(part, *b)))
    }

    fn power(&self, part: &[f64], hz: f64) -> f64 {
        let k = 2.0 * (TAU * hz / self.rate as f64).cos();
        let (a, b) = part.iter().fold((0.0, 0.0), |(a, b), s| (s + k * a - b, a));
        a * a + b * b - k * a * b
    }
}

/// Level of a sine with the same power, dBFS.
fn level(samples: &[f64]) -> f64 {
    let power = samples.iter().map(|s| s * s).sum::<f64>() / samples.len().max(1) as f64;
    if power < 1e-12 { -120.0 } else { 10.0 * (2.0 * power).log10() }
}

/// Which samples of a file whose call has just ended are the last so long, without its very end.
pub fn last_of(path: &Path, lasted: Duration) -> (usize, usize) {
    let bytes = std::fs::metadata(path).map_or(0, |meta| meta.len());
    let written = usize::try_from(bytes.saturating_sub(HEADER) / 2).unwrap_or_default();
    let samples = (lasted.as_secs_f64() * RATE) as usize;
    (written.saturating_sub(samples), written.saturating_sub(RATE as usize / 5))
}
