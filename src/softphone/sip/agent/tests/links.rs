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

fn pauses(bench: &Bench) -> Vec<f64> {
    let pause = |event: &Event| {
        let Event::RegistrationFailed { retry_in, .. } = event else { return None };
        retry_in.map(|pause| pause.as_secs_f64())
    };
    bench.events.iter().filter_map(pause).collect()
}

#[test]
fn reconnecting_goes_on_for_ever_and_never_in_a_tight_loop() {
    let mut bench = Bench::registered();
    for round in 0..30 {
        // A server that accepts the connection and cuts it at once.
        bench.up();
        bench.down();
        let last = *pauses(&bench).last().unwrap();
        let opened = bench.opened;
        bench.wait(Duration::from_secs_f64(last + 0.001));
        assert!(round == 0 || bench.opened == opened + 1);
    }
    let pauses = pauses(&bench);
    assert_eq!(pauses[0], 0.0, "perhaps it was only this connection");
    for (pause, range) in pauses[1..].iter().zip([0.5..1.5, 1.0..3.0, 2.0..6.0, 1.0..30.0]) {
        assert!(range.contains(pause), "{pauses:?}");
    }
    assert!(pauses[5..].iter().all(|pause| (30.0..50.0).contains(pause)), "{pauses:?}");
}

#[test]
fn without_a_network_it_is_tried_often_for_nobody_is_bothered() {
    let mut bench = Bench::registered();
    bench.down();
    for _ in 0..20 {
        bench.lost(Trouble::Network);
        bench.wait(Duration::from_secs(10));
    }
    for (pause, base) in pauses(&bench)[1..].iter().zip([1.0, 2.0, 4.0].into_iter().chain(std::iter::repeat(7.0))) {
        assert!((base * 0.79..base * 1.21).contains(pause), "{:?}", pauses(&bench));
    }
}

#[test]
fn a_server_that_takes_us_in_only_to_throw_us_out_is_not_run_against() {
    let mut bench = Bench::registered();
    bench.down();
    bench.up();
    bench.grant();
    bench.events.clear();
    bench.down();
    assert!(pauses(&bench).iter().all(|pause| *pause >= 0.5), "{:?}", bench.events);
}

/// A floor of phones loses its server in the same instant. After a short restart they are back within seconds; after a
/// longer outage no second may see more than 5 % of them.
#[test]
fn a_whole_floor_does_not_come_back_in_the_same_second() {
    const PHONES: u32 = 4000;
    // Seconds for which the server is away, whether it says goodbye (1001), and until when everybody is back.
    for (away, goodbye, within) in [(0, true, 2), (2, false, 6), (45, false, 50), (600, true, 50)] {
        let mut back = std::collections::BTreeMap::<u64, u32>::new();
        for _ in 0..PHONES {
            let mut bench = Bench::registered();
            let start = bench.now;
            bench.lost(if goodbye { Trouble::Server } else { Trouble::Cut });
            let mut seen = 1;
            loop {
                if bench.opened == seen {
                    let wait = bench.agent.deadline().unwrap() - bench.now;
                    bench.wait(wait);
                    continue;
                }
                seen = bench.opened;
                if bench.now - start >= Duration::from_secs(away) {
                    break;
                }
                bench.lost(Trouble::Server);
            }
            *back.entry((bench.now - start).as_secs()).or_default() += 1;
        }
        let worst = back.values().max().copied().unwrap_or_default();
        let short = away < 10;
        assert!(short || worst * 100 <= PHONES * 5, "away for {away} s: {worst} of {PHONES} in one second: {back:?}");
        let last = back.keys().max().copied().unwrap_or_default();
        assert!(last <= away + within, "away for {away} s, everybody is back within {within} s: {last}");
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
    bench.wait(Duration::from_secs(30));
    assert_eq!(bench.opened, 2);
}

#[test]
fn a_refresh_is_told_as_such_and_a_failed_one_too() {
    let mut bench = Bench::registered();
    bench.wait(Duration::from_secs(597));
    bench.last("REGISTER");
    bench.grant();
    assert_eq!(bench.events, [Event::Refreshed { expires: Duration::from_secs(600) }]);
    bench.forget();
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
