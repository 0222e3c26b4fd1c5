//! Measurements of the playing side on paper, for benches and tests: a signal, a codec and a network go in; the sound that
//! would be heard and the figures about it come out. No clock, no device: an hour takes seconds, and the same seed gives
//! the same result.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{
    BLOCK, CallFormat, FRAME, OpusWishes, RATE, RtpIn,
    codec::{CodecError, Decoder, Encoder, rtp_clock},
    playout::Playout,
};
use crate::{
    config::Codec,
    net::netem::{Dice, Jitter, Link, Loss, Network, drifted},
};

/// Bytes that IP, UDP, RTP and SRTP add to a payload.
const HEADERS: usize = 50;
/// Payload type of everything in the trials.
const PAYLOAD_TYPE: u8 = 96;
/// Sound below this, as a share of full scale, is not yet the far end's voice.
const AUDIBLE: f32 = 0.01;
/// Windows of the spectral measures, samples: 20 ms.
const WINDOW: usize = FRAME;
/// Bands of the log-spectral distance, and the highest frequency looked at, Hz.
const BANDS: usize = 32;
const HIGHEST_HZ: f64 = 3_600.0;
/// Quieter windows of the original say nothing about the spectrum, power (-50 dBFS).
const QUIET: f64 = 1e-5;

/// What is tried.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Codec spoken.
    pub codec: Codec,
    /// What the far end says, at 48 kHz.
    pub sound: Vec<f32>,
    /// The networks, each from a time on, in order. Before the first it is a perfect one.
    pub networks: Vec<(Duration, Network)>,
    /// The far end's clock, parts per million too slow.
    pub drift_ppm: f64,
    /// Two times 10 ms of a packet, or a multiple of 20 ms; Opus has 20 ms.
    pub packet_ms: usize,
    /// Of the network's dice.
    pub seed: u64,
    /// What the far end has been told to be lost, percent: Opus sends redundancy for it.
    pub reported_loss: f32,
}

impl Trial {
    /// On a network that stays as it is.
    pub fn new(codec: Codec, sound: Vec<f32>, network: Network) -> Self {
        Self {
            codec,
            sound,
            networks: vec![(Duration::ZERO, network)],
            drift_ppm: 0.0,
            packet_ms: 20,
            seed: 1,
            reported_loss: 0.0,
        }
    }

    /// Plays it.
    ///
    /// # Errors
    /// When there is no such codec.
    pub fn run(&self) -> Result<Heard, CodecError> {
        let (packets, sent) = self.packets()?;
        let mut arrivals: Vec<RtpIn> = Vec::new();
        let start = Instant::now();
        let mut link = Link::new(Network::default(), self.seed);
        let mut networks = self.networks.iter().peekable();
        let (mut lost, mut run, mut longest) = (0u64, 0, 0);
        // Places in the stream count from the packet that arrives first.
        let mut first = None;
        for (n, (nominal, packet)) in packets.iter().enumerate() {
            while let Some((_, network)) = networks.next_if(|(from, _)| from <= nominal) {
                link.set(*network);
            }
            let at = drifted(*nominal, self.drift_ppm);
            let fate = link.send(at, packet.len() + HEADERS);
            lost += u64::from(fate.is_empty());
            run = if fate.is_empty() { run + self.packet_ms } else { 0 };
            longest = longest.max(run);
            for arrived in fate {
                if first.is_none_or(|(earliest, _)| arrived < earliest) {
                    first = Some((arrived, *nominal));
                }
                arrivals.push(RtpIn {
                    ssrc: 1,
                    payload_type: PAYLOAD_TYPE,
                    sequence: 65_500u16.wrapping_add(n as u16),
                    timestamp: (u32::MAX - 5000).wrapping_add(ticks(*nominal, self.codec)),
                    marker: n == 0,
                    payload: packet.clone(),
                    arrived: start + arrived,
                });
            }
        }
        arrivals.sort_by_key(|packet| packet.arrived);
        let mut heard = listen(CallFormat::new(self.codec, PAYLOAD_TYPE), start, arrivals, sent)?;
        heard.lost_pct = lost as f32 * 100.0 / packets.len().max(1) as f32;
        heard.longest_loss_ms = longest;
        let begins = first.map_or(0, |(_, nominal): (_, Duration)| nominal.as_micros() as i64 * 48 / 1000);
        for block in &mut heard.blocks {
            block.head = block.head.map(|head| head + begins);
        }
        heard.original = clean(self.codec, packets.iter().map(|(_, packet)| packet))?;
        Ok(heard)
    }

    /// The packets with the times at which they are sent, and how long all that lasts.
    fn packets(&self) -> Result<(Vec<(Duration, Bytes)>, Duration), CodecError> {
        let mut encoder = Encoder::new(self.codec)?;
        encoder.set_wishes(OpusWishes { fec: true, ..OpusWishes::default() });
        // Reports are smoothed: the far end has had many of them.
        for _ in 0..20 {
            encoder.far_loss(self.reported_loss);
        }
        let frames = self.sound.as_chunks::<FRAME>().0;
        let payloads = frames.iter().map(|frame| encoder.encode(frame)).collect::<Result<Vec<Bytes>, CodecError>>()?;
        let ms = |ms: usize| Duration::from_millis(ms as u64);
        let packets = match self.packet_ms {
            10 => {
                let halves = |(n, payload): (usize, &Bytes)| {
                    let (first, second) = (payload.slice(..payload.len() / 2), payload.slice(payload.len() / 2..));
                    [(ms(n * 20), first), (ms(n * 20 + 10), second)]
                };
                payloads.iter().enumerate().flat_map(halves).collect()
            }
            length => {
                let count = (length / 20).max(1);
                payloads.chunks(count).enumerate().map(|(n, some)| (ms(n * count * 20), some.concat().into())).collect()
            }
        };
        Ok((packets, drifted(ms(frames.len() * 20), self.drift_ppm)))
    }
}

/// Plays packets that arrive in this order, for `length` from `start` on.
///
/// # Errors
/// When there is no such codec.
pub fn listen(format: CallFormat, start: Instant, arrivals: Vec<RtpIn>, length: Duration) -> Result<Heard, CodecError> {
    let mut playout = Playout::new(format)?;
    let mut heard = Heard::default();
    let first = arrivals.first().map(|packet| packet.arrived);
    let mut arrivals = arrivals.into_iter().peekable();
    let blocks = length.as_millis() / 10;
    for block in 0..blocks {
        // The engine's blocks and the packets have nothing to do with each other.
        let now = start + Duration::from_micros(3_000) + Duration::from_millis(10) * block as u32;
        while let Some(packet) = arrivals.next_if(|packet| packet.arrived <= now) {
            playout.receive(packet);
        }
        let sound = playout.block(now);
        if heard.start_up_ms.is_none()
            && let Some(at) = sound.iter().position(|sample| sample.abs() > AUDIBLE)
            && let Some(first) = first
        {
            heard.start_up_ms = Some(now.saturating_duration_since(first).as_secs_f32() * 1e3 + at as f32 / 48.0);
        }
        heard.sound.extend(sound);
        heard.blocks.push(Block {
            head: playout.head().map(|head| head - BLOCK as i64),
            delay_ms: playout.quality().buffer_ms,
            target_ms: playout.target_ms(),
            made_up: playout.made_up() as f32 / BLOCK as f32,
        });
    }
    heard.recovered_pct = playout.recovered() as f32 * 100.0 / heard.sound.len().max(1) as f32;
    Ok(heard)
}

fn ticks(at: Duration, codec: Codec) -> u32 {
    (at.as_micros() * u128::from(rtp_clock(codec)) / 1_000_000) as u32
}

fn clean<'a>(codec: Codec, packets: impl Iterator<Item = &'a Bytes>) -> Result<Vec<f32>, CodecError> {
    let mut decoder = Decoder::new(codec)?;
    let mut sound = Vec::new();
    for packet in packets {
        decoder.decode(packet, &mut sound)?;
    }
    Ok(sound)
}

/// What is known of 10 ms played.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// The place in the stream of its first sample, 48 kHz.
    pub head: Option<i64>,
    /// How long a packet without delay waits, ms.
    pub delay_ms: f32,
    /// How long it should, ms.
    pub target_ms: f32,
    /// The share of it that was made up.
    pub made_up: f32,
}

/// What came of a trial.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// What was played.
    pub sound: Vec<f32>,
    /// What would have been played with everything in time: the codec's own losses are in it.
    pub original: Vec<f32>,
    /// By the block.
    pub blocks: Vec<Block>,
    /// Packets that the network lost, percent.
    pub lost_pct: f32,
    /// The longest stretch that the network lost, ms.
    pub longest_loss_ms: usize,
    /// Sound of lost packets told by the ones after them, percent.
    pub recovered_pct: f32,
    /// From the first packet to the first sound, ms.
    pub start_up_ms: Option<f32>,
}

impl Heard {
    /// Made-up sound of all from the first sound on, percent.
    pub fn concealed_pct(&self) -> f32 {
        let played = || self.blocks.iter().filter(|block| block.head.is_some());
        played().map(|block| block.made_up).sum::<f32>() * 100.0 / played().count().max(1) as f32
    }

    /// A percentile of the delay from `from_ms` on, ms.
    pub fn delay_ms(&self, percent: usize, from_ms: usize) -> f32 {
        let mut delays: Vec<f32> = self.blocks.iter().skip(from_ms / 10).map(|block| block.delay_ms).collect();
        delays.sort_by(f32::total_cmp);
        let at = (delays.len() * percent).div_ceil(100).saturating_sub(1);
        delays.get(at).copied().unwrap_or_default()
    }

    /// How long after `from_ms` the delay is at most `most_ms` for good, ms.
    pub fn shrink_ms(&self, from_ms: usize, most_ms: f32) -> usize {
        let after = self.blocks.iter().skip(from_ms / 10);
        after
            .rev()
            .position(|block| block.delay_ms > most_ms)
            .map_or(0, |calm| (self.blocks.len() - calm) * 10 - from_ms)
    }

    /// Stretches of sound more than 20 dB under `level` (root mean square, dBFS), as `(count, longest in ms)`, from
    /// `from_ms` on. Windows of 2 ms.
    pub fn gaps(&self, level: f32, from_ms: usize) -> (usize, usize) {
        let least = 10f32.powf((level - 20.0) / 10.0);
        let (mut count, mut run, mut longest) = (0, 0, 0);
        for window in self.sound.get(from_ms * 48..).unwrap_or_default().chunks_exact(96) {
            let power = window.iter().map(|sample| sample * sample).sum::<f32>() / window.len() as f32;
            run = if power < least { run + 2 } else { 0 };
            count += usize::from(run == 2);
            longest = longest.max(run);
        }
        (count, longest)
    }

    /// What is heard besides a tone of `hz`: the loudest window of 20 ms and the mean of all, as dB under the tone, from
    /// `from_ms` on. A click or a bad splice is loud outside the tone; a good one turns its phase a little.
    pub fn outside_tone_db(&self, hz: f64, from_ms: usize) -> (f64, f64) {
        let mut worst = f64::MIN;
        let (mut sum, mut count) = (0.0, 0usize);
        for window in self.sound.get(from_ms * 48..).unwrap_or_default().chunks_exact(WINDOW) {
            let share = outside(window, hz);
            worst = worst.max(share);
            sum += share;
            count += 1;
        }
        (10.0 * worst.max(1e-12).log10(), 10.0 * (sum / count.max(1) as f64).max(1e-12).log10())
    }

    /// How far the spectrum of what is heard is from that of the original, dB, root mean square over bands up to
    /// 3.6 kHz, mean over all windows of 20 ms that are loud in the original (log-spectral distance).
    pub fn spectral_distance_db(&self) -> f64 {
        let probe = Probe::new();
        let (mut sum, mut count) = (0.0, 0usize);
        for (block, window) in self.blocks.iter().zip(self.sound.windows(WINDOW).step_by(BLOCK)) {
            let Some(head) = block.head.and_then(|head| usize::try_from(head).ok()) else { continue };
            let Some(original) = self.original.get(head..head + WINDOW) else { continue };
            if power(original) < QUIET {
                continue;
            }
            sum += probe.distance_db(original, window);
            count += 1;
        }
        sum / count.max(1) as f64
    }
}

fn power(window: &[f32]) -> f64 {
    window.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / window.len().max(1) as f64
}

/// The share of a window's power that is not a tone of `hz` of any level and phase.
fn outside(window: &[f32], hz: f64) -> f64 {
    let (mut re, mut im, mut gain, mut all) = (0.0, 0.0, 0.0, 0.0);
    for (n, sample) in window.iter().enumerate() {
        let weight = 0.5 - 0.5 * (std::f64::consts::TAU * n as f64 / window.len() as f64).cos();
        let (sin, cos) = (std::f64::consts::TAU * hz * n as f64 / f64::from(RATE)).sin_cos();
        let sample = f64::from(*sample);
        re += weight * sample * cos;
        im += weight * sample * sin;
        gain += weight;
        all += weight * sample * sample;
    }
    let tone = 2.0 * (re * re + im * im) / gain;
    if all < 1e-9 { 1.0 } else { ((all - tone) / all).max(0.0) }
}

/// Bands of a short-time spectrum.
struct Probe {
    waves: Vec<Vec<(f32, f32)>>,
}

impl Probe {
    fn new() -> Self {
        let wave = |band: usize| {
            let hz = HIGHEST_HZ * (band as f64 + 0.5) / BANDS as f64;
            let point = |n: usize| {
                let weight = 0.5 - 0.5 * (std::f64::consts::TAU * n as f64 / WINDOW as f64).cos();
                let (sin, cos) = (std::f64::consts::TAU * hz * n as f64 / f64::from(RATE)).sin_cos();
                ((weight * cos) as f32, (weight * sin) as f32)
            };
            (0..WINDOW).map(point).collect()
        };
        Self { waves: (0..BANDS).map(wave).collect() }
    }

    fn levels_db(&self, window: &[f32]) -> Vec<f64> {
        let level = |wave: &Vec<(f32, f32)>| {
            let (re, im) = wave
                .iter()
                .zip(window)
                .fold((0.0f32, 0.0f32), |(re, im), ((cos, sin), sample)| (re + cos * sample, im + sin * sample));
            // What is 60 dB under full scale is as good as nothing.
            10.0 * (f64::from(re * re + im * im) / (WINDOW * WINDOW / 16) as f64).max(1e-7).log10()
        };
        self.waves.iter().map(level).collect()
    }

    fn distance_db(&self, one: &[f32], other: &[f32]) -> f64 {
        let squares = self.levels_db(one).into_iter().zip(self.levels_db(other)).map(|(a, b)| (a - b).powi(2));
        (squares.sum::<f64>() / BANDS as f64).sqrt()
    }
}

/// Something like speech: voiced syllables with a moving pitch and changing vowels, hisses between them and pauses of
/// words, at about -20 dBFS, over a quiet background. The same seed gives the same.
pub fn speech(seconds: usize, seed: u64) -> Vec<f32> {
    /// First three formants of vowels, Hz.
    const VOWELS: [[f64; 3]; 5] = [
        [730.0, 1090.0, 2440.0],
        [530.0, 1840.0, 2480.0],
        [270.0, 2290.0, 3010.0],
        [570.0, 840.0, 2410.0],
        [300.0, 870.0, 2240.0],
    ];
    let (mut dice, rate) = (Dice::new(seed), f64::from(RATE));
    let mut sound: Vec<f32> = Vec::with_capacity(seconds * RATE as usize);
    let mut phase = 0.0;
    let mut filters = [Resonator::default(); 3];
    while sound.len() < seconds * RATE as usize {
        let vowel = VOWELS.get(dice.bits() as usize % VOWELS.len()).copied().unwrap_or_default();
        let length = ((0.12 + 0.15 * dice.share()) * rate) as usize;
        let (from, to) = (100.0 + 80.0 * dice.share(), 100.0 + 80.0 * dice.share());
        for (filter, hz) in filters.iter_mut().zip(vowel) {
            filter.tune(hz, 60.0 + hz / 20.0);
        }
        for n in 0..length {
            let at = n as f64 / length as f64;
            phase += (from + (to - from) * at) / rate;
            let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
            phase -= phase.floor();
            let swell = (std::f64::consts::PI * at).sin().powf(0.5);
            let voice: f64 = filters.iter_mut().map(|filter| filter.step(pulse + 0.002 * (dice.share() - 0.5))).sum();
            sound.push((voice * swell * 1.2 + 0.001 * (dice.share() - 0.5)) as f32);
        }
        let between = ((0.04 + 0.06 * dice.share()) * rate) as usize;
        let (hiss, mut before) = (if dice.hit(50.0) { 0.12 } else { 0.0 }, 0.0);
        let pause = if dice.hit(20.0) { (0.25 * rate) as usize } else { 0 };
        for n in 0..between + pause {
            let swell = if n < between { (std::f64::consts::PI * n as f64 / between as f64).sin() } else { 0.0 };
            let noise = dice.share() - 0.5;
            sound.push(((noise - before) * hiss * swell + 0.001 * (dice.share() - 0.5)) as f32);
            before = noise;
        }
    }
    sound.truncate(seconds * RATE as usize);
    sound
}

/// A tone of `hz` and -12 dBFS.
pub fn tone(hz: f64, seconds: usize) -> Vec<f32> {
    let step = std::f64::consts::TAU * hz / f64::from(RATE);
    (0..seconds * RATE as usize).map(|n| (0.25 * (step * n as f64).sin()) as f32).collect()
}

/// A resonance of a mouth.
#[derive(Clone, Copy, Default)]
struct Resonator {
    gain: f64,
    first: f64,
    second: f64,
    one: f64,
    two: f64,
}

impl Resonator {
    fn tune(&mut self, hz: f64, width: f64) {
        let radius = (-std::f64::consts::PI * width / f64::from(RATE)).exp();
        let angle = std::f64::consts::TAU * hz / f64::from(RATE);
        self.first = 2.0 * radius * angle.cos();
        self.second = -radius * radius;
        self.gain = angle.sin();
    }

    fn step(&mut self, sample: f64) -> f64 {
        let out = self.gain * sample + self.first * self.one + self.second * self.two;
        (self.two, self.one) = (self.one, out);
        out
    }
}

/// A stage of the way from the far end's packet to the agent's ear.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// What it is.
    pub name: &'static str,
    /// What it adds on a clean network, ms.
    pub ms: f32,
}

/// What each stage adds to the delay from mouth to ear on a clean network, one way, with devices that work in periods of
/// 10 ms. Network and platform come on top.
pub fn budget(codec: Codec) -> Vec<Stage> {
    let delay_of_codec = match codec {
        // RFC 6716 2: the look-ahead of the encoder; the decoder adds nothing.
        Codec::Opus => 6.5,
        // The filters that change the rate, there and back.
        Codec::G722 | Codec::Pcma | Codec::Pcmu => 7.0,
    };
    vec![
        Stage { name: "capture period", ms: 10.0 },
        Stage { name: "packet", ms: 20.0 },
        Stage { name: "codec", ms: delay_of_codec },
        Stage { name: "jitter buffer", ms: super::wait::FLOOR as f32 / 48.0 },
        Stage { name: "block", ms: 5.0 },
        Stage { name: "play period", ms: 10.0 },
    ]
}

/// A figure, its target and whether it is reached.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What is measured, with the conditions.
    pub name: String,
    /// What it should be at most.
    pub most: f32,
    /// What it is.
    pub measured: f32,
    /// Of both.
    pub unit: &'static str,
}

impl Figure {
    /// Whether it is.
    pub fn reached(&self) -> bool {
        self.measured <= self.most
    }
}

/// The figures of the playing side, each trial of speech lasting `seconds`, the drifting one `drifting` seconds (an hour
/// is 3600).
///
/// # Errors
/// When there is no such codec.
pub fn figures(seconds: usize, drifting: usize) -> Result<Vec<Figure>, CodecError> {
    let mut figures = Vec::new();
    let mut add = |name: String, most: f32, measured: f32, unit: &'static str| {
        figures.push(Figure { name, most, measured, unit });
    };
    let uniform = Jitter::Uniform { most_ms: 60.0 };
    for codec in [Codec::Opus, Codec::G722, Codec::Pcma] {
        let name = codec.name();
        let clean = Trial::new(codec, tone(440.0, seconds.min(10)), Network::default()).run()?;
        add(format!("{name}: first packet to first sound"), 60.0, clean.start_up_ms.unwrap_or(f32::MAX), "ms");
        add(format!("{name}: delay on a clean network, p95"), 25.0, clean.delay_ms(95, 2000), "ms");
        let rough = Network { jitter: uniform, ..Network::default() };
        let mut trial = Trial::new(codec, speech(seconds + 5, 5), rough);
        trial.networks.push((Duration::from_secs(seconds as u64), Network::default()));
        let heard = trial.run()?;
        let rough_only =
            Heard { blocks: heard.blocks.get(..seconds * 100).unwrap_or_default().to_vec(), ..Heard::default() };
        add(format!("{name}: delay at jitter 0 to 60 ms, p95"), 80.0, rough_only.delay_ms(95, 2000), "ms");
        add(format!("{name}: made up at jitter 0 to 60 ms"), 1.0, heard.concealed_pct(), "%");
        add(format!("{name}: back to the floor after it"), 2000.0, heard.shrink_ms(seconds * 1000, 25.0) as f32, "ms");
        for (words, loss) in [
            ("3 % lost", Loss::Random { percent: 3.0 }),
            ("10 % lost", Loss::Random { percent: 10.0 }),
            ("20 % lost", Loss::Random { percent: 20.0 }),
            ("10 % lost in bursts of 3", Loss::Bursts { percent: 10.0, mean: 3.0 }),
            ("20 % lost in bursts of 3", Loss::Bursts { percent: 20.0, mean: 3.0 }),
        ] {
            for (and, jitter) in [("", Jitter::None), (", jitter 0 to 60 ms", uniform)] {
                let network = Network { loss, jitter, ..Network::default() };
                let heard = Trial::new(codec, speech(seconds, 5), network).run()?;
                let over = heard.concealed_pct() - heard.lost_pct;
                add(format!("{name}: made up beyond the {words}{and}"), 1.0, over, "points");
            }
        }
    }
    let steady = Trial::new(Codec::Pcma, tone(440.0, 20), Network::default()).run()?.outside_tone_db(440.0, 2000).0;
    for drift_ppm in [-200.0, 200.0] {
        let network = Network { delay_ms: 10.0, jitter: Jitter::Uniform { most_ms: 3.0 }, ..Network::default() };
        let heard = Trial { drift_ppm, ..Trial::new(Codec::Pcma, tone(440.0, drifting), network) }.run()?;
        add(format!("{drift_ppm} ppm for {drifting} s: made up"), 0.01, heard.concealed_pct(), "%");
        add(format!("{drift_ppm} ppm for {drifting} s: most delay"), 35.0, heard.delay_ms(100, 3000), "ms");
        let outside = heard.outside_tone_db(440.0, 2000).0 - steady;
        add(
            format!("{drift_ppm} ppm for {drifting} s: loudest 20 ms beside the tone, over no drift"),
            3.0,
            outside as f32,
            "dB",
        );
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::softphone::audio::conceal::Concealer;

    #[test]
    fn every_figure_is_reached() {
        let figures = figures(12, 120).unwrap();
        for figure in &figures {
            println!("{:80} {:8.1} of {:7.1} {}", figure.name, figure.measured, figure.most, figure.unit);
        }
        let missed: Vec<&Figure> = figures.iter().filter(|figure| !figure.reached()).collect();
        assert!(missed.is_empty(), "{missed:#?}");
    }

    #[test]
    fn concealment_is_nearer_to_speech_than_silence_and_smoother_than_the_last_packet_again() {
        let original = speech(12, 5);
        let lost = |n: usize| n > 10 && Dice::new(n as u64).hit(10.0);
        let distance = |conceal: &mut dyn FnMut(usize, &[f32]) -> Vec<f32>| {
            let mut heard = Heard { original: original.clone(), ..Heard::default() };
            for (n, frame) in original.as_chunks::<FRAME>().0.iter().enumerate() {
                heard.sound.extend(conceal(n, frame));
                for half in 0..2 {
                    let head = Some((n * FRAME + half * BLOCK) as i64);
                    heard.blocks.push(Block { head, delay_ms: 0.0, target_ms: 0.0, made_up: 0.0 });
                }
            }
            // The mean step into what is made up: what is heard as a crackle.
            let into = |n: usize| Some((heard.sound.get(n * FRAME)? - heard.sound.get(n * FRAME - 1)?).abs());
            let steps: Vec<f32> = (1..original.len() / FRAME).filter(|n| lost(*n)).filter_map(into).collect();
            (heard.spectral_distance_db(), steps.iter().sum::<f32>() / steps.len() as f32)
        };
        let silence = distance(&mut |n, frame| if lost(n) { vec![0.0; FRAME] } else { frame.to_vec() });
        let mut last = Vec::new();
        let again = distance(&mut |n, frame| {
            if !lost(n) {
                last = frame.to_vec();
            }
            last.clone()
        });
        let mut concealer = Concealer::new(RATE);
        let ours = distance(&mut |n, frame| {
            let mut sound = Vec::new();
            if lost(n) {
                concealer.conceal(FRAME, &mut sound);
            } else {
                sound = frame.to_vec();
                concealer.heard(&mut sound);
            }
            sound
        });
        println!(
            "log-spectral distance (dB) and step at 10 % loss: {silence:?}, last packet again {again:?}, ours {ours:?}"
        );
        assert!(
            ours.0 < 0.75 * silence.0 && ours.0 < 1.05 * again.0,
            "silence {silence:?}, again {again:?}, ours {ours:?}"
        );
        assert!(ours.1 < again.1 / 2.0, "again {again:?}, ours {ours:?}");
    }

    /// How much quieter speech gets by what is lost of it, dB: where it was spoken, as it was heard.
    fn level_db(heard: &Heard) -> f64 {
        let (mut sent, mut got) = (0.0, 0.0);
        for (block, window) in heard.blocks.iter().zip(heard.sound.as_chunks::<BLOCK>().0) {
            let Some(head) = block.head.and_then(|head| usize::try_from(head).ok()) else { continue };
            let Some(original) = heard.original.get(head..head + BLOCK) else { continue };
            sent += power(original);
            got += power(window);
        }
        10.0 * (got / sent.max(1e-12)).log10()
    }

    /// Of a packet that is lost nobody knows how loud it was, so speech gets quieter by losses, and by how much depends on
    /// where in the words they fall. `tests/network_sound.rs` allows for the mean and four spreads, which is here: dB.
    #[test]
    fn losses_take_no_more_of_the_level_than_is_allowed_for() {
        let (random, bursts) = (Loss::Random { percent: 20.0 }, Loss::Bursts { percent: 10.0, mean: 3.0 });
        for (codec, loss, most) in [
            (Codec::Opus, random, 2.9),
            (Codec::Opus, bursts, 2.0),
            (Codec::G722, random, 2.0),
            (Codec::Pcma, random, 2.0),
        ] {
            let network = Network { delay_ms: 20.0, loss, ..Network::default() };
            let trial = Trial::new(codec, speech(8, 5), network);
            let levels: Vec<f64> =
                (0..12).map(|seed| level_db(&Trial { seed, ..trial.clone() }.run().unwrap())).collect();
            let count = levels.len() as f64;
            let mean = levels.iter().sum::<f64>() / count;
            let spread = (levels.iter().map(|level| (level - mean).powi(2)).sum::<f64>() / count).sqrt();
            println!("{codec:?}, {loss:?}: mean {mean:.2} dB, spread {spread:.2} dB");
            assert!(mean.abs() + 4.0 * spread <= most, "{codec:?}, {loss:?}: mean {mean} dB, spread {spread} dB");
        }
    }

    #[test]
    fn the_budget_of_a_leg_is_within_sixty_milliseconds() {
        for codec in [Codec::Opus, Codec::G722, Codec::Pcma] {
            let sum: f32 = budget(codec).iter().map(|stage| stage.ms).sum();
            assert!(sum <= 62.0, "{codec:?}: {sum} ms");
        }
    }
}
