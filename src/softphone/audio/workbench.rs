//! Parts of the sound by themselves, for measurements: what becomes of a microphone's sound, and of a codec's packets,
//! without devices, network or clock. All sound is 48 kHz mono, full scale 1.

use bytes::Bytes;

use super::{
    BLOCK, FRAME,
    codec::{Decoder, Encoder},
    voice::{Treatment, Voice},
};
use crate::config::Codec;

/// What the microphone's sound becomes in a call with this codec, 10 ms at a time: `far` is what the loudspeaker plays
/// meanwhile. As long as the shorter of the two, in whole blocks.
pub fn treat(codec: Codec, treatment: Treatment, far: &[f32], near: &[f32]) -> Vec<f32> {
    let mut voice = Voice::new(treatment, codec);
    let mut treated = Vec::with_capacity(near.len());
    for (far, near) in far.as_chunks::<BLOCK>().0.iter().zip(near.as_chunks::<BLOCK>().0) {
        match &mut voice {
            Some(voice) => {
                voice.played(far);
                treated.extend(voice.treat(near));
            }
            None => treated.extend(near),
        }
    }
    treated
}

/// The packets of a sound, one for each whole 20 ms; none where there is no such encoder.
pub fn encode(codec: Codec, sound: &[f32]) -> Option<Vec<Bytes>> {
    let mut encoder = Encoder::new(codec).ok()?;
    sound.as_chunks::<FRAME>().0.iter().map(|frame| encoder.encode(frame).ok()).collect()
}

/// The sound of packets that all arrived; none where there is no such decoder.
pub fn decode(codec: Codec, packets: &[Bytes]) -> Option<Vec<f32>> {
    let mut decoder = Decoder::new(codec).ok()?;
    let mut sound = Vec::with_capacity(packets.len() * FRAME);
    for packet in packets {
        decoder.decode(packet, &mut sound).ok()?;
    }
    Some(sound)
}
