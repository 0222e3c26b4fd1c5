//! Tells when sound devices come and go, and where the system plays our streams. The system is listened to (a sound
//! server's events; inotify on the folder of the sound devices), so that nothing is polled while nothing happens; the list
//! is read only then.

use std::{
    io::{PipeReader, PipeWriter, Read as _, Write as _},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{
    list::{DeviceInfo, list_of},
    server::{ServerEvents, StreamDevice},
    system::SoundSystem,
};
use crate::softphone::priority;

/// From a change to the list being read: a headset is several devices, which come one by one.
const SETTLED: Duration = Duration::from_millis(120);
/// And once more: sound servers and permissions come after the device itself.
const SETTLED_LATER: Duration = Duration::from_millis(1500);
/// The same after an event of the sound server: its devices are ready when it names them.
const SETTLED_SERVER: Duration = Duration::from_millis(30);
/// Shortest and longest time between two attempts to reach a sound server again.
const RECONNECT: Duration = Duration::from_millis(500);
const RECONNECT_LATE: Duration = Duration::from_secs(30);
/// Between two lists while somebody looks at them: what a sound server makes of software is not seen in any folder.
const LOOKED_AT: Duration = Duration::from_secs(3);

/// What the watch tells.
pub enum Stir {
    /// Something has come or gone.
    Stirred,
    /// These are there now: at first, and when they are others than before.
    Listed(Vec<DeviceInfo>),
    /// Our streams go to these devices, after a change.
    Streams(Vec<StreamDevice>),
}

/// The thread that watches; ends when dropped.
pub struct Watch {
    orders: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Begins to watch; `tell` is called on the watch's own thread. The first list comes soon.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(system: SoundSystem, tell: impl Fn(Stir) + Send + 'static) -> std::io::Result<Self> {
        let (inbox, orders) = std::io::pipe()?;
        let thread =
            std::thread::Builder::new().name("audio-watch".into()).spawn(move || watch(inbox, system, tell))?;
        Ok(Self { orders: Some(orders), thread: Some(thread) })
    }

    /// Whether somebody looks at the list: it is read at once, and every few seconds.
    pub fn looked_at(&mut self, on: bool) {
        let order = if on { b"l" } else { b"n" };
        if let Some(Err(error)) = self.orders.as_mut().map(|orders| orders.write_all(order)) {
            tracing::debug!(%error, "the watch of the sound devices has ended");
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Its end of the pipe is the order to end. A list that is being read may take a second: nobody waits for it.
        self.orders = None;
        self.thread = None;
    }
}

fn watch(mut inbox: PipeReader, system: SoundSystem, tell: impl Fn(Stir)) {
    priority::lower();
    let folder = Folder::open();
    let mut server = Server::new(system);
    let mut known: Option<Vec<DeviceInfo>> = None;
    let (mut due, mut later, mut looked_at) = (Some(Instant::now()), None, false);
    loop {
        let now = Instant::now();
        if server.connect(now) {
            // What happened while there was no connection is not known.
            due = Some(now);
        }
        if due.is_some_and(|at| at <= now) {
            let list = list_of(system).unwrap_or_else(|error| {
                tracing::debug!(%error, "no list of sound devices");
                Vec::new()
            });
            if known.as_ref() != Some(&list) {
                tracing::debug!(devices = list.len(), "sound devices");
                known = Some(list.clone());
                tell(Stir::Listed(list));
            }
            // After the list: a stream is moved also because its device has gone.
            if let Some(streams) = server.moved_streams(now) {
                tell(Stir::Streams(streams));
            }
            due = later.take().or_else(|| looked_at.then(|| Instant::now() + LOOKED_AT));
        }
        let until = due.into_iter().chain(server.retry_at()).min();
        match folder.wait(&inbox, server.events.as_ref(), until) {
            Woken::Time => {}
            Woken::Server => {
                let now = Instant::now();
                let soon = now + SETTLED_SERVER;
                if server.read(now) {
                    tell(Stir::Stirred);
                }
                if server.is_due() {
                    due = Some(due.map_or(soon, |at| at.min(soon)));
                }
            }
            Woken::Stirred => {
                tell(Stir::Stirred);
                let now = Instant::now();
                (due, later) = (Some(now + SETTLED), Some(now + SETTLED_LATER));
            }
            Woken::Asked => {
                let mut orders = [0; 16];
                match inbox.read(&mut orders) {
                    Ok(0) | Err(_) => return,
                    Ok(read) => {
                        looked_at = orders.get(..read).and_then(<[u8]>::last) == Some(&b'l');
                        due = due.or_else(|| looked_at.then(Instant::now));
                    }
                }
            }
        }
    }
}

/// The sound server's events, connected to again when they are lost.
struct Server {
    wanted: bool,
    events: Option<ServerEvents>,
    /// When to connect, and how long to wait after that. Not before the first list where there was no server.
    retry: Option<(Instant, Duration)>,
    devices_changed: bool,
    streams_changed: bool,
}

impl Server {
    fn new(system: SoundSystem) -> Self {
        let wanted = system.may_use_server();
        let retry = wanted.then(|| (Instant::now(), RECONNECT_LATE));
        Self { wanted, events: None, retry, devices_changed: false, streams_changed: false }
    }

    fn retry_at(&self) -> Option<Instant> {
        self.retry.map(|(at, _)| at)
    }

    /// Connects if that is due. Whether there is a new connection.
    fn connect(&mut self, now: Instant) -> bool {
        let Some((_, pause)) = self.retry.filter(|(at, _)| *at <= now) else { return false };
        match ServerEvents::connect() {
            Ok(events) => {
                (self.events, self.retry) = (Some(events), None);
                true
            }
            Err(error) => {
                tracing::trace!(%error, "no events of a sound server");
                self.retry = Some((now + pause, (2 * pause).min(RECONNECT_LATE)));
                false
            }
        }
    }

    /// Reads what the server says. Whether a device has come or gone.
    fn read(&mut self, now: Instant) -> bool {
        let Some(events) = &mut self.events else { return false };
        match events.read() {
            Ok(changes) => {
                self.devices_changed |= changes.devices;
                self.streams_changed |= changes.streams;
                changes.plugged
            }
            Err(error) => {
                tracing::debug!(%error, "the sound server has gone");
                self.lost(now);
                true
            }
        }
    }

    fn lost(&mut self, now: Instant) {
        self.events = None;
        self.devices_changed = true;
        self.retry = self.wanted.then(|| (now + RECONNECT, RECONNECT));
    }

    /// Whether there is anything to look at.
    fn is_due(&self) -> bool {
        self.devices_changed || self.streams_changed
    }

    /// Where our streams go, if that may have changed.
    fn moved_streams(&mut self, now: Instant) -> Option<Vec<StreamDevice>> {
        self.devices_changed = false;
        if !std::mem::take(&mut self.streams_changed) {
            return None;
        }
        match self.events.as_mut()?.streams() {
            Ok(streams) => Some(streams),
            Err(error) => {
                tracing::debug!(%error, "the sound server has gone");
                self.lost(now);
                None
            }
        }
    }
}

enum Woken {
    Time,
    Server,
    Stirred,
    Asked,
}

/// Where sound devices appear. Without it (a system without inotify) there is the list that somebody looks at.
struct Folder {
    #[cfg(target_os = "linux")]
    inotify: Option<std::os::fd::OwnedFd>,
}

#[cfg(target_os = "linux")]
impl Folder {
    fn open() -> Self {
        use rustix::fs::inotify::{CreateFlags, init};
        let inotify = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)
            .inspect_err(|error| tracing::debug!(%error, "sound devices are not watched"))
            .ok();
        let folder = Self { inotify };
        folder.add();
        folder
    }

    /// The folder of the sound devices, and the one it lies in: the first is there only while there is a sound card.
    fn add(&self) {
        use rustix::fs::inotify::{WatchFlags, add_watch};
        let Some(inotify) = &self.inotify else { return };
        // Attributes too: the right to use a device comes after the device.
        let flags = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::ATTRIB;
        for (folder, flags) in [("/dev/snd", flags), ("/dev", WatchFlags::CREATE)] {
            if let Err(error) = add_watch(inotify, folder, flags | WatchFlags::ONLYDIR) {
                tracing::trace!(folder, %error, "not watched");
            }
        }
    }

    fn wait(&self, inbox: &PipeReader, server: Option<&ServerEvents>, until: Option<Instant>) -> Woken {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        if server.is_some_and(ServerEvents::buffered) {
            return Woken::Server;
        }
        loop {
            let left = until.map(|at| at.saturating_duration_since(Instant::now()));
            let left = left.map(|left| Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() });
            let mut fds = vec![PollFd::new(inbox, PollFlags::IN)];
            fds.extend(server.map(|server| PollFd::new(server, PollFlags::IN)));
            fds.extend(self.inotify.as_ref().map(|inotify| PollFd::new(inotify, PollFlags::IN)));
            let stirs = |fd: Option<&PollFd<'_>>| fd.is_some_and(|fd| !fd.revents().is_empty());
            match poll(&mut fds, left.as_ref()) {
                Ok(0) => return Woken::Time,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return Woken::Asked,
                Ok(_) if stirs(fds.first()) => return Woken::Asked,
                Ok(_) if server.is_some() && stirs(fds.get(1)) => return Woken::Server,
                Ok(_) if self.about_sound() => return Woken::Stirred,
                Ok(_) => {}
            }
        }
    }

    /// Reads what has happened; whether it was about sound devices.
    fn about_sound(&self) -> bool {
        use rustix::fs::inotify::Reader;
        let Some(inotify) = &self.inotify else { return false };
        let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(inotify, &mut buffer);
        let mut sound = false;
        while let Ok(event) = reader.next() {
            let name = event.file_name().map(|name| name.to_bytes().to_vec()).unwrap_or_default();
            let prefixes: [&[u8]; 5] = [b"snd", b"pcm", b"control", b"hw", b"midi"];
            sound |= prefixes.iter().any(|prefix| name.starts_with(prefix));
            if name == b"snd" {
                self.add();
            }
        }
        sound
    }
}

#[cfg(not(target_os = "linux"))]
impl Folder {
    fn open() -> Self {
        Self {}
    }

    fn wait(&self, inbox: &PipeReader, server: Option<&ServerEvents>, until: Option<Instant>) -> Woken {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        if server.is_some_and(ServerEvents::buffered) {
            return Woken::Server;
        }
        // Nothing tells there, so the list is read now and then.
        let at = until.unwrap_or_else(|| Instant::now() + 2 * LOOKED_AT);
        let left = at.saturating_duration_since(Instant::now());
        let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(inbox, PollFlags::IN)], Some(&left)) {
            Ok(0) if until.is_none() => Woken::Stirred,
            Ok(0) => Woken::Time,
            Ok(_) | Err(_) => Woken::Asked,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn the_first_list_comes_by_itself_and_no_other_without_a_change() {
        let (told, news) = mpsc::channel();
        let mut watch = Watch::start(SoundSystem::default(), move |stir| told.send(stir).unwrap_or_default()).unwrap();
        assert!(matches!(news.recv_timeout(Duration::from_secs(10)), Ok(Stir::Listed(_))));
        watch.looked_at(true);
        watch.looked_at(false);
        drop(watch);
        // The thread ends with it, and with the thread its end of the channel: nothing else was told.
        assert_eq!(news.recv_timeout(Duration::from_secs(10)).err(), Some(mpsc::RecvTimeoutError::Disconnected));
    }
}
