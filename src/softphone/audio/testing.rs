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

/// A die that always falls the same way.
pub struct Die(pub u64);

impl Die {
    /// From -1 to 1.
    pub fn roll(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}

/// Sound with the shape of speech: a voice's pulses through two moving resonances, in syllables of 200 ms, with pauses;
/// about -20 dBFS.
pub fn speech(seconds: usize, seed: u64) -> Vec<f32> {
    let mut die = Die(seed);
    let mut out = Vec::with_capacity(seconds * RATE as usize);
    let (mut a, mut b) = ([0.0f32; 2], [0.0f32; 2]);
    let (mut f1, mut f2, mut pitch, mut loud) = (500.0f32, 1500.0f32, 120.0f32, 0.0f32);
    let mut pulse = 0.0f32;
    let resonate = |state: &mut [f32; 2], x: f32, hz: f32| {
        let r = 0.985f32;
        let y = x + 2.0 * r * (std::f32::consts::TAU * hz / RATE as f32).cos() * state[0] - r * r * state[1];
        *state = [y, state[0]];
        y
    };
    for n in 0..seconds * RATE as usize {
        if n % 9600 == 0 {
            f1 = 300.0 + 250.0 * (die.roll() + 1.0);
            f2 = 1000.0 + 800.0 * (die.roll() + 1.0);
            pitch = 130.0 + 30.0 * die.roll();
            loud = if die.roll() > -0.5 { 1.0 } else { 0.0 };
        }
        pulse += pitch / RATE as f32;
        let beat = if pulse >= 1.0 { 1.0 } else { 0.0 };
        pulse -= beat;
        let syllable = (std::f32::consts::PI * (n % 9600) as f32 / 9600.0).sin();
        let excitation = 0.05 * beat + 0.0004 * die.roll();
        let x = loud * syllable * (resonate(&mut a, excitation, f1) + resonate(&mut b, excitation, f2));
        out.push(x.clamp(-0.9, 0.9));
    }
    out
}
