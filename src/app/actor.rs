//! The thin shell around the state machine: receive, drain what is queued, update, carry out, publish one snapshot.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use jiff::Timestamp;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::{
    Asked, Command, CommandId, CommandOutcome, Effect, Event, Handle, Input, Now, Profile, PublishedEvent, SdkEvent,
    Snapshot, State, TimerId,
};

/// Commands waiting to be taken; more means that the actor is stuck.
const COMMANDS: usize = 64;
/// Events a slow script may be behind.
const EVENTS: usize = 1024;
/// Inputs taken before the next snapshot, so that a flood still shows something.
const BATCH: usize = 256;

/// The outside world, as far as effects reach it. What happens there comes back through the event sender that the
/// implementation was made with.
pub trait World: Send {
    /// Carries out an effect without waiting for its result. Timers, answers and publications never come here.
    fn carry_out(&mut self, effect: Effect);
}

/// The actor: owns the state, the timers and, while it runs, the world.
pub struct Actor {
    state: State,
    commands: mpsc::Receiver<Asked>,
    events: mpsc::UnboundedReceiver<Event>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    stream: broadcast::Sender<Arc<PublishedEvent>>,
    timers: BTreeMap<TimerId, Instant>,
    waiting: BTreeMap<CommandId, oneshot::Sender<CommandOutcome>>,
    last_command: u64,
    last_event: u64,
    outbox: Vec<Outgoing>,
    /// Asked before there was a world.
    early: Vec<Asked>,
    exit: bool,
}

/// What goes out only when the snapshot that belongs to it is published: whoever hears it and then looks must see it.
enum Outgoing {
    Answer(oneshot::Sender<CommandOutcome>, CommandOutcome),
    Event(SdkEvent),
}

impl Actor {
    /// Makes the actor and its front door, so that the screen can stand before the world does. `events` is the other
    /// end of what the world sends into.
    pub fn new(profile: Profile, events: mpsc::UnboundedReceiver<Event>) -> (Self, Handle) {
        let state = State::new(profile, now());
        let (command_sender, commands) = mpsc::channel(COMMANDS);
        let (snapshots, snapshot) = watch::channel(Arc::new(state.snapshot()));
        let (stream, _) = broadcast::channel(EVENTS);
        let handle = Handle::new(command_sender, snapshot, stream.clone());
        let actor = Self {
            state,
            commands,
            events,
            snapshots,
            stream,
            timers: BTreeMap::new(),
            waiting: BTreeMap::new(),
            last_command: 0,
            last_event: 0,
            outbox: Vec::new(),
            early: Vec::new(),
            exit: false,
        };
        (actor, handle)
    }

    /// Runs until the program is to end. The world stays the caller's, to be closed whatever happens here.
    pub async fn run(mut self, world: &mut impl World) {
        self.input(world, Input::Event(Event::Started));
        for asked in std::mem::take(&mut self.early) {
            self.command(world, asked);
        }
        self.publish_snapshot();
        while !self.exit {
            self.receive(world).await;
            for _ in 0..BATCH {
                if !self.drain_one(world) {
                    break;
                }
            }
            self.publish_snapshot();
        }
    }

    /// Returns once somebody asks for the end, for as long as there is no world to [`Actor::run`] with; what else is
    /// asked meanwhile is kept. May be dropped at any time.
    pub async fn asked_to_quit(&mut self) {
        while let Some(asked) = self.commands.recv().await {
            if matches!(asked.command, Command::Quit | Command::QuitNow) {
                break;
            }
            if self.early.len() < COMMANDS {
                self.early.push(asked);
            }
        }
        self.state.leave();
        self.publish_snapshot();
    }

    async fn receive(&mut self, world: &mut impl World) {
        let due = self.timers.iter().min_by_key(|(_, at)| **at).map(|(timer, at)| (*timer, *at));
        let sleep = async {
            match due {
                Some((_, at)) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            asked = self.commands.recv() => match asked {
                Some(asked) => self.command(world, asked),
                // Every door is gone: nobody can ask any more, not even for the end.
                None => self.exit = true,
            },
            Some(event) = self.events.recv() => self.input(world, Input::Event(event)),
            () = sleep => {
                if let Some((timer, _)) = due {
                    self.timers.remove(&timer);
                    self.input(world, Input::Event(Event::Timer(timer)));
                }
            }
        }
    }

    fn drain_one(&mut self, world: &mut impl World) -> bool {
        if let Ok(event) = self.events.try_recv() {
            self.input(world, Input::Event(event));
            true
        } else if let Ok(asked) = self.commands.try_recv() {
            self.command(world, asked);
            true
        } else {
            false
        }
    }

    fn command(&mut self, world: &mut impl World, asked: Asked) {
        self.last_command += 1;
        let id = CommandId(self.last_command);
        if let Some(reply) = asked.reply {
            self.waiting.insert(id, reply);
        }
        let over = asked.call.is_some_and(|meant| self.state.live_call().is_none_or(|call| call.journal_id != meant));
        let input = if over { Input::TooLate { id } } else { Input::Command { id, command: asked.command } };
        self.input(world, input);
    }

    fn input(&mut self, world: &mut impl World, input: Input) {
        for effect in self.state.update(input, now()) {
            match effect {
                Effect::StartTimer { timer, after } => {
                    self.timers.insert(timer, tokio::time::Instant::now().into_std() + after);
                }
                Effect::StopTimer(timer) => {
                    self.timers.remove(&timer);
                }
                Effect::Resolve { id, outcome } => {
                    if let Some(reply) = self.waiting.remove(&id) {
                        self.outbox.push(Outgoing::Answer(reply, outcome));
                    }
                }
                Effect::Publish(event) => self.outbox.push(Outgoing::Event(event)),
                Effect::Exit => self.exit = true,
                effect @ (Effect::Request { .. }
                | Effect::Abandon(_)
                | Effect::OpenLink { .. }
                | Effect::CloseLink
                | Effect::ProveLink
                | Effect::Phone(_)
                | Effect::RememberSignIn(_)
                | Effect::Remember(_)
                | Effect::FillPanel { .. }
                | Effect::StopPanel
                | Effect::Journal(_)
                | Effect::SetTenant(_)
                | Effect::UseToken(_)
                | Effect::RenewToken) => world.carry_out(effect),
            }
        }
    }

    fn publish(&mut self, event: SdkEvent) {
        self.last_event += 1;
        let event = PublishedEvent {
            seq: self.last_event,
            time: wall_clock(),
            event_name: event.name,
            event_type: event.kind,
            status: event.status,
            data: event.data,
        };
        // An error only says that no script listens.
        self.stream.send(Arc::new(event)).ok();
    }

    fn publish_snapshot(&mut self) {
        let snapshot = self.state.snapshot();
        self.snapshots.send_if_modified(|current| {
            if **current == snapshot {
                return false;
            }
            *current = Arc::new(snapshot);
            true
        });
        for outgoing in std::mem::take(&mut self.outbox) {
            match outgoing {
                Outgoing::Event(event) => self.publish(event),
                // Who asked may have gone away meanwhile; the outcome is on the screen as well.
                Outgoing::Answer(reply, outcome) => {
                    if reply.send(outcome).is_err() {
                        tracing::debug!("nobody waits for a command's outcome any more");
                    }
                }
            }
        }
    }
}

fn now() -> Now {
    Now { at: tokio::time::Instant::now().into_std(), wall: wall_clock(), random: rand::random() }
}

/// The time in whole milliseconds, as the command contract writes it.
fn wall_clock() -> Timestamp {
    let now = crate::clock::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::{
        app::LinkState,
        cti::api::{ApiError, Reply, Request},
        domain::AgentState,
    };

    /// A platform that can be reached only from the `reachable_from`th try on.
    struct FakeWorld {
        events: mpsc::UnboundedSender<Event>,
        tries: u32,
        reachable_from: u32,
    }

    #[allow(clippy::wildcard_enum_match_arm)]
    impl World for FakeWorld {
        fn carry_out(&mut self, effect: Effect) {
            let Effect::Request { id, request } = effect else { return };
            let result = match request {
                Request::RtcInfo { .. } => {
                    self.tries += 1;
                    if self.tries < self.reachable_from {
                        Err(ApiError::Timeout(4000))
                    } else {
                        Ok(json!({ "vccId": 1, "phopass": "p", "vccCode": "v" }))
                    }
                }
                Request::Login { .. } | Request::CallOut { .. } => Ok(json!({})),
                _ => return,
            };
            let result = result.map(|data| Reply { code: 0, message: String::new(), data });
            self.events.send(Event::Replied { id, result }).unwrap();
        }
    }

    fn start(reachable_from: u32) -> (Handle, tokio::task::JoinHandle<FakeWorld>) {
        let (events, received) = mpsc::unbounded_channel();
        let profile = Profile { websocket: false, ..crate::app::update::tests::rig::profile() };
        let (actor, handle) = Actor::new(profile, received);
        let mut world = FakeWorld { events, tries: 0, reachable_from };
        let task = async move {
            actor.run(&mut world).await;
            world
        };
        (handle, tokio::spawn(task))
    }

    #[tokio::test(start_paused = true)]
    async fn timers_run_snapshots_follow_and_quit_ends_it() {
        let (handle, task) = start(3);
        let mut snapshots = handle.snapshots();
        let begun = tokio::time::Instant::now();
        snapshots.wait_for(|s| s.link.retry_at.is_some()).await.unwrap();
        snapshots.wait_for(|s| s.agent.state == AgentState::Idle).await.unwrap();
        // Two pauses of 250 ms, each up to a fifth shorter.
        assert!(begun.elapsed() >= Duration::from_millis(400), "the retry waited for its timer");
        assert_eq!(snapshots.borrow().link.state, LinkState::Down);
        handle.ask(Command::Quit).await.unwrap();
        let world = task.await.unwrap();
        assert_eq!(world.tries, 3);
        assert!(handle.ask(Command::Ready).await.is_err(), "nobody answers any more");
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_can_be_asked_for_before_there_is_a_world() {
        let (_events, received) = mpsc::unbounded_channel();
        let (mut actor, handle) = Actor::new(crate::app::update::tests::rig::profile(), received);
        assert!(handle.tell(Command::Ready) && handle.tell(Command::Quit));
        actor.asked_to_quit().await;
        assert!(handle.snapshots().borrow().exiting);
        assert_eq!(actor.early.len(), 1, "what was asked before is kept");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_told_sees_what_was_told() {
        let (handle, _task) = start(1);
        handle.snapshots().wait_for(|s| s.agent.state == AgentState::Idle).await.unwrap();
        let mut events = handle.events();
        let content = crate::app::PanelContent::Text("x".into());
        handle.ask(Command::SetPanel { content: content.clone() }).await.unwrap();
        assert_eq!(handle.snapshots().borrow().panel.content.as_deref(), Some(&content));
        handle
            .ask(Command::Dial { number: "139".into(), caller_id: None, queue_id: None, user_data: None })
            .await
            .unwrap();
        assert_eq!(events.recv().await.unwrap().event_name, "callStarted");
        assert!(handle.snapshots().borrow().call.phase.is_live());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_meant_for_a_call_that_is_over_is_done_to_no_other() {
        let (handle, _task) = start(1);
        let mut snapshots = handle.snapshots();
        snapshots.wait_for(|s| s.agent.state == AgentState::Idle).await.unwrap();
        let number = "139".to_owned();
        handle.ask(Command::Dial { number, caller_id: None, queue_id: None, user_data: None }).await.unwrap();
        let call = snapshots.wait_for(|s| s.call.phase.is_live()).await.unwrap().call.id;
        let before = call.map(|id| id - 1);
        for command in [Command::HangUp, Command::CancelDial, Command::Reject, Command::Mute] {
            let refusal = handle.about(before).ask(command).await.unwrap_err();
            assert_eq!(refusal.message.key(), "app.that_call_is_over");
        }
        assert!(handle.about(before).tell(Command::HangUp));
        snapshots.wait_for(|s| !s.notices.is_empty()).await.unwrap();
        assert!(snapshots.borrow().call.phase.is_live());
        // The call that was looked at is another matter.
        assert!(handle.about(call).tell(Command::HangUp));
        snapshots.wait_for(|s| !s.call.phase.is_live()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn an_unanswered_command_is_refused_after_its_deadline() {
        let (handle, _task) = start(1);
        handle.snapshots().wait_for(|s| s.agent.state == AgentState::Idle).await.unwrap();
        let begun = tokio::time::Instant::now();
        let refusal = handle.ask(Command::Busy { reason: None }).await.unwrap_err();
        assert_eq!(refusal.kind, crate::app::RefusalKind::Unreachable);
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}
