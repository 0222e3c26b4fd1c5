//! The asking side: blocking, on the standard library alone, so that `ctl` costs next to nothing to start.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::{Map, Value, json};
use thiserror::Error;

use super::socket;
use crate::i18n::{Locale, Message};

/// Why a request was not answered with a result.
#[derive(Debug, Error)]
pub enum ClientError {
    /// No socket in the directory.
    #[error("{}", self.message().render(Locale::En))]
    NoneRunning {
        /// Where they would be.
        dir: PathBuf,
    },
    /// Several phone bars run.
    #[error("{}", self.message().render(Locale::En))]
    Several {
        /// Their sockets.
        sockets: Vec<PathBuf>,
    },
    /// Nobody answers at this socket.
    #[error("{}", self.message().render(Locale::En))]
    Connect {
        /// The socket.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// The phone bar ended, or dropped us.
    #[error("{}", self.message().render(Locale::En))]
    Gone,
    /// We read too slowly and missed events.
    #[error("{}", self.message().render(Locale::En))]
    Lagged,
    /// No answer in time.
    #[error("{}", self.message().render(Locale::En))]
    Timeout,
    /// It answered with an error, in its own language.
    #[error("{message}")]
    Refused {
        /// The JSON-RPC code.
        code: i64,
        /// The reason.
        message: String,
        /// The platform's own code and text, where it answered.
        data: Option<Value>,
    },
    /// What came is not what a phone bar says.
    #[error("{}", self.message().render(Locale::En))]
    NotAPhoneBar,
}

impl ClientError {
    /// What failed, why, and what to do.
    pub fn message(&self) -> Message {
        match self {
            ClientError::NoneRunning { dir } => Message::new("control.none_running").with("dir", dir.display()),
            ClientError::Several { sockets } => {
                let names = sockets.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
                Message::new("control.several").with("sockets", names)
            }
            ClientError::Connect { path, source } => {
                Message::new("control.cannot_connect").with("path", path.display()).with("reason", source)
            }
            ClientError::Gone => Message::new("control.ended"),
            ClientError::Lagged => Message::new("control.lagged"),
            ClientError::Timeout => Message::new("control.no_answer"),
            ClientError::Refused { message, .. } => Message::verbatim(message),
            ClientError::NotAPhoneBar => Message::new("control.not_a_phone_bar"),
        }
    }
}

/// The only live control socket of a directory.
///
/// # Errors
/// [`ClientError::NoneRunning`] or [`ClientError::Several`].
pub fn find(dir: &Path) -> Result<PathBuf, ClientError> {
    let mut sockets = socket::list(dir);
    if sockets.len() > 1 {
        sockets.retain(|path| UnixStream::connect(path).is_ok());
    }
    match sockets.len() {
        0 | 1 => sockets.pop().ok_or_else(|| ClientError::NoneRunning { dir: dir.to_owned() }),
        _ => Err(ClientError::Several { sockets }),
    }
}

/// What is read while nothing was asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
    /// `event`, `status` or `lagged`.
    pub method: String,
    /// What it carries.
    pub params: Value,
}

/// A connection to a phone bar.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    buffer: Vec<u8>,
    last_id: u64,
    waiting: std::collections::VecDeque<Notification>,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// [`ClientError::Connect`].
    pub fn connect(path: &Path) -> Result<Self, ClientError> {
        let stream =
            UnixStream::connect(path).map_err(|source| ClientError::Connect { path: path.to_owned(), source })?;
        Ok(Self { stream, buffer: Vec::new(), last_id: 0, waiting: Default::default() })
    }

    /// Asks and waits for the answer; notifications that come before it are kept.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Refused`] is the phone bar's own answer.
    pub fn call(&mut self, method: &str, params: Map<String, Value>, deadline: Instant) -> Result<Value, ClientError> {
        self.last_id += 1;
        let id = self.last_id;
        let mut line = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string();
        line.push('\n');
        // A phone bar that refuses the connection says why and closes: its word counts, not the broken pipe.
        let sent = self.stream.write_all(line.as_bytes());
        loop {
            let mut line = match self.line(Some(deadline)) {
                Err(ClientError::Gone) if sent.is_err() => return Err(ClientError::Gone),
                line => line?,
            };
            let Some(fields) = line.as_object_mut() else { return Err(ClientError::NotAPhoneBar) };
            if let Some(Value::String(method)) = fields.remove("method") {
                let params = fields.remove("params").unwrap_or_default();
                self.waiting.push_back(Notification { method, params });
                continue;
            }
            let answers = fields.get("id").is_none_or(|answered| answered.is_null() || *answered == json!(id));
            if !answers {
                continue;
            }
            return match (fields.remove("result"), fields.remove("error")) {
                (_, Some(error)) => Err(refused(error)),
                (Some(result), None) => Ok(result),
                (None, None) => Err(ClientError::NotAPhoneBar),
            };
        }
    }

    /// The next notification; waits for ever without a deadline.
    ///
    /// # Errors
    /// [`ClientError::Timeout`] at the deadline; [`ClientError::Gone`] when the phone bar ends.
    pub fn next(&mut self, deadline: Option<Instant>) -> Result<Notification, ClientError> {
        loop {
            if let Some(notification) = self.waiting.pop_front() {
                if notification.method == "lagged" {
                    return Err(ClientError::Lagged);
                }
                return Ok(notification);
            }
            let mut line = self.line(deadline)?;
            let Some(fields) = line.as_object_mut() else { return Err(ClientError::NotAPhoneBar) };
            if let Some(Value::String(method)) = fields.remove("method") {
                let params = fields.remove("params").unwrap_or_default();
                self.waiting.push_back(Notification { method, params });
            }
        }
    }

    fn line(&mut self, deadline: Option<Instant>) -> Result<Value, ClientError> {
        let mut searched = 0;
        loop {
            if let Some(at) = self.buffer.iter().skip(searched).position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(searched + at + 1);
                let line = std::mem::replace(&mut self.buffer, rest);
                return serde_json::from_slice(&line).map_err(|_| ClientError::NotAPhoneBar);
            }
            searched = self.buffer.len();
            let left = match deadline {
                None => None,
                Some(deadline) => match deadline.saturating_duration_since(Instant::now()) {
                    Duration::ZERO => return Err(ClientError::Timeout),
                    left => Some(left),
                },
            };
            self.stream.set_read_timeout(left).map_err(|_| ClientError::Gone)?;
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(ClientError::Gone),
                Ok(n) => self.buffer.extend(chunk.iter().take(n)),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return Err(ClientError::Timeout);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(ClientError::Gone),
            }
        }
    }
}

fn refused(error: Value) -> ClientError {
    let message = error.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
    let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
    ClientError::Refused { code, message, data: error.get("data").cloned() }
}
