//! The phone bar in a pseudo-terminal, its frames timed as they come out.

use std::{
    io::{Read, Write},
    path::Path,
    sync::mpsc::{self, Receiver},
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

use crate::common::{Home, PROGRAM};

/// Ends a frame: the end of a synchronized update.
const END: &[u8] = b"\x1b[?2026l";
/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(15);

/// A whole frame, and when its last byte was read.
struct Frame {
    at: Instant,
    text: String,
}

/// The program and its terminal.
pub struct Screen {
    /// Just before the program was started.
    pub begun: Instant,
    frames: Receiver<Frame>,
    text: String,
    keyboard: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    /// Closing it would end the program.
    _master: Box<dyn MasterPty + Send>,
}

impl Screen {
    /// Starts the phone bar with 120 columns and 36 rows, logging as it does by default or as `log` says.
    pub fn start(home: &Home, config: &Path, log: &str) -> Self {
        let (columns, rows) = (120, 36);
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut reader = pair.master.try_clone_reader().expect("its output");
        let keyboard = pair.master.take_writer().expect("its keyboard");
        let (sender, frames) = mpsc::channel();
        std::thread::spawn(move || {
            let mut parser = vt100::Parser::new(rows, columns, 0);
            let mut buffer = [0; 65_536];
            let mut tail: Vec<u8> = Vec::new();
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                let at = Instant::now();
                parser.process(&buffer[..n]);
                tail.extend_from_slice(&buffer[..n]);
                let whole = tail.windows(END.len()).any(|part| part == END);
                tail.drain(..tail.len().saturating_sub(END.len() - 1));
                if whole && sender.send(Frame { at, text: parser.screen().contents() }).is_err() {
                    return;
                }
            }
        });
        let mut command = CommandBuilder::new(PROGRAM);
        command.args(["run", "--locale", "en", "--config"]);
        command.arg(config);
        command.env_clear();
        for (name, value) in home.env() {
            command.env(name, value);
        }
        command.env("WINCALL_LOG", log);
        let begun = Instant::now();
        let child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave);
        Self { begun, frames, text: String::new(), keyboard, child, _master: pair.master }
    }

    /// When the frame came that shows what is wanted; a frame seen before does not count.
    pub fn next(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> Instant {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let frame = self.frames.recv_timeout(left).unwrap_or_else(|_| panic!("never shown: {what}\n{}", self.text));
            self.text = frame.text;
            if wanted(&self.text) {
                return frame.at;
            }
        }
    }

    /// Waits until the screen shows what is wanted, now or later.
    pub fn until(&mut self, what: &str, wanted: impl Fn(&str) -> bool) {
        self.settle();
        if !wanted(&self.text) {
            self.next(what, wanted);
        }
    }

    /// Takes in what has been drawn so far.
    pub fn settle(&mut self) {
        while let Ok(frame) = self.frames.try_recv() {
            self.text = frame.text;
        }
    }

    /// The screen as last taken in.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Types, and says when.
    pub fn key(&mut self, key: &str) -> Instant {
        let at = Instant::now();
        self.keyboard.write_all(key.as_bytes()).and_then(|()| self.keyboard.flush()).expect("keys go in");
        at
    }

    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("the program runs")
    }

    /// SIGTERM, and waits for the end.
    pub fn stop(mut self) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(pid, Signal::TERM).expect("the program runs");
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait().expect("the program can be waited for").is_none() {
            assert!(Instant::now() < deadline, "the program does not end on SIGTERM");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
