//! Calls through coturn, a STUN and TURN server that shares no code with the program: only relayed, over UDP,
//! TCP and TLS, with a restart of ICE in between, with a password that is refused, and with a server that is gone for a
//! while.
//!
//! Needs Debian's `coturn`; says so and stops where it is missing.

// A test's helpers may stop the test.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[path = "common/coturn.rs"]
mod coturn;
#[path = "common/could_not_run.rs"]
mod could_not_run;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use coturn::{By, PASSWORD, Turn};
use could_not_run::could_not_run;
use tokio::sync::mpsc;
use wincall_tui::{
    config::{AudioBackend, AudioConfig, Codec, IceConfig, IcePolicy, IceServer, TokenSource},
    net::{dialer::Dialer, tls::Tls},
    softphone::{
        Event, MediaEvent,
        media::{Media, Wish},
    },
};

const LIMIT: Duration = Duration::from_secs(12);

fn ice(turn: &Turn, policy: IcePolicy, password: &str) -> IceConfig {
    IceConfig {
        servers: vec![IceServer {
            urls: turn.urls().iter().map(|url| url.parse().expect("an address")).collect(),
            username: Some("agent".into()),
            credential: Some(TokenSource::Inline(password.to_owned().into())),
        }],
        policy,
        gather: Duration::from_secs(3),
        ..IceConfig::default()
    }
}

/// Trust in the authority of this server alone.
fn trust(turn: &Turn) -> Dialer {
    Dialer::direct(Tls::new(Some(&turn.authority())).expect("the authority's certificate"))
}

struct Phone {
    media: Media,
    events: mpsc::UnboundedReceiver<MediaEvent>,
    wishes: mpsc::UnboundedReceiver<Wish>,
}

impl Phone {
    fn new(ice: IceConfig, dialer: &Dialer) -> Self {
        let (tell, events) = mpsc::unbounded_channel();
        let audio = AudioConfig { backend: AudioBackend::Null, codecs: vec![Codec::Pcma], ..AudioConfig::default() };
        let on_event = Arc::new(move |event| {
            if let Event::Media(event) = event {
                tell.send(event).unwrap_or_default();
            }
        });
        let mut media = Media::with_ice(audio, ice, dialer, on_event);
        let wishes = media.wishes();
        Self { media, events, wishes }
    }

    async fn wait(&mut self, what: &str, wanted: impl Fn(&MediaEvent) -> bool) {
        let until = tokio::time::Instant::now() + LIMIT;
        loop {
            let event = tokio::time::timeout_at(until, self.events.recv()).await;
            let event = event.unwrap_or_else(|_| panic!("{what}: not in time")).expect("more events");
            if wanted(&event) {
                return;
            }
        }
    }

    /// Waits until another path is asked for.
    async fn wants_a_restart(&mut self) {
        let until = tokio::time::Instant::now() + 2 * LIMIT;
        loop {
            let wish = tokio::time::timeout_at(until, self.wishes.recv()).await;
            if let Wish::Restart { .. } = wish.expect("no restart is asked for").expect("more wishes") {
                return;
            }
        }
    }

    /// Waits until sound has come for two seconds from now.
    async fn hears(&mut self) {
        let mut counts = Vec::new();
        let until = tokio::time::Instant::now() + LIMIT;
        while tokio::time::Instant::now() < until {
            let event = tokio::time::timeout_at(until, self.events.recv()).await;
            if let Ok(Some(MediaEvent::Stats(stats))) = event {
                counts.push(stats.packets_received);
                if let [.., before, _, now] = counts.as_slice()
                    && now - before >= 80
                {
                    return;
                }
            }
        }
        panic!("no sound: {counts:?} packets");
    }
}

fn candidates(sdp: &str) -> Vec<&str> {
    sdp.lines().filter_map(|line| line.strip_prefix("a=candidate:")).collect()
}

/// Both sides in one process: one offers, the other answers.
async fn connect(caller: &Phone, callee: &Phone, restart: bool) -> (String, String) {
    let offer = caller.media.offer("call", restart).await.expect("an offer");
    let answer = callee.media.answer("call", &offer).await.expect("an answer");
    caller.media.accept_answer("call", &answer).await.expect("the answer is taken");
    (offer, answer)
}

async fn a_call_through_the_relay_alone(by: By) {
    let turn = match Turn::start(by) {
        Ok(turn) => turn,
        Err(reason) => return could_not_run(&reason),
    };
    let relay = || Phone::new(ice(&turn, IcePolicy::Relay, PASSWORD), &trust(&turn));
    let (mut caller, mut callee) = (relay(), relay());
    let begin = Instant::now();
    let (offer, answer) = connect(&caller, &callee, false).await;
    println!("offer and answer with a relay each: {:?}", begin.elapsed());
    for sdp in [&offer, &answer] {
        let shown = candidates(sdp);
        assert!(!shown.is_empty() && shown.iter().all(|line| line.contains(" typ relay ")), "{sdp}");
        assert!(!sdp.contains("0.0.0.0 5"), "{sdp}");
    }
    let up = |event: &MediaEvent| matches!(event, MediaEvent::Up { .. });
    caller.wait("the caller is connected", up).await;
    callee.wait("the callee is connected", up).await;
    println!("encrypted both ways: {:?}", begin.elapsed());
    caller.hears().await;
    callee.hears().await;

    let again = Instant::now();
    let (second, _) = connect(&caller, &callee, true).await;
    assert_ne!(candidates(&offer), candidates(&second), "another relay");
    println!("offer and answer of the restart: {:?}", again.elapsed());
    caller.hears().await;
    callee.hears().await;
    caller.media.close("call").await;
    callee.media.close("call").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_through_the_relay_alone_and_so_does_its_restart() {
    a_call_through_the_relay_alone(By::Udp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_through_a_relay_over_tcp_alone_and_so_does_its_restart() {
    a_call_through_the_relay_alone(By::Tcp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_through_a_relay_over_tls_alone_and_so_does_its_restart() {
    a_call_through_the_relay_alone(By::Tls).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_over_tls_whose_certificate_is_not_trusted_gets_no_call() {
    let turn = match Turn::start(By::Tls) {
        Ok(turn) => turn,
        Err(reason) => return could_not_run(&reason),
    };
    let config = IceConfig { gather: Duration::from_millis(700), ..ice(&turn, IcePolicy::All, PASSWORD) };
    let stranger = Phone::new(config, &Dialer::direct(Tls::new(None).expect("the system's authorities")));
    let offer = stranger.media.offer("call", false).await.expect("an offer");
    assert!(!offer.contains(" typ relay ") && offer.contains(" typ host "), "{offer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sound_comes_back_when_a_relay_over_tcp_does() {
    let mut turn = match Turn::start(By::Tcp) {
        Ok(turn) => turn,
        Err(reason) => return could_not_run(&reason),
    };
    let relay = || Phone::new(ice(&turn, IcePolicy::Relay, PASSWORD), &trust(&turn));
    let (mut caller, mut callee) = (relay(), relay());
    connect(&caller, &callee, false).await;
    caller.hears().await;
    callee.hears().await;
    turn.kill();
    caller.wants_a_restart().await;
    // It is tried while there is no relay: nothing hangs, and nothing is found.
    let offer = caller.media.offer("call", true).await.expect("an offer without a path");
    assert!(candidates(&offer).is_empty(), "{offer}");
    caller.media.rollback("call").await;
    turn.start_again();
    caller.wants_a_restart().await;
    connect(&caller, &callee, true).await;
    caller.hears().await;
    callee.hears().await;
    caller.media.close("call").await;
    callee.media.close("call").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_password_costs_the_relay_and_not_the_call() {
    let turn = match Turn::start(By::Udp) {
        Ok(turn) => turn,
        Err(reason) => return could_not_run(&reason),
    };
    let (mut caller, mut callee) = (
        Phone::new(ice(&turn, IcePolicy::All, "wrong"), &trust(&turn)),
        Phone::new(IceConfig::default(), &trust(&turn)),
    );
    let begin = Instant::now();
    let (offer, _) = connect(&caller, &callee, false).await;
    assert!(begin.elapsed() < Duration::from_secs(3), "a refusal is an answer: {:?}", begin.elapsed());
    assert!(!offer.contains(" typ relay "), "{offer}");
    caller.hears().await;
    callee.hears().await;
}
