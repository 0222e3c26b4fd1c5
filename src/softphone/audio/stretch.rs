//! Playing a little faster or slower without changing the pitch: one period taken out or played twice, cross-faded.

/// Shortest and longest piece taken out or put in: 2.5 to 10 ms.
const SHORTEST: usize = 120;
const LONGEST: usize = 480;
/// Cross-fade: 5 ms.
const FADE: usize = 240;
/// Sound needed to do either, samples: 15 ms.
pub const NEEDED: usize = LONGEST + FADE;
/// The two ends of a splice must be this alike, 0 to 1, when there is time for a better place.
const ALIKE: f32 = 0.85;
/// With this much to be gained, samples, there is none: 25 ms. With twice as much any place will do.
const HURRY: usize = 1200;
/// Under this power (about -60 dBFS) any splice is inaudible.
const QUIET: f32 = 1e-6;

/// Takes one period out of the beginning of `sound`, of at most `most` samples; `late` says by how much it is too late
/// altogether. Returns how much is gone; 0 where it would be heard.
pub fn shorten(sound: &mut Vec<f32>, most: usize, late: usize) -> usize {
    let alike = match late / HURRY {
        0 => ALIKE,
        1 => ALIKE / 2.0,
        _ => -1.0,
    };
    let Some(lag) = best_lag(sound, most, alike) else { return 0 };
    // y = fade from x[0..] to x[lag..], then x[lag + FADE..].
    let later: Vec<f32> = sound.iter().skip(lag).take(FADE).copied().collect();
    cross_fade(sound, &later);
    sound.drain(FADE..FADE + lag);
    lag
}

/// Plays one period at the beginning of `sound` twice. Returns how much is added; 0 where it would be heard.
pub fn lengthen(sound: &mut Vec<f32>, most: usize) -> usize {
    let Some(lag) = best_lag(sound, most, ALIKE) else { return 0 };
    // y = x[0..lag], then fade from x[lag..] to x[0..], then x[FADE..].
    let mut longer: Vec<f32> = sound.iter().take(lag).copied().collect();
    let mut back: Vec<f32> = sound.iter().skip(lag).take(FADE).copied().collect();
    let start: Vec<f32> = sound.iter().take(FADE).copied().collect();
    cross_fade(&mut back, &start);
    longer.extend(back);
    longer.extend(sound.iter().skip(FADE));
    *sound = longer;
    lag
}

fn cross_fade(from: &mut [f32], to: &[f32]) {
    for (n, (sample, target)) in from.iter_mut().zip(to).take(FADE).enumerate() {
        let share = n as f32 / FADE as f32;
        *sample = *sample * (1.0 - share) + target * share;
    }
}

fn best_lag(sound: &[f32], most: usize, alike: f32) -> Option<usize> {
    let head = sound.get(..FADE)?;
    let longest = most.min(LONGEST).min(sound.len().checked_sub(FADE)?);
    let power = |piece: &[f32]| piece.iter().map(|s| s * s).sum::<f32>() / FADE as f32;
    let head_power = power(head);
    if head_power < QUIET && sound.get(..longest + FADE).is_some_and(|all| power(all) < QUIET) {
        return (longest > 0).then_some(longest);
    }
    let likeness = |lag: usize| {
        let tail = sound.get(lag..lag + FADE)?;
        let product: f32 = head.iter().zip(tail).map(|(a, b)| a * b).sum::<f32>() / FADE as f32;
        Some((lag, product / (head_power * power(tail)).sqrt().max(1e-12)))
    };
    let best = (SHORTEST..=longest).filter_map(likeness).max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    (best.1 > alike).then_some(best.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::softphone::audio::testing::sine;

    fn steepest(sound: &[f32]) -> f32 {
        sound.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_tone_is_shortened_and_lengthened_without_a_click() {
        for hz in [110.0, 440.0, 1000.0] {
            let tone = sine(hz, -12.0, 960);
            let mut short = tone.clone();
            let gone = shorten(&mut short, LONGEST, 0);
            assert!(gone >= SHORTEST, "{hz} Hz");
            assert_eq!(short.len(), 960 - gone);
            let mut long = tone.clone();
            let added = lengthen(&mut long, LONGEST);
            assert!(added >= SHORTEST, "{hz} Hz");
            assert_eq!(long.len(), 960 + added);
            for changed in [short, long] {
                assert!(steepest(&changed) < 1.3 * steepest(&tone), "{hz} Hz");
                assert_eq!(changed[0], tone[0]);
                assert_eq!(changed.last(), tone.last());
            }
        }
    }

    #[test]
    fn noise_is_left_alone_and_silence_is_not() {
        let mut state = 1u32;
        let mut noise: Vec<f32> = (0..960)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / 8_388_608.0 - 1.0
            })
            .collect();
        assert_eq!(shorten(&mut noise, LONGEST, 0), 0);
        assert_eq!(noise.len(), 960);
        assert_eq!(shorten(&mut vec![0.0; 960], LONGEST, 0), LONGEST);
    }

    #[test]
    fn too_little_sound_is_left_alone() {
        assert_eq!(shorten(&mut vec![0.0; FADE - 1], LONGEST, 0), 0);
        assert_eq!(lengthen(&mut Vec::new(), LONGEST), 0);
        assert_eq!(shorten(&mut sine(440.0, -12.0, 960), 10, 0), 0, "at most 10 samples is too little for a period");
    }
}
