//! ICE restarts of our own: the machine moves to another network, the far end falls silent, an answer comes from
//! somebody else, an offer is refused.

use std::net::IpAddr;

use super::*;
use crate::softphone::media::Wish;

/// A machine whose addresses the test changes. They are loopback ones: sockets can be bound to any without being root.
struct Machine {
    addresses: Arc<Mutex<Vec<IpAddr>>>,
}

impl Machine {
    fn at(address: &str) -> Self {
        Self { addresses: Arc::new(Mutex::new(vec![address.parse().unwrap()])) }
    }

    fn moves_to(&self, address: &str) {
        *self.addresses.lock().unwrap() = vec![address.parse().unwrap()];
    }

    fn phone(&self) -> (Phone, mpsc::UnboundedReceiver<Wish>) {
        let addresses = self.addresses.clone();
        let audio = AudioConfig { backend: AudioBackend::Null, codecs: vec![Codec::Pcma], ..AudioConfig::default() };
        let network = Network::of(move || addresses.lock().unwrap().clone());
        let mut phone = Phone::on(audio, IceConfig::default(), network);
        let wishes = phone.media.wishes();
        (phone, wishes)
    }
}

fn value<'a>(sdp: &'a str, name: &str) -> &'a str {
    sdp.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name} in {sdp}"))
}

/// Another path is asked for, because the machine has moved or not; before that, perhaps, that what is agreed on is said
/// again, or that an older restart is not needed any more.
async fn wished(wishes: &mut mpsc::UnboundedReceiver<Wish>, moved: bool) {
    let mut next = async || tokio::time::timeout(Duration::from_secs(25), wishes.recv()).await.unwrap().unwrap();
    let mut wish = next().await;
    while [Wish::Renew { call_id: CALL.into() }, Wish::Settled { call_id: CALL.into() }].contains(&wish) {
        wish = next().await;
    }
    assert_eq!(wish, Wish::Restart { call_id: CALL.into(), moved });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_call_follows_the_machine_to_another_network() {
    let machine = Machine::at("127.0.0.2");
    let (far, (mut phone, mut wishes)) = (FarEnd::new().await, machine.phone());
    let first = far.offer().await;
    let before = phone.media.answer(CALL, &first).await.unwrap();
    far.accept(&before).await;
    phone.expect(MediaEvent::Connecting).await;
    phone.expect(MediaEvent::Up { codec: Codec::Pcma }).await;
    far.hears(20).await;

    machine.moves_to("127.0.0.3");
    let moved = Instant::now();
    wished(&mut wishes, true).await;
    let noticed = moved.elapsed();
    let offer = phone.media.offer(CALL, true).await.unwrap();
    assert_ne!(value(&before, "a=ice-ufrag:"), value(&offer, "a=ice-ufrag:"));
    assert_ne!(value(&before, "a=ice-pwd:"), value(&offer, "a=ice-pwd:"));
    assert_eq!(value(&before, "a=fingerprint:"), value(&offer, "a=fingerprint:"), "the association goes on");
    assert_eq!(value(&offer, "a=setup:"), "actpass");
    assert!(offer.contains(" 127.0.0.3 ") && !offer.contains(" 127.0.0.2 "), "{offer}");
    let answer = far.answer(&offer).await;
    phone.media.accept_answer(CALL, &answer).await.unwrap();
    let heard = far.heard();
    until("the far end hears again", || far.heard() > heard).await;
    println!("the move noticed after {noticed:?}, sound back after {:?}", moved.elapsed());

    far.hears(50).await;
    assert_eq!(far.heard.ssrcs.lock().unwrap().len(), 1, "one stream from first to last");
    phone.hears().await;
    assert_eq!(wishes.try_recv(), Ok(Wish::Settled { call_id: CALL.into() }));
    assert!(wishes.try_recv().is_err(), "once is enough");
    // And back again: the restart itself can be repeated.
    machine.moves_to("127.0.0.2");
    wished(&mut wishes, true).await;
    let offer = phone.media.offer(CALL, true).await.unwrap();
    let answer = far.answer(&offer).await;
    phone.media.accept_answer(CALL, &answer).await.unwrap();
    far.hears(50).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_the_call_does_not_use_may_come_and_go() {
    let machine = Machine::at("127.0.0.2");
    let (far, (mut phone, mut wishes)) = (FarEnd::new().await, machine.phone());
    phone.call(&far).await;
    machine.addresses.lock().unwrap().push("127.0.0.9".parse().unwrap());
    far.hears(60).await;
    machine.moves_to("127.0.0.2");
    far.hears(60).await;
    assert!(wishes.try_recv().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_end_that_falls_silent_is_told_and_asked_again_and_may_answer_from_elsewhere() {
    let machine = Machine::at("127.0.0.2");
    let (first, (mut phone, mut wishes)) = (FarEnd::new().await, machine.phone());
    phone.call(&first).await;
    first.connection.close().await.unwrap();
    let gone = Instant::now();
    // No packets is seen first, the path is known to be lost soon after.
    let MediaEvent::Lost { .. } = phone.next(false).await else { panic!("not told") };
    assert!(gone.elapsed() < Duration::from_secs(6), "told after {:?}", gone.elapsed());
    wished(&mut wishes, false).await;
    println!("a restart is wanted after {:?}", gone.elapsed());

    // Another switch has taken over: its certificate is another one.
    let second = FarEnd::new().await;
    let offer = phone.media.offer(CALL, true).await.unwrap();
    let answer = second.answer(&offer).await;
    phone.media.accept_answer(CALL, &answer).await.unwrap();
    second.hears(50).await;
    phone.hears().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_refusal_the_same_association_is_offered_again() {
    let machine = Machine::at("127.0.0.2");
    let (far, (mut phone, mut wishes)) = (FarEnd::new().await, machine.phone());
    phone.call(&far).await;
    machine.moves_to("127.0.0.3");
    wished(&mut wishes, true).await;
    let first = phone.media.offer(CALL, true).await.unwrap();
    phone.media.rollback(CALL).await;
    assert!(phone.media.accept_answer(CALL, &first).await.is_err(), "it was taken back");
    wished(&mut wishes, false).await;
    let second = phone.media.offer(CALL, true).await.unwrap();
    assert_eq!(value(&first, "a=fingerprint:"), value(&second, "a=fingerprint:"));
    assert_ne!(value(&first, "a=ice-ufrag:"), value(&second, "a=ice-ufrag:"));
    // This one gets lost too; the third brings the sound back, under the keys there are.
    phone.media.rollback(CALL).await;
    let third = phone.media.offer(CALL, true).await.unwrap();
    assert_eq!(value(&first, "a=fingerprint:"), value(&third, "a=fingerprint:"));
    let answer = far.answer(&third).await;
    phone.media.accept_answer(CALL, &answer).await.unwrap();
    far.hears(50).await;
    phone.hears().await;
    assert_eq!(far.heard.ssrcs.lock().unwrap().len(), 1, "one stream from first to last");
    phone.media.close(CALL).await;
    while wishes.try_recv().is_ok() {}
    machine.moves_to("127.0.0.4");
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert!(wishes.try_recv().is_err(), "nothing is wanted for a call that is over");
}

/// Restarts that are answered for half a minute and bring nothing: only then an association of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_association_is_the_last_step() {
    let machine = Machine::at("127.0.0.2");
    let (far, (mut phone, mut wishes)) = (FarEnd::new().await, machine.phone());
    let offer = phone.call(&far).await;
    phone.hears().await;
    far.connection.close().await.unwrap();
    // Somebody answers for it that nothing is heard of.
    let nowhere = |n: usize| {
        let words = [("a=ice-ufrag:", format!("ufrag{n}")), ("a=ice-pwd:", format!("{n}").repeat(24))];
        let line = |line: &str| match words.iter().find(|(start, _)| line.starts_with(start)) {
            Some((start, value)) => format!("{start}{value}\r\n"),
            None if line.starts_with("a=candidate:") => String::new(),
            None if line == "a=setup:actpass" => "a=setup:passive\r\n".into(),
            None => format!("{line}\r\n"),
        };
        offer.lines().map(line).collect::<String>()
    };
    let mut first_answer = None;
    for n in 0..6 {
        wished(&mut wishes, false).await;
        let ours = phone.media.offer(CALL, true).await.unwrap();
        let known = value(&ours, "a=fingerprint:") == value(&offer_of_ours(&mut first_answer, &ours), "a=fingerprint:");
        let since = first_answer.as_ref().map(|(at, _): &(Instant, String)| at.elapsed()).unwrap_or_default();
        if !known {
            assert!(n >= 3 && since >= Duration::from_secs(29), "restart {n}, {since:?} after the first");
            let second = FarEnd::new().await;
            let answer = second.answer(&ours).await;
            phone.media.accept_answer(CALL, &answer).await.unwrap();
            second.hears(50).await;
            return;
        }
        phone.media.accept_answer(CALL, &nowhere(n)).await.unwrap();
    }
    panic!("never offered");
}

/// The first offer of ours, and when it was made.
fn offer_of_ours(first: &mut Option<(Instant, String)>, ours: &str) -> String {
    first.get_or_insert_with(|| (Instant::now(), ours.to_owned())).1.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_offer_without_restart_changes_nothing() {
    let (far, mut phone) = (FarEnd::new().await, Phone::new(&[Codec::Pcma]));
    phone.call(&far).await;
    phone.media.offer(CALL, false).await.unwrap();
    phone.media.rollback(CALL).await;
    phone.media.rollback(CALL).await;
    phone.media.rollback("no such call").await;
    far.hears(30).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_offer_in_a_call_may_be_answered_by_somebody_else() {
    // A switch connects another party: re-INVITE without offer, and what comes back is the other party's answer.
    let (first, mut phone) = (FarEnd::new().await, Phone::new(&[Codec::Pcma, Codec::Opus]));
    phone.call(&first).await;
    let offer = phone.media.offer(CALL, false).await.unwrap();
    assert!(offer.contains("opus/48000/2"), "the other party may not speak what was spoken until now: {offer}");
    let second = FarEnd::new().await;
    let answer = second.answer(&offer).await;
    phone.media.accept_answer(CALL, &answer).await.unwrap();
    phone.expect(MediaEvent::Connecting).await;
    phone.expect(MediaEvent::Up { codec: Codec::Pcma }).await;
    second.hears(50).await;
    let heard = first.heard();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(first.heard(), heard, "the one before hears nothing any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_consent_for_30_s_nothing_is_sent_any_more_but_the_question_for_it() {
    let (far, mut phone) = (FarEnd::new().await, Phone::new(&[Codec::Pcma]));
    let offer = phone.call(&far).await;
    far.connection.close().await.unwrap();
    let gone = Instant::now();
    // Somebody else has the port now, and has asked for nothing (RFC 7675 5.1).
    let at = value(&offer, "a=candidate:").split(' ').nth(5).unwrap().parse::<u16>().unwrap();
    let bystander = tokio::net::UdpSocket::bind(("127.0.0.1", at)).await.unwrap();
    let (mut sound, mut asked) = (gone, gone);
    let mut buffer = [0; 2000];
    while gone.elapsed() < Duration::from_secs(38) {
        let read = tokio::time::timeout(Duration::from_millis(500), bystander.recv(&mut buffer)).await;
        if matches!(read, Ok(Ok(_))) {
            // STUN begins with two zero bits, RTP, RTCP and DTLS do not (RFC 7983 7).
            *if buffer[0] < 4 { &mut asked } else { &mut sound } = Instant::now();
        }
    }
    println!("the last sound came after {:?}, the last question after {:?}", sound - gone, asked - gone);
    assert!(sound - gone > Duration::from_secs(3), "it was tried for a while");
    assert!(sound - gone < Duration::from_secs(33), "{:?}", sound - gone);
    assert!(asked - gone > Duration::from_secs(35), "it may come back: {:?}", asked - gone);
}
