//! One DTLS association of a call: the only file (with `tap`) that knows the `webrtc` crate.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
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
        certificate::CertificateParams,
        configuration::{
            RTCOfferOptions,
            media_engine::{MIME_TYPE_G722, MIME_TYPE_OPUS, MIME_TYPE_PCMA, MIME_TYPE_PCMU, MediaEngine},
        },
        sdp::RTCSessionDescription,
        transport::{RTCIceCandidateInit, RTCIceCandidateType},
    },
    rtp,
    rtp_transceiver::rtp_sender::{
        RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
    },
};
use tokio::sync::{mpsc, watch};
use webrtc::{
    media_stream::track_local::{TrackLocal, static_rtp::TrackLocalStaticRTP},
    peer_connection::{
        PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCCertificate, RTCIceConnectionState,
        RTCIceGatheringState, RTCPeerConnectionState, Registry, SettingEngineBuilder, StatsSelector,
        crypto::{self, SignatureScheme},
    },
    rtp_transceiver::RtpSender,
};

use super::{
    MediaError,
    ice::Ice,
    network::Places,
    reporter::{self, Reporter},
    runtime::{Alarm, AlarmRuntime},
    sdp::{Choice, Fingerprints, Local, Remote, Setup},
    tap::{self, Link, Sink, Tap, Told},
    turn::StreamServer,
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
pub const ICE_DISCONNECTED: Duration = Duration::from_secs(4);

/// Disconnected for so long: failed. Never: a failed agent forgets its pairs and asks no more, and only SIP could bring it
/// back; one that goes on asking is answered as soon as packets flow again. `watch` sees to it that nothing else is sent
/// when consent has expired.
const ICE_FAILED: Duration = Duration::ZERO;

/// Pause between consent checks. RFC 7675 5.1 asks for 4 to 6 s; browsers ask every 0.5 to 2.5 s, because it is this that
/// finds a path that is gone, and one that is back.
const ICE_KEEP_ALIVE: Duration = Duration::from_secs(1);

/// How long a pair is held back, where we decide, in favour of a shorter path: one seen by a server, one that only shows
/// when it works, one through a relay. The crate's own 0.5, 1 and 2 s are heard as silence after a restart.
const SRFLX_WAIT: Duration = Duration::from_millis(100);
const PRFLX_WAIT: Duration = Duration::from_millis(150);
const RELAY_WAIT: Duration = Duration::from_millis(300);

/// UDP is tried so long before TCP: sound over TCP stutters with every lost packet.
const TCP_AFTER: Duration = Duration::from_millis(700);

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
    /// What the far end's certificate must be.
    announced: Mutex<Option<Fingerprints>>,
    gathered: watch::Receiver<u64>,
    /// How long gathering may take.
    patience: Duration,
    /// Ours; a peer that takes this one's place must show the same.
    certificate: RTCCertificate,
    /// The ICE credentials are fixed: the crate cannot restart ICE with new ones.
    pinned: bool,
    sender: Arc<dyn RtpSender>,
    /// A path was found.
    found: Arc<AtomicBool>,
    alarm: Arc<Alarm>,
    streams: Arc<[StreamServer]>,
}

/// What of a connection was told to the far end before the connection was made.
struct Promised<'a> {
    local: &'a Local,
    certificate: RTCCertificate,
}

struct Handler {
    number: u64,
    states: mpsc::UnboundedSender<(u64, PeerState)>,
    gathered: watch::Sender<u64>,
    alarm: Arc<Alarm>,
    found: Arc<AtomicBool>,
}

impl Handler {
    fn tell(&self, state: PeerState) {
        if state == PeerState::PathFound {
            self.found.store(true, Relaxed);
        }
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
            self.alarm.ring();
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
        ice: &Ice,
        remote: &Remote,
        setup: Setup,
        wiring: Wiring,
    ) -> Result<(Self, Local), MediaError> {
        let peer = Self::new(number, ice, remote.choice, remote.tcp, wiring, None).await?;
        let local = peer.renegotiate(remote, setup).await?;
        Ok((peer, local))
    }

    /// Makes our own offer; `accept` follows.
    ///
    /// # Errors
    /// [`MediaError::Failed`]
    pub async fn offering(number: u64, ice: &Ice, codec: Codec, wiring: Wiring) -> Result<(Self, Local), MediaError> {
        let peer = Self::new(number, ice, own_choice(codec), true, wiring, None).await?;
        let local = peer.offer(false).await?;
        Ok((peer, local))
    }

    /// Takes the place of `old`, which has offered `local`, for an answer from somebody else than before: what was told
    /// stays true, the association is new. Ends `old`, whose ports it takes.
    ///
    /// # Errors
    /// [`MediaError::Failed`]
    pub async fn instead_of(
        old: &Peer,
        number: u64,
        ice: &Ice,
        local: &Local,
        remote: &Remote,
        wiring: Wiring,
    ) -> Result<Self, MediaError> {
        old.close().await;
        let promised = Promised { local, certificate: old.certificate.clone() };
        let peer = Self::new(number, ice, own_choice(remote.choice.codec), true, wiring, Some(promised)).await?;
        peer.offer(false).await?;
        peer.accept(remote).await?;
        Ok(peer)
    }

    async fn new(
        number: u64,
        ice: &Ice,
        choice: Choice,
        tcp: bool,
        wiring: Wiring,
        promised: Option<Promised<'_>>,
    ) -> Result<Self, MediaError> {
        let mut media_engine = MediaEngine::default();
        // The crate knows one codec; which one is really spoken the tap sees to.
        let parameters =
            RTCRtpCodecParameters { rtp_codec: crate_codec(choice.codec), payload_type: choice.payload_type };
        media_engine.register_codec(parameters, RtpCodecKind::Audio).map_err(failed("register codec"))?;
        let link: Arc<Link> = Arc::default();
        link.speak(crate_codec(choice.codec).clock_rate);
        let registry = Registry::new()
            .with(reporter::SLOT, Reporter::new(link.clone()))
            .with(tap::SLOT, Tap::new(wiring.sink, link.clone(), wiring.told))
            .with(Slot::SenderReport, SenderReportBuilder::new().build());
        let mut settings = SettingEngineBuilder::new()
            .with_ice_connection_attempts(Some(ICE_INTERVAL), Some(ICE_ATTEMPTS))
            .with_ice_timeouts(Some(ICE_DISCONNECTED), Some(ICE_FAILED), Some(ICE_KEEP_ALIVE))
            .with_srflx_acceptance_min_wait(Some(SRFLX_WAIT))
            .with_prflx_acceptance_min_wait(Some(PRFLX_WAIT))
            .with_relay_acceptance_min_wait(Some(RELAY_WAIT))
            // The crate knows SHA-256 alone and keeps a mismatch to itself: `verify` does it, before anything passes.
            .with_disable_certificate_fingerprint_verification(true)
            // A restart binds its sockets anew, on the addresses there are then.
            .with_discard_local_candidates_during_ice_restart(true)
            .with_multicast_dns_mode(MulticastDnsMode::Disabled);
        let pinned = promised.is_some();
        let everywhere = || Places::everywhere(ice.network().clone());
        let (udp, certificate, ssrc) = match promised {
            Some(Promised { local, certificate }) => {
                let (ufrag, pwd) = local.credentials();
                settings = settings.with_ice_credentials(ufrag.to_owned(), pwd.to_owned());
                (Places::first_at(ice.network().clone(), local.udp_ports()), certificate, local.ssrc)
            }
            None => (everywhere(), certificate()?, rand::random::<u32>().max(1)),
        };
        let (runtime, alarm) = AlarmRuntime::new(ice);
        let (gathered_in, gathered) = watch::channel(0);
        let found = Arc::new(AtomicBool::new(false));
        let handler = Handler {
            number,
            states: wiring.states,
            gathered: gathered_in,
            alarm: alarm.clone(),
            found: found.clone(),
        };
        let connection: Arc<dyn PeerConnection> = Arc::new(
            PeerConnectionBuilder::new()
                .with_configuration(ice.configuration(certificate.clone()).await)
                .with_media_engine(media_engine)
                .with_setting_engine(settings.build())
                .with_interceptor_registry(registry)
                .with_handler(Arc::new(handler))
                .with_runtime(runtime)
                .with_udp_addrs(vec![udp])
                .with_tcp_addrs(if tcp && ice.tcp() { vec![everywhere()] } else { Vec::new() })
                .build()
                .await
                .map_err(failed("open sockets"))?,
        );
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
        let added: Arc<dyn TrackLocal> = track.clone();
        let sender = connection.add_track(added).await.map_err(failed("add track"))?;
        Ok(Self {
            number,
            connection,
            track,
            ssrc,
            // In the lower half: a wrap among the first packets, should they get lost, could not be told from none, and
            // SRTP would never agree on the index again (RFC 3711 3.3.1).
            sequence: AtomicU16::new(rand::random::<u16>() >> 1),
            inner_choice: choice,
            link,
            announced: Mutex::new(None),
            gathered,
            patience: ice.patience(),
            certificate,
            pinned,
            sender,
            found,
            alarm,
            streams: ice.streams(),
        })
    }

    /// Whether [`Self::restart`] is possible.
    pub fn can_restart(&self) -> bool {
        !self.pinned
    }

    /// Offers a restart of ICE: new credentials, new sockets on the addresses this machine has now. `accept` follows.
    /// The path there was is given up with this.
    ///
    /// # Errors
    /// [`MediaError::Failed`]
    pub async fn restart(&self) -> Result<Local, MediaError> {
        self.found.store(false, Relaxed);
        self.offer(true).await
    }

    /// Takes an offer back that was refused.
    pub async fn roll_back(&self) {
        let rolled_back = match RTCSessionDescription::rollback(None) {
            Ok(rollback) => self.connection.set_local_description(rollback).await,
            Err(error) => Err(error),
        };
        if let Err(error) = rolled_back {
            tracing::debug!(%error, "an offer was not taken back");
        }
    }

    async fn offer(&self, ice_restart: bool) -> Result<Local, MediaError> {
        let options = RTCOfferOptions { ice_restart };
        let offer = self.connection.create_offer(Some(options)).await.map_err(failed("create offer"))?;
        self.set_local(offer).await
    }

    /// Applies an offer of the far end: the first one, or one that restarts ICE. The crate is shown the codec it began
    /// with, whatever is spoken now.
    ///
    /// # Errors
    /// [`MediaError::Failed`]
    pub async fn renegotiate(&self, remote: &Remote, setup: Setup) -> Result<Local, MediaError> {
        self.announce(remote);
        let offer = remote.for_crate(self.inner_choice, opposite(setup));
        let offer = RTCSessionDescription::offer(offer).map_err(failed("read the offer"))?;
        self.connection.set_remote_description(offer).await.map_err(failed("apply the offer"))?;
        self.try_tcp(remote);
        let answer = self.connection.create_answer(None).await.map_err(failed("create answer"))?;
        self.set_local(answer).await
    }

    /// Applies the answer to our own offer.
    ///
    /// # Errors
    /// [`MediaError::Failed`]
    pub async fn accept(&self, remote: &Remote) -> Result<(), MediaError> {
        self.announce(remote);
        let answer = remote.for_crate(self.inner_choice, remote.setup);
        let answer = RTCSessionDescription::answer(answer).map_err(failed("read the answer"))?;
        self.connection.set_remote_description(answer).await.map_err(failed("apply the answer"))?;
        self.try_tcp(remote);
        Ok(())
    }

    /// Tells the crate where the far end listens for TCP, once UDP has had its chance.
    fn try_tcp(&self, remote: &Remote) {
        let candidates = remote.tcp_candidates.clone();
        if candidates.is_empty() {
            return;
        }
        let wait = if remote.candidates.is_empty() { Duration::ZERO } else { TCP_AFTER };
        let (connection, found, ufrag) = (Arc::downgrade(&self.connection), self.found.clone(), remote.ufrag.clone());
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            for candidate in candidates {
                let Some(connection) = connection.upgrade().filter(|_| !found.load(Relaxed)) else { return };
                let init = RTCIceCandidateInit {
                    candidate: format!("candidate:{candidate}"),
                    sdp_mid: Some("0".into()),
                    sdp_mline_index: Some(0),
                    username_fragment: Some(ufrag.clone()),
                    url: None,
                };
                if let Err(error) = connection.add_ice_candidate(init).await {
                    tracing::debug!(%error, "a TCP candidate was not taken");
                }
            }
        });
    }

    async fn set_local(&self, description: RTCSessionDescription) -> Result<Local, MediaError> {
        let mut gathered = self.gathered.clone();
        let before = *gathered.borrow_and_update();
        // An offer that restarts ICE still names the candidates of before, whose sockets are closed with the restart.
        let is_candidate = |line: &&str| line.starts_with("a=candidate:");
        let mut stale: Vec<String> = description.sdp.lines().filter(is_candidate).map(str::to_owned).collect();
        self.connection.set_local_description(description).await.map_err(failed("apply our own description"))?;
        // Our own addresses are there in about a millisecond; servers may be slow or dead.
        match tokio::time::timeout(self.patience, gathered.wait_for(|times| *times > before)).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) => return Err(MediaError::Failed("the peer connection stopped".into())),
            Err(_) => tracing::info!("not every STUN or TURN server has answered; going on with what there is"),
        }
        let description = self.connection.local_description().await;
        let description = description.ok_or_else(|| MediaError::Failed("no description of our own".into()))?;
        let fresh = description.sdp.split_inclusive('\n').filter(|line| {
            let old = stale.iter().position(|stale| stale == line.trim_end());
            old.map(|old| stale.swap_remove(old)).is_none()
        });
        Local::read(&fresh.collect::<String>(), self.ssrc)
    }

    /// What is spoken from now on: reports count in its clock.
    pub fn speak(&self, codec: Codec) {
        self.link.speak(crate_codec(codec).clock_rate);
    }

    fn announce(&self, remote: &Remote) {
        let mut announced = self.announced.lock().unwrap_or_else(PoisonError::into_inner);
        // The association was made with the first one; it stays that one's.
        if !self.link.trusted() {
            *announced = Some(remote.fingerprints.clone());
        }
    }

    /// Whether the far end of an association that is up has shown the certificate that its description announces
    /// (RFC 8122 5). Only then anything passes.
    pub async fn verify(&self) -> bool {
        if self.link.trusted() {
            return true;
        }
        let shown = match self.sender.transport().await {
            Ok(Some(transport)) => transport.get_remote_certificates().await.unwrap_or_default(),
            Ok(None) | Err(_) => Vec::new(),
        };
        let announced = self.announced.lock().unwrap_or_else(PoisonError::into_inner);
        let matches = shown.first().zip(announced.as_ref()).is_some_and(|(shown, announced)| announced.matches(shown));
        if matches {
            self.link.trust();
        }
        matches
    }

    /// Whether anything is sent: while the far end gives signs of life (RFC 7675).
    pub fn set_consent(&self, consents: bool) {
        self.link.set_consent(consents);
    }

    /// Sends a packet; before the association is up it is dropped. Tells whether it was sent.
    pub async fn send(&self, out: RtpOut) -> bool {
        if !self.link.open() {
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
        let kind = self.path_kind().await;
        self.alarm.set_relays(!matches!(kind, Some(PathKind::Host | PathKind::ServerReflexive)));
        Some(((pair.current_round_trip_time * 1000.0) as f32, kind))
    }

    /// The statistics know no candidates; the transport does.
    async fn path_kind(&self) -> Option<PathKind> {
        let transport = self.sender.transport().await.ok()??;
        let pair = transport.ice_transport().get_selected_candidate_pair().await.ok()??;
        match pair.local().typ {
            RTCIceCandidateType::Host => Some(PathKind::Host),
            RTCIceCandidateType::Srflx | RTCIceCandidateType::Prflx => Some(PathKind::ServerReflexive),
            RTCIceCandidateType::Relay => Some(PathKind::Relay),
            RTCIceCandidateType::Unspecified | _ => None,
        }
    }

    /// Where on this machine the path in use begins, and where it ends if that is not behind a relay of ours.
    pub async fn ends(&self) -> Option<(IpAddr, Option<SocketAddr>)> {
        let transport = self.sender.transport().await.ok()??;
        let pair = transport.ice_transport().get_selected_candidate_pair().await.ok()??;
        let (local, remote) = (pair.local(), pair.remote());
        let begin = if local.typ == RTCIceCandidateType::Host { &local.address } else { &local.related_address };
        let end = remote.address.parse().ok().filter(|_| local.typ != RTCIceCandidateType::Relay);
        let mut begin: IpAddr = begin.parse().ok()?;
        if local.typ == RTCIceCandidateType::Relay && begin.is_loopback() {
            // What reaches a server over a stream stands on the stream, not on the socket it is for.
            begin = self.streams.iter().find_map(StreamServer::source).unwrap_or(begin);
        }
        Some((begin, end.map(|address| SocketAddr::new(address, remote.port))))
    }

    /// Ends the association; idempotent.
    pub async fn close(&self) {
        self.set_consent(false);
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

/// A certificate of our own, as the crate would make it.
///
/// # Errors
/// [`MediaError::Failed`]
pub fn certificate() -> Result<RTCCertificate, MediaError> {
    let failed = |error: String| MediaError::Failed(format!("make a certificate: {error}"));
    let provider = crypto::default_provider().map_err(|error| failed(error.to_string()))?;
    let name = format!("{:016x}", rand::random::<u64>());
    let params = CertificateParams::new(vec![name]).map_err(|error| failed(error.to_string()))?;
    RTCCertificate::generate(provider.crypto(), SignatureScheme::EcdsaP256Sha256, params)
        .map_err(|error| failed(error.to_string()))
}

/// How a codec is numbered inside the crate where the far end has not numbered it.
fn own_choice(codec: Codec) -> Choice {
    let (payload_type, wishes) = (crate_payload_type(codec), OpusWishes::default());
    Choice { codec, payload_type, event: None, wishes, short_packets: false }
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
