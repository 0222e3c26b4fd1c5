//! The phone bar in a pseudo-terminal: real keys in, the real screen out.

use std::{
    io::{Read, Write},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use super::{Home, PROGRAM};

/// A terminal with the program in it.
pub struct Terminal {
    parser: Arc<Mutex<vt100::Parser>>,
    raw: Arc<Mutex<Vec<u8>>>,
    writer: Option<Arc<Mutex<Box<dyn Write + Send>>>>,
    master: Option<Box<dyn portable_pty::MasterPty + Send>>,
    child: Box<dyn portable_pty::Child + Send + Sync>,
    /// The terminal's modes before the program had it.
    modes_before: String,
    /// Asks the reader to give its end of the terminal up.
    hang_up: Arc<AtomicBool>,
    /// Nothing of what the program writes is taken.
    paused: Arc<AtomicBool>,
    /// Questions of the program are answered, as real terminals do.
    answers: Arc<AtomicBool>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Terminal {
    pub fn start(home: &Home, args: &[&str], columns: u16, rows: u16) -> Self {
        Self::start_in(home, PROGRAM, args, columns, rows, &[])
    }

    /// Any program, with more in its environment.
    pub fn start_in(
        home: &Home,
        program: &str,
        args: &[&str],
        columns: u16,
        rows: u16,
        environment: &[(&str, &str)],
    ) -> Self {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let modes_before = format!("{:?}", pair.master.get_termios());
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.env_clear();
        for (name, value) in home.env() {
            command.env(name, value);
        }
        for (name, value) in environment {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave);
        let parser = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 0)));
        let raw = Arc::new(Mutex::new(Vec::new()));
        let mut reader = pair.master.try_clone_reader().expect("its output");
        let hang_up = Arc::new(AtomicBool::new(false));
        let paused = Arc::new(AtomicBool::new(false));
        let (screen, bytes, stop, wait) = (parser.clone(), raw.clone(), hang_up.clone(), paused.clone());
        let answers = Arc::new(AtomicBool::new(false));
        let writer = Arc::new(Mutex::new(pair.master.take_writer().expect("its keyboard")));
        let (asked, keyboard) = (answers.clone(), writer.clone());
        let reading = std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(n) = reader.read(&mut buffer) {
                if n == 0 {
                    break;
                }
                screen.lock().expect("the screen").process(&buffer[..n]);
                bytes.lock().expect("the bytes").extend(&buffer[..n]);
                if asked.load(Ordering::SeqCst) {
                    let answer = answers_to(&buffer[..n]);
                    keyboard.lock().expect("the keyboard").write_all(&answer).expect("an answer");
                }
                while wait.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(5));
                }
                if stop.load(Ordering::SeqCst) {
                    break;
                }
            }
        });
        let (writer, master, reader) = (Some(writer), Some(pair.master), Some(reading));
        Self { parser, raw, writer, master, child, modes_before, hang_up, paused, answers, reader }
    }

    pub fn phone_bar(home: &Home, config: &Path, locale: &str, columns: u16, rows: u16) -> Self {
        let config = config.to_string_lossy().into_owned();
        Self::start(home, &["run", "--config", &config, "--locale", locale], columns, rows)
    }

    /// The screen as text, one line a row.
    pub fn text(&self) -> String {
        self.parser.lock().expect("the screen").screen().contents()
    }

    /// Everything the program wrote, escape sequences and all.
    pub fn bytes(&self) -> Vec<u8> {
        self.raw.lock().expect("the bytes").clone()
    }

    pub fn is_alternate(&self) -> bool {
        self.parser.lock().expect("the screen").screen().alternate_screen()
    }

    pub fn cursor_is_hidden(&self) -> bool {
        self.parser.lock().expect("the screen").screen().hide_cursor()
    }

    pub fn keys(&mut self, keys: &str) {
        let writer = self.writer.as_ref().expect("a terminal that was not closed");
        let mut writer = writer.lock().expect("the keyboard");
        writer.write_all(keys.as_bytes()).expect("keys go in");
        writer.flush().expect("keys go in");
    }

    /// Quits by key. Whoever is ready is asked, and signs out; whoever is in a call hangs up.
    pub fn quit(&mut self) {
        self.quit_by("q");
    }

    pub fn quit_by(&mut self, key: &str) {
        self.keys(key);
        let begun = Instant::now();
        loop {
            let text = self.text();
            let asked = ["签出并退出", "sign out and quit", "挂机并退出", "hang up and quit"];
            if asked.iter().any(|answer| text.contains(answer)) {
                return self.keys("y");
            }
            if !self.is_running() {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(15), "neither asked nor quit\n{text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.parser.lock().expect("the screen").screen_mut().set_size(rows, columns);
        let master = self.master.as_ref().expect("a terminal that was not closed");
        master.resize(PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }).expect("a new size");
    }

    /// From now on the program's questions are answered: where the cursor is, what kind of terminal this is, its colours.
    pub fn answer(&self) {
        self.answers.store(true, Ordering::SeqCst);
    }

    /// From now on nothing of what the program writes is taken, and there is no room for more.
    pub fn stop_taking(&mut self) {
        self.paused.store(true, Ordering::SeqCst);
        // Whole screens, until a pseudo-terminal holds no more.
        for round in 0..40 {
            let (columns, rows) = if round % 2 == 0 { (180, 50) } else { (200, 60) };
            let master = self.master.as_ref().expect("a terminal that was not closed");
            master.resize(PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }).expect("a new size");
            std::thread::sleep(Duration::from_millis(25));
        }
        self.parser.lock().expect("the screen").screen_mut().set_size(60, 200);
    }

    /// What the program writes is taken again.
    pub fn take_again(&self) {
        self.paused.store(false, Ordering::SeqCst);
    }

    /// Sends the program a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = self.process_id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
        rustix::process::kill_process(pid.expect("a process"), signal).expect("the process is there");
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Closes the terminal's other side, as a window that is closed or a lost connection does.
    pub fn close(&mut self) {
        self.hang_up.store(true, Ordering::SeqCst);
        // The reader gives up with the next output: the frame that this key brings, or the program's last.
        self.keys("p");
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader ends");
        }
        self.writer = None;
        self.master = None;
    }

    /// After the end: alternate screen left, cursor shown, modes as before.
    #[track_caller]
    pub fn is_as_it_was(&mut self) {
        // With the program gone nobody holds the terminal's near side, so the reader comes to the output's end.
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader ends");
        }
        let parser = self.parser.lock().expect("the screen");
        let screen = parser.screen();
        assert!(!screen.alternate_screen(), "the alternate screen is still on");
        assert!(!screen.hide_cursor(), "the cursor is still hidden");
        assert!(!screen.bracketed_paste(), "bracketed paste is still on");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None, "the mouse is still reported");
        drop(parser);
        let modes = self.master.as_ref().map(|master| format!("{:?}", master.get_termios()));
        assert_eq!(modes.as_ref(), Some(&self.modes_before), "the terminal's modes have changed");
    }

    /// Waits until the screen shows a text.
    pub fn shows(&self, wanted: &str) {
        self.until(wanted, |screen| screen.contains(wanted));
    }

    pub fn shows_no_more(&self, gone: &str) {
        self.until(&format!("no {gone}"), |screen| !screen.contains(gone));
    }

    pub fn until(&self, what: &str, mut is_so: impl FnMut(&str) -> bool) {
        let begun = Instant::now();
        while !is_so(&self.text()) {
            assert!(begun.elapsed() < Duration::from_secs(15), "never on screen: {what}\n{}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn process_id(&self) -> Option<u32> {
        self.child.process_id()
    }

    /// Waits for the end and returns the exit code.
    pub fn ended(&mut self) -> u32 {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the program can be waited for") {
                return status.exit_code();
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "the program does not end\n{}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// What a terminal says to the questions in what it was sent.
fn answers_to(written: &[u8]) -> Vec<u8> {
    let questions: [(&[u8], &[u8]); 5] = [
        (b"\x1b[6n", b"\x1b[1;1R"),
        (b"\x1b[c", b"\x1b[?62;22c"),
        (b"\x1b[?u", b"\x1b[?0u"),
        (b"\x1b]10;?", b"\x1b]10;rgb:ffff/ffff/ffff\x1b\\"),
        (b"\x1b]11;?", b"\x1b]11;rgb:0000/0000/0000\x1b\\"),
    ];
    let is_asked = |question: &[u8]| written.windows(question.len()).any(|window| window == question);
    questions.iter().filter(|(question, _)| is_asked(question)).flat_map(|(_, answer)| answer.to_vec()).collect()
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
