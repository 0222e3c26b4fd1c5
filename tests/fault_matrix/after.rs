//! What is right when a fault is over.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    cell::{AT_ONCE_S, Cell, GAP_MS, RECOVERY_S},
    disk::SMALL_DISK,
    faults::{Act, After, Meanwhile},
    phases::{Phase, become_idle, call_differs, differences},
    rig::{AGENT_HZ, CUSTOMER_HZ, Done, STEP},
    sound,
    truth::{Truth, brief, shown_phase},
};

impl Cell {
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
            sleep(STEP).await;
        }
    }

    pub(super) async fn recovers(&mut self) -> Done {
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

    pub(super) async fn is_signed_out(&mut self) -> Done {
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
                Some(_) => sleep(STEP).await,
            }
        }
    }

    pub(super) async fn is_refused(&mut self) -> Done {
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

    pub(super) async fn ends_the_call(&mut self) -> Done {
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

    pub(super) async fn takes_the_next_call(&mut self) -> Done {
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
    pub(super) async fn has_kept_the_journal(&mut self) -> Done {
        if self.fault.act == Act::KillClient {
            // What was found again may have a line of its own.
            return Ok(());
        }
        let before = self.phase.has_call() || self.phase == Phase::WrapUp;
        let meanwhile = self.fault.meanwhile == Meanwhile::NewCall;
        let wanted = 1 + u64::from(before) + u64::from(meanwhile);
        let journal = self.rig.ask("journal.list", json!({})).await?;
        if journal["found"] != wanted {
            return Err(format!("{wanted} calls, and in the journal: {journal}"));
        }
        self.lasted_as_long_as_it_did(&journal)?;
        if matches!(self.fault.act, Act::DiskFull { .. }) {
            return self.journal_is_whole(wanted).await;
        }
        Ok(())
    }

    /// The phone bar ends as it should, and what it heard is whole.
    pub(super) async fn leaves(&mut self) -> Done {
        let client = self.rig.client.take().ok_or("no phone bar")?;
        let code = client.terminate().await?;
        if code != Some(0) {
            return Err(format!("exit code {code:?}"));
        }
        if matches!(self.fault.act, Act::FileLimit | Act::DiskFull { recording: true }) {
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

    /// What could not be written is written later: the file has every call, and nothing but whole lines.
    pub(super) async fn journal_is_whole(&mut self, wanted: u64) -> Done {
        let file =
            self.rig.inside(SMALL_DISK)?.join("state/wincall-tui").join(format!("journal-{}.jsonl", self.rig.ag_no));
        let begun = Instant::now();
        loop {
            let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            let lines: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
            let mut ids: Vec<u64> = lines.iter().flatten().filter_map(|line| line["id"].as_u64()).collect();
            ids.sort_unstable();
            ids.dedup();
            if lines.is_ok() && ids.len() as u64 == wanted {
                return Ok(());
            }
            if begun.elapsed() > Duration::from_secs(5) {
                return Err(format!("{wanted} calls, and in the journal's file: {text}"));
            }
            sleep(STEP).await;
        }
    }
}
