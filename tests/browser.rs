//! The built-in platform serves a real browser: a page in headless Chromium speaks the wire behaviour of the original
//! phone bar (preflights, JSON types, the event websocket), registers by JsSIP and takes a call with WebRTC; a tone goes
//! each way and is measured where it arrives.
//!
//! Needs Chromium (Debian package `chromium`) and, once, npm and its registry for JsSIP; says so and stops where they
//! are missing.

// A test's helpers may stop the test.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;
#[path = "common/could_not_run.rs"]
mod could_not_run;

use std::{
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::{Path as UrlPath, State},
    http::{StatusCode, header},
    response::IntoResponse,
    routing::{get, post},
};
use common::{Home, Platform, until};
use could_not_run::could_not_run;
use serde_json::{Value, json};
use tokio::{
    sync::{Notify, mpsc},
    task::block_in_place,
    time::timeout,
};

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer/browser");

/// JsSIP as `package-lock.json` pins it, below the build directory; downloaded by the first run.
fn modules() -> Result<PathBuf, String> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser-peer");
    let modules = dir.join("node_modules");
    let lock = fs::read(format!("{FILES}/package-lock.json")).expect("the lock file");
    if modules.join("jssip/lib/JsSIP.js").exists() && fs::read(dir.join("package-lock.json")).is_ok_and(|l| l == lock) {
        return Ok(modules);
    }
    fs::create_dir_all(&dir).expect("a directory");
    for name in ["package.json", "package-lock.json"] {
        fs::copy(format!("{FILES}/{name}"), dir.join(name)).expect("a copy");
    }
    let ran = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&dir)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("npm cannot be started ({error}); install it with: apt-get install npm"))?;
    if !ran.status.success() {
        return Err(format!("JsSIP could not be installed by npm: {}", String::from_utf8_lossy(&ran.stderr)));
    }
    Ok(modules)
}

struct Site {
    modules: PathBuf,
    reports: mpsc::UnboundedSender<Value>,
    go_on: Notify,
}

/// Serves the page and takes its reports; its address.
async fn serve(site: Arc<Site>) -> String {
    async fn file(path: PathBuf) -> axum::response::Response {
        match tokio::fs::read(&path).await {
            Ok(bytes) => {
                let html = path.extension().is_some_and(|extension| extension == "html");
                let kind = if html { "text/html; charset=utf-8" } else { "text/javascript; charset=utf-8" };
                ([(header::CONTENT_TYPE, kind)], bytes).into_response()
            }
            Err(_) => StatusCode::NOT_FOUND.into_response(),
        }
    }
    let router = Router::new()
        .route(
            "/node_modules/{*path}",
            get(async |State(site): State<Arc<Site>>, UrlPath(path): UrlPath<String>| {
                file(site.modules.join(path)).await
            }),
        )
        .route(
            "/report",
            post(async |State(site): State<Arc<Site>>, body: String| {
                let report = serde_json::from_str(&body).expect("a report in JSON");
                site.reports.send(report).expect("the test listens");
            }),
        )
        .route("/go-on", get(async |State(site): State<Arc<Site>>| site.go_on.notified().await))
        .route("/{name}", get(async |UrlPath(name): UrlPath<String>| file(Path::new(FILES).join(name)).await))
        .with_state(site);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move { axum::serve(listener, router).await.expect("the page is served") });
    format!("http://{address}")
}

/// The browser and all its processes.
struct Browser(Child);

impl Browser {
    fn open(home: &Home, url: &str) -> Result<Self, String> {
        let log = fs::File::create(home.path("chromium.log")).expect("a log file");
        Command::new("chromium")
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
            .args(["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"])
            .args(["--autoplay-policy=no-user-gesture-required", "--disable-background-networking"])
            .args(["--disable-component-update", "--disable-sync", "--no-default-browser-check"])
            .arg(format!("--user-data-dir={}", home.path("chromium").display()))
            .arg(url)
            .envs(home.env())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log file"))
            .stderr(log)
            .process_group(0)
            .spawn()
            .map(Self)
            .map_err(|error| format!("chromium cannot be started ({error}); install it with: apt-get install chromium"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its children too. What is gone already is as good.
        rustix::process::kill_process_group(rustix::process::Pid::from_child(&self.0), rustix::process::Signal::KILL)
            .ok();
        self.0.wait().ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_signs_in_and_takes_a_call() {
    let modules = match modules() {
        Ok(modules) => modules,
        Err(reason) => return could_not_run(&reason),
    };
    let home = Home::new();
    let platform = Platform::start(&home);
    let (tell, mut reports) = mpsc::unbounded_channel();
    let site = Arc::new(Site { modules, reports: tell, go_on: Notify::new() });
    let address = serve(site.clone()).await;
    let ready = &platform.ready;
    let agent = &ready["agents"][0];
    let config = json!({
        "api_server": ready["api_server"], "ws_server": ready["ws_server"],
        "sip_ws_server": ready["sip_ws_server"], "sip_uri": ready["sip_uri"],
        "ag_no": agent["ag_no"], "agent_phone": agent["agent_phone"], "token": agent["token"],
    });
    let config =
        percent_encoding::utf8_percent_encode(&config.to_string(), percent_encoding::NON_ALPHANUMERIC).to_string();
    let _browser = match Browser::open(&home, &format!("{address}/page.html#{config}")) {
        Ok(browser) => browser,
        Err(reason) => return could_not_run(&reason),
    };
    let mut reported = async |step: &str| {
        let report = timeout(Duration::from_secs(40), reports.recv()).await;
        let log = || fs::read_to_string(home.path("chromium.log")).unwrap_or_default();
        let report = report.unwrap_or_else(|_| panic!("the page never got to: {step}\n{}", log())).expect("a report");
        assert_eq!(report["step"], step, "{}", report["why"].as_str().unwrap_or_default());
        report
    };

    reported("ready").await;
    block_in_place(|| platform.customer_calls("tone:440"));
    let heard = reported("talking").await["heard"].clone();
    let (hz, dbfs) = (heard["hz"].as_f64().expect("a frequency"), heard["dbfs"].as_f64().expect("a level"));
    assert!((hz - 440.0).abs() < 2.0 && (dbfs + 12.0).abs() < 3.0, "the browser hears {hz} Hz at {dbfs} dBFS");
    until("the customer hears the browser", Duration::from_secs(10), || {
        let heard = block_in_place(|| platform.customer_hears());
        heard.is_some_and(|(hz, dbfs)| (hz - 1000.0).abs() < 2.0 && (dbfs + 12.0).abs() < 3.0)
    });
    site.go_on.notify_one();
    reported("wrapped up").await;
    reported("done").await;

    // The preflights of a foreign origin were asked and answered, or nothing above would have worked; what the browser
    // sent is what the original sends.
    let log: Vec<String> = block_in_place(|| platform.log()).iter().map(Value::to_string).collect();
    for wanted in ["/agent/rtcInfo", "/agent/login", "/agent/ready", "/agent/hangup", "/agent/logout", "Hello Server!"]
    {
        assert!(log.iter().any(|line| line.contains(wanted)), "{wanted} is not in the platform's log");
    }
    platform.stop();
}
