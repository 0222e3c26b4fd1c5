//! What stays on the one connection, what keeps it alive, and what brings another one.

use tokio::io::AsyncWriteExt;

use super::*;

#[tokio::test]
async fn everything_inside_a_call_stays_on_the_connection() {
    let mut phone = Phone::new().await;
    let (mut conn, register) = phone.registered().await;
    // Hosts nobody can dial, a strict router, other transports, another port of this very machine: all of it is only text.
    let trap = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let there = trap.local_addr().unwrap();
    let routes = [
        format!("<sip:{there};transport=tcp;lr>"),
        "<sips:nowhere.invalid;transport=wss;lr>, <sip:[::1]:9;lr>".into(),
        format!("<sip:strict@{there};transport=ws>"),
    ];
    for (number, route) in routes.iter().enumerate() {
        let call = format!("call{number}");
        let extra = "Call-Info: answer-after=0\r\nSession-Expires: 90;refresher=uas\r\nAllow: UPDATE\r\n";
        let text = invite(&register, &call, extra).replace("<sip:nowhere.invalid;transport=ws;lr>", route).replace(
            "sip:asterisk@unresolvable:5060;transport=ws",
            &format!("sip:x@{there};transport=tls;maddr=192.0.2.9"),
        );
        conn.send(text).await;
        conn.expect("SIP/2.0 100").await;
        conn.expect("SIP/2.0 180").await;
        phone.softphone.send(Command::Answer { call_id: call.clone() });
        let ok = conn.expect("SIP/2.0 200").await;
        conn.send(ack(&ok)).await;
        // A request of ours in the call, and the last one.
        phone.media.wish(Wish::Restart { call_id: call.clone(), moved: true });
        let ours = conn.expect("INVITE").await;
        conn.reply_with(&ours, "200 OK", &format!("Contact: <sip:moved@{there}>\r\n"), "v=0 theirs\r\n").await;
        let acknowledged = conn.expect("ACK").await;
        assert!(acknowledged.contains(&there.to_string()), "{acknowledged}");
        phone.softphone.send(Command::HangUp { call_id: call.clone() });
        let bye = conn.expect("BYE").await;
        conn.reply(&bye, "200 OK", "").await;
        assert!(matches!(phone.event().await, Event::Incoming { .. }));
        assert!(matches!(phone.event().await, Event::Answered { .. }));
        assert!(matches!(phone.event().await, Event::Ended { cause: EndCause::Local, .. }));
    }
    let another = timeout(Duration::from_millis(50), async {
        tokio::select! { _ = trap.accept() => {}, _ = phone.listener.accept() => {} }
    });
    assert!(another.await.is_err(), "exactly one connection");
}

/// Such text ends the connection, as RFC 6455 8.1 demands; the call does not notice.
#[tokio::test]
async fn text_in_a_wrong_encoding_costs_the_connection_and_no_call() {
    let mut phone = Phone::new().await;
    let (mut conn, register) = phone.registered().await;
    phone.talking(&mut conn, &register).await;
    conn.0.get_mut().write_all(b"\x81\x0fFrom: \"M\xfcller\"\n").await.unwrap();
    let Event::RegistrationFailed { error, retry_in } = phone.event().await else { panic!() };
    assert_eq!(error, SipError::Lost("it sent text that is no UTF-8".into()));
    assert!(retry_in.is_some_and(|pause| pause <= Duration::from_millis(250)), "{retry_in:?}");
    let mut conn = Conn::accept(&phone.listener).await;
    conn.register(300).await;
    assert_eq!(phone.event().await, Event::Registering);
    assert!(matches!(phone.event().await, Event::Registered { .. }));
    phone.softphone.send(Command::HangUp { call_id: "c1".into() });
    let bye = conn.expect("BYE").await;
    conn.reply(&bye, "200 OK", "").await;
    assert_eq!(phone.event().await, Event::Ended { call_id: "c1".into(), cause: EndCause::Local });
}

#[tokio::test]
async fn a_new_path_is_offered_over_the_connection_and_its_answer_taken_in() {
    let mut phone = Phone::new().await;
    let (mut conn, register) = phone.registered().await;
    phone.talking(&mut conn, &register).await;
    phone.media.wish(Wish::Restart { call_id: "c1".into(), moved: true });
    let ours = conn.expect("INVITE").await;
    assert!(ours.ends_with("v=0 ours\r\n"));
    conn.reply(&ours, "491 Request Pending", "").await;
    conn.expect("ACK").await;
    let again = conn.expect("INVITE").await;
    conn.reply(&again, "100 Trying", "").await;
    conn.reply_with(&again, "200 OK", "", "v=0 theirs\r\n").await;
    conn.expect("ACK").await;
    phone.softphone.send(Command::HangUp { call_id: "c1".into() });
    conn.expect("BYE").await;
    let record = phone.media.record();
    let expected = [
        "begins c1",
        "answer c1 v=0 offer",
        "offer c1 restart",
        "rollback c1",
        "offer c1 restart",
        "accept c1 v=0 theirs",
        "silence c1",
        "close c1",
    ];
    assert_eq!(record, expected);
}

#[tokio::test]
async fn a_call_that_is_over_is_silent_while_the_media_room_is_still_busy_with_it() {
    let mut phone = Phone::with(FakeMedia { stuck: true, ..FakeMedia::default() }).await;
    let (mut conn, register) = phone.registered().await;
    conn.send(invite(&register, "c1", "Call-Info: answer-after=0\r\n")).await;
    assert!(matches!(phone.event().await, Event::Incoming { .. }));
    phone.softphone.send(Command::Answer { call_id: "c1".into() });
    while !phone.media.record().iter().any(|note| note.starts_with("answer")) {
        tokio::task::yield_now().await;
    }
    phone.softphone.send(Command::HangUp { call_id: "c1".into() });
    assert!(matches!(phone.event().await, Event::Ended { .. }));
    assert_eq!(phone.media.record(), ["begins c1", "answer c1 v=0 offer", "silence c1"]);
}

#[tokio::test]
async fn a_connection_that_went_with_the_old_network_is_replaced_at_once() {
    let mut phone = Phone::new().await;
    let (mut conn, register) = phone.registered().await;
    phone.talking(&mut conn, &register).await;
    phone.media.wish(Wish::Restart { call_id: "c1".into(), moved: true });
    // Nobody reads at the other end of `conn` any more. Long before the ordinary keep-alive gives up there is another.
    let wished = std::time::Instant::now();
    let mut next = Conn::accept(&phone.listener).await;
    assert!(wished.elapsed() < Duration::from_secs(5), "only after {:?}", wished.elapsed());
    // The offer goes out when the server has answered something over it, and at once then.
    next.register(300).await;
    next.expect("INVITE").await;
}

#[tokio::test]
async fn a_flow_timer_of_the_server_is_kept() {
    let mut phone = Phone::new().await;
    phone.register();
    let mut conn = Conn::accept(&phone.listener).await;
    let register = conn.expect("REGISTER").await;
    conn.reply(&register, "200 OK", "Flow-Timer: 10\r\nExpires: 300\r\n").await;
    assert_eq!(phone.event().await, Event::Registering);
    assert!(matches!(phone.event().await, Event::Registered { .. }));
    let _held = hold_time();
    tokio::time::advance(Duration::from_millis(10_010)).await;
    loop {
        if conn.0.next().await.expect("closed").unwrap() == Message::text("\r\n\r\n") {
            break;
        }
    }
}

#[tokio::test]
async fn the_time_to_the_server_is_told() {
    let mut phone = Phone::new().await;
    let (mut conn, _) = phone.registered().await;
    let _held = hold_time();
    for _ in 0..3 {
        tokio::time::advance(Duration::from_millis(3010)).await;
        while !conn.0.next().await.unwrap().unwrap().is_ping() {}
        tokio::time::advance(Duration::from_millis(40)).await;
        // The pong goes out with the flush.
        conn.0.flush().await.unwrap();
        let Some(Event::RoundTrip(time)) = phone.events.recv().await else { panic!() };
        assert_eq!(time, Duration::from_millis(40));
    }
}

#[tokio::test]
async fn a_server_that_goes_down_is_left_alone_for_a_while() {
    for (code, at_once) in [(None, true), (Some(1001u16), false), (Some(1012), false), (Some(1000), true)] {
        let mut phone = Phone::new().await;
        let (mut conn, _) = phone.registered().await;
        match code {
            Some(code) => {
                let frame =
                    tokio_tungstenite::tungstenite::protocol::CloseFrame { code: code.into(), reason: "".into() };
                conn.0.close(Some(frame)).await.unwrap();
            }
            None => conn.cut(),
        }
        let Event::RegistrationFailed { retry_in: Some(pause), .. } = phone.event().await else { panic!() };
        let (soon, later) = (Duration::from_millis(250), Duration::from_millis(600));
        assert!(if at_once { pause <= soon } else { pause >= later }, "{code:?}: {pause:?}");
    }
}

#[tokio::test]
async fn a_proxy_and_the_registrar_may_both_ask() {
    let mut phone = Phone::new().await;
    phone.register();
    let mut conn = Conn::accept(&phone.listener).await;
    let first = conn.expect("REGISTER").await;
    conn.reply(&first, "407 Auth", "Proxy-Authenticate: Digest realm=\"p\",nonce=\"p\"\r\n").await;
    let second = conn.expect("REGISTER").await;
    field(&second, "Proxy-Authorization");
    conn.reply(&second, "401 Unauthorized", "WWW-Authenticate: Digest realm=\"r\",nonce=\"n\",qop=\"auth\"\r\n").await;
    let third = conn.expect("REGISTER").await;
    field(&third, "Proxy-Authorization");
    check_credentials(&third);
    // And it has moved: over the same connection, to another name.
    conn.reply(&third, "302 Moved", "Contact: <sip:elsewhere.invalid;transport=tcp>\r\n").await;
    let fourth = conn.expect("REGISTER sip:elsewhere.invalid;transport=tcp SIP/2.0").await;
    conn.reply(&fourth, "200 OK", "Expires: 300\r\n").await;
    assert_eq!(phone.event().await, Event::Registering);
    assert!(matches!(phone.event().await, Event::Registered { .. }));
}
