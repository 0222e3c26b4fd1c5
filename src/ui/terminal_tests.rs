//! The screen in a real terminal: a pseudo-terminal with this very test program in it, playing the program's part.

use std::{
    io::{Read, Write},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use tokio::sync::{broadcast, mpsc, watch};

use super::{Exit, UiSetup, fixtures, run, terminal::guard};
use crate::{
    app::{Command, Handle, Refusal, RefusalKind},
    i18n::{Locale, Message},
};

/// What the played program is to do besides its part.
const MODE: &str = "WINCALL_SCREEN_TEST";
/// Where standard error goes meanwhile.
const STDERR: &str = "WINCALL_SCREEN_STDERR";

/// The program's part, played when the other tests start this test in a terminal of its own: answers keys as the real one would, with the tests' snapshots.
#[test]
#[expect(clippy::wildcard_enum_match_arm, reason = "the played part knows a few commands only")]
fn child() {
    let Ok(mode) = std::env::var(MODE) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let exit = runtime.block_on(async {
        // Fixtures count from an instant of their own; the clocks of the screen run in real time.
        let (commands, mut asked) = mpsc::channel(64);
        let (publish, snapshots) = watch::channel(Arc::new(fixtures::idle(Locale::ZhCn)));
        let handle = Handle::new(commands, snapshots, broadcast::channel(8).0);
        if let Ok(path) = std::env::var(STDERR) {
            guard::redirect_stderr(path.as_ref()).unwrap();
        }
        let ring = publish.clone();
        let part = tokio::spawn(async move {
            while let Some(asked) = asked.recv().await {
                let mut outcome = Ok(serde_json::Value::Null);
                let next = match asked.command {
                    Command::Answer | Command::Unhold => Some(fixtures::talking(Locale::ZhCn)),
                    Command::Hold => Some(fixtures::held_and_muted(Locale::ZhCn)),
                    Command::SetAutoAnswer { .. } => Some(fixtures::ringing(Locale::ZhCn)),
                    Command::HangUp => Some(fixtures::idle(Locale::ZhCn)),
                    Command::Watch(Some(_)) => Some(fixtures::in_charge(Locale::ZhCn)),
                    Command::Watch(None) => Some(fixtures::idle(Locale::ZhCn)),
                    Command::Dial { .. } => {
                        let message = Message::verbatim("refused");
                        outcome = Err(Refusal { kind: RefusalKind::Platform, message, platform: None });
                        None
                    }
                    Command::Quit => {
                        let mut last = fixtures::idle(Locale::ZhCn);
                        last.exiting = true;
                        Some(last)
                    }
                    _ => None,
                };
                if let Some(next) = next {
                    publish.send_replace(Arc::new(next));
                }
                if let Some(reply) = asked.reply {
                    reply.send(outcome).unwrap();
                }
            }
        });
        // The hang-up signal is somebody else's to act on; here the terminal's end itself has to be noticed.
        let _hang_up = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).unwrap();
        let setup = UiSetup::default();
        let trouble = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            match mode.as_str() {
                "panic" => panic!("the screen falls over"),
                "panic-behind" => {
                    let task = tokio::spawn(async { panic!("a task falls over") });
                    assert!(task.await.is_err());
                    ring.send_replace(Arc::new(fixtures::ringing(Locale::ZhCn)));
                }
                "noise" => eprintln!("noise of a library"),
                _ => {}
            }
            std::future::pending::<()>().await;
        };
        let exit = tokio::select! {
            exit = run(handle, setup, |_| {}) => exit,
            () = trouble => unreachable!(),
        };
        part.abort();
        exit
    });
    assert!(matches!(exit, Ok(Exit::Asked | Exit::TerminalGone)), "{exit:?}");
    // Nobody may be there to read it.
    drop(writeln!(std::io::stderr(), "left with {:?}", exit.unwrap()));
    // The thread that reads keys never returns; the real program ends in the same way.
    std::process::exit(0);
}

/// A terminal with the screen in it.
struct Terminal {
    master: Option<Box<dyn MasterPty + Send>>,
    keys: Option<Box<dyn Write + Send>>,
    child: Box<dyn Child + Send + Sync>,
    parser: Arc<Mutex<vt100::Parser>>,
    raw: Arc<Mutex<Vec<u8>>>,
    modes_before: String,
    closed: Arc<AtomicBool>,
    hang_up: Arc<AtomicBool>,
}

impl Terminal {
    fn start(mode: &str, columns: u16, rows: u16, stderr: Option<&std::path::Path>) -> Self {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let modes_before = format!("{:?}", pair.master.get_termios());
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        command.args(["--exact", "ui::terminal_tests::child", "--nocapture", "--test-threads=1"]);
        command.env(MODE, mode);
        command.env("TERM", "xterm-256color");
        command.env("COLORTERM", "truecolor");
        command.env("RUST_BACKTRACE", "0");
        if let Some(stderr) = stderr {
            command.env(STDERR, stderr);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let parser = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 0)));
        let raw = Arc::new(Mutex::new(Vec::new()));
        let closed = Arc::new(AtomicBool::new(false));
        let hang_up = Arc::new(AtomicBool::new(false));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (into, all, end, stop) = (parser.clone(), raw.clone(), closed.clone(), hang_up.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 65536];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                into.lock().unwrap().process(&buffer[..n]);
                all.lock().unwrap().extend_from_slice(&buffer[..n]);
                if stop.load(Ordering::SeqCst) {
                    break;
                }
            }
            drop(reader);
            end.store(true, Ordering::SeqCst);
        });
        let keys = pair.master.take_writer().unwrap();
        Self { master: Some(pair.master), keys: Some(keys), child, parser, raw, modes_before, closed, hang_up }
    }

    fn screen(&self) -> String {
        self.parser.lock().unwrap().screen().contents()
    }

    fn press(&mut self, keys: &str) {
        let writer = self.keys.as_mut().unwrap();
        writer.write_all(keys.as_bytes()).unwrap();
        writer.flush().unwrap();
    }

    /// Quits while ready.
    #[track_caller]
    fn quit(&mut self) {
        self.quit_by("q");
    }

    #[track_caller]
    fn quit_by(&mut self, key: &str) {
        self.press(key);
        self.until_shown("签出并退出");
        self.press("y");
    }

    #[track_caller]
    fn until(&self, what: &str, mut condition: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !condition(self) {
            assert!(Instant::now() < deadline, "{what}: not within 20 s; the screen:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[track_caller]
    fn until_shown(&self, text: &str) {
        self.until(text, |t| t.screen().contains(text));
    }

    /// Waits for the end; the terminal has to be as it was.
    #[track_caller]
    fn expect_clean_end(&mut self) -> u32 {
        let deadline = Instant::now() + Duration::from_secs(20);
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "still running; the screen:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(5));
        };
        self.until("all output", |t| {
            t.closed.load(Ordering::SeqCst) || !t.parser.lock().unwrap().screen().alternate_screen()
        });
        let parser = self.parser.lock().unwrap();
        let screen = parser.screen();
        assert!(!screen.alternate_screen(), "the alternate screen is still on");
        assert!(!screen.hide_cursor(), "the cursor is still hidden");
        assert!(!screen.bracketed_paste(), "bracketed paste is still on");
        drop(parser);
        if let Some(master) = &self.master {
            assert_eq!(format!("{:?}", master.get_termios()), self.modes_before, "the terminal's modes have changed");
        }
        status.exit_code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A test that failed leaves it running; one that has ended cannot be killed, which is as well.
        drop(self.child.kill());
    }
}

#[test]
fn the_screen_comes_up_follows_keys_and_leaves_the_terminal_as_it_was() {
    let mut terminal = Terminal::start("plain", 100, 30, None);
    terminal.until_shown("空闲");
    assert!(terminal.parser.lock().unwrap().screen().alternate_screen());
    terminal.press("A");
    terminal.until_shown("客户来电");
    terminal.press("a");
    terminal.until_shown("通话中");
    terminal.press("h");
    terminal.until_shown("保持中");
    terminal.press("h");
    terminal.until_shown("m 静音");
    let master = terminal.master.as_ref().unwrap();
    master.resize(PtySize { rows: 3, cols: 90, pixel_width: 0, pixel_height: 0 }).unwrap();
    terminal.parser.lock().unwrap().screen_mut().set_size(3, 90);
    terminal.until("the strip", |t| t.screen().contains("对方") && t.screen().contains("x 挂机"));
    terminal.press("x");
    terminal.until_shown("空闲");
    terminal.quit();
    assert_eq!(terminal.expect_clean_end(), 0);
    let raw = String::from_utf8_lossy(&terminal.raw.lock().unwrap()).into_owned();
    assert!(raw.contains("\u{7}"), "the bell rang for the call");
    assert!(raw.contains("\u{1b}[22;2t") && raw.contains("\u{1b}[23;2t"), "the title was saved and given back");
}

#[test]
fn lists_are_asked_for_while_they_are_looked_at() {
    let mut terminal = Terminal::start("plain", 100, 30, None);
    terminal.until_shown("空闲");
    assert!(!terminal.screen().contains("排队 3"));
    terminal.press("d");
    terminal.until_shown("欧阳建国");
    // Only the program that is told of nobody looking any more shows no queue.
    terminal.press("j");
    terminal.until("nobody looks", |t| !t.screen().contains("排队 3"));
    terminal.press("Q");
    terminal.until_shown("13700137000");
    terminal.press("n");
    terminal.until("nobody looks again", |t| !t.screen().contains("排队 3"));
    terminal.quit();
    assert_eq!(terminal.expect_clean_end(), 0);
}

#[test]
fn a_number_refused_stays_in_the_field_and_a_paste_lands_clean() {
    let mut terminal = Terminal::start("plain", 100, 30, None);
    terminal.until_shown("空闲");
    terminal.press("\x1b[200~tel:138-0013\u{7} 8000\x1b[201~");
    terminal.until_shown("13800138000");
    terminal.press("\r");
    terminal.until_shown("refused");
    assert!(terminal.screen().contains("13800138000"));
    terminal.quit_by("\x03");
    assert_eq!(terminal.expect_clean_end(), 0);
}

#[test]
fn a_panic_of_the_screen_gives_the_terminal_back_and_is_told() {
    let mut terminal = Terminal::start("panic", 80, 24, None);
    terminal.until_shown("空闲");
    terminal.until("the panic's words", |t| t.screen().contains("the screen falls over"));
    assert_ne!(terminal.expect_clean_end(), 0);
}

#[test]
fn a_panic_behind_the_screen_leaves_it_standing() {
    let mut terminal = Terminal::start("panic-behind", 80, 24, None);
    terminal.until_shown("空闲");
    // The call is published after the panic.
    terminal.until_shown("客户来电");
    assert!(!terminal.screen().contains("falls over"));
    terminal.press("q");
    terminal.until_shown("挂机并退出");
    terminal.press("y");
    assert_eq!(terminal.expect_clean_end(), 0);
}

#[test]
fn standard_error_goes_to_the_file_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("stderr.log");
    let mut terminal = Terminal::start("noise", 80, 24, Some(&file));
    terminal.until_shown("空闲");
    let noise = || std::fs::read_to_string(&file).unwrap_or_default();
    terminal.until("the noise", |_| noise().contains("noise of a library"));
    assert!(!terminal.screen().contains("noise"), "it is on the screen:\n{}", terminal.screen());
    terminal.quit();
    terminal.until("the last words", |t| t.screen().contains("left with Asked"));
    assert_eq!(terminal.expect_clean_end(), 0);
    assert!(!noise().contains("left with"));
}

#[test]
fn when_the_terminal_goes_the_program_goes() {
    let mut terminal = Terminal::start("plain", 80, 24, None);
    terminal.until_shown("空闲");
    // The reading end is given up with the next output, then nobody holds the terminal's other side any more.
    terminal.hang_up.store(true, Ordering::SeqCst);
    terminal.press("p");
    terminal.until("the reader's end", |t| t.closed.load(Ordering::SeqCst));
    terminal.keys = None;
    terminal.master = None;
    let deadline = Instant::now() + Duration::from_secs(10);
    let status = loop {
        if let Some(status) = terminal.child.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < deadline, "it runs on without a terminal");
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(status.exit_code(), 0, "it has to end by itself, in good order: {status:?}");
}
