//! Measuring what a party hears: the strongest frequency and the level of the last half second.

use std::{f32::consts::TAU, sync::OnceLock};

use super::arrivals::Pace;
use super::sound::RATE;

/// Below this nothing is heard, in dBFS.
const SILENCE_DBFS: f32 = -65.0;
/// Points of the transform: half a second at half the rate, padded to the next power of two.
const POINTS: usize = 16_384;
/// Below this, in Hz, only hum and offset are found.
const LOWEST_HZ: f32 = 30.0;

/// Most tones told apart.
const TONES: usize = 6;
/// What is this much weaker than the strongest tone, in dB, counts as a by-product of it.
const BY_PRODUCT_DB: f32 = 26.0;
/// Half the width of a tone in the spectrum of half a second, in Hz.
const TONE_WIDTH_HZ: f32 = 6.0;

/// What a party hears now, over the last 500 ms.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    /// The strongest frequency in Hz; none in silence.
    pub hz: Option<f32>,
    /// Each tone told apart, strongest first: frequency in Hz, level in dBFS.
    pub tones: Vec<(f32, f32)>,
    /// The level in dBFS, where 0 is a full-scale sine; none in silence (below -65).
    pub dbfs: Option<f32>,
    /// RTP packets from the party, or 20 ms frames a virtual party spoke.
    pub packets_in: u64,
    /// RTP packets to the party, or 20 ms frames a virtual party heard.
    pub packets_out: u64,
    /// How the party's RTP packets come; nothing for a virtual party.
    pub pace: Pace,
    /// Sound from the party that waits to be played, in ms; nothing for a virtual party.
    pub buffer_ms: Option<f32>,
}

/// The level of samples at full scale 1, in dBFS of a sine: a sine of peak 1 is 0 dBFS.
pub(super) fn level(samples: &[f32]) -> f32 {
    let power: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    10.0 * (2.0 * power / samples.len().max(1) as f64 + 1e-12).log10() as f32
}

/// The tones in samples, strongest first: frequency in Hz, up to 12 kHz and within 0.2 Hz, and level in dBFS, within
/// 0.3 dB. None in silence.
pub(super) fn tones(samples: &[f32]) -> Vec<(f32, f32)> {
    if level(samples) < SILENCE_DBFS {
        return Vec::new();
    }
    let halved: Vec<f32> = samples.chunks_exact(2).map(|pair| pair.iter().sum::<f32>() / 2.0).take(POINTS).collect();
    let scale = TAU / halved.len() as f32;
    let windowed =
        halved.iter().enumerate().map(|(at, sample)| Complex(sample * (1.0 - (scale * at as f32).cos()), 0.0));
    let padding = std::iter::repeat_n(Complex(0.0, 0.0), POINTS - halved.len());
    let mut spectrum: Vec<Complex> = windowed.chain(padding).collect();
    transform(&mut spectrum);
    let power: Vec<f32> =
        spectrum.iter().take(POINTS / 2).map(|bin| (bin.0 * bin.0 + bin.1 * bin.1).max(1e-20)).collect();

    let bin_hz = RATE as f32 / 2.0 / POINTS as f32;
    let lowest = (LOWEST_HZ / bin_hz) as usize;
    let full_scale = (halved.len() as f32 / 2.0).powi(2);
    let mut peaks: Vec<(f32, f32)> = power
        .windows(3)
        .enumerate()
        .skip(lowest)
        .filter_map(|(bin, around)| {
            let &[before, at, after] = around else { return None };
            if at < before || at <= after {
                return None;
            }
            // The top of a parabola through three logarithmic points lies where a windowed sine truly is.
            let (before, at, after) = (before.ln(), at.ln(), after.ln());
            let bend = before - 2.0 * at + after;
            let aside = if bend.abs() > f32::EPSILON { 0.5 * (before - after) / bend } else { 0.0 };
            let top = at - 0.25 * (before - after) * aside;
            let dbfs = 10.0 * std::f32::consts::LOG10_E * (top - full_scale.ln());
            Some(((bin as f32 + 1.0 + aside) * bin_hz, dbfs))
        })
        .collect();
    peaks.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut tones: Vec<(f32, f32)> = Vec::new();
    for (hz, dbfs) in peaks {
        let weak = tones.first().is_some_and(|(_, loudest)| dbfs < loudest - BY_PRODUCT_DB) || dbfs < SILENCE_DBFS;
        if weak || tones.len() == TONES {
            break;
        }
        if tones.iter().all(|(other, _)| (other - hz).abs() > TONE_WIDTH_HZ) {
            tones.push((hz, dbfs));
        }
    }
    tones
}

/// Strongest frequency in Hz and level of all in dBFS, or none in silence.
#[cfg(test)]
pub(super) fn strongest(samples: &[f32]) -> Option<(f32, f32)> {
    tones(samples).first().map(|(hz, _)| (*hz, level(samples)))
}

#[derive(Clone, Copy, Debug)]
struct Complex(f32, f32);

impl Complex {
    fn turn(angle: f32) -> Complex {
        Complex(angle.cos(), angle.sin())
    }
}

/// The unit roots of the first half, one per point.
fn turns() -> &'static [Complex] {
    static TURNS: OnceLock<Vec<Complex>> = OnceLock::new();
    TURNS.get_or_init(|| (0..POINTS / 2).map(|at| Complex::turn(-TAU * at as f32 / POINTS as f32)).collect())
}

/// Transform in place, of [`POINTS`] points.
fn transform(data: &mut [Complex]) {
    let bits = data.len().trailing_zeros();
    for at in 0..data.len() {
        let mirrored = at.reverse_bits() >> (usize::BITS - bits);
        if at < mirrored {
            data.swap(at, mirrored);
        }
    }
    let mut half = 1;
    while half < data.len() {
        let stage: Vec<Complex> = turns().iter().step_by(POINTS / 2 / half).copied().collect();
        for block in data.chunks_exact_mut(2 * half) {
            let (even, odd) = block.split_at_mut(half);
            for ((a, b), turn) in even.iter_mut().zip(odd).zip(&stage) {
                let turned = Complex(b.0 * turn.0 - b.1 * turn.1, b.0 * turn.1 + b.1 * turn.0);
                (*a, *b) = (Complex(a.0 + turned.0, a.1 + turned.1), Complex(a.0 - turned.0, a.1 - turned.1));
            }
        }
        half *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tones_are_told_apart() {
        let mix: Vec<f32> = [(440.0, 0.2), (1000.0, 0.3), (1700.0, 0.05)]
            .iter()
            .map(|(hz, peak)| sine(*hz, *peak))
            .reduce(|a, b| a.iter().zip(b).map(|(a, b)| a + b).collect())
            .unwrap();
        let found = tones(&mix);
        assert_eq!(found.len(), 3, "{found:?}");
        for ((hz, dbfs), (wanted, peak)) in found.iter().zip([(1000.0, 0.3f32), (440.0, 0.2), (1700.0, 0.05)]) {
            assert!((hz - wanted).abs() < 0.5, "{found:?}");
            assert!((dbfs - 20.0 * peak.log10()).abs() < 0.3, "{found:?}");
        }
        assert_eq!(tones(&sine(440.0, 0.0004)), []);
    }

    fn sine(hz: f32, peak: f32) -> Vec<f32> {
        (0..RATE / 2).map(|at| peak * (TAU * hz * at as f32 / RATE as f32).sin()).collect()
    }

    #[test]
    fn finds_frequency_and_level_of_sines() {
        for hz in [62.5, 300.3, 440.0, 1000.0, 1004.7, 3399.9, 7000.2] {
            for peak in [1.0, 0.25, 0.01] {
                let (found, dbfs) = strongest(&sine(hz, peak)).unwrap();
                assert!((found - hz).abs() < 0.2, "{found} for {hz} Hz");
                assert!((dbfs - 20.0 * peak.log10()).abs() < 0.1, "{dbfs} dBFS for peak {peak}");
            }
        }
    }

    #[test]
    fn the_louder_of_two_wins_and_silence_is_none() {
        let mix: Vec<f32> = sine(440.0, 0.2).iter().zip(sine(1000.0, 0.3)).map(|(a, b)| a + b).collect();
        let (hz, _) = strongest(&mix).unwrap();
        assert!((hz - 1000.0).abs() < 0.5, "{hz}");
        assert_eq!(strongest(&sine(440.0, 0.0004)), None);
        assert_eq!(strongest(&[]), None);
    }
}
