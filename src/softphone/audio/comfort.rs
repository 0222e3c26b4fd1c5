//! The quiet noise of a far end that says nothing (comfort noise, RFC 3389).

/// Most reflection coefficients used; RFC 3389 knows no limit, the spectrum of a room needs no more.
const ORDER: usize = 12;
/// Loudest noise believed, as the level byte counts (dB under overload): louder is no background.
const LOUDEST: u8 = 20;

/// Noise of a level and, if the far end told it, a spectrum.
#[derive(Clone)]
pub struct Noise {
    amplitude: f32,
    reflection: Vec<f32>,
    /// Of the lattice filter.
    state: [f32; ORDER + 1],
    dice: u32,
}

impl Default for Noise {
    fn default() -> Self {
        Self { amplitude: 0.0, reflection: Vec::new(), state: [0.0; ORDER + 1], dice: 0x1234_5678 }
    }
}

impl Noise {
    /// Noise with this first reflection coefficient, of no level yet.
    pub fn dull(reflection: f32) -> Self {
        Self { reflection: vec![reflection.clamp(-0.99, 0.99)], ..Self::default() }
    }

    /// As a comfort noise payload says: a level in dB under overload, then quantised reflection coefficients, if any
    /// (RFC 3389 3). An empty payload is silence.
    pub fn set(&mut self, payload: &[u8]) {
        let mut bytes = payload.iter();
        let Some(level) = bytes.next().map(|level| (level & 0x7F).max(LOUDEST)) else {
            self.set_level(0.0);
            return;
        };
        self.reflection =
            bytes.take(ORDER).map(|byte| ((f32::from(*byte) - 127.0) / 127.0).clamp(-0.99, 0.99)).collect();
        // The state fits the old spectrum; the new one may ring with it.
        self.state = [0.0; ORDER + 1];
        self.set_level(10f32.powf(-f32::from(level) / 20.0));
    }

    /// Noise with this root mean square level, of full scale 1.
    pub fn set_level(&mut self, rms: f32) {
        // What the filter adds is taken off before it. White noise evenly spread has a third of its peak's power.
        let gain: f32 = self.reflection.iter().map(|k| 1.0 - k * k).product();
        self.amplitude = rms * (3.0 * gain).sqrt();
    }

    /// The next sample.
    pub fn sample(&mut self) -> f32 {
        self.dice = self.dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let mut forward = ((self.dice >> 8) as f32 / 8_388_608.0 - 1.0) * self.amplitude;
        // All-pole lattice, from the last stage to the first.
        for (stage, k) in self.reflection.iter().enumerate().rev() {
            let Some([back, next]) = self.state.get_mut(stage..stage + 2) else { break };
            forward -= k * *back;
            *next = *back + k * forward;
        }
        if let Some(first) = self.state.first_mut() {
            *first = forward;
        }
        forward
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::softphone::audio::testing::{level_at, rms_dbfs};

    fn noise(payload: &[u8]) -> Vec<f32> {
        let mut noise = Noise::default();
        noise.set(payload);
        (0..48_000).map(|_| noise.sample()).collect()
    }

    #[test]
    fn it_has_the_level_told() {
        for level in [30u8, 50, 70] {
            for spectrum in [&[][..], &[200], &[60, 180, 127, 140]] {
                let payload: Vec<u8> = [level].into_iter().chain(spectrum.iter().copied()).collect();
                let dbov = rms_dbfs(&noise(&payload));
                assert!((dbov + f64::from(level)).abs() < 1.0, "{payload:?}: {dbov}");
            }
        }
        assert_eq!(rms_dbfs(&noise(&[])), -120.0);
    }

    #[test]
    fn it_has_the_spectrum_told() {
        // A first reflection coefficient near -1 is a low hum, near +1 a hiss.
        let band = |sound: &[f32], hz: f64| {
            (0..40).map(|n| 10f64.powf(level_at(sound, hz + f64::from(n) * 20.0) / 10.0)).sum::<f64>()
        };
        let low = noise(&[40, 20]);
        assert!(band(&low, 500.0) > 5.0 * band(&low, 20_000.0));
        let high = noise(&[40, 234]);
        assert!(band(&high, 20_000.0) > 5.0 * band(&high, 500.0));
    }

    #[test]
    fn no_payload_makes_it_loud() {
        for payload in [vec![0], vec![255, 255, 255], vec![20, 0, 254, 0, 254, 0, 254, 255, 0, 0, 0, 9, 9, 9, 9, 9]] {
            assert!(noise(&payload).iter().all(|sample| sample.is_finite() && sample.abs() < 1.5), "{payload:?}");
        }
    }
}
