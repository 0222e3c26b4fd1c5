//! Supervisors in other agents' calls: who hears whom, what everybody is told, and what is refused.

use reqwest::Method;

use super::*;

/// 8001 talks to a customer; 8003 is a supervisor, 8002 another agent.
struct Floor {
    s: Stage,
    agent: LinkClient,
    chief: LinkClient,
    own: PartyId,
    customer: PartyId,
}

async fn floor() -> Floor {
    let s = stage_with("wrap_up_s = 1", Options::default()).await;
    let mut agent = s.signed_in("8001").await;
    let chief = s.signed_in("8003").await;
    let body = json!({"to_agent": "8001", "from": "13800138000", "audio": "tone:440"});
    s.admin(Method::POST, "/calls", body).await;
    let (.., leg) = s.switch.call(0).await;
    s.switch.tell(SwitchEvent::Answered { leg });
    while agent.next().await["PhoSta"] != 6 {}
    let customer = s.switch.party(Voice::Tone(440.0));
    Floor { s, agent, chief, own: PartyId(leg.0), customer }
}

impl Floor {
    async fn chief(&self, path: &str, of: &str) -> i64 {
        let body = if of.is_empty() { json!({}) } else { json!({"monitoredAgNo": of}) };
        self.s.command("8003", path, body).await["code"].as_i64().unwrap()
    }

    /// The supervisor listens to 8001; returns its leg.
    async fn listening(&mut self) -> LegId {
        let calls = self.s.switch.asked().iter().filter(|a| matches!(a, Asked::Call { .. })).count();
        assert_eq!(self.chief("/manager/spy", "8001").await, 0);
        let (_, _, auto, leg) = self.s.switch.call(calls).await;
        assert!(auto, "a supervisor's phone answers by itself");
        self.s.switch.tell(SwitchEvent::Answered { leg });
        while self.chief.next().await["PhoSta"] != 31 {}
        leg
    }

    fn hear(&self, parties: [PartyId; 3]) -> [Vec<PartyId>; 3] {
        parties.map(|party| self.s.switch.hears(party))
    }
}

#[tokio::test]
async fn a_supervisor_listens_whispers_barges_in_and_leaves() {
    let mut f = floor().await;
    assert_eq!(f.chief("/manager/spy", "8001").await, 0);
    assert_eq!(f.chief.next().await, json!({"MT": 4, "State": "4"}));
    let ring = f.chief.phone().await;
    assert_eq!((&ring["PhoSta"], &ring["RingType"], &ring["OAgNum"]), (&json!(5), &json!(3), &json!("8001")));
    let (user, _, auto, leg) = f.s.switch.call(1).await;
    assert_eq!((user.as_str(), auto), ("ss77ss9003", true));
    assert_eq!(f.chief("/manager/barge", "8001").await, 40415, "not there yet");
    f.s.switch.tell(SwitchEvent::Answered { leg });
    assert_eq!(f.chief.phone().await, json!({"MT": 3, "PhoSta": 31}));
    let (own, customer, chief) = (f.own, f.customer, PartyId(leg.0));
    let parties = [own, customer, chief];
    assert_eq!(f.hear(parties), [vec![customer], vec![own], vec![own, customer]]);
    let calls = f.s.admin(Method::GET, "/calls", json!({})).await;
    assert_eq!((calls[0]["phase"].as_str(), calls[0]["legs"][1]["who"].as_str()), (Some("talking"), Some("spy:8003")));

    assert_eq!(f.chief("/manager/whisperCancel", "").await, 40402);
    assert_eq!(f.chief("/manager/whisper", "8001").await, 0);
    assert_eq!(f.hear(parties), [vec![chief, customer], vec![own], vec![own, customer]]);
    assert_eq!(f.chief("/manager/whisper", "8001").await, 40402);
    assert_eq!(f.chief("/manager/whisperCancel", "").await, 0);
    assert_eq!(f.hear(parties), [vec![customer], vec![own], vec![own, customer]]);

    assert_eq!(f.chief("/manager/barge", "8001").await, 0);
    assert_eq!(f.chief.phone().await, json!({"MT": 3, "PhoSta": 32}));
    assert_eq!(f.hear(parties), [vec![chief, customer], vec![own, chief], vec![own, customer]]);
    assert_eq!(f.chief("/manager/barge", "8001").await, 40402);

    // The call goes on without the supervisor.
    assert_eq!(f.s.command("8003", "/agent/hangup", json!({})).await["code"], 0);
    assert_eq!(f.chief.phone().await, json!({"MT": 3, "PhoSta": 0}));
    assert_eq!(f.chief.next().await, json!({"MT": 4, "State": "1"}));
    assert_eq!(f.hear([own, customer, chief])[..2], [vec![customer], vec![own]]);
    assert_eq!(f.s.admin(Method::GET, "/calls", json!({})).await[0]["legs"].as_array().unwrap().len(), 2);
    until("the leg is dropped", async || f.s.switch.asked().contains(&Asked::HangUp(leg)).then_some(())).await;
}

#[tokio::test]
async fn a_torn_down_call_ends_for_everybody() {
    for listens in [true, false] {
        let mut f = floor().await;
        if listens {
            f.listening().await;
        }
        assert_eq!(f.chief("/manager/disconnect", "8001").await, 0);
        assert_eq!(f.agent.phone().await, json!({"MT": 3, "PhoSta": 36}));
        assert_eq!(f.agent.phone().await, json!({"MT": 3, "PhoSta": 0}));
        assert_eq!(f.agent.next().await["State"], "5");
        if listens {
            assert_eq!(f.chief.phone().await, json!({"MT": 3, "PhoSta": 0}));
            assert_eq!(f.chief.next().await["State"], "1");
        }
        assert_eq!(f.s.admin(Method::GET, "/calls", json!({})).await, json!([]));
        until("nobody is left", async || f.s.switch.live().is_empty().then_some(())).await;
    }
}

#[tokio::test]
async fn the_end_of_the_call_ends_the_listening() {
    let mut f = floor().await;
    f.listening().await;
    assert_eq!(f.s.command("8001", "/agent/hangup", json!({})).await["code"], 0);
    assert_eq!(f.chief.phone().await["PhoSta"], 0);
    assert_eq!(f.chief.next().await["State"], "1");
    until("nobody is left", async || f.s.switch.live().is_empty().then_some(())).await;
}

#[tokio::test]
async fn a_supervisor_follows_the_agent_not_the_customer() {
    let mut f = floor().await;
    let mut second = f.s.signed_in("8002").await;
    let leg = f.listening().await;
    assert_eq!(f.s.command("8001", "/agent/hold", json!({})).await["code"], 0);
    assert_eq!(f.s.switch.hears(PartyId(leg.0)), vec![f.own], "on hold there is only the agent");
    assert_eq!(f.s.command("8001", "/agent/consultAg", json!({"consultAgNo": "8002"})).await["code"], 0);
    let (.., consulted) = f.s.switch.call(2).await;
    f.s.switch.tell(SwitchEvent::Answered { leg: consulted });
    while second.next().await["PhoSta"] != 6 {}
    assert_eq!(f.s.switch.hears(PartyId(leg.0)), vec![f.own, PartyId(consulted.0)]);
    assert_eq!(f.s.command("8001", "/agent/consultTransfer", json!({})).await["code"], 0);
    assert_eq!(f.chief.phone().await["PhoSta"], 0);
    assert_eq!(second.phone().await["PhoSta"], 35);
    // The consulted agent is torn down as one who has the customer now.
    assert_eq!(f.chief("/manager/disconnect", "8002").await, 0);
    assert_eq!(second.phone().await["PhoSta"], 36);
    assert_eq!(second.phone().await["PhoSta"], 0);
    until("nobody is left", async || f.s.switch.live().is_empty().then_some(())).await;
}

#[tokio::test]
async fn a_consulted_agent_torn_down_leaves_the_customer_with_the_first() {
    let mut f = floor().await;
    let mut second = f.s.signed_in("8002").await;
    assert_eq!(f.s.command("8001", "/agent/consultAg", json!({"consultAgNo": "8002"})).await["code"], 0);
    let (.., consulted) = f.s.switch.call(1).await;
    f.s.switch.tell(SwitchEvent::Answered { leg: consulted });
    while second.next().await["PhoSta"] != 6 {}
    assert_eq!(f.chief("/manager/disconnect", "8002").await, 0);
    assert_eq!(second.phone().await["PhoSta"], 36);
    assert_eq!(second.phone().await["PhoSta"], 0);
    for sta in [21, 22, 23] {
        assert_eq!(f.agent.phone().await["PhoSta"], sta);
    }
    assert_eq!(f.s.switch.hears(f.customer), vec![f.own]);
}

#[tokio::test]
async fn what_a_supervisor_may_not() {
    let mut f = floor().await;
    let _second = f.s.signed_in("8002").await;
    for path in ["/manager/spy", "/manager/whisper", "/manager/barge", "/manager/disconnect", "/manager/whisperCancel"]
    {
        let reply = f.s.command("8002", path, json!({"monitoredAgNo": "8001"})).await;
        assert_eq!(reply["code"], 40413, "{path}");
        assert_eq!(reply["message"], "坐席 8002 没有班长权限");
    }
    assert_eq!(f.chief("/manager/spy", "").await, 40001);
    for of in ["8002", "8003", "9999"] {
        assert_eq!(f.chief("/manager/spy", of).await, 40414, "{of}");
        assert_eq!(f.chief("/manager/disconnect", of).await, 40414, "{of}");
    }
    for path in ["/manager/whisper", "/manager/barge", "/manager/whisperCancel"] {
        assert_eq!(f.chief(path, "8001").await, 40404, "{path} without listening");
    }
    f.listening().await;
    assert_eq!(f.chief("/manager/spy", "8001").await, 40402);
    assert_eq!(f.chief("/manager/barge", "8002").await, 40415);
    assert_eq!(f.chief("/manager/disconnect", "8003").await, 40414);
    for path in ["/agent/hold", "/agent/transferEvaluate", "/agent/consultThreeway", "/agent/callOutCancel"] {
        assert_eq!(f.s.command("8003", path, json!({})).await["code"], 40402, "{path}");
    }
    assert_eq!(f.s.command("8003", "/agent/sendDTMF", json!({"digits": "1"})).await["code"], 40402);
}

#[tokio::test]
async fn a_supervisors_phone_that_does_not_answer_lets_go() {
    let mut f = floor().await;
    assert_eq!(f.chief("/manager/spy", "8001").await, 0);
    let (.., leg) = f.s.switch.call(1).await;
    assert_eq!(f.chief.next().await["State"], "4");
    assert_eq!(f.chief.phone().await["PhoSta"], 5);
    f.s.switch.tell(SwitchEvent::Failed { leg, status: 480 });
    assert_eq!(f.chief.phone().await["PhoSta"], 0);
    assert_eq!(f.chief.next().await["State"], "1");
    assert_eq!(f.s.switch.hears(f.customer), vec![f.own]);
}

#[tokio::test]
async fn a_returning_supervisor_is_told_the_state() {
    let mut f = floor().await;
    f.listening().await;
    for (command, sta) in [(None, 31), (Some("/manager/barge"), 32)] {
        if let Some(command) = command {
            assert_eq!(f.chief(command, "8001").await, 0);
        }
        let reg_id = f.s.reg_id("8003").await;
        let mut link = f.s.link("8003", &reg_id, "&reset=false").await.unwrap();
        link.send("Hello Server!").await;
        assert_eq!(link.next().await, json!({"MT": 0}));
        assert_eq!(link.next().await, json!({"MT": 6, "AgSta": 4, "PhoSta": sta}));
        f.chief = link;
    }
}
