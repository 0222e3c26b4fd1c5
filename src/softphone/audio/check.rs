//! A test of the devices: what the microphone hears, whether that is speech, and how much of the speaker's tone comes
//! back through it.

use std::{f64::consts::TAU, time::Duration};

use super::{
    BLOCK, RATE,
    ear::{Speech, rms_dbfs},
    meter::{FLOOR_DBFS, Meter},
    tones::{TEST_HZ, TEST_MS},
};
use crate::softphone::{SoundTest, Xruns};

/// A test ends by itself after this time.
pub const LASTS: Duration = Duration::from_secs(30);
/// Blocks between two reports: 100 ms.
const REPORT_EVERY: u32 = 10;
/// Blocks in which the tone may come back: as long as it lasts and 400 ms on the way.
const ECHO_BLOCKS: u32 = (TEST_MS / 10) as u32 + 40;
/// Blocks that the tone's level is measured over: 100 ms, a whole number of its periods.
const WINDOW_BLOCKS: usize = 10;
/// A tone below this is not heard, dBFS.
const HEARD_DBFS: f64 = -70.0;
/// The part of what is heard that the tone must be to be taken for it.
const OWN_SHARE: f64 = 0.25;

/// A test under way.
#[derive(Debug)]
pub struct Check {
    blocks: u32,
    last: u32,
    meter: Meter,
    level_dbfs: f32,
    peak_dbfs: f32,
    speech: Speech,
    spoken: bool,
    /// Blocks left in which the tone may be heard.
    echo_left: u32,
    window: Vec<f32>,
    /// The loudest the tone has come back, dBFS.
    echo_dbfs: Option<f64>,
    tone_dbfs: f32,
}

impl Check {
    /// A test whose tone is as loud as this at its peak, dBFS.
    pub fn new(tone_dbfs: f32) -> Self {
        Self {
            blocks: 0,
            last: (LASTS.as_millis() / 10) as u32,
            meter: Meter::default(),
            level_dbfs: FLOOR_DBFS,
            peak_dbfs: FLOOR_DBFS,
            speech: Speech::default(),
            spoken: false,
            echo_left: 0,
            window: Vec::new(),
            echo_dbfs: None,
            tone_dbfs,
        }
    }

    /// It is to go on as long as a new one.
    pub fn go_on(&mut self) {
        self.last = self.blocks + (LASTS.as_millis() / 10) as u32;
    }

    /// The tone begins.
    pub fn tone_begins(&mut self) {
        self.echo_left = ECHO_BLOCKS;
        self.echo_dbfs = None;
        self.window.clear();
    }

    /// Takes in 10 ms of the microphone; whether something is to be told.
    pub fn hear(&mut self, block: &[f32; BLOCK]) -> bool {
        self.meter.add(block);
        if self.echo_left > 0 {
            self.echo_left -= 1;
            self.window.extend(block);
            if self.window.len() >= WINDOW_BLOCKS * BLOCK {
                self.note_echo();
                self.window.clear();
            }
        } else {
            // The tone itself is no speech.
            self.spoken |= self.speech.hear(rms_dbfs(block));
        }
        self.blocks += 1;
        let report = self.blocks.is_multiple_of(REPORT_EVERY);
        if report {
            self.level_dbfs = self.meter.read();
            self.peak_dbfs = self.peak_dbfs.max(self.level_dbfs);
        }
        report
    }

    /// Whether its time is up.
    pub fn is_over(&self) -> bool {
        self.blocks >= self.last
    }

    /// What is found so far.
    pub fn report(&self, alive: [bool; 3], xruns: Xruns) -> SoundTest {
        let [microphone, speaker, ring] = alive;
        SoundTest {
            running: !self.is_over(),
            speaker,
            microphone,
            ring,
            level_dbfs: self.level_dbfs,
            peak_dbfs: self.peak_dbfs,
            speech: self.spoken,
            echo_db: self.echo_dbfs.map(|heard| (f64::from(self.tone_dbfs) - heard) as f32),
            xruns,
        }
    }

    fn note_echo(&mut self) {
        let (mut re, mut im, mut power) = (0.0f64, 0.0f64, 0.0f64);
        for (n, sample) in self.window.iter().enumerate() {
            let phase = TAU * TEST_HZ * n as f64 / f64::from(RATE);
            re += f64::from(*sample) * phase.cos();
            im += f64::from(*sample) * phase.sin();
            power += f64::from(*sample) * f64::from(*sample);
        }
        let length = self.window.len().max(1) as f64;
        let amplitude = 2.0 * re.hypot(im) / length;
        let own = amplitude * amplitude / 2.0 / (power / length).max(f64::MIN_POSITIVE);
        let dbfs = 20.0 * amplitude.max(1e-9).log10();
        if dbfs > HEARD_DBFS && own >= OWN_SHARE {
            self.echo_dbfs = Some(self.echo_dbfs.map_or(dbfs, |before| before.max(dbfs)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::softphone::audio::testing::sine;

    fn hear(check: &mut Check, samples: &[f32]) -> SoundTest {
        for block in samples.chunks_exact(BLOCK) {
            check.hear(block.try_into().unwrap());
        }
        check.report([true; 3], Xruns::default())
    }

    #[test]
    fn the_tones_way_back_is_measured_and_a_voice_is_not_taken_for_it() {
        let mut check = Check::new(-12.0);
        check.tone_begins();
        let mut heard = vec![0.0; 9600];
        heard.extend(sine(TEST_HZ, -42.0, 48_000));
        let found = hear(&mut check, &heard);
        assert!(found.echo_db.is_some_and(|db| (db - 30.0).abs() < 1.0), "{found:?}");
        assert!(!found.speech, "the tone is no speech");
        let mut check = Check::new(-12.0);
        check.tone_begins();
        let found = hear(&mut check, &sine(440.0, -12.0, 72_000));
        assert_eq!(found.echo_db, None);
    }

    #[test]
    fn levels_are_told_and_the_loudest_is_kept() {
        let mut check = Check::new(-12.0);
        let found = hear(&mut check, &sine(300.0, -20.0, 48_000));
        assert!((found.level_dbfs + 20.0).abs() < 0.1 && found.speech, "{found:?}");
        let found = hear(&mut check, &[0.0; 48_000]);
        assert_eq!(found.level_dbfs, FLOOR_DBFS);
        assert!((found.peak_dbfs + 20.0).abs() < 0.1 && found.speech && found.running);
        assert_eq!(hear(&mut Check::new(-12.0), &[0.0; 48_000]).peak_dbfs, FLOOR_DBFS);
    }

    #[test]
    fn it_ends_after_half_a_minute_unless_it_is_to_go_on() {
        let mut check = Check::new(-12.0);
        assert!(hear(&mut check, &vec![0.0; 48_000 * 29]).running);
        check.go_on();
        assert!(hear(&mut check, &vec![0.0; 48_000 * 29]).running);
        assert!(!hear(&mut check, &vec![0.0; 48_000]).running);
    }
}
