//! A client for tests: raw SIP over a WebSocket and a WebRTC answerer, as far from the real client's code as can be.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MIME_TYPE_PCMU, MediaEngine};
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message as Frame};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState, RTCPeerConnectionState,
};

use super::super::codec::{Codec, Listener, Speaker};
use super::super::sip::{Message, param_of, random_token, tag_of, uri_of};
use super::super::sound::{RATE, locked};
use super::super::voices::Tone;
use super::super::{digest, measure};
use super::within;

/// A WebSocket with the `sip` subprotocol.
pub struct Line {
    out: mpsc::UnboundedSender<String>,
    pub(super) incoming: mpsc::UnboundedReceiver<Message>,
    /// Answers to keep-alives.
    pub pongs: mpsc::UnboundedReceiver<()>,
}

impl Line {
    pub async fn connect(address: SocketAddr) -> Result<Line, tungstenite::Error> {
        let stream = TcpStream::connect(address).await?;
        Line::over(stream, &format!("ws://{address}/any/path"), Some("sip")).await
    }

    pub async fn over<S>(stream: S, url: &str, subprotocol: Option<&str>) -> Result<Line, tungstenite::Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut request = url.into_client_request()?;
        if let Some(name) = subprotocol {
            request.headers_mut().insert("Sec-WebSocket-Protocol", name.parse().unwrap());
        }
        let (mut socket, response) = tokio_tungstenite::client_async(request, stream).await?;
        assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "sip");
        let (out, mut queue) = mpsc::unbounded_channel::<String>();
        let (arrived, incoming) = mpsc::unbounded_channel();
        let (pongs, pong) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    message = queue.recv() => match message {
                        Some(message) => socket.send(Frame::text(message)).await.unwrap(),
                        None => return,
                    },
                    frame = socket.next() => match frame {
                        Some(Ok(Frame::Text(text))) if text.as_str() == "\r\n" => drop(pongs.send(())),
                        Some(Ok(Frame::Text(text))) => drop(arrived.send(Message::parse(&text).unwrap())),
                        Some(Ok(_)) => {}
                        Some(Err(_)) | None => return,
                    },
                }
            }
        });
        Ok(Line { out, incoming, pongs: pong })
    }

    pub fn send(&self, message: Message) {
        self.send_text(&message.to_text());
    }

    pub fn send_text(&self, text: &str) {
        self.out.send(text.to_owned()).unwrap();
    }

    pub async fn next(&mut self) -> Message {
        within(self.incoming.recv()).await.expect("the switch has closed the connection")
    }

    /// Waits until the switch has cut the connection.
    pub async fn closed(&mut self) {
        while within(self.incoming.recv()).await.is_some() {}
    }

    /// Whether nothing arrives for that long.
    pub async fn is_quiet(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.incoming.recv()).await.is_err()
    }
}

/// A registered account.
pub struct Client {
    pub line: Line,
    pub user: String,
    contact: String,
    call_id: String,
    cseq: u32,
}

impl Client {
    pub async fn register(address: SocketAddr, user: &str, password: &str) -> Client {
        let line = Line::connect(address).await.unwrap();
        let mut client = Client::on(line, user);
        let reply = client.sign_on(password, 600).await;
        assert_eq!(reply.code(), Some(200));
        client
    }

    pub fn on(line: Line, user: &str) -> Client {
        let contact = format!("sip:{}@192.0.2.7;transport=ws", random_token());
        Client { line, user: user.to_owned(), contact, call_id: random_token(), cseq: 1 }
    }

    /// The same client, connected anew.
    pub async fn reconnect(&mut self, address: SocketAddr, password: &str) {
        self.line = Line::connect(address).await.unwrap();
        assert_eq!(self.sign_on(password, 600).await.code(), Some(200));
    }

    /// REGISTER, and again with the digest the challenge asks for.
    pub async fn sign_on(&mut self, password: &str, expires: u32) -> Message {
        self.line.send(self.register_request(expires, None));
        let challenge = self.line.next().await;
        assert_eq!(challenge.code(), Some(401));
        let header = challenge.header("WWW-Authenticate").unwrap();
        let answer = digest::answer_for_tests(header, "REGISTER", "sip:switch.test", &self.user, password);
        self.cseq += 1;
        self.line.send(self.register_request(expires, Some(&answer)));
        self.cseq += 1;
        self.line.next().await
    }

    pub fn register_request(&self, expires: u32, authorization: Option<&str>) -> Message {
        let mut request = Message::request("REGISTER", "sip:switch.test")
            .with("Via", &format!("SIP/2.0/WS 192.0.2.7;branch=z9hG4bK{}", random_token()))
            .with("To", &format!("<sip:{}@switch.test>", self.user))
            .with("From", &format!("<sip:{}@switch.test>;tag=abc", self.user))
            .with("Call-ID", &self.call_id)
            .with("CSeq", &format!("{} REGISTER", self.cseq))
            .with("Contact", &format!("<{}>;reg-id=1;expires={expires}", self.contact));
        if let Some(value) = authorization {
            request.push("Authorization", value);
        }
        request
    }

    pub fn contact(&self) -> &str {
        &self.contact
    }

    pub async fn expect(&mut self, method: &str) -> Message {
        let message = self.line.next().await;
        assert_eq!((message.method(), message.code()), (method, None), "{}", message.to_text());
        message
    }

    /// Waits for an INVITE and says 100 and 180.
    pub async fn ring(&mut self) -> Message {
        let invite = self.expect("INVITE").await;
        self.line.send(Message::response(&invite, 100, "Trying", ""));
        self.line.send(self.reply(&invite, 180, "Ringing"));
        invite
    }

    pub fn reply(&self, request: &Message, code: u16, reason: &str) -> Message {
        Message::response(request, code, reason, "client-tag").with("Contact", &format!("<{}>", self.contact))
    }

    /// Answers an INVITE with sound in that codec, and waits for the ACK.
    pub async fn answer(&mut self, invite: &Message, codec: Codec) -> Sound {
        let (sound, sdp) = Sound::answer(&invite.body, codec, 1000.0).await;
        self.line.send(self.reply(invite, 200, "OK").with_body("application/sdp", &sdp));
        let ack = self.expect("ACK").await;
        assert_eq!(ack.cseq().0, invite.cseq().0);
        assert_eq!(tag_of(ack.header("To").unwrap()), Some("client-tag"));
        sound
    }

    /// A request inside the dialog of `invite`, its route set from Record-Route.
    pub fn in_dialog(&self, invite: &Message, method: &str, cseq: u32) -> Message {
        let mut request = Message::request(method, uri_of(invite.header("Contact").unwrap()));
        for route in invite.values("Record-Route") {
            request.push("Route", route);
        }
        request
            .with("Via", &format!("SIP/2.0/WS 192.0.2.7;branch=z9hG4bK{}", random_token()))
            .with("To", invite.header("From").unwrap())
            .with("From", &format!("{};tag=client-tag", invite.header("To").unwrap()))
            .with("Call-ID", invite.call_id())
            .with("CSeq", &format!("{cseq} {method}"))
    }
}

/// The lifetime granted in a 200 to REGISTER.
pub fn granted(reply: &Message) -> Option<&str> {
    reply.header("Contact").and_then(|contact| param_of(contact, "expires"))
}

/// The client's end of a call's sound: says a tone at -12 dBFS and keeps what it hears.
pub struct Sound {
    connection: Arc<dyn PeerConnection>,
    pub(super) heard: Arc<Mutex<Vec<f32>>>,
}

struct Events {
    gathered: watch::Sender<bool>,
    connected: watch::Sender<bool>,
    heard: Arc<Mutex<Vec<f32>>>,
    codec: Codec,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Events {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.gathered.send_replace(state == RTCIceGatheringState::Complete);
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.connected.send_replace(state == RTCPeerConnectionState::Connected);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let (heard, mut listener) = (Arc::clone(&self.heard), Listener::new(self.codec).unwrap());
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    locked(&heard).extend(listener.decode(&packet.payload));
                }
            }
        });
    }
}

impl Sound {
    pub(super) async fn answer(offer: &str, codec: Codec, hz: f32) -> (Sound, String) {
        let offer = RTCSessionDescription::offer(offer.to_owned()).unwrap();
        Sound::begin(Some(offer), codec, hz).await
    }

    /// Another certificate, another connection.
    pub(super) async fn offer(codec: Codec, hz: f32) -> (Sound, String) {
        Sound::begin(None, codec, hz).await
    }

    pub(super) async fn accept(&self, answer: &str) {
        let answer = RTCSessionDescription::answer(answer.to_owned()).unwrap();
        self.connection.set_remote_description(answer).await.unwrap();
    }

    async fn begin(offer: Option<RTCSessionDescription>, codec: Codec, hz: f32) -> (Sound, String) {
        let (mime_type, clock_rate, channels, payload_type) = match codec {
            Codec::Opus => (MIME_TYPE_OPUS, 48_000, 2, 111),
            Codec::Pcmu => (MIME_TYPE_PCMU, 8000, 1, 0),
            Codec::G722 | Codec::Pcma => panic!("not used here"),
        };
        let rtp_codec = RTCRtpCodec { mime_type: mime_type.to_owned(), clock_rate, channels, ..Default::default() };
        let mut engine = MediaEngine::default();
        let parameters = RTCRtpCodecParameters { rtp_codec: rtp_codec.clone(), payload_type };
        engine.register_codec(parameters, RtpCodecKind::Audio).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (gathered_tx, mut gathered) = watch::channel(false);
        let (connected_tx, mut connected) = watch::channel(false);
        let events = Events { gathered: gathered_tx, connected: connected_tx, heard: Arc::clone(&heard), codec };
        let connection: Arc<dyn PeerConnection> = Arc::new(
            PeerConnectionBuilder::new()
                .with_media_engine(engine)
                .with_handler(Arc::new(events))
                .with_udp_addrs(vec!["127.0.0.1:0"])
                .build()
                .await
                .unwrap(),
        );
        let ssrc = 4711;
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
            codec: rtp_codec,
            ..Default::default()
        };
        let track = Arc::new(TrackLocalStaticRTP::new(rtc::media_stream::MediaStreamTrack::new(
            "s".into(),
            "t".into(),
            "l".into(),
            RtpCodecKind::Audio,
            vec![encoding],
        )));
        let ours = match offer {
            Some(offer) => {
                connection.set_remote_description(offer).await.unwrap();
                connection.add_track(Arc::clone(&track) as Arc<dyn TrackLocal>).await.unwrap();
                connection.create_answer(None).await.unwrap()
            }
            None => {
                connection.add_track(Arc::clone(&track) as Arc<dyn TrackLocal>).await.unwrap();
                connection.create_offer(None).await.unwrap()
            }
        };
        connection.set_local_description(ours).await.unwrap();
        within(gathered.wait_for(|done| *done)).await.unwrap();
        let sdp = connection.local_description().await.unwrap().sdp;
        tokio::spawn(async move {
            connected.wait_for(|up| *up).await.unwrap();
            let (mut tone, mut speaker) = (Tone::new(hz), Speaker::new(codec).unwrap());
            let mut clock = tokio::time::interval(Duration::from_millis(20));
            for number in 0_u16.. {
                clock.tick().await;
                let header = rtc::rtp::Header {
                    version: 2,
                    payload_type,
                    sequence_number: number,
                    timestamp: u32::from(number) * codec.ticks(),
                    ssrc,
                    ..Default::default()
                };
                let payload = speaker.encode(&tone.next()).unwrap().into();
                if track.write_rtp(rtc::rtp::Packet { header, payload }).await.is_err() {
                    return;
                }
            }
        });
        (Sound { connection, heard }, sdp)
    }

    /// Frequency and level of the last half second heard, once there is so much.
    pub fn hears(&self) -> Option<(f32, f32)> {
        let heard = locked(&self.heard);
        let from = heard.len().checked_sub(RATE / 2)?;
        measure::strongest(&heard[from..])
    }

    /// How many samples have been heard so far.
    pub fn samples(&self) -> usize {
        locked(&self.heard).len()
    }

    pub async fn close(self) {
        self.connection.close().await.unwrap();
    }
}
