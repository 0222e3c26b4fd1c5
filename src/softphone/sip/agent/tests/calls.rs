//! One call, from INVITE to its end.

use super::*;
use crate::domain::Unreached;

#[test]
fn a_call_rings_is_answered_and_hung_up_by_the_other_side() {
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", ""));
    assert_eq!(bench.starts(), ["SIP/2.0 100 Trying", "SIP/2.0 180 Ringing"]);
    assert!(!line(&bench.sent[0], "To").contains("tag="), "100 has no To tag");
    let ringing = &bench.sent[1];
    assert!(line(ringing, "To").contains(";tag="));
    assert_eq!(ringing.matches("Record-Route: ").count(), 2);
    assert_eq!(ringing.matches("Via: ").count(), 2);
    assert!(line(ringing, "Contact").ends_with(";transport=ws>"));
    let incoming = Event::Incoming { call_id: "c1".into(), from: "13800000000".into(), auto_answer: false };
    assert_eq!(bench.events, [incoming]);
    assert!(bench.jobs.is_empty(), "nothing touches the media before the answer");

    bench.answer();
    assert_eq!(bench.jobs[0].task, Task::Answer(OFFER.into()));
    bench.done(Ok(Some("v=0 answer\r\n".into())));
    let ok = bench.last("SIP/2.0 200 OK").to_owned();
    assert_eq!(line(&ok, "To"), line(&bench.sent[1], "To"), "one tag for the dialog");
    assert_eq!(line(&ok, "Content-Type"), "application/sdp");
    assert!(ok.ends_with("Content-Length: 12\r\n\r\nv=0 answer\r\n"));
    assert_eq!(line(&ok, "Supported"), "outbound,timer,100rel");
    assert!(line(&ok, "Allow").contains("UPDATE") && !line(&ok, "Allow").contains("REFER"));
    assert_eq!(bench.events[1], Event::Answered { call_id: "c1".into() });

    let ack = bench.in_dialog("ACK", 10, "", "");
    bench.frame(&ack);
    bench.sent.retain(|t| t.starts_with("SIP/2.0 2"));
    bench.wait(Duration::from_secs(40));
    assert_eq!(bench.starts(), ["SIP/2.0 200 OK"], "no 200 again after the ACK");
    let bye = bench.in_dialog("BYE", 11, "", "");
    bench.frame(&bye);
    assert!(line(bench.last("SIP/2.0 200"), "CSeq").ends_with("BYE"));
    assert_eq!(bench.events[2..], [ended("c1", EndCause::RemoteBye)]);
    assert_eq!(bench.jobs[1..], [Job { id: 0, call_id: "c1".into(), task: Task::Close }]);
    bench.frame(&bye);
    assert!(bench.last("SIP/2.0 ").starts_with("SIP/2.0 200"), "the same BYE again, the same answer");
    let another = bench.in_dialog("BYE", 12, "", "");
    bench.frame(&another);
    assert!(bench.last("SIP/2.0 ").starts_with("SIP/2.0 481"));
    assert_eq!(bench.events.len(), 3);
}

#[test]
fn own_bye_follows_the_route_set() {
    let mut bench = Bench::talking();
    bench.hang_up();
    let bye = bench.last("BYE").to_owned();
    let lines: Vec<_> = bye.lines().take(3).collect();
    assert_eq!(
        lines,
        [
            "BYE sip:13800000000@10.0.0.1:5060;transport=udp SIP/2.0",
            "Route: <sip:10.0.0.1:4443;transport=wss;lr>",
            "Route: <sip:10.0.0.1;lr>"
        ]
    );
    assert_eq!(line(&bye, "CSeq"), "11 BYE");
    assert_eq!(bench.events.last(), Some(&ended("c1", EndCause::Local)));
    assert!(!bench.agent.quiet());
    bench.respond("BYE", "200 OK", "");
    assert!(bench.agent.quiet());
}

#[test]
fn a_challenged_bye_is_said_again_with_credentials() {
    let mut bench = Bench::talking();
    bench.hang_up();
    bench.respond("BYE", "407 Auth", "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n");
    let bye = bench.last("BYE");
    assert_eq!(line(bye, "CSeq"), "12 BYE");
    assert!(line(bye, "Proxy-Authorization").contains("uri=\"sip:13800000000@10.0.0.1:5060;transport=udp\""));
    bench.respond("BYE", "407 Auth", "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n2\"\r\n");
    assert!(bench.agent.quiet(), "once is enough");
}

#[test]
fn hung_up_before_the_ack_bye_waits_for_it() {
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", ""));
    bench.answer();
    bench.done(Ok(Some("a".into())));
    bench.hang_up();
    assert_eq!(bench.events.last(), Some(&ended("c1", EndCause::Local)), "the agent need not wait");
    assert!(!bench.starts().iter().any(|s| s.starts_with("BYE")));
    // Meanwhile another call is welcome.
    let ack = bench.in_dialog("ACK", 10, "", "");
    bench.frame(&invite("c2", ""));
    assert!(bench.last("SIP/2.0 180").contains("Call-ID: c2"));
    bench.frame(&ack);
    assert_eq!(line(bench.last("BYE"), "Call-ID"), "c1");
}

#[test]
fn the_other_sides_bye_spares_ours() {
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", ""));
    bench.answer();
    bench.done(Ok(Some("a".into())));
    bench.hang_up();
    let bye = bench.in_dialog("BYE", 11, "", "");
    bench.frame(&bye);
    assert!(line(bench.last("SIP/2.0 200"), "CSeq").ends_with("BYE"));
    assert!(bench.agent.quiet());
    assert_eq!(bench.events.iter().filter(|e| matches!(e, Event::Ended { .. })).count(), 1);
}

#[test]
fn hung_up_with_an_unacknowledged_reinvite_the_call_does_not_linger() {
    let mut bench = Bench::talking();
    let sdp = "Content-Type: application/sdp\r\nContact: <sip:a@b>\r\n";
    let reinvite = bench.in_dialog("INVITE", 11, sdp, OFFER);
    bench.frame(&reinvite);
    bench.done(Ok(Some("a".into())));
    bench.hang_up();
    bench.wait(Duration::from_secs(32));
    bench.last("BYE");
    bench.respond("BYE", "200 OK", "");
    assert!(bench.agent.quiet());
}

#[test]
fn a_lost_ack_ends_the_call_after_32_seconds() {
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", ""));
    bench.answer();
    bench.done(Ok(Some("a".into())));
    bench.wait(Duration::from_secs(32) - T);
    let again = bench.starts().iter().filter(|s| s.starts_with("SIP/2.0 200")).count();
    assert_eq!(again, 11, "one, and at 0.5, 1.5, 3.5, 7.5 .. 31.5 s");
    assert!(!bench.starts().iter().any(|s| s.starts_with("BYE")));
    bench.wait(T);
    bench.last("BYE");
    assert!(matches!(bench.events.last(), Some(Event::Ended { cause: EndCause::Failed(_), .. })));
}

#[test]
fn cancel_takes_the_call_back_with_one_tag() {
    for answering in [false, true] {
        let mut bench = Bench::registered();
        bench.frame(&invite("c1", ""));
        if answering {
            bench.answer();
        }
        let cancel = invite_with("c1", "", "").replace("INVITE", "CANCEL");
        bench.frame(&cancel);
        let tag = |text: &str| line(text, "To").split("tag=").nth(1).unwrap().to_owned();
        let cancelled = bench.sent.iter().find(|t| t.contains("10 CANCEL")).unwrap();
        assert!(cancelled.starts_with("SIP/2.0 200 OK"));
        assert_eq!(tag(cancelled), tag(bench.last("SIP/2.0 487")));
        assert!(line(bench.last("SIP/2.0 487"), "CSeq").ends_with("INVITE"));
        assert_eq!(bench.events.last(), Some(&ended("c1", EndCause::Cancelled)));
        // The media's late result changes nothing.
        bench.done(Ok(Some("a".into())));
        assert!(!bench.sent.iter().any(|t| t.starts_with("SIP/2.0 200") && t.contains("10 INVITE")));
        assert!(!bench.events.contains(&Event::Answered { call_id: "c1".into() }));
        bench.frame(&cancel);
        assert_eq!(bench.sent.last(), bench.sent.iter().find(|t| t.contains("10 CANCEL")), "asked again, told again");
        bench.frame(&cancel.replace("10 CANCEL", "11 CANCEL"));
        assert!(bench.last("SIP/2.0 ").starts_with("SIP/2.0 481"));
    }
}

#[test]
fn a_cancel_that_has_come_another_way_takes_nothing_back() {
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", ""));
    let foreign = invite_with("c1", "", "").replace("INVITE", "CANCEL").replace("z9hG4bKaaac1", "z9hG4bKother");
    bench.frame(&foreign);
    assert!(line(bench.last("SIP/2.0 481"), "CSeq").ends_with("CANCEL"));
    assert_eq!((bench.events.len(), bench.jobs.len()), (1, 0), "it rings on: {:?}", bench.events);
    // The same with a re-INVITE.
    let mut bench = Bench::talking();
    bench.forget_but_dialog();
    let reinvite = bench.in_dialog("INVITE", 11, "Content-Type: application/sdp\r\n", "v=0 hold\r\n");
    bench.frame(&reinvite);
    let foreign = bench.in_dialog("CANCEL", 11, "", "");
    bench.frame(&foreign);
    bench.last("SIP/2.0 481");
    bench.done(Ok(Some("v=0 held\r\n".into())));
    assert!(bench.last("SIP/2.0 200").contains("11 INVITE"));
}

#[test]
fn a_call_answered_elsewhere_is_said_to_be() {
    for (reason, cause) in [
        ("Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n", EndCause::AnsweredElsewhere),
        ("Reason: Q.850;cause=26, sip ; cause=200\r\n", EndCause::AnsweredElsewhere),
        ("Reason: SIP;cause=487\r\n", EndCause::Cancelled),
        ("Reason: Q.850;cause=200\r\n", EndCause::Cancelled),
        ("Reason: SIP\r\n", EndCause::Cancelled),
        ("", EndCause::Cancelled),
    ] {
        let mut bench = Bench::registered();
        bench.frame(&invite("c1", ""));
        bench.frame(&invite_with("c1", reason, "").replace("INVITE", "CANCEL"));
        assert_eq!(bench.events.last(), Some(&ended("c1", cause)), "{reason}");
    }
}

#[test]
fn a_call_for_somebody_else_is_not_ours() {
    let to = |uri: &str| {
        let mut bench = Bench::registered();
        let contact = bench.agent.identity.contact_user.clone();
        let uri = uri.replace("CONTACT", &contact);
        bench.frame(&invite("c1", "").replace("sip:ss1234ss8001@127.0.0.1:4711;transport=WS", &uri));
        (bench.starts().first().map(|start| (*start).to_owned()).unwrap_or_default(), bench.events.len())
    };
    for ours in [
        "sip:CONTACT@192.0.2.1;transport=ws",
        "sips:CONTACT@another.example.test",
        "sip:ss1234ss8001@10.0.0.1:5060",
        "sip:%73s1234ss8001@sip.example.test;user=phone",
        "sip:10.0.0.1;transport=ws",
        "sip:tgruu.7hs@sip.example.test;gr",
    ] {
        assert_eq!(to(ours), ("SIP/2.0 100 Trying".to_owned(), 1), "{ours}");
    }
    for other in ["sip:ss1234ss8002@sip.example.test", "sip:CONTACTx@192.0.2.1", "sip:@sip.example.test"] {
        assert_eq!(to(other), ("SIP/2.0 404 Not Found".to_owned(), 0), "{other}");
    }
}

#[test]
fn a_call_to_what_the_registrar_has_made_of_our_contact_is_ours() {
    let mut bench = Bench::registered();
    bench.wait(Duration::from_secs(598));
    let contact = line(bench.last("REGISTER"), "Contact").replace("expires=600", "expires=300");
    let rewritten = contact.replace(&format!("sip:{}@", bench.agent.identity.contact_user), "sip:s-77%2d1@");
    assert_ne!(contact, rewritten);
    bench.respond(
        "REGISTER",
        "200 OK",
        &format!("Contact: {rewritten}\r\nP-Associated-URI: <sip:8001@sip.example.test>\r\n"),
    );
    // And still when the next answer no longer says so.
    for (number, user) in ["s-77-1", "s%2d77-1", "8001", "s-77-1", "8001"].into_iter().enumerate() {
        if number == 3 {
            bench.wait(Duration::from_secs(298));
            bench.grant();
        }
        bench.forget();
        let uri = format!("sip:{user}@10.0.0.9;transport=ws");
        let call = format!("c{number}");
        bench.frame(&invite(&call, "").replace("sip:ss1234ss8001@127.0.0.1:4711;transport=WS", &uri));
        assert_eq!(bench.starts().first(), Some(&"SIP/2.0 100 Trying"), "{uri}");
        bench.hang_up();
    }
    bench.forget();
    bench.frame(&invite("c9", "").replace("sip:ss1234ss8001@127.0.0.1:4711;transport=WS", "sip:8002@10.0.0.9"));
    assert_eq!(bench.starts(), ["SIP/2.0 404 Not Found"]);
}

#[test]
fn legs_that_are_about_to_end_leave_room_for_the_next_customer() {
    // Each was taken back while our 200 was on its way: BYE will follow.
    let mut bench = Bench::registered();
    for call in ["c1", "c2", "c3", "c4"] {
        bench.frame(&invite(call, ""));
        bench.answer();
        bench.done(Ok(Some("v=0 answer\r\n".into())));
        bench.frame(&invite(call, "").replace("INVITE sip:", "CANCEL sip:").replace("10 INVITE", "10 CANCEL"));
    }
    bench.forget();
    bench.frame(&invite("c5", ""));
    assert_eq!(bench.starts(), ["SIP/2.0 100 Trying", "SIP/2.0 180 Ringing"]);
    assert!(!bench.events.iter().any(|event| matches!(event, Event::Ended { .. })), "CANCEL came too late for them");
}

#[test]
fn nobody_is_called_to_an_offer_that_cannot_be_answered() {
    let mut bench = Bench::registered();
    let sdp = "Content-Type: application/sdp\r\n";
    bench.frame(&invite_with("c1", sdp, "v=0 G729 alone\r\n"));
    assert_eq!(bench.starts(), ["SIP/2.0 488 Not Acceptable Here"]);
    assert!(bench.events.is_empty() && bench.jobs.is_empty(), "{:?}", bench.events);
    // Where the offer is ours to make there is nothing to look at.
    bench.frame(&invite_with("c2", "", ""));
    bench.last("SIP/2.0 180");
}

#[test]
fn an_invite_that_comes_again_after_its_refusal_does_not_ring_again() {
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", ""));
    bench.wait(Duration::from_secs(40));
    bench.hang_up();
    let refusal = bench.last("SIP/2.0 480").to_owned();
    bench.forget();
    bench.frame(&invite("c1", ""));
    assert_eq!(bench.sent, [refusal], "the same answer, to the letter");
    assert!(bench.events.is_empty());
    bench.wait(Duration::from_secs(33));
    bench.frame(&invite("c1", ""));
    assert_eq!(bench.events.len(), 1, "much later it is another call");
}

#[test]
fn while_there_is_no_connection_a_missing_ack_is_nobodys_fault() {
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", ""));
    bench.answer();
    bench.done(Ok(Some("a".into())));
    bench.down();
    bench.wait(Duration::from_secs(60));
    assert!(!bench.events.iter().any(|e| matches!(e, Event::Ended { .. })), "{:?}", bench.events);
    bench.forget();
    bench.up();
    bench.wait(T);
    assert!(bench.last("SIP/2.0 200").contains("10 INVITE"), "asked for again at once");
    let ack = bench.in_dialog("ACK", 10, "", "");
    bench.frame(&ack);
    bench.forget();
    bench.wait(Duration::from_secs(31));
    assert!(bench.sent.is_empty() && bench.events.is_empty());
}

#[test]
fn refused_is_480_and_unanswered_408() {
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", ""));
    bench.hang_up();
    bench.last("SIP/2.0 480 Temporarily Unavailable");
    assert_eq!(bench.events.last(), Some(&ended("c1", EndCause::Local)));

    bench.frame(&invite("c2", ""));
    bench.wait(Duration::from_secs(60) - T);
    assert!(!bench.starts().iter().any(|s| s.starts_with("SIP/2.0 408")));
    bench.wait(T);
    bench.last("SIP/2.0 408 Request Timeout");
    assert_eq!(bench.events.last(), Some(&ended("c2", EndCause::NoAnswer)));

    bench.frame(&invite("c3", "Expires: 5\r\n"));
    bench.wait(Duration::from_secs(5));
    assert!(bench.last("SIP/2.0 487").contains("Call-ID: c3"));
    assert_eq!(bench.events.last(), Some(&ended("c3", EndCause::NoAnswer)));
}

#[test]
fn whether_a_call_asks_to_be_answered_is_said_and_decided_elsewhere() {
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", "Call-Info: <sip:x>;Answer-After=0\r\n"));
    assert!(matches!(&bench.events[0], Event::Incoming { auto_answer: true, .. }));
    assert!(bench.jobs.is_empty(), "the microphone stays shut");
    bench.answer();
    // An impatient agent changes nothing.
    bench.answer();
    assert_eq!(bench.jobs.len(), 1);
}

#[test]
fn the_next_call_rings_while_the_last_one_is_not_over() {
    let mut bench = Bench::talking();
    bench.frame(&invite("c2", ""));
    assert_eq!(line(bench.last("SIP/2.0 180"), "Call-ID"), "c2");
    assert!(bench.events.iter().any(|e| matches!(e, Event::Incoming { call_id, .. } if call_id == "c2")));
    let bye = bench.in_dialog("BYE", 11, "", "");
    bench.frame(&bye);
    bench.agent.answer("c2");
    bench.collect();
    bench.done(Ok(Some("v=0 answer\r\n".into())));
    assert_eq!(line(bench.last("SIP/2.0 200 OK\r\n"), "Call-ID"), "c2");
}

#[test]
fn a_leg_whose_call_is_over_is_ended_at_once_for_the_next_one() {
    let mut bench = Bench::talking();
    bench.agent.release("c1", bench.now);
    bench.wait(Duration::from_millis(400));
    assert!(!bench.starts().iter().any(|start| start.starts_with("BYE")), "the other side may say it first");
    bench.frame(&invite("c2", ""));
    assert_eq!(line(bench.last("BYE"), "Call-ID"), "c1");
    assert_eq!(line(bench.last("SIP/2.0 180"), "Call-ID"), "c2");

    // The other way round: the next one rings already.
    let mut bench = Bench::talking();
    bench.frame(&invite("c2", ""));
    bench.agent.release("c1", bench.now);
    bench.collect();
    assert_eq!(line(bench.last("BYE"), "Call-ID"), "c1");
    assert!(!bench.starts().iter().any(|start| start.starts_with("SIP/2.0 48")), "{:?}", bench.starts());
}

#[test]
fn a_leg_whose_call_is_over_is_ended_after_half_a_second() {
    let mut bench = Bench::talking();
    bench.agent.release("c1", bench.now);
    bench.wait(Duration::from_millis(500));
    assert_eq!(line(bench.last("BYE"), "Call-ID"), "c1");
    assert_eq!(bench.events.last(), Some(&ended("c1", EndCause::Local)));

    // BYE of the other side is faster, and then there is nothing more to say.
    let mut bench = Bench::talking();
    bench.agent.release("c1", bench.now);
    let bye = bench.in_dialog("BYE", 11, "", "");
    bench.frame(&bye);
    assert_eq!(bench.events.last(), Some(&ended("c1", EndCause::RemoteBye)));
    bench.wait(Duration::from_secs(2));
    assert!(!bench.starts().iter().any(|start| start.starts_with("BYE")));
}

#[test]
fn a_fifth_call_finds_us_busy_and_so_does_the_second_when_its_owner_says_so() {
    let mut bench = Bench::talking();
    let bye = bench.in_dialog("BYE", 11, "", "");
    for call in ["c2", "c3", "c4", "c5"] {
        bench.frame(&invite(call, "Call-Info: answer-after=0\r\n"));
    }
    assert_eq!(line(bench.last("SIP/2.0 486 Busy Here"), "Call-ID"), "c5");
    assert!(!bench.events.iter().any(|e| matches!(e, Event::Incoming { call_id, .. } if call_id == "c5")));
    bench.agent.turn_away("c2", bench.now);
    bench.collect();
    assert_eq!(line(bench.last("SIP/2.0 486 Busy Here"), "Call-ID"), "c2");
    let told = Event::TurnedAway { from: "13800000000".into() };
    assert_eq!(bench.events.iter().filter(|event| **event == told).count(), 1);
    bench.frame(&bye);
    assert_eq!(bench.events.last(), Some(&ended("c1", EndCause::RemoteBye)), "the first call was not touched");
}

#[test]
fn the_same_invite_again_is_swallowed_and_a_looped_one_refused() {
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", ""));
    bench.forget();
    bench.frame(&invite("c1", ""));
    assert!(bench.sent.is_empty());
    bench.frame(&invite("c1", "").replace("z9hG4bKaaa", "z9hG4bKzzz"));
    bench.last("SIP/2.0 482");
}

#[test]
fn media_that_fails_refuses_the_call_once() {
    for (error, status) in [
        (MediaError::NotAcceptable("no codec".into()), "SIP/2.0 488"),
        (MediaError::Failed("no socket".into()), "SIP/2.0 480"),
    ] {
        let mut bench = Bench::registered();
        bench.frame(&invite("c1", ""));
        bench.answer();
        bench.sent.clear();
        bench.events.clear();
        bench.done(Err(error.clone()));
        assert_eq!(bench.sent.len(), 1);
        bench.last(status);
        assert_eq!(bench.events, [ended("c1", EndCause::Failed(error.to_string()))]);
    }
}

#[test]
fn without_an_offer_we_make_one_and_the_ack_answers_it() {
    let mut bench = Bench::registered();
    bench.frame(&invite_with("c1", "", ""));
    bench.answer();
    assert_eq!(bench.jobs[0].task, Task::Offer { restart: false });
    bench.done(Ok(Some("v=0 ours\r\n".into())));
    assert!(bench.last("SIP/2.0 200").ends_with("v=0 ours\r\n"));
    let ack = bench.in_dialog("ACK", 10, "Content-Type: application/sdp\r\n", "v=0 theirs\r\n");
    bench.frame(&ack);
    assert_eq!(bench.jobs[1].task, Task::Accept("v=0 theirs\r\n".into()));
    bench.done(Err(MediaError::NotAcceptable("no".into())));
    bench.last("BYE");
    assert!(matches!(bench.events.last(), Some(Event::Ended { cause: EndCause::Failed(_), .. })));
}

#[test]
fn an_ack_without_the_answer_ends_the_call() {
    let mut bench = Bench::registered();
    bench.frame(&invite_with("c1", "", ""));
    bench.answer();
    bench.done(Ok(Some("v=0 ours\r\n".into())));
    let ack = bench.in_dialog("ACK", 10, "", "");
    bench.frame(&ack);
    bench.last("BYE");
}

#[test]
fn a_reinvite_renegotiates_and_never_ends_the_call() {
    let mut bench = Bench::talking();
    bench.forget_but_dialog();
    let sdp = "Content-Type: application/sdp\r\nContact: <sip:moved@10.9.9.9>\r\n";
    let reinvite = bench.in_dialog("INVITE", 11, sdp, "v=0 hold\r\n");
    bench.frame(&reinvite);
    assert_eq!(bench.jobs.last().unwrap().task, Task::Answer("v=0 hold\r\n".into()));
    // A second one while the first is being answered has to come again.
    let early = bench.in_dialog("INVITE", 12, sdp, "v=0 more\r\n");
    bench.frame(&early);
    line(bench.last("SIP/2.0 500"), "Retry-After");
    bench.done(Ok(Some("v=0 held\r\n".into())));
    let ok = bench.last("SIP/2.0 200");
    assert_eq!(line(ok, "CSeq"), "11 INVITE");
    assert!(ok.ends_with("v=0 held\r\n"));
    // No ACK for it: sent again, given up, and the call is still there.
    bench.wait(Duration::from_secs(33));
    let failing = bench.in_dialog("INVITE", 13, sdp, "v=0 video\r\n");
    bench.frame(&failing);
    bench.done(Err(MediaError::NotAcceptable("video".into())));
    bench.last("SIP/2.0 488");
    let stale = bench.in_dialog("INVITE", 12, sdp, "v=0 late\r\n");
    bench.frame(&stale);
    bench.last("SIP/2.0 500");
    assert!(bench.events.is_empty(), "{:?}", bench.events);
    bench.hang_up();
    assert!(bench.last("BYE").starts_with("BYE sip:moved@10.9.9.9 SIP/2.0"), "the target follows");
}

#[test]
fn other_requests_are_answered_as_they_should() {
    let mut bench = Bench::talking();
    let ask = |bench: &mut Bench, method: &str, headers: &str, body: &str, cseq: u32| {
        let request = bench.in_dialog(method, cseq, headers, body);
        bench.frame(&request);
        bench.sent.last().unwrap().clone()
    };
    let dtmf = "Content-Type: application/dtmf-relay\r\n";
    assert!(ask(&mut bench, "INFO", dtmf, "Signal=1\r\n", 11).starts_with("SIP/2.0 200"));
    assert!(ask(&mut bench, "INFO", "Content-Type: text/x\r\n", "x", 12).starts_with("SIP/2.0 415"));
    assert!(ask(&mut bench, "UPDATE", "", "", 13).starts_with("SIP/2.0 200"));
    assert!(ask(&mut bench, "UPDATE", "Content-Type: application/sdp\r\n", "v=0 u\r\n", 14).starts_with("SIP/2.0 200"));
    bench.done(Ok(Some("v=0 updated\r\n".into())));
    let updated = bench.sent.last().unwrap();
    assert!(updated.contains("14 UPDATE") && updated.ends_with("v=0 updated\r\n"));
    assert!(ask(&mut bench, "OPTIONS", "", "", 15).starts_with("SIP/2.0 200"));
    assert!(ask(&mut bench, "REFER", "Refer-To: <sip:evil@x>\r\n", "", 16).starts_with("SIP/2.0 603"));
    assert!(ask(&mut bench, "NOTIFY", "", "", 17).starts_with("SIP/2.0 481"));
    assert!(ask(&mut bench, "MESSAGE", "", "hi", 18).starts_with("SIP/2.0 200"));
    assert!(ask(&mut bench, "DANCE", "", "", 19).starts_with("SIP/2.0 501"));
    assert!(ask(&mut bench, "INFO", "Require: tango\r\n", "", 20).starts_with("SIP/2.0 420"));
    assert!(
        ask(&mut bench, "INVITE", "Require: tango\r\nContact: <sip:x@y>\r\n", "", 21)
            .contains("\r\nUnsupported: tango\r\n")
    );
    let events = bench.events.len();

    // Outside any dialog.
    let stray = |method: &str| invite_with("nobody", "", "").replace("INVITE", method);
    for (method, status) in [
        ("OPTIONS", "200"),
        ("BYE", "481"),
        ("CANCEL", "481"),
        ("INFO", "481"),
        ("UPDATE", "481"),
        ("SUBSCRIBE", "405"),
    ] {
        bench.frame(&stray(method));
        assert!(bench.sent.last().unwrap().starts_with(&format!("SIP/2.0 {status}")), "{method}");
    }
    assert_eq!(bench.events.len(), events);
}

#[test]
fn invites_we_cannot_take_are_refused() {
    let mut bench = Bench::registered();
    for (text, status) in [
        (invite("a", "").replace("Contact: ", "X: "), "400"),
        (invite("b", "").replace("Content-Length: 11", "Content-Length: 12"), "400"),
        (invite_with("c", "Content-Type: multipart/mixed\r\n", "x"), "415"),
        (invite("d", "Content-Encoding: gzip\r\n"), "415"),
        (invite("e", "Require: 100rel, precondition\r\n"), "420"),
    ] {
        bench.frame(&text);
        assert!(bench.sent.last().unwrap().starts_with(&format!("SIP/2.0 {status}")), "{text}");
    }
    assert!(bench.events.is_empty());
}

#[test]
fn a_bye_may_say_why_nobody_was_reached() {
    for (reason, cause) in [
        ("Q.850;cause=17;text=\"User busy, try again\"", EndCause::Unreached(Unreached::Busy)),
        ("SIP;cause=200, q.850 ;cause=21", EndCause::Unreached(Unreached::Rejected)),
        ("SIP;cause=480;text=\"x\"", EndCause::Unreached(Unreached::NoAnswer)),
        ("Q.850;cause=16", EndCause::RemoteBye),
        ("Q.850;cause=x", EndCause::RemoteBye),
        (";;", EndCause::RemoteBye),
    ] {
        let mut bench = Bench::talking();
        let bye = bench.in_dialog("BYE", 11, &format!("Reason: {reason}\r\n"), "");
        bench.frame(&bye);
        assert_eq!(bench.events.last(), Some(&ended("c1", cause)), "{reason}");
    }
}
