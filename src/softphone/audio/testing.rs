//! Signals and measurements for the tests of this folder.

use super::RATE;

/// A sine at 48 kHz with a level in dBFS (0 = full scale peak).
pub fn sine(hz: f64, dbfs: f64, samples: usize) -> Vec<f32> {
    let amplitude = 10f64.powf(dbfs / 20.0);
    (0..samples).map(|n| (amplitude * (std::f64::consts::TAU * hz * n as f64 / f64::from(RATE)).sin()) as f32).collect()
}

/// Level of one frequency, dBFS (a sine of amplitude A reads 20 log10 A), by a Hann-windowed single-bin transform.
pub fn level_at(samples: &[f32], hz: f64) -> f64 {
    let (mut re, mut im, mut gain) = (0.0f64, 0.0f64, 0.0f64);
    for (n, sample) in samples.iter().enumerate() {
        let window = 0.5 - 0.5 * (std::f64::consts::TAU * n as f64 / samples.len() as f64).cos();
        let phase = std::f64::consts::TAU * hz * n as f64 / f64::from(RATE);
        re += window * f64::from(*sample) * phase.cos();
        im += window * f64::from(*sample) * phase.sin();
        gain += window;
    }
    20.0 * (2.0 * re.hypot(im) / gain).max(1e-9).log10()
}

/// The strongest frequency within 20 Hz of `near`, to 0.1 Hz.
pub fn strongest_near(samples: &[f32], near: f64) -> f64 {
    let level = |hz: &f64| level_at(samples, *hz);
    let best = |from: f64, to: f64, step: f64| {
        let count = ((to - from) / step).round() as usize;
        (0..=count)
            .map(|n| from + step * n as f64)
            .max_by(|a, b| level(a).total_cmp(&level(b)))
            .expect("at least one candidate")
    };
    let coarse = best(near - 20.0, near + 20.0, 1.0);
    best(coarse - 1.0, coarse + 1.0, 0.1)
}

/// Root mean square level, dBFS (a full-scale sine reads -3).
pub fn rms_dbfs(samples: &[f32]) -> f64 {
    let power = samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len().max(1) as f64;
    10.0 * power.max(1e-12).log10()
}

/// The longest stretch, in ms, whose 2 ms windows are more than 20 dB under `reference_dbfs` (rms).
pub fn longest_gap_ms(samples: &[f32], reference_dbfs: f64) -> usize {
    let (mut run, mut longest) = (0, 0);
    for window in samples.chunks_exact(96) {
        run = if rms_dbfs(window) < reference_dbfs - 20.0 { run + 2 } else { 0 };
        longest = longest.max(run);
    }
    longest
}
