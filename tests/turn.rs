//! Calls through coturn, a STUN and TURN server that shares no code with the program: only relayed, over UDP,
//! TCP and TLS, with a restart of ICE in between, with a password that is refused, and with a server that is gone for a
//! while.
//!
//! Needs Debian's `coturn`; says so and stops where it is missing.

// A test's helpers may stop the test.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[path = "common/could_not_run.rs"]
mod could_not_run;

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use could_not_run::could_not_run;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
};
use wincall_tui::{
    config::{AudioBackend, AudioConfig, Codec, IceConfig, IcePolicy, IceServer, TokenSource},
    net::tls::Tls,
    softphone::{
        Event, MediaEvent,
        media::{Media, Wish},
    },
};

const PASSWORD: &str = "correct horse";
const LIMIT: Duration = Duration::from_secs(12);

/// How the phone reaches the server.
#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    Udp,
    Tcp,
    Tls,
}

struct Turn {
    process: Child,
    by: By,
    port: u16,
    tls_port: u16,
    dir: tempfile::TempDir,
}

impl Turn {
    /// The server, or what is missing. It takes nothing over UDP unless that is how it is to be reached.
    async fn start(by: By) -> Result<Self, String> {
        let dir = tempfile::tempdir().expect("a directory");
        let free =
            || TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
        let (port, tls_port) = (free(), free());
        certificates(dir.path());
        let process = run(dir.path(), by, port, tls_port)
            .map_err(|error| format!("Debian package coturn is missing ({error}); apt-get install coturn"))?;
        let turn = Self { process, by, port, tls_port, dir };
        turn.answers().await;
        Ok(turn)
    }

    fn kill(&mut self) {
        // What is gone already is as good.
        self.process.kill().ok();
        self.process.wait().ok();
    }

    async fn start_again(&mut self) {
        self.process = run(self.dir.path(), self.by, self.port, self.tls_port).expect("it ran before");
        self.answers().await;
    }

    /// Waits until it answers a STUN binding request (RFC 8489 6).
    async fn answers(&self) {
        let begin = Instant::now();
        while !self.answered().await.unwrap_or_default() {
            let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            assert!(begin.elapsed() < LIMIT, "coturn does not start: {log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn answered(&self) -> std::io::Result<bool> {
        let request = *b"\x00\x01\x00\x00\x21\x12\xa4\x42wincall-test";
        let mut answer = [0; 512];
        let patience = Duration::from_millis(50);
        let bytes = if self.by == By::Udp {
            let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await?;
            socket.send_to(&request, ("127.0.0.1", self.port)).await?;
            tokio::time::timeout(patience, socket.recv(&mut answer)).await??
        } else {
            if self.by == By::Tls {
                drop(tokio::net::TcpStream::connect(("127.0.0.1", self.tls_port)).await?);
            }
            let mut socket = tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await?;
            socket.write_all(&request).await?;
            tokio::time::timeout(patience, socket.read(&mut answer)).await??
        };
        Ok(bytes >= 20)
    }

    fn config(&self, policy: IcePolicy, password: &str) -> IceConfig {
        let Self { port, tls_port, .. } = self;
        let urls = match self.by {
            By::Udp => vec![format!("stun:127.0.0.1:{port}"), format!("turn:127.0.0.1:{port}")],
            By::Tcp => vec![format!("turn:127.0.0.1:{port}?transport=tcp")],
            By::Tls => vec![format!("turns:localhost:{tls_port}?transport=tcp")],
        };
        IceConfig {
            servers: vec![IceServer {
                urls: urls.iter().map(|url| url.parse().expect("an address")).collect(),
                username: Some("agent".into()),
                credential: Some(TokenSource::Inline(password.to_owned().into())),
            }],
            policy,
            gather: Duration::from_secs(3),
            ..IceConfig::default()
        }
    }

    /// Whom the phone trusts: the authority of this server alone.
    fn tls(&self) -> Tls {
        Tls::new(Some(&self.dir.path().join("ca.pem"))).expect("the authority's certificate")
    }
}

/// An authority of this server's own, and a certificate of it for "localhost".
fn certificates(dir: &Path) {
    let mut params = CertificateParams::new(Vec::new()).expect("an authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a server");
    let certificate = params.signed_by(&key, &*authority).expect("a certificate");
    for (name, pem) in [("ca.pem", authority.pem()), ("cert.pem", certificate.pem()), ("key.pem", key.serialize_pem())]
    {
        std::fs::write(dir.join(name), pem).expect("a file");
    }
}

fn run(dir: &Path, by: By, port: u16, tls_port: u16) -> std::io::Result<Child> {
    let file = |name: &str| dir.join(name).display().to_string();
    let log = std::fs::File::create(dir.join("log"))?;
    let mut command = Command::new("turnserver");
    command
        .args(["-n", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--allow-loopback-peers"])
        .arg(format!("--listening-port={port}"))
        .arg(format!("--tls-listening-port={tls_port}"))
        .args(["--lt-cred-mech", "--realm=example.test", "--no-cli", "--no-tcp-relay"])
        .arg(format!("--user=agent:{PASSWORD}"))
        .arg(format!("--pidfile={}", file("pid")))
        .arg(format!("--userdb={}", file("users")))
        .args(["--log-file=stdout", "--min-port=52000", "--max-port=52999"])
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    if by != By::Udp {
        command.arg("--no-udp");
    }
    if by == By::Tls {
        command.arg(format!("--cert={}", file("cert.pem"))).arg(format!("--pkey={}", file("key.pem")));
    } else {
        command.arg("--no-tls");
    }
    command.spawn()
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.kill();
    }
}

struct Phone {
    media: Media,
    events: mpsc::UnboundedReceiver<MediaEvent>,
    wishes: mpsc::UnboundedReceiver<Wish>,
}

impl Phone {
    fn new(ice: IceConfig, tls: &Tls) -> Self {
        let (tell, events) = mpsc::unbounded_channel();
        let audio = AudioConfig { backend: AudioBackend::Null, codecs: vec![Codec::Pcma], ..AudioConfig::default() };
        let on_event = Arc::new(move |event| {
            if let Event::Media(event) = event {
                tell.send(event).unwrap_or_default();
            }
        });
        let mut media = Media::with_ice(audio, ice, tls, on_event);
        let wishes = media.wishes();
        Self { media, events, wishes }
    }

    async fn wait(&mut self, what: &str, wanted: impl Fn(&MediaEvent) -> bool) {
        let until = tokio::time::Instant::now() + LIMIT;
        loop {
            let event = tokio::time::timeout_at(until, self.events.recv()).await;
            let event = event.unwrap_or_else(|_| panic!("{what}: not in time")).expect("more events");
            if wanted(&event) {
                return;
            }
        }
    }

    /// Waits until another path is asked for.
    async fn wants_a_restart(&mut self) {
        let until = tokio::time::Instant::now() + 2 * LIMIT;
        loop {
            let wish = tokio::time::timeout_at(until, self.wishes.recv()).await;
            if let Wish::Restart { .. } = wish.expect("no restart is asked for").expect("more wishes") {
                return;
            }
        }
    }

    /// Waits until sound has come for two seconds from now.
    async fn hears(&mut self) {
        let mut counts = Vec::new();
        let until = tokio::time::Instant::now() + LIMIT;
        while tokio::time::Instant::now() < until {
            let event = tokio::time::timeout_at(until, self.events.recv()).await;
            if let Ok(Some(MediaEvent::Stats(stats))) = event {
                counts.push(stats.packets_received);
                if let [.., before, _, now] = counts.as_slice()
                    && now - before >= 80
                {
                    return;
                }
            }
        }
        panic!("no sound: {counts:?} packets");
    }
}

fn candidates(sdp: &str) -> Vec<&str> {
    sdp.lines().filter_map(|line| line.strip_prefix("a=candidate:")).collect()
}

/// Both sides in one process: one offers, the other answers.
async fn connect(caller: &Phone, callee: &Phone, restart: bool) -> (String, String) {
    let offer = caller.media.offer("call", restart).await.expect("an offer");
    let answer = callee.media.answer("call", &offer).await.expect("an answer");
    caller.media.accept_answer("call", &answer).await.expect("the answer is taken");
    (offer, answer)
}

async fn a_call_through_the_relay_alone(by: By) {
    let turn = match Turn::start(by).await {
        Ok(turn) => turn,
        Err(reason) => return could_not_run(&reason),
    };
    let relay = || Phone::new(turn.config(IcePolicy::Relay, PASSWORD), &turn.tls());
    let (mut caller, mut callee) = (relay(), relay());
    let begin = Instant::now();
    let (offer, answer) = connect(&caller, &callee, false).await;
    println!("offer and answer with a relay each: {:?}", begin.elapsed());
    for sdp in [&offer, &answer] {
        let shown = candidates(sdp);
        assert!(!shown.is_empty() && shown.iter().all(|line| line.contains(" typ relay ")), "{sdp}");
        assert!(!sdp.contains("0.0.0.0 5"), "{sdp}");
    }
    let up = |event: &MediaEvent| matches!(event, MediaEvent::Up { .. });
    caller.wait("the caller is connected", up).await;
    callee.wait("the callee is connected", up).await;
    println!("encrypted both ways: {:?}", begin.elapsed());
    caller.hears().await;
    callee.hears().await;

    let again = Instant::now();
    let (second, _) = connect(&caller, &callee, true).await;
    assert_ne!(candidates(&offer), candidates(&second), "another relay");
    println!("offer and answer of the restart: {:?}", again.elapsed());
    caller.hears().await;
    callee.hears().await;
    caller.media.close("call").await;
    callee.media.close("call").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_through_the_relay_alone_and_so_does_its_restart() {
    a_call_through_the_relay_alone(By::Udp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_through_a_relay_over_tcp_alone_and_so_does_its_restart() {
    a_call_through_the_relay_alone(By::Tcp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_through_a_relay_over_tls_alone_and_so_does_its_restart() {
    a_call_through_the_relay_alone(By::Tls).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_over_tls_whose_certificate_is_not_trusted_gets_no_call() {
    let turn = match Turn::start(By::Tls).await {
        Ok(turn) => turn,
        Err(reason) => return could_not_run(&reason),
    };
    let config = IceConfig { gather: Duration::from_millis(700), ..turn.config(IcePolicy::All, PASSWORD) };
    let stranger = Phone::new(config, &Tls::new(None).expect("the system's authorities"));
    let offer = stranger.media.offer("call", false).await.expect("an offer");
    assert!(!offer.contains(" typ relay ") && offer.contains(" typ host "), "{offer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sound_comes_back_when_a_relay_over_tcp_does() {
    let mut turn = match Turn::start(By::Tcp).await {
        Ok(turn) => turn,
        Err(reason) => return could_not_run(&reason),
    };
    let relay = || Phone::new(turn.config(IcePolicy::Relay, PASSWORD), &turn.tls());
    let (mut caller, mut callee) = (relay(), relay());
    connect(&caller, &callee, false).await;
    caller.hears().await;
    callee.hears().await;
    turn.kill();
    caller.wants_a_restart().await;
    // It is tried while there is no relay: nothing hangs, and nothing is found.
    let offer = caller.media.offer("call", true).await.expect("an offer without a path");
    assert!(candidates(&offer).is_empty(), "{offer}");
    caller.media.rollback("call").await;
    turn.start_again().await;
    caller.wants_a_restart().await;
    connect(&caller, &callee, true).await;
    caller.hears().await;
    callee.hears().await;
    caller.media.close("call").await;
    callee.media.close("call").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_password_costs_the_relay_and_not_the_call() {
    let turn = match Turn::start(By::Udp).await {
        Ok(turn) => turn,
        Err(reason) => return could_not_run(&reason),
    };
    let (mut caller, mut callee) =
        (Phone::new(turn.config(IcePolicy::All, "wrong"), &turn.tls()), Phone::new(IceConfig::default(), &turn.tls()));
    let begin = Instant::now();
    let (offer, _) = connect(&caller, &callee, false).await;
    assert!(begin.elapsed() < Duration::from_secs(3), "a refusal is an answer: {:?}", begin.elapsed());
    assert!(!offer.contains(" typ relay "), "{offer}");
    caller.hears().await;
    callee.hears().await;
}
