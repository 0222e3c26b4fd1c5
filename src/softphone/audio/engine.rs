//! The audio thread and its handles. It owns all sound, asks nobody, is asked through a channel, and sleeps without ticks
//! while there is neither a call nor a tone.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::sync::{mpsc::Sender, oneshot};

use super::{
    BLOCK, CallFormat, Latency, Quality, RtpIn, RtpOut,
    backend::{
        Backend, Need,
        system::SoundSystem,
        watch::{Stir, Watch},
    },
    call::{Call, Shared},
    check::Check,
    ear::{Ear, Heard},
    tones::{Outlet, Tones},
    voice::{Treatment, Voice},
};
use crate::{
    config::{AudioBackend, AudioConfig},
    softphone::{AudioError, Devices, Event, MediaEvent, SoundTest, Tone, priority},
};

/// A block's time.
const BLOCK_TIME: Duration = Duration::from_millis(10);
/// Further behind than this (the machine slept) is not caught up with.
const HOPELESS: Duration = Duration::from_millis(500);
/// What is caught up with in one go.
const LONGEST_RUN: Duration = Duration::from_millis(50);
/// Blocks between two looks at the devices' figures: 200 ms.
const FIGURES_EVERY: u32 = 20;

/// Who is told what happens; called on the audio thread, so it must not wait.
type OnEvent = Arc<dyn Fn(Event) + Send + Sync>;

enum Order {
    Open { id: u64, format: CallFormat, out: Sender<RtpOut>, shared: Arc<Shared> },
    Close { id: u64 },
    Format { id: u64, format: CallFormat },
    Direction { id: u64, send: bool, receive: bool },
    Muted(bool),
    Held(bool),
    Play(Option<Tone>),
    Prove,
    Devices(Devices),
    Test(bool),
    Stir(Stir),
    Digit(char),
    FarLoss { id: u64, percent: f32 },
    Shutdown(Option<oneshot::Sender<()>>),
}

/// Everything that sounds. Methods never block; what goes wrong is told as events and the call goes on in silence.
pub struct AudioEngine {
    orders: mpsc::Sender<Order>,
    thread: Option<JoinHandle<()>>,
    next_call: AtomicU64,
    latency: Arc<Mutex<Latency>>,
}

/// The sound of one call; dropping it ends it.
pub struct CallAudio {
    id: u64,
    orders: mpsc::Sender<Order>,
    shared: Arc<Shared>,
}

impl AudioEngine {
    /// Starts the audio thread, which opens nothing before it is needed. `on_event` is called on that thread and must
    /// not wait.
    pub fn start(config: AudioConfig, on_event: Arc<dyn Fn(Event) + Send + Sync>) -> AudioEngine {
        let (orders, inbox) = mpsc::channel();
        let tell = on_event.clone();
        let latency = Arc::<Mutex<Latency>>::default();
        let (stirs, figures) = (orders.clone(), latency.clone());
        let thread = std::thread::Builder::new().name("audio".into()).spawn(move || {
            priority::raise_soon("audio");
            let system = SoundSystem::new(config.host);
            let watch = watch_devices(&config, system, stirs);
            Engine::new(&config, system, on_event, watch, figures).run(&inbox);
        });
        let thread = match thread {
            Ok(thread) => Some(thread),
            Err(error) => {
                let error = AudioError::NoDevice { direction: "sound device", reason: error.to_string() };
                tell(Event::Media(MediaEvent::DeviceFailed(error)));
                None
            }
        };
        AudioEngine { orders, thread, next_call: AtomicU64::new(1), latency }
    }

    /// Begins the sound of a call, both ways; one that is open ends. Packets go to `rtp_out` every 20 ms; when it is
    /// full, sound is dropped rather than delayed.
    pub fn open_call(&self, format: CallFormat, rtp_out: Sender<RtpOut>) -> CallAudio {
        let id = self.next_call.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::new(Shared::default());
        send(&self.orders, Order::Open { id, format, out: rtp_out, shared: shared.clone() });
        CallAudio { id, orders: self.orders.clone(), shared }
    }

    /// Sends silence in place of the microphone, for this and later calls; [`Event::Muted`] tells when it is so.
    pub fn set_muted(&self, muted: bool) {
        send(&self.orders, Order::Muted(muted));
    }

    /// Neither side hears the other while true, for this and later calls.
    pub fn set_held(&self, held: bool) {
        send(&self.orders, Order::Held(held));
    }

    /// Starts a tone or, with `None`, stops all.
    pub fn play(&self, tone: Option<Tone>) {
        send(&self.orders, Order::Play(tone));
    }

    /// Opens microphone and speaker to find out whether they work: [`MediaEvent::DevicesReady`] or
    /// [`MediaEvent::DeviceFailed`] tells.
    pub fn prove_devices(&self) {
        send(&self.orders, Order::Prove);
    }

    /// Uses these devices from now on, in a call too.
    pub fn set_devices(&self, devices: Devices) {
        send(&self.orders, Order::Devices(devices));
    }

    /// Begins or ends a test of the devices; [`MediaEvent::Tested`] tells how it goes.
    pub fn test_sound(&self, on: bool) {
        send(&self.orders, Order::Test(on));
    }

    /// Sends a keypad digit in the call as telephone-event (RFC 4733), where its format has one.
    pub fn send_digit(&self, digit: char) {
        send(&self.orders, Order::Digit(digit));
    }

    /// What the devices add to the delay in a call; at most 200 ms old.
    pub fn latency(&self) -> Latency {
        *self.latency.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all sound and closes the output file.
    pub async fn shutdown(mut self) {
        let (done, finished) = oneshot::channel();
        send(&self.orders, Order::Shutdown(Some(done)));
        if finished.await.is_err() {
            tracing::debug!("the audio thread was gone already");
        }
        self.thread = None;
    }
}

impl Drop for AudioEngine {
    /// Closes the output file as [`shutdown`](Self::shutdown) does; waits at most a block's time.
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        send(&self.orders, Order::Shutdown(None));
        if thread.join().is_err() {
            tracing::error!("the audio thread panicked");
        }
    }
}

impl CallAudio {
    /// A packet came in. Never waits.
    pub fn receive(&self, packet: RtpIn) {
        self.shared.receive(packet);
    }

    /// Another codec or payload type from now on (a re-INVITE).
    pub fn set_format(&self, format: CallFormat) {
        send(&self.orders, Order::Format { id: self.id, format });
    }

    /// What the two sides agreed on: without `send` no packets go out, without `receive` nothing is played.
    pub fn set_direction(&self, send: bool, receive: bool) {
        self::send(&self.orders, Order::Direction { id: self.id, send, receive });
    }

    /// What the far end says it loses of what is sent, percent: how much redundancy is worth its bits.
    pub fn set_far_loss(&self, percent: f32) {
        send(&self.orders, Order::FarLoss { id: self.id, percent });
    }

    /// Nothing of the microphone is sent and nothing of the far end is heard from the next block on, for good.
    pub fn silence(&self) {
        self.shared.silence();
    }

    /// Whether [`silence`](Self::silence) was called.
    pub fn silenced(&self) -> bool {
        self.shared.silenced()
    }

    /// How well the far end is heard; at most 200 ms old.
    pub fn quality(&self) -> Quality {
        self.shared.quality()
    }

    /// Times a sound device ran dry or over in this call.
    pub fn xruns(&self) -> u64 {
        self.shared.xruns()
    }
}

impl Drop for CallAudio {
    fn drop(&mut self) {
        send(&self.orders, Order::Close { id: self.id });
    }
}

fn send(orders: &mpsc::Sender<Order>, order: Order) {
    if orders.send(order).is_err() {
        tracing::trace!("the audio thread has ended");
    }
}

/// Watches what is plugged in and out, where devices are used at all.
fn watch_devices(config: &AudioConfig, system: SoundSystem, orders: mpsc::Sender<Order>) -> Option<Watch> {
    if config.backend != AudioBackend::Device {
        return None;
    }
    Watch::start(system, move |stir| send(&orders, Order::Stir(stir)))
        .inspect_err(|error| tracing::warn!(%error, "what is plugged in and out is not noticed"))
        .ok()
}

struct Engine {
    backend: Backend,
    watch: Option<Watch>,
    /// Where the delay of the devices is told.
    latency: Arc<Mutex<Latency>>,
    tone_dbfs: f32,
    check: Option<Check>,
    ear: Ear,
    /// Xruns before the call.
    xruns_before: u64,
    blocks: u32,
    tones: Tones,
    /// Silence may be left out of what is sent.
    dtx: bool,
    call: Option<Call>,
    treatment: Treatment,
    /// What is done to the microphone's sound in this call.
    voice: Option<Voice>,
    muted: bool,
    held: bool,
    /// Silence is asked for and told as soon as a packet of it has gone out.
    muting: bool,
    on_event: OnEvent,
}

impl Engine {
    fn new(
        config: &AudioConfig,
        system: SoundSystem,
        on_event: OnEvent,
        watch: Option<Watch>,
        latency: Arc<Mutex<Latency>>,
    ) -> Self {
        Self {
            backend: Backend::new(config, system),
            watch,
            latency,
            tone_dbfs: config.tone_dbfs,
            check: None,
            ear: Ear::default(),
            xruns_before: 0,
            blocks: 0,
            tones: Tones::new(config),
            dtx: config.dtx,
            call: None,
            treatment: Treatment::of(config),
            voice: None,
            muted: false,
            held: false,
            muting: false,
            on_event,
        }
    }

    fn run(mut self, orders: &mpsc::Receiver<Order>) {
        let mut due: Option<Instant> = None;
        let finished = loop {
            let order = match due {
                None => orders.recv().ok(),
                Some(at) => match orders.recv_timeout(at.saturating_duration_since(Instant::now())) {
                    Ok(order) => Some(order),
                    Err(RecvTimeoutError::Disconnected) => None,
                    Err(RecvTimeoutError::Timeout) => {
                        self.block(at);
                        due = self.next_due(at);
                        continue;
                    }
                },
            };
            match order {
                Some(Order::Shutdown(done)) => break done,
                Some(order) => self.obey(order),
                None => break None,
            }
            if due.is_none() && self.active() {
                due = Some(Instant::now());
            }
        };
        // The output file is complete before anybody is told so.
        drop(self);
        if let Some(done) = finished
            && done.send(()).is_err()
        {
            tracing::trace!("nobody waits for the audio thread");
        }
    }

    /// When the block after the one that was due at `at` is due. Deadlines are absolute, so that nothing drifts: a late
    /// block is followed by an early one.
    fn next_due(&self, at: Instant) -> Option<Instant> {
        if !self.active() {
            return None;
        }
        let next = at + BLOCK_TIME;
        let behind = Instant::now().saturating_duration_since(next);
        if behind > HOPELESS {
            tracing::debug!(?behind, "the machine slept: the time in between has no sound");
            return Some(Instant::now());
        }
        if behind > LONGEST_RUN {
            // The kernel ends a thread of real-time priority that makes no pause.
            std::thread::sleep(Duration::from_micros(1));
        }
        Some(next)
    }

    fn active(&self) -> bool {
        let need = self.need();
        need.microphone || need.ring || need.speaker || self.backend.lingers()
    }

    fn need(&self) -> Need {
        let call = self.call.is_some() || self.check.is_some();
        let sounds = self.backend.sounds();
        Need {
            microphone: call,
            speaker: call || (sounds && self.tones.sounding(Outlet::Speaker)),
            ring: sounds && self.tones.sounding(Outlet::Ring),
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Open { id, format, out, shared } => self.open(id, format, out, shared),
            Order::Close { id } => self.close(id),
            Order::Format { id, format } => {
                let format = self.allowed(format);
                if let Some(call) = self.call.as_mut().filter(|call| call.id == id) {
                    if let Err(error) = call.set_format(format) {
                        tracing::warn!(%error, "the call keeps its codec");
                    } else if self.voice.as_ref().is_some_and(|voice| !voice.suits(format.codec)) {
                        self.voice = Voice::new(self.treatment, format.codec);
                    }
                }
            }
            Order::Direction { id, send, receive } => {
                if let Some(call) = self.call.as_mut().filter(|call| call.id == id) {
                    call.set_direction(send, receive);
                }
            }
            Order::Muted(muted) => {
                self.muted = muted;
                self.muting = muted && self.call.is_some();
                if !self.muting {
                    self.tell(Event::Muted(muted));
                }
            }
            Order::Held(held) => self.held = held,
            Order::Play(tone) => {
                if self.backend.sounds() {
                    self.tones.play(tone);
                    if let Some(check) = self.check.as_mut().filter(|_| tone == Some(Tone::Test)) {
                        check.tone_begins();
                    }
                }
            }
            Order::Prove => {
                self.backend.prove();
                self.serve(Instant::now());
            }
            Order::Devices(devices) => {
                tracing::info!(?devices, "sound devices chosen");
                self.backend.set_devices(&devices);
            }
            Order::Test(on) => self.test(on),
            Order::Stir(stir) => self.stir(stir),
            Order::Digit(digit) => {
                if let Some(call) = &mut self.call {
                    call.digit(digit);
                }
            }
            Order::FarLoss { id, percent } => {
                if let Some(call) = self.call.as_mut().filter(|call| call.id == id) {
                    call.far_loss(percent);
                }
            }
            Order::Shutdown(_) => {}
        }
    }

    fn stir(&mut self, stir: Stir) {
        let events = match stir {
            Stir::Stirred => return self.backend.stirred(Instant::now()),
            Stir::Listed(devices) => {
                self.tell(Event::Media(MediaEvent::Devices(devices.clone())));
                self.backend.listed(devices, Instant::now())
            }
            Stir::Streams(streams) => self.backend.streams(&streams, Instant::now()),
        };
        for event in events {
            self.tell(Event::Media(event));
        }
    }

    /// What the far end wishes and the config allows.
    fn allowed(&self, mut format: CallFormat) -> CallFormat {
        format.wishes.dtx &= self.dtx;
        format
    }

    fn open(&mut self, id: u64, format: CallFormat, out: Sender<RtpOut>, shared: Arc<Shared>) {
        match Call::new(id, self.allowed(format), out, shared) {
            Ok(call) => {
                tracing::debug!(codec = format.codec.name(), "sound of a call begins");
                self.call = Some(call);
                self.voice = Voice::new(self.treatment, format.codec);
                self.tones.set_in_call(true);
                self.backend.begin_call();
                self.xruns_before = self.all_xruns();
            }
            Err(error) => tracing::error!(%error, "the call has no sound"),
        }
    }

    fn close(&mut self, id: u64) {
        if self.call.take_if(|call| call.id == id).is_none() {
            return;
        }
        self.voice = None;
        self.tones.set_in_call(false);
        self.backend.end_call();
        if self.check.is_some() {
            self.backend.begin_test();
        }
        let over = self.ear.end();
        self.tell_heard(over);
        self.finish_muting();
    }

    fn test(&mut self, on: bool) {
        if let Some(watch) = &mut self.watch {
            watch.looked_at(on);
        }
        match (&mut self.check, on) {
            (Some(check), true) => check.go_on(),
            (None, true) => {
                self.check = Some(Check::new(self.tone_dbfs));
                self.backend.begin_test();
            }
            (Some(_), false) => self.end_test(),
            (None, false) => {}
        }
    }

    fn end_test(&mut self) {
        let Some(check) = self.check.take() else { return };
        let found = SoundTest { running: false, ..check.report(self.backend.alive(), self.backend.xruns()) };
        if self.call.is_none() {
            self.backend.end_call();
        }
        if let Some(watch) = &mut self.watch {
            watch.looked_at(false);
        }
        self.tell(Event::Media(MediaEvent::Tested(found)));
    }

    fn all_xruns(&self) -> u64 {
        let xruns = self.backend.xruns();
        xruns.input + xruns.output
    }

    /// 10 ms of everything, `at` the time they are due.
    fn block(&mut self, at: Instant) {
        self.serve(at);
        let mut heard = [0.0; BLOCK];
        self.backend.capture(&mut heard);
        // Also what is not sent is treated: the room is known when it is sent again.
        let treated = self.voice.as_mut().map_or(heard, |voice| voice.treat(&heard));
        let silent = self.muted || self.held;
        let mut voice = None;
        let mut packet_out = false;
        let mut levels = None;
        if let Some(call) = &mut self.call {
            packet_out = call.speak(&heard, &treated, silent);
            voice = Some(call.listen(at, self.held));
            call.set_speaker_idle(self.backend.speaker_idle(at));
            levels = call.measure();
            // On hold nobody is to hear the agent.
            let delivers = self.backend.alive().first() == Some(&true);
            // Nor is it asked for when the call is over for the agent.
            let speaks_to_none = self.muted && !self.held && !call.silenced();
            let told = self.ear.hear(&heard, &treated, speaks_to_none, delivers);
            self.tell_heard(told);
        }
        if let Some(check) = &mut self.check
            && check.hear(&heard)
        {
            if check.is_over() {
                self.end_test();
            } else {
                let found = check.report(self.backend.alive(), self.backend.xruns());
                self.tell(Event::Media(MediaEvent::Tested(found)));
            }
        }
        let (mut speaker, mut ring) = ([0.0; BLOCK], [0.0; BLOCK]);
        self.tones.mix(&mut speaker, &mut ring);
        if let Some(treatment) = &mut self.voice {
            treatment.played(&together(voice.as_ref(), &speaker));
        }
        self.backend.play(voice.as_ref(), &speaker, &ring);
        if packet_out {
            self.finish_muting();
        }
        if let Some(levels) = levels {
            self.tell(Event::Media(levels));
        }
        self.blocks = self.blocks.wrapping_add(1);
        if self.blocks.is_multiple_of(FIGURES_EVERY) {
            self.tell_figures();
        }
    }

    fn tell_figures(&mut self) {
        *self.latency.lock().unwrap_or_else(PoisonError::into_inner) = self.backend.latency();
        if let Some(call) = &self.call {
            call.set_xruns(self.all_xruns().saturating_sub(self.xruns_before));
        }
    }

    fn tell_heard(&self, heard: Heard) {
        if let Some(on) = heard.speaking_muted {
            self.tell(Event::Media(MediaEvent::SpeakingMuted(on)));
        }
        if let Some(on) = heard.silent {
            self.tell(Event::Media(MediaEvent::MicrophoneSilent(on)));
        }
    }

    fn serve(&mut self, now: Instant) {
        for event in self.backend.serve(self.need(), now) {
            self.tell(Event::Media(event));
        }
    }

    fn finish_muting(&mut self) {
        if std::mem::take(&mut self.muting) {
            self.tell(Event::Muted(true));
        }
    }

    fn tell(&self, event: Event) {
        (self.on_event)(event);
    }
}

/// What the loudspeaker plays: the far end and the program's own tones.
fn together(voice: Option<&[f32; BLOCK]>, tones: &[f32; BLOCK]) -> [f32; BLOCK] {
    let mut all = *tones;
    for (sum, sample) in all.iter_mut().zip(voice.into_iter().flatten()) {
        *sum = (*sum + sample).clamp(-1.0, 1.0);
    }
    all
}
