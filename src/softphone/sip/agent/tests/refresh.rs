//! Session timers that we keep: what happens when a refresh of ours is refused or nobody answers it.

use super::*;

const SDP: &str = "Content-Type: application/sdp\r\n";
const UPDATE_LISTED: &str = "Allow: INVITE, ACK, BYE, CANCEL, UPDATE\r\nSession-Expires: 90;refresher=uas\r\n";

/// In a call that we have to refresh within 90 s; the far end says that it serves UPDATE.
fn timed() -> Bench {
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", UPDATE_LISTED));
    bench.answer();
    bench.done(Ok(Some("a".into())));
    let ack = bench.in_dialog("ACK", 10, "", "");
    bench.frame(&ack);
    bench.forget_but_dialog();
    bench
}

fn count(bench: &Bench, method: &str) -> usize {
    bench.starts().iter().filter(|start| start.starts_with(method)).count()
}

/// Makes the offer that is asked for, has it accepted, and lets the answer be taken in.
fn reinvite_accepted(bench: &mut Bench) {
    bench.done(Ok(Some("v=0 same\r\n".into())));
    let reinvite = bench.last("INVITE").to_owned();
    assert_eq!(line(&reinvite, "Session-Expires"), "90;refresher=uac");
    let headers = format!("{SDP}Session-Expires: 90;refresher=uac\r\nAllow: INVITE, UPDATE\r\n");
    bench.respond_in_call("INVITE", "200 OK", &headers, "v=0 theirs\r\n");
    bench.done(Ok(None));
}

#[test]
fn a_refused_update_becomes_a_reinvite_and_the_call_goes_on() {
    for status in [
        "405 Method Not Allowed",
        "501 Not Implemented",
        "488 Not Acceptable Here",
        "403 Forbidden",
        "500 Server Internal Error",
        "503 Service Unavailable",
        "481 Call/Transaction Does Not Exist",
        "408 Request Timeout",
        "603 Decline",
    ] {
        let mut bench = timed();
        bench.wait(Duration::from_secs(45));
        bench.respond_in_call("UPDATE", status, "", "");
        assert_eq!(bench.tasks(), [&Task::Offer { restart: false }], "{status}: at once");
        reinvite_accepted(&mut bench);
        // It is remembered, whatever the far end lists.
        for round in 2..=5 {
            bench.forget_but_dialog();
            bench.wait(Duration::from_secs(45));
            assert_eq!(count(&bench, "UPDATE"), 0, "{status}");
            assert_eq!(bench.tasks(), [&Task::Offer { restart: false }], "{status}: round {round}");
            reinvite_accepted(&mut bench);
        }
        assert!(!bench.events.iter().any(|event| matches!(event, Event::Ended { .. })), "{status}");
    }
}

#[test]
fn an_update_that_nobody_answers_leaves_time_for_a_reinvite() {
    let mut bench = timed();
    bench.wait(Duration::from_secs(45));
    assert_eq!(count(&bench, "UPDATE"), 1);
    bench.wait(Duration::from_secs(15));
    assert_eq!(bench.tasks(), [&Task::Offer { restart: false }], "30 s before the end");
    reinvite_accepted(&mut bench);
    bench.wait(Duration::from_secs(44));
    assert!(bench.events.is_empty(), "{:?}", bench.events);
}

#[test]
fn credentials_are_given_before_update_counts_as_refused() {
    let mut bench = timed();
    bench.wait(Duration::from_secs(45));
    let challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n";
    bench.respond_in_call("UPDATE", "401 Unauthorized", challenge, "");
    assert!(bench.last("UPDATE").contains("\r\nAuthorization: Digest "));
    bench.respond_in_call("UPDATE", "200 OK", "Session-Expires: 90;refresher=uac\r\n", "");
    bench.wait(Duration::from_secs(45));
    assert_eq!((count(&bench, "UPDATE"), bench.jobs.len()), (3, 0), "UPDATE is served");
    bench.respond_in_call("UPDATE", "401 Unauthorized", "", "");
    assert_eq!(bench.tasks(), [&Task::Offer { restart: false }], "nothing could be said to that");
}

#[test]
fn a_refused_refresh_is_tried_again_until_the_session_is_over() {
    let mut bench = timed();
    bench.wait(Duration::from_secs(45));
    bench.respond_in_call("UPDATE", "405 Method Not Allowed", "", "");
    // At 45 s, and then at half of what is left each time, but not oftener than every 5 s.
    for left in [45.0, 22.5, 11.25, 5.625_f64] {
        bench.done(Ok(Some("v=0 same\r\n".into())));
        bench.respond_in_call("INVITE", "488 Not Acceptable Here", "", "");
        let before = bench.jobs.len();
        let pause = Duration::from_secs_f64((left / 2.0).max(5.0));
        bench.wait(pause - T);
        assert_eq!(bench.jobs.len(), before, "{left} s before the end");
        bench.wait(T);
        assert_eq!(bench.jobs.len(), before + 1, "{left} s before the end");
    }
    assert!(bench.events.is_empty(), "{:?}", bench.events);
    // One that is granted in the last moment keeps the call.
    reinvite_accepted(&mut bench);
    bench.wait(Duration::from_secs(44));
    assert!(bench.events.is_empty(), "{:?}", bench.events);

    // And one that the media room could not make an offer for is asked of it again.
    let mut bench = timed();
    bench.wait(Duration::from_secs(45));
    bench.respond_in_call("UPDATE", "501 Not Implemented", "", "");
    bench.done(Err(MediaError::Failed("not now".into())));
    bench.wait(Duration::from_secs(23));
    assert_eq!(bench.tasks().iter().filter(|task| matches!(task, Task::Offer { .. })).count(), 2);
    reinvite_accepted(&mut bench);
    assert!(bench.events.is_empty());
}

#[test]
fn a_refresh_that_is_put_off_is_not_put_off_beyond_the_end() {
    let mut bench = timed();
    bench.wait(Duration::from_secs(45));
    bench.respond_in_call("UPDATE", "501 Not Implemented", "", "");
    bench.done(Ok(Some("v=0 same\r\n".into())));
    bench.respond_in_call("INVITE", "503 Service Unavailable", "Retry-After: 120\r\n", "");
    bench.wait(Duration::from_secs(23));
    reinvite_accepted(&mut bench);
    bench.wait(Duration::from_secs(44));
    assert!(bench.events.is_empty(), "{:?}", bench.events);
}
