//! The softphone's words: what it is told, what it tells.

use std::time::Duration;

use secrecy::SecretString;
use thiserror::Error;
use url::Url;

pub use crate::domain::DeviceRole;
use crate::{
    config::{AudioConfig, Codec, IceConfig},
    domain::Unreached,
    i18n::Message,
    net::dialer::Dialer,
};

/// What the softphone is made with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// SIP over WebSocket server.
    pub ws_server: Url,
    /// SIP domain.
    pub domain: String,
    /// Trust for `wss`.
    pub dialer: Dialer,
    /// Devices, files, codecs.
    pub audio: AudioConfig,
    /// How a path to the far end is found.
    pub ice: IceConfig,
}

/// Who registers (protocol `softphone.md` 1.3).
#[derive(Clone, Debug)]
pub struct Account {
    /// `ss{vccId}ss{agentPhone}`: user part of the AoR and digest user name.
    pub user: String,
    /// Digest password (`phopass`).
    pub password: SecretString,
}

impl PartialEq for Account {
    fn eq(&self, other: &Self) -> bool {
        use secrecy::ExposeSecret;
        self.user == other.user && self.password.expose_secret() == other.password.expose_secret()
    }
}

/// What the softphone is told. Commands that make no sense now are logged and ignored.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Connect, register, and keep registered for ever, with back-off after failures. For the same account once more: try
    /// now what waits for its next attempt, at most once a second (the network or the platform is back), or prove that
    /// the connection still leads anywhere. With another password for the same user: use it, at once and over the same
    /// connection.
    Register(Account),
    /// REGISTER once more although the binding is not due, at most once a second: another phone may have replaced it at the
    /// registrar. Where the phone is not registered, as [`Command::Register`] for the same account.
    Refresh,
    /// REGISTER with `expires=0`, end the call if there is one, close the socket.
    Unregister,
    /// Answer a leg that rings.
    Answer {
        /// Its Call-ID.
        call_id: String,
    },
    /// End a leg now: 480 while it rings, BYE when it is answered.
    HangUp {
        /// Its Call-ID.
        call_id: String,
    },
    /// The call of this leg is over: from now on neither side hears the other. BYE (480 while it rings) follows after
    /// 500 ms, or at once when the next call comes, unless the other side ends the leg before.
    Release {
        /// Its Call-ID.
        call_id: String,
    },
    /// Refuse a leg that rings beside another one: 486.
    TurnAway {
        /// Its Call-ID.
        call_id: String,
    },
    /// Stop or start sending what the microphone hears; told back as [`Event::Muted`].
    SetMuted(bool),
    /// While true neither side hears the other, whatever the platform does with its legs; meters go on.
    SetHeld(bool),
    /// Start a tone (a loop for the ring tones) or, with `None`, stop what plays.
    Play(Option<Tone>),
    /// Open the microphone and the speaker now, to find out whether they work.
    ProveDevices,
    /// Use these devices from now on, in the middle of a call too.
    SetDevices(Devices),
    /// Begin or end a test of the devices: the level of the microphone, [`Tone::Test`] in it, and a verdict
    /// ([`MediaEvent::Tested`]). Ends by itself after 30 s.
    TestSound(bool),
    /// Send a keypad digit (0-9, *, #, A-D) in the call's own sound, as telephone-event (RFC 4733), where that is agreed.
    SendDigit(char),
}

/// Which devices to use: ids or names of [`DeviceInfo`](super::audio::DeviceInfo), or "default" for the system's choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Devices {
    /// Microphone.
    pub input: String,
    /// Speaker.
    pub output: String,
    /// Where calls ring.
    pub ring: String,
}

impl Devices {
    /// The device of a role.
    pub fn of(&self, role: DeviceRole) -> &str {
        match role {
            DeviceRole::Microphone => &self.input,
            DeviceRole::Speaker => &self.output,
            DeviceRole::Ring => &self.ring,
        }
    }

    /// Whether a word stands for the system's own choice.
    pub fn follows_system(wanted: &str) -> bool {
        wanted.is_empty() || wanted.eq_ignore_ascii_case("default")
    }
}

/// The program's own sounds, generated, never part of what the far end hears or of the output WAV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Incoming call; loops, on the ring device. While there is a call it is the sound of [`Tone::Waiting`] instead.
    Ring,
    /// Far end rings and the platform sends no tone of its own; loops.
    RingBack,
    /// The called party was not reached.
    Busy,
    /// The called party cannot be reached at all.
    Congestion,
    /// A second call while there is one; soft, in the speaker.
    Waiting,
    /// An outbound call was accepted.
    Start,
    /// Before a call that is answered by itself.
    AutoAnswer,
    /// The call is over.
    HangUp,
    /// A key of the keypad.
    Key(char),
    /// A second of 1 kHz in the speaker: a test asked for it.
    Test,
    /// The ring once, on the ring device, also where calls do not ring aloud: a test asked for it.
    RingOnce,
}

/// What the softphone tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A connection or REGISTER attempt has begun.
    Registering,
    /// Registered, after not having been: the refreshes that keep it so are not told. The lifetime granted.
    Registered {
        /// Until the binding runs out; refreshed before.
        expires: Duration,
    },
    /// A refresh of the registration was granted.
    Refreshed {
        /// Until the binding runs out.
        expires: Duration,
    },
    /// Time from a keep-alive to its answer over the SIP connection, told every few seconds while it is open.
    RoundTrip(Duration),
    /// Not registered, and when the next attempt is.
    RegistrationFailed {
        /// Why.
        error: SipError,
        /// Next attempt; `None` after [`Command::Unregister`].
        retry_in: Option<Duration>,
    },
    /// Unregistered as asked.
    Unregistered,
    /// An INVITE came and rings. There may be another leg: it is the owner who knows whether that one's call is over.
    Incoming {
        /// Call-ID.
        call_id: String,
        /// User part of From.
        from: String,
        /// It asks to be answered without a key pressed (`Call-Info: answer-after=0` and its kin).
        auto_answer: bool,
    },
    /// An INVITE came while two legs ring or talk, and was refused with 486.
    TurnedAway {
        /// User part of From.
        from: String,
    },
    /// The call is answered: 200 OK is sent.
    Answered {
        /// Call-ID.
        call_id: String,
    },
    /// The call's SIP leg is over.
    Ended {
        /// Call-ID.
        call_id: String,
        /// Why.
        cause: EndCause,
    },
    /// Sound.
    Media(MediaEvent),
    /// The capture path now sends silence, or no longer does.
    Muted(bool),
}

/// Why a SIP leg ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndCause {
    /// BYE from the other side.
    RemoteBye,
    /// The same, and it says why the called party was not reached.
    Unreached(Unreached),
    /// CANCEL while ringing.
    Cancelled,
    /// The same, and it says that somebody else has answered the call (`Reason: SIP;cause=200`, RFC 3326).
    AnsweredElsewhere,
    /// We hung up or refused.
    Local,
    /// Nobody answered for 60 s.
    NoAnswer,
    /// It could not be set up, or broke.
    Failed(String),
}

/// What happens with the sound of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum MediaEvent {
    /// ICE and DTLS are being set up.
    Connecting,
    /// Encrypted audio flows both ways.
    Up {
        /// The codec in use.
        codec: Codec,
    },
    /// Nothing has come for a while, or the connection broke; it may come back.
    Lost {
        /// Why.
        cause: LossCause,
    },
    /// Nothing has been heard of the far end for 3 s although the connection stands, and why; `None`: that is over.
    Unheard(Option<Unheard>),
    /// The agent speaks (or no longer does) while the microphone is muted.
    SpeakingMuted(bool),
    /// The microphone has delivered nothing but digital silence for 3 s, or does deliver again.
    MicrophoneSilent(bool),
    /// The ring device works (again).
    RingReady {
        /// Its name.
        ring: String,
    },
    /// The devices of this machine, at first and when they have changed.
    Devices(Vec<super::audio::DeviceInfo>),
    /// What a test of the devices has found so far; the last one after it ends.
    Tested(SoundTest),
    /// Whether keypad digits can go in the call's own sound: telephone-event (RFC 4733) is agreed on, or not any more.
    Digits(bool),
    /// The far end has put the call on hold, or has taken it back (RFC 3264 8.4): it does not listen.
    HeldByFarEnd(bool),
    /// The media session is closed.
    Closed,
    /// Once a second while there is a call.
    Stats(MediaStats),
    /// Ten times a second while there is a call; peak level of the last 100 ms, dBFS, -90 for silence.
    Levels {
        /// What the microphone hears, also while muted.
        microphone: f32,
        /// What the far end says.
        far_end: f32,
    },
    /// A device could not be opened or went away; the call goes on in silence and it is tried again.
    DeviceFailed(AudioError),
    /// The system plays or records at another device now: its default has changed, or it has moved the stream.
    DeviceMoved {
        /// Microphone, speaker or ring device.
        role: DeviceRole,
        /// The name of the device in use now.
        device: String,
    },
    /// Both devices work.
    DevicesReady {
        /// Microphone's name.
        input: String,
        /// Speaker's name.
        output: String,
    },
}

/// Why a call's connection carries no sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossCause {
    /// No network path to the far end was found (ICE).
    NoPath,
    /// A path is there, encryption was not set up (DTLS).
    NoEncryption,
    /// The far end has shown another certificate than the one announced: somebody may be in between.
    WrongCertificate,
    /// The far end does not answer on any path any more (consent, RFC 7675).
    PathLost,
    /// The connection to the far end has failed for good.
    Failed,
    /// The path is there, but no packet has come for 3 s.
    NoPackets,
}

impl LossCause {
    /// Name for scripts and the log.
    pub fn name(self) -> &'static str {
        match self {
            LossCause::NoPath => "no_path",
            LossCause::NoEncryption => "no_encryption",
            LossCause::WrongCertificate => "wrong_certificate",
            LossCause::PathLost => "path_lost",
            LossCause::Failed => "failed",
            LossCause::NoPackets => "no_packets",
        }
    }

    /// What is told to the agent.
    pub fn message(self) -> Message {
        Message::new(match self {
            LossCause::NoPath => "media.no_path",
            LossCause::NoEncryption => "media.no_encryption",
            LossCause::WrongCertificate => "media.wrong_certificate",
            LossCause::PathLost => "media.path_lost",
            LossCause::Failed => "media.connection_failed",
            LossCause::NoPackets => "media.no_packets",
        })
    }
}

/// Why a connected far end is not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unheard {
    /// Packets come with nothing but silence in them.
    Silence,
    /// Sound comes, and the speaker's device takes none.
    SpeakerStalled,
}

/// What a test of the devices has found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SoundTest {
    /// It goes on.
    pub running: bool,
    /// The speaker takes sound.
    pub speaker: bool,
    /// The microphone delivers.
    pub microphone: bool,
    /// The ring device takes sound; only while it rings is that known.
    pub ring: bool,
    /// Loudest the microphone has heard in the last 100 ms, dBFS; -90 for silence.
    pub level_dbfs: f32,
    /// Loudest the microphone has heard since the test began, dBFS; -90 for silence.
    pub peak_dbfs: f32,
    /// Something like speech was heard.
    pub speech: bool,
    /// The tone of the speaker came back through the microphone, this many dB under what was played (echo return loss).
    pub echo_db: Option<f32>,
    /// Times each device ran dry or over since the program began.
    pub xruns: Xruns,
}

/// Times the devices ran dry or over since the program began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Xruns {
    /// The microphone: sound of the agent was lost.
    pub input: u64,
    /// The speaker: a click or a gap was heard.
    pub output: u64,
    /// The ring device.
    pub ring: u64,
}

/// Live quality of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MediaStats {
    /// Round trip by the far end's RTCP reports, else by ICE's consent checks, ms.
    pub rtt_ms: Option<f32>,
    /// Interarrival jitter (RFC 3550 6.4.1), ms.
    pub jitter_ms: f32,
    /// Lost packets of the last 5 s, percent.
    pub loss_pct: f32,
    /// Mean opinion score by the E-model (ITU-T G.107), 1.0 to 4.5.
    pub mos: f32,
    /// Sound made up because nothing came in time, of what was played in the last 5 s, percent.
    pub concealed_pct: f32,
    /// How long a packet waits in the jitter buffer, ms.
    pub buffer_ms: f32,
    /// What the far end says it lost of what we sent (RTCP receiver report), percent.
    pub far_loss_pct: Option<f32>,
    /// Jitter of what we sent as the far end measures it (RTCP receiver report), ms.
    pub far_jitter_ms: Option<f32>,
    /// Times a sound device ran dry or over in this call.
    pub xruns: u64,
    /// RTP packets sent in this call.
    pub packets_sent: u64,
    /// RTP packets received in this call.
    pub packets_received: u64,
    /// RTP packets of the far end that never came, in this call.
    pub packets_lost: u64,
    /// Lost packets of the last second, percent.
    pub loss_now_pct: f32,
    /// How much longer the runs of lost packets are than at random, 1.0 and up (BurstR of ITU-T G.107).
    pub burst_ratio: f32,
    /// Time since the last packet while packets are expected, ms.
    pub idle_ms: u32,
    /// How the far end is reached.
    pub path: Option<PathKind>,
}

/// How the far end is reached: the kind of our own ICE candidate (RFC 8445 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// Straight from this machine's address.
    Host,
    /// Through an address translator.
    ServerReflexive,
    /// Through a TURN server.
    Relay,
}

impl PathKind {
    /// Name for scripts, as in SDP.
    pub fn name(self) -> &'static str {
        match self {
            PathKind::Host => "host",
            PathKind::ServerReflexive => "srflx",
            PathKind::Relay => "relay",
        }
    }
}

/// Why there is no registration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SipError {
    /// No connection to the server.
    #[error("cannot reach {host}: {reason}")]
    Connect { host: String, reason: String },
    /// The server's certificate is not trusted.
    #[error("the certificate of {host} is not trusted: {reason}")]
    Certificate { host: String, reason: String },
    /// The connection was lost.
    #[error("the SIP connection was lost: {0}")]
    Lost(String),
    /// The password is wrong: 401 or 407 to credentials just asked for, or 403 to a request that carried some. It is
    /// tried again every 30 s; a newer account is asked of the platform and given with [`Command::Register`].
    #[error("the registrar does not accept the phone's password")]
    Credentials,
    /// Another refusal.
    #[error("the registrar refused: {code} {reason}")]
    Rejected { code: u16, reason: String },
    /// No answer in 32 s.
    #[error("the registrar does not answer")]
    Timeout,
}

impl SipError {
    /// What is told to the agent.
    pub fn message(&self) -> Message {
        match self {
            SipError::Connect { host, reason } => Message::new("sip.connect").with("host", host).with("reason", reason),
            SipError::Certificate { host, reason } => {
                Message::new("sip.certificate").with("host", host).with("reason", reason)
            }
            SipError::Lost(reason) => Message::new("sip.lost").with("reason", reason),
            SipError::Credentials => Message::new("sip.credentials"),
            SipError::Rejected { code, reason } => {
                Message::new("sip.rejected").with("code", code).with("reason", reason)
            }
            SipError::Timeout => Message::new("sip.timeout"),
        }
    }
}

/// Why there is no sound.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AudioError {
    /// No such device, or none at all.
    #[error("no {direction}: {reason}")]
    NoDevice { direction: &'static str, reason: String },
    /// It worked and is gone: pulled out, switched off.
    #[error("the {direction} '{device}' is unplugged")]
    Gone { direction: &'static str, device: String },
    /// It is there, open, and neither gives nor takes sound any more.
    #[error("the {direction} '{device}' stands still")]
    Stalled { direction: &'static str, device: String },
    /// The system does not let this program use it.
    #[error("no permission to use the {direction} '{device}'")]
    Denied { direction: &'static str, device: String },
    /// Another program holds it.
    #[error("the {direction} '{device}' is used by another program")]
    Busy { direction: &'static str, device: String },
    /// It is there and cannot be used.
    #[error("the {direction} '{device}' cannot be used: {reason}")]
    Unusable { direction: &'static str, device: String, reason: String },
    /// A WAV file of the file backend.
    #[error("audio file {path}: {reason}")]
    File { path: String, reason: String },
}

impl AudioError {
    /// Which device it is about; none for files and for the sound system as a whole.
    pub fn role(&self) -> Option<DeviceRole> {
        match self {
            Self::NoDevice { direction, .. }
            | Self::Gone { direction, .. }
            | Self::Stalled { direction, .. }
            | Self::Denied { direction, .. }
            | Self::Busy { direction, .. }
            | Self::Unusable { direction, .. } => DeviceRole::ALL.into_iter().find(|role| role.word() == *direction),
            Self::File { .. } => None,
        }
    }

    /// What is told to the agent.
    pub fn message(&self) -> Message {
        let role = self.role();
        let one_of = |microphone, speaker, ring, any| match role {
            Some(DeviceRole::Microphone) => microphone,
            Some(DeviceRole::Speaker) => speaker,
            Some(DeviceRole::Ring) => ring,
            None => any,
        };
        match self {
            Self::NoDevice { reason, .. } => Message::new(one_of(
                "audio.no_microphone",
                "audio.no_speaker",
                "audio.no_ring_device",
                "audio.no_device",
            ))
            .with("reason", reason),
            Self::Gone { device, .. } => Message::new(one_of(
                "audio.microphone_gone",
                "audio.speaker_gone",
                "audio.ring_device_gone",
                "audio.device_gone",
            ))
            .with("device", device),
            Self::Stalled { device, .. } => Message::new(one_of(
                "audio.microphone_stalled",
                "audio.speaker_stalled",
                "audio.ring_device_stalled",
                "audio.device_stalled",
            ))
            .with("device", device),
            Self::Denied { device, .. } => Message::new(one_of(
                "audio.microphone_denied",
                "audio.speaker_denied",
                "audio.ring_device_denied",
                "audio.device_denied",
            ))
            .with("device", device),
            Self::Busy { device, .. } => Message::new(one_of(
                "audio.microphone_busy",
                "audio.speaker_busy",
                "audio.ring_device_busy",
                "audio.device_busy",
            ))
            .with("device", device),
            Self::Unusable { device, reason, .. } => Message::new(one_of(
                "audio.microphone_unusable",
                "audio.speaker_unusable",
                "audio.ring_device_unusable",
                "audio.device_unusable",
            ))
            .with("device", device)
            .with("reason", reason),
            Self::File { path, reason } => Message::new("audio.file").with("path", path).with("reason", reason),
        }
    }
}
