//! The switch from outside, over real sockets on loopback.

mod client;
mod late;
pub(in crate::sim) mod phone;

use std::time::Duration;

use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite;

use self::client::{Client, Line, granted};
use super::codec::Codec;
use super::sip::{Message, uri_of};
use super::*;
use crate::sim::log::LogEntry;

const USER: &str = "ss1ss9001";

/// Fails a test that waits in vain.
async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future).await.expect("waited 10 s in vain")
}

/// Waits until `check` gives something.
async fn until<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited 10 s in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

struct Stage {
    switch: Switch,
    events: mpsc::UnboundedReceiver<SwitchEvent>,
    log: Arc<std::sync::Mutex<Vec<LogEntry>>>,
}

impl Stage {
    async fn set() -> Stage {
        Stage::with_tls(None).await
    }

    async fn with_tls(tls: Option<Arc<rustls::ServerConfig>>) -> Stage {
        let (sender, events) = mpsc::unbounded_channel();
        let entries: Arc<std::sync::Mutex<Vec<LogEntry>>> = Arc::default();
        let kept = Arc::clone(&entries);
        let log: Log = Arc::new(move |entry| kept.lock().unwrap().push(entry));
        let listen = "127.0.0.1:0".parse().unwrap();
        let settings = SwitchSettings { listen, tls, domain: "switch.test".to_owned(), log };
        let switch = Switch::start(settings, sender).await.unwrap();
        switch.set_account(USER, "secret");
        Stage { switch, events, log: entries }
    }

    async fn with_client() -> (Stage, Client) {
        let mut stage = Stage::set().await;
        let client = Client::register(stage.switch.local_addr(), USER, "secret").await;
        stage.expect(SwitchEvent::Registered { user: USER.to_owned() }).await;
        (stage, client)
    }

    async fn expect(&mut self, event: SwitchEvent) {
        assert_eq!(within(self.events.recv()).await, Some(event));
    }

    /// A call up to the 180.
    async fn ringing(&mut self, client: &mut Client) -> (LegId, Message) {
        let leg = self.switch.call(USER, "13800138000", false);
        let invite = client.ring().await;
        self.expect(SwitchEvent::Ringing { leg }).await;
        (leg, invite)
    }

    /// A call answered by the client, with a customer of 440 Hz at the other end.
    async fn talking(&mut self, client: &mut Client, codec: Codec) -> Talk {
        let customer = self.switch.add_party(Voice::Tone(440.0));
        let (leg, invite) = self.ringing(client).await;
        let party = self.switch.party_of(leg);
        self.switch.route(party, &[customer]);
        self.switch.route(customer, &[party]);
        let sound = client.answer(&invite, codec).await;
        self.expect(SwitchEvent::Answered { leg }).await;
        Talk { leg, invite, customer, sound }
    }
}

struct Talk {
    leg: LegId,
    invite: Message,
    customer: PartyId,
    sound: client::Sound,
}

impl Talk {
    /// Waits until client and customer hear each other, as cleanly as the codecs allow.
    async fn both_heard(&self, switch: &Switch) {
        let (hz, dbfs) = until("the client hears 440 Hz", || {
            self.sound.hears().filter(|(hz, dbfs)| (hz - 440.0).abs() < 2.0 && (dbfs + 12.0).abs() < 1.0)
        })
        .await;
        assert!((hz - 440.0).abs() < 2.0, "{hz} Hz at {dbfs} dBFS");
        let heard = until("the customer hears 1000 Hz", || {
            let heard = switch.heard(self.customer);
            let near = heard.hz.is_some_and(|hz| (hz - 1000.0).abs() < 0.5);
            (near && heard.dbfs.is_some_and(|dbfs| (dbfs + 12.0).abs() < 1.0)).then_some(heard)
        })
        .await;
        assert!(heard.packets_out > 0);
    }
}

#[tokio::test]
async fn the_right_password_registers_and_the_wrong_one_does_not() {
    let mut stage = Stage::set().await;
    let address = stage.switch.local_addr();
    let mut client = Client::on(Line::connect(address).await.unwrap(), USER);
    let refused = client.sign_on("guess", 600).await;
    assert_eq!(refused.code(), Some(401));
    assert!(!stage.switch.is_registered(USER));
    let accepted = client.sign_on("secret", 3600).await;
    assert_eq!(accepted.code(), Some(200));
    assert_eq!(granted(&accepted), Some("600"), "no more than 600 s");
    assert_eq!(uri_of(accepted.header("Contact").unwrap()), client.contact());
    stage.expect(SwitchEvent::Registered { user: USER.to_owned() }).await;
    assert!(stage.switch.is_registered(USER));
    assert_eq!(client.sign_on("secret", 0).await.code(), Some(200));
    stage.expect(SwitchEvent::Unregistered { user: USER.to_owned() }).await;
    assert!(!stage.switch.is_registered(USER));
    let log = stage.log.lock().unwrap();
    assert!(log.iter().any(|entry| entry.direction == "in" && entry.text.contains("Authorization: ***")));
    assert!(!log.iter().any(|entry| entry.text.contains("response=")), "a digest response was logged");
}

#[tokio::test]
async fn a_registration_runs_out_but_outlives_its_socket() {
    let mut stage = Stage::set().await;
    stage.switch.set_max_expires(1);
    let mut client = Client::on(Line::connect(stage.switch.local_addr()).await.unwrap(), USER);
    assert_eq!(granted(&client.sign_on("secret", 600).await), Some("1"));
    stage.expect(SwitchEvent::Registered { user: USER.to_owned() }).await;
    drop(client);
    assert!(stage.switch.is_registered(USER), "a lost socket is no sign-off");
    stage.expect(SwitchEvent::Unregistered { user: USER.to_owned() }).await;
    assert!(!stage.switch.is_registered(USER));
}

#[tokio::test]
async fn other_subprotocols_get_400() {
    let stage = Stage::set().await;
    for subprotocol in [None, Some("chat")] {
        let address = stage.switch.local_addr();
        let stream = TcpStream::connect(address).await.unwrap();
        match Line::over(stream, &format!("ws://{address}"), subprotocol).await {
            Err(tungstenite::Error::Http(response)) => assert_eq!(response.status(), 400),
            other => panic!("{:?}", other.map(|_| "accepted")),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opus_sounds_both_ways_and_hold_silences_both() {
    let (mut stage, mut client) = Stage::with_client().await;
    let talk = stage.talking(&mut client, Codec::Opus).await;
    talk.both_heard(&stage.switch).await;
    let party = stage.switch.party_of(talk.leg);
    let own = stage.switch.heard(party);
    assert!(own.packets_in > 0 && own.packets_out > 0);
    assert!(own.hz.is_some_and(|hz| (hz - 440.0).abs() < 0.5), "the leg hears the customer: {own:?}");

    stage.switch.route(party, &[]);
    stage.switch.route(talk.customer, &[]);
    until("silence for the customer", || stage.switch.heard(talk.customer).dbfs.is_none().then_some(())).await;
    until("silence for the client", || talk.sound.hears().is_none().then_some(())).await;
    let before = talk.sound.samples();
    until("packets on hold", || (talk.sound.samples() > before).then_some(())).await;

    stage.switch.route(party, &[talk.customer]);
    stage.switch.route(talk.customer, &[party]);
    talk.both_heard(&stage.switch).await;
    stage.switch.stop().await;
    talk.sound.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pcmu_sounds_both_ways_and_a_blackhole_swallows_it() {
    let (mut stage, mut client) = Stage::with_client().await;
    let talk = stage.talking(&mut client, Codec::Pcmu).await;
    talk.both_heard(&stage.switch).await;
    let gone = RtpFaults { blackhole: true, ..RtpFaults::default() };
    stage.switch.set_faults(SwitchFaults { to_agent: gone, from_agent: gone, ..SwitchFaults::default() });
    until("silence for the customer", || stage.switch.heard(talk.customer).dbfs.is_none().then_some(())).await;
    let before = talk.sound.samples();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(talk.sound.samples() - before < 960 * 2, "packets got through");
    stage.switch.set_faults(SwitchFaults::default());
    talk.both_heard(&stage.switch).await;
}

#[tokio::test]
async fn the_invite_is_what_the_protocol_says() {
    let (mut stage, mut client) = Stage::with_client().await;
    let leg = stage.switch.call(USER, "13800138000", true);
    let invite = client.ring().await;
    stage.expect(SwitchEvent::Ringing { leg }).await;
    assert!(invite.to_text().starts_with(&format!("INVITE {} SIP/2.0\r\n", client.contact())));
    assert_eq!(invite.header("Call-Info"), Some("answer-after=0"));
    assert!(invite.header("From").unwrap().starts_with("\"13800138000\" <sip:13800138000@switch.test>;tag="));
    let route = format!("<sip:{};transport=ws;lr>", stage.switch.local_addr());
    assert_eq!(invite.header("Record-Route"), Some(route.as_str()));
    for part in ["opus/48000/2", "PCMA/8000", "PCMU/8000", "telephone-event/8000", "127.0.0.1", "a=setup:actpass"] {
        assert!(invite.body.contains(part), "{part} is missing in\n{}", invite.body);
    }
    stage.switch.hang_up(leg, None);
    stage.expect(SwitchEvent::Failed { leg, status: 487 }).await;
    let cancel = client.expect("CANCEL").await;
    assert_eq!(cancel.header("Via"), invite.header("Via"), "CANCEL belongs to the INVITE's transaction");
    client.line.send(client.reply(&cancel, 200, "OK"));
    client.line.send(client.reply(&invite, 487, "Request Terminated"));
    let ack = client.expect("ACK").await;
    assert_eq!(ack.header("Via"), invite.header("Via"));
    let plain = stage.switch.call(USER, "1", false);
    assert_eq!(client.expect("INVITE").await.header("Call-Info"), None);
    assert_ne!(plain, leg);
}

#[tokio::test]
async fn a_refusal_is_acknowledged_and_told() {
    let (mut stage, mut client) = Stage::with_client().await;
    let (leg, invite) = stage.ringing(&mut client).await;
    client.line.send(client.reply(&invite, 486, "Busy Here"));
    stage.expect(SwitchEvent::Failed { leg, status: 486 }).await;
    client.expect("ACK").await;
}

#[tokio::test]
async fn calls_nobody_can_take_fail_at_once() {
    let mut stage = Stage::set().await;
    let leg = stage.switch.call(USER, "1", false);
    stage.expect(SwitchEvent::Failed { leg, status: 480 }).await;
    let leg = stage.switch.call("nobody", "1", false);
    stage.expect(SwitchEvent::Failed { leg, status: 404 }).await;
}

#[tokio::test]
async fn an_answer_that_crosses_the_end_is_acknowledged_and_ended() {
    let (mut stage, mut client) = Stage::with_client().await;
    let leg = stage.switch.call(USER, "1", false);
    let invite = client.expect("INVITE").await;
    stage.switch.hang_up(leg, None);
    stage.expect(SwitchEvent::Failed { leg, status: 487 }).await;
    client.line.send(client.reply(&invite, 200, "OK"));
    client.expect("ACK").await;
    client.expect("BYE").await;
}

#[tokio::test]
async fn an_answer_without_sound_is_acknowledged_and_ended() {
    let (mut stage, mut client) = Stage::with_client().await;
    let (leg, invite) = stage.ringing(&mut client).await;
    client.line.send(client.reply(&invite, 200, "OK"));
    client.expect("ACK").await;
    client.expect("BYE").await;
    stage.expect(SwitchEvent::Failed { leg, status: 488 }).await;
}

#[tokio::test]
async fn either_side_may_say_bye() {
    let (mut stage, mut client) = Stage::with_client().await;
    let first = stage.talking(&mut client, Codec::Pcmu).await;
    let repeated = client.reply(&first.invite, 200, "OK");
    client.line.send(repeated);
    client.expect("ACK").await;
    stage.switch.hang_up(first.leg, Some(17));
    stage.expect(SwitchEvent::Ended { leg: first.leg }).await;
    let bye = client.expect("BYE").await;
    assert!(bye.to_text().starts_with(&format!("BYE {} SIP/2.0\r\n", client.contact())));
    assert_eq!(bye.header("Reason"), Some("Q.850;cause=17"));
    assert_eq!(bye.cseq().0, first.invite.cseq().0 + 1);
    client.line.send(client.reply(&bye, 200, "OK"));

    let second = stage.talking(&mut client, Codec::Pcmu).await;
    for (number, method) in [(1, "OPTIONS"), (2, "INFO")] {
        client.line.send(client.in_dialog(&second.invite, method, number));
        assert_eq!(client.line.next().await.code(), Some(200), "{method}");
    }
    client.line.send(client.in_dialog(&second.invite, "UPDATE", 3));
    assert_eq!(client.line.next().await.code(), Some(405));
    client.line.send(client.in_dialog(&second.invite, "BYE", 4));
    assert_eq!(client.line.next().await.code(), Some(200));
    stage.expect(SwitchEvent::Ended { leg: second.leg }).await;
    client.line.send(client.in_dialog(&second.invite, "BYE", 5));
    assert_eq!(client.line.next().await.code(), Some(481), "the dialog is gone");
    assert_eq!(stage.switch.heard(stage.switch.party_of(second.leg)), Heard::default());
}

#[tokio::test]
async fn requests_that_belong_nowhere_are_turned_away() {
    let (mut stage, mut client) = Stage::with_client().await;
    let talk = stage.talking(&mut client, Codec::Pcmu).await;
    let mut strays = Vec::new();
    let unrouted = client.in_dialog(&talk.invite, "BYE", 5).to_text();
    let unrouted = unrouted.lines().filter(|line| !line.starts_with("Route:")).map(|line| format!("{line}\r\n"));
    strays.push((Message::parse(&unrouted.collect::<String>()).unwrap(), 404));
    let other_tag = client.in_dialog(&talk.invite, "BYE", 6).to_text().replace("client-tag", "other-tag");
    strays.push((Message::parse(&other_tag).unwrap(), 481));
    let other_call = client.in_dialog(&talk.invite, "BYE", 7).to_text().replace(talk.invite.call_id(), "unknown");
    strays.push((Message::parse(&other_call).unwrap(), 481));
    let fresh = |method: &str| client.register_request(0, None).to_text().replace("REGISTER", method);
    strays.push((Message::parse(&fresh("OPTIONS")).unwrap(), 200));
    strays.push((Message::parse(&fresh("INVITE")).unwrap(), 405));
    for (stray, code) in strays {
        let text = stray.to_text();
        client.line.send(stray);
        assert_eq!(client.line.next().await.code(), Some(code), "{text}");
    }
    assert!(stage.events.try_recv().is_err(), "the call goes on");
}

#[tokio::test]
async fn dropped_links_are_refused_until_over_and_a_bye_follows_the_client() {
    let (mut stage, mut client) = Stage::with_client().await;
    let address = stage.switch.local_addr();
    let talk = stage.talking(&mut client, Codec::Pcmu).await;
    stage.switch.set_faults(SwitchFaults { drop_sip: true, ..SwitchFaults::default() });
    client.line.closed().await;
    assert!(Line::connect(address).await.is_err(), "new connections are refused");
    assert!(stage.switch.is_registered(USER));
    stage.switch.hang_up(talk.leg, None);
    stage.expect(SwitchEvent::Ended { leg: talk.leg }).await;
    stage.switch.set_faults(SwitchFaults::default());
    client.reconnect(address, "secret").await;
    stage.expect(SwitchEvent::Registered { user: USER.to_owned() }).await;
    let bye = client.expect("BYE").await;
    assert_eq!(bye.call_id(), talk.invite.call_id());
}

#[tokio::test]
async fn a_call_goes_on_over_the_clients_new_socket() {
    let (mut stage, mut client) = Stage::with_client().await;
    let address = stage.switch.local_addr();
    for client_ends in [true, false] {
        let talk = stage.talking(&mut client, Codec::Pcmu).await;
        client.reconnect(address, "secret").await;
        stage.expect(SwitchEvent::Registered { user: USER.to_owned() }).await;
        talk.both_heard(&stage.switch).await;
        if client_ends {
            client.line.send(client.in_dialog(&talk.invite, "BYE", 1));
            assert_eq!(client.line.next().await.code(), Some(200));
        } else {
            stage.switch.hang_up(talk.leg, None);
            client.expect("BYE").await;
        }
        stage.expect(SwitchEvent::Ended { leg: talk.leg }).await;
    }
}

/// RFC 8842 4: a later offer with another certificate is answered by another association, not by the one there is.
#[tokio::test]
async fn another_certificate_in_a_later_offer_sounds_again() {
    let (mut stage, mut client) = Stage::with_client().await;
    for _ in 0..2 {
        let mut talk = stage.talking(&mut client, Codec::Pcmu).await;
        talk.both_heard(&stage.switch).await;
        let mut number = 0;
        for _ in 0..2 {
            // The client has forgotten everything but the call.
            let (sound, offer) = client::Sound::offer(Codec::Pcmu, 1000.0).await;
            std::mem::replace(&mut talk.sound, sound).close().await;
            number += 1;
            let invite = client.in_dialog(&talk.invite, "INVITE", number).with_body("application/sdp", &offer);
            client.line.send(invite);
            let ok = client.line.next().await;
            assert_eq!(ok.code(), Some(200), "{}", ok.to_text());
            talk.sound.accept(&ok.body).await;
            client.line.send(client.in_dialog(&talk.invite, "ACK", number));
            talk.both_heard(&stage.switch).await;
        }
        client.line.send(client.in_dialog(&talk.invite, "BYE", number + 1));
        assert_eq!(client.line.next().await.code(), Some(200));
        stage.expect(SwitchEvent::Ended { leg: talk.leg }).await;
    }
}

#[tokio::test]
async fn keep_alives_are_answered_and_garbage_does_no_harm() {
    let (_stage, mut client) = Stage::with_client().await;
    client.line.send_text("\r\n\r\n");
    within(client.line.pongs.recv()).await.unwrap();
    for garbage in ["hello", "\u{0}", "BYE sip:x SIP/2.0\r\nVia: y\r\n\r\n", "SIP/2.0 200 OK\r\n\r\n"] {
        client.line.send_text(garbage);
    }
    assert_eq!(client.sign_on("secret", 600).await.code(), Some(200));
}

#[tokio::test]
async fn a_stalled_link_is_silent_and_catches_up() {
    let (mut stage, mut client) = Stage::with_client().await;
    stage.switch.set_faults(SwitchFaults { stall_sip: true, ..SwitchFaults::default() });
    let leg = stage.switch.call(USER, "1", false);
    assert!(client.line.is_quiet(Duration::from_millis(200)).await);
    stage.switch.set_faults(SwitchFaults::default());
    client.ring().await;
    stage.expect(SwitchEvent::Ringing { leg }).await;
}

#[tokio::test]
async fn a_stop_says_goodbye() {
    let (mut stage, mut client) = Stage::with_client().await;
    let talk = stage.talking(&mut client, Codec::Pcmu).await;
    let stopping = tokio::spawn(stage.switch.stop());
    let bye = client.expect("BYE").await;
    client.line.send(client.reply(&bye, 200, "OK"));
    client.line.closed().await;
    within(stopping).await.unwrap();
    stage.events.recv().await;
    assert_eq!(stage.events.recv().await, None, "no task is left that could tell anything");
    talk.sound.close().await;
}

#[tokio::test]
async fn clients_may_come_over_tls() {
    // Another test may have been first.
    rustls::crypto::ring::default_provider().install_default().ok();
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(own.signing_key.serialize_der().into());
    let server = rustls::ServerConfig::builder().with_no_client_auth();
    let server = server.with_single_cert(vec![own.cert.der().clone()], key).unwrap();
    let stage = Stage::with_tls(Some(Arc::new(server))).await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(own.cert.der().clone()).unwrap();
    let trusting = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(stage.switch.local_addr()).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let stream = tokio_rustls::TlsConnector::from(Arc::new(trusting)).connect(name, stream).await.unwrap();
    let mut client = Client::on(Line::over(stream, "wss://localhost", Some("sip")).await.unwrap(), USER);
    assert_eq!(client.sign_on("secret", 600).await.code(), Some(200));
    stage.switch.call(USER, "1", false);
    let invite = client.ring().await;
    assert!(invite.header("Via").unwrap().starts_with("SIP/2.0/WSS "));
    assert!(invite.header("Record-Route").unwrap().contains(";transport=wss;lr"));
}
