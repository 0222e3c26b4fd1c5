//! One platform and one phone bar, both real, driven and watched without blocking: many run side by side.
//!
//! The phone bar is asked over its control socket, the platform over its admin interface. What goes wrong is a text.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt},
    net::UnixStream,
    time::{sleep, timeout},
};

use super::{
    clock::{CLOCK, own_clock},
    disk::{SMALL_DISK, may_mount, on_small_disk},
    truth::Truth,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_wincall-tui");
/// Between two looks at a condition.
pub const STEP: Duration = Duration::from_millis(40);
/// The customer's voice, Hz.
pub const CUSTOMER_HZ: f64 = 440.0;
/// The agent's microphone, Hz.
pub const AGENT_HZ: f64 = 1000.0;

pub type Done<T = ()> = Result<T, String>;

/// A process that is ended with its cell.
pub struct Running(Child);

impl Running {
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }

    pub fn signal(&self, signal: Signal) -> Done {
        kill_process(self.pid(), signal).map_err(|error| format!("signal: {error}"))
    }

    /// SIGTERM, and the exit code.
    pub async fn terminate(mut self) -> Done<Option<i32>> {
        self.signal(Signal::TERM)?;
        let begun = Instant::now();
        loop {
            match self.0.try_wait() {
                Ok(Some(status)) => return Ok(status.code()),
                Ok(None) if begun.elapsed() < Duration::from_secs(10) => sleep(STEP).await,
                Ok(None) => return Err("does not end on SIGTERM".into()),
                Err(error) => return Err(format!("wait: {error}")),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A stopped process dies of SIGKILL too.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// What a rig is to be like.
#[derive(Clone, Default)]
pub struct Wish {
    /// Lines of the platform's scenario.
    pub scenario: String,
    /// The token comes from a file, which [`Rig::renew_token`] writes.
    pub token_file: bool,
    /// Where what the agent hears is written to.
    pub ear: Ear,
    /// State, journal and logs are on a file system of their own, which [`Rig::fill_disk`] fills.
    pub small_disk: bool,
    /// The phone bar has a clock of its own, which [`Rig::set_clock`] sets.
    pub own_clock: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ear {
    #[default]
    Written,
    OnSmallDisk,
    Unwritten,
}

pub struct Rig {
    home: tempfile::TempDir,
    wish: Wish,
    pub sim: Option<Running>,
    pub client: Option<Running>,
    /// The platform's ready line.
    ready: Value,
    pub ag_no: String,
}

impl Rig {
    /// A platform, and the config of its first agent.
    pub async fn new(wish: Wish) -> Done<Self> {
        let home = tempfile::Builder::new().prefix("wc-").tempdir().map_err(|error| error.to_string())?;
        let mut rig = Self { home, wish, sim: None, client: None, ready: Value::Null, ag_no: String::new() };
        fs::create_dir(rig.path("run")).map_err(|error| error.to_string())?;
        fs::write(rig.path("scenario.toml"), &rig.wish.scenario).map_err(|error| error.to_string())?;
        rig.start_sim("127.0.0.1:0", "127.0.0.1:0").await?;
        rig.configure()?;
        Ok(rig)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        self.prepare(Command::new(PROGRAM), args)
    }

    fn prepare(&self, mut command: Command, args: &[&str]) -> Command {
        command.args(args).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let dirs = [("CONFIG_HOME", "config"), ("STATE_HOME", "state"), ("CACHE_HOME", "cache"), ("DATA_HOME", "data")];
        for (name, dir) in dirs {
            command.env(format!("XDG_{name}"), self.path(dir));
        }
        command.env("XDG_RUNTIME_DIR", self.path("run")).env("HOME", self.path(""));
        command.env("LC_ALL", "en_US.UTF-8").stdin(Stdio::null());
        command
    }

    async fn start_sim(&mut self, listen: &str, sip_listen: &str) -> Done {
        let path = |name| self.path(name).to_string_lossy().into_owned();
        let (scenario, config) = (path("scenario.toml"), path("platform.toml"));
        let args = ["sim", "--listen", listen, "--sip-listen", sip_listen, "--scenario", &scenario];
        let mut command = self.command(&args);
        command.args(["--config-out", &config]).env("WINCALL_LOG", "info");
        let log = fs::File::create(self.path("sim.log")).map_err(|error| error.to_string())?;
        let spawned = command.stdout(Stdio::piped()).stderr(log).spawn();
        let mut child = spawned.map_err(|error| format!("the platform: {error}"))?;
        let output = child.stdout.take().ok_or("the platform's output")?;
        self.sim = Some(Running(child));
        let line = tokio::task::spawn_blocking(move || {
            let mut lines = BufReader::new(output);
            let mut line = String::new();
            let read = lines.read_line(&mut line).map(|_| line);
            std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
            read
        });
        let line = line.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        self.ready = serde_json::from_str(&line).map_err(|_| format!("the platform's ready line: {line:?}"))?;
        self.ag_no = self.ready["agents"][0]["ag_no"].as_str().ok_or("an agent")?.to_owned();
        Ok(())
    }

    /// The platform, killed, is there again on the same ports; it knows nothing of before.
    pub async fn revive_sim(&mut self) -> Done {
        let at = |key: &str| -> Done<String> {
            let url = url::Url::parse(self.ready[key].as_str().unwrap_or_default()).map_err(|e| e.to_string())?;
            Ok(format!("127.0.0.1:{}", url.port().unwrap_or_default()))
        };
        let (listen, sip_listen) = (at("api_server")?, at("sip_ws_server")?);
        self.start_sim(&listen, &sip_listen).await
    }

    fn configure(&self) -> Done {
        let mut config = fs::read_to_string(self.path("platform.toml")).map_err(|error| error.to_string())?;
        if self.wish.token_file {
            self.write_token(self.ready["agents"][0]["token"].as_str().unwrap_or_default())?;
            let line = format!("token_file = {}", json!(self.path("token")));
            let lines = config.lines().map(|old| if old.starts_with("token = ") { line.as_str() } else { old });
            config = lines.collect::<Vec<_>>().join("\n");
        }
        self.restore_microphone();
        let mic = self.path("mic.wav");
        let ear = match self.wish.ear {
            Ear::Written => format!("output_file = {}\n", json!(self.path("ear.wav"))),
            Ear::OnSmallDisk => format!("output_file = {}\n", json!(self.path(SMALL_DISK).join("ear.wav"))),
            Ear::Unwritten => String::new(),
        };
        // As cheap as sound can be: many do this side by side.
        let audio = format!(
            "\n[audio]\nbackend = \"file\"\ncodecs = [\"PCMA\"]\necho_cancellation = false\n\
             noise_suppression = false\ngain_control = false\ninput_file = {}\n{ear}",
            json!(mic)
        );
        fs::write(self.path("client.toml"), format!("{config}\n{audio}")).map_err(|e| e.to_string())
    }

    /// The microphone hears its tone.
    pub fn restore_microphone(&self) {
        tone(&self.path("mic.wav"));
    }

    pub fn start_client(&mut self) -> Done {
        let config = self.path("client.toml").to_string_lossy().into_owned();
        let log = fs::File::options().append(true).create(true).open(self.path("client.log"));
        let log = log.map_err(|error| error.to_string())?;
        let args = ["run", "--headless", "--config", &config];
        let mut command = if self.wish.small_disk && may_mount() {
            self.prepare(on_small_disk(PROGRAM, &self.path(SMALL_DISK))?, &args)
        } else {
            self.command(&args)
        };
        if self.wish.small_disk {
            command.env("XDG_STATE_HOME", self.path(SMALL_DISK).join("state"));
        }
        if self.wish.own_clock {
            self.set_clock(0)?;
            command.envs(own_clock(&self.path(CLOCK)));
        }
        let more = log.try_clone().map_err(|error| error.to_string())?;
        let child = command.env("WINCALL_LOG", "debug").stdout(more).stderr(log).spawn();
        self.client = Some(Running(child.map_err(|error| format!("the phone bar: {error}"))?));
        Ok(())
    }

    fn socket(&self) -> PathBuf {
        self.path("run").join("wincall-tui").join(format!("{}.sock", self.ag_no))
    }

    pub async fn connect(&self) -> std::io::Result<UnixStream> {
        UnixStream::connect(self.socket()).await
    }

    /// A request to the phone bar; its error is a text.
    pub async fn ask(&self, method: &str, params: Value) -> Done<Value> {
        let exchange = async {
            let (read, mut write) = self.connect().await?.into_split();
            let line = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string() + "\n";
            write.write_all(line.as_bytes()).await?;
            let mut answer = String::new();
            tokio::io::BufReader::new(read).read_line(&mut answer).await?;
            std::io::Result::Ok(answer)
        };
        let answer =
            timeout(Duration::from_secs(12), exchange).await.map_err(|_| format!("{method}: no answer in 12 s"))?;
        let answer = answer.map_err(|error| format!("{method}: {error}"))?;
        let mut answer: Value = serde_json::from_str(&answer).map_err(|_| format!("{method}: answer {answer:?}"))?;
        match answer.get_mut("result") {
            Some(result) => Ok(result.take()),
            None => Err(format!("{method}: {}", answer["error"]["message"].as_str().unwrap_or_default())),
        }
    }

    pub async fn status(&self) -> Done<Value> {
        self.ask("status", json!({})).await
    }

    /// A request to the platform's admin interface.
    pub async fn admin(&self, method: reqwest::Method, path: &str, body: Value) -> Done<Value> {
        let base = self.ready["admin"].as_str().unwrap_or_default();
        let mut request = http().request(method, format!("{base}{path}")).timeout(Duration::from_secs(5));
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await.map_err(|error| format!("admin {path}: {error}"))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| format!("admin {path}: {error}"))?;
        if !status.is_success() {
            return Err(format!("admin {path}: {status} {text}"));
        }
        serde_json::from_str(&text).map_err(|error| format!("admin {path}: {error}"))
    }

    pub(super) async fn look(&self, path: &str) -> Done<Value> {
        self.admin(reqwest::Method::GET, path, Value::Null).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Done<Value> {
        self.admin(reqwest::Method::POST, path, body).await
    }

    pub async fn fault(&self, fault: &str, value: &Value, for_ms: u64) -> Done {
        let for_ms = (for_ms > 0).then_some(for_ms);
        self.post("/faults", json!({"fault": fault, "value": value, "for_ms": for_ms})).await.map(drop)
    }

    pub async fn truth(&self) -> Done<Truth> {
        self.truth_from("/calls?legs=false").await
    }

    /// With what each leg hears, which takes the platform some time to measure.
    pub async fn sounding_truth(&self) -> Done<Truth> {
        self.truth_from("/calls").await
    }

    async fn truth_from(&self, calls: &str) -> Done<Truth> {
        let (agents, calls) = (self.look("/agents").await?, self.look(calls).await?);
        let agents = agents.as_array().cloned().unwrap_or_default();
        let agent = agents.into_iter().find(|a| a["ag_no"] == self.ag_no.as_str()).ok_or("the agent is unknown")?;
        let calls = calls.as_array().cloned().unwrap_or_default();
        let calls: Vec<Value> = calls.into_iter().filter(|call| call["phase"] != "ended").collect();
        Ok(Truth { agent, calls })
    }

    pub async fn customer_calls(&self, more: Value) -> Done<String> {
        let mut body = json!({
            "to_agent": self.ag_no, "from": "13800138000", "area": "北京", "audio": format!("tone:{CUSTOMER_HZ}"),
            "answer_timeout_s": 120,
        });
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend::<Map<_, _>>(more);
        }
        Ok(self.post("/calls", body).await?["call_id"].as_str().unwrap_or_default().to_owned())
    }

    /// A token that is good again, for the token file.
    pub async fn fresh_token(&self) -> Done<String> {
        let token = self.post("/tokens", json!({"agent": self.ag_no})).await?;
        Ok(token["token"].as_str().unwrap_or_default().to_owned())
    }

    pub async fn renew_token(&self) -> Done {
        self.write_token(&self.fresh_token().await?)
    }

    fn write_token(&self, token: &str) -> Done {
        let file = self.path("token");
        fs::write(&file, format!("{token}\n")).map_err(|error| error.to_string())?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&file, mode).map_err(|error| error.to_string())
    }

    /// Everything that is known of what happened, into a directory.
    pub async fn keep(&self, dir: &Path, said: &str) -> Done {
        fs::create_dir_all(dir).map_err(|error| error.to_string())?;
        fs::write(dir.join("cell.txt"), said).map_err(|error| error.to_string())?;
        let mut log = String::new();
        for entry in self.look("/log").await.unwrap_or_default().as_array().into_iter().flatten() {
            let word = |key: &str| entry[key].as_str().unwrap_or_default();
            log.push_str(&format!("{} {} {} {}\n", word("time"), word("source"), word("direction"), word("text")));
        }
        fs::write(dir.join("platform.txt"), log).map_err(|error| error.to_string())?;
        if let Ok(status) = self.status().await {
            fs::write(dir.join("status.json"), format!("{status:#}")).map_err(|error| error.to_string())?;
        }
        let state = if self.wish.small_disk { self.inside(SMALL_DISK)?.join("state") } else { self.path("state") };
        let dirs = ["wincall-tui", "wincall-tui/log"].map(|dir| state.join(dir));
        let logs = dirs.iter().filter_map(|dir| fs::read_dir(dir).ok()).flatten().flatten();
        let logs = logs.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e != "lock"));
        for file in logs.chain([self.path("client.log"), self.path("sim.log"), self.path("ear.wav")]) {
            if let (true, Some(name)) = (file.is_file(), file.file_name()) {
                fs::copy(&file, dir.join(name)).map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }
}

/// One client for all: making one reads the system's certificates.
fn http() -> &'static reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    CLIENT.get_or_init(|| {
        wincall_tui::net::tls::install_provider();
        reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("an HTTP client")
    })
}

/// A second of the agent's tone: whole periods, so that it goes round and round without a click.
fn tone(path: &Path) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec).expect("a WAV file");
    for n in 0..48_000 {
        let turn = std::f64::consts::TAU * AGENT_HZ * f64::from(n) / 48_000.0;
        wav.write_sample((turn.sin() * 8000.0) as i16).expect("a sample");
    }
    wav.finalize().expect("a WAV file");
}
