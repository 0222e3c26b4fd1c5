//! One leg's encrypted audio: a WebRTC peer that offers, and what it agrees on.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
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
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState, RTCPeerConnectionState,
};

use super::carry::{Frames, Sending, Stream, receive, send};
use super::codec::{Codec, CodecError, Speaker};
use super::faults::SharedFaults;
use super::mixer::Port;
use super::sdp::{self, AnswerError};
use super::sound::{Frame, locked};

/// How long candidate gathering on local sockets may take.
const GATHERING: Duration = Duration::from_secs(2);

/// Nothing from the client for so long after it is taken for disconnected (5 s): its sound is gone for good. A client whose
/// network is away for a minute is waited for.
const GONE: Duration = Duration::from_secs(85);

/// How long a path that is not direct is not taken: a direct one comes up within it.
const BETTER_PATH: Duration = Duration::from_millis(200);

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

/// The switch's side of one call.
pub(super) struct Peer {
    address: IpAddr,
    connection: Arc<dyn PeerConnection>,
    /// The offer, all candidates included.
    pub offer: String,
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    frames: Frames,
    port: Port,
    faults: SharedFaults,
    /// Of the connection in force.
    state: watch::Sender<RTCPeerConnectionState>,
    events: Arc<Events>,
    /// What the client's last description agreed on.
    agreed: Option<Agreed>,
    tasks: Vec<JoinHandle<()>>,
}

/// What stays when a client offers anew.
struct Agreed {
    codec: Codec,
    ice_ufrag: Option<String>,
    /// Of its certificate.
    fingerprint: Option<String>,
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
        let state = watch::Sender::new(RTCPeerConnectionState::New);
        let Connected { connection, events, track, ssrc, gathered } =
            connect(address, &port, &faults, state.clone()).await?;
        let offer = match describe(&connection, gathered).await {
            Ok(offer) => offer,
            Err(error) => {
                // Frees the socket and the driver behind it.
                connection.close().await?;
                return Err(error);
            }
        };
        let frames = Arc::new(tokio::sync::Mutex::new(frames));
        let (agreed, tasks) = (None, Vec::new());
        Ok(Peer { address, connection, offer, track, ssrc, frames, port, faults, state, events, agreed, tasks })
    }

    /// Takes the client's answer and starts the sound.
    ///
    /// # Errors
    /// When the answer cannot carry a call.
    pub async fn accept(&mut self, answer: &str) -> Result<Codec, PeerError> {
        let agreed = Agreed::of(answer)?;
        let answer = sdp::read_answer(answer)?;
        self.agreed = Some(agreed);
        locked(&self.port.inbound).set_codec(answer.payload_type, answer.codec)?;
        self.connection.set_remote_description(RTCSessionDescription::answer(answer.sdp)?).await?;
        self.speak(answer.payload_type, answer.codec)?;
        Ok(answer.codec)
    }

    /// Sends what the leg hears from now on.
    fn speak(&mut self, payload_type: u8, codec: Codec) -> Result<(), PeerError> {
        let stream = Stream { payload_type, codec, speaker: Speaker::new(codec)? };
        let sending = Sending { track: Arc::clone(&self.track), ssrc: self.ssrc, frames: Arc::clone(&self.frames) };
        let (port, faults, state) = (self.port.clone(), Arc::clone(&self.faults), self.state.subscribe());
        self.tasks.push(tokio::spawn(send(sending, stream, port, faults, state)));
        Ok(())
    }

    /// Answers another offer of the client's in the same call, with an ICE restart or without; the codec stays. Another
    /// certificate than before asks for another association (RFC 8842 4).
    ///
    /// # Errors
    /// When the offer cannot carry the call; what was agreed on goes on.
    pub async fn answer(&mut self, offer: &str) -> Result<String, PeerError> {
        let offered = sdp::read_answer(offer)?;
        let asked = Agreed::of(offer)?;
        let agreed = self.agreed.as_mut().ok_or(AnswerError::NoAudio)?;
        if asked.codec != agreed.codec {
            return Err(AnswerError::NoCodec.into());
        }
        let before = std::mem::replace(agreed, asked);
        let gathered = if before.fingerprint == agreed.fingerprint {
            let (gathered_tx, gathered) = oneshot::channel();
            *locked(&self.events.gathered) = Some(gathered_tx);
            (before.ice_ufrag != agreed.ice_ufrag).then_some(gathered)
        } else {
            tracing::info!("the client shows another certificate: another association");
            Some(self.begin_anew().await?)
        };
        self.connection.set_remote_description(RTCSessionDescription::offer(offered.sdp)?).await?;
        if self.tasks.is_empty() {
            locked(&self.port.inbound).set_codec(offered.payload_type, offered.codec)?;
            self.speak(offered.payload_type, offered.codec)?;
        }
        let answer = self.connection.create_answer(None).await?;
        self.connection.set_local_description(answer).await?;
        if let Some(gathered) = gathered {
            match tokio::time::timeout(GATHERING, gathered).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Err(PeerError::Gathering),
            }
        }
        let answer = self.connection.local_description().await.ok_or(PeerError::Gathering)?;
        Ok(sdp::finish_answer(&answer.sdp))
    }

    /// Another connection takes the place of this one; tells when its candidates are there.
    async fn begin_anew(&mut self) -> Result<oneshot::Receiver<()>, PeerError> {
        let state = watch::Sender::new(RTCPeerConnectionState::New);
        let made = connect(self.address, &self.port, &self.faults, state.clone()).await?;
        for task in self.tasks.drain(..) {
            task.abort();
        }
        let old = std::mem::replace(&mut self.connection, made.connection);
        (self.events, self.track, self.ssrc, self.state) = (made.events, made.track, made.ssrc, state);
        old.close().await?;
        Ok(made.gathered)
    }

    /// Whether packets can flow.
    pub fn is_connected(&self) -> bool {
        *self.state.borrow() == RTCPeerConnectionState::Connected
    }

    /// A handle that tells when the connection has failed for good.
    pub fn watch(&self) -> watch::Receiver<RTCPeerConnectionState> {
        self.state.subscribe()
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

impl Agreed {
    fn of(description: &str) -> Result<Self, AnswerError> {
        let codec = sdp::read_answer(description)?.codec;
        let own = |text: Option<&str>| text.map(str::to_owned);
        Ok(Self { codec, ice_ufrag: own(sdp::ice_ufrag(description)), fingerprint: own(sdp::fingerprint(description)) })
    }
}

/// A connection with one audio track, nothing agreed on yet.
struct Connected {
    connection: Arc<dyn PeerConnection>,
    events: Arc<Events>,
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    gathered: oneshot::Receiver<()>,
}

/// Opens a socket on `address`.
async fn connect(
    address: IpAddr,
    port: &Port,
    faults: &SharedFaults,
    state: watch::Sender<RTCPeerConnectionState>,
) -> Result<Connected, PeerError> {
    let mut engine = MediaEngine::default();
    for codec in OFFERED.map(codec_parameters) {
        engine.register_codec(codec, RtpCodecKind::Audio)?;
    }
    let (gathered_tx, gathered) = oneshot::channel();
    let events = Arc::new(Events {
        port: port.clone(),
        faults: Arc::clone(faults),
        state,
        gathered: std::sync::Mutex::new(Some(gathered_tx)),
    });
    let settings = SettingEngineBuilder::new()
        // DTLS starts with the next check after ICE is up: frequent checks make that soon.
        .with_ice_connection_attempts(Some(Duration::from_millis(50)), Some(600))
        .with_ice_timeouts(None, Some(GONE), None)
        // We offer, so we choose the path: a client with no other is not kept waiting for a better one, which the stack
        // does for two seconds.
        .with_srflx_acceptance_min_wait(Some(BETTER_PATH))
        .with_prflx_acceptance_min_wait(Some(BETTER_PATH))
        .with_relay_acceptance_min_wait(Some(BETTER_PATH))
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
    let added: Arc<dyn TrackLocal> = Arc::<TrackLocalStaticRTP>::clone(&track);
    let transceiver = connection.add_transceiver_from_track(added, None).await?;
    transceiver.set_codec_preferences(OFFERED.map(codec_parameters).to_vec()).await?;
    Ok(Connected { connection, events, track, ssrc, gathered })
}

/// The offer, complete with candidates.
async fn describe(connection: &Arc<dyn PeerConnection>, gathered: oneshot::Receiver<()>) -> Result<String, PeerError> {
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
