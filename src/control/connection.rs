//! One client of the control socket, from its first line to its last.

use std::{io, sync::Arc, time::Duration};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{
        broadcast::{self, error::RecvError},
        watch,
    },
    time::{Instant, timeout},
};

use super::{
    MAX_LINE,
    methods::{self, Call},
    params::{Filter, JournalQuery},
    rpc::{self, INVALID_REQUEST, RpcError},
    status,
};
use crate::{
    app::{Handle, JournalEntry, PublishedEvent, Snapshot},
    i18n::Message,
    softphone::audio::DeviceInfo,
};

/// Commands of one client under way at once; further lines wait.
const MAX_PENDING: usize = 16;

/// A client that takes nothing for so long is dropped.
const WRITE_DEADLINE: Duration = Duration::from_secs(5);

type Answer = (Option<Value>, Result<Value, RpcError>);

/// Serves a client until it closes its side, is too slow, or the program ends.
pub(super) async fn serve(stream: UnixStream, handle: Handle) {
    let (reader, writer) = stream.into_split();
    let mut client = Client {
        snapshots: handle.snapshots(),
        handle,
        writer,
        pending: FuturesUnordered::new(),
        events: None,
        watching: false,
    };
    if let Err(error) = client.run(Lines { reader, buffer: Vec::new(), read: 0 }).await {
        tracing::debug!("control client dropped: {error}");
    }
}

struct Client {
    handle: Handle,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    writer: OwnedWriteHalf,
    pending: FuturesUnordered<BoxFuture<'static, Answer>>,
    events: Option<(broadcast::Receiver<Arc<PublishedEvent>>, Filter)>,
    watching: bool,
}

impl Client {
    async fn run(&mut self, mut lines: Lines) -> io::Result<()> {
        let mut open = true;
        while open || !self.pending.is_empty() {
            tokio::select! {
                line = lines.next(), if open && self.pending.len() < MAX_PENDING => match line? {
                    Line::Text(line) => self.line(&line).await?,
                    Line::TooLong => {
                        // What follows is the rest of that line; nothing in it can be trusted to be a request.
                        let error = RpcError::new(INVALID_REQUEST, Message::new("control.too_long").with("most", MAX_LINE));
                        self.answer(None, Err(error)).await?;
                        open = false;
                    }
                    Line::End => open = false,
                },
                Some((id, outcome)) = self.pending.next(), if !self.pending.is_empty() => {
                    if id.is_some() {
                        self.answer(id, outcome).await?;
                    }
                }
                event = next_event(&mut self.events), if open => self.event(event).await?,
                changed = self.snapshots.changed(), if open => match changed {
                    Ok(()) if self.watching => self.push_status().await?,
                    Ok(()) => {}
                    Err(_) => {
                        self.last_events().await?;
                        open = false;
                    }
                },
            }
        }
        Ok(())
    }

    async fn line(&mut self, line: &[u8]) -> io::Result<()> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        let request = match rpc::parse(line) {
            Ok(request) => request,
            Err(wrong) => {
                let (id, error) = *wrong;
                return self.answer(id, Err(error)).await;
            }
        };
        let snapshot = Arc::clone(&self.snapshots.borrow());
        let call = match methods::resolve(&request.method, request.params, &snapshot) {
            Ok(call) => call,
            Err(_) if request.id.is_none() => return Ok(()),
            Err(error) => return self.answer(request.id, Err(error)).await,
        };
        let result = match call {
            Call::Command(command) => {
                let handle = self.handle.clone();
                let ask = async move { (request.id, handle.ask(command).await.map_err(RpcError::from)) };
                self.pending.push(Box::pin(ask));
                return Ok(());
            }
            Call::Status => status::to_json(&snapshot, std::time::Instant::now()),
            Call::Journal(query) => journal(&snapshot, &query),
            Call::Devices => devices(&snapshot),
            Call::Watch => {
                self.watching = true;
                json!({"watching": true})
            }
            Call::Subscribe(filter) => {
                let words = match &filter {
                    Filter::All => json!(["all"]),
                    Filter::Named(words) => json!(words),
                };
                self.events = Some((self.handle.events(), filter));
                json!({"events": words})
            }
            Call::Unsubscribe => {
                self.events = None;
                json!({"events": []})
            }
        };
        if request.id.is_some() {
            self.answer(request.id, Ok(result)).await?;
        }
        // The first picture comes at once: a condition may hold already.
        if request.method == "status.watch" { self.push_status().await } else { Ok(()) }
    }

    async fn event(&mut self, event: Result<Arc<PublishedEvent>, RecvError>) -> io::Result<()> {
        match event {
            Ok(event) => {
                let wanted = self.events.as_ref().is_some_and(|(_, f)| f.wants(event.event_name, &event.event_type));
                if !wanted {
                    return Ok(());
                }
                let params = serde_json::to_value(&*event).map_err(io::Error::other)?;
                self.write(rpc::notification("event", &params)).await
            }
            Err(RecvError::Lagged(lost)) => {
                self.write(rpc::notification("lagged", &json!({"lost": lost}))).await?;
                Err(io::Error::other("too slow for the events"))
            }
            Err(RecvError::Closed) => {
                self.events = None;
                Ok(())
            }
        }
    }

    /// The program has ended; what it published before that is still to be read.
    async fn last_events(&mut self) -> io::Result<()> {
        while let Some(Ok(event)) = self.events.as_mut().map(|(events, _)| events.try_recv()) {
            self.event(Ok(event)).await?;
        }
        Ok(())
    }

    async fn push_status(&mut self) -> io::Result<()> {
        let snapshot = Arc::clone(&self.snapshots.borrow_and_update());
        let status = status::to_json(&snapshot, std::time::Instant::now());
        self.write(rpc::notification("status", &status)).await
    }

    async fn answer(&mut self, id: Option<Value>, outcome: Result<Value, RpcError>) -> io::Result<()> {
        let locale = self.snapshots.borrow().locale;
        let line = match outcome {
            Ok(value) => rpc::result(&id.unwrap_or(Value::Null), &value),
            Err(error) => rpc::error(id.as_ref(), &error, locale),
        };
        self.write(line).await
    }

    async fn write(&mut self, mut line: String) -> io::Result<()> {
        line.push('\n');
        timeout(WRITE_DEADLINE, self.writer.write_all(line.as_bytes()))
            .await
            .map_err(|_| io::Error::other("takes nothing any more"))?
    }
}

/// The newest calls that a search finds, newest first, and how many it finds altogether.
fn journal(snapshot: &Snapshot, query: &JournalQuery) -> Value {
    let found: Vec<&JournalEntry> = snapshot.journal.iter().filter(|entry| entry.matches(&query.search)).collect();
    let newest: Vec<&&JournalEntry> = found.iter().take(query.limit).collect();
    json!({"calls": newest, "found": found.len()})
}

/// The sound devices: what is used, and what there is to choose from.
fn devices(snapshot: &Snapshot) -> Value {
    let mut answer = serde_json::to_value(&snapshot.devices).unwrap_or_else(|_| json!({}));
    if let Some(fields) = answer.as_object_mut() {
        let row = |device: &DeviceInfo| {
            json!({
                "name": device.name,
                "id": device.id,
                "direction": device.direction,
                "default": device.is_default,
            })
        };
        fields.insert("list".into(), snapshot.devices.list.iter().map(row).collect());
    }
    answer
}

/// The next event of a subscription; never, without one.
async fn next_event(
    events: &mut Option<(broadcast::Receiver<Arc<PublishedEvent>>, Filter)>,
) -> Result<Arc<PublishedEvent>, RecvError> {
    match events {
        Some((events, _)) => events.recv().await,
        None => std::future::pending().await,
    }
}

/// What came from the client.
enum Line {
    Text(Vec<u8>),
    TooLong,
    End,
}

/// Cuts the stream into lines; cancel-safe: what has been read stays in the buffer.
struct Lines {
    reader: OwnedReadHalf,
    buffer: Vec<u8>,
    /// Bytes of the buffer already searched for a line's end.
    read: usize,
}

impl Lines {
    async fn next(&mut self) -> io::Result<Line> {
        loop {
            let fresh = self.buffer.iter().skip(self.read).position(|byte| *byte == b'\n');
            if let Some(at) = fresh.map(|at| at + self.read) {
                let rest = self.buffer.split_off(at + 1);
                let mut line = std::mem::replace(&mut self.buffer, rest);
                self.read = 0;
                line.pop();
                return Ok(if line.len() > MAX_LINE { Line::TooLong } else { Line::Text(line) });
            }
            self.read = self.buffer.len();
            if self.read > MAX_LINE {
                return Ok(Line::TooLong);
            }
            if self.reader.read_buf(&mut self.buffer).await? == 0 {
                // A last line without an end is a line too.
                let line = std::mem::take(&mut self.buffer);
                self.read = 0;
                return Ok(if line.is_empty() { Line::End } else { Line::Text(line) });
            }
        }
    }
}

/// Tells a client that is one too many why it is not served.
pub(super) async fn refuse(mut stream: UnixStream, handle: Handle, most: usize) {
    let locale = handle.snapshots().borrow().locale;
    let error = RpcError::new(INVALID_REQUEST, Message::new("control.too_many").with("most", most));
    let line = rpc::error(None, &error, locale) + "\n";
    let deadline = Instant::now() + Duration::from_millis(200);
    match tokio::time::timeout_at(deadline, stream.write_all(line.as_bytes())).await {
        Ok(Ok(())) => {}
        Ok(Err(_)) | Err(_) => tracing::debug!("a refused control client did not listen"),
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
