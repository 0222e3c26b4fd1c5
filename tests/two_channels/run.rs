//! One story in one cell: what the people in it do, and what must be so at its end.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    Told,
    bar::{Bar, LIMIT},
    cells::{Cell, Names},
    stage::{GATEWAY, Stage, TONES},
};

/// By when nobody may hear an agent any more whose call is over.
const SHUT: Duration = Duration::from_millis(500);
/// The platform's figures are of the last half second; and a moment for them to be asked for.
const MEMORY: Duration = Duration::from_millis(600);

/// Everything that anybody says, Hz: two customers and the agents.
const SAID: [f64; 5] = [440.0, 620.0, TONES[0], TONES[1], TONES[2]];

/// A customer who calls.
#[derive(Clone, Debug)]
pub struct Customer {
    pub call_id: String,
    pub number: String,
    pub hz: f64,
}

impl Customer {
    pub fn who(&self) -> String {
        format!("customer:{}", self.number)
    }
}

/// A call as the journal must have it.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// Number of the other end, or its agent number.
    pub peer: String,
    pub directions: &'static [&'static str],
    pub outcomes: &'static [&'static str],
    /// Who ended it, where that is certain.
    pub by: Option<&'static str>,
    /// A customer's call, with area and skill group.
    pub of_customer: bool,
    /// The platform's name for it.
    pub call_id: Option<String>,
    /// Who it was may have become known only after its end: events and hooks cannot know.
    pub known_late: bool,
}

/// A leg as it was seen, and what its phone said if its call was over.
struct Said {
    at: Instant,
    leg: u64,
    user: String,
    over: bool,
    dbfs: Option<f64>,
}

pub struct Run<'a> {
    pub stage: &'a Stage,
    pub names: Names,
    serial: u64,
    begun: String,
    marks: Vec<usize>,
    hooks: Vec<usize>,
    last_call: Vec<u64>,
    lines: Vec<Vec<Line>>,
    /// When which agent asked for an end.
    pressed: Vec<(usize, Instant)>,
    /// Somebody refuses, gives up or is busy: phones may turn INVITEs down.
    pub may_refuse: bool,
    said: Ears,
}

/// What phones say whose call is over, as it is heard in the course of a run.
#[derive(Clone, Default)]
pub struct Ears(Arc<Mutex<Vec<Said>>>);

impl Ears {
    /// Notes it once; nothing if the platform does not answer.
    pub fn listen(&self, stage: &Stage) {
        let Ok(legs) = stage.get("/legs") else { return };
        let at = Instant::now();
        let seen = legs.iter().filter_map(|leg| {
            let (id, user) = (leg["leg"].as_u64()?, leg["user"].as_str()?.to_owned());
            Some(Said { at, leg: id, user, over: leg["over"] == true, dbfs: leg["said_dbfs"].as_f64() })
        });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(seen);
    }
}

impl<'a> Run<'a> {
    /// Puts the cell in force. `serial` tells this run's customers from those of all others.
    pub fn begin(stage: &'a Stage, cell: Cell, names: Names, serial: u64) -> Told<Self> {
        let bars = &stage.bars;
        let newest = |bar: &Bar| Ok(bar.journal()?.first().and_then(|call| call["id"].as_u64()).unwrap_or(0));
        let run = Self {
            stage,
            names,
            serial: serial * 10,
            begun: now(),
            marks: bars.iter().map(Bar::mark).collect(),
            hooks: bars.iter().map(|bar| bar.hooks().len()).collect(),
            last_call: bars.iter().map(newest).collect::<Told<_>>()?,
            lines: vec![Vec::new(); bars.len()],
            pressed: Vec::new(),
            may_refuse: false,
            said: Ears::default(),
        };
        stage.fault("delay_push_ms", cell.order(), None)?;
        stage.fault("delay_sip_ms", cell.order(), None)?;
        if !names.has_call_id() {
            stage.fault("no_call_id", json!(true), None)?;
        }
        if names.has_gateway() {
            stage.fault("sip_from", json!(GATEWAY), None)?;
        }
        Ok(run)
    }

    pub fn bar(&self, index: usize) -> &'a Bar {
        &self.stage.bars[index]
    }

    /// A number of this run's.
    pub fn number(&mut self) -> String {
        self.serial += 1;
        format!("139{:08}", self.serial)
    }

    /// A customer calls this agent.
    pub fn customer(&mut self, agent: usize, hz: f64) -> Told<Customer> {
        let number = self.number();
        let body = json!({
            "to_agent": self.bar(agent).ag_no, "from": number, "area": "北京", "audio": format!("tone:{hz}"), "queue": 1,
        });
        let call_id = self.stage.post("/calls", body)?["call_id"].as_str().unwrap_or_default().to_owned();
        Ok(Customer { call_id, number, hz })
    }

    pub fn customer_hangs_up(&self, customer: &Customer) -> Told<()> {
        self.stage.delete(&format!("/calls/{}", customer.call_id))
    }

    /// The customer's call rings, with everything that is to be known of it.
    pub fn rings(&self, agent: usize, customer: &Customer) -> Told<Value> {
        self.bar(agent).until(&format!("{} rings", customer.number), |s| {
            s["call"]["phase"] == "ringing" && is_of(&s["call"], customer)
        })
    }

    pub fn answer(&self, agent: usize) -> Told<()> {
        self.bar(agent).ask("Session.answer", json!({})).map(drop)
    }

    /// The two hear each other, and the screen says who it is.
    pub fn talks(&self, agent: usize, customer: &Customer) -> Told<()> {
        let bar = self.bar(agent);
        bar.until(&format!("in conversation with {}", customer.number), |s| {
            s["call"]["phase"] == "talking" && is_of(&s["call"], customer)
        })?;
        let who = format!("agent:{}", bar.ag_no);
        self.hear(&[(&who, &[customer.hz]), (&customer.who(), &[bar.hz])])?;
        bar.until("the customer is heard", |s| s["media"]["level_out_dbfs"].as_f64() > Some(-20.0)).map(drop)
    }

    /// Waits until each of these legs hears exactly these tones, of all that are said.
    pub fn hear(&self, wanted: &[(&str, &[f64])]) -> Told<()> {
        let deadline = Instant::now() + LIMIT;
        loop {
            let calls = self.stage.get("/calls")?;
            let heard: Vec<_> = wanted.iter().map(|(who, _)| tones(&calls, who)).collect();
            let is_so = |heard: &Option<Vec<f64>>, wanted: &[f64]| {
                let Some(heard) = heard else { return false };
                let hears = |tone: f64| heard.iter().any(|hz| (hz - tone).abs() <= 6.0);
                SAID.iter().all(|tone| hears(*tone) == wanted.contains(tone))
            };
            if heard.iter().zip(wanted).all(|(heard, (_, wanted))| is_so(heard, wanted)) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("not in time: wanted {wanted:?}, heard {heard:?}"));
            }
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    /// The agent ends the call.
    pub fn hangs_up(&mut self, agent: usize, how: &str) -> Told<()> {
        self.pressed.push((agent, Instant::now()));
        self.bar(agent).ask(how, json!({})).map(drop)
    }

    /// What the agent's journal must say of a call.
    pub fn expect(&mut self, agent: usize, line: Line) {
        self.lines[agent].push(line);
    }

    /// The line expected last.
    pub fn last_line(&mut self, agent: usize) -> Option<&mut Line> {
        self.lines[agent].last_mut()
    }

    /// A customer's call that the agent had.
    pub fn expect_customer(
        &mut self,
        agent: usize,
        customer: &Customer,
        outcomes: &'static [&'static str],
        by: &'static str,
    ) {
        self.expect(
            agent,
            Line {
                peer: customer.number.clone(),
                directions: &["in"],
                outcomes,
                by: Some(by),
                of_customer: true,
                call_id: Some(customer.call_id.clone()),
                known_late: false,
            },
        );
    }

    /// To be listened with as long as the run lasts.
    pub fn ears(&self) -> Ears {
        self.said.clone()
    }

    /// Everything is over, and was told once and right.
    pub fn verdict(&self) -> Told<()> {
        self.is_quiet()?;
        for (index, bar) in self.stage.bars.iter().enumerate() {
            self.is_right(index, bar)?;
        }
        self.microphones_were_shut()?;
        self.nobody_was_turned_away()
    }

    /// Every leg is gone, and everything that was late has come.
    fn is_quiet(&self) -> Told<()> {
        let deadline = Instant::now() + LIMIT;
        loop {
            let (legs, calls) = (self.stage.get("/legs")?, self.stage.get("/calls")?);
            if legs.is_empty() && calls.is_empty() {
                break;
            }
            if Instant::now() > deadline {
                return Err(format!("left at the platform: legs {}, calls {}", json!(legs), json!(calls)));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        // The link keeps its order: after this nothing more comes.
        let word = format!("end-{}", self.serial);
        for (bar, mark) in self.stage.bars.iter().zip(&self.marks) {
            self.stage.push(&bar.ag_no, &json!({"MT": 7, "IvrResult": word}))?;
            bar.event(*mark, "the last push", |event| event["data"]["IvrResult"] == json!(word))?;
            bar.until("idle, without a call", |s| {
                s["agent"]["state"] == "idle" && matches!(s["call"]["phase"].as_str(), Some("none" | "ended"))
            })?;
        }
        Ok(())
    }

    /// Events, hooks and journal of one agent.
    fn is_right(&self, index: usize, bar: &Bar) -> Told<()> {
        let lines = &self.lines[index];
        let events = bar.events(self.marks[index]);
        let named = |name: &str| -> Vec<Value> {
            events.iter().filter(|(_, e)| e["eventName"] == name).map(|(_, e)| e["data"].clone()).collect()
        };
        let (started, ended) = (named("callStarted"), named("callEnded"));
        let ids = |of: &[Value]| of.iter().filter_map(|data| data["id"].as_u64()).collect::<Vec<_>>();
        let wrong = |what: &str, have: &Value| Err(format!("{} {what}: {have}; wanted {lines:?}", bar.ag_no));
        if ids(&started) != ids(&ended) || started.len() != lines.len() {
            return wrong("callStarted and callEnded", &json!([started, ended]));
        }
        for (data, line) in ended.iter().zip(lines) {
            let call_id = line.call_id.as_deref().filter(|_| self.names.has_call_id() && !line.known_late);
            if call_id.is_some_and(|id| data["call_id"] != id) || !line.outcomes.iter().any(|o| data["outcome"] == *o) {
                return wrong("callEnded", data);
            }
        }
        let mut journal = bar.journal()?;
        journal.retain(|call| call["id"].as_u64() > Some(self.last_call[index]));
        journal.reverse();
        if journal.len() != lines.len() || journal.iter().zip(lines).any(|(call, line)| !line.is(call)) {
            return wrong("the journal", &json!(journal));
        }
        if journal.iter().filter_map(|call| call["id"].as_u64()).collect::<Vec<_>>() != ids(&ended) {
            return wrong("identities differ", &json!([journal, ended]));
        }
        self.hooks_ran(index, bar, &ids(&ended))?;
        let notices = bar.status()?["notices"].as_array().cloned().unwrap_or_default();
        let begun = self.begun.as_str();
        // How it sounds is a matter of what else this machine does.
        let of_sound = |notice: &Value| notice["text"].as_str().is_some_and(|text| text.contains("sound"));
        let is_bad = |n: &&Value| n["level"] == "error" && n["time"].as_str() >= Some(begun) && !of_sound(n);
        let bad = notices.iter().find(is_bad);
        bad.map_or(Ok(()), |notice| wrong("a notice", notice))
    }

    /// A hook ran at each beginning and each end, and for the end it knew who it was.
    fn hooks_ran(&self, index: usize, bar: &Bar, ids: &[u64]) -> Told<()> {
        let deadline = Instant::now() + LIMIT;
        loop {
            let ran: Vec<String> = bar.hooks().into_iter().skip(self.hooks[index]).collect();
            let once = |name: &str, id: &u64, line: &Line| {
                let begins = format!("{name} {id} ");
                let found: Vec<_> = ran.iter().filter(|line| line.starts_with(&begins)).collect();
                found.len() == 1
                    && (name == "callStarted" || line.known_late || found[0].split(' ').any(|word| word == line.peer))
            };
            let right = |(id, line): (&u64, &Line)| once("callStarted", id, line) && once("callEnded", id, line);
            if ran.len() == 2 * ids.len() && ids.iter().zip(&self.lines[index]).all(right) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("{} hooks: {ran:?}; wanted {:?}", bar.ag_no, self.lines[index]));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Nobody was heard for long whose call was over, by a key or as far as the platform had said so.
    fn microphones_were_shut(&self) -> Told<()> {
        let said = self.said.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (index, bar) in self.stage.bars.iter().enumerate() {
            let events = bar.events(self.marks[index]);
            let ends = events.iter().filter(|(_, e)| e["eventName"] == "callEnded").map(|(at, _)| *at);
            let mut ends: Vec<Instant> = ends.collect();
            let mut legs: BTreeMap<u64, Vec<&Said>> = BTreeMap::new();
            for said in said.iter().filter(|said| said.user == bar.user) {
                legs.entry(said.leg).or_default().push(said);
            }
            if legs.len() != ends.len() {
                // One was too short to be seen.
                continue;
            }
            // The key counts where it is before what came of it.
            for (end, pressed) in ends.iter_mut().rev().zip(self.pressed.iter().filter(|(who, _)| *who == index).rev())
            {
                *end = pressed.1.min(*end);
            }
            for (heard, end) in legs.values().zip(ends) {
                let loud = |said: &&&Said| said.at > end + SHUT + MEMORY && said.dbfs > Some(-50.0);
                if let Some(said) = heard.iter().filter(|said| said.over).find(loud) {
                    return Err(format!(
                        "{} is heard {:?} after the end of the call, with {:?} dBFS",
                        bar.ag_no,
                        said.at.duration_since(end),
                        said.dbfs
                    ));
                }
            }
        }
        Ok(())
    }

    /// What the platform saw of this run.
    fn log(&self) -> Told<Vec<Value>> {
        let mut log = self.stage.get("/log")?;
        log.retain(|entry| entry["time"].as_str() >= Some(self.begun.as_str()));
        Ok(log)
    }

    /// No phone refused a customer, or a call that was asked for.
    fn nobody_was_turned_away(&self) -> Told<()> {
        if self.may_refuse {
            return Ok(());
        }
        let refusal = |entry: &&Value| {
            let text = entry["text"].as_str().unwrap_or_default();
            let code = text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
            let refuses = code.is_some_and(|code: u16| code >= 400 && code != 487);
            entry["source"] == "sip" && entry["direction"] == "in" && refuses && text.contains(" INVITE\r\n")
        };
        match self.log()?.iter().find(refusal) {
            Some(entry) => Err(format!(
                "turned away: {}",
                entry["text"].as_str().and_then(|t| t.lines().next()).unwrap_or_default()
            )),
            None => Ok(()),
        }
    }

    /// Everything that went over the platform's wires and everything the phone bars published, in the order of time.
    pub fn timeline(&self) -> String {
        let mut lines: Vec<(String, String)> = Vec::new();
        for entry in self.log().unwrap_or_default() {
            let text = entry["text"].as_str().unwrap_or_default();
            let shown = match entry["source"].as_str() {
                Some("sip") if text.contains("REGISTER") => continue,
                Some("sip") => {
                    let of = |name: &str| {
                        text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
                    };
                    format!(
                        "{} ({}, {})",
                        text.lines().next().unwrap_or_default(),
                        of("CSeq:"),
                        of("Call-ID:").chars().take(6).collect::<String>()
                    )
                }
                _ => text.chars().take(230).collect(),
            };
            let time = entry["time"].as_str().unwrap_or_default().to_owned();
            lines.push((
                time,
                format!(
                    "{} {} {shown}",
                    entry["source"].as_str().unwrap_or_default(),
                    entry["direction"].as_str().unwrap_or_default()
                ),
            ));
        }
        for (bar, mark) in self.stage.bars.iter().zip(&self.marks) {
            for (_, event) in bar.events(*mark) {
                let time = event["time"].as_str().unwrap_or_default().to_owned();
                let data = event["data"].to_string().chars().take(160).collect::<String>();
                lines.push((
                    time,
                    format!("    bar {}: {} {data}", bar.ag_no, event["eventName"].as_str().unwrap_or_default()),
                ));
            }
        }
        lines.sort();
        let logs: String = self.stage.bars.iter().map(Bar::last_words).collect();
        let told: String =
            lines.iter().map(|(time, line)| format!("      {} {line}\n", time.get(17..).unwrap_or(time))).collect();
        told + &logs
    }
}

impl Line {
    fn is(&self, call: &Value) -> bool {
        let peer = [&call["peer"]["number"], &call["peer"]["ag_no"]].into_iter().any(|peer| *peer == json!(self.peer));
        let one_of = |words: &[&str], value: &Value| words.iter().any(|word| value == *word);
        let customer = !self.of_customer || (call["peer"]["area"] == "北京" && call["queue"]["id"] == 1);
        peer && customer
            && one_of(self.directions, &call["direction"])
            && one_of(self.outcomes, &call["outcome"])
            && self.by.is_none_or(|by| call["hung_up_by"] == by)
    }
}

/// Whether the screen's call is this customer's, with all that the platform says of it.
fn is_of(call: &Value, customer: &Customer) -> bool {
    call["peer"]["number"] == json!(customer.number) && call["peer"]["area"] == "北京" && call["queue"]["id"] == 1
}

/// The tones that a leg hears now, rising; nothing if there is no such leg.
fn tones(calls: &[Value], who: &str) -> Option<Vec<f64>> {
    let mut legs = calls.iter().filter_map(|call| call["legs"].as_array()).flatten();
    let leg = legs.find(|leg| leg["who"] == who)?;
    let mut tones: Vec<f64> = leg["heard_tones"].as_array()?.iter().filter_map(|tone| tone[0].as_f64()).collect();
    tones.sort_by(f64::total_cmp);
    Some(tones)
}

/// The wall clock, as the platform and the phone bar write it.
fn now() -> String {
    format!("{:.6}", jiff::Timestamp::now())
}
