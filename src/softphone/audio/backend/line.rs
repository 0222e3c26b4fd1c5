//! One sound device in one direction: opened and closed by a thread of its own, because that can take seconds, and tried
//! again when it fails.

use std::{
    sync::{Arc, atomic::Ordering, mpsc},
    time::{Duration, Instant},
};

use super::{
    direction::DeviceDirection,
    open::{End, Opened, open},
    server::Over,
    stats::StreamStats,
    system::{SoundSystem, is_of_server},
};
use crate::{
    config::Ear,
    softphone::{AudioError, priority},
};

/// Between two attempts to open a device.
const RETRY: Duration = Duration::from_secs(1);
/// The same for a device that worked and went away: a headset that is plugged in again is to be heard at once.
const EAGER_RETRY: Duration = Duration::from_millis(100);
/// How long that is hoped for.
const EAGER: Duration = Duration::from_secs(60);
/// Kept open after it was last needed, so that the next call or tone begins at once.
const LINGER: Duration = Duration::from_secs(2);
/// Shortest and longest time between two callbacks asked for, ms.
const SHORTEST_PERIOD: u32 = 10;
const LONGEST_PERIOD: u32 = 40;
/// A device that runs dry this often within [`LINGER`] is opened again with twice the period.
const TOO_MANY_XRUNS: u64 = 4;
/// A device whose callbacks stay away this long is dead, whatever it says: one that has never called back, and one that
/// has.
const NO_FIRST_PULSE: Duration = Duration::from_secs(4);
const NO_PULSE: Duration = Duration::from_millis(1500);
/// A sound server opens a device that is not there, and nothing comes of it: what was lost is opened anew this soon, and
/// now and then later, in case the machine is only busy.
const NO_PULSE_AFTER_LOSS: Duration = Duration::from_millis(250);
const PATIENT_ATTEMPT: u32 = 6;
/// How long before a device is gone sound servers move its streams elsewhere, at most.
const MOVED_BEFORE: Duration = Duration::from_secs(1);
/// A device works when it has called back this often: the first times only fill its buffer, whether it runs or not.
const AT_WORK: u64 = 4;

/// A device of the user's choice.
pub struct Line {
    system: SoundSystem,
    wanted: String,
    direction: DeviceDirection,
    role: &'static str,
    ear: Ear,
    worker: Option<Worker>,
    generation: u64,
    period_ms: u32,
    state: State,
    /// What worked and went away, and when.
    lost: Option<(String, Instant)>,
    /// Attempts since then that nothing came of.
    attempts: u32,
    /// Xruns of streams that are closed.
    xruns_before: u64,
}

enum State {
    Closed,
    Opening,
    Open(Open),
    Failed { retry_at: Instant },
}

/// Our side of an open device.
pub struct Open {
    /// For people.
    pub name: String,
    /// For the config file.
    pub id: String,
    /// The device that the system has moved it away from, and when.
    moved_from: Option<(String, Instant)>,
    /// Hz.
    pub rate: u32,
    /// The ring.
    pub end: End,
    /// Signs of life.
    pub stats: Arc<StreamStats>,
    seen: (u64, Instant),
    xruns: (u64, Instant),
    needed: Instant,
}

impl Open {
    /// Whether the device takes or gives sound: its first callbacks only fill its buffer.
    pub fn at_work(&self) -> bool {
        self.stats.callbacks.load(Ordering::Relaxed) >= AT_WORK
    }

    /// The system has moved the stream to another device.
    pub fn moved(&mut self, id: &str, name: &str, now: Instant) {
        let from = std::mem::replace(&mut self.id, id.to_owned());
        name.clone_into(&mut self.name);
        self.moved_from = Some((from, now));
    }

    /// Whether it ran dry too often of late: the machine is busy, or the device is slow. Not for a sound server: its
    /// periods are not those of the device, and what is kept ready for it grows by itself.
    fn struggles(&mut self, now: Instant) -> bool {
        if is_of_server(&self.id) {
            return false;
        }
        let xruns = self.stats.xruns.load(Ordering::Relaxed);
        if now.saturating_duration_since(self.xruns.1) > LINGER {
            self.xruns = (xruns, now);
        }
        xruns - self.xruns.0 >= TOO_MANY_XRUNS
    }
}

/// What became of a line.
#[derive(Debug)]
pub enum Change {
    /// It is open now; its first block is due.
    Opened,
    /// It cannot be used; tried again later.
    Failed(AudioError),
}

struct Worker {
    orders: mpsc::Sender<Order>,
    news: mpsc::Receiver<(u64, News)>,
}

enum Order {
    Open { generation: u64, period_ms: u32, wanted: String },
    Close,
}

enum News {
    Opened(Open),
    Failed(AudioError),
}

impl Line {
    /// Nothing is opened, no thread is started yet.
    pub fn new(system: SoundSystem, wanted: &str, direction: DeviceDirection, role: &'static str) -> Self {
        Self {
            system,
            wanted: wanted.into(),
            direction,
            role,
            ear: Ear::Both,
            worker: None,
            generation: 0,
            period_ms: SHORTEST_PERIOD,
            state: State::Closed,
            lost: None,
            attempts: 0,
            xruns_before: 0,
        }
    }

    /// A speaker that plays in one ear.
    pub fn in_ear(mut self, ear: Ear) -> Self {
        self.ear = ear;
        self
    }

    /// Uses another device from now on.
    pub fn choose(&mut self, wanted: &str) {
        if self.wanted != wanted {
            wanted.clone_into(&mut self.wanted);
            self.period_ms = SHORTEST_PERIOD;
            self.lost = None;
            self.close();
        }
    }

    /// What is wanted: an id, a name, or "default".
    pub fn wanted(&self) -> &str {
        &self.wanted
    }

    /// Devices have come or gone: what could not be opened is tried again now.
    pub fn try_again(&mut self, now: Instant) {
        if let State::Failed { retry_at } = &mut self.state {
            *retry_at = now;
        }
    }

    /// Whether it uses the system's choice.
    pub fn follows_default(&self) -> bool {
        self.system.follows_default(&self.wanted)
    }

    /// Opens the system's device anew where that is another one than the open one. Whether that was so.
    pub fn follow(&mut self, default_id: &str, now: Instant) -> bool {
        let other = self.follows_default() && matches!(&self.state, State::Open(open) if open.id != default_id);
        if other {
            tracing::info!(role = self.role, to = default_id, "the system's device has changed");
            self.close();
            self.state = State::Failed { retry_at: now };
        }
        other
    }

    /// The system has taken the device away. Sound servers let the stream go on at another device, which the agent has
    /// not chosen: it is closed. Whether that device was open.
    pub fn taken_away(&mut self, id: &str, now: Instant) -> bool {
        let device = match &self.state {
            State::Open(open) if open.id == id => open.name.clone(),
            // The stream was moved because the device was going.
            State::Open(Open { moved_from: Some((from, at)), .. })
                if from == id && now.saturating_duration_since(*at) < MOVED_BEFORE && !self.follows_default() =>
            {
                from.clone()
            }
            State::Open(_) | State::Closed | State::Opening | State::Failed { .. } => return false,
        };
        self.fail(AudioError::Gone { direction: self.role, device }, now);
        true
    }

    /// Times it ran dry or over since the program began.
    pub fn xruns(&self) -> u64 {
        let open = match &self.state {
            State::Open(open) => open.stats.xruns.load(Ordering::Relaxed),
            State::Closed | State::Opening | State::Failed { .. } => 0,
        };
        self.xruns_before + open
    }

    /// Opens, keeps, tries again or closes. Never waits. Call it every block.
    pub fn serve(&mut self, needed: bool, now: Instant) -> Option<Change> {
        let mut change = self.read_news(now);
        match &mut self.state {
            State::Closed if needed => change = self.begin(now).or(change),
            State::Closed | State::Opening => {}
            State::Failed { .. } if !needed => {
                self.state = State::Closed;
                self.lost = None;
            }
            State::Failed { retry_at } if now >= *retry_at => change = self.begin(now).or(change),
            State::Failed { .. } => {}
            State::Open(open) => {
                if let Err(over) = open.end.pump(now) {
                    let (direction, device) = (self.role, open.name.clone());
                    tracing::debug!(role = direction, device, ?over, "the stream is over");
                    return Some(self.fail(
                        match over {
                            Over::Killed | Over::Lost => AudioError::Gone { direction, device },
                            Over::Hangs => AudioError::Stalled { direction, device },
                        },
                        now,
                    ));
                }
                if needed {
                    open.needed = now;
                }
                let callbacks = open.stats.callbacks.load(Ordering::Relaxed);
                if callbacks != open.seen.0 {
                    open.seen = (callbacks, now);
                    if callbacks >= AT_WORK {
                        (self.lost, self.attempts) = (None, 0);
                    }
                }
                let hoped_for = self.lost.as_ref().is_some_and(|(_, at)| now.saturating_duration_since(*at) < EAGER);
                let patience = match callbacks {
                    0..AT_WORK if hoped_for && !self.attempts.is_multiple_of(PATIENT_ATTEMPT) => NO_PULSE_AFTER_LOSS,
                    0..AT_WORK if hoped_for => NO_PULSE,
                    0 => NO_FIRST_PULSE,
                    _ => NO_PULSE,
                };
                let still = now.saturating_duration_since(open.seen.1) > patience;
                if still && callbacks < AT_WORK && hoped_for {
                    // Its loss has been told.
                    self.attempts += 1;
                    self.close();
                    change = self.begin(now);
                } else if still {
                    let error = AudioError::Stalled { direction: self.role, device: open.name.clone() };
                    change = Some(self.fail(error, now));
                } else if now.saturating_duration_since(open.needed) > LINGER {
                    self.close();
                } else if open.struggles(now) && self.period_ms < LONGEST_PERIOD {
                    self.period_ms *= 2;
                    tracing::debug!(role = self.role, period_ms = self.period_ms, "too many xruns: longer periods");
                    self.close();
                    change = self.begin(now);
                }
            }
        }
        change
    }

    /// The open device.
    pub fn open(&mut self) -> Option<&mut Open> {
        match &mut self.state {
            State::Open(open) => Some(open),
            State::Closed | State::Opening | State::Failed { .. } => None,
        }
    }

    /// Whether it is open and works.
    pub fn alive(&self) -> bool {
        matches!(&self.state, State::Open(open) if open.at_work())
    }

    /// How long ago the open device called back last; zero while it is not open.
    pub fn idle(&self, now: Instant) -> Duration {
        match &self.state {
            State::Open(open) => now.saturating_duration_since(open.seen.1),
            State::Closed | State::Opening | State::Failed { .. } => Duration::ZERO,
        }
    }

    /// Whether the last attempt failed.
    pub fn failed(&self) -> bool {
        matches!(self.state, State::Failed { .. })
    }

    /// Whether there is anything to look after.
    pub fn lingers(&self) -> bool {
        !matches!(self.state, State::Closed)
    }

    fn begin(&mut self, now: Instant) -> Option<Change> {
        self.generation += 1;
        let order = Order::Open { generation: self.generation, period_ms: self.period_ms, wanted: self.wanted.clone() };
        let worker = match self.worker.take().map_or_else(|| self.start_worker(), Ok) {
            Ok(worker) => worker,
            Err(error) => {
                let (direction, reason) = (self.role, error.to_string());
                return Some(self.fail(AudioError::NoDevice { direction, reason }, now));
            }
        };
        // A worker that is gone is replaced at the next attempt.
        if worker.orders.send(order).is_ok() {
            self.worker = Some(worker);
            self.state = State::Opening;
        } else {
            self.state = State::Failed { retry_at: now + RETRY };
        }
        None
    }

    fn start_worker(&self) -> std::io::Result<Worker> {
        let (orders, inbox) = mpsc::channel();
        let (outbox, news) = mpsc::channel();
        let (system, direction, role, ear) = (self.system, self.direction, self.role, self.ear);
        std::thread::Builder::new()
            .name(format!("audio-{role}").replace(' ', "-"))
            .spawn(move || work(system, direction, role, ear, &inbox, &outbox))?;
        Ok(Worker { orders, news })
    }

    fn read_news(&mut self, now: Instant) -> Option<Change> {
        let mut change = None;
        while let Some((generation, news)) = self.worker.as_ref().and_then(|worker| worker.news.try_recv().ok()) {
            if generation != self.generation || !self.lingers() {
                continue;
            }
            change = match news {
                News::Opened(mut open) => {
                    // Heard again only when it calls back; until then the same loss goes on.
                    (open.seen, open.xruns, open.needed) = ((0, now), (0, now), now);
                    self.state = State::Open(open);
                    Some(Change::Opened)
                }
                News::Failed(error) => Some(self.fail(error, now)),
            };
        }
        change
    }

    fn fail(&mut self, error: AudioError, now: Instant) -> Change {
        if let State::Open(open) = &self.state
            && self.alive()
        {
            (self.lost, self.attempts) = (Some((open.name.clone(), now)), 1);
        }
        let hoped_for = self.lost.as_ref().filter(|(_, at)| now.saturating_duration_since(*at) < EAGER);
        let after = if hoped_for.is_some() { EAGER_RETRY } else { RETRY };
        // Not "no such device", of one that was there a moment ago.
        let error = match (&self.lost, error) {
            (Some((device, _)), AudioError::NoDevice { direction, .. }) => {
                AudioError::Gone { direction, device: device.clone() }
            }
            (_, error) => error,
        };
        self.close();
        self.state = State::Failed { retry_at: now + after };
        Change::Failed(error)
    }

    fn close(&mut self) {
        self.xruns_before = self.xruns();
        // The generation moves on so that a late word of the old stream is not taken for the next one's.
        self.generation += 1;
        self.state = State::Closed;
        if self.worker.as_ref().is_some_and(|worker| worker.orders.send(Order::Close).is_err()) {
            self.worker = None;
        }
    }
}

/// The thread that owns the stream: it waits for the device so that nobody else has to. Ends with the line.
fn work(
    system: SoundSystem,
    direction: DeviceDirection,
    role: &'static str,
    ear: Ear,
    orders: &mpsc::Receiver<Order>,
    news: &mpsc::Sender<(u64, News)>,
) {
    // It may wait for the device for long, and starts threads.
    priority::lower();
    let mut running = None;
    while let Ok(order) = orders.recv() {
        drop(running.take());
        let Order::Open { generation, period_ms, wanted } = order else { continue };
        let tell = {
            let news = news.clone();
            move |what: News| {
                if news.send((generation, what)).is_err() {
                    tracing::trace!("nobody waits for this device any more");
                }
            }
        };
        let lost = {
            let tell = tell.clone();
            move |error| tell(News::Failed(error))
        };
        match open(system, &wanted, direction, role, ear, period_ms, lost) {
            Ok(Opened { stream, name, id, rate, end, stats }) => {
                running = stream;
                let now = Instant::now();
                tell(News::Opened(Open {
                    name,
                    id,
                    moved_from: None,
                    rate,
                    end,
                    stats,
                    seen: (0, now),
                    xruns: (0, now),
                    needed: now,
                }));
            }
            Err(error) => tell(News::Failed(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_device_is_told_and_tried_again_without_blocking() {
        let mut line = Line::new(SoundSystem::default(), "no such device", DeviceDirection::Output, "speaker");
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut failures = 0;
        while failures < 2 {
            assert!(Instant::now() < deadline, "only {failures} failures told");
            let before = Instant::now();
            if let Some(Change::Failed(error)) = line.serve(true, before) {
                assert!(matches!(error, AudioError::NoDevice { direction: "speaker", .. }), "{error:?}");
                failures += 1;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        line.serve(false, Instant::now());
        assert!(!line.lingers(), "forgotten when not needed");
    }
}
