//! Requests of our own within a call: re-INVITE, and what keeps a session timer going.

use super::*;
use crate::softphone::sip::outgoing::GRACE;

const SDP: &str = "Content-Type: application/sdp\r\n";

/// In a call, with a re-INVITE of ours sent.
fn asking() -> Bench {
    let mut bench = Bench::talking();
    bench.forget_but_dialog();
    bench.reoffer();
    assert_eq!(bench.tasks(), [&Task::Offer { restart: true }]);
    bench.done(Ok(Some("v=0 restart\r\n".into())));
    bench
}

#[test]
fn what_is_agreed_on_is_said_again_once_and_a_refusal_changes_nothing() {
    let mut bench = Bench::talking();
    bench.forget_but_dialog();
    bench.agent.renew("c1", bench.now);
    bench.collect();
    assert_eq!(bench.tasks(), [&Task::Offer { restart: false }]);
    bench.done(Ok(Some("v=0 the same\r\n".into())));
    assert!(bench.last("INVITE").ends_with("v=0 the same\r\n"), "{}", bench.last("INVITE"));
    bench.respond_in_call("INVITE", "488 Not Acceptable Here", "", "");
    assert_eq!(bench.tasks()[1..], [&Task::Rollback]);
    bench.wait(Duration::from_secs(60));
    let count = |start: &str| bench.starts().iter().filter(|line| line.starts_with(start)).count();
    assert_eq!((count("INVITE"), count("BYE")), (1, 0));
}

#[test]
fn a_new_offer_goes_out_and_its_answer_in_over_the_same_connection() {
    let mut bench = asking();
    let invite = bench.last("INVITE").to_owned();
    let head: Vec<_> = invite.lines().take(3).collect();
    assert_eq!(
        head,
        [
            "INVITE sip:13800000000@10.0.0.1:5060;transport=udp SIP/2.0",
            "Route: <sip:10.0.0.1:4443;transport=wss;lr>",
            "Route: <sip:10.0.0.1;lr>"
        ]
    );
    assert_eq!(line(&invite, "CSeq"), "11 INVITE");
    assert!(line(&invite, "Contact").ends_with(";transport=ws>"));
    assert_eq!(line(&invite, "To"), "\"13800000000\" <sip:13800000000@sip.example.test>;tag=ft1");
    assert!(invite.ends_with("Content-Length: 13\r\n\r\nv=0 restart\r\n"));

    bench.respond_in_call("INVITE", "100 Trying", "", "");
    bench.respond_in_call("INVITE", "200 OK", &format!("Contact: <sip:moved@10.9.9.9>\r\n{SDP}"), "v=0 theirs\r\n");
    let ack = bench.last("ACK").to_owned();
    assert!(ack.starts_with("ACK sip:moved@10.9.9.9 SIP/2.0\r\n"), "{ack}");
    assert_eq!(line(&ack, "CSeq"), "11 ACK");
    assert_ne!(line(&ack, "Via"), line(&invite, "Via"), "a transaction of its own");
    assert_eq!(bench.tasks()[1..], [&Task::Accept("v=0 theirs\r\n".into())]);
    bench.done(Ok(None));

    // The ACK got lost: the 200 comes again, and so does the ACK, to the letter.
    bench.respond_in_call("INVITE", "200 OK", SDP, "v=0 theirs\r\n");
    assert_eq!(bench.sent.last(), Some(&ack));
    assert_eq!(bench.jobs.len(), 2, "and nothing else happens");
    assert_eq!(bench.opened, 1);
    assert!(bench.events.is_empty());
    bench.hang_up();
    assert_eq!(line(bench.last("BYE"), "CSeq"), "12 BYE");
}

#[test]
fn it_waits_until_the_call_allows_it() {
    // Not answered yet.
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", ""));
    bench.reoffer();
    bench.answer();
    bench.done(Ok(Some("a".into())));
    assert_eq!(bench.tasks(), [&Task::Answer(OFFER.into())], "the ACK is missing");
    let ack = bench.in_dialog("ACK", 10, "", "");
    bench.frame(&ack);
    assert_eq!(bench.tasks()[1..], [&Task::Offer { restart: true }]);

    // An offer of the other side is being answered.
    let mut bench = Bench::talking();
    bench.forget_but_dialog();
    let reinvite = bench.in_dialog("INVITE", 11, SDP, "v=0 hold\r\n");
    bench.frame(&reinvite);
    bench.reoffer();
    bench.done(Ok(Some("v=0 held\r\n".into())));
    assert_eq!(bench.jobs.len(), 1);
    let ack = bench.in_dialog("ACK", 11, "", "");
    bench.frame(&ack);
    assert_eq!(bench.jobs.len(), 2);

    // No connection.
    let mut bench = Bench::talking();
    bench.forget_but_dialog();
    bench.down();
    bench.reoffer();
    bench.wait(Duration::from_secs(60));
    assert!(bench.jobs.is_empty());
    bench.up();
    bench.grant();
    bench.wait(GRACE);
    assert_eq!(bench.tasks(), [&Task::Offer { restart: true }]);

    // No such call.
    let mut bench = Bench::registered();
    bench.reoffer();
    assert!(bench.jobs.is_empty());
}

#[test]
fn their_offer_goes_first_while_ours_is_being_made() {
    let mut bench = Bench::talking();
    bench.forget_but_dialog();
    bench.reoffer();
    let reinvite = bench.in_dialog("INVITE", 11, SDP, "v=0 hold\r\n");
    bench.frame(&reinvite);
    assert_eq!(bench.tasks(), [&Task::Offer { restart: true }, &Task::Rollback, &Task::Answer("v=0 hold\r\n".into())]);
    bench.agent.media_done(bench.jobs[0].id, Ok(Some("v=0 never sent\r\n".into())), bench.now);
    bench.done(Ok(Some("v=0 held\r\n".into())));
    let ack = bench.in_dialog("ACK", 11, "", "");
    bench.frame(&ack);
    assert!(!bench.sent.iter().any(|text| text.starts_with("INVITE")));
    assert_eq!(bench.tasks()[3..], [&Task::Offer { restart: true }], "and now ours");
}

#[test]
fn glare_is_refused_on_one_side_and_tried_again_on_the_other() {
    let mut bench = asking();
    let reinvite = bench.in_dialog("INVITE", 11, SDP, "v=0 hold\r\n");
    bench.frame(&reinvite);
    bench.last("SIP/2.0 491 Request Pending");
    let update = bench.in_dialog("UPDATE", 12, SDP, "v=0 hold\r\n");
    bench.frame(&update);
    assert!(line(bench.last("SIP/2.0 491"), "CSeq").ends_with("UPDATE"));
    let refresh = bench.in_dialog("UPDATE", 13, "", "");
    bench.frame(&refresh);
    assert!(line(bench.last("SIP/2.0 200"), "CSeq").ends_with("UPDATE"), "without an offer there is no glare");

    let sent = bench.last("INVITE").to_owned();
    bench.respond_in_call("INVITE", "491 Request Pending", "", "");
    let ack = bench.last("ACK").to_owned();
    assert_eq!(line(&ack, "Via"), line(&sent, "Via"), "the ACK of a refusal is part of its transaction");
    assert_eq!(bench.tasks().last(), Some(&&Task::Rollback));
    let before = bench.jobs.len();
    bench.wait(Duration::from_millis(2001));
    assert_eq!(bench.tasks()[before..], [&Task::Offer { restart: true }]);
    bench.done(Ok(Some("v=0 again\r\n".into())));
    assert_eq!(line(bench.last("INVITE"), "CSeq"), "12 INVITE");
    assert!(bench.events.is_empty());
}

#[test]
fn credentials_are_given_where_they_are_asked_for() {
    let mut bench = asking();
    let challenge = "Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\", algorithm=SHA-256\r\n";
    bench.respond_in_call("INVITE", "407 Auth", &format!("Proxy-Authenticate: {challenge}"), "");
    assert_eq!(line(bench.last("ACK"), "CSeq"), "11 ACK");
    let second = bench.last("INVITE").to_owned();
    assert_eq!(line(&second, "CSeq"), "12 INVITE");
    assert!(line(&second, "Proxy-Authorization").contains("qop=auth-int"));
    assert!(second.ends_with("v=0 restart\r\n"), "the same offer");
    bench.respond_in_call("INVITE", "200 OK", SDP, "v=0 theirs\r\n");
    let ack = bench.last("ACK");
    assert_eq!(line(ack, "Proxy-Authorization"), line(&second, "Proxy-Authorization"), "RFC 3261 22.1");
    bench.done(Ok(None));
    bench.reoffer();
    bench.done(Ok(Some("v=0 second\r\n".into())));
    for _ in 0..3 {
        bench.respond_in_call("INVITE", "407 Auth", &format!("Proxy-Authenticate: {challenge}"), "");
    }
    assert_eq!(bench.tasks().last(), Some(&&Task::Rollback), "not for ever");
    assert!(bench.events.is_empty());
}

#[test]
fn a_refusal_leaves_the_call_as_it_was() {
    for status in ["488 Not Acceptable Here", "403 Forbidden", "603 Decline", "302 Moved", "420 Bad Extension"] {
        let mut bench = asking();
        bench.respond_in_call("INVITE", status, "", "");
        assert_eq!(line(bench.last("ACK"), "CSeq"), "11 ACK", "{status}");
        assert_eq!(bench.tasks()[1..], [&Task::Rollback], "{status}");
        bench.wait(Duration::from_secs(600 - 5));
        assert_eq!(bench.jobs.len(), 2, "{status}");
        assert!(!bench.events.iter().any(|event| matches!(event, Event::Ended { .. })));
        // The next wish is heard all the same.
        bench.reoffer();
        assert_eq!(bench.tasks()[2..], [&Task::Offer { restart: true }], "{status}");
    }
}

#[test]
fn where_the_other_side_knows_of_no_call_it_is_over() {
    let mut bench = asking();
    bench.respond_in_call("INVITE", "481 Call/Transaction Does Not Exist", "", "");
    bench.last("ACK");
    bench.last("BYE");
    assert!(matches!(&bench.events[..], [Event::Ended { cause: EndCause::Failed(_), .. }]));
}

#[test]
fn somebody_on_the_way_who_waits_in_vain_ends_no_call() {
    let mut bench = asking();
    bench.respond_in_call("INVITE", "408 Request Timeout", "", "");
    bench.last("ACK");
    assert_eq!(bench.tasks()[1..], [&Task::Rollback]);
    bench.wait(Duration::from_secs(5));
    bench.agent.proven(bench.now);
    bench.collect();
    assert_eq!(bench.tasks()[2..], [&Task::Offer { restart: true }]);
    assert!(bench.events.is_empty());
}

#[test]
fn a_restart_waits_for_a_sign_of_life_of_the_server() {
    let mut bench = Bench::talking();
    bench.forget_but_dialog();
    bench.wait(Duration::from_secs(1));
    bench.agent.reoffer("c1", false, bench.now);
    // Wished again and again while nothing is heard: it stays one.
    for _ in 0..3 {
        bench.wait(Duration::from_secs(5));
        bench.agent.reoffer("c1", false, bench.now);
        bench.collect();
    }
    assert!(bench.jobs.is_empty(), "{:?}", bench.jobs);
    bench.agent.proven(bench.now);
    bench.collect();
    assert_eq!(bench.tasks(), [&Task::Offer { restart: true }], "at once");
}

#[test]
fn what_comes_back_by_itself_is_not_restarted() {
    // The connection has come back, and so has the path, a moment later.
    let mut bench = Bench::talking();
    bench.forget_but_dialog();
    bench.down();
    bench.reoffer();
    bench.wait(Duration::from_secs(10));
    bench.up();
    bench.grant();
    assert!(bench.jobs.is_empty(), "the path gets its chance");
    bench.wait(GRACE - T);
    bench.agent.settled("c1");
    bench.wait(Duration::from_secs(60));
    assert!(bench.jobs.is_empty(), "{:?}", bench.jobs);

    // One that is on its way is not taken back, but not repeated either.
    let mut bench = asking();
    bench.reoffer();
    bench.agent.settled("c1");
    bench.respond_in_call("INVITE", "200 OK", SDP, "v=0 theirs\r\n");
    bench.done(Ok(None));
    bench.wait(Duration::from_secs(60));
    assert_eq!(bench.jobs.len(), 2, "{:?}", bench.jobs);
    bench.agent.settled("no such call");
}

#[test]
fn a_machine_that_has_moved_waits_for_nothing_but_the_server() {
    let mut bench = Bench::talking();
    bench.forget_but_dialog();
    bench.down();
    bench.agent.reoffer("c1", true, bench.now);
    bench.up();
    bench.grant();
    assert_eq!(bench.tasks(), [&Task::Offer { restart: true }]);
}

#[test]
fn however_often_the_connection_breaks_the_restart_goes_out_over_the_next_one() {
    let mut bench = asking();
    for _ in 0..6 {
        bench.down();
        bench.wait(Duration::from_secs(60));
        bench.up();
        bench.grant();
        bench.wait(GRACE);
        assert_eq!(bench.tasks().last(), Some(&&Task::Offer { restart: true }));
        bench.done(Ok(Some("v=0 again\r\n".into())));
        assert!(bench.last("INVITE").ends_with("v=0 again\r\n"));
    }
    bench.respond_in_call("INVITE", "200 OK", SDP, "v=0 theirs\r\n");
    assert_eq!(bench.tasks().last(), Some(&&Task::Accept("v=0 theirs\r\n".into())));
}

#[test]
fn silence_does_not_end_a_call() {
    let mut bench = asking();
    bench.wait(Duration::from_secs(32) - T);
    assert_eq!(bench.jobs.len(), 1);
    bench.wait(T);
    assert_eq!(bench.tasks()[1..], [&Task::Rollback]);
    // The 200 comes after all: it is acknowledged, and a new offer brings both sides together again.
    bench.respond_in_call("INVITE", "200 OK", SDP, "v=0 late\r\n");
    assert_eq!(line(bench.last("ACK"), "CSeq"), "11 ACK");
    for _ in 0..10 {
        bench.wait(Duration::from_secs(5));
        bench.done(Ok(Some("v=0 more\r\n".into())));
    }
    assert!(bench.events.is_empty(), "{:?}", bench.events);
    let invites = bench.starts().iter().filter(|start| start.starts_with("INVITE")).count();
    assert!((2..=3).contains(&invites), "{invites}: again, but not for ever");

    // Once there is a provisional answer more time is given.
    let mut bench = asking();
    bench.wait(Duration::from_secs(30));
    bench.respond_in_call("INVITE", "100 Trying", "", "");
    bench.wait(Duration::from_secs(59));
    assert_eq!(bench.jobs.len(), 1);
}

#[test]
fn a_busy_server_is_asked_again_later() {
    let mut bench = asking();
    bench.respond_in_call("INVITE", "500 Server Internal Error", "Retry-After: 7\r\n", "");
    bench.wait(Duration::from_millis(6999));
    assert_eq!(bench.tasks()[1..], [&Task::Rollback]);
    bench.wait(T);
    assert_eq!(bench.tasks()[2..], [&Task::Offer { restart: true }]);
}

#[test]
fn a_lost_connection_asks_again_over_the_next_one() {
    let mut bench = asking();
    bench.down();
    assert_eq!(bench.tasks()[1..], [&Task::Rollback]);
    bench.up();
    bench.grant();
    bench.wait(GRACE);
    assert_eq!(bench.tasks()[2..], [&Task::Offer { restart: true }]);
    bench.done(Ok(Some("v=0 again\r\n".into())));
    assert_eq!(line(bench.last("INVITE"), "CSeq"), "12 INVITE");

    // Lost while the offer was being made.
    let mut bench = Bench::talking();
    bench.forget_but_dialog();
    bench.reoffer();
    bench.down();
    bench.done(Ok(Some("v=0 restart\r\n".into())));
    assert_eq!(bench.tasks()[1..], [&Task::Rollback]);
    bench.up();
    bench.grant();
    bench.wait(GRACE);
    assert_eq!(bench.tasks()[2..], [&Task::Offer { restart: true }]);
}

#[test]
fn a_200_may_bring_its_answer_early_or_not_at_all() {
    let mut bench = asking();
    bench.respond_in_call("INVITE", "183 Session Progress", SDP, "v=0 early\r\n");
    bench.respond_in_call("INVITE", "200 OK", "", "");
    assert_eq!(bench.tasks()[1..], [&Task::Accept("v=0 early\r\n".into())]);

    let mut bench = asking();
    bench.respond_in_call("INVITE", "200 OK", "", "");
    bench.last("ACK");
    assert_eq!(bench.tasks()[1..], [&Task::Rollback]);
    assert!(bench.events.is_empty());
}

#[test]
fn two_wishes_are_one_before_it_is_out_and_two_after() {
    let mut bench = Bench::talking();
    bench.forget_but_dialog();
    bench.reoffer();
    bench.done(Ok(Some("v=0 restart\r\n".into())));
    bench.reoffer();
    bench.reoffer();
    bench.respond_in_call("INVITE", "200 OK", SDP, "v=0 theirs\r\n");
    assert_eq!(bench.jobs.len(), 2, "the answer first");
    bench.done(Ok(None));
    bench.wait(GRACE);
    bench.agent.proven(bench.now);
    bench.collect();
    assert_eq!(bench.tasks()[2..], [&Task::Offer { restart: true }]);
}

#[test]
fn an_offer_that_cannot_be_made_is_let_go() {
    let mut bench = Bench::talking();
    bench.forget_but_dialog();
    bench.reoffer();
    bench.done(Err(MediaError::Failed("no".into())));
    bench.wait(Duration::from_secs(60));
    assert!(!bench.sent.iter().any(|text| text.starts_with("INVITE")));
    assert!(bench.events.is_empty());
}

#[test]
fn hanging_up_does_not_wait_for_it() {
    let mut bench = asking();
    bench.hang_up();
    bench.last("BYE");
    bench.respond_in_call("INVITE", "487 Request Terminated", "", "");
    bench.respond("BYE", "200 OK", "");
    assert!(bench.agent.quiet());
    assert_eq!(bench.events, [ended("c1", EndCause::Local)]);

    let mut bench = asking();
    let bye = bench.in_dialog("BYE", 12, "", "");
    bench.frame(&bye);
    assert_eq!(bench.events, [ended("c1", EndCause::RemoteBye)]);
    bench.wait(Duration::from_secs(120));
    assert!(bench.agent.quiet());
}
