//! Somebody who speaks, as a WAV file: the microphone of a demo on a machine without one.

use std::{io, path::Path};

use super::switch::voices::Babble;

/// Length of the recording, in frames of 20 ms: long enough that its repetition is not noticed.
const FRAMES: usize = 50 * 20;
/// Any number but the customers' own.
const SEED: u32 = 8001;

/// Writes 20 s of speech, 48 kHz mono, 16 bits.
///
/// # Errors
/// The file cannot be written.
pub fn write_voice(path: &Path) -> io::Result<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec).map_err(io::Error::other)?;
    let mut voice = Babble::new(SEED);
    for _ in 0..FRAMES {
        for sample in voice.next() {
            wav.write_sample((sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)) as i16).map_err(io::Error::other)?;
        }
    }
    wav.finalize().map_err(io::Error::other)
}
