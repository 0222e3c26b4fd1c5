//! The session timer that we keep (RFC 4028), against a far end that lists UPDATE and refuses it.

use futures_util::FutureExt;
use tokio::time::Instant;

use super::*;

/// We refresh, and the far end says that it serves UPDATE.
const TIMED: &str = "Call-Info: answer-after=0\r\nSupported: timer\r\nAllow: INVITE,ACK,BYE,CANCEL,UPDATE\r\n\
                     Session-Expires: 90;refresher=uas\r\nMin-SE: 90\r\n";

/// The next SIP message or ping, while no time passes.
async fn next_at_once(conn: &mut Conn) -> Message {
    let began = std::time::Instant::now();
    loop {
        tokio::task::yield_now().await;
        match conn.0.next().now_or_never() {
            Some(message) => match message.expect("closed").unwrap() {
                Message::Text(text) if text.trim().is_empty() => {}
                Message::Pong(_) => {}
                message @ (Message::Text(_) | Message::Ping(_)) => return message,
                other @ (Message::Binary(_) | Message::Close(_) | Message::Frame(_)) => panic!("{other:?}"),
            },
            None => assert!(began.elapsed() < LIMIT, "nothing more is said without time passing"),
        }
    }
}

/// The next SIP message, which must begin so, while no time passes.
async fn said_at_once(conn: &mut Conn, start: &str) -> String {
    let message = next_at_once(conn).await;
    assert!(matches!(&message, Message::Text(text) if text.starts_with(start)), "{start} expected: {message:?}");
    message.to_string()
}

/// Lets the time to the next ping pass, answers that, and gives what was said before it.
async fn to_the_next_ping(phone: &mut Phone, conn: &mut Conn) -> Vec<String> {
    tokio::time::advance(Duration::from_millis(3010)).await;
    let mut said = Vec::new();
    while let Message::Text(text) = next_at_once(conn).await {
        said.push(text.to_string());
    }
    conn.0.flush().await.unwrap();
    while !matches!(phone.events.recv().await.expect("ended"), Event::RoundTrip(_)) {}
    said
}

async fn accept(conn: &mut Conn, reinvite: &str) {
    let timer = "Supported: timer\r\nAllow: INVITE,UPDATE\r\nSession-Expires: 90;refresher=uac\r\n";
    conn.reply_with(reinvite, "200 OK", timer, "v=0 theirs\r\n").await;
    said_at_once(conn, "ACK ").await;
}

#[tokio::test]
async fn a_refused_update_is_a_reinvite_at_once_and_the_call_outlives_its_timer() {
    let _held = hold_time();
    for status in
        ["405 Method Not Allowed", "501 Not Implemented", "488 Not Acceptable Here", "500 Server Internal Error"]
    {
        let mut phone = Phone::new().await;
        let (mut conn, register) = phone.registered().await;
        conn.send(invite(&register, "c1", TIMED)).await;
        conn.expect("SIP/2.0 100").await;
        conn.expect("SIP/2.0 180").await;
        assert!(matches!(phone.event().await, Event::Incoming { .. }));
        phone.softphone.send(Command::Answer { call_id: "c1".into() });
        let ok = conn.expect("SIP/2.0 200").await;
        assert_eq!(field(&ok, "Session-Expires"), "90;refresher=uas");
        conn.send(ack(&ok)).await;
        assert!(matches!(phone.event().await, Event::Answered { .. }));

        let (begun, mut updates, mut reinvites) = (Instant::now(), 0, 0);
        while begun.elapsed() < Duration::from_secs(200) {
            for text in to_the_next_ping(&mut phone, &mut conn).await {
                if text == ok {
                    // Said again, because the ACK was still on its way.
                    continue;
                }
                if text.starts_with("UPDATE ") {
                    updates += 1;
                    conn.reply(&text, status, "").await;
                    let instead = said_at_once(&mut conn, "INVITE ").await;
                    assert!(instead.ends_with("v=0 ours\r\n"), "{status}: {instead}");
                    accept(&mut conn, &instead).await;
                } else {
                    // A BYE in its place would be the end of a healthy call.
                    assert!(text.starts_with("INVITE "), "{status}, after {:?}: {text}", begun.elapsed());
                    accept(&mut conn, &text).await;
                }
                reinvites += 1;
            }
        }
        assert_eq!((updates, reinvites), (1, 4), "{status}: it is remembered, and the session refreshed at its half");
        // Both sides still have the same call.
        phone.softphone.send(Command::HangUp { call_id: "c1".into() });
        said_at_once(&mut conn, "BYE ").await;
        assert_eq!(phone.event().await, Event::Ended { call_id: "c1".into(), cause: EndCause::Local });
    }
}
