//! Sound made up for a codec that cannot do it itself, in the manner of ITU-T G.711 Appendix I: the last pitch period
//! again and again, then two and three of them so that it does not buzz, full for 10 ms and faded out by 60 ms.
//!
//! Works at the codec's own rate, before anything that remembers the past (a resampler) can hear the gap. Unlike the
//! Appendix it adds no delay: the seam at the beginning is smoothed in what is made up, not in what was heard. And it
//! fades to the far end's own background rather than to nothing.

use super::comfort::Noise;

/// What is remembered of the past, ms: three of the longest periods and their cross-fade.
const HISTORY: usize = 50;
/// Shortest and longest stretch repeated, ms. A multiple of the pitch period fits in between.
const SHORTEST: usize = 5;
const LONGEST: usize = 15;
/// Compared to find the period, ms.
const TEMPLATE: usize = 20;
/// Full level for this long, ms, then 20 % less each 10 ms.
const FULL: usize = 10;
const SILENT: usize = 60;
/// The cross-fade back to real sound is a quarter of the period, longer with the gap, and this at most, ms.
const LONGEST_FADE: usize = 10;
/// Noise takes over within, and gives way within, ms.
const NOISE_FADE: usize = 5;
/// Pieces whose level is looked at to know the background, ms.
const PIECE: usize = 10;
/// The loudest background believed, root mean square (-50 dBFS).
const LOUDEST_BACKGROUND: f32 = 0.003;
/// Reflection coefficient of the background at 48 kHz: rooms hum rather than hiss.
const DULL: f32 = -0.8;
/// The period is looked for as if at 8 kHz first, then exactly.
const COARSE: usize = 8;
/// The background's level rises by this factor a piece, 3 dB a second, while nothing is as quiet as it.
const RISE: f32 = 1.0035;

/// Remembers what was heard and goes on with it when nothing comes.
pub struct Concealer {
    /// Samples of a millisecond.
    ms: usize,
    history: Vec<f32>,
    going: Option<Going>,
    background: f32,
    noise: Noise,
}

/// What is made up, from its first sample on.
struct Going {
    /// The past, as it was when it ended.
    past: Vec<f32>,
    /// The period, samples.
    period: usize,
    /// Samples made up.
    at: usize,
    /// Periods played round and round, and where in them.
    count: usize,
    phase: usize,
    /// The same of one period less, which is left.
    before: Option<(usize, usize)>,
    /// What the first sample would jump by.
    step: f32,
    /// The far end said that it is silent: noise as it told.
    comfort: Option<(Noise, usize)>,
    /// What the sound fades to.
    background: Noise,
}

impl Going {
    /// Sample `at` of the last `count` periods played round and round, their end led back to their beginning.
    fn wave(&self, count: usize, at: usize) -> f32 {
        let length = (self.period * count).max(1);
        let (into, fade) = (at % length, self.period / 4);
        let past = |back: usize| self.past.len().checked_sub(back).and_then(|at| self.past.get(at)).copied();
        let sample = past(length - into).unwrap_or(0.0);
        let left = length - into;
        match past(length + left) {
            Some(lead) if left <= fade && fade > 0 => {
                let share = (fade - left) as f32 / fade as f32;
                sample * (1.0 - share) + lead * share
            }
            _ => sample,
        }
    }

    /// The next sample of the periods, without fading.
    fn speech(&mut self, ms: usize) -> f32 {
        let fade = (self.period / 4).max(1);
        if self.count < 3 && self.at == self.count * 10 * ms {
            self.before = Some((self.count, self.phase));
            self.count += 1;
            // From the same place in the period, so that the waves agree.
            self.phase %= self.period.max(1);
        }
        let mut sample = self.wave(self.count, self.phase);
        let since = self.at - (self.count - 1) * 10 * ms;
        if let Some((count, phase)) = self.before.filter(|_| since < fade) {
            let share = since as f32 / fade as f32;
            sample = self.wave(count, phase + since) * (1.0 - share) + sample * share;
        }
        self.phase += 1;
        sample + self.step * (1.0 - (self.at as f32 / fade as f32).min(1.0))
    }

    fn sample(&mut self, ms: usize) -> f32 {
        let left = (SILENT * ms).saturating_sub(self.at) as f32 / ((SILENT - FULL) * ms) as f32;
        let gain = left.min(1.0);
        let mut sample = 0.0;
        if gain > 0.0 {
            sample = self.speech(ms) * gain;
        }
        if gain < 1.0 {
            sample += self.background.sample() * (1.0 - gain * gain).sqrt();
        }
        if let Some((noise, since)) = &mut self.comfort {
            let share = (*since as f32 / (NOISE_FADE * ms) as f32).min(1.0);
            sample = sample * (1.0 - share) + noise.sample() * share;
            *since += 1;
        }
        self.at = self.at.saturating_add(1);
        sample
    }
}

impl Concealer {
    /// For sound at `rate` Hz.
    pub fn new(rate: u32) -> Self {
        let ms = (rate / 1000).max(1) as usize;
        Self { ms, history: Vec::new(), going: None, background: 0.0, noise: Noise::default() }
    }

    /// Real sound; after a concealment its beginning is changed to blend in.
    pub fn heard(&mut self, sound: &mut [f32]) {
        if let Some(mut going) = self.going.take() {
            let gap = going.at / self.ms;
            let fade =
                (going.period / 4 + 4 * self.ms * (gap.saturating_sub(1) / 10)).clamp(self.ms, LONGEST_FADE * self.ms);
            for (n, sample) in sound.iter_mut().take(fade).enumerate() {
                let share = n as f32 / fade as f32;
                *sample = *sample * share + going.sample(self.ms) * (1.0 - share);
            }
        }
        for piece in sound.chunks(PIECE * self.ms) {
            self.listen(piece);
        }
        self.remember(sound);
    }

    /// Appends `samples` of made-up sound.
    pub fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) {
        let ms = self.ms;
        let going = self.go();
        out.extend(std::iter::repeat_with(|| going.sample(ms)).take(samples));
    }

    /// The far end is silent, and sounds like this meanwhile (RFC 3389).
    pub fn silence(&mut self, payload: &[u8]) {
        self.noise.set(payload);
        let noise = self.noise.clone();
        let going = self.go();
        let since = going.comfort.as_ref().map_or(0, |(_, since)| *since);
        going.comfort = Some((noise, since));
    }

    fn go(&mut self) -> &mut Going {
        let (ms, history, background) = (self.ms, &self.history, self.background);
        self.going.get_or_insert_with(|| {
            let period = period(history, ms);
            let mut noise = if ms > 16 { Noise::dull(DULL) } else { Noise::default() };
            noise.set_level(background.min(LOUDEST_BACKGROUND));
            let back = |samples: usize| history.len().checked_sub(samples).and_then(|at| history.get(at)).copied();
            // The first sample made up should differ from the last one heard as it did a period ago.
            let step = back(1).zip(back(1 + period)).map_or(0.0, |(last, before)| last - before);
            Going {
                past: history.clone(),
                period,
                at: 0,
                count: 1,
                phase: 0,
                before: None,
                step,
                comfort: None,
                background: noise,
            }
        })
    }

    /// Learns how loud the far end is when nobody speaks.
    fn listen(&mut self, piece: &[f32]) {
        if piece.len() < PIECE * self.ms {
            return;
        }
        let power = piece.iter().map(|sample| sample * sample).sum::<f32>() / piece.len() as f32;
        let rms = power.sqrt();
        self.background = if rms < self.background || self.background == 0.0 { rms } else { self.background * RISE };
    }

    fn remember(&mut self, sound: &[f32]) {
        self.history.extend_from_slice(sound);
        let excess = self.history.len().saturating_sub(HISTORY * self.ms);
        self.history.drain(..excess);
    }
}

/// The period of the end of `history`, or a multiple of it, samples.
fn period(history: &[f32], ms: usize) -> usize {
    let (shortest, longest, template_length) = (SHORTEST * ms, LONGEST * ms, TEMPLATE * ms);
    let Some(template) = history.len().checked_sub(template_length).and_then(|from| history.get(from..)) else {
        return shortest;
    };
    let likeness = |lag: usize, stride: usize| {
        let start = history.len().checked_sub(template_length + lag)?;
        let earlier = history.get(start..start + template_length)?;
        let (mut product, mut power) = (0.0f32, 1e-9f32);
        for (a, b) in template.iter().zip(earlier).step_by(stride) {
            product += a * b;
            power += b * b;
        }
        Some((lag, product / power.sqrt()))
    };
    let best = |lags: &mut dyn Iterator<Item = usize>, stride: usize| {
        lags.filter_map(|lag| likeness(lag, stride)).max_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(lag, _)| lag)
    };
    let stride = (ms / COARSE).max(1);
    let coarse = best(&mut (shortest..=longest).step_by(stride), stride).unwrap_or(shortest);
    let near = coarse.saturating_sub(stride).max(shortest)..=(coarse + stride).min(longest);
    best(&mut near.into_iter(), 1).unwrap_or(shortest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::softphone::audio::testing::{longest_gap_ms, rms_dbfs, sine};

    /// A tone of `hz` at 8 kHz.
    fn tone(hz: f64, samples: usize) -> Vec<f32> {
        sine(hz * 6.0, -12.0, samples)
    }

    fn steepest(sound: &[f32]) -> f32 {
        sound.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_tone_goes_on_through_a_short_loss_and_fades_in_a_long_one() {
        let mut concealer = Concealer::new(8_000);
        concealer.heard(&mut tone(220.0, 1600));
        let mut out = Vec::new();
        concealer.conceal(80, &mut out);
        assert!((rms_dbfs(&out) + 15.0).abs() < 0.5, "{} dBFS rms", rms_dbfs(&out));
        concealer.conceal(400, &mut out);
        let levels: Vec<f64> = out.chunks(80).map(rms_dbfs).collect();
        assert!(levels.windows(2).all(|two| two[1] < two[0] + 0.1), "{levels:?}");
        let mut rest = Vec::new();
        concealer.conceal(800, &mut rest);
        assert!(rms_dbfs(&rest) < -49.0, "only the background after 60 ms: {}", rms_dbfs(&rest));
        assert!(steepest(&out) < 1.3 * steepest(&tone(220.0, 1600)));
    }

    #[test]
    fn neither_seam_is_heard() {
        for (hz, rate) in
            [(110.0, 8_000), (200.0, 8_000), (437.0, 8_000), (150.0, 16_000), (600.0, 16_000), (440.0, 48_000)]
        {
            let ms = rate as usize / 1000;
            let tone = sine(hz * 48_000.0 / f64::from(rate), -12.0, rate as usize);
            for lost in [1, 2] {
                let mut concealer = Concealer::new(rate);
                let mut out = Vec::new();
                for (n, frame) in tone.chunks(20 * ms).enumerate() {
                    if n % 10 < lost && n >= 10 {
                        concealer.conceal(20 * ms, &mut out);
                    } else {
                        let mut frame = frame.to_vec();
                        concealer.heard(&mut frame);
                        out.extend(frame);
                    }
                }
                let honest = steepest(&tone);
                assert!(steepest(&out) < 1.4 * honest, "{hz} Hz, {lost}: {} against {honest}", steepest(&out));
                if lost == 1 {
                    assert_eq!(longest_gap_ms(&out, -15.0), 0, "{hz} Hz");
                }
            }
        }
    }

    #[test]
    fn speech_fades_to_the_background_not_to_nothing() {
        let mut noise = Noise::default();
        noise.set_level(0.002);
        let mut concealer = Concealer::new(8_000);
        let mut quiet: Vec<f32> = (0..8_000).map(|_| noise.sample()).collect();
        concealer.heard(&mut quiet);
        concealer.heard(&mut tone(150.0, 8_000));
        let mut out = Vec::new();
        concealer.conceal(1600, &mut out);
        let level = rms_dbfs(&out[800..]);
        assert!((level + 54.0).abs() < 4.0, "{level}");
    }

    #[test]
    fn a_far_end_that_says_it_is_silent_sounds_as_it_told() {
        let mut concealer = Concealer::new(8_000);
        concealer.heard(&mut tone(220.0, 1600));
        concealer.silence(&[50]);
        let mut out = Vec::new();
        concealer.conceal(8_000, &mut out);
        assert!((rms_dbfs(&out[80..]) + 50.0).abs() < 1.0, "{}", rms_dbfs(&out[80..]));
        concealer.silence(&[60]);
        out.clear();
        concealer.conceal(8_000, &mut out);
        assert!((rms_dbfs(&out) + 60.0).abs() < 1.0, "{}", rms_dbfs(&out));
        assert!(steepest(&out) < 0.01);
    }

    #[test]
    fn with_no_past_there_is_silence() {
        let mut out = Vec::new();
        Concealer::new(8_000).conceal(480, &mut out);
        assert_eq!(out, vec![0.0; 480]);
    }
}
