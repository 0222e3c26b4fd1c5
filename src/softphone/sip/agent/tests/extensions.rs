//! What the other side may ask for beyond RFC 3261: PRACK, session timers, UPDATE, several bodies.

use super::*;

const SDP: &str = "Content-Type: application/sdp\r\n";

fn prack(bench: &Bench, cseq: u32, rack: &str, headers: &str, body: &str) -> String {
    bench.in_dialog("PRACK", cseq, &format!("RAck: {rack}\r\n{headers}"), body)
}

#[test]
fn a_180_that_has_to_arrive_is_said_until_it_has() {
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", "Require: 100rel\r\n"));
    let ringing = bench.last("SIP/2.0 180").to_owned();
    assert_eq!(line(&ringing, "Require"), "100rel");
    let rseq: u32 = line(&ringing, "RSeq").parse().unwrap();
    assert!((1..1 << 31).contains(&rseq));
    bench.wait(Duration::from_millis(3500));
    assert_eq!(bench.sent.iter().filter(|text| **text == ringing).count(), 4, "at 0, 0.5, 1.5 and 3.5 s");
    for wrong in [format!("{} 10 INVITE", rseq + 1), format!("{rseq} 11 INVITE"), format!("{rseq} 10 BYE"), "x".into()]
    {
        let text = prack(&bench, 11, &wrong, "", "");
        bench.frame(&text.replace("PRACK11", &wrong.replace(' ', "")));
        assert!(bench.sent.last().unwrap().starts_with("SIP/2.0 481"), "{wrong}");
    }
    let good = prack(&bench, 12, &format!("{rseq} 10 INVITE"), "", "");
    bench.frame(&good);
    assert!(line(bench.last("SIP/2.0 200"), "CSeq").ends_with("PRACK"));
    bench.forget();
    bench.wait(Duration::from_secs(40));
    assert!(bench.sent.is_empty(), "{:?}", bench.starts());
}

#[test]
fn the_answer_need_not_wait_for_the_prack() {
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", "Require: 100rel\r\n"));
    let rseq = line(bench.last("SIP/2.0 180"), "RSeq").to_owned();
    bench.answer();
    bench.done(Ok(Some("a".into())));
    bench.last("SIP/2.0 200");
    let offer = prack(&bench, 11, &format!("{rseq} 10 INVITE"), SDP, "v=0 another\r\n");
    bench.frame(&offer);
    assert!(line(bench.last("SIP/2.0 488"), "CSeq").ends_with("PRACK"), "no place for another offer");
    let ack = bench.in_dialog("ACK", 10, "", "");
    bench.frame(&ack);
    bench.wait(Duration::from_secs(100));
    assert!(!bench.events.iter().any(|event| matches!(event, Event::Ended { .. })));
}

#[test]
fn without_a_prack_the_call_is_refused() {
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", "Require: 100rel\r\n"));
    bench.wait(Duration::from_secs(32));
    bench.last("SIP/2.0 500");
    assert!(matches!(bench.events.last(), Some(Event::Ended { cause: EndCause::Failed(_), .. })));
    // Asked for but not required, and without an offer: nothing has to be reliable.
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", "Supported: 100rel\r\n"));
    assert!(!bench.last("SIP/2.0 180").contains("RSeq"));
    let mut bench = Bench::registered();
    bench.frame(&invite_with("c1", "Require: 100rel\r\n", ""));
    assert_eq!(bench.starts(), ["SIP/2.0 100 Trying"]);
    assert_eq!(bench.events.len(), 1, "it rings all the same");
}

/// In a call whose INVITE had these headers; its 200.
fn timed(headers: &str) -> (Bench, String) {
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", headers));
    bench.answer();
    bench.done(Ok(Some("a".into())));
    let ok = bench.last("SIP/2.0 200").to_owned();
    let ack = bench.in_dialog("ACK", 10, "", "");
    bench.frame(&ack);
    bench.forget_but_dialog();
    (bench, ok)
}

#[test]
fn a_session_timer_is_agreed_on_where_it_is_asked_for() {
    for (headers, expires, required) in [
        ("", None, false),
        ("Supported: timer\r\n", None, false),
        ("Supported: timer\r\nSession-Expires: 1800\r\n", Some("1800;refresher=uac"), true),
        ("k: timer\r\nx: 1800;refresher=uac\r\n", Some("1800;refresher=uac"), true),
        ("Supported: timer\r\nSession-Expires: 1800;refresher=uas\r\n", Some("1800;refresher=uas"), false),
        ("Session-Expires: 1800\r\n", Some("1800;refresher=uas"), false),
        ("Supported: timer\r\nMin-SE: 200\r\nSession-Expires: 120\r\n", Some("200;refresher=uac"), true),
        ("Session-Expires: 60\r\n", Some("90;refresher=uas"), false),
        ("Session-Expires: soon\r\n", None, false),
    ] {
        let (_, ok) = timed(headers);
        let found = ok.lines().find_map(|l| l.strip_prefix("Session-Expires: "));
        assert_eq!(found, expires, "{headers}");
        assert_eq!(ok.contains("\r\nRequire: timer\r\n"), required, "{headers}");
    }
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", "Supported: timer\r\nSession-Expires: 60\r\n"));
    assert_eq!(line(bench.last("SIP/2.0 422"), "Min-SE"), "90");
    assert!(bench.events.is_empty());
}

#[test]
fn we_refresh_at_half_time_by_update_where_it_is_known() {
    let (mut bench, _) = timed("Allow: INVITE, UPDATE\r\nSession-Expires: 1800;refresher=uas\r\n");
    bench.sent.retain(|text| text.starts_with("SIP/2.0 180"));
    bench.wait(Duration::from_secs(597));
    bench.grant();
    bench.wait(Duration::from_secs(303) - T);
    assert!(!bench.sent.iter().any(|text| text.starts_with("UPDATE")));
    bench.wait(T);
    let update = bench.last("UPDATE").to_owned();
    assert_eq!(line(&update, "Session-Expires"), "1800;refresher=uac");
    assert!(update.ends_with("Content-Length: 0\r\n\r\n") && bench.jobs.is_empty());
    bench.respond_in_call("UPDATE", "200 OK", "Session-Expires: 1800;refresher=uac\r\n", "");
    assert!(!bench.sent.iter().any(|text| text.starts_with("ACK")));

    // Too short for somebody on the way: again, longer.
    bench.sent.retain(|text| text.starts_with("SIP/2.0 180") || text.starts_with("REGISTER"));
    for _ in 0..3 {
        bench.wait(Duration::from_secs(300));
        bench.grant();
    }
    bench.respond_in_call("UPDATE", "422 Session Interval Too Small", "Min-SE: 3600\r\n", "");
    let again = bench.last("UPDATE");
    assert_eq!((line(again, "Session-Expires"), line(again, "Min-SE")), ("3600;refresher=uac", "3600"));
    // A 200 without the header: no timer any more.
    bench.respond_in_call("UPDATE", "200 OK", "", "");
    for _ in 0..30 {
        bench.wait(Duration::from_secs(300));
        bench.grant();
    }
    assert!(!bench.events.iter().any(|event| matches!(event, Event::Ended { .. })));
}

#[test]
fn elsewhere_by_a_reinvite_and_without_any_answer_the_call_ends_at_last() {
    let (mut bench, _) = timed("Session-Expires: 200;refresher=uas\r\n");
    bench.wait(Duration::from_secs(100));
    assert_eq!(bench.tasks(), [&Task::Offer { restart: false }]);
    bench.done(Ok(Some("v=0 same\r\n".into())));
    assert_eq!(line(bench.last("INVITE"), "Session-Expires"), "200;refresher=uac");
    bench.wait(Duration::from_secs(100) - T);
    assert!(bench.events.is_empty(), "{:?}", bench.events);
    bench.wait(T);
    bench.last("BYE");
    assert!(matches!(&bench.events[..], [Event::Ended { cause: EndCause::Failed(_), .. }]));
}

#[test]
fn who_promised_to_refresh_and_does_not_has_left() {
    let (mut bench, _) = timed("Supported: timer\r\nSession-Expires: 300;refresher=uac\r\n");
    bench.wait(Duration::from_secs(200));
    let update = bench.in_dialog("UPDATE", 11, "Supported: timer\r\nSession-Expires: 300;refresher=uac\r\n", "");
    bench.frame(&update);
    assert_eq!(line(bench.last("SIP/2.0 200"), "Session-Expires"), "300;refresher=uac");
    bench.wait(Duration::from_secs(268) - T);
    assert!(!bench.events.iter().any(|event| matches!(event, Event::Ended { .. })));
    bench.wait(T);
    bench.last("BYE");

    // While the connection is away nobody can refresh: that is no one's fault, and there is time after it.
    let (mut bench, _) = timed("Supported: timer\r\nSession-Expires: 300;refresher=uac\r\n");
    bench.down();
    bench.wait(Duration::from_secs(1000));
    bench.up();
    bench.grant();
    bench.wait(Duration::from_secs(60));
    let reinvite = bench.in_dialog("INVITE", 11, SDP, "v=0 refresh\r\n");
    bench.frame(&reinvite);
    bench.done(Ok(Some("v=0 a\r\n".into())));
    assert!(!bench.last("SIP/2.0 200").contains("Session-Expires"), "not asked for any more");
    bench.wait(Duration::from_secs(1000));
    assert!(!bench.events.iter().any(|event| matches!(event, Event::Ended { .. })));
}

#[test]
fn an_update_before_the_answer_is_taken_without_an_offer_only() {
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", ""));
    let plain = bench.in_dialog("UPDATE", 11, "", "");
    bench.frame(&plain);
    assert!(line(bench.last("SIP/2.0 200"), "CSeq").ends_with("UPDATE"));
    let offer = bench.in_dialog("UPDATE", 12, SDP, "v=0 early\r\n");
    bench.frame(&offer);
    line(bench.last("SIP/2.0 500"), "Retry-After");
    bench.answer();
    bench.done(Ok(Some("a".into())));
    let ack = bench.in_dialog("ACK", 10, "", "");
    bench.frame(&ack);
    let later = bench.in_dialog("UPDATE", 13, SDP, "v=0 now\r\n");
    bench.frame(&later);
    bench.done(Ok(Some("v=0 b\r\n".into())));
    assert!(bench.last("SIP/2.0 200").contains("13 UPDATE"));
}

#[test]
fn a_description_among_other_parts_is_an_offer_like_any_other() {
    let mut bench = Bench::registered();
    let body = "--x\r\nContent-Type: application/sdp\r\n\r\nv=0 part\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nhi\r\n--x--\r\n";
    bench.frame(&invite_with("c1", "Content-Type: multipart/mixed;boundary=x\r\n", body));
    bench.answer();
    assert_eq!(bench.tasks(), [&Task::Answer("v=0 part\r\n\r\n".into())]);
}

#[test]
fn a_cancelled_reinvite_has_no_effect() {
    let before = "v=0\r\na=ice-ufrag:one\r\n";
    for (offer, restart) in [("v=0 hold\r\na=ice-ufrag:one\r\n", false), ("v=0\r\na=ice-ufrag:two\r\n", true)] {
        let mut bench = Bench::registered();
        bench.frame(&invite_with("c1", SDP, before));
        bench.answer();
        bench.done(Ok(Some("a".into())));
        let ack = bench.in_dialog("ACK", 10, "", "");
        bench.frame(&ack);
        bench.forget_but_dialog();
        let reinvite = bench.in_dialog("INVITE", 11, SDP, offer);
        bench.frame(&reinvite);
        let cancel = bench.in_dialog("CANCEL", 11, "", "").replace("z9hG4bKCANCEL11", "z9hG4bKINVITE11");
        bench.frame(&cancel);
        bench.last("SIP/2.0 487");
        // The media room is told to go back, whether it has followed already or not.
        assert_eq!(bench.tasks(), [&Task::Answer(offer.into()), &Task::Answer(before.into())]);
        let late = bench.jobs[0].id;
        bench.agent.media_done(late, Ok(Some("v=0 held\r\n".into())), bench.now);
        bench.collect();
        assert!(!bench.sent.iter().any(|t| t.starts_with("SIP/2.0 200") && t.contains("11 INVITE")), "no 200 after it");
        bench.done(Ok(Some("v=0 back\r\n".into())));
        assert_eq!(bench.tasks()[2..] == [&Task::Offer { restart: true }], restart, "{offer}");
        // CANCEL crossing the 200 changes nothing either.
        if !restart {
            let reinvite = bench.in_dialog("INVITE", 12, SDP, offer);
            bench.frame(&reinvite);
            bench.done(Ok(Some("v=0 held\r\n".into())));
            let cancel = bench.in_dialog("CANCEL", 12, "", "").replace("z9hG4bKCANCEL12", "z9hG4bKINVITE12");
            bench.frame(&cancel);
            assert!(bench.sent.last().unwrap().starts_with("SIP/2.0 481"), "its transaction is over");
            assert_eq!(bench.jobs.len(), 3);
        }
        assert!(bench.events.is_empty());
    }
}

#[test]
fn a_cancel_that_crosses_the_200_comes_too_late() {
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", ""));
    bench.answer();
    bench.done(Ok(Some("a".into())));
    bench.forget_but_dialog();
    bench.frame(&invite_with("c1", "", "").replace("INVITE", "CANCEL"));
    assert!(line(bench.last("SIP/2.0 200"), "CSeq").ends_with("CANCEL"));
    assert!(bench.events.is_empty() && !bench.starts().iter().any(|start| start.contains("487")));
    // Who meant it says BYE, before or after the ACK.
    let bye = bench.in_dialog("BYE", 11, "", "");
    bench.frame(&bye);
    assert_eq!(bench.events, [ended("c1", EndCause::RemoteBye)]);
    bench.forget();
    bench.wait(Duration::from_secs(60));
    assert!(bench.sent.is_empty(), "no 200 again after the end: {:?}", bench.starts());
}

#[test]
fn a_reinvite_that_comes_again_gets_its_answer_again() {
    let mut bench = Bench::talking();
    bench.forget_but_dialog();
    let reinvite = bench.in_dialog("INVITE", 11, SDP, "v=0 hold\r\n");
    bench.frame(&reinvite);
    bench.frame(&reinvite);
    bench.done(Ok(Some("v=0 held\r\n".into())));
    bench.frame(&reinvite);
    assert_eq!(bench.jobs.len(), 1);
    assert!(!bench.starts().iter().any(|start| start.starts_with("SIP/2.0 500")), "{:?}", bench.starts());
    bench.wait(Duration::from_millis(500));
    assert_eq!(bench.sent.iter().filter(|t| t.starts_with("SIP/2.0 200") && t.contains("11 INVITE")).count(), 2);
}

#[test]
fn a_call_is_not_taken_over_by_replaces() {
    let mut bench = Bench::talking();
    bench.frame(&invite("c2", "Replaces: c1;to-tag=x;from-tag=ft1\r\n"));
    assert_eq!(line(bench.last("SIP/2.0 180"), "Call-ID"), "c2", "a call of its own");
    bench.frame(&invite("c3", "Require: replaces\r\nReplaces: c1;to-tag=x;from-tag=ft1\r\n"));
    assert_eq!(line(bench.last("SIP/2.0 420"), "Unsupported"), "replaces");
    assert!(!bench.last("SIP/2.0 200").contains("replaces"), "and we do not say that it could be");
}
