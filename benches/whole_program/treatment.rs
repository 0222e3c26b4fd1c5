//! The microphone's sound made fit to be sent, on paper: five rooms, both speaking at once, its delay and its cost, at the
//! rates of the codecs.

use std::{hint::black_box, time::Instant};

use wincall_tui::{
    config::Codec,
    softphone::audio::{Treatment, workbench::treat},
};

use crate::{
    common::audio::{level, speech},
    table::{Table, Target},
};

const RATE: usize = 48_000;
const ECHO_ONLY: Treatment = Treatment { echo_cancellation: true, noise_suppression: false, gain_control: false };
const ALL: Treatment = Treatment { echo_cancellation: true, noise_suppression: true, gain_control: true };
/// Delay and length of the reverberation, ms.
const ROOMS: [(usize, usize); 5] = [(20, 40), (50, 60), (90, 80), (140, 100), (200, 120)];
/// What a loudspeaker and a microphone on one desk have between them, dB.
const COUPLING_DB: f64 = 10.0;
/// By when the echo must be gone, s.
const SETTLED: usize = 5;
const SECONDS: usize = 12;

pub const CODECS: [(Codec, &str); 3] =
    [(Codec::Opus, "48 kHz (Opus)"), (Codec::G722, "16 kHz (G.722)"), (Codec::Pcma, "8 kHz (G.711)")];

pub fn measure(table: &mut Table) {
    let near = spoken(SECONDS, 5);
    for (codec, rate) in CODECS {
        let (mut losses, mut without_pause, mut bursts) = (Vec::new(), Vec::new(), Vec::new());
        let (mut near_losses, mut stretches) = (Vec::new(), Vec::new());
        for (delay_ms, tail_ms) in ROOMS {
            let room = format!("{delay_ms} ms");
            let far = spoken(SECONDS, 7 + delay_ms as u64);
            let echo_of_it = echo(&far, delay_ms, tail_ms);
            let (loss, burst) = single_talk(codec, &far, &echo_of_it);
            losses.push((room.clone(), loss));
            bursts.push((room.clone(), burst));
            let unending = speech(SECONDS as f64, 21);
            let (loss, _) = single_talk(codec, &unending, &echo(&unending, delay_ms, tail_ms));
            without_pause.push((room.clone(), loss));
            let (whole, each) = double_talk(codec, &far, &echo_of_it, &near);
            near_losses.push((room.clone(), whole));
            stretches.push((room, each));
        }
        let down = Target::least(46.0, "dB");
        table.worst(&format!("echo down after 5 s in five rooms, {rate}"), down, &losses);
        table.worst(&format!("the same, a far end that never pauses, {rate}"), down, &without_pause);
        table.worst(
            &format!("residual echo: 20 ms stretches in 7 s over -40 dB, {rate}"),
            Target::most(0.0, ""),
            &bursts,
        );
        let least_lost = Target::most(3.0, "dB");
        table.worst(&format!("near end lost while both speak, level of the whole, {rate}"), least_lost, &near_losses);
        table.worst(&format!("the same, mean of its 20 ms stretches, soft ones too, {rate}"), least_lost, &stretches);
        let late = added_delay_ms(codec);
        table.single(&format!("delay added to the microphone's sound, {rate}"), Target::most(10.0, "ms"), late);
        table.single(
            &format!("echo, noise and level, {rate}"),
            Target::most(3.0, "% of a core"),
            cost(codec, &spoken(SECONDS, 21), &near),
        );
    }
}

fn samples(sound: &[f64]) -> Vec<f32> {
    sound.iter().map(|s| *s as f32).collect()
}

fn treated(codec: Codec, treatment: Treatment, far: &[f64], near: &[f64]) -> Vec<f64> {
    treat(codec, treatment, &samples(far), &samples(near)).into_iter().map(f64::from).collect()
}

/// By how many dB the far end gets less of itself than it said (echo return loss and its enhancement together), and how
/// many stretches are still heard.
fn single_talk(codec: Codec, far: &[f64], echo: &[f64]) -> (f64, f64) {
    let back = treated(codec, ECHO_ONLY, far, echo);
    let (said, back) = (&far[SETTLED * RATE..], &back[SETTLED * RATE..]);
    let heard = back.chunks(RATE / 50).filter(|part| level(part) > level(said) - 40.0).count();
    (level(said) - level(back), heard as f64)
}

/// By how many dB the near end is softer than it was said while the far end speaks too: the level of the whole, and the
/// mean of the stretches in which it speaks, in which holes count in full.
fn double_talk(codec: Codec, far: &[f64], echo: &[f64], near: &[f64]) -> (f64, f64) {
    // The near end joins in once the echo is known. It is 5 dB nearer than in single talk.
    let said: Vec<f64> = near.iter().enumerate().map(|(n, s)| if n < SETTLED * RATE { 0.0 } else { *s }).collect();
    let mix: Vec<f64> = echo.iter().zip(&said).map(|(e, n)| e * 0.56 + n).collect();
    let sent = treated(codec, ECHO_ONLY, far, &mix);
    let (said, sent) = (&said[(SETTLED + 1) * RATE..], &sent[(SETTLED + 1) * RATE..]);
    let late = (added_delay_ms(codec) * 48.0).round() as usize;
    let each: Vec<f64> = said
        .chunks_exact(RATE / 50)
        .zip(sent[late..].chunks_exact(RATE / 50))
        .filter(|(said, _)| level(said) > -35.0)
        .map(|(said, sent)| level(said) - level(sent))
        .collect();
    (level(said) - level(sent), each.iter().sum::<f64>() / each.len().max(1) as f64)
}

/// By how much the treatment makes the microphone's sound late, ms: where a whole second of it fits best. Over so long
/// a stretch the pitch moves, so that no period of it passes for the next.
pub fn added_delay_ms(codec: Codec) -> f64 {
    let near = spoken(4, 11);
    let sent = treated(codec, ECHO_ONLY, &vec![0.0; near.len()], &near);
    let said = &near[2 * RATE..3 * RATE];
    let likeness = |lag: usize| -> f64 { said.iter().zip(&sent[2 * RATE + lag..]).map(|(a, b)| a * b).sum() };
    let fits = (0..RATE * 30 / 1000).map(|lag| (lag, likeness(lag))).max_by(|a, b| a.1.total_cmp(&b.1));
    fits.map_or(f64::NAN, |(lag, _)| lag as f64 / 48.0)
}

/// A die that always falls the same way, from -1 to 1.
struct Die(u64);

impl Die {
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f64 / f64::from(1u32 << 23) - 1.0
    }
}

/// The shape of speech with its pauses (a quarter of its syllables of 200 ms), at about -20 dBFS:
/// a voice's pulses through two moving resonances, as the program's own tests of the treatment have it.
fn spoken(seconds: usize, seed: u64) -> Vec<f64> {
    let (mut die, rate) = (Die(seed), RATE as f64);
    let (mut a, mut b) = ([0.0; 2], [0.0; 2]);
    let (mut f1, mut f2, mut pitch, mut loud, mut pulse) = (500.0, 1500.0, 120.0, 0.0, 0.0);
    let resonate = |state: &mut [f64; 2], x: f64, hz: f64| {
        let r = 0.985;
        let y = x + 2.0 * r * (std::f64::consts::TAU * hz / rate).cos() * state[0] - r * r * state[1];
        *state = [y, state[0]];
        y
    };
    let sample = |n: usize| {
        if n.is_multiple_of(9600) {
            f1 = 300.0 + 250.0 * (die.roll() + 1.0);
            f2 = 1000.0 + 800.0 * (die.roll() + 1.0);
            pitch = 130.0 + 30.0 * die.roll();
            loud = if die.roll() > -0.5 { 1.0 } else { 0.0 };
        }
        pulse += pitch / rate;
        let beat = if pulse >= 1.0 { 1.0 } else { 0.0 };
        pulse -= beat;
        let syllable = (std::f64::consts::PI * (n % 9600) as f64 / 9600.0).sin();
        let excitation = 0.05 * beat + 0.0004 * die.roll();
        let voice: f64 = loud * syllable * (resonate(&mut a, excitation, f1) + resonate(&mut b, excitation, f2));
        voice.clamp(-0.9, 0.9)
    };
    (0..seconds * RATE).map(sample).collect()
}

/// The far end as a room gives it back: some dozen reflections, none of them periodic.
fn echo(far: &[f64], delay_ms: usize, tail_ms: usize) -> Vec<f64> {
    let mut die = Die(99);
    let (delay, tail) = (delay_ms * 48, tail_ms * 48);
    let mut taps = vec![(delay, 1.0)];
    for _ in 0..40 {
        let at = ((die.roll() + 1.0) / 2.0 * tail as f64) as usize;
        taps.push((delay + at, 0.5 * die.roll() * (-3.0 * at as f64 / tail as f64).exp()));
    }
    let power = taps.iter().map(|(_, gain): &(usize, f64)| gain * gain).sum::<f64>().sqrt();
    let gain = 10f64.powf(-COUPLING_DB / 20.0) / power;
    let mut echo = vec![0.0; far.len()];
    for (at, tap) in taps {
        for (out, sample) in echo.iter_mut().skip(at).zip(far) {
            *out += tap * gain * sample;
        }
    }
    echo
}

/// Share of a core that the whole treatment takes in a call, percent.
fn cost(codec: Codec, far: &[f64], near: &[f64]) -> f64 {
    let (far, near) = (samples(far), samples(near));
    let begun = Instant::now();
    black_box(treat(codec, ALL, &far, &near));
    begun.elapsed().as_secs_f64() * 100.0 / SECONDS as f64
}
