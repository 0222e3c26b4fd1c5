//! The faults: what breaks, for how long, and what is right afterwards.

use serde_json::{Value, json};

use super::phases::{ALL, Phase};

/// What is done to the world.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// One of the platform's own faults, with its value.
    Platform(&'static str, Value),
    /// SIGSTOP, and SIGCONT when the fault is over.
    Freeze { client: bool, platform: bool },
    /// The platform dies and is there again on the same ports, with other tokens and no memory. The token file follows.
    KillPlatform,
    /// The phone bar dies and is started again.
    KillClient,
    /// `$XDG_RUNTIME_DIR` is removed and made anew, empty.
    RuntimeFolder,
    /// The folder of state and logs is removed.
    StateFolder,
    /// A file lies where that folder was.
    StateIsAFile,
    /// No file can grow any more (RLIMIT_FSIZE): every write fails, and the kernel signals it.
    FileLimit,
    /// The file system of state, journal and logs has no room left; `recording`: what is heard is written there too.
    DiskFull { recording: bool },
    /// The clock of the phone bar's machine is set, by so many seconds, and stays so.
    Clock(i32),
    /// The microphone gives nothing but errors.
    Microphone,
}

/// What is pressed or happens while the fault lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meanwhile {
    Nothing,
    /// The agent hangs up; without a call asks for another state.
    AgentActs,
    CustomerHangsUp,
    /// Another customer calls, is answered and hears the agent.
    NewCall,
}

/// What is right when the fault is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Everything is as before, without a key.
    Same,
    /// The same, but the call of before has been lost with the platform's memory.
    CallLost,
    /// The same; the call is found again, without sound, and perhaps not in its phase.
    CallFound,
    /// The platform has ended the sign-in: told, the call goes on and can be ended, and a new sign-in takes over.
    SignedOut,
    /// The platform refuses the token: told, the call goes on. Asked to, the phone bar comes back.
    Reconnect,
    /// The same, and it takes another token.
    NewToken,
}

/// What a fault cannot leave whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaks {
    /// Nothing is known of the platform while it lasts.
    pub link: bool,
    /// The sound's own path, or one of its ends.
    pub sound: bool,
    /// The phone bar does not answer while it lasts.
    pub control: bool,
}

#[derive(Clone, Debug)]
pub struct Fault {
    pub name: &'static str,
    pub act: Act,
    /// 0: of a moment.
    pub lasts_ms: u64,
    pub meanwhile: Meanwhile,
    pub after: After,
    pub breaks: Breaks,
    pub phases: &'static [Phase],
}

const CALLS: &[Phase] =
    &[Phase::Ringing, Phase::Dialing, Phase::Talking, Phase::Held, Phase::Consulting, Phase::ThreeWay];
const NOTHING: Breaks = Breaks { link: false, sound: false, control: false };
const LINK: Breaks = Breaks { link: true, ..NOTHING };
const SOUND: Breaks = Breaks { sound: true, ..NOTHING };
const FROZEN: Breaks = Breaks { link: true, sound: true, control: true };

impl Fault {
    fn new(name: &'static str, act: Act, lasts_ms: u64) -> Self {
        let (meanwhile, after, breaks) = (Meanwhile::Nothing, After::Same, NOTHING);
        Self { name, act, lasts_ms, meanwhile, after, breaks, phases: &ALL }
    }

    /// One of the platform's own.
    fn of(name: &'static str, fault: &'static str, value: Value, lasts_ms: u64) -> Self {
        Self::new(name, Act::Platform(fault, value), lasts_ms)
    }

    fn breaking(self, breaks: Breaks) -> Self {
        Self { breaks, ..self }
    }

    fn then(self, after: After) -> Self {
        Self { after, ..self }
    }

    fn acting(self, meanwhile: Meanwhile) -> Self {
        Self { meanwhile, ..self }
    }

    fn only(self, phases: &'static [Phase]) -> Self {
        Self { phases, ..self }
    }

    pub fn is_momentary(&self) -> bool {
        self.lasts_ms == 0
    }

    /// Whether the platform ends the call with it.
    pub fn ends_calls(&self) -> bool {
        self.act == Act::Platform("force_logoff", Value::Null)
    }

    /// How much of the machine it takes: most of a long one is waiting.
    pub fn weight(&self) -> u32 {
        if self.lasts_ms >= 8000 { 1 } else { 2 }
    }

    /// Whether it strikes the phone bar itself, which must be there for that.
    pub fn strikes_client(&self) -> bool {
        !matches!(self.act, Act::Platform(..) | Act::KillPlatform | Act::Freeze { client: false, .. })
    }
}

/// All of them, in the order of the table.
pub fn all() -> Vec<Fault> {
    let mut faults = links();
    faults.extend(commands());
    faults.extend(phone_and_sound());
    faults.extend(orders());
    faults.extend(machines());
    faults.extend(in_the_middle());
    faults
}

fn links() -> Vec<Fault> {
    let mut faults = vec![
        Fault::of("drop_ws", "drop_ws", json!(true), 1500).breaking(LINK),
        Fault::of("stall_ws", "stall_ws", json!(true), 2000).breaking(LINK),
        // Long enough to be noticed within 10 s.
        Fault::of("stall_ws_12", "stall_ws", json!(true), 12_000).breaking(LINK),
    ];
    for (name, code) in
        [("close_1000", 1000), ("close_1001", 1001), ("close_1011", 1011), ("close_1012", 1012), ("close_4000", 4000)]
    {
        faults.push(Fault::of(name, "close_code", json!(code), 0));
    }
    faults.push(Fault::of("close_3403", "close_code", json!(3403), 0).then(After::Reconnect));
    for (name, code) in [("close_3404", 3404), ("close_3405", 3405), ("close_3406", 3406), ("close_3412", 3412)] {
        faults.push(Fault::of(name, "close_code", json!(code), 0).then(After::SignedOut));
    }
    faults.push(Fault::of("garbage", "garbage_frame", Value::Null, 0));
    faults
}

fn commands() -> Vec<Fault> {
    let faults = [
        Fault::of("refuse_http", "refuse_http", json!(true), 1500),
        Fault::of("http_delay_6s", "http_delay_ms", json!(6000), 3000),
        Fault::of("http_500", "http_status", json!(500), 1500),
        Fault::of("http_502", "http_status", json!(502), 1500),
        Fault::of("http_401", "http_status", json!(401), 1500),
        Fault::of("http_403", "http_status", json!(403), 1500),
        Fault::of("http_html", "http_html", json!(true), 1500),
        Fault::of("http_garbage", "http_garbage", json!(true), 1500),
    ];
    faults.into_iter().map(|fault| fault.acting(Meanwhile::AgentActs)).collect()
}

fn phone_and_sound() -> Vec<Fault> {
    vec![
        Fault::of("drop_sip", "drop_sip", json!(true), 1500),
        Fault::of("drop_sip_8", "drop_sip", json!(true), 8000),
        Fault::of("stall_sip", "stall_sip", json!(true), 3000),
        Fault::of("stall_sip_12", "stall_sip", json!(true), 12_000),
        Fault::of("blackhole_5", "rtp_blackhole", json!(true), 5000).breaking(SOUND),
        Fault::of("blackhole_15", "rtp_blackhole", json!(true), 15_000).breaking(SOUND),
        Fault::of("rtp_loss_30", "rtp_loss_pct", json!(30), 2000).breaking(SOUND),
        Fault::of("rtp_jitter_100", "rtp_jitter_ms", json!(100), 2000).breaking(SOUND),
        Fault::new("microphone", Act::Microphone, 1500).breaking(SOUND).only(CALLS),
    ]
}

fn orders() -> Vec<Fault> {
    vec![
        Fault::of("force_busy", "force_busy", Value::Null, 0),
        Fault::of("force_idle", "force_idle", Value::Null, 0),
        Fault::of("force_logoff", "force_logoff", Value::Null, 0).then(After::SignedOut),
        Fault::of("kick", "kick", Value::Null, 0).then(After::SignedOut),
        Fault::of("expire_token", "expire_token", json!(0), 0).then(After::NewToken),
    ]
}

fn machines() -> Vec<Fault> {
    let lost = After::CallLost;
    let frozen = |name, client, platform, lasts_ms| {
        Fault::new(name, Act::Freeze { client, platform }, lasts_ms).breaking(FROZEN)
    };
    let runtime = Breaks { control: true, ..NOTHING };
    vec![
        Fault::of("restart_keep", "restart", json!("keep"), 2000).breaking(LINK),
        Fault::of("restart_keep_8", "restart", json!("keep"), 8000).breaking(LINK),
        Fault::of("restart_forget", "restart", json!("forget"), 2000).breaking(LINK).then(lost),
        Fault::new("kill_platform", Act::KillPlatform, 2000).breaking(FROZEN).then(lost),
        frozen("stop_platform_15", false, true, 15_000),
        frozen("stop_client_12", true, false, 12_000),
        frozen("suspend_15", true, true, 15_000),
        Fault::new("kill_client", Act::KillClient, 0).breaking(FROZEN).then(After::CallFound),
        Fault::new("runtime_gone", Act::RuntimeFolder, 0).breaking(runtime),
        Fault::new("state_gone", Act::StateFolder, 0),
        Fault::new("state_is_a_file", Act::StateIsAFile, 0),
        Fault::new("file_limit", Act::FileLimit, 2000),
        Fault::new("disk_full", Act::DiskFull { recording: false }, 2000),
        Fault::new("disk_full, recording", Act::DiskFull { recording: true }, 2000).breaking(SOUND).only(CALLS),
        Fault::new("clock_1h_on", Act::Clock(3600), 3000),
        Fault::new("clock_1h_back", Act::Clock(-3600), 3000),
    ]
}

/// Something happens while a fault lasts.
fn in_the_middle() -> Vec<Fault> {
    let mut faults = Vec::new();
    let broken = |name, fault| {
        let breaks = if fault == "drop_ws" || fault == "stall_ws" { LINK } else { NOTHING };
        Fault::of(name, fault, json!(true), 2500).breaking(breaks).only(CALLS)
    };
    for (name, fault) in [
        ("drop_ws, hung up", "drop_ws"),
        ("stall_ws, hung up", "stall_ws"),
        ("drop_sip, hung up", "drop_sip"),
        ("stall_sip, hung up", "stall_sip"),
    ] {
        faults.push(broken(name, fault).acting(Meanwhile::AgentActs));
    }
    for (name, fault) in [
        ("drop_ws, customer gone", "drop_ws"),
        ("stall_ws, customer gone", "stall_ws"),
        ("drop_sip, customer gone", "drop_sip"),
        ("stall_sip, customer gone", "stall_sip"),
    ] {
        faults.push(broken(name, fault).acting(Meanwhile::CustomerHangsUp));
    }
    for (name, fault, value) in [
        ("drop_ws, new call", "drop_ws", json!(true)),
        ("stall_ws, new call", "stall_ws", json!(true)),
        ("http_500, new call", "http_status", json!(500)),
        ("http_delay_6s, new call", "http_delay_ms", json!(6000)),
    ] {
        let breaks = if fault.ends_with("_ws") { LINK } else { NOTHING };
        let fault = Fault::of(name, fault, value, 3000).breaking(breaks).only(&[Phase::Idle]);
        faults.push(fault.acting(Meanwhile::NewCall));
    }
    faults
}

/// Cells that are known to fail, and why: they are run and told, and do not fail the test. Nothing else may be added here
/// than what is being mended; what works again is to be taken away.
pub const OPEN: &[(&str, &[Phase], &str)] = &[];

/// Why a cell may fail.
pub fn open(fault: &str, phase: Phase) -> Option<&'static str> {
    OPEN.iter().find(|(name, phases, _)| *name == fault && phases.contains(&phase)).map(|(_, _, why)| *why)
}
