//! Streams of sound to and from the server, 48 kHz, two channels, 32-bit float. Nothing here waits once they are open.

use std::{
    ffi::CStr,
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant, SystemTime},
};

use pulseaudio::protocol::{
    ChannelMap, Command, CreatePlaybackStreamReply, CreateRecordStreamReply, DESCRIPTOR_SIZE, Descriptor,
    DescriptorFlags, LatencyParams, PlaybackLatency, PlaybackStreamParams, Prop, Props, ProtocolError, RecordLatency,
    RecordStreamParams, SampleFormat, SampleSpec, TagStructRead, TagStructReader, encode_descriptor, read_descriptor,
    stream::{BufferAttr, StreamFlags},
    write_command_message,
};

use super::{Connection, connection::LONGEST};
use crate::{
    config::Ear,
    softphone::audio::{RATE, backend::stats::StreamStats},
};

const CHANNELS: usize = 2;
/// Bytes of a sample of all channels.
const FRAME: usize = CHANNELS * size_of::<f32>();
/// The most that the server keeps for a speaker, ms: how much of it is used is decided by the feed.
const QUEUE_MS: u32 = 200;
/// Sound that comes and goes at once, samples: 5.3 ms. Servers wake for powers of two.
const PERIOD: usize = 256;
/// Sound of the microphone that nobody has taken, at most: half a second.
const LONGEST_HEARD: usize = RATE as usize / 2;
/// What the server has not taken, at most, bytes: a second of sound. More is a server that hangs.
const LONGEST_OUTBOX: usize = RATE as usize * FRAME;
/// Between two questions for the delay.
const DELAY_EVERY: Duration = Duration::from_millis(500);

/// Why a stream is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The server has ended it: its device has gone.
    Killed,
    /// The server has gone.
    Lost,
    /// The server takes nothing any more.
    Hangs,
}

fn spec() -> SampleSpec {
    SampleSpec { format: SampleFormat::Float32Le, channels: CHANNELS as u8, sample_rate: RATE }
}

fn bytes(ms: u32) -> u32 {
    RATE / 1000 * ms * FRAME as u32
}

fn props() -> Props {
    let mut props = Props::new();
    props.set(Prop::MediaName, c"call");
    props.set(Prop::MediaRole, c"phone");
    props
}

/// Sound from a microphone.
pub struct Record {
    wire: Wire,
    heard: Vec<f32>,
}

impl Record {
    /// Opens a source. Waits for the server.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub fn open(mut connection: Connection, source: &CStr, stats: Arc<StreamStats>) -> Result<Self, ProtocolError> {
        let params = RecordStreamParams {
            sample_spec: spec(),
            channel_map: ChannelMap::stereo(),
            source_name: Some(source.to_owned()),
            buffer_attr: BufferAttr {
                max_length: u32::MAX,
                fragment_size: (PERIOD * FRAME) as u32,
                ..Default::default()
            },
            flags: StreamFlags { adjust_latency: true, ..Default::default() },
            props: props(),
            ..Default::default()
        };
        let reply: CreateRecordStreamReply = connection.ask(&Command::CreateRecordStream(params), |_| {})?;
        Ok(Self { wire: Wire::new(connection, reply.channel, stats)?, heard: Vec::with_capacity(LONGEST_HEARD) })
    }

    /// Reads what has come.
    ///
    /// # Errors
    /// When the stream is over.
    pub fn pump(&mut self, now: Instant) -> Result<(), Over> {
        let Self { wire, heard } = self;
        let (channel, version, stats) = (wire.channel, wire.version, wire.stats.clone());
        let mut over = None;
        wire.read(|message| match message {
            Message::Sound(of, sound) if of == channel => {
                let room = LONGEST_HEARD - heard.len();
                let frames = sound.as_chunks::<FRAME>().0;
                heard.extend(frames.iter().take(room).map(mono));
                stats.beat(frames.len(), frames.len() <= room);
            }
            Message::Sound(..) => {}
            Message::Command(Command::Overflow(_), _) => {
                stats.xruns.fetch_add(1, Ordering::Relaxed);
            }
            Message::Command(Command::RecordStreamKilled(_), _) => over = Some(Over::Killed),
            Message::Command(Command::Reply, content) => {
                if let Some(latency) = reply::<RecordLatency>(content, version) {
                    let waits = latency.write_offset.saturating_sub(latency.read_offset);
                    stats.delayed(Duration::from_micros(latency.source_usec) + time_of(waits));
                }
            }
            Message::Command(..) => {}
        })?;
        if wire.asks_for_delay(now) {
            wire.command(&Command::GetRecordLatency(LatencyParams { channel, now: SystemTime::now() }));
        }
        wire.flush()?;
        over.map_or(Ok(()), Err)
    }

    /// Appends what was heard since the last time.
    pub fn take(&mut self, into: &mut Vec<f32>) {
        into.append(&mut self.heard);
    }
}

/// Sound to a speaker.
pub struct Playback {
    wire: Wire,
    ear: Ear,
    /// The server's queue, bytes, and how much of it is free.
    queue: usize,
    free: usize,
}

impl Playback {
    /// Opens a sink. Waits for the server.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub fn open(
        mut connection: Connection,
        sink: &CStr,
        ear: Ear,
        stats: Arc<StreamStats>,
    ) -> Result<Self, ProtocolError> {
        let params = PlaybackStreamParams {
            sample_spec: spec(),
            channel_map: ChannelMap::stereo(),
            sink_name: Some(sink.to_owned()),
            buffer_attr: BufferAttr {
                max_length: bytes(2 * QUEUE_MS),
                target_length: bytes(QUEUE_MS),
                // After it ran dry it goes on with the first period.
                pre_buffering: (PERIOD * FRAME) as u32,
                minimum_request_length: (PERIOD * FRAME) as u32,
                ..Default::default()
            },
            // The delay of the device follows the period, not the length of the queue.
            flags: StreamFlags { early_requests: true, ..Default::default() },
            props: props(),
            ..Default::default()
        };
        let reply: CreatePlaybackStreamReply = connection.ask(&Command::CreatePlaybackStream(params), |_| {})?;
        let free = reply.requested_bytes as usize;
        Ok(Self { wire: Wire::new(connection, reply.channel, stats)?, ear, queue: free, free })
    }

    /// Reads what the server says.
    ///
    /// # Errors
    /// When the stream is over.
    pub fn pump(&mut self, now: Instant) -> Result<(), Over> {
        let Self { wire, free, .. } = self;
        let (channel, version, stats) = (wire.channel, wire.version, wire.stats.clone());
        let mut over = None;
        wire.read(|message| match message {
            Message::Command(Command::Request(request), _) => {
                *free = free.saturating_add(request.length as usize);
                stats.beat(request.length as usize / FRAME, true);
            }
            Message::Command(Command::Underflow(_), _) => {
                stats.starved.fetch_add(1, Ordering::Relaxed);
                stats.xruns.fetch_add(1, Ordering::Relaxed);
            }
            Message::Command(Command::PlaybackStreamKilled(_), _) => over = Some(Over::Killed),
            Message::Command(Command::Reply, content) => {
                if let Some(latency) = reply::<PlaybackLatency>(content, version) {
                    // What waits in the server's queue is counted by itself.
                    stats.delayed(Duration::from_micros(latency.sink_usec));
                }
            }
            Message::Command(..) | Message::Sound(..) => {}
        })?;
        if wire.asks_for_delay(now) {
            wire.command(&Command::GetPlaybackLatency(LatencyParams { channel, now: SystemTime::now() }));
        }
        wire.flush()?;
        over.map_or(Ok(()), Err)
    }

    /// Samples that wait in the server's queue, at most one period too many: it says what it has played now and then.
    pub fn waiting(&self) -> usize {
        self.queue.saturating_sub(self.free) / FRAME
    }

    /// Plays samples after those that wait; how many there was no room for.
    pub fn play(&mut self, samples: &[f32]) -> usize {
        let room = self.free / FRAME;
        let fits = samples.get(..room).unwrap_or(samples);
        self.wire.sound(fits, self.ear);
        self.free -= fits.len() * FRAME;
        samples.len() - fits.len()
    }
}

fn mono(frame: &[u8; FRAME]) -> f32 {
    let sum: f32 = frame.as_chunks::<4>().0.iter().map(|sample| f32::from_le_bytes(*sample)).sum();
    sum / CHANNELS as f32
}

fn time_of(bytes: i64) -> Duration {
    let frames = u64::try_from(bytes).unwrap_or(0) / FRAME as u64;
    Duration::from_micros(frames * 1_000_000 / u64::from(RATE))
}

/// The content of an answer, after its tag and its number.
fn reply<T: TagStructRead>(content: &[u8], version: u16) -> Option<T> {
    let mut rest = content;
    let mut reader = TagStructReader::new(&mut rest, version);
    reader.read_u32().and_then(|_| reader.read_u32()).and_then(|_| T::read(&mut reader, version)).ok()
}

enum Message<'m> {
    Sound(u32, &'m [u8]),
    Command(&'m Command, &'m [u8]),
}

/// A connection that is not waited for.
struct Wire {
    socket: UnixStream,
    version: u16,
    sequence: u32,
    channel: u32,
    stats: Arc<StreamStats>,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    asked: Option<Instant>,
}

impl Wire {
    fn new(connection: Connection, channel: u32, stats: Arc<StreamStats>) -> io::Result<Self> {
        let Connection { socket, version, sequence } = connection;
        // What came together with the answer.
        let inbox = socket.buffer().to_vec();
        let socket = socket.into_inner();
        socket.set_nonblocking(true)?;
        Ok(Self { socket, version, sequence, channel, stats, inbox, outbox: Vec::new(), asked: None })
    }

    fn read(&mut self, mut each: impl FnMut(Message<'_>)) -> Result<(), Over> {
        let mut chunk = [0; 16 * 1024];
        let lost = loop {
            match self.socket.read(&mut chunk) {
                Ok(0) => break true,
                Ok(read) => {
                    self.inbox.extend_from_slice(chunk.get(..read).unwrap_or_default());
                    if read < chunk.len() {
                        break false;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    tracing::debug!(%error, "the sound server's connection is lost");
                    break true;
                }
            }
        };
        let mut rest = self.inbox.as_slice();
        while let Some((mut header, after)) = rest.split_at_checked(DESCRIPTOR_SIZE) {
            let Ok(Descriptor { length, channel, .. }) = read_descriptor(&mut header) else { return Err(Over::Lost) };
            if length > LONGEST {
                return Err(Over::Lost);
            }
            let Some((content, next)) = after.split_at_checked(length as usize) else { break };
            rest = next;
            if channel == u32::MAX {
                // A command that is not understood is none for us.
                if let Ok((_, command)) = Command::read_tag_prefixed(&mut &*content, self.version) {
                    each(Message::Command(&command, content));
                }
            } else {
                each(Message::Sound(channel, content));
            }
        }
        let done = self.inbox.len() - rest.len();
        self.inbox.drain(..done);
        if lost { Err(Over::Lost) } else { Ok(()) }
    }

    fn asks_for_delay(&mut self, now: Instant) -> bool {
        let due = self.asked.is_none_or(|at| now.saturating_duration_since(at) >= DELAY_EVERY);
        if due {
            self.asked = Some(now);
        }
        due
    }

    fn command(&mut self, command: &Command) {
        self.sequence += 1;
        if let Err(error) = write_command_message(&mut self.outbox, self.sequence, command, self.version) {
            tracing::debug!(%error, "a command for the sound server");
        }
    }

    fn sound(&mut self, samples: &[f32], ear: Ear) {
        if samples.is_empty() {
            return;
        }
        let mut header = [0; DESCRIPTOR_SIZE];
        let length = (samples.len() * FRAME) as u32;
        encode_descriptor(
            &mut header,
            &Descriptor { length, channel: self.channel, offset: 0, flags: DescriptorFlags::empty() },
        );
        self.outbox.extend_from_slice(&header);
        let gains: [f32; CHANNELS] =
            std::array::from_fn(|channel| if ear.plays(channel, CHANNELS) { 1.0 } else { 0.0 });
        self.outbox.extend(samples.iter().flat_map(|sample| gains.map(|gain| (sample * gain).to_le_bytes())).flatten());
        if let Err(over) = self.flush() {
            tracing::debug!(?over, "the speaker's stream");
        }
    }

    /// Writes what the server takes now.
    fn flush(&mut self) -> Result<(), Over> {
        while !self.outbox.is_empty() {
            match self.socket.write(&self.outbox) {
                Ok(0) => return Err(Over::Lost),
                Ok(written) => {
                    self.outbox.drain(..written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Over::Lost),
            }
        }
        if self.outbox.len() > LONGEST_OUTBOX { Err(Over::Hangs) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use pulseaudio::protocol::{MAX_VERSION, Request, Underflow, read_command_message};

    use super::*;

    fn wire() -> (Wire, UnixStream, Arc<StreamStats>) {
        let (ours, server) = UnixStream::pair().unwrap();
        let stats = Arc::new(StreamStats::default());
        let connection = Connection { socket: io::BufReader::new(ours), version: MAX_VERSION, sequence: 0 };
        (Wire::new(connection, 3, stats.clone()).unwrap(), server, stats)
    }

    fn say(server: &mut UnixStream, command: &Command) {
        write_command_message(server, 0, command, MAX_VERSION).unwrap();
    }

    #[test]
    fn a_speaker_s_queue_is_counted_and_running_dry_noticed() {
        let (wire, mut server, stats) = wire();
        let mut speaker = Playback { wire, ear: Ear::Both, queue: 4800 * FRAME, free: 4800 * FRAME };
        assert_eq!(speaker.play(&[0.5; 960]), 0);
        assert_eq!(speaker.waiting(), 960);
        say(&mut server, &Command::Request(Request { channel: 3, length: 480 * FRAME as u32 }));
        say(&mut server, &Command::Underflow(Underflow { channel: 3, offset: 0 }));
        speaker.pump(Instant::now()).unwrap();
        assert_eq!(speaker.waiting(), 480);
        assert_eq!((stats.starved.load(Ordering::Relaxed), stats.xruns.load(Ordering::Relaxed)), (1, 1));
        assert_eq!(speaker.play(&[0.0; 4800]), 480, "no more than it asked for");
        let Descriptor { length, channel, .. } = read_descriptor(&mut server).unwrap();
        assert_eq!((length as usize, channel), (960 * FRAME, 3));
        let mut sound = vec![0; length as usize];
        server.read_exact(&mut sound).unwrap();
        assert!(sound.as_chunks::<4>().0.iter().all(|sample| f32::from_le_bytes(*sample) == 0.5), "both channels");
    }

    #[test]
    fn a_call_in_one_ear_leaves_the_other_silent() {
        let (wire, mut server, _) = wire();
        let mut speaker = Playback { wire, ear: Ear::Right, queue: 960 * FRAME, free: 960 * FRAME };
        assert_eq!(speaker.play(&[0.5; 480]), 0);
        let Descriptor { length, .. } = read_descriptor(&mut server).unwrap();
        let mut sound = vec![0; length as usize];
        server.read_exact(&mut sound).unwrap();
        let frames = sound.as_chunks::<FRAME>().0;
        let played = |frame: &[u8; FRAME]| {
            let of = frame.as_chunks::<4>().0.iter().map(|sample| f32::from_le_bytes(*sample));
            of.collect::<Vec<_>>()
        };
        assert!(frames.len() == 480 && frames.iter().all(|frame| played(frame) == [0.0, 0.5]));
    }

    #[test]
    fn a_microphone_s_channels_are_mixed_and_messages_may_come_in_pieces() {
        let (wire, mut server, stats) = wire();
        let mut microphone = Record { wire, heard: Vec::new() };
        let mut message = vec![0; DESCRIPTOR_SIZE];
        let length = 2 * FRAME as u32;
        let descriptor = Descriptor { length, channel: 3, offset: 0, flags: DescriptorFlags::empty() };
        encode_descriptor(message.first_chunk_mut().unwrap(), &descriptor);
        message.extend([0.5f32, 0.25, -1.0, 0.0].into_iter().flat_map(f32::to_le_bytes));
        let (now, mut heard) = (Instant::now(), Vec::new());
        for piece in message.chunks(7) {
            microphone.take(&mut heard);
            assert!(heard.is_empty(), "not before it is whole");
            server.write_all(piece).unwrap();
            microphone.pump(now).unwrap();
        }
        microphone.take(&mut heard);
        assert_eq!(heard, [0.375, -0.5]);
        assert_eq!(stats.callbacks.load(Ordering::Relaxed), 1);
        let mut asked = io::BufReader::new(server);
        let (_, command) = read_command_message(&mut asked, MAX_VERSION).unwrap();
        assert!(matches!(command, Command::GetRecordLatency(_)), "{command:?}");
    }

    #[test]
    fn a_killed_stream_a_server_that_has_gone_and_one_that_hangs_are_told_apart() {
        let now = Instant::now();
        let (wire, mut server, _) = wire();
        let mut speaker = Playback { wire, ear: Ear::Both, queue: 0, free: 0 };
        say(&mut server, &Command::PlaybackStreamKilled(3));
        assert_eq!(speaker.pump(now), Err(Over::Killed));
        drop(server);
        assert_eq!(speaker.pump(now), Err(Over::Lost));
        let (mut hung, server, _) = self::wire();
        let mut over = Ok(());
        for _ in 0..400 {
            hung.sound(&[0.0; 480], Ear::Both);
            over = over.and(hung.flush());
        }
        assert_eq!(over, Err(Over::Hangs));
        drop(server);
    }
}
