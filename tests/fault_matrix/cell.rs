//! One cell of the table: a phase, a fault in it, and everything that is right afterwards.

use std::{
    fs,
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, Signal};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    faults::{Act, After, Fault, Meanwhile},
    phases::{self, Phase, become_idle, call_differs, differences},
    rig::{AGENT_HZ, CUSTOMER_HZ, Done, Rig, Truth, Wish, brief, shown_phase},
    sound,
};

/// Everything is to be right again after so many seconds. What it took is measured and told; machines that run tests
/// are slow at times.
const RECOVERY_S: f64 = 15.0;
/// What is to happen at once, s.
const AT_ONCE_S: f64 = 6.0;
/// A dead link is known within 10 s; the rest is this machine's slowness.
const NOTICED_S: f64 = 11.5;
/// Hung up, nobody hears the agent for long whatever the platform's commands do, s.
const SILENT_S: f64 = 2.5;
/// Longest time that something else may be shown than the platform says while the link is up, s.
const ASTRAY_S: f64 = 2.5;
/// Longest silence in a call of which only the signalling broke, ms. Zero is right and what is measured on a machine that
/// keeps up; a path that was lost is seconds.
const GAP_MS: f64 = 1000.0;

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
        deaf: fault.act == Act::DiskFull,
        survives_full_disk: fault.act == Act::DiskFull,
    }
}

struct Cell {
    rig: Rig,
    phase: Phase,
    fault: Fault,
    begun: Instant,
    /// What was done and seen, for the reader of a failure.
    said: Vec<String>,
    measured: Measured,
    /// When the fault began, and what part of what was heard is since then, in samples.
    struck: Instant,
    since: (usize, usize),
}

impl Cell {
    fn say(&mut self, what: impl AsRef<str>) {
        let now = jiff::Timestamp::now();
        self.said.push(format!("{now:.3} +{:.2} {}", self.begun.elapsed().as_secs_f64(), what.as_ref()));
    }

    async fn whole(&mut self) -> Done {
        let begun = self.strike().await?;
        self.while_it_lasts(begun).await?;
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
            Act::StateFolder => fs::remove_dir_all(self.rig.path("state")).map_err(io),
            Act::StateIsAFile => {
                fs::remove_dir_all(self.rig.path("state")).map_err(io)?;
                fs::write(self.rig.path("state"), "not a folder").map_err(io)
            }
            Act::DiskFull => self.limit_files(Some(0)),
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
            Act::DiskFull => self.limit_files(None),
            Act::Microphone => {
                self.rig.restore_microphone();
                Ok(())
            }
            Act::Platform(..) | Act::KillClient | Act::RuntimeFolder | Act::StateFolder | Act::StateIsAFile => Ok(()),
        }
    }

    fn limit_files(&self, most: Option<u64>) -> Done {
        let client = self.rig.client.as_ref().ok_or("no phone bar")?;
        let limit = Rlimit { current: most, maximum: None };
        rustix::process::prlimit(Some(client.pid()), Resource::Fsize, limit).map(drop).map_err(|e| e.to_string())
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

    /// Waits until both sides agree, the link is up and the phone registered, and stay so for a moment.
    async fn agrees(&mut self, agree: impl Fn(&Value, &Truth) -> Option<String>) -> Done {
        let over = Instant::now();
        let mut good_since = None::<Instant>;
        let mut last = String::new();
        loop {
            let now = over.elapsed().as_secs_f64();
            let wrong = match (self.rig.status().await, self.rig.truth().await) {
                (Ok(status), Ok(truth)) => {
                    let (linked, registered) = truth.reaches();
                    let link = linked && status["link"]["state"] == "up";
                    let phone = registered && status["sip"]["state"] == "registered";
                    if link && self.measured.link.is_none() {
                        self.measured.link = Some(now);
                    }
                    if phone && self.measured.phone.is_none() {
                        self.measured.phone = Some(now);
                    }
                    let wrong = agree(&status, &truth);
                    let wrong = wrong.or_else(|| (!(link && phone)).then(|| "link or phone away".to_owned()));
                    wrong.map(|wrong| format!("{wrong} ({}; platform: {})", brief(&status), truth.brief()))
                }
                (Err(error), _) | (_, Err(error)) => Some(error),
            };
            match wrong {
                None => {
                    let since = good_since.get_or_insert_with(Instant::now);
                    if since.elapsed() > Duration::from_millis(400) {
                        return Ok(());
                    }
                }
                Some(wrong) => {
                    good_since = None;
                    if wrong != last {
                        self.say(&wrong);
                        last = wrong;
                    }
                    if now > RECOVERY_S {
                        return Err(format!("after {RECOVERY_S} s: {last}"));
                    }
                }
            }
            sleep(super::rig::STEP).await;
        }
    }

    async fn recovers(&mut self) -> Done {
        let found = self.fault.after == After::CallFound;
        self.agrees(|status, truth| match differences(status, truth) {
            // Which phase it is in, a phone bar that was away cannot always know.
            Some(_) if found && shown_phase(status) != "none" && !truth.calls.is_empty() => None,
            differs => differs,
        })
        .await?;
        if self.phase == Phase::SigningIn {
            return become_idle(&self.rig, RECOVERY_S).await;
        }
        let ended = matches!(self.fault.meanwhile, Meanwhile::CustomerHangsUp)
            || self.fault.meanwhile == Meanwhile::AgentActs && self.phase.has_call();
        let keeps = self.phase.is_answered() || self.phase == Phase::Dialing;
        if self.fault.after == After::Same && keeps && !ended {
            let there = self.rig.truth().await?.phases();
            if there.is_empty() {
                return Err("the call was lost".into());
            }
            if self.fault.act == Act::Microphone && self.phase.is_answered() {
                return self.is_told("warn").await;
            }
            if self.phase.speaks() {
                let sound = self.rig.until_sound(RECOVERY_S).await?;
                self.measured.sound = Some(sound);
            }
        }
        Ok(())
    }

    async fn is_told(&self, least: &str) -> Done {
        let status = self.rig.status().await?;
        let notices = status["notices"].as_array().cloned().unwrap_or_default();
        let bad = |notice: &Value| notice["level"] == "error" || notice["level"] == least;
        if notices.iter().any(bad) { Ok(()) } else { Err(format!("nothing is told: {notices:?}")) }
    }

    async fn is_signed_out(&mut self) -> Done {
        let out = |s: &Value| s["agent"]["state"] == "signed_out";
        self.rig.until("signed out", AT_ONCE_S, out).await?;
        self.is_told("error").await?;
        self.call_agrees().await
    }

    /// The call goes on in both pictures.
    async fn call_agrees(&mut self) -> Done {
        let begun = Instant::now();
        loop {
            let (status, truth) = (self.rig.status().await?, self.rig.truth().await?);
            match call_differs(&status, &truth) {
                None => {
                    let kept = !truth.calls.is_empty() || self.fault.ends_calls();
                    if self.phase.is_answered() && !kept {
                        return Err("the call was lost".into());
                    }
                    return Ok(());
                }
                Some(what) if begun.elapsed().as_secs_f64() > AT_ONCE_S => return Err(what),
                Some(_) => sleep(super::rig::STEP).await,
            }
        }
    }

    async fn is_refused(&mut self) -> Done {
        self.call_agrees().await?;
        if self.phase.speaks() {
            self.rig.until_sound(RECOVERY_S).await?;
        }
        if self.fault.after == After::NewToken {
            let token = self.rig.fresh_token().await?;
            self.rig.ask("config.setState", json!({"token": token})).await?;
            self.say("a new token");
        } else if self.rig.status().await?["link"]["state"] != "up" {
            self.is_told("error").await?;
            let answer = self.rig.ask("reconnect", json!({})).await;
            self.say(format!("reconnect: {answer:?}"));
        }
        if self.phase == Phase::SigningIn {
            sleep(Duration::from_secs(1)).await;
            if self.rig.status().await?["agent"]["state"] == "signed_out" {
                self.is_told("error").await?;
                self.rig.ask("Agent.login", json!({"force": true})).await?;
            }
            return become_idle(&self.rig, RECOVERY_S).await;
        }
        self.agrees(differences).await
    }

    async fn ends_the_call(&mut self) -> Done {
        let (status, truth) = (self.rig.status().await?, self.rig.truth().await?);
        if shown_phase(&status) != "none" || !truth.calls.is_empty() {
            let answer = self.rig.ask("Session.hangup", json!({})).await;
            self.say(format!("hangup: {answer:?}"));
            self.rig.until_no_call(AT_ONCE_S).await?;
            if self.phase.speaks() {
                let lasted = self.struck.elapsed();
                // Written out when the call is over.
                sleep(Duration::from_millis(200)).await;
                self.since = sound::last_of(&self.rig.path("ear.wav"), lasted);
            }
        }
        Ok(())
    }

    async fn takes_the_next_call(&mut self) -> Done {
        if self.fault.after == After::SignedOut {
            self.rig.ask("Agent.login", json!({"force": true})).await?;
        }
        become_idle(&self.rig, RECOVERY_S).await?;
        self.rig.customer_calls(json!({})).await?;
        self.rig.until_phase("ringing", AT_ONCE_S).await?;
        self.rig.ask("Session.answer", json!({})).await?;
        self.rig.until_sound(AT_ONCE_S).await?;
        sleep(Duration::from_millis(400)).await;
        self.rig.ask("Session.hangup", json!({})).await?;
        self.rig.until_no_call(AT_ONCE_S).await?;
        Ok(())
    }

    /// One line a call.
    async fn has_kept_the_journal(&mut self) -> Done {
        if self.fault.act == Act::KillClient {
            // What was found again may have a line of its own.
            return Ok(());
        }
        let before = self.phase.has_call() || self.phase == Phase::WrapUp;
        let meanwhile = self.fault.meanwhile == Meanwhile::NewCall;
        let wanted = 1 + u64::from(before) + u64::from(meanwhile);
        let journal = self.rig.ask("journal.list", json!({})).await?;
        if journal["found"] == wanted { Ok(()) } else { Err(format!("{wanted} calls, and in the journal: {journal}")) }
    }

    /// The phone bar ends as it should, and what it heard is whole.
    async fn leaves(&mut self) -> Done {
        let client = self.rig.client.take().ok_or("no phone bar")?;
        let code = client.terminate().await?;
        if code != Some(0) {
            return Err(format!("exit code {code:?}"));
        }
        if self.fault.act == Act::DiskFull {
            return Ok(());
        }
        let (ear, since) = (self.rig.path("ear.wav"), self.since);
        let heard = tokio::task::spawn_blocking(move || {
            let ear = sound::Recording::read(&ear)?;
            Ok::<_, String>((ear.last_hz(&[CUSTOMER_HZ, 700.0, AGENT_HZ]), ear.longest_gap_ms(since.0, since.1)))
        });
        let (hz, gap) = heard.await.map_err(|error| error.to_string())??;
        if hz != Some(CUSTOMER_HZ) {
            return Err(format!("the last call sounded of {hz:?} Hz"));
        }
        if since.1 > since.0 && !self.fault.breaks.sound {
            self.measured.gap_ms = Some(gap);
            if gap > GAP_MS {
                return Err(format!(
                    "{gap} ms of silence between samples {since:?} while only the signalling was broken"
                ));
            }
        }
        Ok(())
    }
}
