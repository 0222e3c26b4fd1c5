//! The right-hand panel as an agent lives with it: filled by a command or an address when a customer calls, read,
//! picked from, dismissed; and nothing that comes from there does anything but be read.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{Home, Platform, become_idle, headless, is_alive, screen::Terminal, until};
use serde_json::{Value, json};

const COLUMNS: u16 = 120;

/// The customer of [`Platform::customer_calls`] in base64, as a terminal is given what is copied.
const CUSTOMER_IN_BASE64: &str = "MTM4MDAxMzgwMDA=";

fn script(home: &Home, name: &str, body: &str) -> PathBuf {
    let path = home.path(name);
    fs::write(&path, body).expect("a script");
    path
}

/// A phone bar on a screen, idle, with this `[panel]`.
fn stage(home: &Home, panel: &[(&str, Value)]) -> (Platform, Terminal) {
    let platform = Platform::start(home);
    platform.configure_tone(home, 1000.0);
    if !panel.is_empty() {
        platform.configure("panel", panel);
    }
    let terminal = Terminal::phone_bar(home, &platform.config, "en", COLUMNS, 36);
    terminal.shows("ready");
    home.wait("registered");
    (platform, terminal)
}

/// Everything the program wrote to the terminal.
fn raw(terminal: &Terminal) -> String {
    String::from_utf8_lossy(&terminal.bytes()).into_owned()
}

fn written(path: &Path) -> String {
    until(&format!("{} is written", path.display()), Duration::from_secs(15), || {
        fs::read_to_string(path).is_ok_and(|text| text.ends_with('\n'))
    });
    fs::read_to_string(path).expect("it was there")
}

#[test]
fn a_command_fills_it_for_the_customer_who_rings() {
    let home = Home::new();
    let card = script(
        &home,
        "card.sh",
        "cat > \"$1\"; printf '\\033[1;33mGold customer\\033[0m\\n%s from %s, %s\\ncall back: 010-58545832\\n' \"$2\" \"$3\" \"$4\"\n\
         printf '\\033]0;HACKED\\007\\033[2J\\033[1;1Hstill in place\\007\\n'\n",
    );
    let told = home.path("told.json");
    let command = json!(["sh", card, told, "{number}", "{area}", "{direction}"]);
    let (platform, mut terminal) = stage(&home, &[("command", command)]);
    platform.customer_calls("tone:440");
    terminal.shows("Gold customer");
    terminal.shows("13800138000 from 北京, in");
    terminal.shows("still in place");
    // It rings all the while, and the bar stands where it stood.
    terminal.shows("answer");
    let facts: Value = serde_json::from_str(&fs::read_to_string(&told).expect("standard input")).expect("JSON");
    assert_eq!(
        (&facts["number"], &facts["area"], &facts["ag_no"]),
        (&json!("13800138000"), &json!("北京"), &json!("8001"))
    );
    assert!(facts["queue_id"].is_null() || facts["queue_id"].is_i64(), "{facts}");
    let written = raw(&terminal);
    assert!(!written.contains("HACKED"), "nothing from outside sets the title");
    assert!(!written.contains("\u{1b}[1;1Hstill"), "nothing from outside moves the cursor");
    let panel = home.status()["panel"].clone();
    assert_eq!(panel, json!({"source": "config", "loading": false, "error": null}));

    // Numbers in it are picked with keys: copied, or taken into the number field.
    terminal.keys("a");
    terminal.shows("talking");
    terminal.keys("P");
    terminal.shows("Alt-Enter dials");
    terminal.keys("y");
    terminal.until("copied by OSC 52", |_| raw(&terminal).contains(&format!("\u{1b}]52;c;{CUSTOMER_IN_BASE64}")));
    terminal.shows("Copied 13800138000");
    terminal.keys("Pcall");
    terminal.keys("\r");
    terminal.until("in the number field", |screen| screen.lines().take(3).any(|line| line.contains("01058545832")));
    terminal.keys("\u{1b}");
    // Read together with the next key it would be Alt.
    terminal.shows_no_more("Alt-: commands");

    // Kept when the call is over, until it is dismissed.
    home.ctl(&["hangup"]);
    home.wait("no-call");
    terminal.shows("Gold customer");
    terminal.keys("X");
    terminal.shows_no_more("Gold customer");
    terminal.quit();
    assert_eq!(terminal.ended(), 0);
    terminal.is_as_it_was();
}

#[test]
fn a_slow_command_is_ended_with_the_call_and_a_failed_one_tells_why() {
    let home = Home::new();
    let card = script(
        &home,
        "card.sh",
        "if [ -e \"$1/fail\" ]; then echo 'no such customer' >&2; exit 7; fi\n\
         sleep 1000 & echo $! > \"$1/child.part\"; mv \"$1/child.part\" \"$1/child\"; wait\n",
    );
    let command = json!(["sh", card, home.path("")]);
    let (platform, mut terminal) = stage(&home, &[("command", command), ("timeout", json!("60s"))]);
    let call = platform.customer_calls("tone:440");
    terminal.shows("loading");
    let child = written(&home.path("child"));
    assert!(is_alive(&child));
    // The customer gives up: what was being looked up for the call goes with it.
    platform.admin("DELETE", &format!("/calls/{call}"), Value::Null);
    home.wait("no-call");
    until("the command's child is gone", Duration::from_secs(10), || !is_alive(&child));
    terminal.shows_no_more("loading");
    assert_eq!(home.status()["panel"]["loading"], false);

    fs::write(home.path("fail"), "").expect("a mark");
    home.wait("idle");
    platform.customer_calls("tone:440");
    terminal.shows("such customer");
    terminal.keys("a");
    terminal.shows("talking");
    terminal.shows("such customer");
    // Sooner than anybody reacts it would count as meant for the customer before.
    home.until("a moment later", |s| s["call"]["talk_ms"].as_u64() > Some(500));
    terminal.keys("x");
    home.wait("no-call");
    terminal.quit();
    assert_eq!(terminal.ended(), 0);
}

/// An HTTP server that answers everything with one JSON object and keeps the request lines.
fn crm(body: &'static str, kind: &'static str) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let lines = seen.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = Vec::new();
            let mut buffer = [0; 1024];
            while !request.windows(4).any(|window| window == b"\r\n\r\n") {
                let read = stream.read(&mut buffer).expect("a request");
                if read == 0 {
                    break;
                }
                request.extend(&buffer[..read]);
            }
            let text = String::from_utf8_lossy(&request).into_owned();
            lines.lock().expect("the list").push(text);
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).expect("an answer");
        }
    });
    (port, seen)
}

#[test]
fn an_address_fills_it_and_a_script_wins_for_its_call() {
    let home = Home::new();
    let (port, seen) = crm(r#"{"姓名":"王小明","等级":"金卡","手机":"13911112222"}"#, "application/json");
    let url = format!("http://127.0.0.1:{port}/card?n={{number}}&a={{area}}");
    let (platform, mut terminal) = stage(&home, &[("url", json!(url))]);
    platform.customer_calls("tone:440");
    terminal.shows("王小明");
    terminal.shows("13911112222");
    let request = seen.lock().expect("the list")[0].clone();
    assert!(request.starts_with("GET /card?n=13800138000&a=%E5%8C%97%E4%BA%AC HTTP/1.1\r\n"), "{request}");
    assert!(!request.to_lowercase().contains("authorization"), "the platform's token is not for others: {request}");
    home.ctl(&["panel", "set", "--markdown", "# From a script\n- **bold** point"]);
    terminal.shows("- bold point");
    terminal.shows_no_more("王小明");
    terminal.keys("a");
    terminal.shows("talking");
    terminal.shows("- bold point");
    assert_eq!(home.status()["panel"]["source"], "script");
    home.ctl(&["hangup"]);
    home.wait("idle");
    // The next call is about somebody again.
    platform.customer_calls("tone:440");
    terminal.shows("王小明");
    terminal.shows_no_more("bold point");
    home.ctl(&["hangup"]);
    home.ctl(&["panel", "clear"]);
    terminal.shows_no_more("王小明");
    terminal.quit();
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn its_width_is_changed_by_keys_and_found_again() {
    let home = Home::new();
    let (platform, mut terminal) = stage(&home, &[]);
    let edge = |screen: &str| {
        let line = screen.lines().nth(12)?;
        line.char_indices().rfind(|(_, c)| *c == '│').map(|(at, _)| line[..at].chars().count())
    };
    let mut first = None;
    terminal.until("the panel's edge", |screen| {
        first = edge(screen);
        first.is_some()
    });
    terminal.keys("<<");
    let mut second = None;
    terminal.until("a wider panel", |screen| {
        second = edge(screen);
        second.is_some_and(|at| first.is_some_and(|before| at + 5 < before))
    });
    terminal.quit();
    assert_eq!(terminal.ended(), 0);
    let mut again = Terminal::phone_bar(&home, &platform.config, "en", COLUMNS, 36);
    again.shows("ready");
    again.until("the width of last time", |screen| edge(screen) == second);
    again.keys("p");
    again.until("no panel", |screen| edge(screen).is_none());
    again.quit();
    assert_eq!(again.ended(), 0);
}

#[test]
fn tel_links_are_dialled_and_what_is_not_dialled_is_told() {
    let home = Home::new();
    let platform = Platform::start(&home);
    platform.configure_tone(&home, 1000.0);
    let client = headless(&home, &platform.config);
    become_idle(&home);
    home.ctl(&["dial", "tel:+86-10-5854-5832;ext=12"]);
    let status = home.until("the call", |s| s["call"]["phase"] != "none");
    assert_eq!(status["call"]["peer"]["number"], "+861058545832");
    let notices = status["notices"].to_string();
    assert!(notices.contains("12"), "the extension is told: {notices}");
    home.ctl(&["hangup"]);
    let entry = home.run(&["desktop-entry"]);
    assert_eq!(entry.code, Some(0), "{}", entry.err);
    assert!(entry.out.starts_with("[Desktop Entry]\n"), "{}", entry.out);
    assert!(entry.out.contains("MimeType=x-scheme-handler/tel;"), "{}", entry.out);
    assert!(entry.out.contains(&format!("Exec=\"{}\" ctl dial %u", common::PROGRAM)), "{}", entry.out);
    client.terminate();
}
