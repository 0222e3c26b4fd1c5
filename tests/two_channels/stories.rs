//! The call stories. Each says what people do, in whatever order the two channels bring it to the phone bar, and what the
//! journals of all agents must have of it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    Told,
    cells::Cell,
    run::{Line, Run},
};

const ANSWERED: &[&str] = &["answered"];
const TRANSFERRED: &[&str] = &["transferred"];
const INNER: &[&str] = &["inner"];

/// What people do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Story {
    /// A customer is answered, and the agent hangs up.
    AgentHangsUp,
    /// A customer is answered, and hangs up.
    CustomerHangsUp,
    /// The same, and the next one, who waited, comes at once.
    TwoInARow,
    /// The same, and the agent is quicker.
    TwoAgentEnds,
    /// The same, and both are answered without a key.
    TwoAutoAnswered,
    /// The customer gives up while it rings.
    Missed,
    /// The customer gives up before everything of the call has come.
    GivenUpAtOnce,
    /// The agent refuses.
    Refused,
    /// The phone bar answers by itself.
    AutoAnswer,
    /// A number is dialled and answers.
    DialledAnswers,
    /// A number is dialled and is engaged.
    DialledBusy,
    /// A number is dialled, and the agent gives up.
    DialledCancelled,
    /// An agent calls an agent.
    AgentToAgent,
    /// A colleague is asked, and the agent returns to the customer.
    ConsultReturn,
    /// A colleague is asked and takes the customer over.
    ConsultTransfer,
    /// A colleague gets the customer without being asked.
    Transfer,
    /// A colleague joins, and leaves again.
    ThreeWay,
    /// A supervisor listens and whispers.
    Spy,
}

impl Story {
    /// Those with one phone bar.
    pub const ALONE: [Story; 12] = [
        Story::AgentHangsUp,
        Story::CustomerHangsUp,
        Story::TwoInARow,
        Story::TwoAgentEnds,
        Story::TwoAutoAnswered,
        Story::Missed,
        Story::GivenUpAtOnce,
        Story::Refused,
        Story::AutoAnswer,
        Story::DialledAnswers,
        Story::DialledBusy,
        Story::DialledCancelled,
    ];
    /// Those with several.
    pub const TOGETHER: [Story; 6] = [
        Story::AgentToAgent,
        Story::ConsultReturn,
        Story::ConsultTransfer,
        Story::Transfer,
        Story::ThreeWay,
        Story::Spy,
    ];

    /// Whether this cell can make a difference to this story.
    pub fn is_touched_by(self, cell: &Cell) -> bool {
        let begins_late = cell.ring > 0 || cell.invite > 0;
        let ends_late = cell.hangup > 0 || cell.bye > 0;
        let connected_late = cell.talking > 0;
        if !begins_late && !ends_late && !connected_late {
            return true;
        }
        match self {
            Story::TwoInARow | Story::TwoAgentEnds | Story::TwoAutoAnswered => true,
            // Nobody comes after it: its beginning and its end have nothing to do with each other.
            Story::AgentHangsUp | Story::CustomerHangsUp | Story::AutoAnswer | Story::DialledAnswers => {
                cell.seed.is_some() || !(begins_late && ends_late)
            }
            // They are over before anybody talks.
            Story::Missed | Story::GivenUpAtOnce | Story::Refused | Story::DialledBusy | Story::DialledCancelled => {
                begins_late || ends_late
            }
            // Long, with several legs each of which is late: the far ends of the scale.
            Story::AgentToAgent
            | Story::ConsultReturn
            | Story::ConsultTransfer
            | Story::Transfer
            | Story::ThreeWay
            | Story::Spy => {
                let far = |ms: u64, most: u64| ms == 0 || ms == most;
                let extreme =
                    far(cell.ring, 500) && far(cell.invite, 500) && far(cell.hangup, 1000) && far(cell.bye, 1000);
                cell.seed.map_or(extreme && !(begins_late && ends_late), |seed| seed < 2)
            }
        }
    }

    /// Acts it out.
    pub fn play(self, run: &mut Run<'_>) -> Told<()> {
        match self {
            Story::AgentHangsUp => one_customer(run, true),
            Story::CustomerHangsUp => one_customer(run, false),
            Story::TwoInARow => two_customers(run, false),
            Story::TwoAgentEnds => two_customers(run, true),
            Story::TwoAutoAnswered => two_auto_answered(run),
            Story::Missed => missed(run),
            Story::GivenUpAtOnce => given_up_at_once(run),
            Story::Refused => refused(run),
            Story::AutoAnswer => auto_answered(run),
            Story::DialledAnswers => dialled_answers(run),
            Story::DialledBusy => dialled_busy(run),
            Story::DialledCancelled => dialled_cancelled(run),
            Story::AgentToAgent => agent_to_agent(run),
            Story::ConsultReturn => consult_return(run),
            Story::ConsultTransfer => consult_transfer(run),
            Story::Transfer => transfer(run),
            Story::ThreeWay => three_way(run),
            Story::Spy => spy(run),
        }
    }
}

fn one_customer(run: &mut Run<'_>, agent_ends: bool) -> Told<()> {
    let customer = run.customer(0, 440.0)?;
    run.expect_customer(0, &customer, ANSWERED, if agent_ends { "agent" } else { "peer" });
    run.rings(0, &customer)?;
    run.answer(0)?;
    run.talks(0, &customer)?;
    if agent_ends { run.hangs_up(0, "Session.hangup") } else { run.customer_hangs_up(&customer) }
}

fn two_customers(run: &mut Run<'_>, agent_ends: bool) -> Told<()> {
    let first = run.customer(0, 440.0)?;
    run.rings(0, &first)?;
    run.answer(0)?;
    run.talks(0, &first)?;
    run.expect_customer(0, &first, ANSWERED, if agent_ends { "agent" } else { "peer" });
    let second = run.customer(0, 620.0)?;
    run.expect_customer(0, &second, ANSWERED, "agent");
    if agent_ends {
        run.hangs_up(0, "Session.hangup")?;
    } else {
        run.customer_hangs_up(&first)?;
    }
    run.rings(0, &second)?;
    run.answer(0)?;
    run.talks(0, &second)?;
    run.hangs_up(0, "Session.hangup")
}

fn set_auto_answer(run: &Run<'_>, on: bool) -> Told<()> {
    run.bar(0).ask("config.setState", json!({"autoAnswer": on}))?;
    run.bar(0).until("auto-answer", |s| s["auto_answer"] == on).map(drop)
}

fn auto_answered(run: &mut Run<'_>) -> Told<()> {
    set_auto_answer(run, true)?;
    let customer = run.customer(0, 440.0)?;
    run.expect_customer(0, &customer, ANSWERED, "agent");
    run.talks(0, &customer)?;
    run.hangs_up(0, "Session.hangup")?;
    set_auto_answer(run, false)
}

fn two_auto_answered(run: &mut Run<'_>) -> Told<()> {
    set_auto_answer(run, true)?;
    let first = run.customer(0, 440.0)?;
    run.expect_customer(0, &first, ANSWERED, "peer");
    run.talks(0, &first)?;
    let second = run.customer(0, 620.0)?;
    run.expect_customer(0, &second, ANSWERED, "peer");
    run.customer_hangs_up(&first)?;
    run.talks(0, &second)?;
    run.customer_hangs_up(&second)?;
    run.bar(0).until("the call is over", |s| s["call"]["phase"] != "talking")?;
    set_auto_answer(run, false)
}

fn missed(run: &mut Run<'_>) -> Told<()> {
    run.may_refuse = true;
    let customer = run.customer(0, 440.0)?;
    run.expect_customer(0, &customer, &["missed"], "peer");
    run.rings(0, &customer)?;
    run.customer_hangs_up(&customer)
}

fn given_up_at_once(run: &mut Run<'_>) -> Told<()> {
    run.may_refuse = true;
    let customer = run.customer(0, 440.0)?;
    run.expect_customer(0, &customer, &["missed"], "peer");
    if let Some(line) = run.last_line(0) {
        line.known_late = true;
    }
    // Whatever has come of it: one channel, both, or none yet.
    std::thread::sleep(Duration::from_millis(150));
    run.customer_hangs_up(&customer)
}

fn refused(run: &mut Run<'_>) -> Told<()> {
    run.may_refuse = true;
    let customer = run.customer(0, 440.0)?;
    run.expect_customer(0, &customer, &["rejected"], "agent");
    run.rings(0, &customer)?;
    run.hangs_up(0, "Session.refuse")
}

/// A number that does something when it is dialled, and the line its call leaves.
fn dials(
    run: &mut Run<'_>,
    behaviour: &str,
    after_ms: u64,
    outcomes: &'static [&'static str],
    by: Option<&'static str>,
) -> Told<String> {
    let number = run.number();
    let body = json!({"number": number, "behaviour": behaviour, "after_ms": after_ms, "audio": "tone:440"});
    run.stage.post("/outbound", body)?;
    run.expect(0, Line { peer: number.clone(), directions: &["out"], outcomes, by, ..Line::default() });
    run.bar(0).ask("Agent.callOut", json!({"tel": number}))?;
    run.bar(0).until("dialling", |s| {
        s["call"]["phase"] == "dialing"
            && s["call"]["direction"] == "out"
            && s["call"]["peer"]["number"] == json!(number)
    })?;
    Ok(number)
}

fn dialled_answers(run: &mut Run<'_>) -> Told<()> {
    let number = dials(run, "answer", 200, ANSWERED, Some("agent"))?;
    run.bar(0).until("in conversation", |s| {
        s["call"]["phase"] == "talking" && s["call"]["peer"]["number"] == json!(number)
    })?;
    run.hear(&[("agent:8001", &[440.0]), (&format!("customer:{number}"), &[run.bar(0).hz])])?;
    run.hangs_up(0, "Session.hangup")
}

fn dialled_busy(run: &mut Run<'_>) -> Told<()> {
    run.may_refuse = true;
    dials(run, "busy", 300, &["unanswered", "busy"], None)?;
    run.bar(0).until("it is over", |s| matches!(s["call"]["phase"].as_str(), Some("none" | "ended"))).map(drop)
}

fn dialled_cancelled(run: &mut Run<'_>) -> Told<()> {
    run.may_refuse = true;
    dials(run, "no_answer", 30_000, &["cancelled"], Some("agent"))?;
    run.hangs_up(0, "Session.callOutCancel")
}

fn agent_to_agent(run: &mut Run<'_>) -> Told<()> {
    for (agent, peer) in [(0, "8002"), (1, "8001")] {
        let line = Line { peer: peer.to_owned(), directions: INNER, outcomes: ANSWERED, ..Line::default() };
        run.expect(agent, line);
    }
    run.bar(0).ask("Agent.callInner", json!({"calledAgNo": "8002"}))?;
    run.bar(1)
        .until("a colleague rings", |s| s["call"]["phase"] == "ringing" && s["call"]["peer"]["ag_no"] == "8001")?;
    run.answer(1)?;
    for (agent, peer) in [(0, "8002"), (1, "8001")] {
        run.bar(agent)
            .until("the colleagues talk", |s| s["call"]["phase"] == "talking" && s["call"]["peer"]["ag_no"] == peer)?;
    }
    run.hear(&[("agent:8001", &[run.bar(1).hz]), ("agent:8002", &[run.bar(0).hz])])?;
    run.hangs_up(0, "Session.hangup")
}

/// In conversation with a customer who stays until the story says otherwise.
fn serves(
    run: &mut Run<'_>,
    outcomes: &'static [&'static str],
    by: Option<&'static str>,
) -> Told<crate::run::Customer> {
    let customer = run.customer(0, 440.0)?;
    run.expect_customer(0, &customer, outcomes, "agent");
    if let (None, Some(line)) = (by, run.last_line(0)) {
        line.by = None;
    }
    run.rings(0, &customer)?;
    run.answer(0)?;
    run.talks(0, &customer)?;
    Ok(customer)
}

/// The colleague is asked and answers.
fn consults(run: &Run<'_>) -> Told<()> {
    run.bar(0).ask("Session.consultAg", json!({"consultAgNo": "8002"}))?;
    run.bar(1).until("a colleague asks", |s| {
        s["call"]["phase"] == "ringing" && s["call"]["direction"] == "consult" && s["call"]["peer"]["ag_no"] == "8001"
    })?;
    run.answer(1)?;
    run.bar(0)
        .until("consulting", |s| s["call"]["phase"] == "consulting" && s["call"]["consult"]["ag_no"] == "8002")?;
    run.bar(1).until_phase("talking")?;
    run.hear(&[("agent:8001", &[run.bar(1).hz]), ("agent:8002", &[run.bar(0).hz])])
}

fn expect_consulted(run: &mut Run<'_>) {
    run.expect(1, Line { peer: "8001".to_owned(), directions: &["consult"], outcomes: ANSWERED, ..Line::default() });
}

fn consult_return(run: &mut Run<'_>) -> Told<()> {
    let customer = serves(run, ANSWERED, Some("agent"))?;
    expect_consulted(run);
    consults(run)?;
    run.bar(0).ask("Session.consultReturn", json!({}))?;
    run.talks(0, &customer)?;
    over(run, 1)?;
    run.hangs_up(0, "Session.hangup")
}

fn consult_transfer(run: &mut Run<'_>) -> Told<()> {
    let customer = serves(run, TRANSFERRED, None)?;
    run.expect(
        1,
        Line { peer: customer.number.clone(), directions: &["in", "consult"], outcomes: ANSWERED, ..Line::default() },
    );
    consults(run)?;
    run.bar(0).ask("Session.consultTransfer", json!({}))?;
    over(run, 0)?;
    run.bar(1).until("the customer is the colleague's", |s| {
        s["call"]["phase"] == "talking" && s["call"]["peer"]["number"] == json!(customer.number)
    })?;
    run.hear(&[("agent:8002", &[customer.hz]), (&customer.who(), &[run.bar(1).hz])])?;
    run.hangs_up(1, "Session.hangup")
}

fn transfer(run: &mut Run<'_>) -> Told<()> {
    let customer = serves(run, TRANSFERRED, None)?;
    run.expect(
        1,
        Line {
            peer: customer.number.clone(),
            directions: &["in"],
            outcomes: ANSWERED,
            of_customer: true,
            ..Line::default()
        },
    );
    run.bar(0).ask("Session.transferAg", json!({"transferAgNo": "8002"}))?;
    run.rings(1, &customer)?;
    over(run, 0)?;
    run.answer(1)?;
    run.talks(1, &customer)?;
    run.customer_hangs_up(&customer)
}

fn three_way(run: &mut Run<'_>) -> Told<()> {
    let customer = serves(run, ANSWERED, Some("agent"))?;
    expect_consulted(run);
    consults(run)?;
    run.bar(0).ask("Session.consultThreeway", json!({}))?;
    run.bar(0).until_phase("three_way")?;
    let (own, colleague) = (run.bar(0).hz, run.bar(1).hz);
    run.hear(&[
        ("agent:8001", &[customer.hz, colleague]),
        ("agent:8002", &[customer.hz, own]),
        (&customer.who(), &[own, colleague]),
    ])?;
    run.bar(0).ask("Session.consultThreewayReturn", json!({}))?;
    run.talks(0, &customer)?;
    over(run, 1)?;
    run.hangs_up(0, "Session.hangup")
}

fn spy(run: &mut Run<'_>) -> Told<()> {
    let customer = serves(run, ANSWERED, Some("agent"))?;
    run.expect(
        2,
        Line {
            peer: customer.number.clone(),
            directions: &["spy"],
            outcomes: ANSWERED,
            by: Some("agent"),
            ..Line::default()
        },
    );
    run.bar(2).ask("Monitor.spy", json!({"monitoredAgNo": "8001"}))?;
    run.bar(2).until("spying", |s| s["call"]["phase"] == "spying" && s["call"]["monitored"] == "8001")?;
    let (own, chief) = (run.bar(0).hz, run.bar(2).hz);
    let both: &[f64] = &[customer.hz, own];
    run.hear(&[("spy:8003", both), ("agent:8001", &[customer.hz]), (&customer.who(), &[own])])?;
    run.bar(2).ask("Monitor.whisper", json!({"monitoredAgNo": "8001"}))?;
    run.bar(2).until_phase("whispering")?;
    run.hear(&[("spy:8003", both), ("agent:8001", &[customer.hz, chief]), (&customer.who(), &[own])])?;
    run.hangs_up(2, "Session.hangup")?;
    over(run, 2)?;
    run.talks(0, &customer)?;
    run.hangs_up(0, "Session.hangup")
}

/// Waits until an agent has no call any more.
fn over(run: &Run<'_>, agent: usize) -> Told<Value> {
    run.bar(agent).until("no call", |s| matches!(s["call"]["phase"].as_str(), Some("none" | "ended")))
}
