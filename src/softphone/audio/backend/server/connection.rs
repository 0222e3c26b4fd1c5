//! The connection: questions and answers, waited for at most [`ANSWER`].

use std::{
    ffi::CString,
    io::{self, BufReader},
    os::unix::net::UnixStream,
    time::Duration,
};

use pulseaudio::protocol::{
    AuthParams, AuthReply, Command, CommandReply, MAX_VERSION, Prop, Props, ProtocolError, SetClientNameReply,
    TagStructReader, read_descriptor, read_reply_message, write_command_message,
};

use super::cookie::ensure_cookie;

/// How long the server may take to answer, or to finish a message.
const ANSWER: Duration = Duration::from_secs(2);
/// Longest message understood, bytes; lists of some hundred devices are shorter.
pub(super) const LONGEST: u32 = 4 * 1024 * 1024;

/// A connection of this process.
pub struct Connection {
    pub(super) socket: BufReader<UnixStream>,
    pub(super) version: u16,
    pub(super) sequence: u32,
}

impl Connection {
    /// Connects to the server of this user.
    ///
    /// # Errors
    /// When there is no server, or it refuses.
    pub fn open() -> Result<Self, ProtocolError> {
        let none = || io::Error::new(io::ErrorKind::NotFound, "there is no PulseAudio server");
        let path = pulseaudio::socket_path_from_env().ok_or_else(none)?;
        if let Err(error) = ensure_cookie() {
            tracing::debug!(%error, "no cookie for the sound server");
        }
        let cookie = pulseaudio::cookie_path_from_env().map(std::fs::read).transpose()?.unwrap_or_default();
        let socket = UnixStream::connect(path)?;
        socket.set_read_timeout(Some(ANSWER))?;
        socket.set_write_timeout(Some(ANSWER))?;
        let mut connection = Self { socket: BufReader::new(socket), version: MAX_VERSION, sequence: 0 };
        let auth = AuthParams { version: MAX_VERSION, supports_shm: false, supports_memfd: false, cookie };
        connection.send(&Command::Auth(auth))?;
        let (_, reply) = read_reply_message::<AuthReply>(&mut connection.socket, connection.version)?;
        connection.version = connection.version.min(reply.version);
        let mut props = Props::new();
        props.set(Prop::ApplicationName, c"wincall-tui");
        props.set(Prop::ApplicationProcessId, CString::new(std::process::id().to_string()).unwrap_or_default());
        props.set(Prop::MediaRole, c"phone");
        connection.ask::<SetClientNameReply>(&Command::SetClientName(props), |_| {})?;
        Ok(connection)
    }

    /// Asks, and hands what else comes before the answer to `other`.
    ///
    /// # Errors
    /// When the server refuses, or the connection is lost.
    pub fn ask<T: CommandReply>(
        &mut self,
        command: &Command,
        mut other: impl FnMut(&[u8]),
    ) -> Result<T, ProtocolError> {
        let asked = self.send(command)?;
        loop {
            let message = self.message()?;
            let mut rest = message.as_slice();
            let mut content = TagStructReader::new(&mut rest, self.version);
            match Command::read_tag_prefixed(&mut message.as_slice(), self.version)? {
                (sequence, Command::Reply) if sequence == asked => {
                    // The tag and the sequence number come first.
                    content.read_u32()?;
                    content.read_u32()?;
                    return T::read(&mut content, self.version);
                }
                (sequence, Command::Error(error)) if sequence == asked => {
                    return Err(ProtocolError::ServerError(error));
                }
                _ => other(&message),
            }
        }
    }

    pub(super) fn send(&mut self, command: &Command) -> Result<u32, ProtocolError> {
        self.sequence += 1;
        write_command_message(self.socket.get_mut(), self.sequence, command, self.version)?;
        Ok(self.sequence)
    }

    pub(super) fn message(&mut self) -> Result<Vec<u8>, ProtocolError> {
        let descriptor = read_descriptor(&mut self.socket)?;
        if descriptor.length > LONGEST {
            return Err(ProtocolError::Invalid(format!("a message of {} bytes", descriptor.length)));
        }
        let mut message = vec![0; descriptor.length as usize];
        io::Read::read_exact(&mut self.socket, &mut message)?;
        Ok(message)
    }
}
