//! What virtual parties say: tones and a synthetic babble that sounds like speech to level meters and codecs.

use std::f32::consts::TAU;

use super::sound::{FRAME, Frame, RATE};

/// Peak of a sine at -12 dBFS.
const TONE_PEAK: f32 = 0.251_188_64;

/// A sine at -12 dBFS whose phase runs on from frame to frame.
#[derive(Debug)]
pub(super) struct Tone {
    phase: f64,
    step: f64,
}

impl Tone {
    /// `hz` outside what 48 kHz can carry is brought inside.
    pub fn new(hz: f32) -> Tone {
        Tone { phase: 0.0, step: f64::from(hz.clamp(1.0, RATE as f32 / 2.0 - 1.0)) / RATE as f64 }
    }

    /// The next 20 ms.
    pub fn next(&mut self) -> Frame {
        let mut frame = [0.0; FRAME];
        for sample in &mut frame {
            *sample = TONE_PEAK * (std::f64::consts::TAU * self.phase).sin() as f32;
            self.phase = (self.phase + self.step).fract();
        }
        frame
    }
}

/// Peak of a note of the music: -20 dBFS, clearly below a voice.
const NOTE_PEAK: f32 = 0.1;
/// Peak of the octave below that sounds with each note.
const BASS_PEAK: f32 = 0.03;
/// Samples of a note: 0.6 s.
const NOTE: usize = RATE * 3 / 5;
/// The melody, in Hz: C5 E5 G5 A5 G5 E5 D5 G4.
const MELODY: [f64; 8] = [523.25, 659.26, 783.99, 880.0, 783.99, 659.26, 587.33, 392.0];

/// Hold music: a slow melody of plucked notes, each with its octave below. Nothing recorded, nobody's rights.
#[derive(Debug, Default)]
pub(super) struct Music {
    at: usize,
    /// In turns of the note and of its octave.
    phase: f64,
}

impl Music {
    /// The next 20 ms.
    pub fn next(&mut self) -> Frame {
        let mut frame = [0.0; FRAME];
        for sample in &mut frame {
            let into = self.at % NOTE;
            let hz = MELODY.get(self.at / NOTE % MELODY.len()).copied().unwrap_or_default();
            // Swells in 10 ms and fades to a third: no click, and never a gap.
            let attack = (into as f32 / (RATE / 100) as f32).min(1.0);
            let fade = 1.0 - 0.67 * into as f32 / NOTE as f32;
            let out = ((NOTE - into) as f32 / (RATE / 100) as f32).min(1.0);
            let note = (std::f64::consts::TAU * self.phase).sin() as f32;
            let bass = (std::f64::consts::PI * self.phase).sin() as f32;
            *sample = (NOTE_PEAK * note + BASS_PEAK * bass) * attack * fade * out;
            self.phase = (self.phase + hz / RATE as f64) % 2.0;
            self.at = (self.at + 1) % (NOTE * MELODY.len());
        }
        frame
    }
}

/// Vowels as three formant frequencies in Hz.
const VOWELS: [[f32; 3]; 5] = [
    [730.0, 1090.0, 2440.0],
    [530.0, 1840.0, 2480.0],
    [270.0, 2290.0, 3010.0],
    [570.0, 840.0, 2410.0],
    [300.0, 870.0, 2240.0],
];

/// Syllables of a made-up language: a pulse train with a wandering pitch through three resonances, swelling and
/// fading about four times a second, with pauses between phrases.
#[derive(Debug)]
pub(in crate::sim) struct Babble {
    noise: u32,
    pulse: f32,
    /// Samples of the syllable left, its whole length, and whether it is a pause.
    left: usize,
    length: usize,
    pause: bool,
    pitch: f32,
    formants: [Resonance; 3],
}

#[derive(Clone, Copy, Debug, Default)]
struct Resonance {
    a1: f32,
    a2: f32,
    gain: f32,
    y1: f32,
    y2: f32,
}

impl Resonance {
    /// Two-pole resonator; keeps its memory so that a vowel change does not click.
    fn tune(&mut self, hz: f32, width_hz: f32) {
        let radius = (-std::f32::consts::PI * width_hz / RATE as f32).exp();
        self.a1 = 2.0 * radius * (TAU * hz / RATE as f32).cos();
        self.a2 = -radius * radius;
        self.gain = (1.0 - radius) * 2.0;
    }

    fn run(&mut self, input: f32) -> f32 {
        let output = self.gain * input + self.a1 * self.y1 + self.a2 * self.y2;
        (self.y2, self.y1) = (self.y1, output);
        output
    }
}

impl Babble {
    /// Every seed talks differently.
    pub fn new(seed: u32) -> Babble {
        Babble {
            noise: seed | 1,
            pulse: 0.0,
            left: 0,
            length: 1,
            pause: true,
            pitch: 120.0,
            formants: [Resonance::default(); 3],
        }
    }

    /// A number from 0 to 1, from a generator that needs no seed store (xorshift).
    fn chance(&mut self) -> f32 {
        self.noise ^= self.noise << 13;
        self.noise ^= self.noise >> 17;
        self.noise ^= self.noise << 5;
        self.noise as f32 / u32::MAX as f32
    }

    fn begin_syllable(&mut self) {
        self.pause = !self.pause && self.chance() < 0.15;
        let seconds = if self.pause { 0.15 + 0.25 * self.chance() } else { 0.12 + 0.18 * self.chance() };
        self.length = (seconds * RATE as f32) as usize;
        self.left = self.length;
        self.pitch = 95.0 + 60.0 * self.chance();
        let pick = (self.chance() * VOWELS.len() as f32) as usize;
        let vowel = VOWELS.get(pick).copied().unwrap_or([500.0, 1500.0, 2500.0]);
        for ((formant, hz), width) in self.formants.iter_mut().zip(vowel).zip([80.0, 100.0, 140.0]) {
            formant.tune(hz, width);
        }
    }

    /// The next 20 ms.
    pub fn next(&mut self) -> Frame {
        let mut frame = [0.0; FRAME];
        for sample in &mut frame {
            if self.left == 0 {
                self.begin_syllable();
            }
            self.left -= 1;
            self.pulse += self.pitch / RATE as f32;
            let buzz = if self.pulse >= 1.0 {
                self.pulse -= 1.0;
                2.0
            } else {
                0.0
            };
            let breath = 0.025 * (self.chance() - 0.5);
            let swell =
                if self.pause { 0.0 } else { (std::f32::consts::PI * self.left as f32 / self.length as f32).sin() };
            let source = (buzz + breath) * swell;
            let voiced: f32 = self.formants.iter_mut().map(|formant| formant.run(source)).sum();
            *sample = voiced.clamp(-0.9, 0.9);
        }
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::super::measure;
    use super::*;

    #[test]
    fn a_tone_has_its_frequency_and_level() {
        let mut tone = Tone::new(440.0);
        let samples: Vec<f32> = (0..25).flat_map(|_| tone.next()).collect();
        let (hz, dbfs) = measure::strongest(&samples).unwrap();
        assert!((hz - 440.0).abs() < 0.2 && (dbfs + 12.0).abs() < 0.05, "{hz} Hz at {dbfs} dBFS");
    }

    #[test]
    fn music_is_a_quiet_melody() {
        let mut music = Music::default();
        let samples: Vec<f32> = (0..240).flat_map(|_| music.next()).collect();
        let notes: Vec<f32> =
            samples.chunks(NOTE).map(|note| measure::strongest(&note[..RATE / 2]).unwrap().0).collect();
        assert_eq!(notes.len(), 8);
        for (heard, written) in notes.iter().zip([523.0, 659.0, 784.0, 880.0, 784.0, 659.0, 587.0, 392.0]) {
            assert!((heard - written).abs() < 3.0, "{heard} Hz for {written} Hz");
        }
        let dbfs = measure::level(&samples);
        assert!((-30.0..-20.0).contains(&dbfs), "{dbfs} dBFS");
        let jump = samples.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        assert!(jump < 0.02, "a click of {jump}");
    }

    #[test]
    fn babble_sits_where_speech_does_and_pauses() {
        let mut babble = Babble::new(7);
        let samples: Vec<f32> = (0..500).flat_map(|_| babble.next()).collect();
        let dbfs = measure::level(&samples);
        assert!((-30.0..-12.0).contains(&dbfs), "{dbfs} dBFS over ten seconds");
        let quiet = samples.chunks(FRAME).filter(|frame| measure::level(frame) < -50.0).count();
        assert!((10..200).contains(&quiet), "{quiet} of 500 frames are quiet");
    }
}
