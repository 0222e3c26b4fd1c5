//! The thread that writes: in the order it was told, never in anybody's way.

use std::{
    io,
    path::{Path, PathBuf},
    sync::mpsc,
    time::Duration,
};

use tokio::sync::oneshot;

use super::{Places, Said, journal::JournalFile, remembered::write_remembered, session::write_reg_id};
use crate::{
    clock,
    config::JournalConfig,
    domain::{JournalChange, Remembered},
    i18n::Message,
};

/// What could not be written is tried again after this time: a disk that was full may have room again.
const AGAIN: Duration = Duration::from_secs(10);

/// What is to be kept.
enum Order {
    Journal(JournalChange),
    Remembered(Box<Remembered>),
    RegId(Option<String>),
}

/// An agent's files, written by a thread of their own.
pub struct Store {
    orders: mpsc::Sender<Order>,
    done: oneshot::Receiver<()>,
}

impl Store {
    /// Starts the thread, which first reads the journal and says it with [`Said::Journal`]; without a journal
    /// (`enabled = false`) that one file is neither read nor written.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn open(places: Places, journal: &JournalConfig, tell: impl Fn(Said) + Send + 'static) -> io::Result<Self> {
        let (orders, received) = mpsc::channel();
        let (finished, done) = oneshot::channel();
        let settings = journal.clone();
        std::thread::Builder::new().name("store".into()).spawn(move || {
            let journal = settings.enabled.then(|| JournalFile::new(&places.journal, &settings));
            let mut writer = Writer { places, journal, tell, told: Vec::new(), unkept_reg_id: None };
            writer.load_journal();
            writer.run(&received);
            // Nobody waits when the program ends in a hurry.
            finished.send(()).ok();
        })?;
        Ok(Self { orders, done })
    }

    /// Keeps a change of the journal.
    pub fn journal(&self, change: JournalChange) {
        self.order(Order::Journal(change));
    }

    /// Keeps the agent's choices; of several in a row the last counts.
    pub fn remember(&self, remembered: Remembered) {
        self.order(Order::Remembered(Box::new(remembered)));
    }

    /// Keeps the `RegID`, or forgets it.
    pub fn reg_id(&self, reg_id: Option<String>) {
        self.order(Order::RegId(reg_id));
    }

    /// Returns when everything is written.
    pub async fn close(self) {
        drop(self.orders);
        if self.done.await.is_err() {
            tracing::error!("the thread that keeps files has panicked");
        }
    }

    fn order(&self, order: Order) {
        if self.orders.send(order).is_err() {
            tracing::error!("the thread that keeps files is gone");
        }
    }
}

struct Writer<T> {
    places: Places,
    journal: Option<JournalFile>,
    tell: T,
    /// What has been said already.
    told: Vec<&'static str>,
    /// The `RegID`, or that there is none, where that could not be written.
    unkept_reg_id: Option<Option<String>>,
}

impl<T: Fn(Said)> Writer<T> {
    fn load_journal(&mut self) {
        let Some(journal) = &mut self.journal else { return };
        let tell = &self.tell;
        let read = journal.load_telling(clock::now(), |entries| {
            tell(Said::Journal(entries.iter().rev().cloned().collect()));
        });
        match read {
            Ok((_, aside)) => {
                if let Some(aside) = aside {
                    self.say(Message::new("store.journal_damaged").with("path", aside.display()));
                }
            }
            Err(error) => {
                let message = Message::new("store.journal_unreadable").with("path", self.places.journal.display());
                self.say(message.with("reason", error));
            }
        }
    }

    fn run(&mut self, orders: &mpsc::Receiver<Order>) {
        // A panel that is being dragged to its width chooses many times a second: the last choice is enough.
        let mut chosen: Option<Remembered> = None;
        loop {
            let next = match &chosen {
                None if self.is_behind() => match orders.recv_timeout(AGAIN) {
                    Ok(order) => Ok(order),
                    Err(mpsc::RecvTimeoutError::Timeout) => {
                        self.catch_up();
                        continue;
                    }
                    Err(mpsc::RecvTimeoutError::Disconnected) => Err(mpsc::TryRecvError::Disconnected),
                },
                None => orders.recv().map_err(|_| mpsc::TryRecvError::Disconnected),
                Some(_) => orders.try_recv(),
            };
            match next {
                Ok(Order::Remembered(remembered)) => chosen = Some(*remembered),
                Ok(Order::Journal(change)) => self.keep_journal(&change),
                Ok(Order::RegId(reg_id)) => {
                    self.keep_reg_id(reg_id);
                }
                Err(end) => {
                    if let Some(remembered) = chosen.take() {
                        let file = self.places.remembered.clone();
                        self.wrote(&file, "store.remembered_not_kept", write_remembered(&file, &remembered));
                    }
                    if end == mpsc::TryRecvError::Disconnected {
                        self.catch_up();
                        return;
                    }
                }
            }
        }
    }

    fn is_behind(&self) -> bool {
        self.unkept_reg_id.is_some() || self.journal.as_ref().is_some_and(JournalFile::is_behind)
    }

    /// Tries again what could not be written.
    fn catch_up(&mut self) {
        if let Some(reg_id) = self.unkept_reg_id.take() {
            self.keep_reg_id(reg_id);
        }
        if let Some(journal) = self.journal.as_mut().filter(|journal| journal.is_behind()) {
            let kept = journal.catch_up(clock::now());
            let file: PathBuf = self.places.journal.clone();
            self.wrote(&file, "store.journal_not_kept", kept);
        }
    }

    fn keep_reg_id(&mut self, reg_id: Option<String>) {
        let file = self.places.session.clone();
        let kept = write_reg_id(&file, reg_id.as_deref());
        self.unkept_reg_id = kept.is_err().then_some(reg_id);
        self.wrote(&file, "store.session_not_kept", kept);
    }

    fn keep_journal(&mut self, change: &JournalChange) {
        let Some(journal) = &mut self.journal else { return };
        let kept = journal.keep(change, clock::now());
        let file: PathBuf = self.places.journal.clone();
        self.wrote(&file, "store.journal_not_kept", kept);
    }

    fn wrote(&mut self, file: &Path, message: &'static str, outcome: io::Result<()>) {
        match outcome {
            // Once it works again, the next failure is news.
            Ok(()) => self.told.retain(|told| *told != message),
            Err(error) => {
                tracing::warn!(%error, file = %file.display(), "not kept");
                self.say(Message::new(message).with("path", file.display()).with("reason", error));
            }
        }
    }

    fn say(&mut self, message: Message) {
        if !self.told.contains(&message.key()) {
            self.told.push(message.key());
            (self.tell)(Said::NotKept(message));
        }
    }
}

#[cfg(test)]
mod tests;
