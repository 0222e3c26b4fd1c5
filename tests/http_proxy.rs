//! The whole program where only an HTTP proxy leads out: commands, both WebSockets, TURN over TCP.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;
#[path = "common/coturn.rs"]
mod coturn;
#[path = "common/could_not_run.rs"]
mod could_not_run;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use common::{Home, Platform, become_idle, headless, headless_by, talking, until};
use coturn::{By, PASSWORD, Turn};
use could_not_run::could_not_run;
use serde_json::json;

/// `agent:secret` in base64.
const LOGIN: &str = "Basic YWdlbnQ6c2VjcmV0";

/// A proxy of plain threads and sockets. Every name is this machine.
struct HttpProxy {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl HttpProxy {
    /// `login` is the `Proxy-Authorization` it wants.
    fn start(login: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = requests.clone();
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let seen = seen.clone();
                thread::spawn(move || serve(socket, login, &seen));
            }
        });
        Self { port, requests }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Request lines so far.
    fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("the requests").clone()
    }
}

fn serve(socket: TcpStream, login: Option<&str>, seen: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(socket.try_clone().ok()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let line = head.lines().next()?.to_owned();
    seen.lock().expect("the requests").push(line.clone());
    let mut client = socket;
    let given = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().starts_with("proxy-authorization: ").then(|| &line[21..]));
    if login.is_some() && given != login {
        let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"office\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return client.write_all(refusal.as_bytes()).ok();
    }
    let target = line.split(' ').nth(1)?;
    let authority = target.trim_start_matches("http://").split('/').next()?;
    let mut server = TcpStream::connect(("127.0.0.1", authority.rsplit(':').next()?.parse().ok()?)).ok()?;
    if line.starts_with("CONNECT ") {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
    } else {
        server.write_all(head.as_bytes()).ok()?;
    }
    let (mut back, mut to_client) = (server.try_clone().ok()?, client.try_clone().ok()?);
    let answers = thread::spawn(move || {
        copy(&mut back, &mut to_client);
        to_client.shutdown(Shutdown::Both).ok();
    });
    copy(&mut reader, &mut server);
    server.shutdown(Shutdown::Both).ok();
    answers.join().ok()
}

/// Copies until either end is gone, each piece at once.
fn copy(from: &mut impl Read, to: &mut impl Write) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
}

/// A platform that is called `platform.example`, which nobody but the proxy knows.
fn far_platform(home: &Home) -> Platform {
    let platform = Platform::start(home);
    platform.configure_tone(home, 1000.0);
    let config = fs::read_to_string(&platform.config).expect("the config");
    let far: String = config
        .lines()
        .map(|line| if line.contains("_server = ") { line.replace("127.0.0.1", "platform.example") } else { line.to_owned() } + "\n")
        .collect();
    assert_eq!(far.matches("platform.example").count(), 4, "{far}");
    fs::write(&platform.config, far).expect("the config");
    platform
}

fn hears(platform: &Platform) {
    let hears = || platform.customer_hears().is_some_and(|(hz, dbfs)| (hz - 1000.0).abs() <= 2.0 && dbfs > -20.0);
    until("the customer hears the agent", Duration::from_secs(10), hears);
}

#[test]
fn a_whole_call_with_commands_link_and_phone_through_a_proxy_with_a_password() {
    let home = Home::new();
    let platform = far_platform(&home);
    let proxy = HttpProxy::start(Some(LOGIN));
    fs::write(home.path("proxy-password"), "secret\n").expect("the password");
    let file = home.path("proxy-password");
    platform.configure(
        "net",
        &[("proxy", json!(proxy.url())), ("proxy_username", json!("agent")), ("proxy_password_file", json!(file))],
    );
    let client = headless(&home, &platform.config);
    become_idle(&home);
    talking(&home, &platform, "tone:440");
    hears(&platform);
    home.ctl(&["hangup"]);
    home.wait("no-call");
    let requests = proxy.requests();
    let of = |start: &str| requests.iter().filter(|line| line.starts_with(start)).count();
    assert!(of("CONNECT platform.example:") >= 2, "both WebSockets: {requests:?}");
    assert!(of("POST http://platform.example:") >= 1 || of("GET http://platform.example:") >= 1, "{requests:?}");

    let config = platform.config.to_string_lossy().into_owned();
    let found = home.run(&["doctor", "--config", &config, "--json"]);
    assert!(found.out.contains(&format!("through the proxy 127.0.0.1:{}", proxy.port)), "{}", found.out);
    let shown = home.run(&["config", "show", "--config", &config]);
    assert!(shown.out.contains("proxy_username = \"agent\"") && !shown.out.contains("secret"), "{}", shown.out);
    assert_eq!(client.terminate(), Some(0));
    let written = format!("{}{}", home.logs(), fs::read_to_string(home.path("client.log")).unwrap_or_default());
    assert!(!written.contains("secret") && !written.contains("YWdlbnQ6c2VjcmV0"), "the password is in a log");
}

#[test]
fn the_environments_proxy_counts_and_never_for_loopback() {
    let home = Home::new();
    let platform = far_platform(&home);
    let proxy = HttpProxy::start(None);
    let variable = format!("ALL_PROXY={}", proxy.url());
    let client = headless_by(&home, &platform.config, &["env", &variable]);
    become_idle(&home);
    talking(&home, &platform, "tone:440");
    hears(&platform);
    assert_eq!(client.terminate(), Some(0));
    let through = proxy.requests().len();
    assert!(through >= 3, "{:?}", proxy.requests());

    let near = fs::read_to_string(&platform.config).expect("the config").replace("platform.example", "127.0.0.1");
    fs::write(&platform.config, near).expect("the config");
    let client = headless_by(&home, &platform.config, &["env", &variable]);
    become_idle(&home);
    assert_eq!(client.terminate(), Some(0));
    assert_eq!(proxy.requests().len(), through, "{:?}", proxy.requests());
}

#[test]
fn a_proxy_that_refuses_is_named_with_its_reason() {
    let home = Home::new();
    let platform = far_platform(&home);
    let proxy = HttpProxy::start(Some(LOGIN));
    platform.configure("net", &[("proxy", json!(proxy.url()))]);
    let client = headless(&home, &platform.config);
    until("the control socket", Duration::from_secs(10), || home.try_ctl(&["status"]).code == Some(0));
    let reason = "the proxy: it refuses the username or password";
    home.until("the refusal is told", |s| s["notices"].to_string().contains(reason));
    home.until("also of the link", |s| s["link"]["last_error"].to_string().contains(reason));
    let config = platform.config.to_string_lossy().into_owned();
    let found = home.run(&["doctor", "--config", &config, "--locale", "zh-CN"]);
    let expected = format!("代理 127.0.0.1:{}: 它不接受用户名或密码", proxy.port);
    assert!(found.out.contains(&expected), "{}", found.out);
    assert_eq!(client.terminate(), Some(0));
}

#[test]
fn sound_goes_through_a_turn_server_behind_the_proxy() {
    let turn = match Turn::start(By::Tcp) {
        Ok(turn) => turn,
        Err(reason) => return could_not_run(&reason),
    };
    let home = Home::new();
    let platform = far_platform(&home);
    let proxy = HttpProxy::start(None);
    platform.configure("net", &[("proxy", json!(proxy.url()))]);
    let urls: Vec<String> = turn.urls().into_iter().filter(|url| url.starts_with("turn")).collect();
    let urls: Vec<String> =
        urls.iter().map(|url| url.replace("127.0.0.1", "turn.example").replace("localhost", "turn.example")).collect();
    assert!(urls.iter().all(|url| url.contains("turn.example")), "{urls:?}");
    let server = format!("[{{ urls = {}, username = \"agent\", credential = \"{PASSWORD}\" }}]", json!(urls));
    let config = fs::read_to_string(&platform.config).expect("the config");
    fs::write(&platform.config, format!("{config}\n[ice]\npolicy = \"relay\"\nservers = {server}\n"))
        .expect("the config");
    let client = headless(&home, &platform.config);
    become_idle(&home);
    talking(&home, &platform, "tone:440");
    hears(&platform);
    home.until("the path is known", |s| s["media"]["path"] == "relay");
    assert!(proxy.requests().iter().any(|line| line.starts_with("CONNECT turn.example:")), "{:?}", proxy.requests());
    assert_eq!(client.terminate(), Some(0));
}
