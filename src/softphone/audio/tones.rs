//! The program's own sounds, generated: ring, ring-back, busy, beeps, keypad.

use std::f64::consts::TAU;

use super::{BLOCK, RATE};
use crate::{config::AudioConfig, softphone::Tone};

/// How far a second call stays under the ring, dB: somebody is being listened to.
const WAITING_UNDER_RING: f32 = 20.0;
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
/// One short note: the platform has taken the call.
const START: [Part; 1] = [part(660.0, 0.0, 90)];
/// The end of a call, short: 450 Hz twice.
const HANG_UP: [Part; 3] = [part(450.0, 0.0, 180), part(0.0, 0.0, 140), part(450.0, 0.0, 180)];
/// China's busy tone: 450 Hz, 0.35 s on and off; long enough to be known.
const BUSY: [Part; 7] = [
    part(450.0, 0.0, 350),
    part(0.0, 0.0, 350),
    part(450.0, 0.0, 350),
    part(0.0, 0.0, 350),
    part(450.0, 0.0, 350),
    part(0.0, 0.0, 350),
    part(450.0, 0.0, 350),
];
/// China's congestion tone: 450 Hz, 0.7 s on and off.
const CONGESTION: [Part; 5] =
    [part(450.0, 0.0, 700), part(0.0, 0.0, 700), part(450.0, 0.0, 700), part(0.0, 0.0, 700), part(450.0, 0.0, 700)];
/// China's call waiting tone: 450 Hz, 0.4 s on, 4 s off.
const WAITING: [Part; 2] = [part(450.0, 0.0, 400), part(0.0, 0.0, 4000)];
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
    /// Peak, of full scale.
    amplitude: f64,
    at: u64,
}

impl Player {
    fn new(tone: Tone, levels: &Levels) -> Option<Self> {
        let (parts, dbfs, outlet, loops) = match tone {
            Tone::Ring => (RING.to_vec(), levels.ring, Outlet::Ring, true),
            Tone::RingBack => (RING_BACK.to_vec(), levels.ring_back, Outlet::Speaker, true),
            Tone::Busy => (BUSY.to_vec(), levels.busy, Outlet::Speaker, false),
            Tone::Congestion => (CONGESTION.to_vec(), levels.busy, Outlet::Speaker, false),
            Tone::Waiting => (WAITING.to_vec(), levels.waiting, Outlet::Speaker, false),
            Tone::Start => (START.to_vec(), levels.beep, Outlet::Speaker, false),
            Tone::AutoAnswer => (AUTO_ANSWER.to_vec(), levels.beep, Outlet::Speaker, false),
            Tone::HangUp => (HANG_UP.to_vec(), levels.hang_up, Outlet::Speaker, false),
            Tone::Test => (vec![part(TEST_HZ, 0.0, TEST_MS)], levels.plain, Outlet::Speaker, false),
            // Without the pause that a loop needs.
            Tone::RingOnce => (RING.iter().copied().take(3).collect(), levels.ring, Outlet::Ring, false),
            Tone::Key(key) => {
                let (low, high) = dtmf(key)?;
                (vec![part(low, high, KEY_MS)], levels.key, Outlet::Speaker, false)
            }
        };
        let amplitude = 10f64.powf(f64::from(dbfs.clamp(-90.0, 0.0)) / 20.0);
        Some(Self { parts, outlet, loops, amplitude, at: 0 })
    }

    /// The sound of a second call as long as it rings.
    fn waiting(levels: &Levels) -> Option<Self> {
        Self::new(Tone::Waiting, levels).map(|player| Self { loops: true, ..player })
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

/// Peak levels, dBFS.
#[derive(Clone, Copy, Debug)]
struct Levels {
    /// Of what has no level of its own.
    plain: f32,
    ring: f32,
    ring_back: f32,
    busy: f32,
    waiting: f32,
    beep: f32,
    hang_up: f32,
    key: f32,
}

impl Levels {
    fn of(audio: &AudioConfig) -> Self {
        let tones = &audio.tones;
        let level = |chosen: Option<f32>| chosen.unwrap_or(audio.tone_dbfs);
        let soft = level(tones.ring) - WAITING_UNDER_RING;
        Self {
            plain: audio.tone_dbfs,
            ring: level(tones.ring),
            ring_back: level(tones.ring_back),
            busy: level(tones.busy),
            waiting: tones.waiting.unwrap_or(soft).min(soft),
            beep: level(tones.beep),
            hang_up: level(tones.hang_up),
            key: level(tones.key),
        }
    }
}

/// What sounds now: a loop, and over it something short.
#[derive(Debug)]
pub struct Tones {
    levels: Levels,
    ring: bool,
    in_call: bool,
    /// What loops is the ring, or what stands for it in a call.
    ringing: bool,
    looping: Option<Player>,
    short: Option<Player>,
}

impl Tones {
    /// With the levels configured; unless the ring is wished, [`Tone::Ring`] is not heard.
    pub fn new(audio: &AudioConfig) -> Self {
        let levels = Levels::of(audio);
        Self { levels, ring: audio.ring, in_call: false, ringing: false, looping: None, short: None }
    }

    /// A call's sound has begun or ended. In a call nothing ever rings aloud: what does is the soft waiting tone from now
    /// on, and rings again when the call is over first.
    pub fn set_in_call(&mut self, in_call: bool) {
        self.in_call = in_call;
        if self.ringing {
            self.ring();
        }
    }

    fn ring(&mut self) {
        self.ringing = self.ring;
        self.looping = match (self.ring, self.in_call) {
            (false, _) => None,
            (true, false) => Player::new(Tone::Ring, &self.levels),
            (true, true) => Player::waiting(&self.levels),
        };
    }

    /// Starts a tone, or stops all. A key and the second call do not disturb a loop, the other short ones end it.
    pub fn play(&mut self, tone: Option<Tone>) {
        let Some(tone) = tone else {
            (self.looping, self.short, self.ringing) = (None, None, false);
            return;
        };
        match tone {
            Tone::Ring => self.ring(),
            Tone::RingBack => (self.looping, self.ringing) = (Player::new(tone, &self.levels), false),
            Tone::AutoAnswer | Tone::Start | Tone::HangUp | Tone::Busy | Tone::Congestion => {
                (self.looping, self.short, self.ringing) = (None, Player::new(tone, &self.levels), false);
            }
            Tone::RingOnce if self.in_call => self.short = Player::new(Tone::Waiting, &self.levels),
            Tone::Key(_) | Tone::Waiting | Tone::Test | Tone::RingOnce => self.short = Player::new(tone, &self.levels),
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
                *sample += (tone.sample() * tone.amplitude) as f32;
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
    use crate::{
        config::ToneLevels,
        softphone::audio::testing::{level_at, rms_dbfs, speech},
    };

    fn tones(tone_dbfs: f32) -> Tones {
        Tones::new(&AudioConfig { tone_dbfs, ..AudioConfig::default() })
    }

    /// Peak in dBFS.
    fn peak(sound: &[f32]) -> f32 {
        20.0 * sound.iter().fold(1e-9f32, |peak, sample| peak.max(sample.abs())).log10()
    }

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
        let mut tones = tones(-18.0);
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
        let mut tones = tones(-18.0);
        tones.play(Some(Tone::Ring));
        let (speaker, ring) = hear(&mut tones, 40);
        assert!(rms_dbfs(&ring) > -30.0 && rms_dbfs(&speaker) < -90.0);
        assert!(tones.sounding(Outlet::Ring));
        tones.play(None);
        assert!(!tones.sounding(Outlet::Ring));
        let mut quiet = Tones::new(&AudioConfig { ring: false, ..AudioConfig::default() });
        quiet.play(Some(Tone::Ring));
        assert!(!quiet.sounding(Outlet::Ring));
    }

    #[test]
    fn a_key_sounds_over_a_loop_and_ends_by_itself() {
        let mut tones = tones(-12.0);
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
        let mut tones = tones(-18.0);
        tones.play(Some(Tone::Ring));
        tones.play(Some(Tone::HangUp));
        assert!(!tones.sounding(Outlet::Ring) && tones.sounding(Outlet::Speaker));
        hear(&mut tones, 60);
        assert!(!tones.sounding(Outlet::Speaker));
    }

    #[test]
    fn each_tone_has_its_own_level_and_its_own_time() {
        let levels = ToneLevels {
            ring: Some(-10.0),
            ring_back: Some(-12.0),
            busy: Some(-14.0),
            waiting: Some(-44.0),
            beep: Some(-16.0),
            hang_up: Some(-18.0),
            key: Some(-20.0),
        };
        let mut tones = Tones::new(&AudioConfig { tones: levels, ..AudioConfig::default() });
        for (tone, dbfs, ms) in [
            (Tone::Ring, -10.0, None),
            (Tone::RingBack, -12.0, None),
            (Tone::Busy, -14.0, Some(2450)),
            (Tone::Congestion, -14.0, Some(3500)),
            (Tone::Waiting, -44.0, Some(4400)),
            (Tone::Start, -16.0, Some(90)),
            (Tone::AutoAnswer, -16.0, Some(280)),
            (Tone::HangUp, -18.0, Some(500)),
            (Tone::Key('0'), -20.0, Some(120)),
        ] {
            tones.play(None);
            tones.play(Some(tone));
            let (mut speaker, mut ring) = hear(&mut tones, ms.map_or(3000, |ms| ms / 10));
            speaker.append(&mut ring);
            assert!((peak(&speaker) - dbfs).abs() < 1.0, "{tone:?} at {} dBFS", peak(&speaker));
            let sounds = tones.sounding(Outlet::Speaker) || tones.sounding(Outlet::Ring);
            assert_eq!(sounds, ms.is_none(), "{tone:?}");
        }
    }

    /// Whatever is configured, and however the ring and the call come one after the other.
    #[test]
    fn nothing_rings_over_a_conversation() {
        for (waiting, ring_first) in [(None, true), (None, false), (Some(0.0), true), (Some(0.0), false)] {
            let levels = ToneLevels { ring: Some(0.0), waiting, ..ToneLevels::default() };
            let mut tones = Tones::new(&AudioConfig { tones: levels, ..AudioConfig::default() });
            if ring_first {
                tones.play(Some(Tone::Ring));
            }
            tones.set_in_call(true);
            if !ring_first {
                tones.play(Some(Tone::Ring));
            }
            let voice = speech(10, 1);
            let (mut mixed, mut ring_device) = (voice.clone(), Vec::new());
            for block in mixed.as_chunks_mut::<BLOCK>().0 {
                let mut ring = [0.0; BLOCK];
                tones.mix(block, &mut ring);
                ring_device.extend(ring);
            }
            assert!(peak(&ring_device) < -90.0, "the ring device rings in the middle of a call");
            let added: Vec<f32> = mixed.iter().zip(&voice).map(|(with, without)| with - without).collect();
            let level = peak(&added);
            assert!((-21.0..=-19.9).contains(&level), "the second call is heard at {level:.1} dBFS");
            tones.set_in_call(false);
            let (_, ring) = hear(&mut tones, 40);
            assert!((peak(&ring)).abs() < 1.0, "it still rings when the call is over");
        }
    }
}
