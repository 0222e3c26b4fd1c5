//! coturn, a STUN and TURN server that shares no code with the program.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// Of the user "agent".
pub const PASSWORD: &str = "correct horse";

const LIMIT: Duration = Duration::from_secs(12);

/// How the phone reaches the server.
#[allow(dead_code, reason = "not every test reaches it in every way")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum By {
    Udp,
    Tcp,
    Tls,
}

pub struct Turn {
    process: Child,
    by: By,
    port: u16,
    tls_port: u16,
    dir: tempfile::TempDir,
}

#[allow(dead_code, reason = "not every test does everything with it")]
impl Turn {
    /// The server, or what is missing. It takes nothing over UDP unless that is how it is to be reached.
    pub fn start(by: By) -> Result<Self, String> {
        let dir = tempfile::tempdir().expect("a directory");
        let free =
            || TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
        let (port, tls_port) = (free(), free());
        certificates(dir.path());
        let process = run(dir.path(), by, port, tls_port)
            .map_err(|error| format!("Debian package coturn is missing ({error}); apt-get install coturn"))?;
        let turn = Self { process, by, port, tls_port, dir };
        turn.answers();
        Ok(turn)
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        // What is gone already is as good.
        self.process.kill().ok();
        self.process.wait().ok();
    }

    /// Starts it on the same ports.
    pub fn start_again(&mut self) {
        self.process = run(self.dir.path(), self.by, self.port, self.tls_port).expect("it ran before");
        self.answers();
    }

    /// Waits until it answers a STUN binding request (RFC 8489 6).
    fn answers(&self) {
        let begin = Instant::now();
        while !self.answered().unwrap_or_default() {
            let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            assert!(begin.elapsed() < LIMIT, "coturn does not start: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn answered(&self) -> std::io::Result<bool> {
        let request = *b"\x00\x01\x00\x00\x21\x12\xa4\x42wincall-test";
        let mut answer = [0; 512];
        let patience = Some(Duration::from_millis(100));
        let bytes = if self.by == By::Udp {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            socket.set_read_timeout(patience)?;
            socket.send_to(&request, ("127.0.0.1", self.port))?;
            socket.recv(&mut answer)?
        } else {
            if self.by == By::Tls {
                drop(TcpStream::connect(("127.0.0.1", self.tls_port))?);
            }
            let mut socket = TcpStream::connect(("127.0.0.1", self.port))?;
            socket.set_read_timeout(patience)?;
            socket.write_all(&request)?;
            socket.read(&mut answer)?
        };
        Ok(bytes >= 20)
    }

    /// Where it is, for the config.
    pub fn urls(&self) -> Vec<String> {
        let Self { port, tls_port, .. } = self;
        match self.by {
            By::Udp => vec![format!("stun:127.0.0.1:{port}"), format!("turn:127.0.0.1:{port}")],
            By::Tcp => vec![format!("turn:127.0.0.1:{port}?transport=tcp")],
            By::Tls => vec![format!("turns:localhost:{tls_port}?transport=tcp")],
        }
    }

    /// The file with the certificate of its authority.
    pub fn authority(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
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
