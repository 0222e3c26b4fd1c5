//! The microphone's sound made fit to be sent, on paper: five rooms, both speaking at once, its delay and its cost, at the
//! rates of the codecs.

use std::{hint::black_box, time::Instant};

use wincall_tui::{
    config::Codec,
    softphone::audio::{Treatment, workbench::treat},
};

use crate::{
    common::audio::{level, likeness, speech},
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
    let far = speech(SECONDS as f64, 21);
    let near = speech(SECONDS as f64, 5);
    for (codec, rate) in CODECS {
        let (mut losses, mut bursts, mut near_losses) = (Vec::new(), Vec::new(), Vec::new());
        for (delay_ms, tail_ms) in ROOMS {
            let echo = echo(&far, delay_ms, tail_ms);
            let room = format!("{delay_ms} ms");
            let (loss, burst) = single_talk(codec, &far, &echo);
            losses.push((room.clone(), loss));
            bursts.push((room.clone(), burst));
            near_losses.push((room, double_talk(codec, &far, &echo, &near)));
        }
        table.worst(&format!("echo down after 5 s in five rooms, {rate}"), Target::least(46.0, "dB"), &losses);
        table.worst(
            &format!("residual echo: 20 ms stretches in 7 s over -40 dB, {rate}"),
            Target::most(0.0, ""),
            &bursts,
        );
        table.worst(&format!("near end lost while both speak, {rate}"), Target::most(3.0, "dB"), &near_losses);
        let silence = vec![0.0; near.len()];
        let alone = treated(codec, ECHO_ONLY, &silence, &near);
        let late = likeness(&near[RATE..RATE * 6], &alone[RATE..]).typical_delay_ms;
        table.single(&format!("delay added to the microphone's sound, {rate}"), Target::most(10.0, "ms"), late);
        table.single(
            &format!("echo, noise and level, {rate}"),
            Target::most(3.0, "% of a core"),
            cost(codec, &far, &near),
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

/// By how many dB the near end is softer than it was said, while the far end speaks too.
fn double_talk(codec: Codec, far: &[f64], echo: &[f64], near: &[f64]) -> f64 {
    // The near end joins in once the echo is known.
    let said: Vec<f64> = near.iter().enumerate().map(|(n, s)| if n < SETTLED * RATE { 0.0 } else { *s }).collect();
    let mix: Vec<f64> = echo.iter().zip(&said).map(|(e, n)| e * 0.56 + n).collect();
    let sent = treated(codec, ECHO_ONLY, far, &mix);
    let from = (SETTLED + 1) * RATE;
    -likeness(&said[from..from + 5 * RATE], &sent[from..]).gain_db
}

/// The far end as a room gives it back: some dozen reflections, none of them periodic.
fn echo(far: &[f64], delay_ms: usize, tail_ms: usize) -> Vec<f64> {
    let mut seed = 99u64;
    let mut chance = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 40) as f64 / f64::from(1u32 << 24)
    };
    let (delay, tail) = (delay_ms * 48, tail_ms * 48);
    let mut taps = vec![(delay, 1.0)];
    for _ in 0..40 {
        let at = (chance() * tail as f64) as usize;
        taps.push((delay + at, (chance() - 0.5) * (-3.0 * at as f64 / tail as f64).exp()));
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
