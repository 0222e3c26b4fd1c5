//! The platform on real sockets, driven by a raw HTTP and websocket client that shares no code with the program's own;
//! only the telephone switch is a stand-in whose phones do what the test says.

mod breaks;
mod browser;
mod calling;
mod colleagues;
mod consulting;
mod delays;
mod faults;
mod links;
mod monitoring;
mod projects;
mod random;
mod shipped;
mod sign_in;
mod talk;
mod tls;
mod transfers;
mod web;
mod who_hears_whom;
mod whole;

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Error as WsError, Message},
};

use super::{
    log::LogBook,
    platform::{Options, Platform, ReadyLine},
    scenario::Scenario,
    switch::{Heard, LegId, PartyId, RtpFaults, SwitchEvent, SwitchFaults, Voice},
    telephony::Telephony,
};

/// Longest any test waits for anything that should happen at once.
const SOON: Duration = Duration::from_secs(5);

/// What was asked of the switch.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    Call { user: String, from: String, auto: bool, leg: LegId },
    HangUp(LegId),
    Because(LegId, u16),
    AddParty(Voice, PartyId),
    RemoveParty(PartyId),
    Route(PartyId, Vec<PartyId>),
    Faults(SwitchFaults),
}

/// A switch without sound: every account's phone is registered unless the test says otherwise, and legs do what the
/// test says.
pub struct FakeSwitch {
    events: mpsc::UnboundedSender<SwitchEvent>,
    asked: Mutex<Vec<Asked>>,
    away: Mutex<HashSet<String>>,
    /// Legs that ended by themselves.
    gone: Mutex<HashSet<PartyId>>,
    next: AtomicU64,
}

impl FakeSwitch {
    fn new(events: mpsc::UnboundedSender<SwitchEvent>) -> Arc<Self> {
        let (asked, away, gone) = Default::default();
        Arc::new(Self { events, asked, away, gone, next: AtomicU64::new(1) })
    }

    fn note(&self, asked: Asked) {
        self.asked.lock().unwrap().push(asked);
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub fn tell(&self, event: SwitchEvent) {
        if let SwitchEvent::Failed { leg, .. } | SwitchEvent::Ended { leg } = event {
            self.gone.lock().unwrap().insert(PartyId(leg.0));
        }
        self.events.send(event).unwrap();
    }

    /// The phone of an account comes or goes.
    pub fn registered(&self, user: &str, there: bool) {
        let user = user.to_owned();
        if there {
            self.away.lock().unwrap().remove(&user);
            self.tell(SwitchEvent::Registered { user });
        } else {
            self.away.lock().unwrap().insert(user);
        }
    }

    /// Waits until the nth call (from 0) is placed and returns its user, caller, auto-answer and leg.
    pub async fn call(&self, n: usize) -> (String, String, bool, LegId) {
        let found = || {
            let mut seen = 0;
            for asked in self.asked() {
                if let Asked::Call { user, from, auto, leg } = asked {
                    if seen == n {
                        return Some((user, from, auto, leg));
                    }
                    seen += 1;
                }
            }
            None
        };
        until("the switch is asked to call", async || found()).await
    }

    /// The newest party with this voice.
    pub fn party(&self, voice: Voice) -> PartyId {
        let added = |asked: &Asked| {
            let Asked::AddParty(said, party) = asked else { return None };
            (*said == voice).then_some(*party)
        };
        self.asked().iter().rev().find_map(added).unwrap()
    }

    /// Legs and parties that have not been ended, by either side.
    pub fn live(&self) -> HashSet<PartyId> {
        let mut live = HashSet::new();
        for asked in self.asked() {
            match asked {
                Asked::Call { leg, .. } => drop(live.insert(PartyId(leg.0))),
                Asked::AddParty(_, party) => drop(live.insert(party)),
                Asked::HangUp(leg) => drop(live.remove(&PartyId(leg.0))),
                Asked::RemoveParty(party) => drop(live.remove(&party)),
                Asked::Because(..) | Asked::Route(..) | Asked::Faults(_) => {}
            }
        }
        live.retain(|party| !self.gone.lock().unwrap().contains(party));
        live
    }

    /// Whom a party hears now.
    pub fn hears(&self, party: PartyId) -> Vec<PartyId> {
        let mut hears = Vec::new();
        for asked in self.asked() {
            if let Asked::Route(listener, speakers) = asked
                && listener == party
            {
                hears = speakers;
            }
        }
        hears
    }
}

impl Telephony for FakeSwitch {
    fn local_addr(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 5060))
    }

    fn set_account(&self, _: &str, _: &str) {}

    fn is_registered(&self, user: &str) -> bool {
        !self.away.lock().unwrap().contains(user)
    }

    fn call(&self, user: &str, from: &str, auto: bool) -> LegId {
        let leg = LegId(self.next.fetch_add(1, Ordering::Relaxed));
        self.note(Asked::Call { user: user.to_owned(), from: from.to_owned(), auto, leg });
        leg
    }

    fn hang_up(&self, leg: LegId) {
        self.note(Asked::HangUp(leg));
    }

    fn hang_up_because(&self, leg: LegId, cause: u16) {
        self.note(Asked::Because(leg, cause));
        self.hang_up(leg);
    }

    fn add_party(&self, voice: Voice) -> PartyId {
        let party = PartyId(1_000_000 + self.next.fetch_add(1, Ordering::Relaxed));
        self.note(Asked::AddParty(voice, party));
        party
    }

    fn remove_party(&self, party: PartyId) {
        self.note(Asked::RemoveParty(party));
    }

    fn party_of(&self, leg: LegId) -> PartyId {
        PartyId(leg.0)
    }

    fn route(&self, listener: PartyId, speakers: &[PartyId]) {
        self.note(Asked::Route(listener, speakers.to_vec()));
    }

    fn heard(&self, party: PartyId) -> Heard {
        Heard { hz: Some(party.0 as f32), dbfs: Some(-12.0), packets_in: 1, packets_out: 2, ..Heard::default() }
    }

    fn set_faults(&self, faults: SwitchFaults) {
        self.note(Asked::Faults(faults));
    }
}

/// Waits until `found` finds something.
pub async fn until<T>(what: &str, mut found: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + SOON;
    loop {
        if let Some(value) = found().await {
            return value;
        }
        assert!(tokio::time::Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A platform on the fake switch, and a plain HTTP client.
pub struct Stage {
    pub platform: Platform,
    pub ready: ReadyLine,
    pub switch: Arc<FakeSwitch>,
    pub http: reqwest::Client,
}

pub async fn stage() -> Stage {
    stage_with("wrap_up_s = 1", Options::default()).await
}

pub async fn stage_with(scenario: &str, options: Options) -> Stage {
    rustls::crypto::ring::default_provider().install_default().ok();
    let (events, events_out) = mpsc::unbounded_channel();
    let switch = FakeSwitch::new(events);
    let telephony: Arc<dyn Telephony> = Arc::clone(&switch) as _;
    let scenario = Scenario::parse(scenario, "test").unwrap();
    let tls = options.tls.as_deref().map(super::tls::make).transpose().unwrap();
    let book = Arc::new(LogBook::default());
    let platform = Platform::start_with(options, scenario, tls, telephony, events_out, book).await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    Stage { ready: platform.ready(), platform, switch, http }
}

impl Stage {
    pub fn token(&self, ag_no: &str) -> &str {
        &self.ready.agents.iter().find(|a| a.ag_no == ag_no).unwrap().token
    }

    /// Sends a command as an agent; `agNo` is added as the SDK does.
    pub async fn command(&self, ag_no: &str, path: &str, fields: Value) -> Value {
        let mut body = json!({"agNo": ag_no});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let response = self
            .http
            .post(format!("{}{path}", self.ready.api_server))
            .header("Authorization", self.token(ag_no))
            .header("Content-Type", "application/json")
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        assert!(response.headers()["content-type"].to_str().unwrap().contains("json"));
        serde_json::from_str(&response.text().await.unwrap()).unwrap()
    }

    pub async fn admin(&self, method: reqwest::Method, path: &str, body: Value) -> Value {
        let request = self.http.request(method, format!("{}{path}", self.ready.admin));
        let response = request.body(body.to_string()).send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    pub async fn fault(&self, body: Value) {
        self.admin(reqwest::Method::POST, "/faults", body).await;
    }

    pub async fn link(&self, ag_no: &str, reg_id: &str, more: &str) -> Result<LinkClient, WsError> {
        let token = self.token(ag_no).replace(' ', "%20");
        let url = format!("{}?token={token}&RegID={reg_id}{more}", self.ready.ws_server);
        tokio_tungstenite::connect_async(url).await.map(|(socket, _)| LinkClient(socket))
    }

    /// Signs in as the SDK does and goes ready; the link has nothing unread.
    pub async fn signed_in(&self, ag_no: &str) -> LinkClient {
        let phone = &self.ready.agents.iter().find(|a| a.ag_no == ag_no).unwrap().agent_phone;
        let reply = self.command(ag_no, "/agent/login", json!({"bindTel": phone, "loginType": 1, "state": 0})).await;
        assert_eq!(reply["code"], 0, "{reply}");
        let reg_id = reply["data"]["regId"].as_str().unwrap();
        let mut link = self.link(ag_no, reg_id, "&loginState=0").await.unwrap();
        link.send("Hello Server!").await;
        assert_eq!(link.next().await, json!({"MT": 0}));
        assert_eq!(self.command(ag_no, "/agent/ready", json!({})).await["code"], 0);
        assert_eq!(link.next().await, json!({"MT": 4, "State": "1"}));
        link
    }

    /// The registration id in force.
    pub async fn reg_id(&self, ag_no: &str) -> String {
        let phone = &self.ready.agents.iter().find(|a| a.ag_no == ag_no).unwrap().agent_phone;
        let reply = self.command(ag_no, "/agent/login", json!({"bindTel": phone, "loginType": 1, "state": 0})).await;
        assert_eq!(reply["code"], 40101, "{reply}");
        reply["data"]["regId"].as_str().unwrap().to_owned()
    }
}

/// A raw client of the event websocket.
pub struct LinkClient(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

impl LinkClient {
    pub async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    pub async fn frame(&mut self) -> Option<Result<Message, WsError>> {
        tokio::time::timeout(SOON, self.0.next()).await.expect("nothing came over the link")
    }

    /// The next pushed message.
    pub async fn next(&mut self) -> Value {
        match self.frame().await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(text.as_str()).unwrap(),
            other => panic!("not a text frame: {other:?}"),
        }
    }

    /// The next pushed message, without the opaque fields of phone messages, which must be there.
    pub async fn phone(&mut self) -> Value {
        let mut message = self.next().await;
        let fields = message.as_object_mut().unwrap();
        assert!(fields.remove("CallID").is_some_and(|id| id.is_string()), "{fields:?}");
        assert!(fields.remove("TS").is_some_and(|ts| ts.is_u64()), "{fields:?}");
        message
    }

    /// The close code that comes next, other frames passed over; `None` if the connection just ends.
    pub async fn close_code(&mut self) -> Option<u16> {
        loop {
            match self.frame().await {
                Some(Ok(Message::Close(frame))) => return frame.map(|f| f.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }
}
