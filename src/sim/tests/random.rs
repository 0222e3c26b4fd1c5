//! Whatever three agents, their customers and their phones do in whatever order: nobody is left in a call that is over, no
//! leg and no voice without a call, and every client is told a story that makes sense.

use proptest::prelude::*;

use super::*;
use crate::sim::{
    calls::{Call, Incoming, Line, Role},
    commands,
    state::{LinkOp, Sta},
    world::World,
};

const AGENTS: [&str; 3] = ["8001", "8002", "8003"];
/// Who is meant by a command: agents, colleagues, nobody.
const OTHERS: [&str; 6] = ["8001", "8002", "8003", "8101", "8102", "9999"];
const NUMBERS: [&str; 3] = ["1001", "1002", "1003"];
const SCENARIO: &str = r#"
wrap_up_s = 2
[[colleagues]]
ag_no = "8101"
name = "a"
groups = [1]
after_ms = 300
takes_calls = true
talks_s = 3
[[colleagues]]
ag_no = "8102"
name = "b"
groups = [2]
behaviour = "refuse"
after_ms = 300
in_call_with = "13900139000"
[[ivrs]]
code = "7"
lasts_ms = 400
"#;

#[derive(Clone, Debug)]
enum Step {
    /// An agent's command, by its place in `commands_of`, with whom it is about.
    Command(usize, usize, usize),
    /// The nth leg that has not been answered is.
    Answered(usize),
    /// The nth leg ends by itself.
    LegEnds(usize),
    /// A customer calls a queue, or an agent.
    CustomerCalls(usize),
    /// The customer of the nth call hangs up.
    CustomerHangsUp(usize),
    /// Time passes, ms.
    Pass(u64),
    /// An agent signs in, if it is not.
    SignIn(usize),
}

fn command_of(n: usize, about: usize) -> (&'static str, Value) {
    let other = OTHERS[about % OTHERS.len()];
    let number = NUMBERS[about % NUMBERS.len()];
    match n {
        0 => ("agent/consultAg", json!({"consultAgNo": other})),
        1 => ("agent/consultTel", json!({"consultTel": number})),
        2 => ("agent/consultCancel", json!({})),
        3 => ("agent/consultTransfer", json!({})),
        4 => ("agent/consultThreeway", json!({})),
        5 => ("agent/consultThreewayReturn", json!({})),
        6 => ("agent/transferAg", json!({"transferAgNo": other})),
        7 => ("agent/transferTel", json!({"transferTel": number})),
        8 => ("agent/transferQueue", json!({"queueId": about % 2 + 1})),
        9 => ("agent/transferIVR", json!({"ivrCode": "7", "ivrNode": "1"})),
        10 => ("agent/transferEvaluate", json!({})),
        11 => ("agent/interact", json!({"ivrCode": "7"})),
        12 => ("agent/takeOutQueue", json!({})),
        13 => ("manager/spy", json!({"monitoredAgNo": other})),
        14 => ("manager/whisper", json!({})),
        15 => ("manager/whisperCancel", json!({})),
        16 => ("manager/barge", json!({})),
        17 => ("manager/disconnect", json!({"monitoredAgNo": other})),
        18 => ("agent/hold", json!({})),
        19 => ("agent/unhold", json!({})),
        20 => ("agent/hangup", json!({})),
        21 => ("agent/refuse", json!({})),
        22 => ("agent/callOut", json!({"tel": number})),
        23 => ("agent/callInner", json!({"calledAgNo": other})),
        24 => ("agent/callOutCancel", json!({})),
        25 => ("agent/ready", json!({})),
        26 => ("agent/busy", json!({})),
        _ => ("agent/logout", json!({})),
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..3_usize, 0..28_usize, 0..6_usize).prop_map(|(agent, n, about)| Step::Command(agent, n, about)),
        // Agents and a supervisor who do what theirs is.
        4 => (0..3_usize, 0..6_usize, 0..6_usize).prop_map(|(agent, n, about)| Step::Command(agent, n, about)),
        4 => (13..18_usize, 0..6_usize).prop_map(|(n, about)| Step::Command(2, n, about)),
        6 => (0..4_usize).prop_map(Step::Answered),
        1 => (0..4_usize).prop_map(Step::LegEnds),
        3 => (0..5_usize).prop_map(Step::CustomerCalls),
        1 => (0..4_usize).prop_map(Step::CustomerHangsUp),
        3 => (1..3000_u64).prop_map(Step::Pass),
        1 => (0..3_usize).prop_map(Step::SignIn),
    ]
}

/// What a client has been told of its call.
#[derive(Default)]
struct Client {
    link: Option<mpsc::UnboundedReceiver<LinkOp>>,
    in_call: bool,
}

impl Client {
    /// Reads what has been pushed, and checks that it can be.
    fn read(&mut self) {
        let Some(link) = &mut self.link else { return };
        while let Ok(op) = link.try_recv() {
            let LinkOp::Text(text) = op else { continue };
            let message: Value = serde_json::from_str(&text).unwrap();
            let Some(sta) = message["PhoSta"].as_u64().filter(|_| message["MT"] == 3) else { continue };
            match (sta, message["RingType"].as_u64()) {
                (4, _) | (5, Some(0 | 1 | 3 | 4)) => {
                    assert!(!self.in_call, "rung in a call: {message}");
                    self.in_call = true;
                }
                (0, _) => {
                    assert!(self.in_call, "the end of no call: {message}");
                    self.in_call = false;
                }
                _ => assert!(self.in_call, "a word about no call: {message}"),
            }
        }
    }
}

struct Bench {
    world: World,
    switch: Arc<FakeSwitch>,
    events: mpsc::UnboundedReceiver<SwitchEvent>,
    clients: [Client; 3],
}

impl Bench {
    fn new() -> Bench {
        let (sender, events) = mpsc::unbounded_channel();
        let switch = FakeSwitch::new(sender);
        let telephony: Arc<dyn Telephony> = Arc::clone(&switch) as _;
        let mut world = World::new(Scenario::parse(SCENARIO, "test").unwrap(), telephony);
        for (number, behaviour) in [("1001", "answer"), ("1002", "busy"), ("1003", "no_answer")] {
            let outcome = crate::sim::customers::Outcome::from_name(behaviour).unwrap();
            let after = Some(Duration::from_millis(300));
            let behaviour = crate::sim::customers::Behaviour { outcome, after, ..Default::default() };
            world.behaviours.insert(number.to_owned(), behaviour);
        }
        let mut bench = Bench { world, switch, events, clients: Default::default() };
        for agent in 0..3 {
            bench.sign_in(agent);
        }
        bench
    }

    fn command(&mut self, agent: usize, path: &str, mut body: Value) -> Value {
        body["agNo"] = json!(AGENTS[agent]);
        let token = self.world.tokens.newest(AGENTS[agent]).unwrap().to_owned();
        commands::run(&mut self.world, path, &token, body.to_string().as_bytes()).data
    }

    fn sign_in(&mut self, agent: usize) {
        if self.world.session(AGENTS[agent]).is_some() {
            return;
        }
        let body = json!({"bindTel": format!("900{}", agent + 1), "loginType": 2, "state": 0});
        let data = self.command(agent, "agent/login", body);
        let token = self.world.tokens.newest(AGENTS[agent]).unwrap().to_owned();
        let (tx, link) = mpsc::unbounded_channel();
        let id = self.world.link_opened(&token, data["regId"].as_str().unwrap(), tx).unwrap();
        self.world.link_greeted(AGENTS[agent], id);
        self.clients[agent] = Client { link: Some(link), in_call: false };
        self.command(agent, "agent/ready", json!({}));
    }

    /// Legs that live, answered or not.
    fn legs(&self, up: bool) -> Vec<LegId> {
        let legs = self.world.calls.values().flat_map(|c| &c.legs).filter(|l| l.up == up);
        legs.filter_map(|l| if let Line::Phone(leg) = l.line { Some(leg) } else { None }).collect()
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Command(agent, n, about) => {
                let (path, body) = command_of(n, about);
                self.command(agent, path, body);
            }
            Step::Answered(n) => {
                if let Some(leg) = pick(&self.legs(false), n) {
                    self.switch.tell(SwitchEvent::Answered { leg });
                }
            }
            Step::LegEnds(n) => {
                let (mut all, up) = (self.legs(false), self.legs(true));
                all.extend(&up);
                if let Some(leg) = pick(&all, n) {
                    let ended = SwitchEvent::Ended { leg };
                    let failed = SwitchEvent::Failed { leg, status: 486 };
                    self.switch.tell(if up.contains(&leg) { ended } else { failed });
                }
            }
            Step::CustomerCalls(n) => {
                self.world.customer_calls(Incoming {
                    from: "13800138000".to_owned(),
                    area: String::new(),
                    to_agent: AGENTS.get(n).map(|a| (*a).to_owned()),
                    queue: Some(i64::from(n == 3) + 1),
                    answer_timeout: Duration::from_secs(20),
                    voice: Voice::Speech,
                    hangup_after: (n == 4).then_some(Duration::from_secs(4)),
                    arrival: None,
                    project: None,
                });
            }
            Step::CustomerHangsUp(n) => {
                let calls: Vec<u64> = self.world.calls.keys().copied().collect();
                if let Some(no) = pick(&calls, n) {
                    self.world.end_call(no, None);
                }
            }
            Step::Pass(_) => {}
            Step::SignIn(agent) => self.sign_in(agent),
        }
        while let Ok(event) = self.events.try_recv() {
            self.world.switch_event(event);
        }
        self.world.run_due();
        for client in &mut self.clients {
            client.read();
        }
        self.check();
    }

    /// What always holds.
    fn check(&self) {
        let world = &self.world;
        for agent in &world.agents {
            let Some(session) = &agent.session else { continue };
            let ag_no = &agent.entry.ag_no;
            assert_eq!(session.sta == Sta::Occupied, session.call.is_some(), "{ag_no}: {session:?}");
            if let Some(no) = session.call {
                assert!(world.calls[&no].leg(ag_no).is_some(), "{ag_no} is in call {no} without a part in it");
            }
        }
        let mut own = HashSet::new();
        for call in world.calls.values() {
            assert!(call.customer.is_some() || call.legs.iter().any(|l| l.role == Role::Main), "nobody's: {call:?}");
            assert!(call.customer.is_none() || call.legs.iter().filter(|l| l.role == Role::Main).count() <= 1);
            for leg in &call.legs {
                let session = world.session(&leg.ag_no).unwrap();
                assert_eq!(session.call, Some(call.no), "{} has a part in {call:?}", leg.ag_no);
                if let Role::Spy { of, .. } = &leg.role {
                    assert!(call.leg(of).is_some(), "{} listens to nobody", leg.ag_no);
                }
            }
            own.extend(parties(call));
        }
        let live = self.switch.live();
        for party in live.iter().filter(|p| p.0 >= 1_000_000) {
            assert!(own.contains(party), "voice {party:?} has no call");
        }
        for party in &own {
            assert!(live.contains(party), "{party:?} is gone and still in a call");
            for speaker in self.switch.hears(*party) {
                assert!(live.contains(&speaker), "{party:?} hears {speaker:?}, who is gone");
            }
        }
    }
}

fn pick<T: Copy>(from: &[T], n: usize) -> Option<T> {
    from.get(n % from.len().max(1)).copied()
}

/// Everybody in a call, as the switch knows them.
fn parties(call: &Call) -> Vec<PartyId> {
    let agents = call.legs.iter().filter_map(|l| match l.line {
        Line::Phone(leg) => Some(PartyId(leg.0)),
        Line::Voice(party) => party,
    });
    let outside = call.customer.iter().chain(&call.third).filter_map(|c| c.party);
    agents.chain(outside).chain(call.music).chain(call.script.as_ref().map(|s| s.party)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_is_ever_left_behind(steps in prop::collection::vec(step(), 1..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut bench = Bench::new();
            for step in &steps {
                if let Step::Pass(ms) = step {
                    tokio::time::advance(Duration::from_millis(*ms)).await;
                }
                bench.take(step);
            }
            for agent in 0..3 {
                bench.take(&Step::Command(agent, 27, 0));
            }
            // Colleagues with a customer of their own have one again after a while.
            for agent in &mut bench.world.agents {
                if let Some(colleague) = &mut agent.colleague {
                    colleague.in_call_with = None;
                }
            }
            while !bench.world.calls.is_empty() {
                bench.take(&Step::CustomerHangsUp(0));
            }
            tokio::time::advance(Duration::from_secs(600)).await;
            bench.take(&Step::Pass(0));
            assert!(bench.world.calls.is_empty(), "{:?}", bench.world.calls);
            assert_eq!(bench.switch.live(), HashSet::new());
            assert!(bench.clients.iter().all(|c| !c.in_call));
        });
    }
}
