//! Sound made up for a codec that cannot do it itself: the last pitch periods again and again, fading out.

use super::BLOCK;

/// What is remembered of the past, samples: 50 ms.
const HISTORY: usize = 2400;
/// Shortest stretch repeated: 5 ms, longest: 15 ms. A multiple of the pitch period fits in between.
const SHORTEST: usize = 240;
const LONGEST: usize = 720;
/// Compared to find the period: 10 ms.
const TEMPLATE: usize = 480;
/// Cross-fade back to real sound, and at the seam of the repeated stretch: 2.5 ms.
const FADE: usize = 120;
/// Full level for this long: 20 ms.
const HOLD: usize = 2 * BLOCK;
/// Silent after this long: 120 ms.
const SILENT: usize = 12 * BLOCK;

/// Remembers what was heard and goes on with it when nothing comes.
#[derive(Default)]
pub struct Concealer {
    history: Vec<f32>,
    going: Option<Going>,
}

struct Going {
    stretch: Vec<f32>,
    at: usize,
}

impl Going {
    fn sample(&mut self) -> f32 {
        let sample = self.stretch.get(self.at % self.stretch.len().max(1)).copied().unwrap_or(0.0);
        let gain = SILENT.saturating_sub(self.at) as f32 / (SILENT - HOLD) as f32;
        self.at += 1;
        sample * gain.min(1.0)
    }
}

impl Concealer {
    /// Real sound; after a concealment its beginning is changed to blend in.
    pub fn heard(&mut self, sound: &mut [f32]) {
        if let Some(mut going) = self.going.take() {
            for (n, sample) in sound.iter_mut().take(FADE).enumerate() {
                let share = n as f32 / FADE as f32;
                *sample = *sample * share + going.sample() * (1.0 - share);
            }
        }
        self.remember(sound);
    }

    /// Appends `samples` of made-up sound.
    pub fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) {
        let history = &self.history;
        let going = self.going.get_or_insert_with(|| Going { stretch: last_periods(history), at: 0 });
        out.extend(std::iter::repeat_with(|| going.sample()).take(samples));
    }

    fn remember(&mut self, sound: &[f32]) {
        self.history.extend_from_slice(sound);
        let excess = self.history.len().saturating_sub(HISTORY);
        self.history.drain(..excess);
    }
}

/// The last whole pitch periods, 5 to 15 ms, made so that the end leads back to the beginning.
fn last_periods(history: &[f32]) -> Vec<f32> {
    let Some(template) = history.len().checked_sub(TEMPLATE).and_then(|from| history.get(from..)) else {
        return history.to_vec();
    };
    let likeness = |lag: &usize| {
        let start = history.len().checked_sub(TEMPLATE + lag)?;
        let earlier = history.get(start..start + TEMPLATE)?;
        let (mut product, mut power) = (0.0f32, 1e-9f32);
        for (a, b) in template.iter().zip(earlier) {
            product += a * b;
            power += b * b;
        }
        Some(product / power.sqrt())
    };
    let lag = (SHORTEST..=LONGEST)
        .filter_map(|lag| Some((lag, likeness(&lag)?)))
        .max_by(|(_, a), (_, b)| a.total_cmp(b))
        .map_or(SHORTEST, |(lag, _)| lag);
    let from = history.len().saturating_sub(lag);
    let mut stretch = history.get(from..).unwrap_or_default().to_vec();
    let before = history.get(from.saturating_sub(FADE)..from).unwrap_or_default();
    let seam = stretch.len().saturating_sub(before.len());
    for (n, (sample, lead)) in stretch.iter_mut().skip(seam).zip(before).enumerate() {
        let share = n as f32 / FADE as f32;
        *sample = *sample * (1.0 - share) + lead * share;
    }
    stretch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::softphone::audio::testing::{longest_gap_ms, rms_dbfs, sine, strongest_near};

    #[test]
    fn a_tone_goes_on_through_a_short_loss_and_fades_in_a_long_one() {
        let tone = sine(440.0, -12.0, 9600);
        let mut concealer = Concealer::default();
        concealer.heard(&mut tone.clone());
        let mut out = Vec::new();
        concealer.conceal(960, &mut out);
        assert!((rms_dbfs(&out) + 15.0).abs() < 0.5, "{} dBFS rms", rms_dbfs(&out));
        concealer.conceal(9600, &mut out);
        assert!(rms_dbfs(&out[6000..]) < -90.0, "silent after 120 ms");
    }

    #[test]
    fn real_sound_blends_in_without_a_click() {
        let tone = sine(440.0, -12.0, 48_000);
        let mut concealer = Concealer::default();
        let mut out = Vec::new();
        for (n, frame) in tone.chunks(960).enumerate() {
            if n % 10 == 9 {
                concealer.conceal(960, &mut out);
            } else {
                let mut frame = frame.to_vec();
                concealer.heard(&mut frame);
                out.extend(frame);
            }
        }
        let steepest = out.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        let honest = tone.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        assert!(steepest < 2.0 * honest, "step {steepest} where the tone has {honest}");
        assert_eq!(longest_gap_ms(&out, -15.0), 0);
        assert!((strongest_near(&out, 440.0) - 440.0).abs() < 0.5);
    }

    #[test]
    fn with_no_past_there_is_silence() {
        let mut out = Vec::new();
        Concealer::default().conceal(480, &mut out);
        assert_eq!(out, vec![0.0; 480]);
    }
}
