//! Paths other than UDP over IPv4, and servers that do not answer.

use super::*;
use crate::config::IceServer;

fn audio() -> AudioConfig {
    AudioConfig { backend: AudioBackend::Null, codecs: vec![Codec::Pcma], ..AudioConfig::default() }
}

/// Without the candidates of a transport.
fn without(sdp: &str, transport: &str) -> String {
    let unwanted = |line: &&str| {
        !line
            .strip_prefix("a=candidate:")
            .is_some_and(|rest| rest.split(' ').nth(2).is_some_and(|word| word.eq_ignore_ascii_case(transport)))
    };
    sdp.lines().filter(unwanted).map(|line| format!("{line}\r\n")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_over_ipv6() {
    let far = FarEnd::at(&["[::1]:0"], &[]).await;
    let mut phone = Phone::on(audio(), IceConfig::default(), Network::of(|| vec!["::1".parse().unwrap()]));
    let offer = far.offer().await;
    let answer = phone.media.answer(CALL, &offer).await.unwrap();
    for line in ["c=IN IP6 ::1\r\n", " IN IP6 ::1\r\ns=-"] {
        assert!(answer.contains(line), "{answer}");
    }
    far.accept(&answer).await;
    phone.expect(MediaEvent::Connecting).await;
    phone.expect(MediaEvent::Up { codec: Codec::Pcma }).await;
    far.hears(50).await;
    phone.hears().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_over_tcp_whoever_connects() {
    for we_listen in [false, true] {
        let far = FarEnd::at(&["127.0.0.1:0"], &["127.0.0.1:0"]).await;
        let mut phone = Phone::on(audio(), IceConfig::default(), Network::of(|| vec!["127.0.0.1".parse().unwrap()]));
        let offer = without(&far.offer().await, "udp");
        let offer = if we_listen { offer.replace("tcptype passive", "tcptype active") } else { offer };
        let answer = phone.media.answer(CALL, &offer).await.unwrap();
        assert!(answer.contains(" tcptype passive\r\n") && answer.contains(" tcptype active\r\n"), "{answer}");
        far.accept(&without(&answer, "udp")).await;
        if we_listen {
            for line in answer.lines().filter(|line| line.ends_with("tcptype passive")) {
                let candidate = line.strip_prefix("a=").unwrap().to_owned();
                let init = rtc::peer_connection::transport::RTCIceCandidateInit {
                    candidate,
                    sdp_mid: Some("0".into()),
                    sdp_mline_index: Some(0),
                    ..Default::default()
                };
                far.connection.add_ice_candidate(init).await.unwrap();
            }
        }
        phone.expect(MediaEvent::Connecting).await;
        phone.expect(MediaEvent::Up { codec: Codec::Pcma }).await;
        far.hears(50).await;
        phone.hears().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tcp_is_offered_only_to_those_who_know_it_and_not_if_switched_off() {
    let with_tcp = FarEnd::at(&["127.0.0.1:0"], &["127.0.0.1:0"]).await.offer().await;
    for (offer, tcp, expected) in
        [(with_tcp.clone(), true, true), (with_tcp.clone(), false, false), (without(&with_tcp, "tcp"), true, false)]
    {
        let phone = Phone::on(audio(), IceConfig { tcp, ..IceConfig::default() }, Network::system(true));
        let answer = phone.media.answer(CALL, &offer).await.unwrap();
        assert_eq!(answer.contains("tcptype"), expected, "{offer}{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_server_delays_the_answer_no_longer_than_allowed() {
    // It takes what comes and says nothing.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = silent.local_addr().unwrap();
    let server = |url: String| IceServer {
        urls: vec![url.parse().unwrap()],
        username: Some("agent".into()),
        credential: Some(crate::config::TokenSource::Inline("s3cr3t".to_owned().into())),
    };
    let ice = IceConfig {
        servers: vec![server(format!("stun:{at}")), server(format!("turn:{at}"))],
        gather: Duration::from_millis(300),
        ..IceConfig::default()
    };
    let far = FarEnd::new().await;
    let mut phone = Phone::on(audio(), ice, Network::system(true));
    let offer = far.offer().await;
    let begin = Instant::now();
    let answer = phone.media.answer(CALL, &offer).await.unwrap();
    let took = begin.elapsed();
    println!("answered after {took:?}");
    assert!(took >= Duration::from_millis(300), "it was given its time: {took:?}");
    assert!(took < Duration::from_millis(1000), "{took:?}");
    assert!(answer.contains(" 127.0.0.1 ") && answer.contains(" typ host"), "{answer}");
    far.accept(&answer).await;
    phone.expect(MediaEvent::Connecting).await;
    phone.expect(MediaEvent::Up { codec: Codec::Pcma }).await;
    far.hears(20).await;
}
