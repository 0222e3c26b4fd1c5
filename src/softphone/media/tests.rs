//! Calls over real sockets on loopback, against a far end made of the `webrtc` crate's own tracks and descriptions.

use std::{
    collections::HashSet,
    f64::consts::TAU,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use audio_codec_algorithms::{decode_alaw, encode_alaw};
use bytes::Bytes;
use rtc::{
    interceptor::{Interceptor, Packet, Slot, StreamInfo, TaggedPacket},
    media_stream::MediaStreamTrack,
    peer_connection::{
        configuration::{interceptor_registry::configure_rtcp_reports, media_engine::MediaEngine},
        sdp::RTCSessionDescription,
    },
    rtcp::receiver_report::ReceiverReport,
    rtp,
    rtp_transceiver::rtp_sender::{
        RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
    },
    sansio::Protocol,
    shared::error::Error,
};
use tokio::sync::{mpsc, watch};
use webrtc::{
    media_stream::{
        track_local::{TrackLocal, static_rtp::TrackLocalStaticRTP},
        track_remote::{TrackRemote, TrackRemoteEvent},
    },
    peer_connection::{
        PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCCertificate, RTCConfigurationBuilder,
        RTCIceGatheringState, Registry, SettingEngineBuilder,
    },
};

use super::{Media, MediaError, Wish, ice::Ice, network::Network, sdp::tests::fixture};
use crate::{
    config::{AudioBackend, AudioConfig, Codec, IceConfig},
    net::{dialer::Dialer, tls::Tls},
    softphone::{Event, LossCause, MediaEvent, MediaStats},
};

mod certificates;
mod paths;
mod restarts;
mod silence;

const CALL: &str = "a-call";
const SOON: Duration = Duration::from_secs(5);

/// Sends and counts as a telephone switch would.
pub(in crate::softphone) struct FarEnd {
    connection: Arc<dyn PeerConnection>,
    gathered: watch::Receiver<u32>,
    heard: Arc<Heard>,
    disguise: Arc<Disguise>,
    speaking: Arc<AtomicBool>,
}

#[derive(Default)]
struct Heard {
    packets: AtomicU64,
    payload_type: AtomicU8,
    ssrcs: Mutex<HashSet<u32>>,
    payloads: Mutex<Vec<u8>>,
}

/// What is changed about the packets after the crate has checked them: what a switch does when it connects another
/// party.
#[derive(Default)]
struct Disguise {
    ssrc: AtomicU32,
    /// Everything that came, before the crate sorts out what it does not know.
    came: Mutex<Vec<rtp::Packet>>,
    /// Every so manieth packet to the far end is lost; none with zero.
    loses: AtomicU64,
    passed: AtomicU64,
    /// Streams of the far end that it has got reports about.
    reported: Mutex<HashSet<u32>>,
    queues: Mutex<(std::collections::VecDeque<TaggedPacket>, std::collections::VecDeque<TaggedPacket>)>,
}

struct Changer(Arc<Disguise>);

impl Protocol<TaggedPacket, TaggedPacket, ()> for Changer {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        match &packet.message.packet {
            Packet::Rtp(rtp) => {
                self.0.came.lock().unwrap().push(rtp.clone());
                let (passed, loses) = (self.0.passed.fetch_add(1, Relaxed), self.0.loses.load(Relaxed));
                if loses > 0 && passed.is_multiple_of(loses) {
                    return Ok(());
                }
            }
            Packet::Rtcp(packets) => {
                let reports = packets.iter().filter_map(|packet| packet.as_any().downcast_ref::<ReceiverReport>());
                self.0.reported.lock().unwrap().extend(reports.flat_map(|r| r.reports.iter().map(|block| block.ssrc)));
            }
            _ => {}
        }
        self.0.queues.lock().unwrap().0.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.0.queues.lock().unwrap().0.pop_front()
    }

    fn handle_write(&mut self, mut packet: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtp(rtp) = &mut packet.message.packet
            && self.0.ssrc.load(Relaxed) != 0
        {
            rtp.header.ssrc = self.0.ssrc.load(Relaxed);
            rtp.header.sequence_number = rtp.header.sequence_number.wrapping_add(30_000);
            rtp.header.timestamp = rtp.header.timestamp.wrapping_add(1_000_000_000);
        }
        self.0.queues.lock().unwrap().1.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.0.queues.lock().unwrap().1.pop_front()
    }
}

impl Interceptor for Changer {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}

struct Handler {
    gathered: watch::Sender<u32>,
    heard: Arc<Heard>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.gathered.send_modify(|times| *times += 1);
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let heard = self.heard.clone();
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    heard.packets.fetch_add(1, Relaxed);
                    heard.payload_type.store(packet.header.payload_type, Relaxed);
                    heard.ssrcs.lock().unwrap().insert(packet.header.ssrc);
                    heard.payloads.lock().unwrap().extend_from_slice(&packet.payload);
                }
            }
        });
    }
}

fn rtp_codec(name: &str, clock_rate: u32, channels: u16) -> RTCRtpCodec {
    RTCRtpCodec { mime_type: format!("audio/{name}"), clock_rate, channels, ..Default::default() }
}

impl FarEnd {
    pub(in crate::softphone) async fn new() -> Self {
        Self::at(&["127.0.0.1:0"], &[]).await
    }

    /// On these UDP and TCP addresses.
    async fn at(udp: &[&'static str], tcp: &[&'static str]) -> Self {
        Self::showing(super::peer::certificate().unwrap(), udp, tcp).await
    }

    /// With this certificate.
    async fn showing(certificate: RTCCertificate, udp: &[&'static str], tcp: &[&'static str]) -> Self {
        let mut media_engine = MediaEngine::default();
        let codecs = [("opus", 48_000, 2, 111), ("PCMA", 8_000, 0, 8), ("PCMU", 8_000, 0, 0)].map(
            |(name, clock, channels, payload_type)| RTCRtpCodecParameters {
                rtp_codec: rtp_codec(name, clock, channels),
                payload_type,
            },
        );
        for codec in &codecs {
            media_engine.register_codec(codec.clone(), RtpCodecKind::Audio).unwrap();
        }
        let disguise = Arc::new(Disguise::default());
        let (gathered_in, gathered) = watch::channel(0);
        let heard = Arc::new(Heard::default());
        let connection: Arc<dyn PeerConnection> = Arc::new(
            PeerConnectionBuilder::new()
                .with_configuration(RTCConfigurationBuilder::new().with_certificates(vec![certificate]).build())
                .with_media_engine(media_engine)
                .with_setting_engine(
                    SettingEngineBuilder::new()
                        .with_ice_connection_attempts(Some(Duration::from_millis(50)), Some(600))
                        // As patient as switches are.
                        .with_ice_timeouts(None, Some(Duration::ZERO), None)
                        .build(),
                )
                .with_interceptor_registry(
                    configure_rtcp_reports(Registry::new()).with(Slot::Custom(500), Changer(disguise.clone())),
                )
                .with_handler(Arc::new(Handler { gathered: gathered_in, heard: heard.clone() }))
                .with_udp_addrs(udp.to_vec())
                .with_tcp_addrs(tcp.to_vec())
                .build()
                .await
                .unwrap(),
        );
        let track = Arc::new(TrackLocalStaticRTP::new(MediaStreamTrack::new(
            "stream".into(),
            "track".into(),
            "label".into(),
            RtpCodecKind::Audio,
            vec![RTCRtpEncodingParameters {
                rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(77), ..Default::default() },
                codec: rtp_codec("PCMA", 8_000, 0),
                ..Default::default()
            }],
        )));
        let added: Arc<dyn TrackLocal> = track.clone();
        connection.add_track(added).await.unwrap();
        for transceiver in connection.get_transceivers().await {
            transceiver.set_codec_preferences(codecs.to_vec()).await.unwrap();
        }
        let speaking = Arc::new(AtomicBool::new(true));
        tokio::spawn(speak(track, speaking.clone()));
        Self { connection, gathered, heard, disguise, speaking }
    }

    async fn set_local(&self, description: RTCSessionDescription) -> String {
        let mut gathered = self.gathered.clone();
        let before = *gathered.borrow_and_update();
        self.connection.set_local_description(description).await.unwrap();
        if before == 0 {
            tokio::time::timeout(SOON, gathered.wait_for(|times| *times > 0)).await.unwrap().unwrap();
        }
        self.connection.local_description().await.unwrap().sdp
    }

    pub(in crate::softphone) async fn offer(&self) -> String {
        let offer = self.connection.create_offer(None).await.unwrap();
        self.set_local(offer).await
    }

    pub(in crate::softphone) async fn accept(&self, answer: &str) {
        let answer = RTCSessionDescription::answer(answer.to_owned()).unwrap();
        self.connection.set_remote_description(answer).await.unwrap();
    }

    pub(in crate::softphone) async fn answer(&self, offer: &str) -> String {
        let offer = RTCSessionDescription::offer(offer.to_owned()).unwrap();
        self.connection.set_remote_description(offer).await.unwrap();
        let answer = self.connection.create_answer(None).await.unwrap();
        self.set_local(answer).await
    }

    pub(in crate::softphone) fn heard(&self) -> u64 {
        self.heard.packets.load(Relaxed)
    }

    /// Waits until so many packets more have come.
    async fn hears(&self, more: u64) {
        let wanted = self.heard() + more;
        until("the far end hears", || self.heard() >= wanted).await;
    }
}

impl Drop for FarEnd {
    fn drop(&mut self) {
        let connection = self.connection.clone();
        tokio::spawn(async move { connection.close().await });
    }
}

/// Peak of the tones: -12 dBFS.
const LOUD: f64 = 32767.0 * 0.251;

/// Frequency by its zero crossings, Hz, and level, dBFS of a sine, of a pure tone.
fn tone(samples: &[f64], rate: f64) -> (f64, f64) {
    let rising = |pair: &[f64]| pair[0] < 0.0 && pair[1] >= 0.0;
    let crossings: Vec<usize> = samples.windows(2).enumerate().filter(|(_, p)| rising(p)).map(|(n, _)| n).collect();
    let (Some(first), Some(last)) = (crossings.first(), crossings.last()) else { return (0.0, -90.0) };
    let hz = (crossings.len() - 1) as f64 * rate / (last - first).max(1) as f64;
    let power = samples.iter().map(|sample| sample * sample).sum::<f64>() / samples.len() as f64;
    (hz, 20.0 * ((2.0 * power).sqrt() / 32768.0).log10())
}

/// The far end's voice: 440 Hz at -12 dBFS.
async fn speak(track: Arc<TrackLocalStaticRTP>, speaking: Arc<AtomicBool>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    for count in 0u16.. {
        ticks.tick().await;
        if !speaking.load(Relaxed) {
            continue;
        }
        let header = rtp::Header {
            version: 2,
            payload_type: 8,
            sequence_number: count,
            timestamp: u32::from(count) * 160,
            ssrc: 77,
            ..Default::default()
        };
        let tone = (0..160u32).map(|n| {
            let at = f64::from(u32::from(count) * 160 + n) / 8000.0;
            encode_alaw((LOUD * (TAU * 440.0 * at).sin()).round() as i16)
        });
        let packet = rtp::Packet { header, payload: tone.collect::<Bytes>() };
        // Dropped until the payload type is negotiated; an error is the end of the connection.
        if track.write_rtp(packet).await.is_err() {
            return;
        }
    }
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + SOON;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not within {SOON:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

struct Phone {
    media: Media,
    events: mpsc::UnboundedReceiver<Event>,
}

impl Phone {
    fn new(codecs: &[Codec]) -> Self {
        Self::with(AudioConfig { backend: AudioBackend::Null, codecs: codecs.to_vec(), ..AudioConfig::default() })
    }

    fn with(audio: AudioConfig) -> Self {
        Self::on(audio, IceConfig::default(), Network::system(true))
    }

    fn on(audio: AudioConfig, ice: IceConfig, network: Network) -> Self {
        let (tell, events) = mpsc::unbounded_channel();
        let on_event = Arc::new(move |event| {
            tell.send(event).unwrap_or_default();
        });
        Self {
            media: Media::on_network(
                audio,
                Ice::start(ice, network, &Dialer::direct(Tls::new(None).unwrap())),
                on_event,
            ),
            events,
        }
    }

    /// The next media event that is not about levels or devices, nor, unless wanted, about quality.
    async fn next(&mut self, stats: bool) -> MediaEvent {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(12);
        loop {
            let event = tokio::time::timeout_at(deadline, self.events.recv()).await;
            let Event::Media(event) = event.expect("an event").expect("more events") else { continue };
            let passed_over = match event {
                MediaEvent::Stats(_) => !stats,
                MediaEvent::Levels { .. }
                | MediaEvent::DeviceFailed(_)
                | MediaEvent::DevicesReady { .. }
                | MediaEvent::DeviceMoved { .. }
                | MediaEvent::Unheard(_)
                | MediaEvent::SpeakingMuted(_)
                | MediaEvent::MicrophoneSilent(_)
                | MediaEvent::Devices(_)
                | MediaEvent::RingReady { .. }
                | MediaEvent::Digits(_)
                | MediaEvent::HeldByFarEnd(_)
                | MediaEvent::Tested(_) => true,
                MediaEvent::Connecting | MediaEvent::Up { .. } | MediaEvent::Lost { .. } | MediaEvent::Closed => false,
            };
            if !passed_over {
                return event;
            }
        }
    }

    /// The far end's hold, or its end, is told.
    async fn expect_hold(&mut self, held: bool) {
        loop {
            if let Event::Media(MediaEvent::HeldByFarEnd(told)) = self.events.recv().await.unwrap() {
                return assert_eq!(told, held);
            }
        }
    }

    async fn expect(&mut self, expected: MediaEvent) {
        assert_eq!(self.next(false).await, expected);
    }

    async fn expect_lost(&mut self, expected: LossCause) {
        let event = self.next(false).await;
        let MediaEvent::Lost { cause } = event else { panic!("{event:?} instead of Lost") };
        assert_eq!(cause, expected);
    }

    /// A call that is up, in PCMA.
    async fn call(&mut self, far: &FarEnd) -> String {
        let offer = far.offer().await;
        let answer = self.media.answer(CALL, &offer).await.unwrap();
        far.accept(&answer).await;
        self.expect(MediaEvent::Connecting).await;
        self.expect(MediaEvent::Up { codec: Codec::Pcma }).await;
        far.hears(5).await;
        offer
    }

    /// Waits until the far end has been heard for a second from now on; what was told before is passed over.
    async fn hears(&mut self) {
        while self.events.try_recv().is_ok() {}
        let before = self.received().await;
        let after = self.received().await;
        assert!(after - before >= 40, "{before} {after}: 50 packets a second");
    }

    async fn received(&mut self) -> u64 {
        self.stats(|_| true).await.packets_received
    }

    /// The first figures that are as wanted.
    async fn stats(&mut self, wanted: impl Fn(&MediaStats) -> bool) -> MediaStats {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(15);
        loop {
            assert!(tokio::time::Instant::now() < deadline, "never as wanted");
            if let MediaEvent::Stats(stats) = self.next(true).await
                && wanted(&stats)
            {
                return stats;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_comes_up_at_once_and_sound_flows_both_ways() {
    let (far, mut phone) = (FarEnd::new().await, Phone::new(&[Codec::Pcma]));
    let offer = far.offer().await;
    let begin = Instant::now();
    let answer = phone.media.answer(CALL, &offer).await.unwrap();
    let answered = begin.elapsed();
    far.accept(&answer).await;
    far.hears(1).await;
    let heard = begin.elapsed();
    assert!(answered < Duration::from_millis(300), "answer took {answered:?}");
    assert!(heard < Duration::from_millis(700), "first RTP after {heard:?}");
    println!("answer after {answered:?}, first RTP heard after {heard:?}");

    phone.expect(MediaEvent::Connecting).await;
    phone.expect(MediaEvent::Up { codec: Codec::Pcma }).await;
    far.hears(50).await;
    assert_eq!(far.heard.payload_type.load(Relaxed), 8);
    let MediaEvent::Stats(_) = phone.next(true).await else { panic!("no stats") };
    let MediaEvent::Stats(stats) = phone.next(true).await else { panic!("no stats") };
    assert!(stats.packets_received >= 45 && stats.packets_sent >= 45, "{stats:?}");
    assert!(stats.rtt_ms.is_some_and(|rtt| rtt < 100.0), "{stats:?}");
    assert!(stats.mos > 4.0, "{stats:?}");

    phone.media.close(CALL).await;
    phone.expect(MediaEvent::Closed).await;
    phone.media.close(CALL).await;
    let heard = far.heard();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(far.heard() <= heard + 2, "nothing is sent after the end");
    assert!(phone.events.try_recv().is_err(), "closing twice is told once");
    phone.media.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tone_goes_each_way_and_arrives_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (microphone, speaker) = (dir.path().join("microphone.wav"), dir.path().join("speaker.wav"));
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&microphone, spec).unwrap();
    for n in 0..48_000 {
        writer.write_sample((LOUD * (TAU * 700.0 * f64::from(n) / 48_000.0).sin()) as i16).unwrap();
    }
    writer.finalize().unwrap();

    let far = FarEnd::new().await;
    let mut phone = Phone::with(AudioConfig {
        backend: AudioBackend::File,
        input_file: Some(microphone),
        output_file: Some(speaker.clone()),
        codecs: vec![Codec::Pcma],
        ..AudioConfig::default()
    });
    phone.call(&far).await;
    far.hears(100).await;
    // Another party is connected by the switch: another SSRC, nothing in SDP; the tone goes on.
    far.disguise.ssrc.store(4242, Relaxed);
    far.hears(100).await;
    phone.media.close(CALL).await;
    phone.media.shutdown().await;

    let heard: Vec<f64> = far.heard.payloads.lock().unwrap().iter().map(|byte| f64::from(decode_alaw(*byte))).collect();
    let (hz, dbfs) = tone(&heard[heard.len() - 8_000..], 8_000.0);
    assert!((hz - 700.0).abs() < 2.0 && (dbfs + 12.0).abs() < 1.0, "the far end hears {hz} Hz at {dbfs} dBFS");

    let mut reader = hound::WavReader::open(&speaker).unwrap();
    let played: Vec<f64> = reader.samples::<i16>().map(|sample| f64::from(sample.unwrap())).collect();
    assert!(played.len() > 4 * 48_000, "{} samples", played.len());
    let seconds: Vec<(f64, f64)> =
        played[24_000..played.len() - 12_000].chunks_exact(48_000).map(|second| tone(second, 48_000.0)).collect();
    let exact = |(hz, dbfs): &&(f64, f64)| (hz - 440.0).abs() < 2.0 && (dbfs + 12.0).abs() < 1.0;
    // Where the streams meet the jitter buffer begins anew; a few ten milliseconds are its own.
    assert!(seconds.iter().filter(exact).count() + 1 >= seconds.len(), "we hear (Hz, dBFS): {seconds:.2?}");
    assert!(seconds.last().as_ref().is_some_and(exact), "we hear (Hz, dBFS): {seconds:.2?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_far_end_holds_and_resumes() {
    let (far, mut phone) = (FarEnd::new().await, Phone::new(&[Codec::Pcma]));
    let offer = phone.call(&far).await;
    for (direction, mirrored, flows) in [
        ("sendonly", "recvonly", false),
        ("sendrecv", "sendrecv", true),
        ("inactive", "inactive", false),
        ("recvonly", "sendonly", true),
    ] {
        let answer = phone.media.answer(CALL, &offer.replace("a=sendrecv", &format!("a={direction}"))).await.unwrap();
        assert!(answer.contains(&format!("a={mirrored}\r\n")), "{direction}: {answer}");
        if direction != "recvonly" {
            phone.expect_hold(!flows).await;
        }
        if flows {
            far.hears(10).await;
        } else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let before = far.heard();
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert_eq!(far.heard(), before, "{direction}: nothing is sent");
        }
    }
    // The old form: no address; with the port of a description without candidates it means nothing.
    let media = offer.lines().find(|line| line.starts_with("m=audio")).unwrap();
    let connection = offer.lines().find(|line| line.starts_with("c=")).unwrap();
    for (port, answered) in [("4000", "recvonly"), ("9", "sendrecv")] {
        let mut words: Vec<&str> = media.split(' ').collect();
        words[1] = port;
        let held = offer.replace(media, &words.join(" ")).replace(connection, "c=IN IP4 0.0.0.0");
        let answer = phone.media.answer(CALL, &held).await.unwrap();
        assert!(answer.contains(&format!("a={answered}\r\n")), "{held}{answer}");
    }
    assert_eq!(far.heard.ssrcs.lock().unwrap().len(), 1, "one stream from first to last");
    phone.media.close(CALL).await;
    phone.expect(MediaEvent::Closed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_stream_of_the_far_end_is_heard_too() {
    let (far, mut phone) = (FarEnd::new().await, Phone::new(&[Codec::Pcma]));
    phone.call(&far).await;
    far.disguise.ssrc.store(4242, Relaxed);
    let before = phone.received().await;
    let after = phone.received().await;
    let last = phone.received().await;
    assert!(last - before >= 80, "{before} {after} {last}: 50 packets a second");
    let reported = |ssrc| far.disguise.reported.lock().unwrap().contains(&ssrc);
    until("reports about the first stream", || reported(77)).await;
    until("reports about the second one", || reported(4242)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_far_end_tells_what_it_loses_and_how_far_away_it_is() {
    let (far, mut phone) = (FarEnd::new().await, Phone::new(&[Codec::Pcma]));
    phone.call(&far).await;
    let clean = phone.stats(|stats| stats.far_loss_pct.is_some() && stats.far_jitter_ms.is_some()).await;
    assert_eq!(clean.far_loss_pct, Some(0.0));
    assert!(clean.rtt_ms.is_some_and(|rtt_ms| rtt_ms < 200.0), "{clean:?}");
    assert!(clean.mos > 4.0, "{clean:?}");
    far.disguise.loses.store(4, Relaxed);
    // 12 s at most: three times what is averaged over.
    let lossy = phone.stats(|stats| stats.far_loss_pct > Some(15.0)).await;
    assert!(lossy.far_loss_pct < Some(35.0), "{lossy:?}");
    assert_eq!((lossy.packets_lost, lossy.loss_now_pct), (0, 0.0), "the other direction");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_codec_can_change_in_a_call() {
    let (far, mut phone) = (FarEnd::new().await, Phone::new(&[Codec::Pcma, Codec::Opus]));
    let offer = phone.call(&far).await;
    let line = offer.lines().find(|line| line.starts_with("m=audio")).unwrap();
    let opus_only = offer.replace(line, "m=audio 9 UDP/TLS/RTP/SAVPF 111");
    let answer = phone.media.answer(CALL, &opus_only).await.unwrap();
    assert!(answer.contains(" UDP/TLS/RTP/SAVPF 111\r\n"), "{answer}");
    phone.expect(MediaEvent::Up { codec: Codec::Opus }).await;
    until("the new payload type arrives", || far.heard.payload_type.load(Relaxed) == 111).await;
    far.hears(10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_offer_leaves_the_call_as_it_is() {
    let (far, mut phone) = (FarEnd::new().await, Phone::new(&[Codec::Pcma]));
    phone.call(&far).await;
    for junk in [String::new(), fixture("made-plain-rtp"), fixture("made-no-common-codec")] {
        assert!(matches!(phone.media.answer(CALL, &junk).await, Err(MediaError::NotAcceptable(_))));
    }
    far.hears(20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ice_restarts_without_a_break() {
    let (far, mut phone) = (FarEnd::new().await, Phone::new(&[Codec::Pcma]));
    let first = phone.call(&far).await;
    far.connection.restart_ice().await.unwrap();
    let offer = far.offer().await;
    let ufrag = |sdp: &str| sdp.lines().find(|line| line.starts_with("a=ice-ufrag")).unwrap().to_owned();
    assert_ne!(ufrag(&first), ufrag(&offer));
    let answer = phone.media.answer(CALL, &offer).await.unwrap();
    far.accept(&answer).await;
    far.hears(100).await;
    assert_eq!(far.heard.ssrcs.lock().unwrap().len(), 1);
    let before = phone.received().await;
    assert!(phone.received().await > before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_call_moves_to_another_far_end() {
    let (first, mut phone) = (FarEnd::new().await, Phone::new(&[Codec::Pcma]));
    phone.call(&first).await;
    let second = FarEnd::new().await;
    let answer = phone.media.answer(CALL, &second.offer().await).await.unwrap();
    second.accept(&answer).await;
    phone.expect(MediaEvent::Connecting).await;
    phone.expect(MediaEvent::Up { codec: Codec::Pcma }).await;
    second.hears(20).await;
    let before = phone.received().await;
    assert!(phone.received().await > before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_without_offer_gets_ours() {
    let (far, mut phone) = (FarEnd::new().await, Phone::new(&[Codec::Pcmu, Codec::Pcma]));
    let offer = phone.media.offer(CALL, false).await.unwrap();
    let answer = far.answer(&offer).await;
    phone.media.accept_answer(CALL, &answer).await.unwrap();
    phone.expect(MediaEvent::Connecting).await;
    phone.expect(MediaEvent::Up { codec: Codec::Pcmu }).await;
    far.hears(20).await;
    assert_eq!(far.heard.payload_type.load(Relaxed), 0);
    assert!(phone.media.accept_answer(CALL, &answer).await.is_err(), "an offer is answered once");

    // A re-INVITE without offer: the same session, one version on, still two-way.
    let again = phone.media.offer(CALL, false).await.unwrap();
    let origin = |sdp: &str| -> Vec<u64> {
        let line = sdp.lines().find(|line| line.starts_with("o=")).unwrap();
        line.split(' ').skip(1).take(2).map(|word| word.parse().unwrap()).collect()
    };
    let (before, after) = (origin(&offer), origin(&again));
    assert!(before[0] == after[0] && after[1] > before[1], "{before:?} {after:?}");
    phone.media.accept_answer(CALL, &answer).await.unwrap();
    far.hears(20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_end_that_is_not_there_is_told() {
    let mut phone = Phone::new(&[Codec::Pcma]);
    phone.media.answer(CALL, &fixture("rtpengine-invite-from-sipp-pcma")).await.unwrap();
    phone.expect(MediaEvent::Connecting).await;
    phone.expect_lost(LossCause::NoPath).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_on_the_wire_is_told_and_so_is_its_end() {
    let (far, mut phone) = (FarEnd::new().await, Phone::new(&[Codec::Pcma]));
    let mut wishes = phone.media.wishes();
    phone.call(&far).await;
    // Something has come before it stops.
    phone.hears().await;
    phone.media.set_held(true);
    far.speaking.store(false, Relaxed);
    tokio::time::sleep(Duration::from_millis(4500)).await;
    while let Ok(event) = phone.events.try_recv() {
        assert!(!matches!(event, Event::Media(MediaEvent::Lost { .. })), "held: silence is as it should be");
    }
    assert!(wishes.try_recv().is_err(), "held: nothing is to be mended");
    phone.media.set_held(false);
    phone.expect_lost(LossCause::NoPackets).await;
    until("a renewal is asked for", || !wishes.is_empty()).await;
    assert_eq!(wishes.try_recv(), Ok(Wish::Renew { call_id: CALL.into() }));
    assert!(wishes.try_recv().is_err(), "once");
    far.speaking.store(true, Relaxed);
    phone.expect(MediaEvent::Up { codec: Codec::Pcma }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_call_takes_over_from_one_left_open() {
    let (first, mut phone) = (FarEnd::new().await, Phone::new(&[Codec::Pcma]));
    phone.call(&first).await;
    let second = FarEnd::new().await;
    let answer = phone.media.answer("another", &second.offer().await).await.unwrap();
    second.accept(&answer).await;
    second.hears(10).await;
    let heard = first.heard();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(first.heard(), heard);
    phone.media.close(CALL).await;
    second.hears(10).await;
}

/// RFC 4733 on the wire: its own payload type, one timestamp, a marker, three ends, no number of a packet left out.
#[tokio::test(flavor = "multi_thread")]
async fn digits_go_in_the_sound_where_that_is_agreed() {
    let (far, mut phone) = (FarEnd::new().await, Phone::new(&[Codec::Pcma]));
    let offer = far.offer().await;
    let line = offer.lines().find(|line| line.starts_with("m=audio")).unwrap();
    let with_events = offer.replace(line, &format!("{line} 101")) + "a=rtpmap:101 telephone-event/8000\r\n";
    let answer = phone.media.answer(CALL, &with_events).await.unwrap();
    assert!(answer.contains(" 8 101\r\n"), "{answer}");
    let known: Vec<&str> = answer.lines().filter(|line| !line.contains(":101 ")).collect();
    far.accept(&known.join("\r\n").replace(" 8 101", " 8")).await;
    let told = loop {
        if let Event::Media(MediaEvent::Digits(possible)) = phone.events.recv().await.unwrap() {
            break possible;
        }
    };
    assert!(told);
    far.hears(5).await;
    phone.media.send_digit('7');
    let came = || far.disguise.came.lock().unwrap().clone();
    let is_end = |packet: &rtp::Packet| packet.header.payload_type == 101 && packet.payload[1] & 0x80 != 0;
    until("the digit arrives", || came().iter().filter(|packet| is_end(packet)).count() == 3).await;
    far.hears(5).await;

    let came = came();
    let events: Vec<&rtp::Packet> = came.iter().filter(|packet| packet.header.payload_type == 101).collect();
    assert_eq!(events.len(), 5);
    assert!(
        events.iter().all(|packet| packet.payload[0] == 7 && packet.header.timestamp == events[0].header.timestamp)
    );
    assert_eq!(events.iter().filter(|packet| packet.header.marker).count(), 1);
    assert!(events[0].header.marker);
    assert_eq!(events[4].payload.as_ref(), [7, 0x8A, 0x04, 0xB0], "150 ms in ticks of 8 kHz");
    assert!(
        came.windows(2).all(|pair| pair[1].header.sequence_number == pair[0].header.sequence_number.wrapping_add(1))
    );
    assert!(came.iter().all(|packet| [8, 101].contains(&packet.header.payload_type)));
    phone.media.shutdown().await;
}
