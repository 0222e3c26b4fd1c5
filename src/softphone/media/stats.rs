//! What a call sounds like, in numbers: the E-model (ITU-T G.107, G.113) from delay and loss.

/// Ie of G.711, and of Opus at the rates used here, for which G.113 has no value of its own (`targets.md` 3.3).
const EQUIPMENT_IMPAIRMENT: f32 = 0.0;

/// Bpl of a codec with packet loss concealment (G.113 I.3, G.711).
const LOSS_ROBUSTNESS: f32 = 25.1;

/// R without delay and loss: G.107 with the default values of every other parameter.
const R_DEFAULT: f32 = 93.2;

/// Packetisation and codec look-ahead on both sides, ms: 20 ms packets, 6.5 ms of Opus.
const CODING_DELAY_MS: f32 = 26.5;

/// Mean opinion score, 1.0 to 4.5, for a one-way delay (mouth to ear, ms) and a random packet loss (percent).
pub fn mos(delay_ms: f32, loss_pct: f32) -> f32 {
    let delay = if delay_ms.is_finite() { delay_ms.max(0.0) } else { 0.0 };
    let loss = if loss_pct.is_finite() { loss_pct.clamp(0.0, 100.0) } else { 100.0 };
    let delay_impairment = 0.024 * delay + 0.11 * (delay - 177.3).max(0.0);
    let loss_impairment = EQUIPMENT_IMPAIRMENT + (95.0 - EQUIPMENT_IMPAIRMENT) * loss / (loss + LOSS_ROBUSTNESS);
    let r = (R_DEFAULT - delay_impairment - loss_impairment).clamp(0.0, 100.0);
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(1.0, 4.5)
}

/// One-way delay as far as it is known here: half the round trip, what waits in the jitter buffer, and the coding.
pub fn one_way_delay_ms(round_trip_ms: Option<f32>, buffer_ms: f32) -> f32 {
    round_trip_ms.unwrap_or(0.0) / 2.0 + buffer_ms + CODING_DELAY_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_table_comes_out() {
        // targets.md 3.3: G.711 with concealment at 150 ms.
        for (loss, expected) in [(0.0, 4.33), (1.0, 4.23), (3.0, 4.00), (5.0, 3.77), (10.0, 3.23), (20.0, 2.44)] {
            let computed = mos(150.0, loss);
            assert!((computed - expected).abs() < 0.01, "{loss} %: {computed}");
        }
    }

    #[test]
    fn long_delay_hurts_more_beyond_the_knee() {
        let (near, knee, far) = (mos(100.0, 0.0), mos(177.0, 0.0), mos(400.0, 0.0));
        assert!(near - knee < 0.1 && knee - far > 0.5, "{near} {knee} {far}");
    }

    #[test]
    fn nonsense_stays_in_range() {
        for (delay, loss) in [(f32::NAN, 0.0), (0.0, f32::NAN), (-5.0, -5.0), (1e9, 1e9), (f32::INFINITY, 50.0)] {
            let computed = mos(delay, loss);
            assert!((1.0..=4.5).contains(&computed), "{delay} {loss}: {computed}");
        }
    }

    #[test]
    fn delay_is_added_up() {
        assert_eq!(one_way_delay_ms(Some(40.0), 30.0), 76.5);
        assert_eq!(one_way_delay_ms(None, 0.0), 26.5);
    }
}
