//! What the two sides think, and waiting for it.

use std::time::Instant;

use serde_json::Value;
use tokio::time::sleep;

use super::rig::{AGENT_HZ, Done, Rig, STEP};

impl Rig {
    /// Waits until the phone bar's status is as wanted; the status, and how long it took.
    pub async fn until(&self, what: &str, limit: f64, wanted: impl Fn(&Value) -> bool) -> Done<(Value, f64)> {
        let begun = Instant::now();
        loop {
            let status = self.status().await;
            let took = begun.elapsed().as_secs_f64();
            match status {
                Ok(status) if wanted(&status) => return Ok((status, took)),
                Ok(status) if took > limit => return Err(format!("not within {limit} s: {what} ({})", brief(&status))),
                Err(error) if took > limit => return Err(format!("not within {limit} s: {what} ({error})")),
                Ok(_) | Err(_) => sleep(STEP).await,
            }
        }
    }

    pub async fn until_phase(&self, phase: &str, limit: f64) -> Done<f64> {
        Ok(self.until(phase, limit, |s| s["call"]["phase"] == phase).await?.1)
    }

    /// Waits until neither side has a call.
    pub async fn until_no_call(&self, limit: f64) -> Done<f64> {
        let begun = Instant::now();
        loop {
            let here = self.status().await.map(|s| shown_phase(&s).to_owned());
            let there = self.truth().await.map(|t| t.phases());
            let took = begun.elapsed().as_secs_f64();
            if here.as_deref() == Ok("none") && there.as_deref() == Ok(&[]) {
                return Ok(took);
            }
            if took > limit {
                return Err(format!("a call is left after {limit} s: here {here:?}, platform {there:?}"));
            }
            sleep(STEP).await;
        }
    }

    pub async fn until_file(&self, name: &str, limit: f64) -> Done {
        let begun = Instant::now();
        while !self.path(name).exists() {
            if begun.elapsed().as_secs_f64() > limit {
                return Err(format!("there is no {name}"));
            }
            sleep(STEP).await;
        }
        Ok(())
    }

    /// Sound both ways: the customer hears the agent's microphone, and packets with the customer's voice come in.
    pub async fn until_sound(&self, limit: f64) -> Done<f64> {
        let begun = Instant::now();
        let mut packets = None;
        loop {
            let status = self.status().await?;
            let media = &status["media"];
            let came = media["packets_received"].as_u64();
            let loud = media["level_out_dbfs"].as_f64().is_some_and(|level| level > -40.0);
            let here = packets.is_some() && came > packets && loud && media["state"] == "up";
            packets = packets.or(came);
            let took = begun.elapsed().as_secs_f64();
            if here || took > limit {
                let truth = self.sounding_truth().await?;
                if here && truth.is_heard(AGENT_HZ) {
                    return Ok(begun.elapsed().as_secs_f64());
                }
                if took > limit {
                    return Err(format!("no sound both ways within {limit} s: {media}, heard {:?}", truth.hearing()));
                }
            }
            sleep(STEP).await;
        }
    }
}

/// What the platform has of the agent.
#[derive(Clone, Debug)]
pub struct Truth {
    pub agent: Value,
    /// Without those that are over.
    pub calls: Vec<Value>,
}

impl Truth {
    pub fn phases(&self) -> Vec<String> {
        self.calls.iter().filter_map(|call| call["phase"].as_str().map(str::to_owned)).collect()
    }

    pub fn hearing(&self) -> Vec<(String, Vec<f64>)> {
        let legs = self.calls.iter().flat_map(|call| call["legs"].as_array().into_iter().flatten());
        let tones = |leg: &Value| {
            leg["heard_tones"].as_array().into_iter().flatten().filter_map(|tone| tone[0].as_f64()).collect()
        };
        legs.map(|leg| (leg["who"].as_str().unwrap_or_default().to_owned(), tones(leg))).collect()
    }

    /// Whether anybody but the agent hears this tone.
    pub fn is_heard(&self, hz: f64) -> bool {
        let hearing = self.hearing();
        let mut others = hearing.iter().filter(|(who, _)| !who.starts_with("agent:"));
        others.any(|(_, tones)| tones.iter().any(|tone| (tone - hz).abs() < 5.0))
    }

    pub fn state(&self) -> Option<u64> {
        self.agent["state"].as_u64()
    }

    pub fn brief(&self) -> String {
        let (linked, registered) = self.reaches();
        format!("state {:?}, calls {:?}, link {linked}, phone {registered}", self.state(), self.phases())
    }

    /// The link and the phone are there, as the platform sees it.
    pub fn reaches(&self) -> (bool, bool) {
        (self.agent["linked"] == true, self.agent["phone_registered"] == true)
    }
}

/// The phase of the call that is shown; a call that is over is none.
pub fn shown_phase(status: &Value) -> &str {
    match status["call"]["phase"].as_str().unwrap_or_default() {
        "ended" => "none",
        phase => phase,
    }
}

/// A status in a line.
pub fn brief(status: &Value) -> String {
    let state = |group: &str| status[group]["state"].as_str().unwrap_or("?").to_owned();
    let (agent, link, sip, media) = (state("agent"), state("link"), state("sip"), state("media"));
    format!("agent {agent}, call {}, link {link}, phone {sip}, sound {media}", shown_phase(status))
}
