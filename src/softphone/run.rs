//! The softphone's main loop: carries commands, frames, media jobs and time to the SIP agent, and what it decides back.

use std::{future::pending, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};

use super::{
    Command, Event, Settings,
    media::{Media, MediaError, Wish},
    media_port::MediaPort,
    sip::{Agent, Job, JobResult, Link, LinkEvent, Output, Task},
};

/// Longest a media job may take; the caller is ringing meanwhile.
const JOB_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the last BYE and the last REGISTER wait for their answers when the program ends.
const LAST_WORDS: Duration = Duration::from_millis(600);
/// How long the sound gets to be closed in good order.
const LAST_SOUND: Duration = Duration::from_millis(800);

type OnEvent = Arc<dyn Fn(Event) + Send + Sync>;

enum Order {
    Command(Command),
    Shutdown(oneshot::Sender<()>),
}

/// The web phone. Does its work in tasks of its own; dropped, it says BYE and goes, as with [`Softphone::shutdown`] but
/// without anybody waiting.
pub struct Softphone {
    orders: mpsc::UnboundedSender<Order>,
}

impl Softphone {
    /// Starts it, unregistered and silent. Must be called inside a tokio runtime. `on_event` is called from the
    /// softphone's tasks and must not block.
    pub fn start(settings: Settings, on_event: impl Fn(Event) + Send + Sync + 'static) -> Softphone {
        let on_event: OnEvent = Arc::new(on_event);
        let media = Media::with_ice(settings.audio.clone(), settings.ice.clone(), &settings.dialer, on_event.clone());
        Self::with_media(settings, media, on_event)
    }

    /// Starts it with another media room.
    pub(crate) fn with_media<M: MediaPort>(settings: Settings, media: M, on_event: OnEvent) -> Softphone {
        let (orders, receiver) = mpsc::unbounded_channel();
        tokio::spawn(Runner::new(settings, media, on_event).run(receiver));
        Self { orders }
    }

    /// Tells it what to do; never blocks. What makes no sense now is logged and ignored.
    pub fn send(&self, command: Command) {
        if self.orders.send(Order::Command(command)).is_err() {
            tracing::debug!("the softphone has ended; a command was dropped");
        }
    }

    /// Ends the call with BYE, takes the binding back (REGISTER with `expires=0`), so that no customer is routed to a
    /// phone that is gone, closes the sound (so that a WAV file is complete) and the connection. At most 1.4 s; where
    /// there is no connection now, none is waited for.
    pub async fn shutdown(self) {
        let (done, wait) = oneshot::channel();
        if self.orders.send(Order::Shutdown(done)).is_ok() && timeout(LAST_WORDS + LAST_SOUND, wait).await.is_err() {
            tracing::debug!("the softphone did not end in time");
        }
    }
}

struct Runner<M> {
    settings: Settings,
    on_event: OnEvent,
    agent: Agent,
    link: Option<Link>,
    media: Arc<M>,
    jobs: mpsc::UnboundedSender<Job>,
    done: mpsc::UnboundedReceiver<(u64, JobResult)>,
    wishes: mpsc::UnboundedReceiver<Wish>,
    worker: JoinHandle<()>,
}

impl<M: MediaPort> Runner<M> {
    fn new(settings: Settings, mut media: M, on_event: OnEvent) -> Self {
        let agent = Agent::new(&settings.domain, settings.ws_server.scheme() == "wss", media.offer_check());
        let wishes = media.wishes();
        let media = Arc::new(media);
        let (jobs, for_worker) = mpsc::unbounded_channel();
        let (results, done) = mpsc::unbounded_channel();
        let worker = tokio::spawn(work(media.clone(), for_worker, results));
        Self { settings, on_event, agent, link: None, media, jobs, done, wishes, worker }
    }

    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let told = loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Command(command)) => self.obey(command),
                    Some(Order::Shutdown(done)) => break Some(done),
                    None => break None,
                },
                () = self.step() => {}
            }
            self.carry_out();
        };
        self.end().await;
        if let Some(told) = told {
            // Whoever asked may have run out of patience.
            told.send(()).ok();
        }
    }

    /// Waits for what comes from outside, and gives it to the agent. Cancel safe: nothing is taken before it is given.
    async fn step(&mut self) {
        let deadline = self.agent.deadline();
        let link = self.link.as_mut();
        tokio::select! {
            event = async { match link { Some(link) => link.event().await, None => pending().await } } => match event {
                Some(LinkEvent::Up) => self.agent.link_up(Instant::now()),
                Some(LinkEvent::Frame(frame)) => self.agent.frame(&frame, Instant::now()),
                Some(LinkEvent::RoundTrip(time)) => {
                    self.agent.proven(Instant::now());
                    (self.on_event)(Event::RoundTrip(time));
                }
                Some(LinkEvent::Down { error, trouble }) => {
                    tracing::info!(%error, "no SIP connection");
                    self.link = None;
                    self.agent.link_down(error, trouble, Instant::now());
                }
                None => self.link = None,
            },
            Some(wish) = self.wishes.recv() => match wish {
                Wish::Restart { call_id, moved } => {
                    // What the sound has lost its way by, SIP may have lost its way by too.
                    if let Some(link) = &self.link {
                        link.prove();
                    }
                    self.agent.reoffer(&call_id, moved, Instant::now());
                }
                Wish::Settled { call_id } => self.agent.settled(&call_id),
                Wish::Renew { call_id } => self.agent.renew(&call_id, Instant::now()),
            },
            Some((job, result)) = self.done.recv() => self.agent.media_done(job, result, Instant::now()),
            () = async { match deadline { Some(at) => sleep_until(at).await, None => pending().await } } => {
                self.agent.tick(Instant::now());
            }
        }
    }

    fn obey(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            Command::Register(account) => self.agent.register(account, now),
            Command::Refresh => self.agent.refresh(now),
            Command::Unregister => self.agent.unregister(now),
            Command::Answer { call_id } => self.agent.answer(&call_id),
            Command::HangUp { call_id } => self.agent.hang_up(&call_id, now),
            Command::Release { call_id } => {
                self.media.silence(&call_id);
                self.agent.release(&call_id, now);
            }
            Command::TurnAway { call_id } => self.agent.turn_away(&call_id, now),
            Command::SetMuted(muted) => self.media.set_muted(muted),
            Command::SetHeld(held) => self.media.set_held(held),
            Command::Play(tone) => self.media.play(tone),
            Command::ProveDevices => self.media.prove_devices(),
            Command::SetDevices(devices) => self.media.set_devices(devices),
            Command::TestSound(on) => self.media.test_sound(on),
            Command::SendDigit(digit) => self.media.send_digit(digit),
        }
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.agent.output() {
            match output {
                Output::Open => {
                    self.link = Some(Link::open(self.settings.ws_server.clone(), self.settings.dialer.clone()));
                }
                Output::Close => self.link = None,
                Output::Send(text) => match &self.link {
                    Some(link) => link.send(text),
                    None => tracing::debug!("no connection; a SIP message was not sent"),
                },
                Output::Prove => {
                    if let Some(link) = &self.link {
                        link.prove();
                    }
                }
                Output::KeepAlive(every) => {
                    if let Some(link) = &self.link {
                        link.keep_alive(every);
                    }
                }
                Output::Tell(event) => {
                    if let Event::Incoming { call_id, .. } = &event {
                        self.media.call_begins(call_id);
                    }
                    (self.on_event)(event);
                }
                Output::Media(job) => {
                    // Jobs are done in order, and one before it may take seconds.
                    if job.task == Task::Close {
                        self.media.silence(&job.call_id);
                    }
                    if self.jobs.send(job).is_err() {
                        tracing::debug!("the media worker has ended");
                    }
                }
            }
        }
    }

    async fn end(mut self) {
        self.agent.end(Instant::now());
        self.carry_out();
        let until = Instant::now() + LAST_WORDS;
        while self.link.is_some() && !self.agent.quiet() {
            tokio::select! {
                () = self.step() => self.carry_out(),
                () = sleep_until(until) => break,
            }
        }
        let Self { link, media, jobs, worker, .. } = self;
        drop(jobs);
        let silence = async {
            if worker.await.is_err() {
                tracing::debug!("the media worker did not end well");
            }
            if let Some(media) = Arc::into_inner(media) {
                media.shutdown().await;
            }
        };
        if timeout(LAST_SOUND, silence).await.is_err() {
            tracing::debug!("the sound was not closed in time");
        }
        drop(link);
    }
}

/// Does the media jobs, one after the other, so that the close of a call never overtakes its answer.
async fn work<M: MediaPort>(
    media: Arc<M>,
    mut jobs: mpsc::UnboundedReceiver<Job>,
    results: mpsc::UnboundedSender<(u64, JobResult)>,
) {
    while let Some(Job { id, call_id, task }) = jobs.recv().await {
        let job = async {
            match task {
                Task::Answer(offer) => media.answer(&call_id, &offer).await.map(Some),
                Task::Offer { restart } => media.offer(&call_id, restart).await.map(Some),
                Task::Accept(answer) => media.accept_answer(&call_id, &answer).await.map(|()| None),
                Task::Rollback => {
                    media.rollback(&call_id).await;
                    Ok(None)
                }
                Task::Close => {
                    media.close(&call_id).await;
                    Ok(None)
                }
            }
        };
        let result = timeout(JOB_TIMEOUT, job)
            .await
            .unwrap_or_else(|_| Err(MediaError::Failed("the sound was not ready in 10 s".into())));
        // The main loop may be ending; then nobody needs the result.
        results.send((id, result)).ok();
    }
}
