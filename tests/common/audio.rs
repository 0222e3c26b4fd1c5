//! Tones and something like speech written, recordings measured and compared with what was sent.

#![allow(dead_code)]

use std::{f64::consts::TAU, path::Path};

use rustfft::{Fft, FftPlanner, num_complex::Complex};

/// Five seconds of a sine, 48 kHz mono, 16 bits.
pub fn write_tone(path: &Path, hz: f64, dbfs: f64) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec).expect("a WAV file");
    let amplitude = f64::from(i16::MAX) * 10f64.powf(dbfs / 20.0);
    for n in 0..48_000 * 5 {
        let sample = amplitude * (TAU * hz * f64::from(n) / 48_000.0).sin();
        wav.write_sample(sample as i16).expect("a sample");
    }
    wav.finalize().expect("a whole WAV file");
}

/// A recording, mono, -1.0 to 1.0.
pub struct Recording {
    pub samples: Vec<f64>,
    pub rate: u32,
}

impl Recording {
    pub fn read(path: &Path) -> Self {
        let mut wav = hound::WavReader::open(path).expect("a WAV file that was closed properly");
        let spec = wav.spec();
        assert_eq!(spec.channels, 1);
        let samples = wav.samples::<i16>().map(|s| f64::from(s.expect("a sample")) / 32_768.0).collect();
        Self { samples, rate: spec.sample_rate }
    }

    /// The part that is loud, from 0.5 s after its beginning, at most `seconds` long.
    pub fn loud(&self, seconds: f64) -> &[f64] {
        let block = self.rate as usize / 50;
        let first = self.samples.chunks(block).position(|b| level(b) > -40.0).expect("something loud") * block;
        let from = (first + self.rate as usize / 2).min(self.samples.len());
        let to = (from + (seconds * f64::from(self.rate)) as usize).min(self.samples.len());
        &self.samples[from..to]
    }

    /// The last `seconds` before the last loud block ends, without its last 0.2 s.
    pub fn last_loud(&self, seconds: f64) -> &[f64] {
        let block = self.rate as usize / 50;
        let last = self.samples.chunks(block).rposition(|b| level(b) > -40.0).expect("something loud") * block;
        let to = last.saturating_sub(self.rate as usize / 5);
        let from = to.saturating_sub((seconds * f64::from(self.rate)) as usize);
        &self.samples[from..to]
    }

    /// The longest stretch of silence inside a part, ms.
    pub fn longest_gap_ms(&self, part: &[f64]) -> f64 {
        let block = self.rate as usize / 200;
        let mut longest = 0;
        let mut run = 0;
        for chunk in part.chunks_exact(block) {
            run = if level(chunk) > -40.0 { 0 } else { run + 1 };
            longest = longest.max(run);
        }
        f64::from(longest) * 5.0
    }

    /// The strongest frequency of a part between 100 and 3400 Hz.
    pub fn frequency(&self, part: &[f64]) -> f64 {
        let part = &part[..part.len().min(self.rate as usize)];
        let power = |hz: f64| goertzel(part, hz, f64::from(self.rate));
        let coarse = strongest((10..=340).map(|n| f64::from(n) * 10.0), power);
        strongest((-40..=40).map(|n| coarse + f64::from(n) * 0.25), power)
    }
}

/// Level of a sine with the same power, dBFS.
pub fn level(samples: &[f64]) -> f64 {
    let power = samples.iter().map(|s| s * s).sum::<f64>() / samples.len().max(1) as f64;
    if power < 1e-12 { -120.0 } else { 10.0 * (2.0 * power).log10() }
}

fn strongest(candidates: impl Iterator<Item = f64>, power: impl Fn(f64) -> f64) -> f64 {
    candidates.map(|hz| (hz, power(hz))).max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0.0, |(hz, _)| hz)
}

fn goertzel(samples: &[f64], hz: f64, rate: f64) -> f64 {
    let k = 2.0 * (TAU * hz / rate).cos();
    let (mut a, mut b) = (0.0, 0.0);
    for s in samples {
        (a, b) = (s + k * a - b, a);
    }
    a * a + b * b - k * a * b
}

/// Writes mono samples, -1.0 to 1.0, as 16 bits.
pub fn write(path: &Path, rate: u32, samples: &[f64]) {
    let spec =
        hound::WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut wav = hound::WavWriter::create(path, spec).expect("a WAV file");
    for sample in samples {
        wav.write_sample((sample.clamp(-1.0, 1.0) * f64::from(i16::MAX)) as i16).expect("a sample");
    }
    wav.finalize().expect("a whole WAV file");
}

/// Vowels as three formant frequencies in Hz.
const VOWELS: [[f64; 3]; 5] = [
    [730.0, 1090.0, 2440.0],
    [530.0, 1840.0, 2480.0],
    [270.0, 2290.0, 3010.0],
    [570.0, 840.0, 2410.0],
    [300.0, 870.0, 2240.0],
];

/// Something like speech at 48 kHz: syllables of a voice with a wandering pitch, no two stretches alike, without long
/// pauses. The same for the same seed.
pub fn speech(seconds: f64, seed: u64) -> Vec<f64> {
    let rate = 48_000.0;
    let mut state = seed | 1;
    let mut chance = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let total = (seconds * rate) as usize;
    let mut samples = Vec::with_capacity(total);
    let (mut memory, mut phase) = ([[0.0f64; 2]; 3], 0.0f64);
    while samples.len() < total {
        let length = ((0.12 + 0.18 * chance()) * rate) as usize;
        let (from, to) = (95.0 + 60.0 * chance(), 95.0 + 60.0 * chance());
        let vowel = VOWELS[(chance() * 5.0) as usize % 5];
        for n in 0..length {
            let into = n as f64 / length as f64;
            phase += (from + (to - from) * into) / rate;
            let pulse = if phase >= 1.0 { 2.0 } else { 0.0 };
            phase = phase.fract();
            let source = (pulse + 0.05 * (chance() - 0.5)) * (0.15 + (std::f64::consts::PI * into).sin());
            let mut voice = 0.0;
            for ((hz, width), [near, far]) in vowel.iter().zip([80.0, 100.0, 140.0]).zip(&mut memory) {
                let radius = (-std::f64::consts::PI * width / rate).exp();
                let out = (1.0 - radius) * 2.0 * source + 2.0 * radius * (TAU * hz / rate).cos() * *near
                    - radius * radius * *far;
                (*far, *near) = (*near, out);
                voice += out;
            }
            samples.push(voice.clamp(-0.9, 0.9));
        }
    }
    samples.truncate(total);
    // As loud as a voice at a good microphone: -20 dBFS.
    let gain = 10f64.powf((-20.0 - level(&samples)) / 20.0);
    samples.iter().map(|s| (s * gain).clamp(-0.95, 0.95)).collect()
}

/// How like its reference a recording is.
#[derive(Clone, Copy, Debug)]
pub struct Likeness {
    /// Distance of the spectra in 20 bands of 100 to 3600 Hz, frame by frame, dB; the mean over the frames in which the
    /// reference speaks. Below 3 is hardly to be told apart, above 10 is something else.
    pub log_spectral_db: f64,
    /// Segmental signal-to-noise ratio, dB: 20 ms at a time, each limited to -10..35.
    pub segmental_snr_db: f64,
    /// Level of the recording against the reference's, dB.
    pub gain_db: f64,
    /// By how much the recording is later, ms: the least and the most over the segments.
    pub delay_ms: (f64, f64),
    /// The same, the median: a segment that repeats itself may be found a period of its pitch too early or too late.
    pub typical_delay_ms: f64,
    /// Segments (250 ms) that were found in the recording, of all in which the reference speaks.
    pub found: (usize, usize),
    /// Stretches of at least 10 ms that are silent though the reference speaks.
    pub gaps: usize,
    /// The longest of them, ms.
    pub longest_gap_ms: f64,
}

/// Compares a recording with what was sent, both at 48 kHz. The whole is aligned by cross-correlation, then each 250 ms
/// segment anew within 60 ms of the one before: a jitter buffer plays a little faster and slower.
pub fn likeness(sent: &[f64], heard: &[f64]) -> Likeness {
    const SEGMENT: usize = 12_000;
    const REACH: i64 = 2880;
    let (sent, heard) = (speech_band(sent), speech_band(heard));
    let mut at = offset(&sent, &heard);
    let mut all = Comparison::default();
    for (n, segment) in sent.chunks_exact(SEGMENT).enumerate() {
        if level(segment) < -45.0 {
            continue;
        }
        let place = (n * SEGMENT) as i64 + at;
        let Some(range) = part(&heard, place - REACH, SEGMENT + 2 * REACH as usize) else { continue };
        all.segments += 1;
        let (shift, resemblance) = best_shift(segment, range);
        if resemblance > 0.5 {
            all.found += 1;
            at += shift as i64 - REACH;
            all.delays.push(at as f64 / 48.0);
        }
        let Some(range) = part(&heard, (n * SEGMENT) as i64 + at, SEGMENT) else { continue };
        all.compare(segment, range);
    }
    all.result()
}

fn part(samples: &[f64], from: i64, length: usize) -> Option<&[f64]> {
    let from = usize::try_from(from).ok()?;
    samples.get(from..from + length)
}

#[derive(Default)]
struct Comparison {
    segments: usize,
    found: usize,
    delays: Vec<f64>,
    distances: Vec<f64>,
    snrs: Vec<f64>,
    power: (f64, f64),
    silent: Vec<bool>,
}

impl Comparison {
    fn compare(&mut self, sent: &[f64], heard: &[f64]) {
        let sum = |samples: &[f64]| samples.iter().map(|s| s * s).sum::<f64>();
        self.power.0 += sum(sent);
        self.power.1 += sum(heard);
        let fft = FftPlanner::new().plan_fft_forward(960);
        for (sent, heard) in sent.chunks_exact(960).zip(heard.chunks_exact(960)) {
            if level(sent) < -45.0 {
                continue;
            }
            let (a, b) = (bands(sent, &*fft), bands(heard, &*fft));
            let square: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
            self.distances.push((square / a.len() as f64).sqrt());
            let noise: f64 = sent.iter().zip(heard).map(|(a, b)| (a - b).powi(2)).sum();
            self.snrs.push((10.0 * (sum(sent) / noise.max(1e-9)).log10()).clamp(-10.0, 35.0));
        }
        for (sent, heard) in sent.chunks_exact(240).zip(heard.chunks_exact(240)) {
            self.silent.push(level(sent) > -40.0 && level(heard) < level(sent) - 25.0);
        }
    }

    fn result(self) -> Likeness {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
        let runs: Vec<usize> = self.silent.split(|silent| !silent).map(<[bool]>::len).filter(|run| *run >= 2).collect();
        let mut sorted = self.delays.clone();
        sorted.sort_by(f64::total_cmp);
        let least = self.delays.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.delays.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Likeness {
            log_spectral_db: if self.distances.is_empty() { f64::INFINITY } else { mean(&self.distances) },
            segmental_snr_db: if self.snrs.is_empty() { f64::NEG_INFINITY } else { mean(&self.snrs) },
            gain_db: 10.0 * (self.power.1.max(1e-12) / self.power.0.max(1e-12)).log10(),
            delay_ms: (least, most),
            typical_delay_ms: sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN),
            found: (self.found, self.segments),
            gaps: runs.len(),
            longest_gap_ms: runs.iter().max().map_or(0.0, |run| *run as f64 * 5.0),
        }
    }
}

/// Keeps what the narrowest codec carries, 200 to 3400 Hz, so that all are compared alike. No delay.
fn speech_band(samples: &[f64]) -> Vec<f64> {
    let length = samples.len().next_power_of_two().max(2);
    let mut spectrum: Vec<Complex<f64>> = samples.iter().map(|s| Complex::new(*s, 0.0)).collect();
    spectrum.resize(length, Complex::default());
    let mut planner = FftPlanner::new();
    planner.plan_fft_forward(length).process(&mut spectrum);
    for (bin, value) in spectrum.iter_mut().enumerate() {
        let hz = bin.min(length - bin) as f64 * 48_000.0 / length as f64;
        if !(200.0..3400.0).contains(&hz) {
            *value = Complex::default();
        }
    }
    planner.plan_fft_inverse(length).process(&mut spectrum);
    spectrum.iter().take(samples.len()).map(|value| value.re / length as f64).collect()
}

/// Where in `heard` the beginning of `sent` is found best, in samples.
fn offset(sent: &[f64], heard: &[f64]) -> i64 {
    let product = correlation(sent, heard);
    let best = product.iter().enumerate().max_by(|a, b| a.1.re.total_cmp(&b.1.re)).map_or(0, |(at, _)| at);
    if best > heard.len() { best as i64 - product.len() as i64 } else { best as i64 }
}

/// Where in `range` the segment fits best, and how well: 1 is the same.
fn best_shift(segment: &[f64], range: &[f64]) -> (usize, f64) {
    let energy: f64 = segment.iter().map(|s| s * s).sum();
    let products = correlation(segment, range);
    let mut power: f64 = range[..segment.len()].iter().map(|s| s * s).sum();
    let (mut best, mut most) = (0, 0.0);
    for at in 0..=range.len() - segment.len() {
        let resemblance = if power < energy * 1e-4 { 0.0 } else { products[at].re / (power * energy).sqrt() };
        if resemblance > most {
            (best, most) = (at, resemblance);
        }
        if let Some(next) = range.get(at + segment.len()) {
            power += next * next - range[at] * range[at];
        }
    }
    (best, most)
}

/// The product of `a` with `b`, at every distance of the one from the other.
fn correlation(a: &[f64], b: &[f64]) -> Vec<Complex<f64>> {
    let length = (a.len() + b.len()).next_power_of_two();
    let mut planner = FftPlanner::new();
    let forward = planner.plan_fft_forward(length);
    let transform = |samples: &[f64]| {
        let mut values: Vec<Complex<f64>> = samples.iter().map(|s| Complex::new(*s, 0.0)).collect();
        values.resize(length, Complex::default());
        forward.process(&mut values);
        values
    };
    let mut product: Vec<Complex<f64>> =
        transform(a).iter().zip(&transform(b)).map(|(a, b)| a.conj() * b / length as f64).collect();
    planner.plan_fft_inverse(length).process(&mut product);
    product
}

/// Power in 20 bands from 100 to 3600 Hz, dB, of 20 ms; what is 50 dB under full scale in a band counts as nothing.
fn bands(frame: &[f64], fft: &dyn Fft<f64>) -> [f64; 20] {
    let mut values: Vec<Complex<f64>> = frame
        .iter()
        .enumerate()
        .map(|(n, s)| Complex::new(s * (0.5 - 0.5 * (TAU * n as f64 / frame.len() as f64).cos()), 0.0))
        .collect();
    fft.process(&mut values);
    let mut bands = [1e-6; 20];
    // 50 Hz a bin: a band is 175 Hz wide.
    for (bin, value) in values.iter().enumerate().take(72).skip(2) {
        bands[((bin - 2) * 2 / 7).min(19)] += value.norm_sqr() / (frame.len() as f64 / 4.0).powi(2);
    }
    bands.map(|power| 10.0 * power.max(1e-6).log10())
}

/// Stretches of at least 10 ms in a part that should sound all the time: their number, and the longest in ms.
pub fn gaps(part: &[f64], rate: u32) -> (usize, f64) {
    let silent: Vec<bool> = part.chunks_exact(rate as usize / 200).map(|chunk| level(chunk) < -40.0).collect();
    let runs: Vec<usize> = silent.split(|silent| !silent).map(<[bool]>::len).filter(|run| *run >= 2).collect();
    (runs.len(), runs.iter().max().map_or(0.0, |run| *run as f64 * 5.0))
}
