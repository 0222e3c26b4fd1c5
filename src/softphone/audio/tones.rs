//! The program's own sounds, generated: ring, ring-back, beeps, keypad.

use std::f64::consts::TAU;

use super::{BLOCK, RATE};
use crate::softphone::Tone;

/// Fade at both ends of a sound, samples: 5 ms, so that nothing clicks.
const FADE: u64 = 240;

/// Part of a tone: up to two frequencies (0 Hz: none) for some time.
#[derive(Clone, Copy, Debug)]
struct Part {
    hz: [f64; 2],
    samples: u64,
}

const fn part(first: f64, second: f64, ms: u64) -> Part {
    Part { hz: [first, second], samples: ms * RATE as u64 / 1000 }
}

/// A double warble and a pause.
const RING: [Part; 4] = [part(660.0, 880.0, 400), part(0.0, 0.0, 200), part(660.0, 880.0, 400), part(0.0, 0.0, 2000)];
/// China's ring-back tone: 450 Hz, 1 s on, 4 s off.
const RING_BACK: [Part; 2] = [part(450.0, 0.0, 1000), part(0.0, 0.0, 4000)];
/// Two rising notes.
const AUTO_ANSWER: [Part; 2] = [part(660.0, 0.0, 120), part(880.0, 0.0, 160)];
/// China's congestion cadence, short: 450 Hz, 0.2 s on and off.
const HANG_UP: [Part; 3] = [part(450.0, 0.0, 180), part(0.0, 0.0, 140), part(450.0, 0.0, 180)];
/// What a test of the speaker plays, Hz and ms.
pub const TEST_HZ: f64 = 1000.0;
pub const TEST_MS: u64 = 1000;
/// How long a key sounds, ms.
const KEY_MS: u64 = 120;

/// Where a tone belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlet {
    /// The ring device.
    Ring,
    /// The device of the conversation.
    Speaker,
}

/// A tone that is being played.
#[derive(Debug)]
struct Player {
    parts: Vec<Part>,
    outlet: Outlet,
    loops: bool,
    at: u64,
}

impl Player {
    fn new(tone: Tone) -> Option<Self> {
        let (parts, outlet, loops) = match tone {
            Tone::Ring => (RING.to_vec(), Outlet::Ring, true),
            Tone::RingBack => (RING_BACK.to_vec(), Outlet::Speaker, true),
            Tone::AutoAnswer => (AUTO_ANSWER.to_vec(), Outlet::Speaker, false),
            Tone::HangUp => (HANG_UP.to_vec(), Outlet::Speaker, false),
            Tone::Test => (vec![part(TEST_HZ, 0.0, TEST_MS)], Outlet::Speaker, false),
            // Without the pause that a loop needs.
            Tone::RingOnce => (RING.iter().copied().take(3).collect(), Outlet::Ring, false),
            Tone::Key(key) => {
                let (low, high) = dtmf(key)?;
                (vec![part(low, high, KEY_MS)], Outlet::Speaker, false)
            }
        };
        Some(Self { parts, outlet, loops, at: 0 })
    }

    fn length(&self) -> u64 {
        self.parts.iter().map(|part| part.samples).sum()
    }

    fn over(&self) -> bool {
        !self.loops && self.at >= self.length()
    }

    fn sample(&mut self) -> f64 {
        let mut at = self.at % self.length().max(1);
        if self.over() {
            return 0.0;
        }
        self.at += 1;
        for part in &self.parts {
            if at >= part.samples {
                at -= part.samples;
                continue;
            }
            let edge = at.min(part.samples - at);
            let gain = (edge as f64 / FADE as f64).min(1.0);
            let sounding = part.hz.iter().filter(|hz| **hz > 0.0).count().max(1) as f64;
            let seconds = at as f64 / f64::from(RATE);
            let sum: f64 = part.hz.iter().map(|hz| (TAU * hz * seconds).sin()).sum();
            return gain * sum / sounding;
        }
        0.0
    }
}

/// What sounds now: a loop, and over it something short.
#[derive(Debug)]
pub struct Tones {
    amplitude: f64,
    ring: bool,
    looping: Option<Player>,
    short: Option<Player>,
}

impl Tones {
    /// With a peak level of `dbfs` (-60 to 0); without `ring`, [`Tone::Ring`] is not heard.
    pub fn new(dbfs: f32, ring: bool) -> Self {
        Self { amplitude: 10f64.powf(f64::from(dbfs.clamp(-60.0, 0.0)) / 20.0), ring, looping: None, short: None }
    }

    /// Starts a tone, or stops all. A key does not disturb a loop, the other short ones end it.
    pub fn play(&mut self, tone: Option<Tone>) {
        let Some(tone) = tone else {
            (self.looping, self.short) = (None, None);
            return;
        };
        match tone {
            Tone::Ring if !self.ring => self.looping = None,
            Tone::Ring | Tone::RingBack => self.looping = Player::new(tone),
            Tone::AutoAnswer | Tone::HangUp => (self.looping, self.short) = (None, Player::new(tone)),
            Tone::Key(_) | Tone::Test | Tone::RingOnce => self.short = Player::new(tone),
        }
    }

    /// Whether something sounds in this outlet.
    pub fn sounding(&self, outlet: Outlet) -> bool {
        [&self.looping, &self.short].into_iter().flatten().any(|player| player.outlet == outlet)
    }

    /// Adds the next 10 ms to what goes to the speaker and to the ring device.
    pub fn mix(&mut self, speaker: &mut [f32; BLOCK], ring: &mut [f32; BLOCK]) {
        for player in [&mut self.looping, &mut self.short] {
            let Some(tone) = player else { continue };
            let out: &mut [f32; BLOCK] = match tone.outlet {
                Outlet::Speaker => speaker,
                Outlet::Ring => ring,
            };
            for sample in out {
                *sample += (tone.sample() * self.amplitude) as f32;
            }
            if tone.over() {
                *player = None;
            }
        }
    }
}

/// The two frequencies of a key (ITU-T Q.23), Hz.
fn dtmf(key: char) -> Option<(f64, f64)> {
    const ROWS: [(f64, &str); 4] = [(697.0, "123A"), (770.0, "456B"), (852.0, "789C"), (941.0, "*0#D")];
    const COLUMNS: [f64; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
    ROWS.iter().find_map(|(low, keys)| {
        let column = keys.find(key.to_ascii_uppercase())?;
        Some((*low, *COLUMNS.get(column)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::softphone::audio::testing::{level_at, rms_dbfs};

    fn hear(tones: &mut Tones, blocks: usize) -> (Vec<f32>, Vec<f32>) {
        let (mut speaker, mut ring) = (Vec::new(), Vec::new());
        for _ in 0..blocks {
            let (mut s, mut r) = ([0.0; BLOCK], [0.0; BLOCK]);
            tones.mix(&mut s, &mut r);
            speaker.extend(s);
            ring.extend(r);
        }
        (speaker, ring)
    }

    #[test]
    fn ring_back_is_450_hz_one_second_in_five() {
        let mut tones = Tones::new(-18.0, true);
        tones.play(Some(Tone::RingBack));
        let (speaker, ring) = hear(&mut tones, 1000);
        assert!(ring.iter().all(|s| *s == 0.0));
        for second in 0..10 {
            let level = level_at(&speaker[second * 48_000 + 480..(second + 1) * 48_000 - 480], 450.0);
            let expected = if second % 5 == 0 { (level + 18.0).abs() < 0.5 } else { level < -90.0 };
            assert!(expected, "second {second}: {level}");
        }
    }

    #[test]
    fn the_ring_goes_to_the_ring_device_until_stopped_or_not_at_all() {
        let mut tones = Tones::new(-18.0, true);
        tones.play(Some(Tone::Ring));
        let (speaker, ring) = hear(&mut tones, 40);
        assert!(rms_dbfs(&ring) > -30.0 && rms_dbfs(&speaker) < -90.0);
        assert!(tones.sounding(Outlet::Ring));
        tones.play(None);
        assert!(!tones.sounding(Outlet::Ring));
        let mut quiet = Tones::new(-18.0, false);
        quiet.play(Some(Tone::Ring));
        assert!(!quiet.sounding(Outlet::Ring));
    }

    #[test]
    fn a_key_sounds_over_a_loop_and_ends_by_itself() {
        let mut tones = Tones::new(-12.0, true);
        tones.play(Some(Tone::Key('5')));
        let (key, _) = hear(&mut tones, 12);
        assert!(level_at(&key, 770.0) > -20.0 && level_at(&key, 1336.0) > -20.0);
        assert!(!tones.sounding(Outlet::Speaker));
        tones.play(Some(Tone::RingBack));
        tones.play(Some(Tone::Key('x')));
        assert!(tones.sounding(Outlet::Speaker), "an unknown key is silent and harms nothing");
    }

    #[test]
    fn the_end_of_a_call_ends_its_loops() {
        let mut tones = Tones::new(-18.0, true);
        tones.play(Some(Tone::Ring));
        tones.play(Some(Tone::HangUp));
        assert!(!tones.sounding(Outlet::Ring) && tones.sounding(Outlet::Speaker));
        hear(&mut tones, 60);
        assert!(!tones.sounding(Outlet::Speaker));
    }
}
