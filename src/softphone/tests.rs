//! The softphone against a scripted SIP server on loopback, with a media room that only keeps a record.
//!
//! The server takes text apart by itself: it shares nothing with `sip`.

mod connection;
mod outage;
mod refresh;
mod server;
pub(super) mod torture;

use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{SinkExt, StreamExt};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};
use tokio_tungstenite::tungstenite::Message;

use self::server::{Conn, ack, check_credentials, field, invite};
use super::{
    Account, Command, Devices, EndCause, Event, Settings, SipError, Softphone, Tone,
    media::{MediaError, Wish},
    media_port::{MediaPort, OfferCheck},
};
use crate::{
    config::{AudioConfig, IceConfig},
    i18n::Locale,
    net::{dialer::Dialer, tls::Tls},
};

const LIMIT: Duration = Duration::from_secs(10);

#[derive(Clone, Default)]
struct FakeMedia {
    record: Arc<Mutex<Vec<String>>>,
    stuck: bool,
    wish: Arc<Mutex<Option<mpsc::UnboundedSender<Wish>>>>,
}

impl FakeMedia {
    fn note(&self, what: impl Into<String>) {
        self.record.lock().unwrap().push(what.into());
    }

    /// The media session asks for something.
    fn wish(&self, wish: Wish) {
        self.wish.lock().unwrap().as_ref().expect("nobody listens").send(wish).unwrap();
    }

    fn record(&self) -> Vec<String> {
        self.record.lock().unwrap().clone()
    }
}

#[async_trait]
impl MediaPort for FakeMedia {
    fn offer_check(&self) -> OfferCheck {
        Arc::new(|_| Ok(()))
    }
    async fn answer(&self, call_id: &str, offer: &str) -> Result<String, MediaError> {
        self.note(format!("answer {call_id} {}", offer.trim()));
        if self.stuck {
            std::future::pending::<()>().await;
        }
        Ok("v=0 answer\r\n".into())
    }
    async fn offer(&self, call_id: &str, restart: bool) -> Result<String, MediaError> {
        self.note(format!("offer {call_id}{}", if restart { " restart" } else { "" }));
        Ok("v=0 ours\r\n".into())
    }
    async fn accept_answer(&self, call_id: &str, answer: &str) -> Result<(), MediaError> {
        self.note(format!("accept {call_id} {}", answer.trim()));
        Ok(())
    }
    async fn rollback(&self, call_id: &str) {
        self.note(format!("rollback {call_id}"));
    }
    async fn close(&self, call_id: &str) {
        self.note(format!("close {call_id}"));
    }
    fn call_begins(&self, call_id: &str) {
        self.note(format!("begins {call_id}"));
    }
    fn silence(&self, call_id: &str) {
        self.note(format!("silence {call_id}"));
    }
    fn set_muted(&self, muted: bool) {
        self.note(format!("muted {muted}"));
    }
    fn set_held(&self, held: bool) {
        self.note(format!("held {held}"));
    }
    fn play(&self, tone: Option<Tone>) {
        self.note(format!("play {tone:?}"));
    }
    fn prove_devices(&self) {
        self.note("prove");
    }
    fn set_devices(&self, devices: Devices) {
        self.note(format!("devices {} {} {}", devices.input, devices.output, devices.ring));
    }
    fn test_sound(&self, on: bool) {
        self.note(format!("test {on}"));
    }
    fn send_digit(&self, digit: char) {
        self.note(format!("digit {digit}"));
    }
    fn wishes(&mut self) -> mpsc::UnboundedReceiver<Wish> {
        let (wish, wishes) = mpsc::unbounded_channel();
        *self.wish.lock().unwrap() = Some(wish);
        wishes
    }
    async fn shutdown(self) {
        self.note("shutdown");
    }
}

struct Phone {
    softphone: Softphone,
    events: mpsc::UnboundedReceiver<Event>,
    media: FakeMedia,
    listener: TcpListener,
}

impl Phone {
    async fn new() -> Self {
        Self::with(FakeMedia::default()).await
    }

    async fn with(media: FakeMedia) -> Self {
        crate::net::tls::install_provider();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = Settings {
            ws_server: format!("ws://{}", listener.local_addr().unwrap()).parse().unwrap(),
            domain: "sip.example.test".into(),
            dialer: Dialer::direct(Tls::new(None).unwrap()),
            audio: AudioConfig::default(),
            ice: IceConfig::default(),
        };
        let (tell, events) = mpsc::unbounded_channel();
        let on_event = Arc::new(move |event| tell.send(event).unwrap_or_default());
        let softphone = Softphone::with_media(settings, media.clone(), on_event);
        Self { softphone, events, media, listener }
    }

    fn register(&self) {
        self.softphone.send(Command::Register(account()));
    }

    /// Registered; the connection and the REGISTER that passed.
    async fn registered(&mut self) -> (Conn, String) {
        self.register();
        let mut conn = Conn::accept(&self.listener).await;
        let register = conn.register(300).await;
        assert_eq!(self.event().await, Event::Registering);
        assert_eq!(self.event().await, Event::Registered { expires: Duration::from_secs(300) });
        (conn, register)
    }

    async fn event(&mut self) -> Event {
        loop {
            // The round trip is told all the time.
            let event = timeout(LIMIT, self.events.recv()).await.expect("no event").expect("ended");
            if !matches!(event, Event::RoundTrip(_)) {
                return event;
            }
        }
    }

    /// A call that asks to be answered, and is; its 200.
    async fn talking(&mut self, conn: &mut Conn, register: &str) -> String {
        conn.send(invite(register, "c1", "Call-Info: answer-after=0\r\n")).await;
        conn.expect("SIP/2.0 100").await;
        conn.expect("SIP/2.0 180").await;
        assert!(matches!(self.event().await, Event::Incoming { auto_answer: true, .. }));
        self.softphone.send(Command::Answer { call_id: "c1".into() });
        let ok = conn.expect("SIP/2.0 200").await;
        conn.send(ack(&ok)).await;
        assert_eq!(self.event().await, Event::Answered { call_id: "c1".into() });
        ok
    }
}

fn account() -> Account {
    Account { user: "ss1ss8001".into(), password: "hunter2".into() }
}

#[tokio::test]
async fn a_shift_in_short() {
    let mut phone = Phone::new().await;
    let (mut conn, register) = phone.registered().await;
    phone.talking(&mut conn, &register).await;

    for command in [
        Command::SetMuted(true),
        Command::SetHeld(true),
        Command::Play(Some(Tone::Key('5'))),
        Command::ProveDevices,
        Command::HangUp { call_id: "c1".into() },
    ] {
        phone.softphone.send(command);
    }
    let bye =
        conn.expect("BYE sip:asterisk@unresolvable:5060;transport=ws SIP/2.0\r\nRoute: <sip:nowhere.invalid;").await;
    assert_eq!(field(&bye, "CSeq"), "11 BYE");
    conn.reply(&bye, "200 OK", "").await;
    assert_eq!(phone.event().await, Event::Ended { call_id: "c1".into(), cause: EndCause::Local });

    conn.send(invite(&register, "c2", "")).await;
    conn.expect("SIP/2.0 100").await;
    conn.expect("SIP/2.0 180").await;
    assert!(matches!(phone.event().await, Event::Incoming { auto_answer: false, .. }));
    phone.softphone.send(Command::Answer { call_id: "c2".into() });
    let ok = conn.expect("SIP/2.0 200").await;
    conn.send(ack(&ok)).await;
    assert_eq!(phone.event().await, Event::Answered { call_id: "c2".into() });

    phone.softphone.send(Command::Unregister);
    let goodbye = conn.expect("REGISTER").await;
    assert!(field(&goodbye, "Contact").ends_with(";expires=0"));
    let bye = conn.expect("BYE").await;
    conn.reply(&goodbye, "200 OK", "").await;
    conn.reply(&bye, "200 OK", "").await;
    assert_eq!(phone.event().await, Event::Ended { call_id: "c2".into(), cause: EndCause::Local });
    assert_eq!(phone.event().await, Event::Unregistered);
    phone.softphone.shutdown().await;
    assert_eq!(
        phone.media.record(),
        [
            "begins c1",
            "answer c1 v=0 offer",
            "muted true",
            "held true",
            "play Some(Key('5'))",
            "prove",
            "silence c1",
            "close c1",
            "begins c2",
            "answer c2 v=0 offer",
            "silence c2",
            "close c2",
            "shutdown"
        ]
    );
}

#[tokio::test]
async fn a_cut_connection_is_replaced_and_the_call_goes_on() {
    let mut phone = Phone::new().await;
    let (mut conn, first) = phone.registered().await;
    phone.talking(&mut conn, &first).await;
    conn.cut();
    let Event::RegistrationFailed { error: SipError::Lost(_), retry_in } = phone.event().await else { panic!() };
    assert!(retry_in.is_some_and(|pause| pause <= Duration::from_millis(250)), "{retry_in:?}");
    let mut conn = Conn::accept(&phone.listener).await;
    let second = conn.register(300).await;
    for name in ["Call-ID", "Contact"] {
        assert_eq!(field(&first, name), field(&second, name));
    }
    assert_eq!(phone.event().await, Event::Registering);
    assert!(matches!(phone.event().await, Event::Registered { .. }));
    phone.softphone.send(Command::HangUp { call_id: "c1".into() });
    let bye = conn.expect("BYE").await;
    conn.reply(&bye, "200 OK", "").await;
    assert_eq!(phone.event().await, Event::Ended { call_id: "c1".into(), cause: EndCause::Local });
}

#[tokio::test]
async fn a_short_binding_is_refreshed_in_time() {
    let phone = Phone::new().await;
    phone.register();
    let mut conn = Conn::accept(&phone.listener).await;
    conn.register(2).await;
    let granted = tokio::time::Instant::now();
    let refresh = conn.expect("REGISTER").await;
    let waited = granted.elapsed();
    assert!((Duration::from_millis(1500)..Duration::from_millis(2000)).contains(&waited), "{waited:?}");
    assert!(field(&refresh, "Authorization").contains("nc=00000002"));
}

#[tokio::test]
async fn a_wrong_password_and_a_dead_server_are_told_with_the_next_attempt() {
    let mut phone = Phone::new().await;
    phone.register();
    let mut conn = Conn::accept(&phone.listener).await;
    for _ in 0..2 {
        let register = conn.expect("REGISTER").await;
        conn.reply(&register, "401 Unauthorized", "WWW-Authenticate: Digest realm=\"r\",nonce=\"n\"\r\n").await;
    }
    assert_eq!(phone.event().await, Event::Registering);
    assert_eq!(
        phone.event().await,
        Event::RegistrationFailed { error: SipError::Credentials, retry_in: Some(Duration::from_secs(30)) }
    );
    drop(std::mem::replace(&mut phone.listener, TcpListener::bind("127.0.0.1:0").await.unwrap()));
    conn.cut();
    assert!(matches!(phone.event().await, Event::RegistrationFailed { error: SipError::Lost(_), .. }));
    // Not to be waited for: whoever asks is obeyed at once.
    phone.register();
    assert_eq!(phone.event().await, Event::Registering);
    let Event::RegistrationFailed { error: SipError::Connect { .. }, retry_in: Some(_) } = phone.event().await else {
        panic!()
    };
}

#[tokio::test]
async fn junk_does_not_hurt_the_connection() {
    let mut phone = Phone::new().await;
    let (mut conn, register) = phone.registered().await;
    conn.send("\0\u{7f}garbage".into()).await;
    conn.0.send(Message::binary(vec![0xff, 0xfe, 0, b'\r', b'\n'])).await.unwrap();
    conn.send("INVITE sip:x SIP/2.0\r\nCSeq: -1 INVITE\r\n\r\n".into()).await;
    // Binary frames carry SIP as well as text frames do.
    conn.0.send(Message::binary(invite(&register, "c1", "").into_bytes())).await.unwrap();
    conn.expect("SIP/2.0 100").await;
    conn.expect("SIP/2.0 180").await;
    assert!(matches!(phone.event().await, Event::Incoming { .. }));
}

/// What ends the call, and the REGISTER that takes the binding back. They come in either order: BYE waits for the ACK.
async fn last_words(conn: &mut Conn, end: &str) -> (String, String) {
    let (one, other) = (conn.read().await, conn.read().await);
    let (end_of_call, register) = if one.starts_with("REGISTER") { (other, one) } else { (one, other) };
    assert!(end_of_call.starts_with(end) && register.starts_with("REGISTER"), "{end_of_call}\n{register}");
    (end_of_call, register)
}

#[tokio::test]
async fn shutdown_says_bye_and_unregisters_and_is_quick_even_if_the_sound_is_stuck_and_nobody_answers() {
    for stuck in [false, true] {
        let mut phone = Phone::with(FakeMedia { stuck, ..FakeMedia::default() }).await;
        let (mut conn, register) = phone.registered().await;
        if stuck {
            conn.send(invite(&register, "c1", "Call-Info: answer-after=0\r\n")).await;
            conn.expect("SIP/2.0 100").await;
            conn.expect("SIP/2.0 180").await;
            assert!(matches!(phone.event().await, Event::Incoming { .. }));
            phone.softphone.send(Command::Answer { call_id: "c1".into() });
        } else {
            phone.talking(&mut conn, &register).await;
        }
        let start = tokio::time::Instant::now();
        phone.softphone.shutdown().await;
        assert!(start.elapsed() < Duration::from_secs(2));
        let (end, last) = last_words(&mut conn, if stuck { "SIP/2.0 480" } else { "BYE" }).await;
        assert!(!end.is_empty() && field(&last, "Contact").ends_with(";expires=0"), "{last}");
        assert!(matches!(timeout(LIMIT, conn.0.next()).await, Ok(Some(Ok(Message::Close(_))) | None)));
        assert_eq!(phone.media.record().contains(&"shutdown".to_owned()), !stuck);
    }
}

#[tokio::test]
async fn a_shutdown_right_after_unregister_waits_for_the_registrar() {
    let mut phone = Phone::new().await;
    let (mut conn, _) = phone.registered().await;
    phone.softphone.send(Command::Unregister);
    let server = async {
        let goodbye = conn.expect("REGISTER").await;
        let stale = "WWW-Authenticate: Digest realm=\"r\",nonce=\"n\",qop=\"auth\",stale=true\r\n";
        conn.reply(&goodbye, "401 Unauthorized", stale).await;
        let goodbye = conn.expect("REGISTER").await;
        check_credentials(&goodbye);
        assert!(field(&goodbye, "Contact").ends_with(";expires=0"));
        conn.reply(&goodbye, "200 OK", "").await;
    };
    tokio::join!(server, phone.softphone.shutdown());
    assert_eq!(phone.events.recv().await, Some(Event::Unregistered));
}

#[tokio::test]
async fn a_shutdown_takes_the_binding_back_and_waits_for_the_registrar() {
    let mut phone = Phone::new().await;
    let (mut conn, register) = phone.registered().await;
    phone.talking(&mut conn, &register).await;
    let server = async {
        let (bye, last) = last_words(&mut conn, "BYE").await;
        let stale = "WWW-Authenticate: Digest realm=\"r\",nonce=\"n\",qop=\"auth\",stale=true\r\n";
        conn.reply(&last, "401 Unauthorized", stale).await;
        conn.reply(&bye, "200 OK", "").await;
        let last = conn.expect("REGISTER").await;
        check_credentials(&last);
        assert!(field(&last, "Contact").ends_with(";expires=0"));
        conn.reply(&last, "200 OK", "").await;
    };
    tokio::join!(server, phone.softphone.shutdown());
    let mut last = Vec::new();
    while let Some(event) = phone.events.recv().await {
        last.push(event);
    }
    last.retain(|event| !matches!(event, Event::RoundTrip(_)));
    assert_eq!(last, [Event::Ended { call_id: "c1".into(), cause: EndCause::Local }, Event::Unregistered]);
}

#[tokio::test]
async fn a_dropped_softphone_says_bye() {
    let mut phone = Phone::new().await;
    let (mut conn, register) = phone.registered().await;
    phone.talking(&mut conn, &register).await;
    drop(phone.softphone);
    last_words(&mut conn, "BYE").await;
}

#[test]
fn every_sip_error_is_told_in_both_languages() {
    let host = || "sip.example.test:4443".to_owned();
    for error in [
        SipError::Connect { host: host(), reason: "connection refused".into() },
        SipError::Certificate { host: host(), reason: "expired".into() },
        SipError::Lost("it was cut".into()),
        SipError::Credentials,
        SipError::Rejected { code: 403, reason: "Forbidden".into() },
        SipError::Timeout,
    ] {
        let [en, zh] = [Locale::En, Locale::ZhCn].map(|locale| error.message().render(locale));
        assert_ne!(en, zh);
        for text in [en, zh] {
            assert!(!text.contains("%{"), "{text}");
            assert_ne!(text, error.message().key());
        }
    }
}

/// Time stands still but for what the test lets pass: a busy runtime never skips ahead by itself.
fn hold_time() -> impl Drop {
    struct Busy(tokio::task::JoinHandle<()>);
    impl Drop for Busy {
        fn drop(&mut self) {
            self.0.abort();
        }
    }
    tokio::time::pause();
    Busy(tokio::spawn(async {
        loop {
            tokio::task::yield_now().await;
        }
    }))
}

#[tokio::test]
async fn the_connection_is_kept_alive_and_a_pong_is_proof_of_life() {
    let mut phone = Phone::new().await;
    let (mut conn, _) = phone.registered().await;
    let _held = hold_time();
    // More than a minute of nothing but keep-alives, each ping answered late.
    let (mut pings, mut crlf) = (0, 0);
    for _ in 0..12 {
        tokio::time::advance(Duration::from_millis(3010)).await;
        loop {
            let message = conn.0.next().await.unwrap().unwrap();
            if matches!(message, Message::Ping(_)) {
                break;
            }
            assert_eq!(message, Message::text("\r\n\r\n"));
            crlf += 1;
        }
        pings += 1;
        tokio::time::advance(Duration::from_millis(3900)).await;
        // The pong goes out with the flush; then its deadline passes.
        conn.0.flush().await.unwrap();
        while !matches!(phone.events.recv().await, Some(Event::RoundTrip(_))) {}
    }
    assert_eq!((pings, crlf >= 2), (12, true), "{crlf} CRLF in 83 s");
    let options = "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/WS y;branch=z\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x@y>\r\n\
                   Call-ID: o\r\nCSeq: 1 OPTIONS\r\n\r\n";
    conn.send(options.into()).await;
    loop {
        if let Message::Text(text) = conn.0.next().await.expect("given up").unwrap()
            && text.starts_with("SIP/2.0 200")
        {
            break;
        }
    }
}

#[tokio::test]
async fn a_server_that_no_longer_answers_is_given_up_within_ten_seconds() {
    let mut phone = Phone::new().await;
    // Held open and not read: nobody answers the ping.
    let (_conn, _) = phone.registered().await;
    let _held = hold_time();
    for wait in [3050, 6850] {
        tokio::time::advance(Duration::from_millis(wait)).await;
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        assert!(phone.events.try_recv().is_err(), "not yet");
    }
    tokio::time::advance(Duration::from_millis(200)).await;
    assert!(matches!(phone.events.recv().await, Some(Event::RegistrationFailed { error: SipError::Lost(_), .. })));
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_reaches_the_log() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let mut phone = Phone::new().await;
    let (mut conn, register) = phone.registered().await;
    phone.talking(&mut conn, &register).await;
    phone.softphone.shutdown().await;
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("REGISTER sip:sip.example.test"), "the messages are logged: {log}");
    let authorization = field(&register, "Authorization");
    let response = authorization.split("response=\"").nth(1).unwrap().split('"').next().unwrap();
    for secret in ["hunter2", response, "response=", "cnonce"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}
