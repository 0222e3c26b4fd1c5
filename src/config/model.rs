//! The effective configuration: what the rest of the program reads, defaults filled in.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use reqwest::header::HeaderMap;
use secrecy::SecretString;
use serde::Serialize;
use url::Url;

use super::{Ear, OptionName, ProblemPlace, ProxyChoice};
use crate::{
    domain::CallerId,
    i18n::{Locale, Message},
};

/// Everything the program is configured by.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it came from, if one.
    pub file: Option<PathBuf>,
    /// Where the platform is and who signs in.
    pub platform: PlatformConfig,
    /// The phone bar's own behaviour (`[render_html]`, alias `[phone_bar]`).
    pub bar: BarConfig,
    /// The screen.
    pub ui: UiConfig,
    /// Action name to key, overriding the defaults.
    pub keys: BTreeMap<String, Vec<String>>,
    /// Microphone, speaker, codecs.
    pub audio: AudioConfig,
    /// How a path to the far end is found.
    pub ice: IceConfig,
    /// Which proxy connections go through (`[net]`).
    pub proxy: ProxyChoice,
    /// What fills the right-hand panel by itself.
    pub panel: PanelConfig,
    /// What is done at an event: its name or category, or `all`.
    pub hooks: BTreeMap<String, HookAction>,
    /// The built-in phone.
    pub phone: PhoneConfig,
    /// The control socket.
    pub control: ControlConfig,
    /// The journal of calls.
    pub journal: JournalConfig,
    /// The log file.
    pub log: LogConfig,
    /// Where the options stand whose values only another room can judge: the theme and the keys.
    pub places: BTreeMap<OptionName, ProblemPlace>,
    /// What is legal in the file and still worth telling: a token that others can read, keys without effect.
    pub warnings: Vec<Message>,
}

/// Where the token comes from.
#[derive(Clone, Debug)]
pub enum TokenSource {
    /// Written in the config file, used verbatim ("type + space + token").
    Inline(SecretString),
    /// The first line of a file.
    File(PathBuf),
    /// What a command prints on its standard output; argv, never a shell.
    Command(Vec<String>),
}

/// How sign-in treats a lost link (`loginType`, protocol `cti.md` 2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginType {
    /// 1: signed out by the platform when the link stays away.
    #[default]
    Dynamic,
    /// 2: stays signed in without a link.
    Static,
}

impl LoginType {
    /// `loginType` and `agType` on the wire.
    pub fn number(self) -> u8 {
        match self {
            LoginType::Dynamic => 1,
            LoginType::Static => 2,
        }
    }
}

/// State wanted after sign-in (`busy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BusyAtSignIn {
    /// Ready.
    #[default]
    No,
    /// Busy without a reason.
    Yes,
    /// Busy with this reason's number.
    Reason(i64),
}

/// Where the platform is and who signs in: the top level of the config file.
#[derive(Clone, Debug)]
pub struct PlatformConfig {
    /// Where the token comes from.
    pub token: TokenSource,
    /// Agent number (`ag_no`, 工号).
    pub ag_no: String,
    /// The phone's number (`agent_phone`), also the SIP user.
    pub agent_phone: String,
    /// Whether the built-in softphone is used.
    pub webrtc: bool,
    /// Whether the event websocket is used.
    pub websocket: bool,
    /// Sign in at start (without a phone bar: `init_with_login`; with one: `render_html.auto_login`).
    pub sign_in_at_start: bool,
    /// Take over a sign-in elsewhere without asking.
    pub auto_force_login: bool,
    /// Dynamic or static.
    pub login_type: LoginType,
    /// State wanted after sign-in.
    pub busy: BusyAtSignIn,
    /// Check devices and network all the time, and let nobody go ready before microphone and speaker are proven.
    pub check: bool,
    /// Add the first skill group to outbound calls.
    pub auto_queue: bool,
    /// Leave a predictive project when its answer limit is reached.
    pub auto_call_overrun_out: bool,
    /// Sign out when the program ends.
    pub sign_out_on_exit: bool,
    /// SIP domain.
    pub sip_uri: String,
    /// SIP over WebSocket server.
    pub sip_ws_server: Url,
    /// Command API.
    pub api_server: Url,
    /// Event websocket.
    pub ws_server: Url,
    /// Directory and queue look-ups.
    pub jsonp_server: Url,
    /// Command whose output is the renewed token.
    pub token_call_back: Vec<String>,
    /// How long before expiry the renewal begins.
    pub token_call_back_time: Duration,
    /// How long after the first loss of the link reconnection goes on; zero: never.
    pub ws_reconnect_time: Duration,
    /// A CA to trust besides the system's, or the server's own certificate (PEM).
    pub tls_ca_file: Option<PathBuf>,
    /// Headers sent with every command; they win over the program's own of the same name (protocol `cti.md` 1).
    pub custom_header: HeaderMap,
}

/// The phone bar's own behaviour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BarConfig {
    /// Colour of the bar, `#rrggbb`; overrides the theme's.
    pub theme_color: Option<String>,
    /// Caller IDs to offer; empty: all the platform lists.
    pub call_nums: Vec<CallerId>,
    /// Name of the caller ID chosen at first.
    pub default_caller: Option<String>,
    /// Offer predictive projects.
    pub auto_call: bool,
    /// Offer raise hand.
    pub raise_hand: bool,
    /// Remind of meals and shifts.
    pub dining_remind: bool,
    /// Show the incoming-call window.
    pub pop_up: bool,
    /// Show the number of waiting customers.
    pub show_que_sum: bool,
    /// Warn when a state lasts too long.
    pub status_warn: bool,
    /// Offer sign-out in the bar.
    pub show_logout_btn: bool,
    /// Prefix chord before every key of the bar, such as "ctrl-g"; the original's `prefix`.
    pub prefix: Option<String>,
}

/// How much colour the terminal is used with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ColorDepth {
    /// Found out from the environment.
    #[default]
    Auto,
    /// 24 bits.
    Truecolor,
    /// 256 colours.
    Ansi256,
    /// 16 colours.
    Ansi16,
    /// None.
    None,
}

/// The screen.
#[derive(Clone, Debug, PartialEq)]
pub struct UiConfig {
    /// Language; unset: the environment's.
    pub locale: Option<Locale>,
    /// Theme by name.
    pub theme: String,
    /// Colours.
    pub colors: ColorDepth,
    /// Only ASCII for glyphs and frames.
    pub ascii: bool,
    /// Mouse support.
    pub mouse: bool,
    /// Ring the terminal bell for an incoming call.
    pub bell: bool,
    /// Set the window title.
    pub title: bool,
    /// Blink an incoming call.
    pub blink: bool,
    /// Show the right-hand panel.
    pub panel: bool,
    /// Width of the right-hand panel in percent of the screen, 15 to 60.
    pub panel_width: u16,
    /// How the terminal is asked to notify of a call while it has not the focus.
    pub notify: Notify,
}

/// Where sound comes from and goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AudioBackend {
    /// Real devices.
    #[default]
    Device,
    /// WAV files: for tests and scripts.
    File,
    /// Silence in, nothing out.
    Null,
}

/// The sound system that real devices are opened with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AudioHost {
    /// A PulseAudio server (PulseAudio, or PipeWire's) where one answers, else ALSA.
    #[default]
    Auto,
    /// A PulseAudio server only.
    Pulse,
    /// ALSA only.
    Alsa,
}

/// An audio codec by its SDP name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Codec {
    /// Opus at 48 kHz (RFC 7587).
    #[serde(rename = "opus")]
    Opus,
    /// G.722 at 64 kbit/s, 16 kHz; RTP counts it with a clock of 8 kHz (RFC 3551 4.5.2).
    #[serde(rename = "G722")]
    G722,
    /// G.711 A-law, 8 kHz.
    #[serde(rename = "PCMA")]
    Pcma,
    /// G.711 µ-law, 8 kHz.
    #[serde(rename = "PCMU")]
    Pcmu,
}

impl Codec {
    /// The name in SDP and in the config file.
    pub fn name(self) -> &'static str {
        match self {
            Codec::Opus => "opus",
            Codec::G722 => "G722",
            Codec::Pcma => "PCMA",
            Codec::Pcmu => "PCMU",
        }
    }
}

/// How keypad digits reach the far end of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeypadWay {
    /// The platform is asked to send them.
    #[default]
    Platform,
    /// In the call's own sound, as telephone-event (RFC 4733); by the platform where that is not agreed on.
    Rtp,
    /// Both: only for platforms that do not pass their own on to the far end.
    Both,
}

/// Loudness of the program's own sounds, dBFS, -60 to 0; unset: that of [`AudioConfig::tone_dbfs`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ToneLevels {
    /// A call rings here.
    pub ring: Option<f32>,
    /// The far end rings.
    pub ring_back: Option<f32>,
    /// The called party was not reached.
    pub busy: Option<f32>,
    /// A second call while there is one. Never more than 20 dB under the ring, which is also what it is while unset.
    pub waiting: Option<f32>,
    /// Before a call that answers itself, and when an outbound call is accepted.
    pub beep: Option<f32>,
    /// The call is over.
    pub hang_up: Option<f32>,
    /// A key of the keypad.
    pub key: Option<f32>,
}

/// Microphone, speaker, codecs.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioConfig {
    /// Devices, files or nothing.
    pub backend: AudioBackend,
    /// For `device`: the sound system.
    pub host: AudioHost,
    /// Microphone by name, or "default".
    pub input_device: String,
    /// Speaker by name, or "default".
    pub output_device: String,
    /// Where the ring is played, by name, or "default".
    pub ring_device: String,
    /// In which ear the call is heard.
    pub ear: Ear,
    /// For `file`: WAV played into the microphone, looped.
    pub input_file: Option<PathBuf>,
    /// For `file`: WAV of what the far end says, the program's own tones left out.
    pub output_file: Option<PathBuf>,
    /// Codecs in order of preference.
    pub codecs: Vec<Codec>,
    /// Loudness of the ring and the other tones, dBFS, -60 to 0.
    pub tone_dbfs: f32,
    /// Loudness of each of them apart.
    pub tones: ToneLevels,
    /// Ring aloud at all.
    pub ring: bool,
    /// Leave silence out of what is sent (Opus DTX), where the far end wishes it.
    pub dtx: bool,
    /// How keypad digits are sent.
    pub keypad: KeypadWay,
    /// Take the echo of the far end out of the microphone's sound. Unset, as the next two: with a real microphone.
    pub echo_cancellation: Option<bool>,
    /// Lower steady noise.
    pub noise_suppression: Option<bool>,
    /// Even the level of the voice.
    pub gain_control: Option<bool>,
}

impl AudioConfig {
    /// Whether one of the treatments of the microphone's sound is on: as chosen, else with real devices.
    pub fn treats(&self, chosen: Option<bool>) -> bool {
        chosen.unwrap_or(self.backend == AudioBackend::Device)
    }
}

/// Which paths a call may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IcePolicy {
    /// Every one that works, the shortest first.
    #[default]
    All,
    /// Only through a TURN server.
    Relay,
}

/// How a path to the far end is found (ICE, RFC 8445).
#[derive(Clone, Debug)]
pub struct IceConfig {
    /// STUN and TURN servers.
    pub servers: Vec<IceServer>,
    /// Which paths may be taken.
    pub policy: IcePolicy,
    /// Also over TCP (RFC 6544), where the far end can and UDP finds nothing.
    pub tcp: bool,
    /// Also over IPv6.
    pub ipv6: bool,
    /// How long an answer waits for STUN and TURN servers, 0.1 to 5 s; then it goes with what there is.
    pub gather: Duration,
}

/// A server, reached at any of its addresses.
#[derive(Clone, Debug)]
pub struct IceServer {
    /// Where it is.
    pub urls: Vec<IceUrl>,
    /// User name, for TURN.
    pub username: Option<String>,
    /// Where the password comes from, for TURN.
    pub credential: Option<TokenSource>,
}

/// What carries the messages to and from a STUN or TURN server; what TURN relays is UDP always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IceTransport {
    /// Datagrams.
    Udp,
    /// A TCP connection; TURN only.
    Tcp,
    /// TLS over TCP; TURN only.
    Tls,
}

/// The address of a STUN or TURN server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceUrl {
    /// TURN, not only STUN.
    pub turn: bool,
    /// How it is reached.
    pub transport: IceTransport,
    /// Name or address, IPv6 without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// What a hook does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookAction {
    /// Runs a command; argv, never a shell.
    Run(Vec<String>),
    /// Gives an address to the desktop's handler for it; http or https, its host fixed, places filled in after it.
    Open(String),
}

/// What fills the right-hand panel when nobody else does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PanelConfig {
    /// Command whose standard output is shown, run anew for every call; argv, never a shell. Its arguments may hold
    /// the places of [`PANEL_FIELDS`].
    pub command: Option<Vec<String>>,
    /// Template of an address with the same places, asked for every call. Not together with `command`.
    pub url: Option<String>,
    /// For either, 0.1 to 60 s.
    pub timeout: Duration,
    /// What comes from there.
    pub format: PanelFormat,
}

/// What can be filled into `[panel]`'s arguments and address, as `{number}`.
pub const PANEL_FIELDS: &[&str] =
    &["number", "name", "area", "queue", "queue_id", "call_id", "direction", "caller", "called", "peer_ag_no", "ag_no"];

/// What fills the right-hand panel is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PanelFormat {
    /// An address says it itself (`Content-Type`); a command's output is JSON if it is one object, else text.
    #[default]
    Auto,
    /// Text, with ANSI colours or without.
    Text,
    /// Markdown.
    Markdown,
    /// An object of fields, or a list of `{name, value}`.
    Json,
}

/// How a terminal is asked to notify.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Notify {
    /// By what the environment says of the terminal.
    #[default]
    Auto,
    /// OSC 9: iTerm2, WezTerm, Ghostty, Windows Terminal.
    Osc9,
    /// OSC 777: foot, VTE, urxvt.
    Osc777,
    /// OSC 99: kitty.
    Osc99,
    /// Not at all.
    Off,
}

/// The control socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlConfig {
    /// Whether there is one.
    pub enabled: bool,
    /// Where; unset: `$XDG_RUNTIME_DIR/wincall-tui/<ag_no>.sock`.
    pub path: Option<PathBuf>,
}

/// The built-in phone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhoneConfig {
    /// What becomes of an idle agent while the phone is not registered.
    pub away: PhoneAway,
}

/// What becomes of an idle agent whose phone has been away for 5 s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PhoneAway {
    /// The agent is told and decides.
    #[default]
    Ask,
    /// Busy until it is back, and then ready again.
    Busy,
    /// Nothing.
    Nothing,
}

/// The journal of calls, kept per agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalConfig {
    /// Whether it is kept on disk at all.
    pub enabled: bool,
    /// Most calls kept, 1 to 10000; also in memory.
    pub keep: usize,
    /// Calls older than this are forgotten at start, days, 1 to 3650.
    pub days: u16,
}

/// The log file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// Filter such as "info" or "debug,webrtc=error"; "off" writes nothing.
    pub level: String,
    /// Directory; unset: `$XDG_STATE_HOME/wincall-tui/log`.
    pub dir: Option<PathBuf>,
    /// Days kept, 1 to 365.
    pub keep_files: usize,
    /// All files together, MB (1,000,000 bytes), 1 to 10000.
    pub max_mb: u64,
}

impl Default for BarConfig {
    fn default() -> Self {
        Self {
            theme_color: None,
            call_nums: Vec::new(),
            default_caller: None,
            auto_call: false,
            raise_hand: false,
            dining_remind: false,
            pop_up: true,
            show_que_sum: false,
            status_warn: false,
            show_logout_btn: true,
            prefix: None,
        }
    }
}

impl Default for UiConfig {
    fn default() -> Self {
        Self {
            locale: None,
            theme: "wincall".into(),
            colors: ColorDepth::Auto,
            ascii: false,
            mouse: false,
            bell: true,
            title: true,
            blink: true,
            panel: true,
            panel_width: 33,
            notify: Notify::Auto,
        }
    }
}

impl Default for PanelConfig {
    fn default() -> Self {
        Self { command: None, url: None, timeout: Duration::from_secs(5), format: PanelFormat::Auto }
    }
}

impl Default for IceConfig {
    fn default() -> Self {
        Self { servers: Vec::new(), policy: IcePolicy::All, tcp: true, ipv6: true, gather: Duration::from_millis(500) }
    }
}

impl Default for AudioConfig {
    fn default() -> Self {
        Self {
            backend: AudioBackend::Device,
            host: AudioHost::Auto,
            input_device: "default".into(),
            output_device: "default".into(),
            ring_device: "default".into(),
            ear: Ear::Both,
            input_file: None,
            output_file: None,
            codecs: vec![Codec::Opus, Codec::G722, Codec::Pcma, Codec::Pcmu],
            tone_dbfs: -18.0,
            tones: ToneLevels::default(),
            ring: true,
            dtx: false,
            keypad: KeypadWay::Platform,
            echo_cancellation: None,
            noise_suppression: None,
            gain_control: None,
        }
    }
}

impl Default for ControlConfig {
    fn default() -> Self {
        Self { enabled: true, path: None }
    }
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self { enabled: true, keep: 1000, days: 90 }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".into(), dir: None, keep_files: 7, max_mb: 50 }
    }
}
