//! A phone bar as a process of its own, driven and watched through its control socket.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
    process::Stdio,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    Told,
    common::{Home, PROGRAM, Process, audio},
};

/// Longest wait for anything: far more than any delay of a cell, on a machine that does much else.
pub const LIMIT: Duration = Duration::from_secs(12);

/// From one look at the status to the next.
const STEP: Duration = Duration::from_millis(60);

/// What the socket has said so far.
#[derive(Default)]
struct Heard {
    events: Vec<(Instant, Value)>,
    answers: HashMap<u64, Result<Value, Value>>,
    asked: u64,
    gone: bool,
}

#[derive(Default)]
struct Shared {
    heard: Mutex<Heard>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One agent's phone bar.
pub struct Bar {
    pub ag_no: String,
    /// SIP user of the phone, as the platform's switch lists it.
    pub user: String,
    /// What its microphone hears, Hz.
    pub hz: f64,
    home: Home,
    writer: Mutex<UnixStream>,
    shared: Arc<Shared>,
    _process: Process,
}

impl Bar {
    /// Starts it and waits until it is idle and registered. `config` is that of this agent, without `[audio]`.
    pub fn start(ag_no: &str, user: &str, hz: f64, config: &str) -> Told<Self> {
        let home = Home::new();
        let (mic, hooks) = (home.path("mic.wav"), home.path("hooks"));
        audio::write_tone(&mic, hz, -12.0);
        // A-law costs least, and this is not about codecs.
        let audio = format!("[audio]\nbackend = \"file\"\ninput_file = {}\ncodecs = [\"PCMA\"]\n", json!(mic));
        let hook = |name: &str| {
            let line = format!("{name} {{id}} {{number}} {{ag_no}} {{outcome}}");
            format!("{name} = {}\n", json!(["sh", "-c", "echo \"$1\" >> \"$0\"", hooks, line]))
        };
        let hooks = format!("[hooks]\n{}{}", hook("callStarted"), hook("callEnded"));
        let file = home.path("agent.toml");
        fs::write(&file, format!("{config}\n\n{audio}\n{hooks}")).map_err(|e| e.to_string())?;
        let log = fs::File::create(home.path("client.log")).map_err(|e| e.to_string())?;
        let child = std::process::Command::new(PROGRAM)
            .args(["run", "--headless", "--config"])
            .arg(&file)
            .env_clear()
            .envs(home.env())
            .env("WINCALL_LOG", "info")
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(|e| e.to_string())?)
            .stderr(log)
            .spawn()
            .map_err(|e| e.to_string())?;
        let process = Process::from(child);
        let stream = connect(&home.path(&format!("run/wincall-tui/{ag_no}.sock")))?;
        let reader = stream.try_clone().map_err(|e| e.to_string())?;
        let shared = Arc::new(Shared::default());
        let listening = Arc::clone(&shared);
        std::thread::spawn(move || listen(reader, &listening));
        let bar = Self {
            ag_no: ag_no.to_owned(),
            user: user.to_owned(),
            hz,
            home,
            writer: Mutex::new(stream),
            shared,
            _process: process,
        };
        bar.ask("Event.subscribe", json!({"events": ["all"]}))?;
        bar.until("it is idle and registered", |s| {
            s["agent"]["state"] == "idle" && s["sip"]["state"] == "registered" && s["link"]["state"] == "up"
        })?;
        Ok(bar)
    }

    /// One request and its result.
    pub fn ask(&self, method: &str, params: Value) -> Told<Value> {
        let id = {
            let mut heard = self.shared.lock();
            heard.asked += 1;
            heard.asked
        };
        let mut line = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string();
        line.push('\n');
        self.writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write_all(line.as_bytes())
            .map_err(|e| format!("{method}: {e}"))?;
        let answer = self.wait(&format!("an answer to {method}"), |heard| heard.answers.remove(&id))?;
        answer.map_err(|error| format!("{} {method}: {}", self.ag_no, error["message"]))
    }

    /// Waits for something that the socket says by itself or in answer.
    fn wait<T>(&self, what: &str, mut found: impl FnMut(&mut Heard) -> Option<T>) -> Told<T> {
        let deadline = Instant::now() + LIMIT;
        let mut heard = self.shared.lock();
        loop {
            if let Some(value) = found(&mut heard) {
                return Ok(value);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || heard.gone {
                let gone = if heard.gone { "the program is gone: " } else { "" };
                return Err(format!("{gone}{}, not in time: {what}", self.ag_no));
            }
            heard = self.shared.changed.wait_timeout(heard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until the status is as wanted.
    pub fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Told<Value> {
        let deadline = Instant::now() + LIMIT;
        loop {
            let status = self.status()?;
            if wanted(&status) {
                return Ok(status);
            }
            if Instant::now() > deadline {
                let call = &status["call"];
                return Err(format!(
                    "{}, not in time: {what}; agent {}, call {} {} {} {}, sound {}",
                    self.ag_no,
                    status["agent"]["state"],
                    call["phase"],
                    call["direction"],
                    call["peer"],
                    call["queue"],
                    status["media"]["state"],
                ));
            }
            std::thread::sleep(STEP);
        }
    }

    /// Waits for a phase of the call.
    pub fn until_phase(&self, phase: &str) -> Told<Value> {
        self.until(phase, |s| s["call"]["phase"] == phase)
    }

    pub fn status(&self) -> Told<Value> {
        self.ask("status", json!({}))
    }

    /// How many events there have been.
    pub fn mark(&self) -> usize {
        self.shared.lock().events.len()
    }

    /// The events since a mark.
    pub fn events(&self, mark: usize) -> Vec<(Instant, Value)> {
        self.shared.lock().events.iter().skip(mark).cloned().collect()
    }

    /// Waits for an event after a mark; says when it came.
    pub fn event(&self, mark: usize, what: &str, wanted: impl Fn(&Value) -> bool) -> Told<Instant> {
        self.wait(what, |heard| heard.events.iter().skip(mark).find(|(_, event)| wanted(event)).map(|(at, _)| *at))
    }

    /// What the hooks have been told so far, a line each, in the order they ran.
    pub fn hooks(&self) -> Vec<String> {
        fs::read_to_string(self.home.path("hooks")).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// The journal, newest first.
    pub fn journal(&self) -> Told<Vec<Value>> {
        Ok(self.ask("journal.list", json!({"limit": 20}))?["calls"].as_array().cloned().unwrap_or_default())
    }

    /// The end of its log, for a failure.
    pub fn last_words(&self) -> String {
        let log = self.home.logs();
        let lines: Vec<&str> = log.lines().filter(|line| !line.contains("health")).collect();
        let last = lines.iter().skip(lines.len().saturating_sub(12));
        last.map(|line| format!("      {} log: {}\n", self.ag_no, line.chars().take(200).collect::<String>())).collect()
    }
}

fn connect(path: &Path) -> Told<UnixStream> {
    let deadline = Instant::now() + LIMIT;
    loop {
        match UnixStream::connect(path) {
            Ok(stream) => return Ok(stream),
            Err(error) if Instant::now() > deadline => return Err(format!("{}: {error}", path.display())),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn listen(reader: UnixStream, shared: &Shared) {
    for line in BufReader::new(reader).lines() {
        let Ok(line) = line else { break };
        let Ok(mut message) = serde_json::from_str::<Value>(&line) else { continue };
        let mut heard = shared.lock();
        match message["method"].as_str() {
            Some("event") => heard.events.push((Instant::now(), message["params"].take())),
            Some(_) => {}
            None => {
                let Some(id) = message["id"].as_u64() else { continue };
                let error = message["error"].take();
                let answer = if error.is_null() { Ok(message["result"].take()) } else { Err(error) };
                heard.answers.insert(id, answer);
            }
        }
        drop(heard);
        shared.changed.notify_all();
    }
    shared.lock().gone = true;
    shared.changed.notify_all();
}
