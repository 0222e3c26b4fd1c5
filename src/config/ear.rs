//! `[audio] ear`: in which ear the far end is heard.

use serde::Serialize;

/// Which channels of the speaker play the call. In one ear an agent hears the caller, in the other one a screen reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ear {
    /// All.
    #[default]
    Both,
    /// The first.
    Left,
    /// The second.
    Right,
}

impl Ear {
    /// Whether a channel (from 0, in the order of WAV files: left, right, ...) of a device with `channels` plays. A device
    /// with one channel always does.
    pub fn plays(self, channel: usize, channels: usize) -> bool {
        match self {
            _ if channels < 2 => true,
            Ear::Both => true,
            Ear::Left => channel == 0,
            Ear::Right => channel == 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_ear_is_one_channel_and_a_single_channel_is_never_silent() {
        let of = |ear: Ear, channels| (0..channels).map(|n| ear.plays(n, channels)).collect::<Vec<_>>();
        assert_eq!(of(Ear::Both, 6), [true; 6]);
        assert_eq!(of(Ear::Left, 2), [true, false]);
        assert_eq!(of(Ear::Right, 2), [false, true]);
        assert_eq!(of(Ear::Right, 4), [false, true, false, false]);
        for ear in [Ear::Both, Ear::Left, Ear::Right] {
            assert_eq!(of(ear, 1), [true]);
        }
    }
}
