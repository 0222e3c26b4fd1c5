//! What a call sounds like, in numbers: the E-model (ITU-T G.107, G.113) from delay, loss and the pattern of the loss.

use std::{collections::VecDeque, time::Duration};

use crate::{config::Codec, softphone::audio::Quality};

/// R without delay and loss: G.107 with the default values of every other parameter.
const R_DEFAULT: f32 = 93.2;

/// What the devices of both sides add, ms: 10 ms of capture and 10 ms of playback here, as much there.
const DEVICE_DELAY_MS: f32 = 40.0;

/// Packets of 20 ms.
const PACKET_MS: f32 = 20.0;

/// Seconds over which the missing share is taken: long enough for a figure of 1 %, short enough to be told at once.
const WINDOW: usize = 2;

/// Ie of a codec (G.113 table I.1): its own impairment without loss. G.711 is the reference. Opus and G.722 have no
/// value on this narrowband scale, which ends where G.711 is; they are not worse than it.
fn equipment_impairment(codec: Codec) -> f32 {
    match codec {
        Codec::Opus | Codec::G722 | Codec::Pcma | Codec::Pcmu => 0.0,
    }
}

/// Bpl: how well a codec bears loss (G.113 table I.4). 25.1 is G.711 with concealment by its Appendix I, as here. For
/// Opus nothing is published; its own concealment continues a model of the voice, as that of iLBC does (32.0), and what
/// its redundancy repairs is not counted as missing in the first place. So it gets the lower, proven figure.
fn loss_robustness(codec: Codec) -> f32 {
    match codec {
        Codec::Opus | Codec::G722 | Codec::Pcma | Codec::Pcmu => 25.1,
    }
}

/// Look-ahead of the encoder, ms (RFC 6716 2: 6.5 ms with the default modes).
fn look_ahead_ms(codec: Codec) -> f32 {
    match codec {
        Codec::Opus => 6.5,
        Codec::Pcma | Codec::Pcmu => 0.0,
        // The two-band filter of both sides together (G.722 2.2).
        Codec::G722 => 3.0,
    }
}

/// Longest runs of loss, against random ones, that the model is made for (G.107 table 3).
fn bursts(ratio: f32, missing_pct: f32) -> f32 {
    let ratio = if ratio.is_finite() { ratio } else { 1.0 };
    ratio.clamp(1.0, if missing_pct < 2.0 { 8.0 } else { 2.0 })
}

/// Mean opinion score, 1.0 to 4.5, for a one-way delay (mouth to ear, ms), a share of sound that is missing (percent:
/// what had to be made up, not what was repaired) and the burst ratio of the loss.
pub fn mos(codec: Codec, delay_ms: f32, missing_pct: f32, burst_ratio: f32) -> f32 {
    let delay = if delay_ms.is_finite() { delay_ms.max(0.0) } else { 0.0 };
    let missing = if missing_pct.is_finite() { missing_pct.clamp(0.0, 100.0) } else { 100.0 };
    let delay_impairment = 0.024 * delay + 0.11 * (delay - 177.3).max(0.0);
    let own = equipment_impairment(codec);
    let bursts = bursts(burst_ratio, missing);
    let loss_impairment = own + (95.0 - own) * missing / (missing / bursts + loss_robustness(codec));
    let r = (R_DEFAULT - delay_impairment - loss_impairment).clamp(0.0, 100.0);
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(1.0, 4.5)
}

/// One-way delay as far as it is known here: half the round trip, what waits in the jitter buffer, a packet, the codec
/// and the devices.
pub fn one_way_delay_ms(codec: Codec, round_trip_ms: Option<f32>, buffer_ms: f32) -> f32 {
    round_trip_ms.unwrap_or(0.0) / 2.0 + buffer_ms + PACKET_MS + look_ahead_ms(codec) + DEVICE_DELAY_MS
}

/// Ticks of a codec's RTP clock in ms (RFC 7587 4.1: 48 kHz for Opus).
pub fn ticks_to_ms(codec: Codec, ticks: u32) -> f32 {
    let per_ms = match codec {
        Codec::Opus => 48.0,
        Codec::G722 | Codec::Pcma | Codec::Pcmu => 8.0,
    };
    ticks as f32 / per_ms
}

/// What is heard, second by second.
#[derive(Debug, Default)]
pub struct Listening {
    received: u64,
    lost: u64,
    played_ms: u64,
    concealed_ms: u64,
    missing: VecDeque<f32>,
}

/// One second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Second {
    /// Packets that came.
    pub received: u64,
    /// Of those that should have come, how many did not, percent.
    pub loss_pct: f32,
}

impl Listening {
    /// A second has passed; the counts are those of the call so far. `idle` is for how long nothing came that should
    /// have.
    pub fn second(&mut self, received: u64, lost: u64, quality: &Quality, idle: Duration) -> Second {
        let came = received.saturating_sub(std::mem::replace(&mut self.received, received));
        // Fewer than before when some came late.
        let gone = lost.saturating_sub(std::mem::replace(&mut self.lost, lost));
        let played = quality.played_ms.saturating_sub(std::mem::replace(&mut self.played_ms, quality.played_ms));
        let made_up =
            quality.concealed_ms.saturating_sub(std::mem::replace(&mut self.concealed_ms, quality.concealed_ms));
        // Nothing at all is not concealed for long, and is missing all the same.
        let silent = (idle.as_secs_f32() - 0.2).clamp(0.0, 1.0) * 100.0;
        if self.missing.len() >= WINDOW {
            self.missing.pop_front();
        }
        self.missing.push_back(percent(made_up, played).max(silent));
        Second { received: came, loss_pct: percent(gone, came + gone) }
    }

    /// Share of the last seconds that had to be made up, percent.
    pub fn missing_pct(&self) -> f32 {
        self.missing.iter().sum::<f32>() / self.missing.len().max(1) as f32
    }
}

fn percent(part: u64, whole: u64) -> f32 {
    part as f32 * 100.0 / whole.max(1) as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_published_table_comes_out() {
        // targets.md 3.3: G.711 with concealment at 150 ms, random loss.
        for (loss, expected) in [(0.0, 4.33), (1.0, 4.23), (3.0, 4.00), (5.0, 3.77), (10.0, 3.23), (20.0, 2.44)] {
            let computed = mos(Codec::Pcma, 150.0, loss, 1.0);
            assert!((computed - expected).abs() < 0.01, "{loss} %: {computed}");
        }
    }

    #[test]
    fn random_loss_meets_its_targets_at_the_delay_of_a_bad_network() {
        // A round trip of 60 ms and a buffer of 40 ms; concealed is at most a point more than lost.
        for codec in [Codec::Opus, Codec::Pcma, Codec::Pcmu] {
            let delay = one_way_delay_ms(codec, Some(60.0), 40.0);
            for (missing, least) in [(3.0, 4.0), (10.0, 3.2)] {
                let computed = mos(codec, delay, missing, 1.0);
                assert!(computed >= least, "{codec:?} {missing} %: {computed}");
            }
        }
    }

    #[test]
    fn the_same_loss_in_bursts_is_worse() {
        let (random, bursts) = (mos(Codec::Pcma, 100.0, 10.0, 1.0), mos(Codec::Pcma, 100.0, 10.0, 2.0));
        assert!(random - bursts > 0.1, "{random} {bursts}");
    }

    #[test]
    fn long_delay_hurts_more_beyond_the_knee() {
        let at = |delay| mos(Codec::Opus, delay, 0.0, 1.0);
        let (near, knee, far) = (at(100.0), at(177.0), at(400.0));
        assert!(near - knee < 0.1 && knee - far > 0.5, "{near} {knee} {far}");
    }

    proptest! {
        /// Whatever is measured, the score is one, and more of anything bad never makes it better.
        #[test]
        fn anything_gives_a_score(
            delay in prop_oneof![any::<f32>(), 0.0f32..1000.0],
            missing in prop_oneof![any::<f32>(), 0.0f32..100.0],
            bursts in prop_oneof![any::<f32>(), 1.0f32..10.0],
        ) {
            let computed = mos(Codec::Opus, delay, missing, bursts);
            prop_assert!((1.0..=4.5).contains(&computed), "{computed}");
            if delay.is_finite() && delay > 0.0 && (0.0..100.0).contains(&missing) {
                prop_assert!(mos(Codec::Opus, delay + 10.0, missing, bursts) <= computed + 1e-4);
            }
        }
    }

    #[test]
    fn delay_is_added_up() {
        assert_eq!(one_way_delay_ms(Codec::Opus, Some(40.0), 30.0), 116.5);
        assert_eq!(one_way_delay_ms(Codec::Pcma, None, 0.0), 60.0);
    }

    #[test]
    fn a_second_is_counted_by_itself() {
        let mut listening = Listening::default();
        let heard = |played_ms, concealed_ms| Quality { played_ms, concealed_ms, ..Quality::default() };
        let first = listening.second(45, 5, &heard(1000, 100), Duration::ZERO);
        assert_eq!(first, Second { received: 45, loss_pct: 10.0 });
        assert_eq!(listening.missing_pct(), 10.0);
        // One that was given up on came late.
        let second = listening.second(96, 4, &heard(2000, 100), Duration::ZERO);
        assert_eq!(second, Second { received: 51, loss_pct: 0.0 });
        assert_eq!(listening.missing_pct(), 5.0);
        for _ in 0..3 {
            listening.second(96, 4, &heard(2200, 300), Duration::from_secs(4));
        }
        assert_eq!(listening.missing_pct(), 100.0, "nothing comes at all");
    }
}
