//! Two calls over D-Bus (`org.freedesktop.RealtimeKit1`), spoken by hand: message and signature as in the D-Bus
//! specification, sections "Message Protocol" and "Authentication Protocol".

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    time::Duration,
};

use rustix::thread::Pid;

/// Where the system bus is, unless the environment says so.
const BUS: &str = "/run/dbus/system_bus_socket";
/// rtkit is started by the first call for it.
const ANSWER: Duration = Duration::from_secs(1);
/// Longest answer understood, bytes.
const LONGEST: usize = 64 * 1024;

/// Kinds of messages.
const METHOD_CALL: u8 = 1;
const METHOD_RETURN: u8 = 2;
const ERROR: u8 = 3;
/// Header fields.
const PATH: u8 = 1;
const INTERFACE: u8 = 2;
const MEMBER: u8 = 3;
const REPLY_SERIAL: u8 = 5;
const DESTINATION: u8 = 6;
const SIGNATURE: u8 = 8;

/// Real-time priority for a thread of this process. The process must have a limit of `RLIMIT_RTTIME` before.
///
/// # Errors
/// When there is no bus, no rtkit, or it refuses.
pub fn real_time(thread: Pid, priority: u32) -> io::Result<()> {
    Bus::system()?.rtkit("MakeThreadRealtime", "tu", thread, priority)
}

/// A nice level for a thread of this process.
///
/// # Errors
/// As [`real_time`].
pub fn high_priority(thread: Pid, nice: i32) -> io::Result<()> {
    Bus::system()?.rtkit("MakeThreadHighPriority", "ti", thread, nice.cast_unsigned())
}

struct Bus {
    stream: BufReader<UnixStream>,
    serial: u32,
}

impl Bus {
    fn system() -> io::Result<Self> {
        let address = std::env::var("DBUS_SYSTEM_BUS_ADDRESS").unwrap_or_default();
        let path = address.split(';').find_map(|one| one.strip_prefix("unix:path=")).unwrap_or(BUS);
        Self::begin(UnixStream::connect(path.split(',').next().unwrap_or(path))?)
    }

    fn begin(stream: UnixStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(ANSWER))?;
        stream.set_write_timeout(Some(ANSWER))?;
        let mut bus = Self { stream: BufReader::new(stream), serial: 0 };
        let user: String =
            rustix::process::getuid().as_raw().to_string().bytes().map(|digit| format!("{digit:02x}")).collect();
        write!(bus.stream.get_mut(), "\0AUTH EXTERNAL {user}\r\n")?;
        let mut line = String::new();
        bus.stream.by_ref().take(LONGEST as u64).read_line(&mut line)?;
        if !line.starts_with("OK ") {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("the bus says {}", line.trim())));
        }
        write!(bus.stream.get_mut(), "BEGIN\r\n")?;
        let hello = [
            (PATH, "o", "/org/freedesktop/DBus"),
            (INTERFACE, "s", "org.freedesktop.DBus"),
            (MEMBER, "s", "Hello"),
            (DESTINATION, "s", "org.freedesktop.DBus"),
        ];
        bus.call(&hello, &[])?;
        Ok(bus)
    }

    fn rtkit(&mut self, method: &str, signature: &str, thread: Pid, value: u32) -> io::Result<()> {
        let fields = [
            (PATH, "o", "/org/freedesktop/RealtimeKit1"),
            (INTERFACE, "s", "org.freedesktop.RealtimeKit1"),
            (MEMBER, "s", method),
            (DESTINATION, "s", "org.freedesktop.RealtimeKit1"),
            (SIGNATURE, "g", signature),
        ];
        let mut body = u64::from(thread.as_raw_nonzero().get().unsigned_abs()).to_le_bytes().to_vec();
        body.extend(value.to_le_bytes());
        self.call(&fields, &body)
    }

    fn call(&mut self, fields: &[(u8, &str, &str)], body: &[u8]) -> io::Result<()> {
        self.serial += 1;
        let message = message(self.serial, fields, body);
        self.stream.get_mut().write_all(&message)?;
        loop {
            match self.answer()? {
                Some(Ok(())) => return Ok(()),
                Some(Err(name)) => return Err(io::Error::other(name)),
                None => {}
            }
        }
    }

    /// The next message, if it answers the last call.
    fn answer(&mut self) -> io::Result<Option<Result<(), String>>> {
        let mut start = [0; 16];
        self.stream.read_exact(&mut start)?;
        let [order, kind, _, _, body @ .., _, _, _, _, _, _, _, _] = start;
        let [.., length_0, length_1, length_2, length_3] = start;
        let number = |bytes: [u8; 4]| {
            if order == b'l' { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }
        };
        let fields = number([length_0, length_1, length_2, length_3]) as usize;
        let rest = fields.next_multiple_of(8) + number(body) as usize;
        if rest > LONGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a message too long"));
        }
        let mut content = vec![0; rest];
        self.stream.read_exact(&mut content)?;
        let fields = content.get(..fields).unwrap_or_default();
        // A number is written as its code, the signature "u", and four bytes at the next multiple of four.
        let serial = fields.windows(8).step_by(8).find_map(|field| match field {
            [REPLY_SERIAL, 1, b'u', 0, number @ ..] => <[u8; 4]>::try_from(number).ok(),
            _ => None,
        });
        if serial.map(number) != Some(self.serial) {
            return Ok(None);
        }
        Ok(match kind {
            METHOD_RETURN => Some(Ok(())),
            ERROR => Some(Err(error_name(fields))),
            _ => None,
        })
    }
}

/// The name of an error, the only text with that many dots among an answer's fields, for the log.
fn error_name(fields: &[u8]) -> String {
    let words = fields.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'.');
    let longest = words.filter(|word| word.contains(&b'.')).max_by_key(|word| word.len());
    longest.map_or_else(|| "refused".into(), |name| String::from_utf8_lossy(name).into_owned())
}

/// A method call, little-endian. A field is a structure, at a multiple of eight: its code, its type, its text.
fn message(serial: u32, fields: &[(u8, &str, &str)], body: &[u8]) -> Vec<u8> {
    let mut list = Vec::new();
    for (code, kind, text) in fields {
        list.resize(list.len().next_multiple_of(8), 0);
        list.extend([*code, 1]);
        list.extend(kind.bytes());
        list.push(0);
        if *kind == "g" {
            list.push(text.len() as u8);
        } else {
            list.extend((text.len() as u32).to_le_bytes());
        }
        list.extend(text.bytes());
        list.push(0);
    }
    let mut message = vec![b'l', METHOD_CALL, 0, 1];
    for number in [body.len() as u32, serial, list.len() as u32] {
        message.extend(number.to_le_bytes());
    }
    message.extend(list);
    message.resize(message.len().next_multiple_of(8), 0);
    message.extend(body);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bus that answers the calls with these kinds of messages, and gives what it was sent.
    fn bus(answers: &'static [(u8, &'static str)]) -> (UnixStream, std::thread::JoinHandle<Vec<u8>>) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let server = std::thread::spawn(move || {
            let mut stream = BufReader::new(theirs);
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            assert!(line.starts_with("\0AUTH EXTERNAL 3"), "{line:?}");
            stream.get_mut().write_all(b"OK 1234\r\n").unwrap();
            line.clear();
            stream.read_line(&mut line).unwrap();
            assert_eq!(line, "BEGIN\r\n");
            let mut last = Vec::new();
            for (serial, (kind, error)) in (1u32..).zip(answers) {
                let mut start = [0; 16];
                stream.read_exact(&mut start).unwrap();
                let of = |at: usize| u32::from_le_bytes(start[at..at + 4].try_into().unwrap()) as usize;
                let mut rest = vec![0; of(12).next_multiple_of(8) + of(4)];
                stream.read_exact(&mut rest).unwrap();
                last = rest;
                // A signal that is not asked for comes first.
                let mut signal = message(99, &[(MEMBER, "s", "NameAcquired")], &[]);
                signal[1] = 4;
                stream.get_mut().write_all(&signal).unwrap();
                let mut answer = message(serial, &[(4, "s", error)], &[]);
                answer[1] = *kind;
                let field: Vec<u8> = [&[REPLY_SERIAL, 1, b'u', 0][..], &serial.to_le_bytes()].concat();
                let length = u32::from_le_bytes(answer[12..16].try_into().unwrap()) + 8;
                answer[12..16].copy_from_slice(&length.to_le_bytes());
                answer.splice(16..16, field);
                stream.get_mut().write_all(&answer).unwrap();
            }
            last
        });
        (ours, server)
    }

    #[test]
    fn a_call_names_thread_and_priority_and_waits_for_its_answer() {
        let (stream, server) = bus(&[(METHOD_RETURN, ""), (METHOD_RETURN, "")]);
        let thread = Pid::from_raw(4711).unwrap();
        Bus::begin(stream).unwrap().rtkit("MakeThreadRealtime", "tu", thread, 10).unwrap();
        let sent = server.join().unwrap();
        assert!(sent.windows(18).any(|part| part == b"MakeThreadRealtime"));
        let body = [&4711u64.to_le_bytes()[..], &10u32.to_le_bytes()].concat();
        assert!(sent.ends_with(&body), "{sent:?}");
    }

    #[test]
    fn a_refusal_is_told_by_its_name() {
        const NAME: &str = "org.freedesktop.DBus.Error.ServiceUnknown";
        let (stream, server) = bus(&[(METHOD_RETURN, ""), (ERROR, NAME)]);
        let refused = Bus::begin(stream).unwrap().rtkit("MakeThreadRealtime", "tu", Pid::INIT, 10).unwrap_err();
        assert_eq!(refused.to_string(), NAME);
        server.join().unwrap();
    }
}
