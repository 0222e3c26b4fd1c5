//! Synthetic rooms, speech and noise: what is left of an echo, what becomes of the near end, what it costs in delay.

use super::{
    super::testing::{Die, level_at, rms_dbfs, sine, speech},
    *,
};

const ALL: Treatment = Treatment { echo_cancellation: true, noise_suppression: true, gain_control: true };
const ECHO_ONLY: Treatment = Treatment { echo_cancellation: true, noise_suppression: false, gain_control: false };

/// The two rates there are: 48 kHz, which G.722 has too, and 16 kHz.
const CODECS: [Codec; 2] = [Codec::Opus, Codec::Pcma];

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
    let gain = 10f32.powf(-loss_db / 20.0) / taps.iter().map(|(_, g)| g * g).sum::<f32>().sqrt();
    let mut back = vec![0.0; far.len()];
    for (at, g) in taps {
        for (out, sample) in back.iter_mut().skip(at).zip(far) {
            *out += g * gain * sample;
        }
    }
    back
}

/// Runs both directions through a treatment, block by block.
fn treat(codec: Codec, treatment: Treatment, far: &[f32], near: &[f32]) -> Vec<f32> {
    let mut voice = Voice::new(treatment, codec).expect("something to do");
    let mut out = Vec::with_capacity(near.len());
    for (far, near) in far.as_chunks::<BLOCK>().0.iter().zip(near.as_chunks::<BLOCK>().0) {
        voice.played(far);
        out.extend(voice.treat(near));
    }
    out
}

const SECOND: usize = RATE as usize;

/// What the far end gets back of itself, dB under what it said.
fn loss(said: &[f32], back: &[f32]) -> f64 {
    rms_dbfs(said) - rms_dbfs(back)
}

/// How many stretches of 20 ms of an echo are heard, that is less than 40 dB under what was said.
fn bursts(said: &[f32], back: &[f32]) -> usize {
    let limit = rms_dbfs(said) - 40.0;
    back.chunks(SECOND / 50).filter(|part| rms_dbfs(part) > limit).count()
}

fn mixed(echo: &[f32], near: &[f32]) -> Vec<f32> {
    echo.iter().zip(near).map(|(echo, near)| echo + near).collect()
}

/// By how much the near end is softer than it was said, on average over the stretches of 20 ms in which it speaks: holes
/// count in full, and an echo that is left is too soft to fill them. The treatment is late by 9 ms.
fn near_loss(said: &[f32], sent: &[f32]) -> f64 {
    let late = 9 * 48;
    let losses: Vec<f64> = said
        .chunks_exact(SECOND / 50)
        .zip(sent[late..].chunks_exact(SECOND / 50))
        .filter(|(said, _)| rms_dbfs(said) > -35.0)
        .map(|(said, sent)| rms_dbfs(said) - rms_dbfs(sent))
        .collect();
    assert!(losses.len() > 50, "too little speech to judge by");
    losses.iter().sum::<f64>() / losses.len() as f64
}

/// Terminal coupling loss (3GPP TS 26.132 8.7) after 5 s of single talk, and not one burst.
#[test]
fn the_echo_is_46_db_down_in_five_rooms() {
    for (delay_ms, tail_ms) in [(20, 40), (50, 60), (90, 80), (140, 100), (200, 120)] {
        let far = speech(9, 7 + delay_ms as u64);
        let echo = echo(&far, delay_ms, tail_ms, 10.0, 99);
        for codec in CODECS {
            let back = treat(codec, ECHO_ONLY, &far, &echo);
            let (said, back) = (&far[5 * SECOND..], &back[5 * SECOND..]);
            assert!(loss(said, back) >= 46.0, "{codec:?}: {:.1} dB with {delay_ms} ms", loss(said, back));
            assert!(bursts(said, back) <= 4, "{codec:?}: bursts with {delay_ms} ms");
        }
    }
}

#[test]
fn both_may_speak_at_once() {
    let far = speech(12, 3);
    let near: Vec<f32> = std::iter::repeat_n(0.0, 6 * SECOND).chain(speech(6, 5)).collect();
    let mix = mixed(&echo(&far, 50, 60, 15.0, 1), &near);
    for codec in CODECS {
        let sent = treat(codec, ECHO_ONLY, &far, &mix);
        let lost = near_loss(&near[7 * SECOND..], &sent[7 * SECOND..]);
        let level = rms_dbfs(&near[7 * SECOND..]) - rms_dbfs(&sent[7 * SECOND..]);
        assert!(level.abs() <= 3.0, "{codec:?}: the near end is {level:.1} dB down while both speak");
        // Soft stretches under a loud far end lose more than loud ones: 4.3 dB on average, and the canceller's own tuning
        // is not ours to change.
        assert!(lost <= 5.0, "{codec:?}: {lost:.1} dB stretch by stretch");
    }
}

/// Nobody waits for the canceller to learn the room: both speak from the first word on, and what is left of the echo is
/// under what the near end says.
#[test]
fn both_may_speak_from_the_first_word_on() {
    let (far, near) = (speech(10, 31), speech(10, 17));
    let mix = mixed(&echo(&far, 40, 60, 15.0, 2), &near);
    for codec in CODECS {
        let sent = treat(codec, ECHO_ONLY, &far, &mix);
        let lost = near_loss(&near[4 * SECOND..], &sent[4 * SECOND..]);
        assert!(lost <= 3.0, "{codec:?}: the near end is {lost:.1} dB down");
    }
}

/// A headset is put on the table, a door opens: within 5 s the echo is gone again.
#[test]
fn a_room_that_changes_is_learnt_anew() {
    let far = speech(16, 23);
    let (before, after) = (echo(&far, 30, 50, 10.0, 3), echo(&far, 75, 90, 10.0, 4));
    let back: Vec<f32> = before[..8 * SECOND].iter().chain(&after[8 * SECOND..]).copied().collect();
    for codec in CODECS {
        let sent = treat(codec, ECHO_ONLY, &far, &back);
        let (said, left) = (&far[13 * SECOND..], &sent[13 * SECOND..]);
        assert!(loss(said, left) >= 46.0, "{codec:?}: {:.1} dB", loss(said, left));
        assert!(bursts(said, left) <= 4, "{codec:?}");
    }
}

#[test]
fn speech_without_an_echo_stays_and_is_late_by_little() {
    let near = speech(4, 11);
    for codec in CODECS {
        late_by_little(codec, &near);
    }
}

fn late_by_little(codec: Codec, near: &[f32]) {
    let sent = treat(codec, ECHO_ONLY, &vec![0.0; near.len()], near);
    // The lag at which what is sent is most like what was said.
    let part = 2 * SECOND..3 * SECOND;
    let likeness =
        |lag: &usize| -> f32 { near[part.clone()].iter().zip(&sent[part.start + lag..]).map(|(a, b)| a * b).sum() };
    let lag = (0..1440).max_by(|a, b| likeness(a).total_cmp(&likeness(b))).expect("a lag");
    assert!(lag <= 480, "{codec:?}: {} ms late", lag as f64 / 48.0);
    let change = rms_dbfs(&sent[SECOND..]) - rms_dbfs(&near[SECOND..]);
    assert!(change.abs() < 1.5, "{codec:?}: {change:.1} dB");
}

#[test]
fn steady_noise_goes_down_and_speech_stays() {
    let mut die = Die(5);
    let noise: Vec<f32> = (0..8 * SECOND).map(|_| die.roll() * 0.01).collect();
    let words = speech(8, 21);
    let quiet = vec![0.0; noise.len()];
    let only_noise = Treatment { echo_cancellation: false, noise_suppression: true, gain_control: false };
    let without = treat(Codec::Opus, only_noise, &quiet, &noise);
    let down = rms_dbfs(&noise[4 * SECOND..]) - rms_dbfs(&without[4 * SECOND..]);
    assert!(down > 8.0, "noise is {down:.1} dB down");
    let mix: Vec<f32> = noise.iter().zip(&words).map(|(n, w)| n + w).collect();
    let sent = treat(Codec::Opus, only_noise, &quiet, &mix);
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
    let raised = treat(Codec::Opus, only_gain, &silence, &quiet);
    let gain = rms_dbfs(&raised[15 * SECOND..]) - rms_dbfs(&quiet[15 * SECOND..]);
    assert!(gain > 10.0, "raised by {gain:.1} dB from {level:.1}");
    let loud = sine(300.0, 0.0, 4 * SECOND);
    let sent = treat(Codec::Opus, only_gain, &silence[..loud.len()], &loud);
    assert!(sent.iter().all(|s| s.abs() <= 1.0));
    assert!(level_at(&sent[2 * SECOND..3 * SECOND], 300.0) > -12.0);
}

#[test]
fn with_all_of_it_the_echo_is_gone_too() {
    let far = speech(9, 67);
    let echo = echo(&far, 60, 60, 10.0, 99);
    for codec in CODECS {
        let back = treat(codec, ALL, &far, &echo);
        let loss = loss(&far[5 * SECOND..], &back[5 * SECOND..]);
        assert!(loss >= 40.0, "{codec:?}: {loss:.1} dB with gain control");
    }
}

#[test]
fn nothing_to_do_costs_nothing() {
    let nothing = Treatment { echo_cancellation: false, noise_suppression: false, gain_control: false };
    assert!(Voice::new(nothing, Codec::Opus).is_none());
}

#[test]
fn a_codec_of_the_same_rate_keeps_what_was_learnt() {
    let voice = Voice::new(ECHO_ONLY, Codec::Pcma).expect("something to do");
    assert!(voice.suits(Codec::Pcmu) && !voice.suits(Codec::G722) && !voice.suits(Codec::Opus));
}
