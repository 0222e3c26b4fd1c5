//! A headset made of software (`tests/virtual-sound-card.sh`): what is played to it, what it plays, plugs pulled.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::common::{Home, audio::speech};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/virtual-sound-card.sh");
const PROGRAMS: [&str; 8] =
    ["pipewire", "wireplumber", "pipewire-pulse", "dbus-daemon", "pactl", "pacat", "pw-record", "pw-link"];
/// Samples a second of all recordings.
pub const RATE: usize = 48_000;
/// For a program of PipeWire to get going.
const PATIENCE: Duration = Duration::from_secs(10);

/// PipeWire with a speaker and a microphone, in the home's runtime directory.
pub struct Card {
    dir: String,
    environment: Vec<(String, String)>,
}

impl Card {
    /// Starts it; none where PipeWire is not installed.
    pub fn start(home: &Home) -> Option<Self> {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let found = |program: &&str| std::env::split_paths(&folders).any(|dir| dir.join(program).is_file());
        if !PROGRAMS.iter().all(found) {
            return None;
        }
        let dir = home.path("run").display().to_string();
        let started = Command::new(SCRIPT).args(["start", &dir]).stderr(Stdio::null()).output().ok()?;
        let text = String::from_utf8(started.stdout).ok()?;
        let variables = text.lines().filter_map(|line| line.split_once('='));
        let card = Self { dir, environment: variables.map(|(name, value)| (name.into(), value.into())).collect() };
        fs::copy(home.path("run").join(".asoundrc"), home.path(".asoundrc")).ok()?;
        started.status.success().then_some(card)
    }

    pub fn pactl(&self, words: &[&str]) -> String {
        let done = Command::new("pactl")
            .args(words)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .output()
            .expect("pactl starts");
        assert!(done.status.success(), "pactl {words:?}");
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    /// The speaker and the microphone go; what is said goes on, unheard.
    pub fn pull(&self) {
        let modules = self.pactl(&["list", "short", "modules"]);
        for name in ["source_name=mic", "sink_name=spk"] {
            let line = modules.lines().find(|line| line.contains(name)).expect("it is there");
            self.pactl(&["unload-module", line.split_whitespace().next().expect("a number")]);
        }
    }

    /// Both come back.
    pub fn plug(&self) {
        let sink = ["sink_name=spk", "media.class=Audio/Sink", "rate=48000", "channels=2"];
        self.pactl(&[&["load-module", "module-null-sink"], &sink[..]].concat());
        self.pactl(&["load-module", "module-remap-source", "master=micfeed.monitor", "source_name=mic"]);
    }

    /// Somebody speaks into the microphone without end.
    pub fn speak(&self, home: &Home) -> Child {
        let file = home.path("voice.raw");
        if !file.exists() {
            let bytes: Vec<u8> = speech(120.0, 9).iter().flat_map(|s| ((s * 32_767.0) as i16).to_le_bytes()).collect();
            fs::write(&file, bytes).expect("a file of speech");
        }
        Command::new("pacat")
            .args(["-p", "--device=micfeed", "--channels=1", "--rate=48000", "--format=s16le", "--raw"])
            .arg(&file)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stderr(Stdio::null())
            .spawn()
            .expect("pacat starts")
    }
}

impl Card {
    fn command(&self, program: &str, words: &[&str]) -> Command {
        // Before other programs if that is allowed: what measures must not be what breaks.
        let mut command = Command::new("nice");
        command
            .args(["-n", "-15", program])
            .args(words)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Says the samples of a file (48 kHz, mono, 16 bits) into the microphone, once.
    pub fn say(&self, file: &Path) -> Running {
        let words = ["-p", "--device=micfeed", "--channels=1", "--rate=48000", "--format=s16le", "--raw"];
        let mut command = self.command("pacat", &words);
        Running(command.arg(file).spawn().expect("pacat starts"))
    }

    /// Records what is said into the microphone and what the speaker plays, in step with each other to the sample: both
    /// are linked to one recorder.
    pub fn record(&self, file: &Path) -> Running {
        let file = file.to_string_lossy();
        let words = ["--target=0", "--channels=2", "--rate=48000", "--format=f32", "--latency=10ms"];
        let mut recorder = self.command("pw-record", &words);
        let recorder =
            Running(recorder.args(["-P", "{ node.name=meter }"]).arg(&*file).spawn().expect("pw-record starts"));
        let deadline = Instant::now() + PATIENCE;
        for (from, to) in [("micfeed:monitor_FL", "meter:input_FL"), ("spk:monitor_FL", "meter:input_FR")] {
            while !self.command("pw-link", &[from, to]).status().is_ok_and(|status| status.success()) {
                assert!(Instant::now() < deadline, "{from} cannot be recorded");
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        recorder
    }
}

/// A program that ends with this.
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.0.id().cast_signed()) {
            // Told to end, it completes its file.
            rustix::process::kill_process(pid, rustix::process::Signal::INT).ok();
        }
        self.0.wait().ok();
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        Command::new(SCRIPT).args(["stop", &self.dir]).status().ok();
    }
}
