//! What the microphone tells besides what is sent: that somebody speaks, and that nothing comes at all.

use super::BLOCK;

/// Louder than this is speech, dBFS (RMS of 10 ms); keyboards and breath stay below, or are short.
const SPEECH_DBFS: f32 = -35.0;
/// Once somebody speaks, this is loud enough to go on, dBFS.
const GOES_ON_DBFS: f32 = -41.0;
/// Speech lasts at least so long, blocks: 300 ms.
const SPEECH_BLOCKS: u32 = 30;
/// A quiet block takes back this part of what a loud one gave: speech has gaps, clicks are all gap.
const GAP_SHARE: u32 = 2;
/// After this much quiet nobody speaks any more, blocks: 2 s.
const QUIET_BLOCKS: u32 = 200;
/// Digital silence: at most the last bit of 16 moves.
const SILENT: f32 = 4.0e-5;
/// A microphone that delivers only that for this long is switched off, blocks: 3 s.
const SILENT_BLOCKS: u32 = 300;

/// Level of a block, dBFS by RMS of a full-scale square wave; -120 for silence.
pub fn rms_dbfs(block: &[f32; BLOCK]) -> f32 {
    let power = block.iter().map(|sample| sample * sample).sum::<f32>() / BLOCK as f32;
    (10.0 * power.log10()).max(-120.0)
}

/// Hears whether somebody speaks. Clicks and keys are no speech.
#[derive(Debug, Default)]
pub struct Speech {
    /// Half blocks of evidence.
    evidence: u32,
    quiet: u32,
    on: bool,
}

impl Speech {
    /// Takes in 10 ms of this level, dBFS; whether somebody speaks.
    pub fn hear(&mut self, dbfs: f32) -> bool {
        let loud = dbfs > if self.on { GOES_ON_DBFS } else { SPEECH_DBFS };
        if loud {
            self.quiet = 0;
            self.evidence = (self.evidence + GAP_SHARE).min(SPEECH_BLOCKS * GAP_SHARE);
        } else {
            self.quiet = self.quiet.saturating_add(1);
            self.evidence = self.evidence.saturating_sub(1);
        }
        if self.on && self.quiet >= QUIET_BLOCKS {
            *self = Self::default();
        } else if !self.on && self.evidence >= SPEECH_BLOCKS * GAP_SHARE {
            self.on = true;
        }
        self.on
    }
}

/// What changed with a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The agent begins or stops to speak into a muted microphone.
    pub speaking_muted: Option<bool>,
    /// The microphone delivers nothing, or does again.
    pub silent: Option<bool>,
}

/// Listens in a call.
#[derive(Debug, Default)]
pub struct Ear {
    speech: Speech,
    speaking_muted: bool,
    silent_for: u32,
    silent: bool,
}

impl Ear {
    /// Takes in 10 ms of the microphone: as heard, and as it would be sent (so that an echo of the far end is not taken
    /// for the agent). `muted`: the agent has muted it and nothing else keeps it from being sent; `delivers`: there is
    /// a microphone at work.
    pub fn hear(&mut self, heard: &[f32; BLOCK], treated: &[f32; BLOCK], muted: bool, delivers: bool) -> Heard {
        let mut told = Heard::default();
        if muted {
            let speaks = self.speech.hear(rms_dbfs(heard).min(rms_dbfs(treated)));
            if speaks != self.speaking_muted {
                self.speaking_muted = speaks;
                told.speaking_muted = Some(speaks);
            }
        } else {
            self.speech = Speech::default();
            told.speaking_muted = std::mem::take(&mut self.speaking_muted).then_some(false);
        }
        let silent = delivers && heard.iter().all(|sample| sample.abs() <= SILENT);
        self.silent_for = if silent { self.silent_for.saturating_add(1) } else { 0 };
        let silent = self.silent_for >= SILENT_BLOCKS;
        if silent != self.silent {
            self.silent = silent;
            told.silent = Some(silent);
        }
        told
    }

    /// The call is over; what was told and is not so any more.
    pub fn end(&mut self) -> Heard {
        let over = |was: bool| was.then_some(false);
        let told = Heard { speaking_muted: over(self.speaking_muted), silent: over(self.silent) };
        *self = Self::default();
        told
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::softphone::audio::testing::sine;

    fn block(dbfs: f32) -> [f32; BLOCK] {
        // RMS of a sine is 3 dB under its peak.
        let samples = sine(1000.0, f64::from(dbfs) + 3.01, BLOCK);
        samples.try_into().unwrap()
    }

    /// Plays levels, each for so many milliseconds, into a muted ear; when it told what, ms.
    fn muted(levels: &[(f32, u32)]) -> Vec<(u32, bool)> {
        let (mut ear, mut told, mut at) = (Ear::default(), Vec::new(), 0);
        for (dbfs, ms) in levels {
            for _ in 0..ms / 10 {
                at += 10;
                let block = block(*dbfs);
                told.extend(ear.hear(&block, &block, true, true).speaking_muted.map(|on| (at, on)));
            }
        }
        told
    }

    #[test]
    fn a_block_reads_its_level() {
        assert!((rms_dbfs(&block(-20.0)) + 20.0).abs() < 0.1);
        assert_eq!(rms_dbfs(&[0.0; BLOCK]), -120.0);
    }

    #[test]
    fn speaking_while_muted_is_told_after_300_ms_and_over_after_2_s_of_quiet() {
        assert_eq!(muted(&[(-60.0, 500), (-25.0, 290), (-60.0, 1000)]), []);
        assert_eq!(muted(&[(-60.0, 500), (-25.0, 600), (-60.0, 3000)]), [(800, true), (3100, false)]);
        // Words with gaps between them, and no flicker in a pause of a second.
        let words = [(-25.0, 150), (-60.0, 60), (-25.0, 200), (-60.0, 1000), (-25.0, 200)];
        assert_eq!(muted(&words).len(), 1);
        // Quieter, once it is on.
        assert_eq!(muted(&[(-25.0, 400), (-38.0, 5000)]).len(), 1);
        assert_eq!(muted(&[(-38.0, 5000)]), []);
    }

    #[test]
    fn typing_is_not_speaking() {
        let keys: Vec<(f32, u32)> = (0..100).flat_map(|_| [(-15.0, 30), (-60.0, 120)]).collect();
        assert_eq!(muted(&keys), []);
    }

    #[test]
    fn the_far_ends_echo_is_not_the_agent_and_an_open_microphone_not_muted() {
        let (loud, quiet) = (block(-20.0), block(-70.0));
        let mut ear = Ear::default();
        for _ in 0..200 {
            assert_eq!(ear.hear(&loud, &quiet, true, true), Heard::default());
            assert_eq!(ear.hear(&loud, &loud, false, true), Heard::default());
        }
        for _ in 0..29 {
            assert_eq!(ear.hear(&loud, &loud, true, true), Heard::default());
        }
        assert_eq!(ear.hear(&loud, &loud, true, true).speaking_muted, Some(true));
        assert_eq!(ear.hear(&loud, &loud, false, true).speaking_muted, Some(false), "unmuting ends it at once");
    }

    #[test]
    fn three_seconds_of_digital_silence_are_told_once_and_end_with_the_first_sound() {
        let (silence, room) = ([0.0; BLOCK], block(-75.0));
        let mut ear = Ear::default();
        for n in 1..=1000 {
            let told = ear.hear(&silence, &silence, false, true).silent;
            assert_eq!(told, (n == 300).then_some(true), "block {n}");
        }
        assert_eq!(ear.hear(&room, &room, false, true).silent, Some(false));
        for _ in 0..1000 {
            assert_eq!(ear.hear(&room, &room, false, true), Heard::default(), "a quiet room is no silence");
            assert_eq!(ear.hear(&silence, &silence, false, false), Heard::default(), "nor is no microphone");
        }
        for _ in 0..300 {
            ear.hear(&silence, &silence, false, true);
        }
        assert_eq!(ear.end(), Heard { speaking_muted: None, silent: Some(false) });
        assert_eq!(ear.end(), Heard::default());
    }

    proptest! {
        #[test]
        fn what_is_told_takes_turns(levels in prop::collection::vec((-90.0f32..0.0, 10u32..3000), 1..20)) {
            let told = muted(&levels);
            for (n, (_, on)) in told.iter().enumerate() {
                prop_assert_eq!(*on, n % 2 == 0);
            }
        }
    }
}
