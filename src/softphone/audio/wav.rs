//! WAV files as microphone and speaker of the file backend.

use std::{
    fs::File,
    io::{BufReader, BufWriter},
    path::{Path, PathBuf},
};

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use super::{BLOCK, RATE, codec::to_i16, resample::Resampler};
use crate::softphone::AudioError;

/// Samples read at once, all channels together.
const CHUNK: usize = 2048;

/// A WAV file read for ever, as 48 kHz mono.
pub struct WavLoop {
    path: PathBuf,
    reader: WavReader<BufReader<File>>,
    resampler: Resampler,
    ready: Vec<f32>,
}

impl WavLoop {
    /// Opens a file: any rate, any number of channels, integer samples of 8 to 32 bits or float.
    ///
    /// # Errors
    /// When it is missing, is no WAV file, or holds no sound.
    pub fn open(path: &Path) -> Result<Self, AudioError> {
        let reader = WavReader::open(path).map_err(|error| file_error(path, error))?;
        let rate = reader.spec().sample_rate;
        if reader.duration() == 0 {
            return Err(file_error(path, "there is no sound in it"));
        }
        let resampler = Resampler::new(rate, RATE).ok_or_else(|| file_error(path, format!("{rate} Hz is no use")))?;
        Ok(Self { path: path.into(), reader, resampler, ready: Vec::new() })
    }

    /// The next 10 ms.
    ///
    /// # Errors
    /// When the file cannot be read any more.
    pub fn read(&mut self, block: &mut [f32; BLOCK]) -> Result<(), AudioError> {
        while self.ready.len() < BLOCK {
            let mono = self.chunk().map_err(|error| file_error(&self.path, error))?;
            if mono.is_empty() {
                self.reader.seek(0).map_err(|error| file_error(&self.path, error))?;
            }
            self.resampler.process(&mono, &mut self.ready);
        }
        for (to, from) in block.iter_mut().zip(self.ready.drain(..BLOCK)) {
            *to = from;
        }
        Ok(())
    }

    /// Some more of the file, mixed to mono; empty at its end.
    fn chunk(&mut self) -> Result<Vec<f32>, hound::Error> {
        let spec = self.reader.spec();
        let channels = usize::from(spec.channels.max(1));
        let want = CHUNK / channels * channels;
        let samples: Vec<f32> = match spec.sample_format {
            SampleFormat::Float => self.reader.samples::<f32>().take(want).collect::<Result<_, _>>()?,
            SampleFormat::Int => {
                let full = (1u64 << (spec.bits_per_sample.clamp(1, 32) - 1)) as f32;
                let scaled = |sample: Result<i32, hound::Error>| sample.map(|sample| sample as f32 / full);
                self.reader.samples::<i32>().take(want).map(scaled).collect::<Result<_, _>>()?
            }
        };
        let mono = |frame: &[f32]| frame.iter().sum::<f32>() / channels as f32;
        Ok(samples.chunks_exact(channels).map(mono).map(|s| if s.is_finite() { s } else { 0.0 }).collect())
    }
}

/// A WAV file being written: 48 kHz mono, 16 bit. Readable after every [`flush`](Self::flush), finished when dropped.
pub struct WavSink {
    path: PathBuf,
    writer: Option<WavWriter<BufWriter<File>>>,
}

impl WavSink {
    /// Creates the file, over one that is there.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(path: &Path) -> Result<Self, AudioError> {
        let spec = WavSpec { channels: 1, sample_rate: RATE, bits_per_sample: 16, sample_format: SampleFormat::Int };
        let writer = WavWriter::create(path, spec).map_err(|error| file_error(path, error))?;
        Ok(Self { path: path.into(), writer: Some(writer) })
    }

    /// Adds sound.
    ///
    /// # Errors
    /// When it cannot be written (the disk is full, say).
    pub fn write(&mut self, sound: &[f32]) -> Result<(), AudioError> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let written = sound.iter().try_for_each(|sample| writer.write_sample(to_i16(*sample)));
        written.map_err(|error| file_error(&self.path, error))
    }

    /// Makes what was written so far a complete file.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn flush(&mut self) -> Result<(), AudioError> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        writer.flush().map_err(|error| file_error(&self.path, error))
    }
}

impl Drop for WavSink {
    fn drop(&mut self) {
        let finished = self.writer.take().map_or(Ok(()), WavWriter::finalize);
        if let Err(error) = finished {
            tracing::warn!(path = %self.path.display(), %error, "the audio file could not be finished");
        }
    }
}

fn file_error(path: &Path, reason: impl ToString) -> AudioError {
    let reason = reason.to_string();
    // The system's error number helps nobody.
    let reason = reason.split(" (os error").next().unwrap_or_default().to_owned();
    AudioError::File { path: path.display().to_string(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::softphone::audio::testing::{level_at, sine, strongest_near};

    fn write(path: &Path, spec: WavSpec, hz: f64) {
        let mut writer = WavWriter::create(path, spec).unwrap();
        for n in 0..spec.sample_rate * 2 {
            let value = 0.25 * (std::f64::consts::TAU * hz * f64::from(n) / f64::from(spec.sample_rate)).sin();
            for _ in 0..spec.channels {
                match (spec.sample_format, spec.bits_per_sample) {
                    (SampleFormat::Float, _) => writer.write_sample(value as f32).unwrap(),
                    (SampleFormat::Int, bits) => {
                        writer.write_sample((value * f64::from(1u32 << (bits - 1))) as i32).unwrap();
                    }
                }
            }
        }
        writer.finalize().unwrap();
    }

    #[test]
    fn any_rate_and_width_is_read_and_looped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("in.wav");
        for (sample_rate, channels, bits_per_sample, sample_format) in [
            (48_000, 1, 16, SampleFormat::Int),
            (8_000, 1, 16, SampleFormat::Int),
            (44_100, 2, 24, SampleFormat::Int),
            (16_000, 2, 32, SampleFormat::Float),
        ] {
            write(&path, WavSpec { channels, sample_rate, bits_per_sample, sample_format }, 1000.0);
            let mut wav = WavLoop::open(&path).unwrap();
            let mut heard = Vec::new();
            for _ in 0..500 {
                let mut block = [0.0; BLOCK];
                wav.read(&mut block).unwrap();
                heard.extend(block);
            }
            let steady = &heard[4800..];
            assert!((strongest_near(steady, 1000.0) - 1000.0).abs() < 0.2, "{sample_rate}");
            assert!((level_at(steady, 1000.0) + 12.04).abs() < 0.2, "{sample_rate}");
        }
    }

    #[test]
    fn what_is_no_sound_is_told_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.wav");
        assert!(WavLoop::open(&path).err().unwrap().to_string().contains("x.wav"));
        std::fs::write(&path, b"not a wav").unwrap();
        assert!(WavLoop::open(&path).is_err());
        let spec = WavSpec { channels: 1, sample_rate: 48_000, bits_per_sample: 16, sample_format: SampleFormat::Int };
        WavWriter::create(&path, spec).unwrap().finalize().unwrap();
        assert!(WavLoop::open(&path).err().unwrap().to_string().contains("no sound"));
        assert!(WavSink::create(&dir.path().join("no/such/dir.wav")).is_err());
    }

    #[test]
    fn a_file_is_readable_after_a_flush_and_whole_after_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.wav");
        let mut sink = WavSink::create(&path).unwrap();
        sink.write(&sine(440.0, -12.0, 4800)).unwrap();
        sink.flush().unwrap();
        assert_eq!(WavReader::open(&path).unwrap().duration(), 4800);
        sink.write(&[0.0; 480]).unwrap();
        drop(sink);
        assert_eq!(WavReader::open(&path).unwrap().duration(), 5280);
    }
}
