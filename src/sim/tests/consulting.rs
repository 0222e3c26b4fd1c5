//! Consulting and three-way talks: what each agent is told, and who hears whom, in every way they can go.

use reqwest::Method;

use super::{
    talk::{answer, placed, talk, two},
    *,
};

#[tokio::test]
async fn an_agent_is_consulted_joins_and_leaves() {
    let mut t = talk("wrap_up_s = 1").await;
    let mut second = t.s.signed_in("8002").await;
    t.ok("/agent/consultAg", json!({"consultAgNo": "8002"})).await;
    let told = t.link.phone().await;
    assert_eq!((&told["PhoSta"], &told["Called"], &told["Others"]), (&json!(21), &json!("8002"), &json!("8002")));
    assert_eq!((&told["OAgNum"], &told["OAgName"]), (&json!("8002"), &json!("李四")));
    assert_eq!(second.next().await, json!({"MT": 4, "State": "4"}));
    let ring = second.phone().await;
    assert_eq!((&ring["PhoSta"], &ring["RingType"], &ring["Caller"]), (&json!(5), &json!(4), &json!("13800138000")));
    assert_eq!((&ring["OAgNum"], &ring["OAgName"]), (&json!("8001"), &json!("张三")));
    assert!(ring["OAgId"].as_u64() > Some(0));
    assert_eq!(t.phase().await, "consult_out");
    assert_eq!((t.s.switch.hears(t.own), t.s.switch.hears(t.customer)), (vec![], vec![t.music()]));
    // Not before the consulted agent has answered.
    for path in ["/agent/consultTransfer", "/agent/consultThreeway", "/agent/consultThreewayReturn"] {
        assert_eq!(t.refused(path, json!({})).await, 40402, "{path}");
    }

    let (user, _, auto, leg) = t.s.switch.call(1).await;
    assert_eq!((user.as_str(), auto), ("ss77ss9002", false));
    t.s.switch.tell(SwitchEvent::Answered { leg });
    let told = t.link.phone().await;
    assert_eq!((&told["PhoSta"], &told["OAgNum"]), (&json!(22), &json!("8002")));
    assert_eq!(second.phone().await, json!({"MT": 3, "PhoSta": 6}));
    let consulted = PartyId(leg.0);
    let hears = |party| t.s.switch.hears(party);
    assert_eq!((hears(t.own), hears(consulted)), (vec![consulted], vec![t.own]));
    assert_eq!(hears(t.customer), vec![t.music()]);
    assert_eq!(t.phase().await, "consulting");
    assert_eq!(t.who().await, ["agent:8001", "agent:8002", "customer:13800138000"]);

    t.ok("/agent/consultThreeway", json!({})).await;
    assert_eq!(t.link.phone().await["PhoSta"], 25);
    let hears = |party| t.s.switch.hears(party);
    assert_eq!(hears(t.own), two(t.customer, consulted));
    assert_eq!(hears(t.customer), two(t.own, consulted));
    assert_eq!(hears(consulted), two(t.own, t.customer));
    assert_eq!(t.phase().await, "three_way");
    assert_eq!(t.refused("/agent/consultTransfer", json!({})).await, 40402);
    assert_eq!(t.refused("/agent/consultCancel", json!({})).await, 40402);

    t.ok("/agent/consultThreewayReturn", json!({})).await;
    assert_eq!(t.link.phone().await["PhoSta"], 26);
    assert_eq!(second.phone().await["PhoSta"], 0);
    assert_eq!(second.next().await, json!({"MT": 4, "State": "1"}), "advice has no after-call work");
    t.both_hear_each_other();
    assert!(t.s.switch.asked().contains(&Asked::HangUp(leg)));
    assert_eq!(t.s.command("8002", "/agent/hangup", json!({})).await["code"], 40404);
    t.ok("/agent/hangup", json!({})).await;
    t.nothing_is_left().await;
}

#[tokio::test]
async fn a_consultation_is_called_off_refused_missed_or_ended_by_either() {
    let mut t = talk("wrap_up_s = 0").await;
    let mut second = t.s.signed_in("8002").await;
    for (what, pho_sta) in [("called off", 23), ("refused", 24), ("phone gone", 24), ("back", 23), ("they hang up", 23)]
    {
        let before = placed(&t.s);
        t.ok("/agent/consultAg", json!({"consultAgNo": "8002"})).await;
        assert_eq!(t.link.phone().await["PhoSta"], 21, "{what}");
        let (.., leg) = t.s.switch.call(before).await;
        while second.next().await["PhoSta"] != 5 {}
        match what {
            "called off" => t.ok("/agent/consultCancel", json!({})).await,
            "refused" => assert_eq!(t.s.command("8002", "/agent/refuse", json!({})).await["code"], 0),
            "phone gone" => t.s.switch.tell(SwitchEvent::Failed { leg, status: 480 }),
            _ => {
                t.s.switch.tell(SwitchEvent::Answered { leg });
                assert_eq!(t.link.phone().await["PhoSta"], 22);
                assert_eq!(second.phone().await["PhoSta"], 6);
                if what == "back" {
                    t.ok("/agent/consultCancel", json!({})).await;
                } else {
                    t.s.switch.tell(SwitchEvent::Ended { leg });
                }
            }
        }
        assert_eq!(t.link.phone().await, json!({"MT": 3, "PhoSta": pho_sta}), "{what}");
        assert_eq!(second.phone().await, json!({"MT": 3, "PhoSta": 0}), "{what}");
        assert_eq!(second.next().await, json!({"MT": 4, "State": "1"}), "{what}");
        t.both_hear_each_other();
        assert_eq!(t.phase().await, "talking");
    }
    t.ok("/agent/hangup", json!({})).await;
    t.nothing_is_left().await;
}

#[tokio::test]
async fn a_three_way_talk_that_the_consulted_agent_leaves_goes_on() {
    let mut t = talk("wrap_up_s = 0").await;
    let (mut second, _) = t.consulting().await;
    t.ok("/agent/consultThreeway", json!({})).await;
    assert_eq!(t.link.phone().await["PhoSta"], 25);
    assert_eq!(t.s.command("8002", "/agent/hangup", json!({})).await["code"], 0);
    assert_eq!(t.link.phone().await["PhoSta"], 26);
    assert_eq!(second.phone().await["PhoSta"], 0);
    t.both_hear_each_other();
}

#[tokio::test]
async fn a_customer_who_hangs_up_ends_it_for_everybody() {
    for phase in ["consult_out", "consulting", "three_way"] {
        let mut t = talk("wrap_up_s = 1").await;
        let mut second = t.s.signed_in("8002").await;
        t.ok("/agent/consultAg", json!({"consultAgNo": "8002"})).await;
        assert_eq!(t.link.phone().await["PhoSta"], 21);
        let (.., leg) = t.s.switch.call(1).await;
        while second.next().await["PhoSta"] != 5 {}
        if phase != "consult_out" {
            t.s.switch.tell(SwitchEvent::Answered { leg });
            assert_eq!(t.link.phone().await["PhoSta"], 22);
            assert_eq!(second.phone().await["PhoSta"], 6);
        }
        if phase == "three_way" {
            t.ok("/agent/consultThreeway", json!({})).await;
            assert_eq!(t.link.phone().await["PhoSta"], 25);
        }
        assert_eq!(t.phase().await, phase);
        t.s.admin(Method::DELETE, &format!("/calls/{}", t.id), json!({})).await;
        assert_eq!(t.link.phone().await["PhoSta"], 0, "{phase}");
        assert_eq!(t.link.next().await, json!({"MT": 4, "State": "5", "WaitTime": 1}));
        assert_eq!(second.phone().await["PhoSta"], 0, "{phase}");
        assert_eq!(second.next().await, json!({"MT": 4, "State": "1"}));
        t.nothing_is_left().await;
    }
}

#[tokio::test]
async fn outside_numbers_are_consulted_as_they_behave() {
    let mut t = talk("wrap_up_s = 0").await;
    for behaviour in ["busy", "no_answer", "reject", "unreachable", "answer"] {
        let body = json!({"number": "01012345", "behaviour": behaviour, "after_ms": 20, "audio": "tone:600"});
        t.s.admin(Method::POST, "/outbound", body).await;
        t.ok("/agent/consultTel", json!({"consultTel": "010-12345"})).await;
        let told = t.link.phone().await;
        assert_eq!((&told["PhoSta"], &told["Called"], &told["OAgNum"]), (&json!(21), &json!("01012345"), &json!("")));
        if behaviour == "answer" {
            break;
        }
        assert_eq!(t.link.phone().await["PhoSta"], 24, "{behaviour}");
        t.both_hear_each_other();
    }
    let told = t.link.phone().await;
    assert_eq!((&told["PhoSta"], &told["Others"]), (&json!(22), &json!("01012345")));
    let third = t.s.switch.party(Voice::Tone(600.0));
    assert_eq!((t.s.switch.hears(t.own), t.s.switch.hears(third)), (vec![third], vec![t.own]));
    assert_eq!(t.who().await, ["agent:8001", "customer:13800138000", "number:01012345"]);
    t.ok("/agent/consultThreeway", json!({})).await;
    assert_eq!(t.link.phone().await["PhoSta"], 25);
    assert_eq!(t.s.switch.hears(t.customer), two(t.own, third));
    t.ok("/agent/consultThreewayReturn", json!({})).await;
    assert_eq!(t.link.phone().await["PhoSta"], 26);
    t.ok("/agent/consultTel", json!({"consultTel": "01012345"})).await;
    assert_eq!(t.link.phone().await["PhoSta"], 21);
    assert_eq!(t.link.phone().await["PhoSta"], 22);
    t.ok("/agent/consultTransfer", json!({"limitTimeSecond": 100})).await;
    assert_eq!(t.link.phone().await["PhoSta"], 33);
    assert_eq!(t.link.phone().await["PhoSta"], 0);
    let third = t.s.switch.party(Voice::Tone(600.0));
    assert_eq!((t.s.switch.hears(t.customer), t.s.switch.hears(third)), (vec![third], vec![t.customer]));
    assert_eq!(t.phase().await, "transferred");
    t.s.admin(Method::DELETE, &format!("/calls/{}", t.id), json!({})).await;
    t.nothing_is_left().await;
}

#[tokio::test]
async fn a_consulted_agent_takes_the_customer_over() {
    let mut t = talk("wrap_up_s = 1").await;
    let (mut second, party) = t.consulting().await;
    t.ok("/agent/consultTransfer", json!({})).await;
    assert_eq!(t.link.phone().await, json!({"MT": 3, "PhoSta": 33}));
    assert_eq!(t.link.phone().await, json!({"MT": 3, "PhoSta": 0}));
    assert_eq!(t.link.next().await["State"], "5");
    let told = second.phone().await;
    assert_eq!(
        (&told["PhoSta"], &told["Caller"], &told["Others"]),
        (&json!(35), &json!("13800138000"), &json!("8001"))
    );
    let hears = |party| t.s.switch.hears(party);
    assert_eq!((hears(party), hears(t.customer)), (vec![t.customer], vec![party]));
    assert_eq!(t.who().await, ["agent:8002", "customer:13800138000"]);
    // It is the other's call now, in all respects.
    assert_eq!(t.s.command("8002", "/agent/hold", json!({})).await["code"], 0);
    assert_eq!(t.s.switch.hears(t.customer), vec![t.music()]);
    assert_eq!(t.s.command("8002", "/agent/hangup", json!({})).await["code"], 0);
    assert_eq!(second.phone().await["PhoSta"], 0);
    assert_eq!(second.next().await["State"], "5");
    t.nothing_is_left().await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_changes_nothing() {
    let t = talk("wrap_up_s = 1").await;
    let mut second = t.s.signed_in("8002").await;
    for (path, body, code) in [
        ("/agent/consultAg", json!({}), 40001),
        ("/agent/consultAg", json!({"consultAgNo": "8001"}), 40406),
        ("/agent/consultAg", json!({"consultAgNo": "8003"}), 40406),
        ("/agent/consultAg", json!({"consultAgNo": "9999"}), 40406),
        ("/agent/consultAg", json!({"consultAgNo": "8002", "callerID": "1"}), 40407),
        ("/agent/consultTel", json!({"consultTel": "abc"}), 40407),
        ("/agent/consultCancel", json!({}), 40402),
        ("/agent/consultTransfer", json!({}), 40402),
        ("/agent/transferAg", json!({"transferAgNo": "8003"}), 40406),
        ("/agent/transferAg", json!({"ag": "8002"}), 40001),
        ("/agent/transferTel", json!({"transferTel": ""}), 40001),
        ("/agent/transferQueue", json!({"queueId": 0}), 40409),
        ("/agent/transferQueue", json!({"queueId": 99}), 40409),
        ("/agent/transferQueue", json!({"queueId": 1, "transVcc": 5}), 40410),
        ("/agent/interact", json!({"ivrCode": "none"}), 40411),
    ] {
        assert_eq!(t.refused(path, body).await, code, "{path}");
    }
    t.both_hear_each_other();
    let idle = ["/agent/consultTransfer", "/agent/consultThreeway", "/agent/transferEvaluate", "/agent/hold"];
    for path in idle {
        assert_eq!(t.s.command("8002", path, json!({})).await["code"], 40404, "{path}");
    }
    // Who is consulted has nobody to consult about or pass on.
    t.ok("/agent/consultAg", json!({"consultAgNo": "8002"})).await;
    answer(&t.s, 1).await;
    while second.next().await["PhoSta"] != 6 {}
    for path in ["/agent/hold", "/agent/transferEvaluate", "/agent/consultThreeway", "/agent/consultCancel"] {
        assert_eq!(t.s.command("8002", path, json!({})).await["code"], 40402, "{path}");
    }
    t.ok("/agent/hangup", json!({})).await;
    t.nothing_is_left().await;
}

#[tokio::test]
async fn a_call_between_agents_has_no_customer_to_pass_on() {
    let s = stage().await;
    let mut first = s.signed_in("8001").await;
    let _second = s.signed_in("8002").await;
    let _third = s.signed_in("8003").await;
    assert_eq!(s.command("8001", "/agent/callInner", json!({"calledAgNo": "8002"})).await["code"], 0);
    let own = answer(&s, 0).await;
    let far = answer(&s, 1).await;
    while first.next().await["PhoSta"] != 6 {}
    assert_eq!(s.command("8001", "/agent/transferAg", json!({"transferAgNo": "8003"})).await["code"], 40408);
    assert_eq!(s.command("8001", "/agent/consultAg", json!({"consultAgNo": "8003"})).await["code"], 40408);
    // The other agent hears music on hold, and only who held resumes.
    assert_eq!(s.command("8001", "/agent/hold", json!({})).await["code"], 0);
    assert_eq!((s.switch.hears(own), s.switch.hears(far)), (vec![], vec![s.switch.party(Voice::Music)]));
    assert_eq!(s.command("8002", "/agent/unhold", json!({})).await["code"], 40402);
    assert_eq!(s.command("8001", "/agent/unhold", json!({})).await["code"], 0);
    assert_eq!((s.switch.hears(own), s.switch.hears(far)), (vec![far], vec![own]));
}

#[tokio::test]
async fn a_returning_link_is_told_where_the_consultation_stands() {
    let mut t = talk("wrap_up_s = 0").await;
    t.s.switch.registered("ss77ss9002", true);
    let (second, _) = t.consulting().await;
    drop(second);
    for (command, sta) in [(None, 22), (Some("/agent/consultThreeway"), 25), (Some("/agent/consultThreewayReturn"), 6)]
    {
        if let Some(command) = command {
            t.ok(command, json!({})).await;
        }
        let reg_id = t.s.reg_id("8001").await;
        let mut link = t.s.link("8001", &reg_id, "&reset=false").await.unwrap();
        link.send("Hello Server!").await;
        assert_eq!(link.next().await, json!({"MT": 0}));
        assert_eq!(link.next().await, json!({"MT": 6, "AgSta": 4, "PhoSta": sta}));
        t.link = link;
    }
}
