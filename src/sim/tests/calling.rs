use super::*;

const USER: &str = "ss77ss9001";

async fn customer(s: &Stage, more: Value) -> String {
    let mut body = json!({"to_agent": "8001", "from": "13800138000", "area": "北京", "audio": "tone:440"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    s.admin(reqwest::Method::POST, "/calls", body).await["call_id"].as_str().unwrap().to_owned()
}

fn ring() -> Value {
    json!({
        "MT": 3, "PhoSta": 5, "RingType": 1, "CallType": 2, "Caller": "13800138000", "CallerAreaName": "北京",
        "QueId": 1, "OAgId": 0,
    })
}

#[tokio::test]
async fn a_customer_calls_talks_is_held_and_hung_up() {
    let s = stage().await;
    let mut link = s.signed_in("8001").await;
    let id = customer(&s, json!({})).await;
    assert_eq!(link.next().await, json!({"MT": 4, "State": "4"}));
    assert_eq!(link.phone().await, ring());
    let (user, from, auto, leg) = s.switch.call(0).await;
    assert_eq!((user.as_str(), from.as_str(), auto), (USER, "13800138000", false));
    assert_eq!(s.command("8001", "/agent/hold", json!({})).await["code"], 40402);
    s.switch.tell(SwitchEvent::Answered { leg });
    assert_eq!(link.phone().await, json!({"MT": 3, "PhoSta": 6}));

    let party = s
        .switch
        .asked()
        .into_iter()
        .find_map(|a| if let Asked::AddParty(Voice::Tone(440.0), party) = a { Some(party) } else { None });
    let (agent, party) = (PartyId(leg.0), party.unwrap());
    assert_eq!((s.switch.hears(agent), s.switch.hears(party)), (vec![party], vec![agent]));
    let calls = s.admin(reqwest::Method::GET, "/calls", json!({})).await;
    assert_eq!((&calls[0]["call_id"], &calls[0]["phase"]), (&json!(id), &json!("talking")));
    assert_eq!(calls[0]["legs"][0]["who"], "agent:8001");
    assert_eq!(calls[0]["legs"][1]["who"], "customer:13800138000");
    assert_eq!(calls[0]["legs"][1]["heard_hz"].as_f64(), Some(party.0 as f64));

    assert_eq!(s.command("8001", "/agent/hold", json!({})).await["code"], 0);
    let music = s.switch.party(Voice::Music);
    assert_eq!((s.switch.hears(agent), s.switch.hears(party)), (vec![], vec![music]));
    assert_eq!(s.command("8001", "/agent/hold", json!({})).await["code"], 40402);
    assert_eq!(s.command("8001", "/agent/unhold", json!({})).await["code"], 0);
    assert_eq!(s.switch.hears(party), vec![agent]);
    assert!(s.switch.asked().contains(&Asked::RemoveParty(music)));
    assert_eq!(s.command("8001", "/agent/sendDTMF", json!({"digits": "1#"})).await["code"], 0);
    assert_eq!(s.command("8001", "/agent/sendDTMF", json!({"digits": "x"})).await["code"], 40001);
    assert_eq!(s.admin(reqwest::Method::GET, "/calls", json!({})).await[0]["digits"], "1#");

    assert_eq!(s.command("8001", "/agent/hangup", json!({})).await["code"], 0);
    assert_eq!(link.phone().await, json!({"MT": 3, "PhoSta": 0}));
    assert_eq!(link.next().await, json!({"MT": 4, "State": "5", "WaitTime": 1}));
    assert_eq!(link.next().await, json!({"MT": 4, "State": "1"}));
    until("the leg is dropped", async || s.switch.asked().contains(&Asked::HangUp(leg)).then_some(())).await;
    assert!(s.switch.asked().contains(&Asked::RemoveParty(party)));
    assert_eq!(s.command("8001", "/agent/hangup", json!({})).await["code"], 40404);
    assert_eq!(s.admin(reqwest::Method::GET, "/calls", json!({})).await, json!([]));
}

#[tokio::test]
async fn busy_asked_for_in_a_call_comes_after_it() {
    let s = stage().await;
    let mut link = s.signed_in("8001").await;
    let id = customer(&s, json!({})).await;
    let (.., leg) = s.switch.call(0).await;
    s.switch.tell(SwitchEvent::Answered { leg });
    for _ in 0..3 {
        link.next().await;
    }
    assert_eq!(s.command("8001", "/agent/busy", json!({"reason": 12})).await["code"], 0);
    s.admin(reqwest::Method::DELETE, &format!("/calls/{id}"), json!({})).await;
    assert_eq!(link.phone().await, json!({"MT": 3, "PhoSta": 0}));
    assert!(s.switch.asked().contains(&Asked::HangUp(leg)));
    assert_eq!(link.next().await, json!({"MT": 4, "State": "5", "WaitTime": 1}));
    assert_eq!(link.next().await, json!({"MT": 4, "State": "2", "Reason": "12"}));
}

#[tokio::test]
async fn wrap_up_ends_early_by_ready() {
    let s = stage_with("wrap_up_s = 3600", Options::default()).await;
    let mut link = s.signed_in("8001").await;
    customer(&s, json!({"hangup_after_s": 0.05})).await;
    let (.., leg) = s.switch.call(0).await;
    s.switch.tell(SwitchEvent::Answered { leg });
    while link.next().await["State"] != "5" {}
    assert_ne!(s.command("8001", "/agent/hold", json!({})).await["code"], 0);
    assert_eq!(s.command("8001", "/agent/ready", json!({})).await["code"], 0);
    assert_eq!(link.next().await, json!({"MT": 4, "State": "1"}));
}

#[tokio::test]
async fn an_outbound_call_as_in_the_worked_example() {
    let s = stage().await;
    let mut link = s.signed_in("8001").await;
    let body = json!({"number": "13900139000", "behaviour": "answer", "after_ms": 50, "audio": "tone:300"});
    s.admin(reqwest::Method::POST, "/outbound", body).await;
    let numbers = s.command("8001", "/agent/callerList", json!({})).await;
    let shown = numbers["data"]["num"][0]["value"].clone();
    assert_eq!(s.command("8001", "/agent/callOut", json!({"tel": "1", "callerID": "999"})).await["code"], 40407);
    let reply = s.command("8001", "/agent/callOut", json!({"tel": "13900139000", "callerID": shown})).await;
    assert_eq!(reply["code"], 0);
    assert_eq!(link.next().await, json!({"MT": 4, "State": "4"}));
    let called = json!({"MT": 3, "PhoSta": 4, "Called": "13900139000", "OAgId": 0, "OAgNum": "", "OAgName": ""});
    assert_eq!(link.phone().await, called);
    let own = json!({
        "MT": 3, "PhoSta": 5, "RingType": 2, "Called": "13900139000", "CallerAreaName": "上海", "OAgId": 0,
    });
    assert_eq!(link.phone().await, own);
    let (user, from, auto, leg) = s.switch.call(0).await;
    assert_eq!((user.as_str(), from.as_str(), auto), (USER, "13900139000", true));
    s.switch.tell(SwitchEvent::Answered { leg });
    for sta in [10, 55, 6] {
        assert_eq!(link.phone().await, json!({"MT": 3, "PhoSta": sta}));
    }
    assert!(s.switch.asked().iter().any(|a| matches!(a, Asked::AddParty(Voice::Tone(300.0), _))));
    // The phone hangs up by itself, without a command.
    s.switch.tell(SwitchEvent::Ended { leg });
    assert_eq!(link.phone().await, json!({"MT": 3, "PhoSta": 0}));
    assert_eq!(link.next().await["State"], "5");
}

#[tokio::test]
async fn dialled_numbers_that_do_not_answer() {
    let s = stage().await;
    let mut link = s.signed_in("8001").await;
    for (n, (behaviour, rings)) in
        [("busy", false), ("reject", true), ("unreachable", false), ("no_answer", true)].into_iter().enumerate()
    {
        let body = json!({"number": "1001", "behaviour": behaviour, "after_ms": 30});
        s.admin(reqwest::Method::POST, "/outbound", body).await;
        assert_eq!(s.command("8001", "/agent/callOut", json!({"tel": "1001"})).await["code"], 0);
        let (.., leg) = s.switch.call(n).await;
        s.switch.tell(SwitchEvent::Answered { leg });
        let mut seen = Vec::new();
        loop {
            let message = link.next().await;
            if message["State"] == "1" {
                break;
            }
            seen.push(message["PhoSta"].as_u64().unwrap_or(0));
        }
        let expected: &[u64] = if rings { &[0, 4, 5, 10, 55, 0] } else { &[0, 4, 5, 10, 0] };
        assert_eq!(seen, expected, "{behaviour}");
        assert!(s.switch.asked().contains(&Asked::HangUp(leg)));
    }
}

#[tokio::test]
async fn an_outbound_call_can_be_cancelled_in_every_phase() {
    let s = stage().await;
    let mut link = s.signed_in("8001").await;
    let body = json!({"number": "1001", "behaviour": "no_answer"});
    s.admin(reqwest::Method::POST, "/outbound", body).await;
    for (n, (command, until_sta)) in [
        ("/agent/callOutCancel", 5),
        ("/agent/callOutCancel", 10),
        ("/agent/callOutCancel", 55),
        ("/agent/hangup", 5),
        ("/agent/hangup", 55),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(s.command("8001", "/agent/callOut", json!({"tel": "1001"})).await["code"], 0);
        let (.., leg) = s.switch.call(n).await;
        if until_sta != 5 {
            s.switch.tell(SwitchEvent::Answered { leg });
        }
        while link.next().await["PhoSta"] != until_sta {}
        assert_eq!(s.command("8001", command, json!({})).await["code"], 0, "{command} {until_sta}");
        while link.next().await["PhoSta"] != 0 {}
        assert_eq!(link.next().await, json!({"MT": 4, "State": "1"}));
        until("the leg is dropped", async || s.switch.asked().contains(&Asked::HangUp(leg)).then_some(())).await;
    }
}

#[tokio::test]
async fn refused_and_missed_calls_leave_the_agent_ready() {
    let s = stage().await;
    let mut link = s.signed_in("8001").await;
    // By command, by the phone, and by the clock.
    for n in 0..3 {
        customer(&s, json!({"answer_timeout_s": if n == 2 { 0.1 } else { 30.0 }})).await;
        let (.., leg) = s.switch.call(n).await;
        assert_eq!(link.next().await["State"], "4");
        assert_eq!(link.phone().await, ring());
        match n {
            0 => assert_eq!(s.command("8001", "/agent/refuse", json!({})).await["code"], 0),
            1 => s.switch.tell(SwitchEvent::Failed { leg, status: 486 }),
            _ => {}
        }
        assert_eq!(link.phone().await, json!({"MT": 3, "PhoSta": 0}));
        assert_eq!(link.next().await, json!({"MT": 4, "State": "1"}));
    }
    assert_eq!(s.admin(reqwest::Method::GET, "/calls", json!({})).await, json!([]));
}

#[tokio::test]
async fn a_refused_queue_call_goes_to_the_next_agent() {
    let s = stage().await;
    let mut first = s.signed_in("8001").await;
    let mut second = s.signed_in("8002").await;
    s.admin(reqwest::Method::POST, "/calls", json!({"queue": 1, "from": "13800138000"})).await;
    // The longest idle first.
    assert_eq!(first.next().await["State"], "4");
    assert_eq!(s.command("8001", "/agent/refuse", json!({})).await["code"], 0);
    while first.next().await["State"] != "1" {}
    assert_eq!(second.next().await["State"], "4");
    assert_eq!(second.phone().await["Caller"], "13800138000");
    let (user, ..) = s.switch.call(1).await;
    assert_eq!(user, "ss77ss9002");
}

#[tokio::test]
async fn a_customer_waits_for_a_busy_agent_and_for_a_phone() {
    let s = stage().await;
    let mut link = s.signed_in("8001").await;
    s.command("8001", "/agent/busy", json!({})).await;
    link.next().await;
    s.switch.registered(USER, false);
    customer(&s, json!({})).await;
    assert_eq!(s.admin(reqwest::Method::GET, "/calls", json!({})).await[0]["phase"], "queued");
    s.command("8001", "/agent/ready", json!({})).await;
    assert_eq!(link.next().await["State"], "1");
    assert_eq!(s.admin(reqwest::Method::GET, "/calls", json!({})).await[0]["phase"], "queued");
    assert_eq!(s.command("8001", "/agent/callOut", json!({"tel": "1001"})).await["code"], 40405);
    s.switch.registered(USER, true);
    assert_eq!(link.next().await["State"], "4");
    assert_eq!(link.phone().await, ring());
}

#[tokio::test]
async fn two_agents_call_each_other() {
    let s = stage().await;
    let mut first = s.signed_in("8001").await;
    let mut second = s.signed_in("8002").await;
    assert_eq!(s.command("8001", "/agent/callInner", json!({"calledAgNo": "8003"})).await["code"], 40406);
    assert_eq!(s.command("8001", "/agent/callInner", json!({"calledAgNo": "8002"})).await["code"], 0);
    let (.., own) = s.switch.call(0).await;
    s.switch.tell(SwitchEvent::Answered { leg: own });
    assert_eq!(first.next().await["State"], "4");
    let placed = first.phone().await;
    assert_eq!(
        (&placed["Called"], &placed["OAgNum"], &placed["OAgName"]),
        (&json!("8002"), &json!("8002"), &json!("李四"))
    );
    assert!(placed["OAgId"].as_u64().is_some_and(|id| id > 0));
    assert_eq!(first.phone().await["RingType"], 2);
    assert_eq!(first.phone().await["PhoSta"], 10);
    assert_eq!(first.phone().await["PhoSta"], 55);
    assert_eq!(second.next().await["State"], "4");
    let ring = second.phone().await;
    assert_eq!((&ring["RingType"], &ring["Caller"], &ring["OAgNum"]), (&json!(0), &json!("8001"), &json!("8001")));
    assert_eq!(ring["OAgName"], "张三");
    let (user, from, auto, far) = s.switch.call(1).await;
    assert_eq!((user.as_str(), from.as_str(), auto), ("ss77ss9002", "8001", false));
    s.switch.tell(SwitchEvent::Answered { leg: far });
    assert_eq!(first.phone().await["PhoSta"], 6);
    assert_eq!(second.phone().await["PhoSta"], 6);
    assert_eq!(s.switch.hears(PartyId(own.0)), vec![PartyId(far.0)]);
    assert_eq!(s.switch.hears(PartyId(far.0)), vec![PartyId(own.0)]);
    assert_eq!(s.command("8002", "/agent/hangup", json!({})).await["code"], 0);
    for link in [&mut first, &mut second] {
        assert_eq!(link.phone().await["PhoSta"], 0);
        assert_eq!(link.next().await["State"], "5");
    }
    assert!(s.switch.asked().contains(&Asked::HangUp(own)));
}

#[tokio::test]
async fn the_demonstration_calls_by_itself_and_again() {
    let options = Options { auto_calls: true, ..Options::default() };
    let scenario = "[[arrivals]]\nfrom = '13800138000'\nfirst_after_s = 0\nagain_after_s = 0\nanswer_timeout_s = 0";
    let s = stage_with(scenario, options).await;
    let mut link = s.signed_in("8001").await;
    for _ in 0..2 {
        assert_eq!(link.next().await["State"], "4");
        assert_eq!(link.phone().await["Caller"], "13800138000");
        assert_eq!(link.phone().await["PhoSta"], 0);
        assert_eq!(link.next().await["State"], "1");
    }
}

#[tokio::test]
async fn the_next_customer_comes_after_the_refused_leg_has_ended() {
    let s = stage().await;
    let mut link = s.signed_in("8001").await;
    customer(&s, json!({})).await;
    customer(&s, json!({})).await;
    let (.., first) = s.switch.call(0).await;
    assert_eq!(s.command("8001", "/agent/refuse", json!({})).await["code"], 0);
    let (.., second) = s.switch.call(1).await;
    let asked = s.switch.asked();
    let ended = asked.iter().position(|a| *a == Asked::HangUp(first));
    let rung = asked.iter().position(|a| matches!(a, Asked::Call { leg, .. } if *leg == second));
    assert!(ended.is_some() && ended < rung, "{asked:?}");
    for state in ["4", "1", "4"] {
        while link.next().await["State"] != state {}
    }
}

#[tokio::test]
async fn who_signs_out_in_a_call_is_given_no_other() {
    let s = stage_with("wrap_up_s = 0", Options::default()).await;
    let mut link = s.signed_in("8001").await;
    customer(&s, json!({})).await;
    customer(&s, json!({})).await;
    let (.., leg) = s.switch.call(0).await;
    s.switch.tell(SwitchEvent::Answered { leg });
    while link.next().await["PhoSta"] != 6 {}
    assert_eq!(s.command("8001", "/agent/logout", json!({})).await["code"], 0);
    assert_eq!(link.phone().await["PhoSta"], 0);
    assert_eq!(link.next().await, json!({"MT": 4, "State": "0"}));
    let calls = s.admin(reqwest::Method::GET, "/calls", json!({})).await;
    assert_eq!((calls.as_array().unwrap().len(), &calls[0]["phase"]), (1, &json!("queued")));
    assert!(s.switch.asked().contains(&Asked::HangUp(leg)));
}
