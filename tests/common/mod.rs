//! What the story tests share: the real binary as platform and as phone bar, a pseudo-terminal, WAV files that are
//! measured. Every wait is for a condition, with a deadline.

#![allow(dead_code, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod audio;
pub mod floor;
pub mod proxy;
pub mod screen;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_wincall-tui");

/// A private home: config, state and sockets of one test.
pub struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("wc-").tempdir().expect("a temporary directory");
        let home = Self { dir };
        fs::create_dir(home.path("run")).expect("a runtime directory");
        home
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The environment of everything that is started here.
    pub fn env(&self) -> Vec<(&'static str, PathBuf)> {
        let at = |name: &str| self.path(name);
        vec![
            ("HOME", at("")),
            ("XDG_CONFIG_HOME", at("config")),
            ("XDG_STATE_HOME", at("state")),
            ("XDG_CACHE_HOME", at("cache")),
            ("XDG_DATA_HOME", at("data")),
            ("XDG_RUNTIME_DIR", at("run")),
            ("LANG", "en_US.UTF-8".into()),
            ("LC_ALL", "en_US.UTF-8".into()),
            ("TERM", "xterm-256color".into()),
            ("COLORTERM", "truecolor".into()),
            ("WINCALL_LOG", "debug".into()),
        ]
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(args).env_clear().envs(self.env()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }

    /// `wincall-tui ARGS`, to its end.
    pub fn run(&self, args: &[&str]) -> Ran {
        let output = self.command(args).stdin(Stdio::null()).output().expect("the program starts");
        Ran {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// `wincall-tui ctl WORDS`, which must succeed.
    pub fn ctl(&self, words: &[&str]) -> String {
        let ran = self.try_ctl(words);
        assert_eq!(ran.code, Some(0), "ctl {words:?}: {}{}\nstatus: {}", ran.out, ran.err, self.status_text());
        ran.out
    }

    pub fn try_ctl(&self, words: &[&str]) -> Ran {
        let mut args = vec!["ctl"];
        args.extend(words);
        self.run(&args)
    }

    pub fn wait(&self, condition: &str) {
        self.ctl(&["wait", condition, "--timeout", "15"]);
    }

    pub fn status(&self) -> Value {
        serde_json::from_str(&self.ctl(&["status", "--json"])).expect("status is JSON")
    }

    fn status_text(&self) -> String {
        self.try_ctl(&["status", "--json"]).out
    }

    /// Waits until the status is as wanted.
    pub fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let last = serde_json::from_str(&self.try_ctl(&["status", "--json"]).out).unwrap_or(Value::Null);
            if wanted(&last) {
                return last;
            }
            assert!(begun.elapsed() < Duration::from_secs(15), "not within 15 s: {what}\n{last}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Everything that the program wrote to its logs.
    pub fn logs(&self) -> String {
        let mut all = String::new();
        let mut dirs = vec![self.path("")];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    dirs.push(path);
                } else if path.to_string_lossy().contains("log") {
                    all.push_str(&fs::read_to_string(path).unwrap_or_default());
                }
            }
        }
        all
    }
}

/// What a finished program said.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Waits for a condition; panics with its name when it does not come true in time.
pub fn until(what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a process runs. One that is dead and not yet collected does not.
pub fn is_alive(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

/// A child process that is ended with the test.
pub struct Process {
    child: Child,
}

impl Process {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// SIGTERM, and the exit code.
    pub fn terminate(self) -> Option<i32> {
        self.signal(rustix::process::Signal::TERM);
        self.ends()
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("the process is there");
    }

    /// Waits for the end of the process: the exit code, none if a signal ended it.
    pub fn ends(self) -> Option<i32> {
        self.ends_as().code()
    }

    pub fn ends_as(mut self) -> std::process::ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the process can be waited for") {
                return status;
            }
            assert!(begun.elapsed() < Duration::from_secs(8), "the program does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl From<Child> for Process {
    fn from(child: Child) -> Self {
        Self { child }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The built-in platform as a process of its own.
pub struct Platform {
    process: Process,
    /// The line it printed.
    pub ready: Value,
    /// The client config it wrote.
    pub config: PathBuf,
}

impl Platform {
    pub fn start(home: &Home) -> Self {
        Self::start_with(home, &[])
    }

    /// The platform at its most talkative.
    pub fn start_traced(home: &Home) -> Self {
        Self::start_as(home, &[], "trace")
    }

    pub fn start_with(home: &Home, more: &[&str]) -> Self {
        Self::start_as(home, more, "debug")
    }

    /// The platform on an address of its own.
    pub fn start_on(home: &Home, address: &str, more: &[&str]) -> Self {
        Self::start_at(home, address, more, "debug")
    }

    fn start_as(home: &Home, more: &[&str], log_level: &str) -> Self {
        Self::start_at(home, "127.0.0.1", more, log_level)
    }

    fn start_at(home: &Home, address: &str, more: &[&str], log_level: &str) -> Self {
        let config = home.path("client.toml");
        let config_arg = config.to_string_lossy().into_owned();
        let listen = format!("{address}:0");
        let mut args = vec!["sim", "--listen", &listen, "--sip-listen", &listen, "--config-out", &config_arg];
        args.extend(more);
        let log = fs::File::create(home.path("sim.log")).expect("a log file");
        let mut child = home
            .command(&args)
            .env("WINCALL_LOG", log_level)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the platform starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output"));
        let mut line = String::new();
        lines.read_line(&mut line).expect("a ready line");
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| {
            panic!(
                "the ready line is not JSON: {line:?}; {}",
                fs::read_to_string(home.path("sim.log")).unwrap_or_default()
            )
        });
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Self { process: Process { child }, ready, config }
    }

    /// Adds a table to the client config.
    pub fn configure(&self, table: &str, lines: &[(&str, Value)]) {
        let mut file = fs::OpenOptions::new().append(true).open(&self.config).expect("the client config");
        let body: String = lines.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        write!(file, "\n[{table}]\n{body}").expect("the client config can be written");
    }

    /// A microphone that hears `hz` and a WAV of what the agent hears.
    pub fn configure_tone(&self, home: &Home, hz: f64) {
        audio::write_tone(&home.path("mic.wav"), hz, -12.0);
        self.configure(
            "audio",
            &[
                ("backend", json!("file")),
                ("input_file", json!(home.path("mic.wav"))),
                ("output_file", json!(home.path("ear.wav"))),
            ],
        );
    }

    /// One request to the admin API.
    pub fn admin(&self, method: &str, path: &str, body: Value) -> Value {
        let base = self.ready["admin"].as_str().expect("the admin URL");
        let url = format!("{}{path}", base.trim_end_matches('/'));
        let method = method.parse::<reqwest::Method>().expect("a method");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            wincall_tui::net::tls::install_provider();
            // The platform's own authority; whom the program trusts is tested with the program.
            let client = reqwest::Client::builder().no_proxy().danger_accept_invalid_certs(true).build().expect("HTTP");
            let mut request = client.request(method, &url).timeout(Duration::from_secs(10));
            if !body.is_null() {
                request = request.json(&body);
            }
            let answer = request.send().await.expect("an answer");
            let status = answer.status();
            let text = answer.text().await.expect("a body");
            assert!(status.is_success(), "admin {path}: {status} {text}");
            if text.trim().is_empty() { Value::Null } else { serde_json::from_str(&text).expect("an answer in JSON") }
        })
    }

    /// A customer calls the first agent.
    pub fn customer_calls(&self, audio: &str) -> String {
        let agent = self.ready["agents"][0]["ag_no"].clone();
        let body = json!({ "to_agent": agent, "from": "13800138000", "area": "北京", "audio": audio });
        self.admin("POST", "/calls", body)["call_id"].as_str().expect("a call id").to_owned()
    }

    pub fn fault(&self, fault: &str, value: Value, for_ms: Option<u64>) {
        self.admin("POST", "/faults", json!({ "fault": fault, "value": value, "for_ms": for_ms, "agent": null }));
    }

    /// What the customer of the newest call hears: frequency in Hz and level in dBFS.
    pub fn customer_hears(&self) -> Option<(f64, f64)> {
        let calls = self.admin("GET", "/calls", Value::Null);
        let legs = calls.as_array()?.iter().flat_map(|call| call["legs"].as_array().cloned().unwrap_or_default());
        let mut customers = legs.filter(|leg| leg["who"].as_str().is_some_and(|who| who.starts_with("customer")));
        let leg = customers.next_back()?;
        Some((leg["heard_hz"].as_f64()?, leg["heard_dbfs"].as_f64()?))
    }

    /// Everything that went over the platform's wires, as text.
    pub fn log(&self) -> Vec<Value> {
        self.admin("GET", "/log", Value::Null).as_array().cloned().unwrap_or_default()
    }

    pub fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// Stands still, with all its connections open.
    pub fn freeze(&self) {
        self.process.signal(rustix::process::Signal::STOP);
    }

    /// Goes on.
    pub fn thaw(&self) {
        self.process.signal(rustix::process::Signal::CONT);
    }

    pub fn stop(self) {
        self.process.terminate();
    }
}

/// Starts the phone bar without a screen.
pub fn headless(home: &Home, config: &Path) -> Process {
    headless_with(home, config, &[])
}

pub fn headless_with(home: &Home, config: &Path, more: &[&str]) -> Process {
    let config = config.to_string_lossy().into_owned();
    let mut args = vec!["run", "--headless", "--config", &config];
    args.extend(more);
    spawn_headless(home, home.command(&args))
}

/// Started by another program, which is given the phone bar as its last arguments.
pub fn headless_by(home: &Home, config: &Path, program: &[&str]) -> Process {
    let inside = home.command(&["run", "--headless", "--config", &config.to_string_lossy()]);
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).arg(inside.get_program()).args(inside.get_args());
    command.env_clear().envs(home.env()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    spawn_headless(home, command)
}

fn spawn_headless(home: &Home, mut command: Command) -> Process {
    let log = fs::File::create(home.path("client.log")).expect("a log file");
    let child = command
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a log file"))
        .stderr(log)
        .spawn()
        .expect("the phone bar starts");
    Process { child }
}

/// A platform with a tone for a microphone, and a phone bar that is idle and registered on it.
pub fn idle(home: &Home) -> (Platform, Process) {
    let platform = Platform::start(home);
    platform.configure_tone(home, 1000.0);
    let client = headless(home, &platform.config);
    become_idle(home);
    (platform, client)
}

pub fn become_idle(home: &Home) {
    until("the control socket", Duration::from_secs(10), || home.try_ctl(&["status"]).code == Some(0));
    home.wait("signed-in");
    home.wait("idle");
    home.wait("registered");
}

/// In conversation with a customer who plays `audio`.
pub fn talking(home: &Home, platform: &Platform, audio: &str) -> String {
    let call = platform.customer_calls(audio);
    home.wait("ringing");
    home.ctl(&["answer"]);
    home.wait("talking");
    call
}
