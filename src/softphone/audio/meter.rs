//! Level meter: the peak of the last 100 ms.

/// What silence reads, dBFS.
pub const FLOOR_DBFS: f32 = -90.0;

/// Holds the highest peak until it is read. A sine of amplitude `A` reads `20 log10 A`.
#[derive(Debug, Default)]
pub struct Meter {
    peak: f32,
}

impl Meter {
    /// Takes in samples, full scale 1.0.
    pub fn add(&mut self, samples: &[f32]) {
        self.peak = samples.iter().fold(self.peak, |peak, sample| peak.max(sample.abs()));
    }

    /// The peak since the last reading, dBFS from [`FLOOR_DBFS`] up to about 0.
    pub fn read(&mut self) -> f32 {
        let dbfs = 20.0 * self.peak.log10();
        self.peak = 0.0;
        dbfs.max(FLOOR_DBFS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::softphone::audio::testing::sine;

    #[test]
    fn a_sine_reads_its_amplitude_and_silence_reads_the_floor() {
        let mut meter = Meter::default();
        meter.add(&sine(1000.0, -12.0, 4800));
        assert!((meter.read() + 12.0).abs() < 0.05);
        assert_eq!(meter.read(), FLOOR_DBFS, "a reading starts a new interval");
        meter.add(&[1.0]);
        assert_eq!(meter.read(), 0.0);
    }
}
