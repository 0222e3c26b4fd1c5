//! The whole network goes away in a call, SIP and sound, and comes back: with real sound, over a path that can be cut, to
//! far ends that take a new certificate in a later offer as another party.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    time::Instant,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    sync::watch,
};

use super::*;
use crate::softphone::{MediaEvent, media::tests::FarEnd};

/// A network between phone and server that can be away: then nothing gets through, and nobody is told.
#[derive(Clone)]
struct Path {
    there: watch::Sender<bool>,
}

impl Path {
    fn new() -> Self {
        Self { there: watch::Sender::new(true) }
    }

    fn set(&self, there: bool) {
        self.there.send_replace(there);
    }

    fn is_there(&self) -> bool {
        *self.there.borrow()
    }

    /// What comes waits, as TCP makes it wait.
    async fn carry(&self, mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin) {
        let mut there = self.there.subscribe();
        let mut buffer = [0; 4096];
        while let Ok(read) = from.read(&mut buffer).await {
            let through = there.wait_for(|there| *there).await.is_ok() && to.write_all(&buffer[..read]).await.is_ok();
            if read == 0 || !through {
                break;
            }
        }
        to.shutdown().await.unwrap_or_default();
    }

    /// A TCP address that leads to `to`.
    async fn tcp(&self, to: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (at, path) = (listener.local_addr().unwrap(), self.clone());
        tokio::spawn(async move {
            while let Ok((phone, _)) = listener.accept().await {
                let path = path.clone();
                tokio::spawn(async move {
                    let (from_phone, to_phone) = phone.into_split();
                    let (from_server, to_server) = TcpStream::connect(to).await.unwrap().into_split();
                    tokio::join!(path.carry(from_phone, to_server), path.carry(from_server, to_phone));
                });
            }
        });
        at
    }

    /// A UDP address that leads to `to` and back to whoever spoke last. What comes while the network is away is lost.
    async fn udp(&self, to: SocketAddr) -> SocketAddr {
        let (phones, servers) =
            (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let (at, path) = (phones.local_addr().unwrap(), self.clone());
        tokio::spawn(async move {
            let mut phone = None;
            let (mut one, mut other) = ([0; 2048], [0; 2048]);
            loop {
                tokio::select! {
                    Ok((read, from)) = phones.recv_from(&mut one) => if path.is_there() {
                        phone = Some(from);
                        servers.send_to(&one[..read], to).await.unwrap_or_default();
                    },
                    Ok((read, _)) = servers.recv_from(&mut other) => if let Some(phone) = phone.filter(|_| path.is_there()) {
                        phones.send_to(&other[..read], phone).await.unwrap_or_default();
                    },
                    else => return,
                }
            }
        });
        at
    }
}

/// The platform: registrar, caller and far end in one.
struct Platform {
    far: FarEnd,
    /// What SIP goes through, and the sound.
    sip: Path,
    sound: Path,
    /// The phone's certificate, as first told.
    fingerprint: Mutex<Option<String>>,
    /// Ends the call when the certificate changes (Asterisk 16 and 22); else answers as if nothing was.
    strict: bool,
    /// Loses this many re-INVITEs with the connection they came over.
    loses: AtomicU32,
    called: AtomicBool,
    hung_up: AtomicBool,
    reinvites: AtomicU32,
}

fn value<'a>(sdp: &'a str, name: &str) -> &'a str {
    sdp.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name} in {sdp}"))
}

impl Platform {
    async fn new(strict: bool, loses: u32) -> Arc<Self> {
        Arc::new(Self {
            far: FarEnd::new().await,
            sip: Path::new(),
            sound: Path::new(),
            fingerprint: Mutex::default(),
            strict,
            loses: loses.into(),
            called: false.into(),
            hung_up: false.into(),
            reinvites: 0.into(),
        })
    }

    /// A description of the far end that leads through the network.
    async fn through_the_path(&self, sdp: &str) -> String {
        let candidate = sdp.lines().find(|line| line.starts_with("a=candidate:") && line.contains(" 1 udp ")).unwrap();
        let words: Vec<&str> = candidate.split(' ').collect();
        let at: SocketAddr = format!("{}:{}", words[4], words[5]).parse().unwrap();
        let relay = self.sound.udp(at).await;
        let led = candidate.replace(&format!("{} {}", words[4], words[5]), &format!("{} {}", relay.ip(), relay.port()));
        without_candidates(sdp) + &led + "\r\n"
    }

    async fn serve(self: Arc<Self>, listener: TcpListener) {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(self.clone().talk(Conn::over(socket).await));
        }
    }

    async fn talk(self: Arc<Self>, mut conn: Conn) {
        while let Some(text) = conn.next().await {
            match text.split(' ').next().unwrap_or_default() {
                "REGISTER" => {
                    let expires = format!("Contact: {};expires=300\r\n", field(&text, "Contact"));
                    conn.reply(&text, "200 OK", &expires).await;
                    if !self.called.swap(true, Relaxed) {
                        let offer = self.through_the_path(&self.far.offer().await).await;
                        let length = format!("Content-Length: {}\r\n\r\n{offer}", offer.len());
                        let call = invite(&text, "c1", "Call-Info: answer-after=0\r\n");
                        conn.send(call.replace("Content-Length: 11\r\n\r\nv=0 offer\r\n", &length)).await;
                    }
                }
                "SIP/2.0" if field(&text, "CSeq") == "10 INVITE" && text.starts_with("SIP/2.0 200") => {
                    let answer = text.split("\r\n\r\n").nth(1).unwrap();
                    let known =
                        self.fingerprint.lock().unwrap().replace(value(answer, "a=fingerprint:").into()).is_some();
                    conn.send(ack(&text)).await;
                    if !known {
                        self.far.accept(&without_candidates(answer)).await;
                    }
                }
                "INVITE" => {
                    let offer = text.split("\r\n\r\n").nth(1).unwrap();
                    if self.loses.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
                        return conn.cut();
                    }
                    let same = self.fingerprint.lock().unwrap().as_deref() == Some(value(offer, "a=fingerprint:"));
                    let answer = self.far.answer(&without_candidates(offer)).await;
                    let answer = self.through_the_path(&answer).await;
                    let contact = "Contact: <sip:x@y>\r\n";
                    conn.reply_with(&text, "200 OK", contact, &answer).await;
                    self.reinvites.fetch_add(1, Relaxed);
                    if !same && self.strict {
                        self.hung_up.store(true, Relaxed);
                    }
                }
                _ => {}
            }
        }
    }
}

/// A description whose writer is found by what comes from it.
fn without_candidates(sdp: &str) -> String {
    let kept = |line: &&str| !line.starts_with("a=candidate:") && !line.starts_with("a=end-of-candidates");
    sdp.lines().filter(kept).map(|line| format!("{line}\r\n")).collect()
}

/// A call over a network that can be cut.
struct Call {
    platform: Arc<Platform>,
    events: mpsc::UnboundedReceiver<Event>,
    softphone: Softphone,
}

impl Call {
    async fn begin(platform: Arc<Platform>) -> Self {
        crate::net::tls::install_provider();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = platform.sip.tcp(listener.local_addr().unwrap()).await;
        tokio::spawn(platform.clone().serve(listener));
        let settings = Settings {
            ws_server: format!("ws://{at}").parse().unwrap(),
            domain: "sip.example.test".into(),
            dialer: Dialer::direct(Tls::new(None).unwrap()),
            audio: AudioConfig {
                backend: crate::config::AudioBackend::Null,
                codecs: vec![crate::config::Codec::Pcma],
                ..AudioConfig::default()
            },
            ice: IceConfig::default(),
        };
        let (tell, mut events) = mpsc::unbounded_channel();
        let softphone = Softphone::start(settings, move |event| tell.send(event).unwrap_or_default());
        softphone.send(Command::Register(account()));
        let call_id = loop {
            let event = timeout(LIMIT, events.recv()).await.expect("no call").expect("ended");
            if let Event::Incoming { call_id, .. } = event {
                break call_id;
            }
        };
        softphone.send(Command::Answer { call_id });
        let mut call = Self { platform, events, softphone };
        call.sound(Duration::from_secs(10)).await;
        call
    }

    /// Waits until both sides hear each other, and says how long that took.
    async fn sound(&mut self, patience: Duration) -> Duration {
        let begin = Instant::now();
        while self.events.try_recv().is_ok() {}
        let heard = self.platform.far.heard();
        let mut received = None;
        loop {
            assert!(begin.elapsed() < patience, "no sound within {patience:?}");
            // Figures come once a second: two that differ, or the first of a call that has just come back.
            let event = timeout(patience, self.events.recv()).await.expect("no event").expect("ended");
            if let Event::Ended { cause, .. } = &event {
                panic!("the call is over: {cause:?}");
            }
            if let Event::Media(MediaEvent::Stats(stats)) = event {
                let before = *received.get_or_insert(stats.packets_received);
                if stats.packets_received > before + 20 && self.platform.far.heard() > heard + 20 {
                    return begin.elapsed();
                }
            }
        }
    }

    /// The network is away for so long. Nobody ends the call, and the sound comes back.
    async fn survives(&mut self, outage: Duration) {
        let set = |there| [&self.platform.sip, &self.platform.sound].map(|path| path.set(there));
        set(false);
        tokio::time::sleep(outage).await;
        set(true);
        let back = self.sound(Duration::from_secs(8)).await;
        let reinvites = self.platform.reinvites.load(Relaxed);
        println!("{outage:?} away: sound both ways for a second {back:?} after, {reinvites} re-INVITEs answered");
        assert!(!self.platform.hung_up.load(Relaxed), "another certificate was offered");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_outlives_the_network_however_long_it_is_away() {
    let outages = [4, 6, 8, 15, 25, 60].map(|seconds| async move {
        for strict in [true, false] {
            let mut call = Call::begin(Platform::new(strict, 0).await).await;
            call.survives(Duration::from_secs(seconds)).await;
            // What works once works twice.
            if seconds < 10 {
                call.survives(Duration::from_secs(seconds)).await;
            }
            call.softphone.shutdown().await;
            if seconds > 20 {
                break;
            }
        }
    });
    futures_util::future::join_all(outages).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_gets_lost_with_its_connection_is_made_again_on_the_same_association() {
    let mut call = Call::begin(Platform::new(true, 1).await).await;
    // The sound alone is gone: SIP answers, the restart goes out and gets lost.
    call.platform.sound.set(false);
    let patience = Instant::now() + Duration::from_secs(30);
    while call.platform.reinvites.load(Relaxed) == 0 {
        assert!(Instant::now() < patience, "no other restart");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    call.platform.sound.set(true);
    call.sound(Duration::from_secs(8)).await;
    assert!(!call.platform.hung_up.load(Relaxed), "another certificate was offered");
    call.softphone.shutdown().await;
}
