//! Passing customers on: to agents, numbers outside, queues, voice menus, the evaluation; and taking them out of a queue.

use reqwest::Method;

use super::{
    talk::{answer, placed, talk},
    *,
};

#[tokio::test]
async fn a_blind_transfer_rings_the_other_agent() {
    let mut t = talk("wrap_up_s = 1").await;
    let mut second = t.s.signed_in("8002").await;
    t.ok("/agent/transferAg", json!({"transferAgNo": "8002"})).await;
    assert_eq!(t.link.phone().await["PhoSta"], 33);
    assert_eq!(t.link.phone().await["PhoSta"], 0);
    assert_eq!(t.link.next().await["State"], "5");
    assert_eq!(second.next().await["State"], "4");
    let ring = second.phone().await;
    let expected = json!({
        "MT": 3, "PhoSta": 5, "Caller": "13800138000", "CallerAreaName": "北京", "QueId": 1, "RingType": 1,
        "CallType": 2, "OAgId": 0, "Others": "8001",
    });
    assert_eq!(ring, expected);
    assert_eq!(t.s.switch.hears(t.customer), vec![t.music()]);
    let party = answer(&t.s, 1).await;
    let told = second.phone().await;
    assert_eq!((&told["PhoSta"], &told["Caller"]), (&json!(35), &json!("13800138000")));
    let hears = |party| t.s.switch.hears(party);
    assert_eq!((hears(party), hears(t.customer)), (vec![t.customer], vec![party]));
}

#[tokio::test]
async fn a_customer_whom_the_other_agent_refuses_waits_in_the_queue() {
    let mut t = talk("wrap_up_s = 3600").await;
    let mut second = t.s.signed_in("8002").await;
    t.ok("/agent/transferAg", json!({"transferAgNo": "8002"})).await;
    while second.next().await["PhoSta"] != 5 {}
    assert_eq!(t.s.command("8002", "/agent/refuse", json!({})).await["code"], 0);
    assert_eq!(second.phone().await["PhoSta"], 0);
    assert_eq!(second.next().await["State"], "1");
    assert_eq!(t.phase().await, "queued");
    assert_eq!(t.s.switch.hears(t.customer), vec![t.music()]);
    // The first agent again, once ready; an ordinary call of the queue now.
    t.ok("/agent/ready", json!({})).await;
    let ring = loop {
        let message = t.link.next().await;
        if message["PhoSta"] == 5 {
            break message;
        }
    };
    assert_eq!((&ring["RingType"], &ring["QueId"], ring.get("Others")), (&json!(1), &json!(1), None));
    let own = answer(&t.s, 2).await;
    assert_eq!(t.link.phone().await["PhoSta"], 6);
    assert_eq!(t.s.switch.hears(t.customer), vec![own]);
}

#[tokio::test]
async fn a_customer_is_sent_to_a_queue_or_outside() {
    let mut t = talk("wrap_up_s = 1").await;
    let mut third = t.s.signed_in("8003").await;
    t.ok("/agent/transferQueue", json!({"queueId": 2, "transVcc": 0})).await;
    assert_eq!(t.link.phone().await["PhoSta"], 33);
    assert_eq!(t.link.phone().await["PhoSta"], 0);
    assert_eq!(third.next().await["State"], "4");
    let ring = third.phone().await;
    assert_eq!((&ring["RingType"], &ring["QueId"]), (&json!(1), &json!(2)));
    answer(&t.s, 1).await;
    assert_eq!(third.phone().await["PhoSta"], 6);
    let body = json!({"number": "1001", "behaviour": "answer", "after_ms": 20, "audio": "tone:600"});
    t.s.admin(Method::POST, "/outbound", body).await;
    assert_eq!(t.s.command("8003", "/agent/transferTel", json!({"transferTel": "1001"})).await["code"], 0);
    assert_eq!(third.phone().await["PhoSta"], 33);
    assert_eq!(third.phone().await["PhoSta"], 0);
    until("they talk", async || (t.phase().await == "transferred").then_some(())).await;
    assert_eq!(t.s.switch.hears(t.customer), vec![t.s.switch.party(Voice::Tone(600.0))]);
    assert_eq!(t.who().await, ["customer:13800138000", "number:1001"]);
    t.s.admin(Method::DELETE, &format!("/calls/{}", t.id), json!({})).await;
    t.nothing_is_left().await;
}

#[tokio::test]
async fn a_customer_whom_the_number_outside_does_not_take_waits_in_the_queue() {
    let t = talk("wrap_up_s = 3600").await;
    t.s.admin(Method::POST, "/outbound", json!({"number": "1001", "behaviour": "busy", "after_ms": 20})).await;
    t.ok("/agent/transferTel", json!({"transferTel": "1001"})).await;
    until("the customer waits", async || (t.phase().await == "queued").then_some(())).await;
    assert_eq!(t.s.switch.hears(t.customer), vec![t.music()]);
    assert_eq!(t.who().await, ["customer:13800138000"]);
}

#[tokio::test]
async fn voice_menus_and_the_evaluation() {
    let scenario =
        "wrap_up_s = 1\n[[ivrs]]\ncode = '7'\nlasts_ms = 300\naudio = 'tone:900'\nresult = '42'\nnodes = ['a']";
    let mut t = talk(scenario).await;
    t.ok("/agent/interact", json!({"ivrCode": "7", "ivrParam": "password"})).await;
    let menu = t.s.switch.party(Voice::Tone(900.0));
    assert_eq!((t.s.switch.hears(t.own), t.s.switch.hears(t.customer)), (vec![], vec![menu]));
    assert_eq!(t.refused("/agent/hold", json!({})).await, 40402);
    let told = t.link.next().await;
    assert_eq!((&told["MT"], &told["IvrResult"]), (&json!(7), &json!("42")));
    t.both_hear_each_other();

    assert_eq!(t.refused("/agent/transferIVR", json!({"ivrCode": "8", "ivrNode": "a"})).await, 40411);
    assert_eq!(t.refused("/agent/transferIVR", json!({"ivrCode": "7", "ivrNode": "b"})).await, 40411);
    assert_eq!(t.refused("/agent/transferIVR", json!({"ivrCode": "7", "ivrNode": "a", "vccId": 5})).await, 40410);
    t.ok("/agent/transferIVR", json!({"ivrCode": "7", "ivrNode": "a", "vccId": 77})).await;
    assert_eq!(t.phase().await, "ivr");
    assert_eq!(t.who().await, ["customer:13800138000", "ivr:7"]);
    assert_eq!(t.link.phone().await["PhoSta"], 33);
    assert_eq!(t.link.phone().await["PhoSta"], 0);
    assert_eq!(t.link.next().await["State"], "5");
    t.nothing_is_left().await;

    let mut t = talk(scenario).await;
    t.ok("/agent/transferEvaluate", json!({})).await;
    assert_eq!(t.phase().await, "evaluating");
    assert_eq!(t.who().await, ["customer:13800138000", "evaluation"]);
    assert_eq!(t.link.phone().await, json!({"MT": 3, "PhoSta": 0}));
    assert_eq!(t.link.next().await["State"], "5");
}

#[tokio::test]
async fn a_waiting_customer_is_taken_out_of_the_queue_by_a_busy_agent() {
    let s = stage().await;
    let mut link = s.signed_in("8001").await;
    assert_eq!(s.command("8001", "/agent/busy", json!({})).await["code"], 0);
    assert_eq!(link.next().await["State"], "2");
    assert_eq!(s.command("8001", "/agent/takeOutQueue", json!({})).await["code"], 40412);
    let mut ids = Vec::new();
    for (from, queue) in [("13800138000", 1), ("13900139000", 2), ("13700137000", 2)] {
        let id = s.admin(Method::POST, "/calls", json!({"from": from, "queue": queue})).await["call_id"].clone();
        ids.push(id);
    }
    let taken: [(Value, &str); 3] = [
        (json!({"queueId": 2}), "13900139000"),
        (json!({"incomingCallNum": "13700137000"}), "13700137000"),
        (json!({"callId": ids[0]}), "13800138000"),
    ];
    for (body, number) in taken {
        assert_eq!(s.command("8001", "/agent/takeOutQueue", body.clone()).await["code"], 0);
        assert_eq!(link.next().await["State"], "4");
        assert_eq!(link.phone().await["Caller"], number);
        assert_eq!(s.command("8001", "/agent/takeOutQueue", body).await["code"], 40402, "already in a call");
        let before = placed(&s);
        answer(&s, before - 1).await;
        assert_eq!(link.phone().await["PhoSta"], 6);
        assert_eq!(s.command("8001", "/agent/hangup", json!({})).await["code"], 0);
        while link.next().await["State"] != "2" {}
    }
}
