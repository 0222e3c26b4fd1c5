//! One DTLS association of a call: the only file (with `tap`) that knows the `webrtc` crate.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU16, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use rtc::{
    ice::mdns::MulticastDnsMode,
    interceptor::{SenderReportBuilder, Slot},
    media_stream::MediaStreamTrack,
    peer_connection::{
        configuration::media_engine::{MIME_TYPE_G722, MIME_TYPE_OPUS, MIME_TYPE_PCMA, MIME_TYPE_PCMU, MediaEngine},
        sdp::RTCSessionDescription,
        transport::RTCIceCandidateType,
    },
    rtp,
    rtp_transceiver::rtp_sender::{
        RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
    },
};
use tokio::sync::{Notify, mpsc, watch};
use webrtc::{
    media_stream::track_local::{TrackLocal, static_rtp::TrackLocalStaticRTP},
    peer_connection::{
        PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceConnectionState, RTCIceGatheringState,
        RTCPeerConnectionState, RTCStatsReportEntry, Registry, SettingEngineBuilder, StatsSelector,
    },
};

use super::{
    MediaError,
    reporter::{self, Reporter},
    runtime::AlarmRuntime,
    sdp::{Choice, Local, Remote, Setup},
    tap::{self, Link, Sink, Tap, Told},
};
use crate::{
    config::Codec,
    softphone::{
        PathKind,
        audio::{OpusWishes, RtpOut},
    },
};

/// Between two ICE checks of a candidate pair (RFC 8445 14.2 allows down to 5 ms); the crate's own 200 ms is felt.
const ICE_INTERVAL: Duration = Duration::from_millis(50);

/// Times [`ICE_INTERVAL`] is the life of a candidate pair: 30 s.
const ICE_ATTEMPTS: u16 = 600;

/// Nothing at all from the far end for so long: disconnected. Consent checks go out every `ICE_KEEP_ALIVE`.
const ICE_DISCONNECTED: Duration = Duration::from_secs(4);

/// Disconnected for so long: failed (consent expires after 30 s, RFC 7675 5.1).
const ICE_FAILED: Duration = Duration::from_secs(26);

/// Pause between consent checks (RFC 7675 5.1 asks for 4 to 6 s as the mean; twice as often finds a cut sooner).
const ICE_KEEP_ALIVE: Duration = Duration::from_secs(2);

/// Host candidates are there in about a millisecond; a machine that hangs must not hang the call.
const GATHERING: Duration = Duration::from_secs(2);

/// What happens to the association.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerState {
    /// A path is found, DTLS begins.
    PathFound,
    /// Encrypted sound can flow.
    Connected,
    /// The far end is silent on every path.
    Disconnected,
    /// Given up.
    Failed,
}

/// What a peer reports to and takes from the call it belongs to; survives the peer.
#[derive(Clone)]
pub struct Wiring {
    /// Where RTP goes.
    pub sink: Sink,
    /// What the packets of both directions tell.
    pub told: Arc<Told>,
    /// State changes, with the number of the peer they are about.
    pub states: mpsc::UnboundedSender<(u64, PeerState)>,
}

/// The association.
pub struct Peer {
    /// Distinguishes the peers of one call.
    pub number: u64,
    connection: Arc<dyn PeerConnection>,
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    sequence: AtomicU16,
    /// What the crate was told is spoken; it checks what is written against this.
    inner_choice: Choice,
    link: Arc<Link>,
    connected: AtomicBool,
    gathered: watch::Receiver<u64>,
}

struct Handler {
    number: u64,
    states: mpsc::UnboundedSender<(u64, PeerState)>,
    gathered: watch::Sender<u64>,
    alarm: Arc<Notify>,
}

impl Handler {
    fn tell(&self, state: PeerState) {
        if self.states.send((self.number, state)).is_err() {
            tracing::trace!(?state, "state of a closed call");
        }
    }
}

#[async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.gathered.send_modify(|times| *times += 1);
        }
    }

    async fn on_ice_connection_state_change(&self, state: RTCIceConnectionState) {
        tracing::debug!(%state, "ICE");
        if matches!(state, RTCIceConnectionState::Connected | RTCIceConnectionState::Completed) {
            self.alarm.notify_one();
            self.tell(PeerState::PathFound);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        tracing::debug!(%state, "peer connection");
        match state {
            RTCPeerConnectionState::Connected => self.tell(PeerState::Connected),
            RTCPeerConnectionState::Disconnected => self.tell(PeerState::Disconnected),
            RTCPeerConnectionState::Failed => self.tell(PeerState::Failed),
            // On the way there, or our own closing; the crate's enum is open.
            RTCPeerConnectionState::Unspecified
            | RTCPeerConnectionState::New
            | RTCPeerConnectionState::Connecting
            | RTCPeerConnectionState::Closed
            | _ => {}
        }
    }
}

fn failed(what: &'static str) -> impl Fn(rtc::shared::error::Error) -> MediaError {
    move |error| MediaError::Failed(format!("{what}: {error}"))
}

impl Peer {
    /// Answers a far end's first offer. `setup` is our DTLS role.
    ///
    /// # Errors
    /// [`MediaError::Failed`]
    pub async fn answering(
        number: u64,
        remote: &Remote,
        setup: Setup,
        wiring: Wiring,
    ) -> Result<(Self, Local), MediaError> {
        let peer = Self::new(number, remote.choice, &[remote.choice.codec], wiring).await?;
        let local = peer.renegotiate(remote, setup).await?;
        Ok((peer, local))
    }

    /// Makes our own offer; `accept` follows.
    ///
    /// # Errors
    /// [`MediaError::Failed`]
    pub async fn offering(number: u64, codecs: &[Codec], wiring: Wiring) -> Result<(Self, Local), MediaError> {
        // The crate's own offer names one codec; which one is really spoken the tap sees to.
        let codec = codecs.first().copied().unwrap_or(Codec::Pcma);
        let inner =
            Choice { codec, payload_type: crate_payload_type(codec), event: None, wishes: OpusWishes::default() };
        let peer = Self::new(number, inner, &[codec], wiring).await?;
        let offer = peer.connection.create_offer(None).await.map_err(failed("create offer"))?;
        let local = peer.set_local(offer).await?;
        Ok((peer, local))
    }

    async fn new(number: u64, choice: Choice, codecs: &[Codec], wiring: Wiring) -> Result<Self, MediaError> {
        let mut media_engine = MediaEngine::default();
        for codec in codecs {
            let parameters =
                RTCRtpCodecParameters { rtp_codec: crate_codec(*codec), payload_type: choice.payload_type };
            media_engine.register_codec(parameters, RtpCodecKind::Audio).map_err(failed("register codec"))?;
        }
        let link: Arc<Link> = Arc::default();
        link.speak(crate_codec(choice.codec).clock_rate);
        let registry = Registry::new()
            .with(reporter::SLOT, Reporter::new(link.clone()))
            .with(tap::SLOT, Tap::new(wiring.sink, link.clone(), wiring.told))
            .with(Slot::SenderReport, SenderReportBuilder::new().build());
        let settings = SettingEngineBuilder::new()
            .with_ice_connection_attempts(Some(ICE_INTERVAL), Some(ICE_ATTEMPTS))
            .with_ice_timeouts(Some(ICE_DISCONNECTED), Some(ICE_FAILED), Some(ICE_KEEP_ALIVE))
            .with_multicast_dns_mode(MulticastDnsMode::Disabled)
            .build();
        let (runtime, alarm) = AlarmRuntime::new();
        let (gathered_in, gathered) = watch::channel(0);
        let handler = Handler { number, states: wiring.states, gathered: gathered_in, alarm };
        let connection: Arc<dyn PeerConnection> = Arc::new(
            PeerConnectionBuilder::new()
                .with_media_engine(media_engine)
                .with_setting_engine(settings)
                .with_interceptor_registry(registry)
                .with_handler(Arc::new(handler))
                .with_runtime(runtime)
                .with_udp_addrs(interfaces())
                .build()
                .await
                .map_err(failed("open sockets"))?,
        );
        let ssrc = rand::random::<u32>().max(1);
        let track = Arc::new(TrackLocalStaticRTP::new(MediaStreamTrack::new(
            "wincall".into(),
            "audio".into(),
            "audio".into(),
            RtpCodecKind::Audio,
            vec![RTCRtpEncodingParameters {
                rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
                codec: crate_codec(choice.codec),
                ..Default::default()
            }],
        )));
        let peer = Self {
            number,
            connection,
            track,
            ssrc,
            // In the lower half: a wrap among the first packets, should they get lost, could not be told from none, and
            // SRTP would never agree on the index again (RFC 3711 3.3.1).
            sequence: AtomicU16::new(rand::random::<u16>() >> 1),
            inner_choice: choice,
            link,
            connected: AtomicBool::new(false),
            gathered,
        };
        let track: Arc<dyn TrackLocal> = peer.track.clone();
        peer.connection.add_track(track).await.map_err(failed("add track"))?;
        Ok(peer)
    }

    /// Applies an offer of the far end: the first one, or one that restarts ICE. The crate is shown the codec it began
    /// with, whatever is spoken now.
    ///
    /// # Errors
    /// [`MediaError::Failed`]
    pub async fn renegotiate(&self, remote: &Remote, setup: Setup) -> Result<Local, MediaError> {
        let offer = remote.for_crate(self.inner_choice, opposite(setup));
        let offer = RTCSessionDescription::offer(offer).map_err(failed("read the offer"))?;
        self.connection.set_remote_description(offer).await.map_err(failed("apply the offer"))?;
        let answer = self.connection.create_answer(None).await.map_err(failed("create answer"))?;
        self.set_local(answer).await
    }

    /// Applies the answer to our own offer.
    ///
    /// # Errors
    /// [`MediaError::Failed`]
    pub async fn accept(&self, remote: &Remote) -> Result<(), MediaError> {
        let answer = remote.for_crate(self.inner_choice, remote.setup);
        let answer = RTCSessionDescription::answer(answer).map_err(failed("read the answer"))?;
        self.connection.set_remote_description(answer).await.map_err(failed("apply the answer"))
    }

    async fn set_local(&self, description: RTCSessionDescription) -> Result<Local, MediaError> {
        let mut gathered = self.gathered.clone();
        let before = *gathered.borrow_and_update();
        self.connection.set_local_description(description).await.map_err(failed("apply our own description"))?;
        match tokio::time::timeout(GATHERING, gathered.wait_for(|times| *times > before)).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) => return Err(MediaError::Failed("the peer connection stopped".into())),
            Err(_) if before > 0 => {} // A restart that keeps its sockets does not always gather again.
            Err(_) => tracing::warn!("gathering our own addresses takes too long; going on with what there is"),
        }
        let description = self.connection.local_description().await;
        let description = description.ok_or_else(|| MediaError::Failed("no description of our own".into()))?;
        Local::read(&description.sdp, self.ssrc)
    }

    /// What is spoken from now on: reports count in its clock.
    pub fn speak(&self, codec: Codec) {
        self.link.speak(crate_codec(codec).clock_rate);
    }

    /// Whether [`Self::send`] sends; set by the call when the association is up.
    pub fn set_connected(&self, connected: bool) {
        self.connected.store(connected, Relaxed);
    }

    /// Sends a packet; before the association is up it is dropped. Tells whether it was sent.
    pub async fn send(&self, out: RtpOut) -> bool {
        if !self.connected.load(Relaxed) {
            return false;
        }
        let sequence_number = self.sequence.fetch_add(1, Relaxed);
        self.link.send_as(sequence_number, out.payload_type);
        let packet = rtp::Packet {
            header: rtp::Header {
                version: 2,
                marker: out.marker,
                payload_type: self.inner_choice.payload_type,
                sequence_number,
                timestamp: out.timestamp,
                ssrc: self.ssrc,
                ..Default::default()
            },
            payload: out.payload,
        };
        match self.track.write_rtp(packet).await {
            Ok(()) => true,
            Err(error) => {
                tracing::debug!(%error, "RTP not sent");
                false
            }
        }
    }

    /// The path in use: its round trip by the last consent check, ms, and its kind where the crate tells it.
    pub async fn path(&self) -> Option<(f32, Option<PathKind>)> {
        let report = self.connection.get_stats(Instant::now(), StatsSelector::None).await;
        let pair = report
            .candidate_pairs()
            .filter(|pair| pair.responses_received > 0)
            .max_by_key(|pair| (pair.nominated, pair.packets_received))?;
        let local = report.get(&pair.local_candidate_id);
        let kind = match local {
            Some(RTCStatsReportEntry::LocalCandidate(candidate)) => match candidate.candidate_type {
                RTCIceCandidateType::Host => Some(PathKind::Host),
                RTCIceCandidateType::Srflx | RTCIceCandidateType::Prflx => Some(PathKind::ServerReflexive),
                RTCIceCandidateType::Relay => Some(PathKind::Relay),
                RTCIceCandidateType::Unspecified | _ => None,
            },
            Some(_) | None => None,
        };
        Some(((pair.current_round_trip_time * 1000.0) as f32, kind))
    }

    /// Ends the association; idempotent.
    pub async fn close(&self) {
        self.set_connected(false);
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "closing the peer connection");
        }
    }
}

impl Drop for Peer {
    /// The crate's task and sockets outlive the handle; an answer that was given up half-way must not leave them behind.
    fn drop(&mut self) {
        let connection = self.connection.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = connection.close().await {
                    tracing::trace!(%error, "closing the peer connection");
                }
            });
        }
    }
}

/// The role of the far end for ours.
fn opposite(setup: Setup) -> Setup {
    match setup {
        Setup::Active => Setup::Passive,
        Setup::Passive => Setup::Active,
        Setup::ActPass => Setup::ActPass,
    }
}

fn crate_payload_type(codec: Codec) -> u8 {
    match codec {
        Codec::Opus => 111,
        Codec::G722 => 9,
        Codec::Pcma => 8,
        Codec::Pcmu => 0,
    }
}

fn crate_codec(codec: Codec) -> RTCRtpCodec {
    let (mime_type, clock_rate, channels) = match codec {
        Codec::Opus => (MIME_TYPE_OPUS, 48_000, 2),
        Codec::G722 => (MIME_TYPE_G722, 8_000, 0),
        Codec::Pcma => (MIME_TYPE_PCMA, 8_000, 0),
        Codec::Pcmu => (MIME_TYPE_PCMU, 8_000, 0),
    };
    RTCRtpCodec { mime_type: mime_type.to_owned(), clock_rate, channels, ..Default::default() }
}

/// An address per interface, loopback included (a platform on this machine may offer only that), link-local ones not.
fn interfaces() -> Vec<SocketAddr> {
    let found = rtc::shared::ifaces::ifaces().unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot list the network interfaces");
        Vec::new()
    });
    let mut addresses: Vec<IpAddr> = vec![IpAddr::from([127, 0, 0, 1])];
    for address in found.into_iter().filter_map(|interface| interface.addr).map(|address| address.ip()) {
        let usable = match address {
            IpAddr::V4(v4) => !v4.is_link_local() && !v4.is_unspecified(),
            IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local() && !v6.is_unspecified(),
        };
        if usable && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses.into_iter().map(|address| SocketAddr::new(address, 0)).collect()
}
