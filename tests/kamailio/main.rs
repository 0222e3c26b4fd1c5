//! The phone against servers that share nothing with it: it registers at Kamailio over WebSocket, SIPp calls it through
//! Kamailio with A-law, rtpengine turns that into DTLS-SRTP; a tone goes each way and is measured where it arrives.
//!
//! Needs Debian's kamailio (with its websocket and tls modules), rtpengine-daemon and sip-tester; says so and stops where
//! they are missing.

// A test's helpers may stop the test.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "../common/audio.rs"]
mod audio;
#[path = "../common/could_not_run.rs"]
mod could_not_run;
mod far_end;
mod lab;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use audio::{Recording, level, write_tone};
use could_not_run::could_not_run;
use far_end::FarEnd;
use lab::{Lab, PASSWORD, Process};
use tokio::{
    sync::{Mutex, mpsc},
    time::timeout,
};
use wincall_tui::{
    config::{AudioBackend, AudioConfig, Codec, IceConfig},
    net::{dialer::Dialer, tls::Tls},
    softphone::{Account, Command, EndCause, Event, MediaEvent, Settings, SipError, Softphone},
};

/// One lab at a time: the measurements are made in real time.
static ALONE: Mutex<()> = Mutex::const_new(());
const LIMIT: Duration = Duration::from_secs(20);

struct Phone {
    softphone: Softphone,
    events: mpsc::UnboundedReceiver<Event>,
    ear: PathBuf,
    /// Of the call that rang last.
    call_id: String,
}

impl Phone {
    fn new(lab: &Lab, name: &str, url: String, ca: Option<&Path>) -> Self {
        let (microphone, ear) = (lab.path(&format!("{name}-mic.wav")), lab.path(&format!("{name}-ear.wav")));
        write_tone(&microphone, 1000.0, -12.0);
        let audio = AudioConfig {
            backend: AudioBackend::File,
            input_file: Some(microphone),
            output_file: Some(ear.clone()),
            ..AudioConfig::default()
        };
        let settings = Settings {
            ws_server: url.parse().expect("an address"),
            domain: "sip.example.test".into(),
            dialer: Dialer::direct(Tls::new(ca).expect("a TLS configuration")),
            audio,
            ice: IceConfig::default(),
        };
        let (tell, events) = mpsc::unbounded_channel();
        let softphone = Softphone::start(settings, move |event| tell.send(event).unwrap_or_default());
        Self { softphone, events, ear, call_id: String::new() }
    }

    fn register(&self, password: &str) {
        self.softphone.send(Command::Register(Account { user: "ss1ss8001".into(), password: password.into() }));
    }

    /// The next event that is wanted, within a time limit; what is told before is dropped.
    async fn until<T>(&mut self, lab: &Lab, what: &str, limit: Duration, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let mut seen = Vec::new();
        let find = async {
            while let Some(event) = self.events.recv().await {
                if let Some(found) = wanted(&event) {
                    return found;
                }
                if !matches!(event, Event::Media(MediaEvent::Levels { .. } | MediaEvent::Stats(_))) {
                    seen.push(event);
                }
            }
            panic!("{what}: the softphone has ended")
        };
        match timeout(limit, find).await {
            Ok(found) => found,
            Err(_) => panic!("not within {limit:?}: {what}; instead {seen:?}\n{}", lab.logs()),
        }
    }

    async fn registered(&mut self, lab: &Lab) -> Duration {
        let wanted = |event: &Event| if let Event::Registered { expires } = event { Some(*expires) } else { None };
        self.until(lab, "registered", LIMIT, wanted).await
    }

    /// Answers what rings, and waits for the sound.
    async fn answers(&mut self, lab: &Lab) {
        self.rings(lab).await;
        self.answers_ring(lab).await;
    }

    /// Waits until a customer rings.
    async fn rings(&mut self, lab: &Lab) {
        let wanted = |event: &Event| {
            let Event::Incoming { call_id, from, auto_answer: false } = event else { return None };
            Some((call_id.clone(), from.clone()))
        };
        let (call_id, from) = self.until(lab, "ringing", LIMIT, wanted).await;
        assert_eq!(from, "13800138000");
        self.call_id = call_id;
    }

    /// Answers the call that rings, and waits for the sound.
    async fn answers_ring(&mut self, lab: &Lab) {
        self.softphone.send(Command::Answer { call_id: self.call_id.clone() });
        let wanted =
            |event: &Event| if let Event::Media(MediaEvent::Up { codec }) = event { Some(*codec) } else { None };
        assert_eq!(self.until(lab, "sound", LIMIT, wanted).await, Codec::Pcma);
    }

    async fn ended(&mut self, lab: &Lab) -> EndCause {
        let wanted = |event: &Event| if let Event::Ended { cause, .. } = event { Some(cause.clone()) } else { None };
        self.until(lab, "the end of the call", LIMIT, wanted).await
    }
}

/// SIPp's own verdict: every message came as its scenario says.
fn assert_passed(lab: &Lab, mut customer: Process) {
    let status = customer.wait(LIMIT);
    assert!(status.is_some_and(|status| status.success()), "SIPp: {status:?}\n{}", lab.logs());
}

/// Waits until the scenario is where it leaves this file.
async fn reached(lab: &Lab, name: &str) -> Instant {
    let begun = Instant::now();
    while !lab.path(name).exists() {
        assert!(begun.elapsed() < LIMIT, "the customer never got to: {name}\n{}", lab.logs());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Instant::now()
}

/// A tone as it was sent: within 2 Hz and 3 dB.
fn assert_tone(step: &str, sound: &[f64], rate: u32, hz: f64) {
    assert!(sound.len() > rate as usize / 2, "{step}: only {} samples heard", sound.len());
    let heard = Recording { samples: Vec::new(), rate }.frequency(sound);
    assert!((heard - hz).abs() < 2.0, "{step}: {heard} Hz heard");
    let heard = level(sound);
    assert!((heard + 12.0).abs() < 3.0, "{step}: {heard} dBFS heard");
}

/// What the agent heard in all of the call: the customer's tone without a break. The pressed key may cost its 100 ms.
fn assert_ear(path: &Path, seconds: f64, allowed_gap_ms: f64) {
    let recording = Recording::read(path);
    let part = recording.loud(seconds);
    assert!(part.len() as f64 > (seconds - 1.0) * f64::from(recording.rate), "only {} samples", part.len());
    assert_tone("the agent", part, recording.rate, 440.0);
    let gap = recording.longest_gap_ms(part);
    assert!(gap <= allowed_gap_ms, "{gap} ms of silence");
}

fn lab() -> Option<Lab> {
    lab_with("MD5")
}

fn lab_with(algorithm: &str) -> Option<Lab> {
    Lab::start(algorithm).map_err(|reason| could_not_run(&reason)).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_held_resumed_and_hung_up_by_the_customer() {
    let _alone = ALONE.lock().await;
    let Some(lab) = lab() else { return };
    let mut phone = Phone::new(&lab, "hold", format!("ws://127.0.0.1:{}", lab.ws), None);
    phone.register(PASSWORD);
    assert_eq!(phone.registered(&lab).await, Duration::from_secs(600));

    let far_end = FarEnd::start();
    let customer = lab.customer("hold", far_end.port);
    phone.answers(&lab).await;
    let up = Instant::now();
    tokio::time::sleep(Duration::from_millis(2000)).await;
    far_end.press();
    let held = reached(&lab, "held").await;
    let resumed = reached(&lab, "resumed").await;
    assert_eq!(phone.ended(&lab).await, EndCause::RemoteBye);
    let over = Instant::now();
    assert_passed(&lab, customer);
    phone.softphone.shutdown().await;

    let ms = Duration::from_millis;
    assert_tone("before the hold", &far_end.heard(up + ms(500), held - ms(200)), far_end::RATE, 1000.0);
    let during = far_end.heard(held + ms(400), resumed - ms(200));
    assert!(during.is_empty() || level(&during) < -60.0, "held, and heard at {} dBFS", level(&during));
    assert_tone("after the hold", &far_end.heard(resumed + ms(500), over - ms(200)), far_end::RATE, 1000.0);
    // Held, the agent hears the music, which is the same tone here.
    assert_ear(&phone.ear, 7.5, 140.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_outlives_the_server_over_wss_and_the_agent_hangs_up() {
    let _alone = ALONE.lock().await;
    let Some(mut lab) = lab() else { return };
    let mut phone = Phone::new(&lab, "restart", format!("wss://127.0.0.1:{}", lab.wss), Some(&lab.path("ca.pem")));
    phone.register(PASSWORD);
    phone.registered(&lab).await;

    let far_end = FarEnd::start();
    let customer = lab.customer("talk", far_end.port);
    phone.answers(&lab).await;
    let up = Instant::now();
    tokio::time::sleep(Duration::from_millis(1000)).await;
    lab.stop_kamailio();
    let lost = |event: &Event| matches!(event, Event::RegistrationFailed { retry_in: Some(_), .. }).then_some(());
    phone.until(&lab, "the loss is told", LIMIT, lost).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    lab.start_kamailio();
    // A server that goes down takes all its phones with it: they come back spread over half a minute.
    let registered = |event: &Event| matches!(event, Event::Registered { .. }).then_some(());
    phone.until(&lab, "registered again", Duration::from_secs(55), registered).await;
    tokio::time::sleep(Duration::from_millis(1000)).await;
    let hung_up = Instant::now();
    phone.softphone.send(Command::HangUp { call_id: phone.call_id.clone() });
    assert_eq!(phone.ended(&lab).await, EndCause::Local);
    assert_passed(&lab, customer);
    phone.softphone.shutdown().await;

    let ms = Duration::from_millis;
    let (from, to) = (up + ms(500), hung_up - ms(100));
    assert_tone("across the restart", &far_end.heard(from, to), far_end::RATE, 1000.0);
    let pause = far_end.longest_pause(from, to);
    assert!(pause < ms(150), "the customer heard nothing for {pause:?}");
    assert_ear(&phone.ear, (hung_up - up).as_secs_f64() - 1.0, 60.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_and_tried_again_and_a_customer_may_give_up() {
    let _alone = ALONE.lock().await;
    let Some(lab) = lab() else { return };
    let url = format!("ws://127.0.0.1:{}", lab.ws);
    let mut phone = Phone::new(&lab, "wrong", url, None);
    phone.register("wrong");
    let refused = |event: &Event| {
        if let Event::RegistrationFailed { error: SipError::Credentials, retry_in } = event {
            Some(*retry_in)
        } else {
            None
        }
    };
    let retry = phone.until(&lab, "the refusal is told", LIMIT, refused).await.expect("a next attempt");
    let again = phone.until(&lab, "it is tried again", retry + LIMIT, refused).await;
    assert!(again.is_some(), "and never again");

    // The right one counts at once.
    phone.register(PASSWORD);
    phone.registered(&lab).await;
    let far_end = FarEnd::start();
    let customer = lab.customer("cancel", far_end.port);
    assert_eq!(phone.ended(&lab).await, EndCause::Cancelled);
    assert_passed(&lab, customer);

    // Signed out, it is no longer called: SIPp expects 200 or 487 and gets 404.
    phone.softphone.send(Command::Unregister);
    phone.until(&lab, "unregistered", LIMIT, |event| (*event == Event::Unregistered).then_some(())).await;
    let mut customer = lab.customer("cancel", far_end.port);
    let status = customer.wait(LIMIT);
    assert!(status.is_some_and(|status| !status.success()), "SIPp: {status:?}\n{}", lab.logs());
    phone.softphone.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demanding_customer_gets_all_that_is_asked_for() {
    let _alone = ALONE.lock().await;
    let Some(lab) = lab_with("SHA-256") else { return };
    let mut phone = Phone::new(&lab, "extensions", format!("ws://127.0.0.1:{}", lab.ws), None);
    phone.register(PASSWORD);
    phone.registered(&lab).await;

    // 100rel with PRACK, UPDATE without and with an offer, a session timer that the phone is to refresh: SIPp checks each.
    let far_end = FarEnd::start();
    let customer = lab.customer("extensions", far_end.port);
    phone.rings(&lab).await;
    reached(&lab, "confirmed").await;
    phone.answers_ring(&lab).await;
    let up = Instant::now();
    let updated = reached(&lab, "updated").await;
    assert_eq!(phone.ended(&lab).await, EndCause::RemoteBye);
    let over = Instant::now();
    assert_passed(&lab, customer);
    phone.softphone.shutdown().await;
    let ms = Duration::from_millis;
    assert_tone("before the UPDATE", &far_end.heard(up + ms(300), updated - ms(100)), far_end::RATE, 1000.0);
    assert_tone("after the UPDATE", &far_end.heard(updated + ms(300), over - ms(200)), far_end::RATE, 1000.0);
}
