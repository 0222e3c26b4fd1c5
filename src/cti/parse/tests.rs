//! Every row of the tables, both type forms, and whatever else may come.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(frame: Value) -> Push {
    parse(&frame.to_string()).unwrap()
}

fn phone_event(frame: Value) -> PhoneEvent {
    let message = read(frame).message;
    let PushMessage::Phone(event) = message else { panic!("not a phone event: {message:?}") };
    event
}

#[test]
fn fuzz_pushed_json() {
    crate::fuzz::run("pushed-json", &["tests/corpora/pushes"], |bytes| {
        drop(parse(&String::from_utf8_lossy(bytes)));
    });
}

/// Discriminators, leaf name, categories, label: protocol 4.2, row by row.
fn rows() -> Vec<(Value, &'static str, Vec<&'static str>, &'static str)> {
    let phone = vec!["phone"];
    let ring = vec!["phone", "phoneRing"];
    let agent = vec!["agent"];
    vec![
        (json!({"MT": 0}), "ws", vec![], "websocket消息连接"),
        (json!({"MT": 3, "PhoSta": 0}), "phoneHangup", phone.clone(), "通话完成"),
        (json!({"MT": 3, "PhoSta": 4}), "phoneCallOut", phone.clone(), "正在呼叫"),
        (json!({"MT": 3, "PhoSta": 5, "RingType": 0}), "phoneRingCalled", ring.clone(), "被叫"),
        (json!({"MT": 3, "PhoSta": 5, "RingType": 1}), "phoneRingQueue", ring.clone(), "客户来电"),
        (json!({"MT": 3, "PhoSta": 5, "RingType": 2}), "phoneRingOutbound", ring.clone(), "正在呼叫"),
        (json!({"MT": 3, "PhoSta": 5, "RingType": 3}), "phoneRingChanSPY", ring.clone(), "监听来电"),
        (json!({"MT": 3, "PhoSta": 5, "RingType": 4}), "phoneRingConsult", ring.clone(), "咨询来电"),
        (json!({"MT": 3, "PhoSta": 5, "RingType": 5}), "phoneRingAutoCall", ring, "自动外呼来电"),
        (json!({"MT": 3, "PhoSta": 6}), "phoneConnect", phone.clone(), "通话中"),
        (json!({"MT": 3, "PhoSta": 10}), "phoneSelfConnect", phone.clone(), "己方接通"),
        (json!({"MT": 3, "PhoSta": 21}), "phoneConsultOut", phone.clone(), "咨询中"),
        (json!({"MT": 3, "PhoSta": 22}), "phoneConsultConnect", phone.clone(), "咨询中"),
        (json!({"MT": 3, "PhoSta": 23}), "phoneConsultBack", phone.clone(), "咨询接回"),
        (json!({"MT": 3, "PhoSta": 24}), "phoneConsultFail", phone.clone(), "咨询未呼通"),
        (json!({"MT": 3, "PhoSta": 25}), "phone3WaySuccess", phone.clone(), "三方接通"),
        (json!({"MT": 3, "PhoSta": 26}), "phone3WayBack", phone.clone(), "三方接回"),
        (json!({"MT": 3, "PhoSta": 31}), "phoneChanSPYSuccess", phone.clone(), "监听成功"),
        (json!({"MT": 3, "PhoSta": 32}), "phoneBreakinSuccess", phone.clone(), "强插成功"),
        (json!({"MT": 3, "PhoSta": 33}), "phoneTransferSuccess", phone.clone(), "转接成功"),
        (json!({"MT": 3, "PhoSta": 34}), "phoneInterceptSuccess", phone.clone(), "拦截成功"),
        (json!({"MT": 3, "PhoSta": 35}), "phoneTransfer", phone.clone(), "电话转接"),
        (json!({"MT": 3, "PhoSta": 36}), "phoneTransfered", phone.clone(), "被强拆"),
        (json!({"MT": 3, "PhoSta": 55}), "phoneOtherRing", phone, "对方振铃"),
        (json!({"MT": 4, "State": "0"}), "agentLogout", agent.clone(), "被签出"),
        (json!({"MT": 4, "State": "1"}), "agentUnbusy", agent.clone(), "空闲"),
        (json!({"MT": 4, "State": "2"}), "agentSysBusy", agent.clone(), "忙碌"),
        (json!({"MT": 4, "State": "3"}), "agentSysUnbusy", agent.clone(), "空闲"),
        (json!({"MT": 4, "State": "4"}), "agentSysOccupy", agent.clone(), "系统占用"),
        (json!({"MT": 4, "State": "5"}), "agentSysAftDeal", agent.clone(), "事后处理"),
        (json!({"MT": 4, "State": "11"}), "agentOlUnbusy", agent.clone(), ""),
        (json!({"MT": 4, "State": "12"}), "agentOlBusy", agent.clone(), ""),
        (json!({"MT": 4, "State": "13"}), "agentAutoCallOverrun", agent, ""),
        (json!({"MT": 6, "AgSta": 0}), "initstate", vec![], "ws重连状态获取"),
        (json!({"MT": 6, "AgSta": 1}), "initstate", vec![], "ws重连状态获取-空闲"),
        (json!({"MT": 6, "AgSta": 2}), "initstate", vec![], "ws重连状态获取-忙碌"),
        (json!({"MT": 6, "AgSta": 5}), "initstate", vec![], "ws重连状态获取"),
        (json!({"MT": 6, "AgSta": 4, "PhoSta": 6}), "initstate", vec![], "ws重连状态获取-通话中"),
        (json!({"MT": 6, "AgSta": 4, "PhoSta": 5}), "initstate", vec![], "ws重连状态获取-来电震铃"),
        (json!({"MT": 6, "AgSta": 4}), "initstate", vec![], "ws重连状态获取-系统占用"),
        (json!({"MT": 6, "AgSta": 4, "PhoSta": 0}), "initstate", vec![], "ws重连状态获取-系统占用"),
        (json!({"MT": 7, "IvrResult": "42"}), "ivr", vec![], ""),
        (json!({"MT": 8, "Param": 1}), "updateQueue", vec!["update"], "技能组更新"),
        (json!({"MT": 8, "Param": 2}), "updateCaller", vec!["update"], "主叫号码更新"),
        (json!({"MT": 10, "Code": 4}), "errorLogoff", vec!["error"], "强制退出"),
        (json!({"MT": 10, "Code": 5}), "errorUnbusy", vec!["error"], "强制置闲"),
        (json!({"MT": 10, "Code": 6}), "errorBusy", vec!["error"], "强制置忙"),
        (json!({"MT": 10, "Code": 10}), "forceLogoff", vec!["error"], " 超时退出"),
    ]
}

/// The same frame with every number as a string and every string as a number where it is one.
fn swapped(frame: &Value) -> Value {
    let swap = |value: &Value| match value {
        Value::Number(number) => json!(number.to_string()),
        Value::String(text) => text.parse::<i64>().map_or_else(|_| value.clone(), |number| json!(number)),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => value.clone(),
    };
    Value::Object(frame.as_object().unwrap().iter().map(|(key, value)| (key.clone(), swap(value))).collect())
}

#[test]
fn every_row_has_its_name_categories_and_label_in_either_type() {
    for (frame, name, categories, label) in rows() {
        for frame in [frame.clone(), swapped(&frame)] {
            let push = read(frame.clone());
            assert_eq!(push.event_name, name, "{frame}");
            assert_eq!(push.event_type, categories, "{frame}");
            assert_eq!(push.status, label, "{frame}");
            assert_eq!(push.raw, frame);
            assert_ne!(push.message, PushMessage::Unknown, "{frame}");
        }
    }
}

#[test]
fn swapped_types_mean_the_same() {
    for (frame, ..) in rows() {
        assert_eq!(read(frame.clone()).message, read(swapped(&frame)).message, "{frame}");
    }
}

#[test]
fn a_customers_ring_carries_everything() {
    let frame = json!({"MT": 3, "PhoSta": 5, "RingType": 1, "CallType": 2, "Caller": "13800138000",
        "CallerAreaName": "北京", "QueId": "3", "OAgId": 0, "CallID": "c-1", "TS": 1, "Extra": {"a": [1, null]}});
    let push = read(frame.clone());
    assert_eq!(
        push.message,
        PushMessage::Phone(PhoneEvent {
            state: PhoneState::Ring(RingKind::Queue),
            caller: Some("13800138000".into()),
            area: Some("北京".into()),
            queue_id: Some(3),
            call_type: Some(2),
            call_id: Some("c-1".into()),
            ..PhoneEvent::default()
        })
    );
    assert_eq!(push.raw, frame);
    assert_eq!(
        push.raw.as_object().unwrap().keys().collect::<Vec<_>>(),
        frame.as_object().unwrap().keys().collect::<Vec<_>>(),
        "the order of the fields stays"
    );
}

#[test]
fn an_agents_ring_is_told_from_an_outside_one() {
    for (id, from_agent) in [
        (json!(17), true),
        (json!("17"), true),
        (json!("a-17"), true),
        (json!(0), false),
        (json!(0.0), false),
        (json!("0"), false),
        (json!(""), false),
        (json!(null), false),
    ] {
        let event = phone_event(json!({"MT": 3, "PhoSta": 5, "RingType": 0, "OAgId": id, "OAgNum": 8002,
            "OAgName": "李四", "CallId": "old"}));
        assert_eq!(event.from_agent, from_agent, "{id}");
        assert_eq!(event.agent_no.as_deref(), Some("8002"));
        assert_eq!(event.agent_name.as_deref(), Some("李四"));
        assert_eq!(event.call_id.as_deref(), Some("old"));
    }
    assert!(!phone_event(json!({"MT": 3, "PhoSta": 5, "RingType": 0})).from_agent);
}

#[test]
fn states_of_the_agent_carry_reason_and_time() {
    let agent = |frame| {
        let message = read(frame).message;
        let PushMessage::Agent(event) = message else { panic!("not an agent event: {message:?}") };
        event
    };
    assert_eq!(
        agent(json!({"MT": 4, "State": "2", "Reason": "11"})),
        AgentEvent { state: 2, reason: Some(11), wait_time_s: None }
    );
    assert_eq!(
        agent(json!({"MT": 4, "State": 5, "WaitTime": "10"})),
        AgentEvent { state: 5, reason: None, wait_time_s: Some(10) }
    );
    assert_eq!(agent(json!({"MT": 4, "State": "5", "WaitTime": -1})).wait_time_s, None);
    assert_eq!(agent(json!({"MT": 4, "State": "5", "WaitTime": i64::MAX})).wait_time_s, Some(86_400));
    let init = read(json!({"MT": 6, "AgSta": 5, "AgStaParam": "8"})).message;
    assert_eq!(init, PushMessage::InitState { ag_sta: 5, pho_sta: None, param: Some(8) });
}

#[test]
fn what_the_tables_do_not_know_is_passed_on_as_unknown() {
    for frame in [
        json!({}),
        json!({"MT": 1}),
        json!({"MT": 9, "a": 1}),
        json!({"MT": null}),
        json!({"MT": 3}),
        json!({"MT": 3, "PhoSta": 7}),
        json!({"MT": 3, "PhoSta": 5}),
        json!({"MT": 3, "PhoSta": 5, "RingType": 7}),
        json!({"MT": 4}),
        json!({"MT": 4, "State": "6"}),
        json!({"MT": 8, "Param": 3}),
        json!({"MT": 10, "Code": 100}),
    ] {
        let push = read(frame.clone());
        assert_eq!(push.message, PushMessage::Unknown, "{frame}");
        assert_eq!((push.event_name, push.event_type, push.status), ("unknown", &[][..], ""), "{frame}");
        assert_eq!(push.raw, frame);
    }
    let stateless = read(json!({"MT": 6}));
    assert_eq!((stateless.message, stateless.event_name), (PushMessage::Unknown, "initstate"));
}

#[test]
fn what_is_not_one_json_object_is_refused_with_its_beginning() {
    for text in ["", "WARNOFF", "hello", "[1]", "3", "null", "{\"MT\":0", "{\"MT\":0}{\"MT\":0}", "\"MT\""] {
        assert!(parse(text).is_err(), "{text}");
    }
    assert_eq!(parse("<html>\u{1b}[31mgateway").unwrap_err().start, "[31mgateway");
    assert_eq!(parse("\u{feff}{\"MT\":0}").unwrap().message, PushMessage::Established);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-20_i64..60).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        (-20_i64..60).prop_map(|number| Value::from(number.to_string())),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec(("[A-Za-z]{0,8}", inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_survived(text in ".{0,200}") {
        if let Err(error) = parse(&text) {
            prop_assert!(error.start.chars().count() <= 80);
            prop_assert!(!error.start.chars().any(char::is_control));
        }
    }

    #[test]
    fn any_fields_are_survived_and_kept(
        mt in prop_oneof![Just(3), Just(4), Just(6), Just(8), Just(10), 0..60],
        fields in prop::collection::vec(
            (prop_oneof![
                Just("PhoSta"), Just("RingType"), Just("State"), Just("AgSta"), Just("Param"), Just("Code"),
                Just("Caller"), Just("OAgId"), Just("QueId"), Just("WaitTime"), Just("Reason"), Just("CallID"),
            ], any_json()),
            0..8,
        ),
    ) {
        let mut frame = json!({ "MT": mt });
        for (name, value) in fields {
            frame[name] = value;
        }
        let push = parse(&frame.to_string()).unwrap();
        // Through text once, since that is what both sides have read.
        let sent: Value = serde_json::from_str(&frame.to_string()).unwrap();
        prop_assert_eq!(&push.raw, &sent);
        prop_assert_eq!(push.message == PushMessage::Unknown, push.event_name == "unknown"
            || (push.event_name == "initstate" && value::integer(sent.get("AgSta")).is_none()));
    }
}
