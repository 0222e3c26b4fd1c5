//! Kamailio, rtpengine and SIPp as processes of one test, with their own directory and ports; all ended with it.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// The phone's digest password.
pub const PASSWORD: &str = "correct horse";
/// What is served here, to be filled into.
const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer/kamailio");
const PROGRAMS: [(&str, &str); 3] = [
    ("kamailio", "kamailio kamailio-websocket-modules kamailio-tls-modules"),
    ("rtpengine", "rtpengine-daemon"),
    ("sipp", "sip-tester"),
];

/// A process and all its children.
pub struct Process(Child);

impl Process {
    fn start(log: &Path, command: &mut Command) -> Self {
        let log = fs::OpenOptions::new().create(true).append(true).open(log).expect("a log file");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log file")).stderr(log).process_group(0);
        Self(command.spawn().expect("an installed program starts"))
    }

    /// Asks it to end; whether it did, and how.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        kill_process(Pid::from_child(&self.0), Signal::TERM).expect("it is there");
        self.wait(Duration::from_secs(8))
    }

    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let begun = Instant::now();
        while begun.elapsed() < limit {
            if let Some(status) = self.0.try_wait().expect("it can be waited for") {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let running = self.0.try_wait().is_ok_and(|status| status.is_none());
        // Asked first: Kamailio ends its children itself, which need not be in its group.
        if running && self.stop().is_none() {
            // What is gone already is as good.
            kill_process_group(Pid::from_child(&self.0), Signal::KILL).ok();
            self.0.wait().ok();
        }
    }
}

pub struct Lab {
    dir: tempfile::TempDir,
    udp: u16,
    pub ws: u16,
    pub wss: u16,
    kamailio: Option<Process>,
    _rtpengine: Process,
}

impl Lab {
    /// The lab, or which packages are missing. `algorithm` is that of Kamailio's digest challenges.
    pub fn start(algorithm: &str) -> Result<Self, String> {
        let missing: Vec<&str> = PROGRAMS
            .iter()
            .filter(|(program, _)| {
                Command::new(program).arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err()
            })
            .map(|(_, packages)| *packages)
            .collect();
        if !missing.is_empty() {
            return Err(format!(
                "Debian packages are missing; install them with: apt-get install {}",
                missing.join(" ")
            ));
        }
        let dir = tempfile::Builder::new().prefix("wc-kam-").tempdir().expect("a temporary directory");
        let path = |name: &str| dir.path().join(name);
        certificates(dir.path());
        let [udp, ws, wss, ng] = free_ports();
        let config = fs::read_to_string(format!("{FILES}/kamailio.cfg")).expect("the configuration");
        let config = [
            ("@UDP@", udp.to_string()),
            ("@WSS@", wss.to_string()),
            ("@WS@", ws.to_string()),
            ("@NG@", ng.to_string()),
            ("@DIR@", dir.path().display().to_string()),
            ("@PASSWORD@", PASSWORD.to_owned()),
            ("@ALGORITHM@", algorithm.to_owned()),
        ]
        .iter()
        .fold(config, |text, (name, value)| text.replace(name, value));
        fs::write(path("kamailio.cfg"), config).expect("the configuration can be written");
        fs::write(path("rtpengine.conf"), "[rtpengine]\n").expect("the configuration can be written");
        let rtpengine = Process::start(
            &path("rtpengine.log"),
            Command::new("rtpengine")
                .arg(format!("--config-file={}", path("rtpengine.conf").display()))
                .arg(format!("--pidfile={}", path("rtpengine.pid").display()))
                .arg(format!("--listen-ng=127.0.0.1:{ng}"))
                .args(["--foreground", "--table=-1", "--interface=127.0.0.1", "--log-stderr", "--log-level=6"])
                .args(["--port-min=42000", "--port-max=42999", "--num-threads=2"]),
        );
        let mut lab = Self { dir, udp, ws, wss, kamailio: None, _rtpengine: rtpengine };
        lab.start_kamailio();
        Ok(lab)
    }

    /// Starts it and waits until it listens.
    pub fn start_kamailio(&mut self) {
        let kamailio = Process::start(
            &self.path("kamailio.log"),
            Command::new("kamailio")
                .args(["-DD", "-E", "-m", "32", "-M", "8", "-f"])
                .arg(self.path("kamailio.cfg"))
                .arg("-P")
                .arg(self.path("kamailio.pid"))
                .arg("-Y")
                .arg(self.dir.path()),
        );
        self.kamailio = Some(kamailio);
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.wss)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(15), "Kamailio does not listen\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it: connections, bindings and transactions are gone; rtpengine goes on.
    pub fn stop_kamailio(&mut self) {
        let mut kamailio = self.kamailio.take().expect("it runs");
        assert!(kamailio.stop().is_some(), "Kamailio does not end\n{}", self.logs());
    }

    /// A customer calls the phone by a scenario; sound at `rtp`.
    pub fn customer(&self, scenario: &str, rtp: u16) -> Process {
        let [port] = free_ports();
        Process::start(
            &self.path("sipp.log"),
            Command::new("sipp")
                .current_dir(self.dir.path())
                .arg(format!("127.0.0.1:{}", self.udp))
                .args(["-sf", &format!("{FILES}/{scenario}.xml"), "-s", "ss1ss8001", "-i", "127.0.0.1", "-m", "1"])
                .args(["-p", &port.to_string(), "-key", "rtp", &rtp.to_string(), "-nostdin"])
                .args(["-key", "dir", &self.dir.path().display().to_string(), "-timeout", "40s", "-timeout_error"])
                .args([
                    "-trace_err",
                    "-error_file",
                    "sipp-errors.log",
                    "-trace_msg",
                    "-message_file",
                    "sipp-messages.log",
                ]),
        )
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What all of them wrote, for the one who has to find out.
    pub fn logs(&self) -> String {
        ["rtpengine.log", "kamailio.log", "sipp-messages.log", "sipp-errors.log"]
            .map(|name| {
                let text = fs::read(self.path(name)).unwrap_or_default();
                let text = String::from_utf8_lossy(&text);
                let lines: Vec<&str> = text.lines().collect();
                format!("== {name}\n{}\n", lines[lines.len().saturating_sub(300)..].join("\n"))
            })
            .concat()
    }
}

/// Ports on which neither TCP nor UDP listens.
fn free_ports<const N: usize>() -> [u16; N] {
    let mut held = Vec::new();
    std::array::from_fn(|_| {
        loop {
            let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
            let port = tcp.local_addr().expect("its address").port();
            if let Ok(udp) = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)) {
                held.push((tcp, udp));
                return port;
            }
        }
    })
}

/// An authority (`ca.pem`) and a server certificate by it.
fn certificates(dir: &Path) {
    let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, &authority).expect("a certificate");
    for (name, text) in [("ca.pem", authority.pem()), ("cert.pem", certificate.pem()), ("key.pem", key.serialize_pem())]
    {
        fs::write(dir.join(name), text).expect("a file in PEM");
    }
}
