//! One cell of the table: a phase, a fault in it, and everything that is right afterwards.

use std::{
    fs,
    io::ErrorKind,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    counts::Counts,
    faults::{Act, After, Fault, Meanwhile},
    phases::{self, Phase, differences},
    rig::{Done, Ear, Rig, Wish},
    truth::brief,
};

/// Everything is to be right again after so many seconds. What it took is measured and told; machines that run tests
/// are slow at times.
pub(super) const RECOVERY_S: f64 = 15.0;
/// What is to happen at once, s.
pub(super) const AT_ONCE_S: f64 = 6.0;
/// A dead link is known within 10 s; the rest is this machine's slowness.
const NOTICED_S: f64 = 11.5;
/// Hung up, nobody hears the agent for long whatever the platform's commands do, s.
const SILENT_S: f64 = 2.5;
/// Longest time that something else may be shown than the platform says while the link is up, s.
const ASTRAY_S: f64 = 2.5;
/// Longest silence in a call of which only the signalling broke, ms. Zero is right and what is measured on a machine that
/// keeps up; a path that was lost is seconds.
pub(super) const GAP_MS: f64 = 1000.0;

/// What was measured, s unless said otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// The link back, after the end of the fault.
    pub link: Option<f64>,
    /// The phone registered, after that.
    pub phone: Option<f64>,
    /// Sound both ways, after that.
    pub sound: Option<f64>,
    /// Shown that the link is lost, after the beginning.
    pub noticed: Option<f64>,
    /// The call gone, after hanging up in the middle of the fault.
    pub hung_up: Option<f64>,
    /// Longest silence in the agent's ear, ms.
    pub gap_ms: Option<f64>,
}

/// A cell that was run.
pub struct Outcome {
    pub phase: Phase,
    pub fault: Fault,
    /// What is wrong; none if all is right.
    pub wrong: Option<String>,
    pub measured: Measured,
    /// How long it took, s.
    pub took: f64,
}

/// Runs it; what is wrong is kept below `kept` with logs of both sides.
pub async fn run(phase: Phase, fault: Fault, kept: &std::path::Path) -> Outcome {
    let begun = Instant::now();
    let mut measured = Measured::default();
    let wrong = match Rig::new(wish(phase, &fault)).await {
        Ok(rig) => {
            let mut cell = Cell {
                rig,
                phase,
                fault: fault.clone(),
                begun,
                said: Vec::new(),
                measured,
                struck: begun,
                since: (0, 0),
                clock_set: None,
            };
            let result = cell.whole().await;
            measured = cell.measured;
            if let Err(wrong) = &result {
                cell.say(wrong);
                for process in [&cell.rig.client, &cell.rig.sim].into_iter().flatten() {
                    process.signal(Signal::CONT).ok();
                }
                let dir = kept.join(format!("{}-{}", fault.name.replace(", ", "-").replace(' ', "_"), phase.name()));
                if let Err(error) = cell.rig.keep(&dir, &cell.said.join("\n")).await {
                    eprintln!("{}: {error}", dir.display());
                }
            }
            result.err()
        }
        Err(error) => Some(error),
    };
    Outcome { phase, fault, wrong, measured, took: begun.elapsed().as_secs_f64() }
}

fn wish(phase: Phase, fault: &Fault) -> Wish {
    let wrap_up = if phase == Phase::WrapUp { 60 } else { 1 };
    Wish {
        scenario: format!("wrap_up_s = {wrap_up}\n"),
        token_file: fault.act == Act::KillPlatform,
        ear: if fault.act == Act::FileLimit {
            Ear::Unwritten
        } else if fault.act == (Act::DiskFull { recording: true }) {
            Ear::OnSmallDisk
        } else {
            Ear::Written
        },
        small_disk: matches!(fault.act, Act::DiskFull { .. }),
        own_clock: matches!(fault.act, Act::Clock(_)),
    }
}

pub(super) struct Cell {
    pub(super) rig: Rig,
    pub(super) phase: Phase,
    pub(super) fault: Fault,
    pub(super) begun: Instant,
    /// What was done and seen, for the reader of a failure.
    said: Vec<String>,
    pub(super) measured: Measured,
    /// When the fault began, and what part of what was heard is since then, in samples.
    pub(super) struck: Instant,
    pub(super) since: (usize, usize),
    /// When the clock was set, and what was counted before.
    pub(super) clock_set: Option<(Instant, Counts)>,
}

impl Cell {
    pub(super) fn say(&mut self, what: impl AsRef<str>) {
        let now = jiff::Timestamp::now();
        self.said.push(format!("{now:.3} +{:.2} {}", self.begun.elapsed().as_secs_f64(), what.as_ref()));
    }

    async fn whole(&mut self) -> Done {
        let begun = self.strike().await?;
        self.while_it_lasts(begun).await?;
        self.counts_as_before().await?;
        self.lift().await?;
        self.say("over");
        match self.fault.after {
            After::Same | After::CallLost | After::CallFound => self.recovers().await?,
            After::SignedOut => self.is_signed_out().await?,
            After::Reconnect | After::NewToken => self.is_refused().await?,
        }
        self.ends_the_call().await?;
        self.takes_the_next_call().await?;
        self.has_kept_the_journal().await?;
        self.leaves().await
    }

    /// Reaches the phase and begins the fault there; when that was.
    async fn strike(&mut self) -> Done<Instant> {
        if self.phase == Phase::SigningIn {
            if self.fault.is_momentary() || self.fault.strikes_client() {
                // The last step of the sign-in takes its time, so that the fault comes in the middle of it.
                self.rig.fault("http_delay_ms", &json!(500), 2500).await?;
                self.rig.start_client()?;
                let here = |s: &Value| s["link"]["state"] == "up" && s["agent"]["state"] == "signing_in";
                self.rig.until("in the middle of the sign-in", 10.0, here).await?;
                if self.fault.act == Act::KillClient {
                    // Killed before it has noted its sign-in, it could not know it again.
                    self.rig.until_file("state/wincall-tui/session-8001", 5.0).await?;
                }
            } else {
                self.inject().await?;
                let begun = Instant::now();
                self.rig.start_client()?;
                return Ok(begun);
            }
        } else {
            self.rig.start_client()?;
            phases::reach(&self.rig, self.phase).await?;
        }
        self.say(format!("{}: {}", self.phase.name(), brief(&self.rig.status().await?)));
        self.struck = Instant::now();
        if matches!(self.fault.act, Act::Clock(_)) {
            self.clock_set = Some((Instant::now(), self.counts().await?));
        }
        self.inject().await?;
        self.say(format!("{} strikes", self.fault.name));
        Ok(Instant::now())
    }

    async fn inject(&mut self) -> Done {
        let io = |error: std::io::Error| error.to_string();
        match self.fault.act.clone() {
            Act::Platform(name, value) => self.rig.fault(name, &value, self.fault.lasts_ms).await,
            Act::Freeze { client, platform } => {
                for (process, wanted) in [(&self.rig.client, client), (&self.rig.sim, platform)] {
                    if let Some(process) = process.as_ref().filter(|_| wanted) {
                        process.signal(Signal::STOP)?;
                    }
                }
                Ok(())
            }
            Act::KillPlatform => {
                self.rig.sim = None;
                Ok(())
            }
            Act::KillClient => {
                self.rig.client = None;
                self.rig.start_client()
            }
            Act::RuntimeFolder => {
                fs::remove_dir_all(self.rig.path("run")).map_err(io)?;
                fs::create_dir(self.rig.path("run")).map_err(io)
            }
            Act::StateFolder => self.remove_state().map_err(io),
            Act::StateIsAFile => {
                self.remove_state().map_err(io)?;
                fs::write(self.rig.path("state"), "not a folder").map_err(io)
            }
            Act::FileLimit => self.rig.limit_files(Some(0)),
            Act::DiskFull { .. } => self.rig.fill_disk(),
            Act::Clock(seconds) => self.rig.set_clock(seconds),
            Act::Microphone => fs::File::create(self.rig.path("mic.wav")).map(drop).map_err(io),
        }
    }

    async fn lift(&mut self) -> Done {
        match self.fault.act {
            Act::Freeze { .. } => {
                for process in [&self.rig.sim, &self.rig.client].into_iter().flatten() {
                    process.signal(Signal::CONT)?;
                }
                Ok(())
            }
            Act::KillPlatform => {
                self.rig.revive_sim().await?;
                self.rig.renew_token().await
            }
            Act::FileLimit => self.rig.limit_files(None),
            Act::DiskFull { .. } => self.rig.empty_disk(),
            Act::Microphone => {
                self.rig.restore_microphone();
                Ok(())
            }
            Act::Platform(..)
            | Act::KillClient
            | Act::RuntimeFolder
            | Act::StateFolder
            | Act::StateIsAFile
            | Act::Clock(_) => Ok(()),
        }
    }

    /// The folder of state and logs, whole and at once: while it is emptied, something new is written into it.
    fn remove_state(&self) -> std::io::Result<()> {
        fs::rename(self.rig.path("state"), self.rig.path("removed"))?;
        let removed = fs::remove_dir_all(self.rig.path("removed"));
        removed.or_else(|error| if error.kind() == ErrorKind::DirectoryNotEmpty { Ok(()) } else { Err(error) })
    }

    /// Watches what is shown, and does what is to be done meanwhile.
    async fn while_it_lasts(&mut self, begun: Instant) -> Done {
        let lasts = Duration::from_millis(self.fault.lasts_ms);
        let is_asleep = matches!(self.fault.act, Act::Freeze { .. } | Act::KillPlatform);
        let mut acted = self.fault.meanwhile == Meanwhile::Nothing;
        let (mut astray, mut longest) = (None::<Instant>, (0.0, String::new()));
        while begun.elapsed() < lasts {
            if !acted && begun.elapsed() > Duration::from_millis(400) {
                acted = true;
                self.acts().await?;
                continue;
            }
            if !is_asleep {
                let asked = Instant::now();
                let status = self.rig.status().await;
                let slow = asked.elapsed().as_secs_f64();
                if slow > 3.0 {
                    return Err(format!("the phone bar answers after {slow:.1} s"));
                }
                let early = self.phase == Phase::SigningIn && status.is_err();
                if !early && !self.fault.breaks.control {
                    let status = status?;
                    self.look(&status, begun, &mut astray, &mut longest).await?;
                }
            }
            sleep(Duration::from_millis(100)).await;
        }
        if self.fault.name == "stall_ws_12" && self.phase != Phase::SigningIn {
            match self.measured.noticed {
                Some(noticed) if noticed <= NOTICED_S => {}
                noticed => return Err(format!("a dead link is shown up; noticed after {noticed:?} s")),
            }
        }
        let (astray, what) = longest;
        if astray > ASTRAY_S && self.phase != Phase::SigningIn {
            return Err(format!("the link is up, and for {astray:.1} s: {what}"));
        }
        Ok(())
    }

    async fn look(
        &mut self,
        status: &Value,
        begun: Instant,
        astray: &mut Option<Instant>,
        longest: &mut (f64, String),
    ) -> Done {
        if status["link"]["state"] != "up" && self.measured.noticed.is_none() {
            self.measured.noticed = Some(begun.elapsed().as_secs_f64());
            self.say(format!("link not up: {}", brief(status)));
        }
        if self.fault.breaks.link || status["link"]["state"] != "up" {
            *astray = None;
            return Ok(());
        }
        match differences(status, &self.rig.truth().await?) {
            None => *astray = None,
            Some(what) => {
                let since = astray.get_or_insert_with(Instant::now).elapsed().as_secs_f64();
                if since > longest.0 {
                    *longest = (since, what);
                }
            }
        }
        Ok(())
    }

    async fn acts(&mut self) -> Done {
        let begun = Instant::now();
        match self.fault.meanwhile {
            Meanwhile::Nothing => {}
            Meanwhile::AgentActs if self.phase == Phase::SigningIn => {}
            Meanwhile::AgentActs if !self.phase.has_call() => {
                let method = if self.phase == Phase::Idle { "Agent.unready" } else { "Agent.ready" };
                let answer = self.rig.ask(method, json!({})).await;
                self.say(format!("{method}: {answer:?}"));
            }
            Meanwhile::AgentActs => {
                let method = if self.phase == Phase::Dialing { "Session.callOutCancel" } else { "Session.hangup" };
                self.say(method);
                let (answer, gone) = tokio::join!(self.rig.ask(method, json!({})), self.rig.until_no_call(20.0));
                self.say(format!("{method}: {answer:?}, gone {gone:?}"));
                let gone = gone?;
                self.measured.hung_up = Some(gone);
                let cut = self.fault.name.contains("sip");
                if gone > SILENT_S && !cut {
                    return Err(format!("hung up, the call is gone after {gone:.1} s"));
                }
            }
            Meanwhile::CustomerHangsUp => {
                for call in self.rig.truth().await?.calls {
                    let path = format!("/calls/{}", call["call_id"].as_str().unwrap_or_default());
                    self.rig.admin(reqwest::Method::DELETE, &path, Value::Null).await?;
                }
                self.say("the customer has hung up");
            }
            Meanwhile::NewCall => {
                self.rig.customer_calls(json!({})).await?;
                let rang = self.rig.until_phase("ringing", 3.0).await?;
                self.rig.ask("Session.answer", json!({})).await?;
                let sound = self.rig.until_sound(4.0).await?;
                self.say(format!("rang after {rang:.2} s, sound after {sound:.2} s"));
            }
        }
        self.say(format!("done after {:.2} s", begun.elapsed().as_secs_f64()));
        Ok(())
    }
}
