//! One call from the switch to a client: INVITE, its answer, and its end by either side (RFC 3261 13, 15, 17.1).

use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::core::Core;
use super::mixer::Port;
use super::peer::{self, Peer};
use super::sip::{Message, Start, random_token, tag_of, uri_of};
use super::sound::Frame;
use super::types::{AGENT, ALLOW, Input, LegId, SocketId, SwitchEvent};
use crate::sim::delays::Kind;

/// How long a transaction waits, and an ended call is remembered: 64 times T1 (RFC 3261 17.1.1.2).
pub(super) const PATIENCE: Duration = Duration::from_secs(32);
/// How long a client may ring: timer C (RFC 3261 16.6).
const RINGING: Duration = Duration::from_secs(180);
/// By when an answered call should have sound.
const SOUND: Duration = Duration::from_secs(5);
/// What may stand unescaped in the user part of a URI.
const USER: &AsciiSet = &NON_ALPHANUMERIC.remove(b'+').remove(b'-').remove(b'_').remove(b'.').remove(b'*');

/// A call to be made.
pub(super) struct Call {
    pub leg: LegId,
    /// The account called.
    pub user: String,
    /// The number shown as calling.
    pub from: String,
    /// Whether the client is asked to answer by itself.
    pub auto_answer: bool,
    pub port: Port,
    pub frames: mpsc::Receiver<Frame>,
}

/// Enters a call into the books and starts it.
pub(super) fn begin(core: &Arc<Core>, call: Call) {
    let (inputs, receiver) = mpsc::unbounded_channel();
    let call_id = format!("{}@switch", random_token());
    core.enter(call.leg, &call.user, &call_id, inputs);
    core.spawn(run(Arc::clone(core), call, call_id, receiver));
}

/// A request that waits for its time.
#[derive(Debug)]
pub(super) struct Held {
    pub due: Instant,
    pub request: Message,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// INVITE sent, nothing heard.
    Calling,
    /// A provisional response came.
    Proceeding,
    /// To be ended: CANCEL follows the first provisional response, or is sent.
    Cancelling { sent: bool },
    /// Answered.
    Talking,
    /// BYE sent.
    Ending,
    /// Over; late messages are still answered properly.
    Over,
}

pub(super) struct Leg {
    pub(super) core: Arc<Core>,
    pub(super) id: LegId,
    pub(super) user: String,
    invite: Message,
    local_tag: String,
    /// The client's tag and Contact, once its 200 came.
    remote: Option<(String, String)>,
    cseq: u32,
    /// The highest CSeq the client has used.
    remote_cseq: u32,
    pub(super) phase: Phase,
    pub(super) deadline: Instant,
    peer: Option<Peer>,
    /// Whether Ringing has been told, and the end of the leg.
    told_ringing: bool,
    told_end: bool,
    /// What a BYE gives as its reason.
    cause: Option<u16>,
    /// A request not answered yet, and the socket it left over.
    pub(super) outstanding: Option<(Message, Option<SocketId>)>,
    /// A request that leaves late.
    pub(super) held: Option<Held>,
}

/// Runs a call from INVITE to the end of its memory.
pub(super) async fn run(core: Arc<Core>, call: Call, call_id: String, mut inputs: mpsc::UnboundedReceiver<Input>) {
    let (id, moved, stop) = (call.leg, core.moved.subscribe(), core.stop.clone());
    match Leg::begin(Arc::clone(&core), call, &call_id).await {
        Ok(mut leg) => {
            tokio::select! {
                () = stop.cancelled() => leg.over().await,
                () = leg.live(&mut inputs, moved) => {}
            }
        }
        Err(status) => core.emit(SwitchEvent::Failed { leg: id, status }),
    }
    core.mixer.remove(id.party());
    core.forget_leg(id);
    core.forget_call(&call_id);
}

impl Leg {
    /// Sends the INVITE; otherwise says with which status the call fails.
    async fn begin(core: Arc<Core>, call: Call, call_id: &str) -> Result<Leg, u16> {
        let unreachable: u16 = if super::sound::locked(&core.registrar).knows(&call.user) { 480 } else { 404 };
        core.reach(&call.user).filter(|(_, open)| *open).ok_or(unreachable)?;
        let address = core.address.ip();
        let peer = Peer::offer(address, call.port, call.frames, Arc::clone(&core.faults)).await.map_err(|error| {
            tracing::warn!(%error, "no media for a call");
            500_u16
        })?;
        // The client may have moved meanwhile.
        let (binding, _) = core.reach(&call.user).ok_or(unreachable)?;
        let local_tag = random_token();
        let cseq = rand::random_range(1..10_000);
        let user = utf8_percent_encode(&call.from, USER).to_string();
        let shown = call.from.replace(['"', '\\', '\r', '\n'], "");
        let mut invite = Message::request("INVITE", &binding.contact)
            .with("Via", &via(&core))
            .with("Record-Route", &format!("<{}>", core.route_uri()))
            .with("Max-Forwards", "70")
            .with("From", &format!("\"{shown}\" <sip:{user}@{}>;tag={local_tag}", core.domain))
            .with("To", &format!("<sip:{}@{}>", call.user, core.domain))
            .with("Call-ID", call_id)
            .with("CSeq", &format!("{cseq} INVITE"))
            // No name server knows this host: what the client sends must come back over its socket.
            .with("Contact", &format!("<sip:{user}@switch.invalid:5060;transport=udp>"))
            .with("Allow", ALLOW)
            .with("User-Agent", AGENT);
        if call.auto_answer {
            invite.push("Call-Info", "answer-after=0");
        }
        let invite = invite.with_body("application/sdp", &peer.offer);
        let mut leg = Leg {
            id: call.leg,
            user: call.user,
            invite: invite.clone(),
            local_tag,
            remote: None,
            cseq,
            remote_cseq: 0,
            phase: Phase::Calling,
            deadline: Instant::now() + PATIENCE,
            peer: Some(peer),
            told_ringing: false,
            told_end: false,
            cause: None,
            outstanding: None,
            held: None,
            core,
        };
        leg.send_late(Kind::Invite, invite);
        Ok(leg)
    }

    async fn live(&mut self, inputs: &mut mpsc::UnboundedReceiver<Input>, mut moved: watch::Receiver<u64>) {
        let media = self.peer.as_ref().map(Peer::watch);
        let media_failed = async move {
            match media {
                Some(state) => peer::failed(state).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(media_failed);
        let mut media_lost = false;
        loop {
            let held_due = self.held.as_ref().map(|held| held.due);
            tokio::select! {
                input = inputs.recv() => match input {
                    Some(Input::Message(message, socket)) => self.on_message(*message, socket).await,
                    Some(Input::HangUp(cause)) => {
                        self.cause = cause;
                        self.hang_up(487).await;
                    }
                    None => return,
                },
                () = tokio::time::sleep_until(self.deadline) => match self.phase {
                    Phase::Calling => {
                        self.end(SwitchEvent::Failed { leg: self.id, status: 408 });
                        self.over().await;
                    }
                    Phase::Proceeding => self.hang_up(408).await,
                    Phase::Talking => self.check_sound(),
                    Phase::Cancelling { .. } | Phase::Ending => self.over().await,
                    Phase::Over => return,
                },
                () = tokio::time::sleep_until(held_due.unwrap_or_else(far_away)), if held_due.is_some() => {
                    self.on_held_due().await;
                }
                _ = moved.changed() => self.follow(),
                () = &mut media_failed, if !media_lost => {
                    media_lost = true;
                    if self.phase == Phase::Talking {
                        tracing::info!("a call's sound is gone for good: hanging up");
                        self.hang_up(500).await;
                    }
                }
            }
        }
    }

    /// The media stack keeps a failed key exchange to itself (it stays "connecting"): a silent call is worth a word.
    fn check_sound(&mut self) {
        if self.peer.as_ref().is_some_and(|peer| !peer.is_connected()) {
            tracing::warn!(user = self.user, "a call is answered, but its sound does not connect");
        }
        self.deadline = far_away();
    }

    /// Reports the end of the leg, once.
    fn end(&mut self, event: SwitchEvent) {
        if !std::mem::replace(&mut self.told_end, true) {
            if !super::sound::locked(&self.core.late_legs).contains_key(&self.id) {
                self.core.mixer.remove(self.id.party());
            }
            self.core.emit(event);
        }
    }

    async fn over(&mut self) {
        self.phase = Phase::Over;
        self.deadline = Instant::now() + PATIENCE;
        (self.outstanding, self.held) = (None, None);
        self.stop_lingering();
        self.core.forget_leg(self.id);
        self.close_media().await;
    }

    pub(super) async fn close_media(&mut self) {
        if let Some(peer) = self.peer.take() {
            peer.close().await;
        }
    }

    /// Ends the call from this side, as far as the platform is concerned at once.
    async fn hang_up(&mut self, status: u16) {
        match self.phase {
            Phase::Calling => {
                // A CANCEL may not overtake the first response (RFC 3261 9.1).
                self.phase = Phase::Cancelling { sent: false };
                self.end(SwitchEvent::Failed { leg: self.id, status });
            }
            Phase::Proceeding => {
                self.end(SwitchEvent::Failed { leg: self.id, status });
                self.cancel();
            }
            Phase::Talking => {
                if self.bye() {
                    self.end(SwitchEvent::Ended { leg: self.id });
                    self.close_media().await;
                } else {
                    self.linger();
                    self.end(SwitchEvent::Ended { leg: self.id });
                }
            }
            Phase::Cancelling { .. } | Phase::Ending | Phase::Over => {}
        }
    }

    fn cancel(&mut self) {
        let mut cancel = Message::request("CANCEL", request_uri(&self.invite));
        for name in ["Via", "Max-Forwards", "From", "To", "Call-ID"] {
            cancel.push(name, self.invite.header(name).unwrap_or_default());
        }
        cancel.push("CSeq", &format!("{} CANCEL", self.cseq));
        self.send_late(Kind::Bye, cancel);
        (self.phase, self.deadline) = (Phase::Cancelling { sent: true }, Instant::now() + PATIENCE);
    }

    /// True unless it leaves late.
    fn bye(&mut self) -> bool {
        let number = self.cseq + 1;
        let Some(mut bye) = self.in_dialog("BYE", number) else { return true };
        if let Some(cause) = self.cause {
            bye.push("Reason", &format!("Q.850;cause={cause}"));
        }
        (self.phase, self.deadline) = (Phase::Ending, far_away());
        let sent = self.send_late(Kind::Bye, bye);
        if sent {
            self.deadline = Instant::now() + PATIENCE;
        }
        sent
    }

    /// The client has registered over a new socket: what it may have missed is sent again, over that one.
    fn follow(&mut self) {
        let Some((request, sent_over)) = &mut self.outstanding else { return };
        let newest = self.core.reach(&self.user).map(|(binding, _)| binding.socket);
        if newest.is_some() && newest != *sent_over {
            *sent_over = self.core.send_to(&self.user, request);
        }
    }

    /// A request inside the dialog the client's 200 has made.
    fn in_dialog(&self, method: &str, number: u32) -> Option<Message> {
        let (tag, target) = self.remote.as_ref()?;
        let to = self.invite.header("To").unwrap_or_default();
        Some(
            Message::request(method, target)
                .with("Via", &via(&self.core))
                .with("Max-Forwards", "70")
                .with("From", self.invite.header("From").unwrap_or_default())
                .with("To", &format!("{to};tag={tag}"))
                .with("Call-ID", self.invite.call_id())
                .with("CSeq", &format!("{number} {method}"))
                .with("User-Agent", AGENT),
        )
    }

    async fn on_message(&mut self, message: Message, socket: SocketId) {
        match (&message.start, message.method()) {
            (Start::Request { .. }, _) => self.on_request(&message, socket).await,
            (Start::Response { code, .. }, "INVITE") => self.on_invite_response(*code, &message, socket).await,
            (Start::Response { code, .. }, "BYE") if *code >= 200 && self.phase == Phase::Ending => self.over().await,
            (Start::Response { .. }, _) => {}
        }
    }

    async fn on_invite_response(&mut self, code: u16, response: &Message, socket: SocketId) {
        match code {
            100..200 => self.on_provisional(code),
            200..300 => self.on_answer(response, socket).await,
            _ => {
                self.acknowledge_refusal(response, socket);
                if matches!(self.phase, Phase::Calling | Phase::Proceeding | Phase::Cancelling { .. }) {
                    self.end(SwitchEvent::Failed { leg: self.id, status: code });
                    self.over().await;
                }
            }
        }
    }

    fn on_provisional(&mut self, code: u16) {
        match self.phase {
            Phase::Calling => (self.phase, self.deadline) = (Phase::Proceeding, Instant::now() + RINGING),
            Phase::Cancelling { sent: false } => self.cancel(),
            Phase::Proceeding | Phase::Cancelling { .. } | Phase::Talking | Phase::Ending | Phase::Over => {}
        }
        if code > 100 && self.phase == Phase::Proceeding && !std::mem::replace(&mut self.told_ringing, true) {
            self.core.emit(SwitchEvent::Ringing { leg: self.id });
        }
    }

    async fn on_answer(&mut self, response: &Message, socket: SocketId) {
        let first = self.remote.is_none();
        if first {
            let tag = response.header("To").and_then(tag_of).unwrap_or_default().to_owned();
            let target =
                response.values("Contact").first().map_or(request_uri(&self.invite), |contact| uri_of(contact));
            self.remote = Some((tag, target.to_owned()));
        }
        // Every 200 is acknowledged, also one that comes again (RFC 3261 13.2.2.4).
        if let Some(ack) = self.in_dialog("ACK", self.cseq) {
            self.core.send(socket, &ack);
        }
        if !first {
            return;
        }
        match self.phase {
            Phase::Calling | Phase::Proceeding => {}
            // The answer and the end have crossed.
            Phase::Cancelling { .. } | Phase::Over | Phase::Talking | Phase::Ending => {
                self.bye();
                self.close_media().await;
                return;
            }
        }
        let accepted = match &mut self.peer {
            Some(peer) => peer.accept(&response.body).await,
            None => return,
        };
        match accepted {
            Ok(codec) => {
                tracing::debug!(?codec, "a leg is answered");
                (self.phase, self.deadline) = (Phase::Talking, Instant::now() + SOUND);
                self.core.emit(SwitchEvent::Answered { leg: self.id });
            }
            Err(error) => {
                tracing::warn!(%error, "an answer without usable sound");
                self.end(SwitchEvent::Failed { leg: self.id, status: 488 });
                self.bye();
                self.close_media().await;
            }
        }
    }

    /// The ACK of a refusal belongs to the INVITE's own transaction (RFC 3261 17.1.1.3).
    fn acknowledge_refusal(&self, response: &Message, socket: SocketId) {
        let mut ack = Message::request("ACK", request_uri(&self.invite));
        for name in ["Via", "Max-Forwards", "From", "Call-ID"] {
            ack.push(name, self.invite.header(name).unwrap_or_default());
        }
        ack.push("To", response.header("To").unwrap_or_default());
        ack.push("CSeq", &format!("{} ACK", self.cseq));
        self.core.send(socket, &ack);
    }

    async fn on_request(&mut self, request: &Message, socket: SocketId) {
        let method = request.method();
        if method == "ACK" {
            return;
        }
        let tags = (request.header("From").and_then(tag_of), request.header("To").and_then(tag_of));
        let remote_tag = self.remote.as_ref().map(|(tag, _)| tag.as_str());
        let ours = tags.0.is_some() && tags.0 == remote_tag && tags.1 == Some(self.local_tag.as_str());
        let alive = matches!(self.phase, Phase::Talking | Phase::Ending);
        let routed = request.values("Route").first().is_some_and(|route| uri_of(route) == self.core.route_uri());
        let (number, _) = request.cseq();
        let mut answer = None;
        let (code, reason) = match method {
            _ if !ours || !alive => (481, "Call/Transaction Does Not Exist"),
            // A proxy that finds no route to follow knows nobody of that name.
            _ if !routed => (404, "Not Found: no Route to this proxy"),
            _ if number <= self.remote_cseq => (500, "CSeq Out Of Order"),
            "BYE" | "INFO" | "OPTIONS" => (200, "OK"),
            "INVITE" => match self.answer(&request.body).await {
                Some(sdp) => {
                    answer = Some(sdp);
                    (200, "OK")
                }
                None => (488, "Not Acceptable Here"),
            },
            _ => (405, "Method Not Allowed"),
        };
        let reply =
            Message::response(request, code, reason, &self.local_tag).with("Allow", ALLOW).with("Server", AGENT);
        let reply = match answer {
            Some(sdp) => {
                let contact = self.invite.header("Contact").unwrap_or_default();
                reply.with("Contact", contact).with_body("application/sdp", &sdp)
            }
            None => reply,
        };
        self.core.send(socket, &reply);
        if code != 200 {
            return;
        }
        self.remote_cseq = number;
        if method == "BYE" {
            self.end(SwitchEvent::Ended { leg: self.id });
            self.over().await;
        }
    }
}

impl Leg {
    /// The answer to another offer of the client's (RFC 3261 14.2); none if it cannot be had.
    async fn answer(&mut self, offer: &str) -> Option<String> {
        let peer = self.peer.as_mut().filter(|_| self.phase == Phase::Talking)?;
        match peer.answer(offer).await {
            Ok(answer) => Some(answer),
            Err(error) => {
                tracing::info!(%error, "another offer is refused");
                None
            }
        }
    }
}

fn via(core: &Core) -> String {
    format!("SIP/2.0/{} {};branch=z9hG4bK{};rport", core.transport(), core.address, random_token())
}

fn request_uri(request: &Message) -> &str {
    match &request.start {
        Start::Request { uri, .. } => uri,
        Start::Response { .. } => "",
    }
}

/// A deadline for phases without one.
fn far_away() -> Instant {
    Instant::now() + Duration::from_secs(365 * 24 * 3600)
}
