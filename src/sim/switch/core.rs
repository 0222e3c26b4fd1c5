//! The heart of the switch: the books of sockets, accounts and calls, and where each message goes.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::faults::SharedFaults;
use super::mixer::Mixer;
use super::registrar::{Binding, Change, Registrar};
use super::sip::{Message, Start, random_token, tag_of};
use super::sound::locked;
use super::types::{AGENT, ALLOW, Input, LegId, LinkFault, PartyId, SocketId, SwitchEvent};
use crate::sim::delays::Drawn;
use crate::sim::log::{Log, LogEntry};

/// Legs whose BYE is late, and who listens to what the phone says.
pub(super) type LateLegs = BTreeMap<LegId, PartyId>;

/// Everything the tasks of the switch share.
pub(super) struct Core {
    /// Where clients connect.
    pub address: SocketAddr,
    /// Whether clients connect over TLS.
    pub secure: bool,
    /// The SIP domain of all accounts, also the digest realm.
    pub domain: String,
    pub mixer: Mixer,
    pub faults: SharedFaults,
    /// How late what leaves is.
    pub late: Mutex<Drawn>,
    /// Legs whose BYE is late.
    pub(super) late_legs: Mutex<LateLegs>,
    pub link_fault: watch::Sender<LinkFault>,
    /// Counts registrations over a new socket: calls look for their client's newest one then.
    pub moved: watch::Sender<u64>,
    pub registrar: Mutex<Registrar>,
    pub stop: CancellationToken,
    pub tasks: TaskTracker,
    runtime: Handle,
    log: Log,
    events: mpsc::UnboundedSender<SwitchEvent>,
    sockets: Mutex<HashMap<SocketId, mpsc::UnboundedSender<String>>>,
    calls: Mutex<Calls>,
    numbers: AtomicU64,
}

/// The calls that exist, found by either name. A leg that has ended keeps its Call-ID for a while.
#[derive(Default)]
struct Calls {
    by_call_id: HashMap<String, mpsc::UnboundedSender<Input>>,
    by_leg: BTreeMap<LegId, (String, mpsc::UnboundedSender<Input>)>,
}

impl Core {
    /// Books without entries. Must be called inside the runtime the switch will use.
    pub fn new(
        address: SocketAddr,
        secure: bool,
        domain: String,
        log: Log,
        events: mpsc::UnboundedSender<SwitchEvent>,
    ) -> Core {
        let runtime = Handle::current();
        Core {
            address,
            secure,
            registrar: Mutex::new(Registrar::new(&domain)),
            domain,
            mixer: Mixer::default(),
            faults: SharedFaults::default(),
            late: Mutex::default(),
            late_legs: Mutex::default(),
            link_fault: watch::Sender::new(LinkFault::None),
            moved: watch::Sender::new(0),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            runtime,
            log,
            events,
            sockets: Mutex::default(),
            calls: Mutex::default(),
            numbers: AtomicU64::new(1),
        }
    }

    /// A number no socket, leg or party has.
    pub fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Runs a task of the switch; callable from any thread.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(task, &self.runtime);
    }

    /// Tells the platform.
    pub fn emit(&self, event: SwitchEvent) {
        tracing::debug!(?event, "switch");
        // A platform that has stopped listening does not want to know.
        self.events.send(event).ok();
    }

    /// The transport's name in Via, and in URIs when in lower case.
    pub fn transport(&self) -> &'static str {
        if self.secure { "WSS" } else { "WS" }
    }

    /// The URI the switch puts into Record-Route, and expects in Route.
    pub fn route_uri(&self) -> String {
        format!("sip:{};transport={};lr", self.address, self.transport().to_ascii_lowercase())
    }

    pub fn open_socket(&self, outgoing: mpsc::UnboundedSender<String>) -> SocketId {
        let id = SocketId(self.next_number());
        locked(&self.sockets).insert(id, outgoing);
        id
    }

    pub fn close_socket(&self, id: SocketId) {
        locked(&self.sockets).remove(&id);
    }

    /// The account's binding and whether its socket is still open.
    pub fn reach(&self, user: &str) -> Option<(Binding, bool)> {
        let binding = locked(&self.registrar).binding(user).cloned()?;
        let open = locked(&self.sockets).contains_key(&binding.socket);
        Some((binding, open))
    }

    /// Sends over that socket; false if it is gone.
    pub fn send(&self, socket: SocketId, message: &Message) -> bool {
        let sockets = locked(&self.sockets);
        let Some(outgoing) = sockets.get(&socket) else { return false };
        (self.log)(LogEntry { source: "sip", direction: "out", text: message.to_log_text() });
        outgoing.send(message.to_text()).is_ok()
    }

    /// Sends over the account's newest socket and says which; none if it has no open one.
    pub fn send_to(&self, user: &str, message: &Message) -> Option<SocketId> {
        let (binding, _) = self.reach(user)?;
        self.send(binding.socket, message).then_some(binding.socket)
    }

    /// Enters a call into the books.
    pub fn enter(&self, leg: LegId, user: &str, call_id: &str, inputs: mpsc::UnboundedSender<Input>) {
        let mut calls = locked(&self.calls);
        calls.by_call_id.insert(call_id.to_owned(), inputs.clone());
        calls.by_leg.insert(leg, (user.to_owned(), inputs));
    }

    /// Asks a call to end; nothing happens if it has.
    pub fn hang_up(&self, leg: LegId, cause: Option<u16>) {
        if let Some((_, inputs)) = locked(&self.calls).by_leg.get(&leg) {
            // The task is ending by itself if it listens no more.
            inputs.send(Input::HangUp(cause)).ok();
        }
    }

    /// Asks every call to end.
    pub fn hang_up_all(&self) {
        for (_, inputs) in locked(&self.calls).by_leg.values() {
            inputs.send(Input::HangUp(None)).ok();
        }
    }

    /// Every leg that is not over for both sides, and whose it is.
    pub(super) fn legs(&self) -> Vec<(LegId, String)> {
        locked(&self.calls).by_leg.iter().map(|(leg, (user, _))| (*leg, user.clone())).collect()
    }

    /// Whether a call is still up or saying goodbye.
    pub fn has_calls(&self) -> bool {
        !locked(&self.calls).by_leg.is_empty()
    }

    /// The call's leg is gone; its Call-ID stays known.
    pub fn forget_leg(&self, leg: LegId) {
        locked(&self.calls).by_leg.remove(&leg);
    }

    /// The call is out of the books altogether.
    pub fn forget_call(&self, call_id: &str) {
        locked(&self.calls).by_call_id.remove(call_id);
    }

    /// Takes a frame from a client.
    pub fn receive(self: &Arc<Core>, socket: SocketId, text: &str) {
        if text.trim().is_empty() {
            // A keep-alive (RFC 5626 3.5.1): a double line break asks for a single one.
            if text == "\r\n\r\n"
                && let Some(outgoing) = locked(&self.sockets).get(&socket)
            {
                outgoing.send("\r\n".to_owned()).ok();
            }
            return;
        }
        let message = match Message::parse(text) {
            Ok(message) => message,
            Err(error) => {
                tracing::debug!(%error, "a frame that is not SIP");
                (self.log)(LogEntry { source: "sip", direction: "in", text: format!("(not SIP: {error})") });
                return;
            }
        };
        (self.log)(LogEntry { source: "sip", direction: "in", text: message.to_log_text() });
        if message.method() == "REGISTER" && message.code().is_none() {
            return self.register(socket, &message);
        }
        let call = locked(&self.calls).by_call_id.get(message.call_id()).cloned();
        match (call, &message.start) {
            (Some(inputs), _) => {
                if let Err(gone) = inputs.send(Input::Message(Box::new(message), socket)) {
                    tracing::debug!(?gone, "a message for a call just ended");
                }
            }
            (None, Start::Response { .. }) => tracing::debug!("a response to no call"),
            (None, Start::Request { method, .. }) => self.answer_stray(socket, method, &message),
        }
    }

    /// Requests outside any call.
    fn answer_stray(&self, socket: SocketId, method: &str, request: &Message) {
        let in_dialog = request.header("To").and_then(tag_of).is_some();
        let (code, reason) = match method {
            "ACK" => return,
            "OPTIONS" if !in_dialog => (200, "OK"),
            "BYE" | "CANCEL" => (481, "Call/Transaction Does Not Exist"),
            _ if in_dialog => (481, "Call/Transaction Does Not Exist"),
            _ => (405, "Method Not Allowed"),
        };
        let reply = Message::response(request, code, reason, &random_token()).with("Allow", ALLOW);
        self.send(socket, &reply.with("Server", AGENT));
    }

    fn register(self: &Arc<Core>, socket: SocketId, request: &Message) {
        let (reply, change) = locked(&self.registrar).register(request, socket);
        self.send(socket, &reply.with("Server", AGENT));
        match change {
            None => {}
            Some(Change::Unbound { user }) => self.emit(SwitchEvent::Unregistered { user }),
            Some(Change::Bound { user, new, expires }) => {
                if new {
                    self.moved.send_modify(|count| *count += 1);
                    self.emit(SwitchEvent::Registered { user: user.clone() });
                }
                let core = Arc::clone(self);
                self.spawn(async move {
                    tokio::select! {
                        () = core.stop.cancelled() => {}
                        () = tokio::time::sleep_until(expires) => {
                            if locked(&core.registrar).expire(&user) {
                                core.emit(SwitchEvent::Unregistered { user });
                            }
                        }
                    }
                });
            }
        }
    }
}
