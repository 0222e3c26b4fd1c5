//! The connection and the registration, and what a call has to do with them.

use super::*;

#[test]
fn a_confirmed_call_survives_the_connection() {
    let mut bench = Bench::talking();
    let before = bench.events.len();
    bench.down();
    assert!(matches!(bench.events[before..], [Event::RegistrationFailed { error: SipError::Lost(_), .. }]));
    bench.wait(Duration::from_millis(250));
    assert_eq!(bench.opened, 2, "again as good as at once");
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

/// Waits for the next attempt to connect.
fn next_attempt(bench: &mut Bench) {
    let opened = bench.opened;
    while bench.opened == opened {
        let wait = bench.agent.deadline().unwrap() - bench.now;
        bench.wait(wait);
    }
}

/// The server is away for so long, and refuses every connection: s from its return to the phone's registration.
fn back_after(away: f64, trouble: Trouble, seed: u64) -> f64 {
    let mut bench = Bench::registered();
    bench.agent.registration.as_mut().unwrap().seed(seed);
    bench.wait(Duration::from_secs(20));
    let lost = bench.now;
    bench.lost(trouble);
    loop {
        next_attempt(&mut bench);
        let since = (bench.now - lost).as_secs_f64();
        if since >= away {
            bench.up();
            bench.grant();
            assert!(matches!(bench.events.last(), Some(Event::Registered { .. })));
            return since - away;
        }
        bench.lost(Trouble::Server);
    }
}

#[test]
fn the_phone_is_back_a_second_after_a_short_outage_and_three_after_a_usual_one() {
    for (away, within) in
        [(0.0, 0.25), (1.0, 0.5), (2.0, 0.5), (4.0, 1.0), (8.0, 1.0), (15.0, 3.0), (30.0, 3.0), (60.0, 3.0)]
    {
        for trouble in [Trouble::Cut, Trouble::Server] {
            if away == 0.0 && trouble == Trouble::Server {
                continue;
            }
            for seed in 0..20 {
                let back = back_after(away, trouble, seed);
                assert!(back <= within, "away for {away} s ({trouble:?}): back after {back} s");
            }
        }
    }
    assert!(back_after(3600.0, Trouble::Cut, 1) <= 20.0, "for ever, and never slower");
}

/// A floor of phones loses its server in the same instant: `outage` has the figures, this is that they are kept to.
#[test]
fn a_whole_floor_does_not_come_back_in_the_same_second() {
    let share = |away: f64, window: f64| {
        let mut back: Vec<f64> = (0..1000).map(|seed| back_after(away, Trouble::Server, seed)).collect();
        back.sort_by(f64::total_cmp);
        let until = |from: f64| back.iter().filter(|at| **at >= from && **at < from + window).count();
        back.iter().map(|at| until(*at)).max().unwrap_or_default()
    };
    let tenth = share(8.0, 0.1);
    assert!(tenth <= 200, "{tenth} of 1,000 in a tenth of the second in which they may come");
    // 50 on average; the fullest of all seconds that could be chosen has more, by chance.
    let second = share(300.0, 1.0);
    assert!(second <= 90, "{second} of 1,000 in one second after five minutes");
}

#[test]
fn without_a_network_it_is_tried_often_for_nobody_is_bothered() {
    let mut bench = Bench::registered();
    bench.down();
    for _ in 0..300 {
        next_attempt(&mut bench);
        bench.lost(Trouble::Network);
    }
    let pauses = pauses(&bench);
    assert!(pauses.iter().all(|pause| *pause <= 3.0), "{pauses:?}");
    assert!(pauses[200..].iter().all(|pause| *pause >= 1.8), "{pauses:?}");
}

#[test]
fn a_server_that_takes_us_in_only_to_throw_us_out_is_not_run_against() {
    let mut bench = Bench::registered();
    bench.wait(Duration::from_secs(20));
    bench.down();
    for _ in 0..40 {
        next_attempt(&mut bench);
        bench.up();
        bench.grant();
        bench.down();
    }
    let pauses = pauses(&bench);
    assert!(pauses[0] <= 0.25 && pauses[1..].iter().all(|pause| *pause >= 0.6), "{pauses:?}");
    assert!(pauses[30..].iter().all(|pause| *pause >= 1.8), "{pauses:?}");
    // It has lasted: the outage is over.
    next_attempt(&mut bench);
    bench.up();
    bench.grant();
    bench.wait(Duration::from_secs(10));
    bench.events.clear();
    bench.down();
    assert!(self::pauses(&bench)[0] <= 0.25, "{:?}", bench.events);
}

#[test]
fn who_asks_for_it_has_it_tried_at_once_but_not_more_than_once_a_second() {
    let register = |bench: &mut Bench| {
        bench.agent.register(account(), bench.now);
        bench.collect();
    };
    // Waiting to connect: the event link is back, or another network.
    let mut bench = Bench::registered();
    bench.down();
    for _ in 0..100 {
        next_attempt(&mut bench);
        bench.lost(Trouble::Server);
    }
    bench.wait(Duration::from_secs(1));
    let opened = bench.opened;
    register(&mut bench);
    assert_eq!(bench.opened, opened + 1, "at once");
    bench.lost(Trouble::Server);
    for _ in 0..10 {
        register(&mut bench);
    }
    assert_eq!(bench.opened, opened + 1);
    bench.wait(Duration::from_secs(1));
    assert_eq!(bench.opened, opened + 2, "and once a second");
    // Connecting: what hangs may hang on a network that is no more, what has just begun is waited for.
    register(&mut bench);
    assert_eq!(bench.opened, opened + 2);
    bench.wait(Duration::from_secs(3));
    register(&mut bench);
    assert_eq!(bench.opened, opened + 3);

    // Refused.
    for pause in [Duration::from_secs(1), Duration::from_millis(300)] {
        let mut bench = Bench::registered();
        bench.wait(Duration::from_secs(597));
        let sent = |bench: &Bench| bench.starts().iter().filter(|start| start.starts_with("REGISTER")).count();
        // Time and again, so that the next attempt would be long in coming; the registrar has not said when.
        for _ in 0..6 {
            bench.respond("REGISTER", "404 Not Found", "");
            let before = sent(&bench);
            while sent(&bench) == before {
                let wait = bench.agent.deadline().unwrap() - bench.now;
                bench.wait(wait);
            }
        }
        bench.respond("REGISTER", "404 Not Found", "");
        let before = sent(&bench);
        let registers = |bench: &Bench| sent(bench) - before + 1;
        bench.wait(pause);
        assert_eq!(registers(&bench), 1);
        register(&mut bench);
        bench.wait(Duration::from_secs(1) - pause);
        assert_eq!(registers(&bench), 2, "{pause:?} after the last");
        register(&mut bench);
        assert_eq!(registers(&bench), 2, "it is being waited for");
        bench.grant();
        assert!(matches!(bench.events.last(), Some(Event::Registered { .. })));
        // Registered: the connection is looked at.
        let proofs = bench.proofs;
        register(&mut bench);
        assert_eq!((registers(&bench), bench.proofs), (2, proofs + 1));
    }
}

#[test]
fn a_new_password_counts_at_once_over_the_same_connection() {
    let renewed = Account { password: "renewed".into(), ..account() };
    let challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", qop=\"auth\"\r\n";
    for refusal in ["401 Unauthorized", "403 Forbidden"] {
        let mut bench = Bench::registered();
        bench.wait(Duration::from_secs(597));
        bench.respond("REGISTER", "401 Unauthorized", challenge);
        let refused = bench.last("REGISTER").to_owned();
        bench.respond("REGISTER", refusal, challenge);
        let Some(Event::RegistrationFailed { error: SipError::Credentials, retry_in: Some(pause) }) =
            bench.events.last()
        else {
            panic!("{refusal}: {:?}", bench.events);
        };
        assert_eq!(*pause, Duration::from_secs(30));
        bench.agent.register(renewed.clone(), bench.now);
        bench.collect();
        bench.respond("REGISTER", "401 Unauthorized", &challenge.replace("n1", "n2"));
        assert_ne!(line(bench.last("REGISTER"), "Authorization"), line(&refused, "Authorization"));
        bench.grant();
        assert!(matches!(bench.events.last(), Some(Event::Registered { .. })), "{refusal}: {:?}", bench.events);
        assert_eq!((bench.opened, bench.closed), (1, 0), "the calls on the connection are not touched");
    }
    // While there is no connection it goes out with the next one.
    let mut bench = Bench::registered();
    bench.down();
    for _ in 0..30 {
        next_attempt(&mut bench);
        bench.lost(Trouble::Server);
    }
    bench.wait(Duration::from_secs(1));
    let opened = bench.opened;
    bench.agent.register(renewed, bench.now);
    bench.collect();
    assert_eq!(bench.opened, opened + 1);
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
    bench.wait(Duration::from_secs(1));
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
fn the_end_of_the_program_takes_the_binding_back_where_there_is_a_connection() {
    let end = |bench: &mut Bench| {
        bench.forget();
        bench.agent.end(bench.now);
        bench.collect();
    };
    let mut bench = Bench::talking();
    end(&mut bench);
    assert!(bench.starts()[0].starts_with("BYE") && bench.starts()[1].starts_with("REGISTER"), "{:?}", bench.starts());
    assert!(line(bench.last("REGISTER"), "Contact").ends_with(";expires=0"));
    bench.respond("BYE", "200 OK", "");
    assert!(!bench.agent.quiet());
    bench.respond("REGISTER", "200 OK", "");
    assert!(bench.agent.quiet());
    assert_eq!((bench.closed, bench.events.last()), (1, Some(&Event::Unregistered)));
    // It is under way already.
    let mut bench = Bench::registered();
    bench.agent.unregister(bench.now);
    bench.collect();
    end(&mut bench);
    assert!(bench.sent.is_empty(), "{:?}", bench.starts());
    // Nobody could hear it, or would know of it.
    let mut bench = Bench::registered();
    bench.down();
    end(&mut bench);
    assert!(bench.sent.is_empty() && bench.agent.quiet());
    let mut bench = Bench::bare();
    end(&mut bench);
    assert!(bench.sent.is_empty() && bench.agent.quiet());
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
