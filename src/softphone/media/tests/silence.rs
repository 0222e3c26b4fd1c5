//! A call that is over for the agent, and the next one that comes before the last is taken down.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_silenced_call_sends_and_plays_nothing_from_that_moment() {
    let dir = tempfile::tempdir().unwrap();
    let speaker = dir.path().join("speaker.wav");
    let far = FarEnd::new().await;
    let mut phone = Phone::with(AudioConfig {
        backend: AudioBackend::File,
        output_file: Some(speaker.clone()),
        codecs: vec![Codec::Pcma],
        ..AudioConfig::default()
    });
    let mut wishes = phone.media.wishes();
    phone.call(&far).await;
    phone.hears().await;
    phone.media.silence(CALL);
    phone.media.silence("no such call");
    // What was on its way is let through; then nothing for longer than it takes to ask for another path or to tell a loss.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let heard = far.heard();
    far.speaking.store(false, Relaxed);
    tokio::time::sleep(Duration::from_millis(3600)).await;
    assert_eq!(far.heard(), heard, "the microphone is off");
    assert!(wishes.try_recv().is_err(), "nothing is mended in a call that is over");
    phone.media.close(CALL).await;
    phone.expect(MediaEvent::Closed).await;
    phone.media.shutdown().await;
    let mut reader = hound::WavReader::open(&speaker).unwrap();
    let played: Vec<f64> = reader.samples::<i16>().map(|sample| f64::from(sample.unwrap())).collect();
    let heard_for = played.iter().rposition(|sample| sample.abs() > 1000.0).unwrap();
    assert!(heard_for > 24_000, "it was heard before: {heard_for}");
    assert!(played.len() - heard_for > 3 * 48_000, "and not after: {heard_for} of {}", played.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_silenced_before_its_sound_is_there_never_gets_any() {
    let (far, mut phone) = (FarEnd::new().await, Phone::new(&[Codec::Pcma]));
    let offer = far.offer().await;
    phone.media.silence(CALL);
    let answer = phone.media.answer(CALL, &offer).await.unwrap();
    far.accept(&answer).await;
    phone.expect(MediaEvent::Connecting).await;
    phone.expect(MediaEvent::Up { codec: Codec::Pcma }).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(far.heard(), 0);
    phone.media.close(CALL).await;
    // The next one has nothing to do with that.
    let next = FarEnd::new().await;
    let answer = phone.media.answer("another", &next.offer().await).await.unwrap();
    next.accept(&answer).await;
    next.hears(10).await;
    phone.media.close("another").await;
    // A proxy sends the call again: a new call by the same Call-ID has sound.
    phone.media.call_begins(CALL);
    let again = FarEnd::new().await;
    let answer = phone.media.answer(CALL, &again.offer().await).await.unwrap();
    again.accept(&answer).await;
    again.hears(10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_call_is_told_after_the_end_of_the_one_left_open() {
    let (first, mut phone) = (FarEnd::new().await, Phone::new(&[Codec::Pcma]));
    phone.call(&first).await;
    phone.media.silence(CALL);
    let second = FarEnd::new().await;
    let offer = second.offer().await;
    // One that cannot be answered ends nothing.
    assert!(phone.media.answer("junk", "v=0\r\n").await.is_err());
    let answer = phone.media.answer("another", &offer).await.unwrap();
    second.accept(&answer).await;
    phone.expect(MediaEvent::Closed).await;
    phone.expect(MediaEvent::Connecting).await;
    phone.expect(MediaEvent::Up { codec: Codec::Pcma }).await;
    second.hears(10).await;
    // The close of the first comes late: it is about that one only.
    phone.media.silence(CALL);
    phone.media.close(CALL).await;
    second.hears(10).await;
    phone.hears().await;
    phone.media.close("another").await;
    phone.expect(MediaEvent::Closed).await;
    let third = FarEnd::new().await;
    let answer = phone.media.answer("third", &third.offer().await).await.unwrap();
    third.accept(&answer).await;
    phone.expect(MediaEvent::Connecting).await;
    third.hears(10).await;
}

/// Calls one after the other, each answered before the one before is closed: the ports of every one are free again.
#[tokio::test(flavor = "multi_thread")]
async fn calls_that_overlap_leave_no_sockets_behind() {
    let phone = Phone::new(&[Codec::Pcma]);
    let mut ports = Vec::new();
    for n in 0..8 {
        let far = FarEnd::new().await;
        let answer = phone.media.answer(&format!("call {n}"), &far.offer().await).await.unwrap();
        let candidates = answer.lines().filter_map(|line| line.strip_prefix("a=candidate:"));
        let at =
            candidates.map(|line| line.split(' ').collect::<Vec<_>>()).find(|words| words[4] == "127.0.0.1").unwrap();
        ports.push(at[5].parse::<u16>().unwrap());
        far.accept(&answer).await;
        far.hears(5).await;
        if n > 0 {
            phone.media.close(&format!("call {}", n - 1)).await;
        }
    }
    phone.media.close("call 7").await;
    for port in ports {
        until("the port is free", || std::net::UdpSocket::bind(("127.0.0.1", port)).is_ok()).await;
    }
}
