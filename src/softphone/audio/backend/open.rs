//! Opening a sound device. Its callbacks touch a ring buffer and atomics only: no lock, no allocation, any size.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use cpal::{
    BufferSize, Device, ErrorKind, FromSample, Sample as _, SampleFormat, SizedSample, Stream, StreamConfig,
    SupportedStreamConfigRange,
    traits::{DeviceTrait as _, StreamTrait as _},
};
use rtrb::{Consumer, Producer, RingBuffer};

use pulseaudio::protocol::{ProtocolError, PulseError};

use super::{
    direction::DeviceDirection,
    list::{DeviceInfo, Found, find, name_of},
    server::{Connection, Over, Playback, Record, ServerDevice},
    stats::StreamStats,
    system::SoundSystem,
};
use crate::{
    config::Ear,
    softphone::{AudioError, audio::RATE, priority},
};

/// How long a stream may give nothing but errors.
const PATIENCE: Duration = Duration::from_millis(500);
/// Sample formats understood, the best first.
const SPOKEN: [SampleFormat; 4] = [SampleFormat::F32, SampleFormat::I32, SampleFormat::I16, SampleFormat::U8];
/// Ring between callback and engine: half a second at the device's rate.
const RING_PARTS_OF_SECOND: u32 = 2;

/// Tells errors that pass (cpal goes on after them) from those that end a stream. ALSA's pulse plugin, for one, reports an
/// I/O error or two while a stream gets going.
#[derive(Clone, Default)]
struct Trouble {
    since: Option<(u64, Instant)>,
}

impl Trouble {
    /// Whether the stream is over: it says so, or errors have been all there was for [`PATIENCE`].
    fn is_final(&mut self, kind: ErrorKind, callbacks: u64, now: Instant) -> bool {
        let over = [ErrorKind::DeviceNotAvailable, ErrorKind::HostUnavailable, ErrorKind::StreamInvalidated];
        if over.contains(&kind) {
            return true;
        }
        match self.since {
            Some((before, since)) if before == callbacks => now.saturating_duration_since(since) > PATIENCE,
            Some(_) | None => {
                self.since = Some((callbacks, now));
                false
            }
        }
    }
}

/// Our end of a device, mono.
pub enum End {
    /// What the microphone heard, in the device's rate.
    Capture(Consumer<f32>),
    /// What is to be played, in the device's rate.
    Play(Producer<f32>),
    /// A microphone at the sound server.
    Record(Box<Record>),
    /// A speaker at the sound server.
    Playback(Box<Playback>),
}

impl End {
    /// Samples in the device's rate that wait to be played.
    pub fn waiting(&self) -> usize {
        match self {
            Self::Play(ring) => ring.buffer().capacity() - ring.slots(),
            Self::Playback(playback) => playback.waiting(),
            Self::Capture(_) | Self::Record(_) => 0,
        }
    }

    /// Whether it is a stream of the sound server.
    pub fn is_of_server(&self) -> bool {
        matches!(self, Self::Record(_) | Self::Playback(_))
    }

    /// Reads what the sound server has sent; a device of another kind has callbacks for it.
    ///
    /// # Errors
    /// When the stream is over.
    pub fn pump(&mut self, now: Instant) -> Result<(), Over> {
        match self {
            Self::Record(record) => record.pump(now),
            Self::Playback(playback) => playback.pump(now),
            Self::Capture(_) | Self::Play(_) => Ok(()),
        }
    }
}

/// An open device. The stream ends when it is dropped, which may take a moment.
pub struct Opened {
    /// Keeps it running, where it has callbacks.
    pub stream: Option<Stream>,
    /// For people.
    pub name: String,
    /// For the config file.
    pub id: String,
    /// Its rate, Hz.
    pub rate: u32,
    /// Our end.
    pub end: End,
    /// Signs of life.
    pub stats: Arc<StreamStats>,
}

/// Opens and starts a device with callbacks every `period_ms` if it can; this may block for long. `lost` is told when it stops working later.
///
/// # Errors
/// When it is not there or refuses.
pub fn open(
    system: SoundSystem,
    wanted: &str,
    direction: DeviceDirection,
    role: &'static str,
    ear: Ear,
    period_ms: u32,
    lost: impl Fn(AudioError) + Clone + Send + 'static,
) -> Result<Opened, AudioError> {
    let device = match find(system, wanted, direction, role)? {
        Found::Server(connection, device) => return open_at_server(connection, device, role, ear),
        Found::Cpal(device) => device,
    };
    let name = name_of(&device);
    let id = device.id().map(|id| id.to_string()).unwrap_or_default();
    let unusable = {
        let name = name.clone();
        move |error: cpal::Error| told(&error, role, &name)
    };
    let (config, format) = choose(&device, direction).map_err(&unusable)?;
    let stats = Arc::new(StreamStats::default());
    let failed = {
        let (unusable, name, stats) = (unusable.clone(), name.clone(), stats.clone());
        let (mut trouble, mut over) = (Trouble::default(), false);
        move |error: cpal::Error| {
            // ALSA goes on failing until the stream is closed.
            if over {
                return;
            }
            if error.kind() == ErrorKind::Xrun {
                stats.xruns.fetch_add(1, Ordering::Relaxed);
            }
            if trouble.is_final(error.kind(), stats.callbacks.load(Ordering::Relaxed), Instant::now()) {
                over = true;
                // A stream that ran and has lost its device: it was pulled out.
                let (direction, device) = (role, name.clone());
                tracing::debug!(role, device, %error, "lost");
                // What sound servers say of it are no words for people.
                let stalled = error.kind() == ErrorKind::BackendError && stats.callbacks.load(Ordering::Relaxed) > 0;
                lost(if error.kind() == ErrorKind::DeviceNotAvailable {
                    AudioError::Gone { direction, device }
                } else if stalled {
                    AudioError::Stalled { direction, device }
                } else {
                    unusable(error)
                });
            } else {
                tracing::trace!(role, device = name, %error, "passing trouble");
            }
        }
    };
    let period = BufferSize::Fixed(config.sample_rate / 1000 * period_ms);
    let attempt = |buffer_size| {
        let config = StreamConfig { buffer_size, ..config };
        start(&device, config, format, (direction, ear), &stats, failed.clone())
    };
    let (stream, end) = attempt(period)
        .or_else(|error| {
            tracing::debug!(role, device = name, %error, period_ms, "no such period, taking the device's own");
            attempt(BufferSize::Default)
        })
        .map_err(&unusable)?;
    tracing::debug!(role, device = name, rate = config.sample_rate, channels = config.channels, %format, "open");
    Ok(Opened { stream: Some(stream), name, id, rate: config.sample_rate, end, stats })
}

fn open_at_server(
    connection: Connection,
    device: ServerDevice,
    role: &'static str,
    ear: Ear,
) -> Result<Opened, AudioError> {
    let (direction, server_name) = (device.direction, device.name.clone());
    let DeviceInfo { name, id, .. } = device.into();
    let stats = Arc::new(StreamStats::default());
    let end = match direction {
        DeviceDirection::Input => {
            Record::open(connection, &server_name, stats.clone()).map(|stream| End::Record(Box::new(stream)))
        }
        DeviceDirection::Output => {
            Playback::open(connection, &server_name, ear, stats.clone()).map(|stream| End::Playback(Box::new(stream)))
        }
    };
    let end = end.map_err(|error| refused(&error, role, &name))?;
    tracing::debug!(role, device = name, "open at the sound server");
    Ok(Opened { stream: None, name, id, rate: RATE, end, stats })
}

/// What an answer of the sound server means for a person.
fn refused(error: &ProtocolError, direction: &'static str, name: &str) -> AudioError {
    let device = name.to_owned();
    let says = |answer: PulseError| matches!(error, ProtocolError::ServerError(said) if *said == answer);
    if says(PulseError::AccessDenied) {
        AudioError::Denied { direction, device }
    } else if says(PulseError::Busy) {
        AudioError::Busy { direction, device }
    } else if says(PulseError::NoEntity) {
        AudioError::NoDevice { direction, reason: format!("'{name}': {error}") }
    } else {
        AudioError::Unusable { direction, device, reason: error.to_string() }
    }
}

/// What a host's error means for a person.
fn told(error: &cpal::Error, direction: &'static str, name: &str) -> AudioError {
    let device = name.to_owned();
    let kind = error.kind();
    if kind == ErrorKind::PermissionDenied {
        AudioError::Denied { direction, device }
    } else if kind == ErrorKind::DeviceBusy {
        AudioError::Busy { direction, device }
    } else if kind == ErrorKind::DeviceNotAvailable || kind == ErrorKind::HostUnavailable {
        AudioError::NoDevice { direction, reason: format!("'{name}': {}", plain(error)) }
    } else {
        AudioError::Unusable { direction, device, reason: plain(error) }
    }
}

/// A reason without the host's jargon in front, on one line.
fn plain(error: &cpal::Error) -> String {
    let text = error.message().map_or_else(|| error.to_string(), str::to_owned).replace('\n', " ");
    // "ALSA function 'snd_pcm_open' failed with error 'Host is down (112)'": what is in the last quotes is for people.
    let told = text.strip_prefix("ALSA function ").and_then(|rest| rest.split_once("with error '"));
    match told.map(|(_, told)| told.trim_end_matches('\'')) {
        Some(told) => told.rsplit_once(" (").map_or(told, |(told, _)| told).to_owned(),
        None => text,
    }
}

/// The configuration nearest to 48 kHz mono float.
fn choose(device: &Device, direction: DeviceDirection) -> Result<(StreamConfig, SampleFormat), cpal::Error> {
    // Asked first because it is what fails plainly when there is no device behind the name.
    let default = match direction {
        DeviceDirection::Input => device.default_input_config()?,
        DeviceDirection::Output => device.default_output_config()?,
    };
    let ranges: Vec<SupportedStreamConfigRange> = match direction {
        DeviceDirection::Input => device.supported_input_configs()?.collect(),
        DeviceDirection::Output => device.supported_output_configs()?.collect(),
    };
    let rate = |range: &SupportedStreamConfigRange| RATE.clamp(range.min_sample_rate(), range.max_sample_rate());
    let merit = |range: &SupportedStreamConfigRange| {
        // Two, so that it is us who mix down: sound servers make a stereo source 3 dB louder in mono.
        let channels = range.channels().abs_diff(2);
        let format = SPOKEN.iter().position(|format| *format == range.sample_format());
        (rate(range).abs_diff(RATE), channels, format)
    };
    let best = ranges.iter().filter(|range| SPOKEN.contains(&range.sample_format())).min_by_key(|range| merit(range));
    Ok(match best {
        Some(range) => {
            let config =
                StreamConfig { channels: range.channels(), sample_rate: rate(range), buffer_size: BufferSize::Default };
            (config, range.sample_format())
        }
        None => (default.config(), default.sample_format()),
    })
}

type Started = (Stream, End);

/// Raises the thread of a device's callbacks with the first of them.
enum Raise {
    RealTime,
    ALittle,
    Done,
}

impl Raise {
    /// A sound card wakes its thread; ALSA's plug-ins let theirs spin, which may not be before all others.
    fn of(device: &Device) -> Self {
        let is_card = device.id().is_ok_and(|id| id.id().contains("CARD=") || id.id().starts_with("hw:"));
        if is_card { Self::RealTime } else { Self::ALittle }
    }

    fn once(&mut self) {
        match std::mem::replace(self, Self::Done) {
            Self::RealTime => priority::raise_soon("device"),
            Self::ALittle => priority::raise_a_little("device"),
            Self::Done => {}
        }
    }
}

fn start(
    device: &Device,
    config: StreamConfig,
    format: SampleFormat,
    (direction, ear): (DeviceDirection, Ear),
    stats: &Arc<StreamStats>,
    failed: impl FnMut(cpal::Error) + Send + 'static,
) -> Result<Started, cpal::Error> {
    match (direction, format) {
        (DeviceDirection::Input, SampleFormat::F32) => capture::<f32>(device, config, stats, failed),
        (DeviceDirection::Input, SampleFormat::I32) => capture::<i32>(device, config, stats, failed),
        (DeviceDirection::Input, SampleFormat::I16) => capture::<i16>(device, config, stats, failed),
        (DeviceDirection::Input, SampleFormat::U8) => capture::<u8>(device, config, stats, failed),
        (DeviceDirection::Output, SampleFormat::F32) => play::<f32>(device, config, ear, stats, failed),
        (DeviceDirection::Output, SampleFormat::I32) => play::<i32>(device, config, ear, stats, failed),
        (DeviceDirection::Output, SampleFormat::I16) => play::<i16>(device, config, ear, stats, failed),
        (DeviceDirection::Output, SampleFormat::U8) => play::<u8>(device, config, ear, stats, failed),
        (_, other) => {
            let reason = format!("it speaks only {other} samples");
            Err(cpal::Error::with_message(ErrorKind::UnsupportedConfig, reason))
        }
    }
}

fn capture<T>(
    device: &Device,
    config: StreamConfig,
    stats: &Arc<StreamStats>,
    failed: impl FnMut(cpal::Error) + Send + 'static,
) -> Result<Started, cpal::Error>
where
    T: SizedSample,
    f32: FromSample<T>,
{
    let (mut ring, end) = RingBuffer::new((config.sample_rate / RING_PARTS_OF_SECOND) as usize);
    let beat = stats.clone();
    let channels = usize::from(config.channels.max(1));
    let mut raise = Raise::of(device);
    let hear = move |data: &[T], info: &cpal::InputCallbackInfo| {
        raise.once();
        let times = info.timestamp();
        beat.delayed(times.callback.duration_since(times.capture));
        let frames = data.len() / channels;
        let room = ring.slots().min(frames);
        let mono = data
            .chunks_exact(channels)
            .map(|frame| frame.iter().map(|sample| f32::from_sample(*sample)).sum::<f32>() / channels as f32);
        if let Ok(chunk) = ring.write_chunk_uninit(room) {
            chunk.fill_from_iter(mono);
        }
        beat.beat(frames, room == frames);
    };
    let stream = device.build_input_stream(config, hear, failed, None)?;
    stream.play()?;
    Ok((stream, End::Capture(end)))
}

fn play<T>(
    device: &Device,
    config: StreamConfig,
    ear: Ear,
    stats: &Arc<StreamStats>,
    failed: impl FnMut(cpal::Error) + Send + 'static,
) -> Result<Started, cpal::Error>
where
    T: SizedSample + FromSample<f32>,
{
    let (end, mut ring) = RingBuffer::<f32>::new((config.sample_rate / RING_PARTS_OF_SECOND) as usize);
    let beat = stats.clone();
    let channels = usize::from(config.channels.max(1));
    let mut raise = Raise::of(device);
    let say = move |data: &mut [T], info: &cpal::OutputCallbackInfo| {
        raise.once();
        let times = info.timestamp();
        beat.delayed(times.playback.duration_since(times.callback));
        let frames = data.len() / channels;
        let ready = ring.slots().min(frames);
        let mut samples = ring.read_chunk(ready).ok().into_iter().flatten();
        for frame in data.chunks_mut(channels) {
            let sample = T::from_sample(samples.next().unwrap_or(0.0));
            for (channel, played) in frame.iter_mut().enumerate() {
                *played = if ear.plays(channel, channels) { sample } else { T::EQUILIBRIUM };
            }
        }
        beat.beat(frames, ready == frames);
    };
    let stream = device.build_output_stream(config, say, failed, None)?;
    stream.play()?;
    Ok((stream, End::Play(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_alsa_says_is_told_without_its_functions() {
        let error = |text: &str| cpal::Error::with_message(ErrorKind::BackendError, text.to_owned());
        let said = "ALSA function 'snd_pcm_open' failed with error 'Host is down (112)'";
        assert_eq!(plain(&error(said)), "Host is down");
        assert_eq!(plain(&error("it is\nbroken")), "it is broken");
    }

    #[test]
    fn each_kind_of_failure_is_told_in_its_own_words() {
        let said = |kind| told(&cpal::Error::with_message(kind, "why".to_owned()), "microphone", "Jabra");
        let (direction, device) = ("microphone", "Jabra".to_owned());
        assert_eq!(said(ErrorKind::PermissionDenied), AudioError::Denied { direction, device: device.clone() });
        assert_eq!(said(ErrorKind::DeviceBusy), AudioError::Busy { direction, device: device.clone() });
        assert_eq!(
            said(ErrorKind::DeviceNotAvailable),
            AudioError::NoDevice { direction, reason: "'Jabra': why".into() }
        );
        assert_eq!(said(ErrorKind::BackendError), AudioError::Unusable { direction, device, reason: "why".into() });
    }

    #[test]
    fn only_errors_that_last_or_say_so_end_a_stream() {
        let (mut trouble, start) = (Trouble::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        assert!(!trouble.is_final(ErrorKind::BackendError, 0, at(0)));
        assert!(!trouble.is_final(ErrorKind::BackendError, 0, at(400)));
        assert!(!trouble.is_final(ErrorKind::Xrun, 7, at(600)), "it worked in between");
        assert!(!trouble.is_final(ErrorKind::Xrun, 7, at(1000)));
        assert!(trouble.is_final(ErrorKind::Xrun, 7, at(1101)));
        assert!(Trouble::default().is_final(ErrorKind::DeviceNotAvailable, 9, at(0)));
    }
}
