//! The built-in platform in this process, on real sockets, and the phone bars of its agents as processes.

use std::{fs, time::Duration};

use serde_json::{Value, json};
use tokio::runtime::Handle;
use wincall_tui::sim::{Options, Platform, ReadyLine};

use crate::{Told, bar::Bar, common::Home};

/// Whom the INVITEs are from where they do not say who calls.
pub const GATEWAY: &str = "gw01";
/// What the agents' microphones hear, Hz.
pub const TONES: [f64; 3] = [1000.0, 1300.0, 1700.0];

pub struct Stage {
    runtime: Handle,
    http: reqwest::Client,
    ready: ReadyLine,
    platform: Option<Platform>,
    pub bars: Vec<Bar>,
    _home: Home,
}

impl Stage {
    /// A platform without after-call work, and its first `agents` agents, idle.
    pub fn open(runtime: &Handle, agents: usize) -> Told<Self> {
        let home = Home::new();
        let scenario = home.path("scenario.toml");
        fs::write(&scenario, "wrap_up_s = 0\n").map_err(|e| e.to_string())?;
        let options = Options { scenario: Some(scenario), ..Options::default() };
        let platform = runtime.block_on(Platform::start(options)).map_err(|e| e.to_string())?;
        let (ready, config) = (platform.ready(), platform.client_config());
        let http = reqwest::Client::builder().no_proxy().build().map_err(|e| e.to_string())?;
        let mut stage =
            Self { runtime: runtime.clone(), http, ready, platform: Some(platform), bars: Vec::new(), _home: home };
        for (agent, hz) in stage.ready.agents.iter().zip(TONES).take(agents) {
            let lines = config.lines().map(|line| match line.split(" = ").next() {
                Some("token") => format!("token = {}", json!(agent.token)),
                Some("ag_no") => format!("ag_no = {}", json!(agent.ag_no)),
                Some("agent_phone") => format!("agent_phone = {}", json!(agent.agent_phone)),
                _ => line.to_owned(),
            });
            let config = lines.collect::<Vec<_>>().join("\n");
            let user = format!("ss77ss{}", agent.agent_phone);
            stage.bars.push(Bar::start(&agent.ag_no, &user, hz, &config)?);
        }
        Ok(stage)
    }

    /// One request to the admin API.
    pub fn admin(&self, method: reqwest::Method, path: &str, body: Value) -> Told<Value> {
        let url = format!("{}{path}", self.ready.admin);
        let request = self.http.request(method, &url).timeout(Duration::from_secs(10)).body(body.to_string());
        self.runtime.block_on(async {
            let answer = request.send().await.map_err(|e| e.to_string())?;
            let (status, text) = (answer.status(), answer.text().await.map_err(|e| e.to_string())?);
            if !status.is_success() {
                return Err(format!("admin {path}: {status} {text}"));
            }
            serde_json::from_str(&text).map_err(|e| format!("admin {path}: {e}"))
        })
    }

    pub fn post(&self, path: &str, body: Value) -> Told<Value> {
        self.admin(reqwest::Method::POST, path, body)
    }

    pub fn get(&self, path: &str) -> Told<Vec<Value>> {
        Ok(self.admin(reqwest::Method::GET, path, Value::Null)?.as_array().cloned().unwrap_or_default())
    }

    pub fn delete(&self, path: &str) -> Told<()> {
        self.admin(reqwest::Method::DELETE, path, Value::Null).map(drop)
    }

    pub fn fault(&self, fault: &str, value: Value, for_ms: Option<u64>) -> Told<()> {
        self.post("/faults", json!({"fault": fault, "value": value, "for_ms": for_ms})).map(drop)
    }

    /// Pushes any message, behind those that are late.
    pub fn push(&self, ag_no: &str, message: &Value) -> Told<()> {
        self.post("/faults", json!({"fault": "garbage_frame", "value": message.to_string(), "agent": ag_no})).map(drop)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.bars.clear();
        if let Some(platform) = self.platform.take() {
            self.runtime.block_on(platform.stop());
        }
    }
}
