//! One leg's encrypted audio: a WebRTC peer that offers, and the tasks that carry frames to packets and back.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use rtc::ice::mdns::MulticastDnsMode;
use rtc::interceptor::Registry;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::interceptor_registry::configure_rtcp_reports;
use rtc::peer_connection::configuration::media_engine::{
    MIME_TYPE_G722, MIME_TYPE_OPUS, MIME_TYPE_PCMA, MIME_TYPE_PCMU, MediaEngine,
};
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState, RTCPeerConnectionState,
};

use super::codec::{Codec, CodecError, Speaker};
use super::faults::{HEADERS, Line, SwitchFaults};
use super::mixer::{Frame, Port, locked};
use super::sdp::{self, AnswerError};

/// How long candidate gathering on local sockets may take.
const GATHERING: Duration = Duration::from_secs(2);

/// What is offered, most wanted first. Telephone events are added to the offer's text: the stack cannot tell two
/// clocks of one name apart.
const OFFERED: [(&str, u32, u16, u8, &str); 4] = [
    (MIME_TYPE_OPUS, 48_000, 2, 111, "minptime=10;useinbandfec=1"),
    (MIME_TYPE_G722, 8000, 0, 9, ""),
    (MIME_TYPE_PCMA, 8000, 0, 8, ""),
    (MIME_TYPE_PCMU, 8000, 0, 0, ""),
];

/// Why a leg has no sound.
#[derive(Debug, thiserror::Error)]
pub(super) enum PeerError {
    #[error("the media stack: {0}")]
    Stack(#[from] webrtc::error::Error),
    #[error("candidate gathering did not finish")]
    Gathering,
    #[error(transparent)]
    Answer(#[from] AnswerError),
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// The faults in force, shared with everything that carries packets.
pub(super) type SharedFaults = Arc<RwLock<SwitchFaults>>;

/// The faults of this moment.
pub(super) fn current(faults: &SharedFaults) -> SwitchFaults {
    *faults.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The offering side of one call.
pub(super) struct Peer {
    connection: Arc<dyn PeerConnection>,
    /// The offer, all candidates included.
    pub offer: String,
    sender: Option<Sending>,
    port: Port,
    faults: SharedFaults,
    state: watch::Receiver<RTCPeerConnectionState>,
    events: Arc<Events>,
    /// What the client's last description agreed on.
    agreed: Option<Agreed>,
    tasks: Vec<JoinHandle<()>>,
}

/// What stays when a client offers anew.
struct Agreed {
    codec: Codec,
    ice_ufrag: Option<String>,
}

/// What the sending task needs once the codec is known.
struct Sending {
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    frames: mpsc::Receiver<Frame>,
}

impl Peer {
    /// Opens a socket on `address`, offers every codec and gathers candidates. `frames` is what the leg hears.
    ///
    /// # Errors
    /// When the socket or the stack fails.
    pub async fn offer(
        address: IpAddr,
        port: Port,
        frames: mpsc::Receiver<Frame>,
        faults: SharedFaults,
    ) -> Result<Peer, PeerError> {
        let mut engine = MediaEngine::default();
        for codec in OFFERED.map(codec_parameters) {
            engine.register_codec(codec, RtpCodecKind::Audio)?;
        }
        let (state_tx, state) = watch::channel(RTCPeerConnectionState::New);
        let (gathered_tx, gathered) = oneshot::channel();
        let events = Arc::new(Events {
            port: port.clone(),
            faults: Arc::clone(&faults),
            state: state_tx,
            gathered: std::sync::Mutex::new(Some(gathered_tx)),
        });
        let settings = SettingEngineBuilder::new()
            // DTLS starts with the next check after ICE is up: frequent checks make that soon.
            .with_ice_connection_attempts(Some(Duration::from_millis(50)), Some(600))
            // Nothing may leave the machine to look up a browser's hidden candidates: its checks reach us anyway.
            .with_multicast_dns_mode(MulticastDnsMode::Disabled)
            .build();
        let connection: Arc<dyn PeerConnection> = Arc::new(
            PeerConnectionBuilder::new()
                .with_media_engine(engine)
                .with_setting_engine(settings)
                .with_interceptor_registry(configure_rtcp_reports(Registry::new()))
                .with_handler(Arc::<Events>::clone(&events))
                .with_udp_addrs(addresses(address))
                .build()
                .await?,
        );
        let ssrc = rand::random_range(1..u32::MAX);
        let track = Arc::new(local_track(ssrc));
        let offer = match describe(&connection, &track, gathered).await {
            Ok(offer) => offer,
            Err(error) => {
                // Frees the socket and the driver behind it.
                connection.close().await?;
                return Err(error);
            }
        };
        let sender = Some(Sending { track, ssrc, frames });
        Ok(Peer { connection, offer, sender, port, faults, state, events, agreed: None, tasks: Vec::new() })
    }

    /// Takes the client's answer and starts the sound.
    ///
    /// # Errors
    /// When the answer cannot carry a call.
    pub async fn accept(&mut self, answer: &str) -> Result<Codec, PeerError> {
        let ice_ufrag = sdp::ice_ufrag(answer).map(str::to_owned);
        let answer = sdp::read_answer(answer)?;
        self.agreed = Some(Agreed { codec: answer.codec, ice_ufrag });
        locked(&self.port.inbound).set_codec(answer.payload_type, answer.codec)?;
        let speaker = Speaker::new(answer.codec)?;
        self.connection.set_remote_description(RTCSessionDescription::answer(answer.sdp)?).await?;
        if let Some(sending) = self.sender.take() {
            let stream = Stream { payload_type: answer.payload_type, codec: answer.codec, speaker };
            let (port, faults, state) = (self.port.clone(), Arc::clone(&self.faults), self.state.clone());
            self.tasks.push(tokio::spawn(send(sending, stream, port, faults, state)));
        }
        Ok(answer.codec)
    }

    /// Answers another offer of the client's in the same call, with an ICE restart or without; the codec stays.
    ///
    /// # Errors
    /// When the offer cannot carry the call; what was agreed on goes on.
    pub async fn answer(&mut self, offer: &str) -> Result<String, PeerError> {
        let Some(agreed) = &mut self.agreed else { return Err(AnswerError::NoAudio.into()) };
        let offered = sdp::read_answer(offer)?;
        if offered.codec != agreed.codec {
            return Err(AnswerError::NoCodec.into());
        }
        let ice_ufrag = sdp::ice_ufrag(offer).map(str::to_owned);
        let restart = std::mem::replace(&mut agreed.ice_ufrag, ice_ufrag.clone()) != ice_ufrag;
        let (gathered_tx, gathered) = oneshot::channel();
        *locked(&self.events.gathered) = Some(gathered_tx);
        self.connection.set_remote_description(RTCSessionDescription::offer(offered.sdp)?).await?;
        let answer = self.connection.create_answer(None).await?;
        self.connection.set_local_description(answer).await?;
        if restart {
            match tokio::time::timeout(GATHERING, gathered).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Err(PeerError::Gathering),
            }
        }
        let answer = self.connection.local_description().await.ok_or(PeerError::Gathering)?;
        Ok(sdp::finish_answer(&answer.sdp))
    }

    /// Whether packets can flow.
    pub fn is_connected(&self) -> bool {
        *self.state.borrow() == RTCPeerConnectionState::Connected
    }

    /// A handle that tells when the connection has failed for good.
    pub fn watch(&self) -> watch::Receiver<RTCPeerConnectionState> {
        self.state.clone()
    }

    /// Ends the sound and frees the socket.
    pub async fn close(self) {
        for task in &self.tasks {
            task.abort();
        }
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "closing a leg's media");
        }
    }
}

/// Where media sockets are opened for a switch that listens on `address`. Listening everywhere includes loopback,
/// which the stack would leave out.
fn addresses(address: IpAddr) -> Vec<SocketAddr> {
    let mut addresses = vec![SocketAddr::new(address, 0)];
    if address.is_unspecified() {
        addresses.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0));
    }
    addresses
}

/// The offer for one audio track, complete with candidates.
async fn describe(
    connection: &Arc<dyn PeerConnection>,
    track: &Arc<TrackLocalStaticRTP>,
    gathered: oneshot::Receiver<()>,
) -> Result<String, PeerError> {
    let track: Arc<dyn TrackLocal> = Arc::<TrackLocalStaticRTP>::clone(track);
    let transceiver = connection.add_transceiver_from_track(track, None).await?;
    transceiver.set_codec_preferences(OFFERED.map(codec_parameters).to_vec()).await?;
    let offer = connection.create_offer(None).await?;
    connection.set_local_description(offer).await?;
    match tokio::time::timeout(GATHERING, gathered).await {
        Ok(Ok(())) => {}
        Ok(Err(_)) | Err(_) => return Err(PeerError::Gathering),
    }
    let offer = connection.local_description().await.ok_or(PeerError::Gathering)?;
    Ok(sdp::finish_offer(&offer.sdp))
}

/// Resolves once the connection has failed; never if it is closed first.
pub(super) async fn failed(mut state: watch::Receiver<RTCPeerConnectionState>) {
    if state.wait_for(|state| *state == RTCPeerConnectionState::Failed).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn codec_parameters(
    (mime, clock_rate, channels, payload_type, fmtp): (&str, u32, u16, u8, &str),
) -> RTCRtpCodecParameters {
    let rtp_codec = RTCRtpCodec {
        mime_type: mime.to_owned(),
        clock_rate,
        channels,
        sdp_fmtp_line: fmtp.to_owned(),
        rtcp_feedback: Vec::new(),
    };
    RTCRtpCodecParameters { rtp_codec, payload_type }
}

fn local_track(ssrc: u32) -> TrackLocalStaticRTP {
    let codec = OFFERED.map(codec_parameters).into_iter().next().map(|codec| codec.rtp_codec).unwrap_or_default();
    let encoding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
        codec,
        ..Default::default()
    };
    TrackLocalStaticRTP::new(MediaStreamTrack::new(
        "switch".to_owned(),
        "audio".to_owned(),
        "audio".to_owned(),
        RtpCodecKind::Audio,
        vec![encoding],
    ))
}

/// What the stack tells about the connection.
struct Events {
    port: Port,
    faults: SharedFaults,
    state: watch::Sender<RTCPeerConnectionState>,
    gathered: std::sync::Mutex<Option<oneshot::Sender<()>>>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Events {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete
            && let Some(gathered) = locked(&self.gathered).take()
        {
            // The other side is gone when gathering took too long; it has reported that itself.
            gathered.send(()).ok();
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        tracing::debug!(%state, "leg media");
        self.state.send_replace(state);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        tokio::spawn(receive(track, self.port.clone(), Arc::clone(&self.faults)));
    }
}

/// Carries packets from the client to the leg's jitter buffer until the track ends.
async fn receive(track: Arc<dyn TrackRemote>, port: Port, faults: SharedFaults) {
    let mut line: Line<rtp::Packet> = Line::new(Instant::now());
    loop {
        let event = tokio::select! {
            event = track.poll() => Some(event),
            () = due(&line) => None,
        };
        let now = Instant::now();
        match event {
            Some(Some(TrackRemoteEvent::OnRtpPacket(packet))) => {
                let bytes = packet.payload.len() + HEADERS;
                line.push(now, packet, bytes, &current(&faults).from_agent);
            }
            Some(Some(_)) | None => {}
            Some(None) => return,
        }
        while let Some(packet) = line.pop(now) {
            port.packets_in.fetch_add(1, Ordering::Relaxed);
            locked(&port.arrivals).note(now);
            let header = packet.header;
            locked(&port.inbound).push(header.ssrc, header.payload_type, header.sequence_number, packet.payload);
        }
    }
}

/// Waits for the line's next packet, for ever if there is none.
async fn due<T: Clone>(line: &Line<T>) {
    match line.next_due() {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// The codec state of the sending direction.
struct Stream {
    payload_type: u8,
    codec: Codec,
    speaker: Speaker,
}

/// Carries frames from the mixer to the client until the leg ends.
async fn send(
    mut sending: Sending,
    mut stream: Stream,
    port: Port,
    faults: SharedFaults,
    state: watch::Receiver<RTCPeerConnectionState>,
) {
    let mut line: Line<rtp::Packet> = Line::new(Instant::now());
    let mut sequence: u16 = rand::random_range(0..0x8000);
    let mut timestamp: u32 = rand::random();
    let mut first = true;
    loop {
        let frame = tokio::select! {
            frame = sending.frames.recv() => Some(frame),
            () = due(&line) => None,
        };
        match frame {
            Some(None) => return,
            // Before DTLS is up a packet could only be thrown away.
            Some(Some(frame)) if *state.borrow() == RTCPeerConnectionState::Connected => {
                if let Some(payload) = stream.speaker.encode(&frame) {
                    let header = rtp::Header {
                        version: 2,
                        marker: std::mem::take(&mut first),
                        payload_type: stream.payload_type,
                        sequence_number: sequence,
                        timestamp,
                        ssrc: sending.ssrc,
                        ..rtp::Header::default()
                    };
                    let bytes = payload.len() + HEADERS;
                    let packet = rtp::Packet { header, payload: payload.into() };
                    line.push(Instant::now(), packet, bytes, &current(&faults).to_agent);
                    sequence = sequence.wrapping_add(1);
                }
                timestamp = timestamp.wrapping_add(stream.codec.ticks());
            }
            Some(Some(_)) | None => {}
        }
        while let Some(packet) = line.pop(Instant::now()) {
            port.packets_out.fetch_add(1, Ordering::Relaxed);
            if let Err(error) = sending.track.write_rtp(packet).await {
                tracing::debug!(%error, "sending to a leg");
                return;
            }
        }
    }
}
