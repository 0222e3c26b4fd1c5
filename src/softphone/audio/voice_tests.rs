//! Synthetic rooms, speech and noise: what is left of an echo, what becomes of the near end, what it costs in delay.

use super::{
    super::testing::{Die, level_at, rms_dbfs, sine, speech},
    *,
};

const ALL: Treatment = Treatment { echo_cancellation: true, noise_suppression: true, gain_control: true };
const ECHO_ONLY: Treatment = Treatment { echo_cancellation: true, noise_suppression: false, gain_control: false };

/// A room: the far end comes back after `delay_ms`, `loss_db` down, and dies away over `tail_ms`.
fn echo(far: &[f32], delay_ms: usize, tail_ms: usize, loss_db: f32, seed: u64) -> Vec<f32> {
    let mut die = Die(seed);
    let (delay, tail) = (delay_ms * 48, tail_ms * 48);
    // A few dozen reflections stand for the room: quick to compute, and nothing in it is periodic.
    let mut taps = vec![(delay, 1.0f32)];
    for _ in 0..40 {
        let at = ((die.roll() + 1.0) / 2.0 * tail as f32) as usize;
        taps.push((delay + at, 0.5 * die.roll() * (-3.0 * at as f32 / tail as f32).exp()));
    }
    let gain = 10f32.powf(-loss_db / 20.0);
    let power = taps.iter().map(|(_, g)| g * g).sum::<f32>().sqrt();
    (0..far.len())
        .map(|n| taps.iter().filter(|(at, _)| *at <= n).map(|(at, g)| g / power * gain * far[n - at]).sum())
        .collect()
}

/// Runs both directions through a treatment, block by block.
fn treat(treatment: Treatment, far: &[f32], near: &[f32]) -> Vec<f32> {
    let mut voice = Voice::new(treatment).expect("something to do");
    let mut out = Vec::with_capacity(near.len());
    for (far, near) in far.as_chunks::<BLOCK>().0.iter().zip(near.as_chunks::<BLOCK>().0) {
        voice.played(far);
        out.extend(voice.treat(near));
    }
    out
}

const SECOND: usize = RATE as usize;

/// Terminal coupling loss after 5 s of single talk: what the far end gets back of itself, dB under what it said.
fn echo_loss(treatment: Treatment, delay_ms: usize, tail_ms: usize) -> f64 {
    let far = speech(9, 7 + delay_ms as u64);
    let back = treat(treatment, &far, &echo(&far, delay_ms, tail_ms, 10.0, 99));
    rms_dbfs(&far[5 * SECOND..]) - rms_dbfs(&back[5 * SECOND..])
}

#[test]
fn the_echo_is_46_db_down_in_five_rooms() {
    for (delay_ms, tail_ms) in [(20, 40), (50, 60), (90, 80), (140, 100), (200, 120)] {
        let loss = echo_loss(ECHO_ONLY, delay_ms, tail_ms);
        assert!(loss >= 46.0, "{loss:.1} dB with {delay_ms} ms");
    }
}

#[test]
fn both_may_speak_at_once() {
    let far = speech(12, 3);
    let near: Vec<f32> = std::iter::repeat_n(0.0, 6 * SECOND).chain(speech(6, 5)).collect();
    let mix: Vec<f32> = echo(&far, 50, 60, 15.0, 1).iter().zip(&near).map(|(e, n)| e + n).collect();
    let sent = treat(ECHO_ONLY, &far, &mix);
    let lost = rms_dbfs(&near[7 * SECOND..]) - rms_dbfs(&sent[7 * SECOND..]);
    assert!(lost.abs() <= 3.0, "the near end is {lost:.1} dB down while both speak");
}

#[test]
fn speech_without_an_echo_stays_and_is_late_by_little() {
    let near = speech(4, 11);
    let sent = treat(ECHO_ONLY, &vec![0.0; near.len()], &near);
    // The lag at which what is sent is most like what was said.
    let part = 2 * SECOND..3 * SECOND;
    let likeness =
        |lag: &usize| -> f32 { near[part.clone()].iter().zip(&sent[part.start + lag..]).map(|(a, b)| a * b).sum() };
    let lag = (0..1440).max_by(|a, b| likeness(a).total_cmp(&likeness(b))).expect("a lag");
    assert!(lag <= 480, "{} ms late", lag as f64 / 48.0);
    let change = rms_dbfs(&sent[SECOND..]) - rms_dbfs(&near[SECOND..]);
    assert!(change.abs() < 1.5, "{change:.1} dB");
}

#[test]
fn steady_noise_goes_down_and_speech_stays() {
    let mut die = Die(5);
    let noise: Vec<f32> = (0..8 * SECOND).map(|_| die.roll() * 0.01).collect();
    let words = speech(8, 21);
    let quiet = vec![0.0; noise.len()];
    let only_noise = Treatment { echo_cancellation: false, noise_suppression: true, gain_control: false };
    let without = treat(only_noise, &quiet, &noise);
    let down = rms_dbfs(&noise[4 * SECOND..]) - rms_dbfs(&without[4 * SECOND..]);
    assert!(down > 8.0, "noise is {down:.1} dB down");
    let mix: Vec<f32> = noise.iter().zip(&words).map(|(n, w)| n + w).collect();
    let sent = treat(only_noise, &quiet, &mix);
    let change = rms_dbfs(&sent[4 * SECOND..]) - rms_dbfs(&words[4 * SECOND..]);
    assert!(change.abs() < 3.0, "speech changes by {change:.1} dB");
}

#[test]
fn a_quiet_voice_is_raised_and_a_loud_one_never_clips() {
    let only_gain = Treatment { echo_cancellation: false, noise_suppression: false, gain_control: true };
    let words = speech(20, 8);
    let level = rms_dbfs(&words);
    assert!((-26.0..-16.0).contains(&level), "{level:.1} dBFS");
    let quiet: Vec<f32> = words.iter().map(|s| s * 0.1).collect();
    let silence = vec![0.0; words.len()];
    let raised = treat(only_gain, &silence, &quiet);
    let gain = rms_dbfs(&raised[15 * SECOND..]) - rms_dbfs(&quiet[15 * SECOND..]);
    assert!(gain > 10.0, "raised by {gain:.1} dB from {level:.1}");
    let loud = sine(300.0, 0.0, 4 * SECOND);
    let sent = treat(only_gain, &silence[..loud.len()], &loud);
    assert!(sent.iter().all(|s| s.abs() <= 1.0));
    assert!(level_at(&sent[2 * SECOND..3 * SECOND], 300.0) > -12.0);
}

#[test]
fn with_all_of_it_the_echo_is_gone_too() {
    let loss = echo_loss(ALL, 60, 60);
    assert!(loss >= 40.0, "{loss:.1} dB with gain control");
}

#[test]
fn nothing_to_do_costs_nothing() {
    assert!(
        Voice::new(Treatment { echo_cancellation: false, noise_suppression: false, gain_control: false }).is_none()
    );
}
