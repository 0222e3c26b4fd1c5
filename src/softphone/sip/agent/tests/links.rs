//! The connection and the registration, and what a call has to do with them.

use super::*;

#[test]
fn a_confirmed_call_survives_the_connection() {
    let mut bench = Bench::talking();
    let before = bench.events.len();
    bench.down();
    assert_eq!(
        bench.events[before..],
        [
            Event::RegistrationFailed { error: SipError::Lost("cut".into()), retry_in: Some(Duration::ZERO) },
            Event::Registering
        ]
    );
    assert_eq!(bench.opened, 2, "again at once");
    assert!(!bench.jobs.iter().any(|job| job.task == Task::Close), "the audio is not touched");
    bench.sent.clear();
    bench.hang_up();
    assert!(bench.sent.is_empty());
    bench.up();
    assert_eq!(bench.starts().len(), 2);
    bench.last("REGISTER");
    bench.last("BYE");
    bench.grant();
    bench.respond("BYE", "200 OK", "");
    assert!(bench.agent.quiet());
    assert!(matches!(bench.events.last(), Some(Event::Registered { .. })));
}

#[test]
fn a_ringing_call_does_not_survive_the_connection() {
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", ""));
    bench.down();
    assert!(bench.events.iter().any(|e| matches!(e, Event::Ended { cause: EndCause::Failed(_), .. })));
    assert_eq!(bench.jobs.len(), 1);
}

#[test]
fn reconnecting_goes_on_for_ever_and_never_in_a_tight_loop() {
    let mut bench = Bench::registered();
    let mut pauses = Vec::new();
    for _ in 0..30 {
        // A server that accepts the connection and cuts it at once.
        bench.events.clear();
        bench.up();
        bench.down();
        let retry = bench
            .events
            .iter()
            .find_map(|e| if let Event::RegistrationFailed { retry_in, .. } = e { *retry_in } else { None });
        pauses.push(retry.unwrap().as_secs_f64());
        let opened = bench.opened;
        bench.wait(Duration::from_secs_f64(pauses.last().unwrap() + 0.001));
        assert!(pauses.len() == 1 || bench.opened == opened + 1);
    }
    assert_eq!(pauses[0], 0.0);
    for (pause, base) in pauses[1..].iter().zip([1.0, 2.0, 4.0].into_iter().chain(std::iter::repeat(7.0))) {
        assert!((base * 0.79..base * 1.21).contains(pause), "{pauses:?}");
    }
}

#[test]
fn a_server_that_takes_us_in_only_to_throw_us_out_is_not_run_against() {
    let mut bench = Bench::registered();
    bench.down();
    for _ in 0..4 {
        bench.events.clear();
        bench.up();
        bench.grant();
        bench.down();
        let paused = |event: &Event| matches!(event, Event::RegistrationFailed { retry_in: Some(pause), .. } if *pause >= Duration::from_millis(800));
        assert!(bench.events.iter().any(paused), "{:?}", bench.events);
        bench.wait(Duration::from_secs(2));
    }
}

#[test]
fn after_a_reconnect_it_is_the_same_phone() {
    let mut bench = Bench::bare();
    bench.agent.register(account(), bench.now);
    bench.up();
    bench.grant();
    let first = bench.last("REGISTER").to_owned();
    bench.down();
    bench.up();
    let second = bench.last("REGISTER");
    for header in ["Call-ID", "Contact", "From"] {
        assert_eq!(line(&first, header), line(second, header));
    }
    let number = |text: &str| line(text, "CSeq").split(' ').next().unwrap().parse::<u32>().unwrap();
    assert_eq!(number(second), number(&first) + 1);
}

#[test]
fn a_silent_registrar_costs_it_the_connection() {
    let mut bench = Bench::bare();
    bench.agent.register(account(), bench.now);
    bench.up();
    bench.wait(Duration::from_secs(32));
    assert_eq!(bench.closed, 1);
    assert!(matches!(
        bench.events.last(),
        Some(Event::RegistrationFailed { error: SipError::Timeout, retry_in: Some(_) })
    ));
    bench.wait(Duration::from_secs(2));
    assert_eq!(bench.opened, 2);
}

#[test]
fn a_refresh_is_quiet_and_a_failed_one_is_told() {
    let mut bench = Bench::registered();
    bench.wait(Duration::from_secs(597));
    bench.last("REGISTER");
    bench.grant();
    assert!(bench.events.is_empty(), "{:?}", bench.events);
    bench.wait(Duration::from_secs(597));
    bench.respond("REGISTER", "403 Forbidden", "");
    assert!(matches!(bench.events[..], [Event::RegistrationFailed { .. }]));
    bench.wait(Duration::from_secs(1));
    bench.grant();
    assert!(matches!(bench.events[1..], [Event::Registering, Event::Registered { .. }]));
}

#[test]
fn unregistering_ends_everything_in_order() {
    let mut bench = Bench::talking();
    bench.forget();
    bench.agent.unregister(bench.now);
    bench.collect();
    assert!(bench.starts()[0].starts_with("REGISTER") && bench.starts()[1].starts_with("BYE"), "{:?}", bench.starts());
    assert!(line(bench.last("REGISTER"), "Contact").ends_with(";expires=0"));
    assert_eq!(bench.events, [ended("c1", EndCause::Local)]);
    bench.frame(&invite("c2", ""));
    bench.last("SIP/2.0 480");
    bench.respond("REGISTER", "200 OK", "");
    assert_eq!(bench.closed, 0);
    bench.respond("BYE", "200 OK", "");
    assert_eq!(bench.closed, 1);
    assert_eq!(bench.events.last(), Some(&Event::Unregistered));
    bench.wait(Duration::from_secs(700));
    assert_eq!(bench.opened, 1, "and it stays off");
}

#[test]
fn unregistering_does_not_wait_for_a_dead_server() {
    let mut bench = Bench::registered();
    bench.agent.unregister(bench.now);
    bench.wait(FAREWELL);
    assert_eq!(bench.events, [Event::Unregistered]);
    // And signing in again works.
    bench.agent.register(account(), bench.now);
    bench.up();
    bench.grant();
    assert!(matches!(bench.events.last(), Some(Event::Registered { .. })));
}

#[test]
fn another_account_is_another_registration() {
    let mut bench = Bench::registered();
    bench.agent.register(Account { user: "ss1234ss8002".into(), ..account() }, bench.now);
    bench.collect();
    assert!(line(bench.last("REGISTER"), "Contact").ends_with(";expires=0"));
    assert_eq!(bench.opened, 2);
    bench.up();
    assert!(line(bench.last("REGISTER"), "From").contains("ss1234ss8002"));
    bench.agent.register(Account { user: "ss1234ss8002".into(), ..account() }, bench.now);
    bench.collect();
    assert_eq!(bench.opened, 2, "the same again is nothing new");
}

#[test]
fn keep_alives_of_the_server_are_answered() {
    let mut bench = Bench::registered();
    bench.frame("\r\n\r\n");
    assert_eq!(bench.sent, ["\r\n"]);
    bench.frame("\r\n");
    assert_eq!(bench.sent.len(), 1);
}
