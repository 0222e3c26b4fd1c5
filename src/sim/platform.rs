//! The running platform: sockets, tasks, and the one world they share.

use std::{
    fmt, io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use serde::Serialize;
use tokio::{
    net::TcpListener,
    runtime::Handle,
    sync::{mpsc, watch},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    customers::ArrivalState,
    http,
    log::{Log, LogBook},
    scenario::Scenario,
    shared::Shared,
    switch::{Switch, SwitchEvent, SwitchSettings},
    telephony::Telephony,
    tls,
    world::World,
};

/// How the platform is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// HTTP and event websocket; port 0 takes a free one.
    pub listen: SocketAddr,
    /// SIP over WebSocket; port 0 takes a free one.
    pub sip_listen: SocketAddr,
    /// Serve https and wss; the directory takes the authority's certificate.
    pub tls: Option<PathBuf>,
    /// A world of one's own.
    pub scenario: Option<PathBuf>,
    /// Customers call the first agent by themselves: within 10 s of being idle, and again after a while.
    pub auto_calls: bool,
}

impl Default for Options {
    fn default() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { listen: any, sip_listen: any, tls: None, scenario: None, auto_calls: false }
    }
}

/// An agent a client can be started as.
#[derive(Clone, Serialize)]
pub struct ReadyAgent {
    /// Agent number.
    pub ag_no: String,
    /// The phone's number.
    pub agent_phone: String,
    /// Token with its scheme.
    pub token: String,
}

impl fmt::Debug for ReadyAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyAgent").field("ag_no", &self.ag_no).finish_non_exhaustive()
    }
}

/// Where everything is (contract: `sim` ready line).
#[derive(Clone, Debug, Serialize)]
pub struct ReadyLine {
    /// Always true.
    pub ready: bool,
    /// Base of the command API.
    pub api_server: String,
    /// Event websocket.
    pub ws_server: String,
    /// Base of the look-ups.
    pub jsonp_server: String,
    /// SIP over WebSocket.
    pub sip_ws_server: String,
    /// SIP domain.
    pub sip_uri: String,
    /// Base of the admin interface.
    pub admin: String,
    /// The authority's certificate, with TLS.
    pub ca_file: Option<PathBuf>,
    /// Every agent of the scenario that a client can be.
    pub agents: Vec<ReadyAgent>,
}

/// The built-in platform.
pub struct Platform {
    shared: Arc<Shared>,
    switch: Option<Arc<Switch>>,
    ready: ReadyLine,
}

impl Platform {
    /// Opens the sockets and begins to serve.
    ///
    /// # Errors
    /// The scenario cannot be read, an address is taken, or no certificate could be made.
    pub async fn start(options: Options) -> io::Result<Platform> {
        let scenario = Scenario::load(options.scenario.as_deref())?;
        let tls = options.tls.as_deref().map(tls::make).transpose()?;
        let log_book = Arc::new(LogBook::default());
        let (events_in, events) = mpsc::unbounded_channel();
        let book = Arc::clone(&log_book);
        let log: Log = Arc::new(move |entry| book.keep(entry));
        let settings = SwitchSettings {
            listen: options.sip_listen,
            tls: tls.as_ref().map(|t| Arc::clone(&t.config)),
            domain: scenario.sip_domain.clone(),
            log,
        };
        let at = options.sip_listen;
        let switch = Switch::start(settings, events_in).await.map_err(|e| taken(&e, "SIP", at))?;
        let switch = Arc::new(switch);
        let telephony: Arc<dyn Telephony> = Arc::clone(&switch) as Arc<dyn Telephony>;
        let mut platform = Self::start_with(options, scenario, tls, telephony, events, log_book).await?;
        platform.switch = Some(switch);
        Ok(platform)
    }

    /// As [`Platform::start`], on a given switch.
    pub(super) async fn start_with(
        options: Options,
        scenario: Scenario,
        tls: Option<tls::ServerTls>,
        switch: Arc<dyn Telephony>,
        events: mpsc::UnboundedReceiver<SwitchEvent>,
        log_book: Arc<LogBook>,
    ) -> io::Result<Platform> {
        let listener = TcpListener::bind(options.listen).await.map_err(|e| taken(&e, "HTTP", options.listen))?;
        let address = listener.local_addr()?;
        let sip_address = switch.local_addr();
        let mut world = World::new(scenario, switch);
        if let Some(agent) = world.agents.first().filter(|_| options.auto_calls && world.arrivals.is_empty()) {
            let arrival = ArrivalState::demo(&agent.entry.ag_no);
            world.add_arrival(arrival);
        }
        let ready = ready_line(&world, address, sip_address, tls.as_ref().map(|t| t.ca_file.clone()));
        let shared = Arc::new(Shared {
            world: Mutex::new(world),
            pulse: watch::Sender::new(0),
            log_book,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            runtime: Handle::current(),
        });
        let acceptor = tls.map(|t| TlsAcceptor::from(t.config));
        shared.tasks.spawn(http::serve(Arc::clone(&shared), listener, acceptor));
        shared.tasks.spawn(run_clock(Arc::clone(&shared)));
        shared.tasks.spawn(run_switch_events(Arc::clone(&shared), events));
        tracing::info!(%address, %sip_address, "the built-in platform is up");
        Ok(Platform { shared, switch: None, ready })
    }

    /// Where everything is.
    pub fn ready(&self) -> ReadyLine {
        self.ready.clone()
    }

    /// A config file (TOML) with which a client signs in as the first agent. Without `[audio]` and `[control]`, so that
    /// a script can append its own.
    pub fn client_config(&self) -> String {
        let ready = &self.ready;
        let text = |value: &str| toml::Value::from(value).to_string();
        let mut config = String::from(
            "# A client of wincall-tui's built-in platform, written by it. The token is good only while that platform\n\
             # runs. Tables such as [audio] or [control] can be appended.\n\n",
        );
        let mut line = |key: &str, value: String| {
            config.push_str(key);
            config.push_str(" = ");
            config.push_str(&value);
            config.push('\n');
        };
        if let Some(agent) = ready.agents.first() {
            line("token", text(&agent.token));
            line("ag_no", text(&agent.ag_no));
            line("agent_phone", text(&agent.agent_phone));
        }
        line("webrtc", "true".to_owned());
        line("websocket", "true".to_owned());
        line("init_with_login", "true".to_owned());
        line("sip_uri", text(&ready.sip_uri));
        line("sip_ws_server", text(&ready.sip_ws_server));
        line("api_server", text(&ready.api_server));
        line("ws_server", text(&ready.ws_server));
        line("jsonp_server", text(&ready.jsonp_server));
        if let Some(file) = &ready.ca_file {
            line("tls_ca_file", text(&file.to_string_lossy()));
        }
        config
    }

    /// Closes every connection and waits for everything to end.
    pub async fn stop(self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
        drop(self.shared);
        if let Some(switch) = self.switch.and_then(Arc::into_inner) {
            switch.stop().await;
        }
    }
}

/// An error that says which address could not be had.
fn taken(error: &io::Error, what: &str, address: SocketAddr) -> io::Error {
    io::Error::new(error.kind(), format!("cannot listen for {what} on {address}: {error}"))
}

fn ready_line(world: &World, address: SocketAddr, sip: SocketAddr, ca_file: Option<PathBuf>) -> ReadyLine {
    let secure = if ca_file.is_some() { "s" } else { "" };
    // Colleagues have no client.
    let agents = world.agents.iter().filter(|a| a.colleague.is_none()).map(|a| ReadyAgent {
        ag_no: a.entry.ag_no.clone(),
        agent_phone: a.entry.phone.clone(),
        token: world.tokens.newest(&a.entry.ag_no).unwrap_or_default().to_owned(),
    });
    ReadyLine {
        ready: true,
        api_server: format!("http{secure}://{address}{}", http::API_PATH),
        ws_server: format!("ws{secure}://{address}{}", http::WS_PATH),
        jsonp_server: format!("http{secure}://{address}"),
        sip_ws_server: format!("ws{secure}://{sip}"),
        sip_uri: world.scenario.sip_domain.clone(),
        admin: format!("http{secure}://{address}{}", http::ADMIN_PATH),
        agents: agents.collect(),
        ca_file,
    }
}

/// Lets happen what happens by itself.
async fn run_clock(shared: Arc<Shared>) {
    let mut pulse = shared.pulse();
    loop {
        pulse.borrow_and_update();
        let due = shared.read(World::next_due);
        let wait = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = wait => shared.with(World::run_due),
            _ = pulse.changed() => {}
        }
    }
}

async fn run_switch_events(shared: Arc<Shared>, mut events: mpsc::UnboundedReceiver<SwitchEvent>) {
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            event = events.recv() => match event {
                Some(event) => {
                    tracing::debug!(?event, "switch");
                    shared.with(|w| w.switch_event(event));
                }
                None => return,
            },
        }
    }
}
