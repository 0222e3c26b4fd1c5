//! The phone bar in a pseudo-terminal: real keys in, the real screen out.

use std::{
    io::{Read, Write},
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use super::{Home, PROGRAM};

/// A terminal with the program in it.
pub struct Terminal {
    parser: Arc<Mutex<vt100::Parser>>,
    raw: Arc<Mutex<Vec<u8>>>,
    writer: Box<dyn Write + Send>,
    master: Box<dyn portable_pty::MasterPty + Send>,
    child: Box<dyn portable_pty::Child + Send + Sync>,
}

impl Terminal {
    pub fn start(home: &Home, args: &[&str], columns: u16, rows: u16) -> Self {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(PROGRAM);
        command.args(args);
        command.env_clear();
        for (name, value) in home.env() {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave);
        let parser = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 0)));
        let raw = Arc::new(Mutex::new(Vec::new()));
        let mut reader = pair.master.try_clone_reader().expect("its output");
        let (screen, bytes) = (parser.clone(), raw.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(n) = reader.read(&mut buffer) {
                if n == 0 {
                    break;
                }
                screen.lock().expect("the screen").process(&buffer[..n]);
                bytes.lock().expect("the bytes").extend(&buffer[..n]);
            }
        });
        let writer = pair.master.take_writer().expect("its keyboard");
        Self { parser, raw, writer, master: pair.master, child }
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
        self.writer.write_all(keys.as_bytes()).expect("keys go in");
        self.writer.flush().expect("keys go in");
    }

    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.parser.lock().expect("the screen").screen_mut().set_size(rows, columns);
        self.master.resize(PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }).expect("a new size");
    }

    /// Waits until the screen shows a text.
    pub fn shows(&self, wanted: &str) {
        self.until(wanted, |screen| screen.contains(wanted));
    }

    pub fn shows_no_more(&self, gone: &str) {
        self.until(&format!("no {gone}"), |screen| !screen.contains(gone));
    }

    pub fn until(&self, what: &str, is_so: impl Fn(&str) -> bool) {
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

impl Drop for Terminal {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
