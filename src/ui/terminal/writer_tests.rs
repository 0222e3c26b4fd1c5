use std::sync::atomic::{AtomicUsize, Ordering};

use ratatui::{layout::Rect, style::Style};

use super::*;

/// A terminal that takes what the test lets it take.
#[derive(Default)]
struct Desk {
    taken: Vec<u8>,
    room: usize,
    error: Option<io::ErrorKind>,
    theirs: bool,
}

#[derive(Clone, Default)]
struct Fake(Arc<(Mutex<Desk>, Condvar)>);

impl Fake {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.0.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut Desk)) {
        change(&mut self.desk());
        self.0.1.notify_all();
    }

    /// Waits until the terminal has got this.
    #[track_caller]
    fn until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut desk = self.desk();
        loop {
            let text = String::from_utf8_lossy(&desk.taken).into_owned();
            if is_so(&text) {
                return text;
            }
            assert!(Instant::now() < deadline, "{what}: {text:?}");
            desk = self.0.1.wait_timeout(desk, Duration::from_millis(50)).unwrap().0;
        }
    }
}

impl Paper for Fake {
    fn write(&self, bytes: &[u8]) -> io::Result<Option<usize>> {
        let mut desk = self.desk();
        if let Some(error) = desk.error {
            return Err(error.into());
        }
        if desk.theirs {
            return Ok(None);
        }
        let taken = bytes.len().min(desk.room);
        desk.room -= taken;
        desk.taken.extend_from_slice(&bytes[..taken]);
        self.0.1.notify_all();
        Ok(Some(taken))
    }

    fn wait(&self, limit: Duration) -> io::Result<()> {
        let desk = self.desk();
        if desk.room == 0 {
            drop(self.0.1.wait_timeout(desk, limit).unwrap());
        }
        Ok(())
    }
}

fn picture(text: &str) -> Frame<String> {
    let mut cells = Buffer::empty(Rect::new(0, 0, 20, 1));
    cells.set_string(0, 0, text, Style::new());
    Frame { cells, cursor: None, whole: false, beside: Beside::default(), seen: Arc::new(text.to_owned()) }
}

fn start(fake: &Fake) -> (Writer<String>, Arc<Mutex<Vec<Trouble>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = told.clone();
    (Writer::start(fake.clone(), String::new(), move |trouble| tell.lock().unwrap().push(trouble)).unwrap(), told)
}

#[test]
fn the_newest_picture_is_shown_and_those_in_between_are_dropped() {
    let fake = Fake::default();
    let (writer, _) = start(&fake);
    // Room for a part only: the first picture is under way, and nobody waits for it.
    fake.change(|desk| desk.room = 12);
    writer.show(picture("first"));
    fake.until("a part", |text| text.len() == 12);
    let mut second = picture("second");
    second.beside = Beside { bell: true, title: Some("ringing".into()), ..Beside::default() };
    writer.show(second);
    writer.show(picture("third"));
    assert_eq!(*writer.written(), "", "none is written to its end");
    fake.change(|desk| desk.room = usize::MAX);
    let text = fake.until("the newest", |text| text.contains("third"));
    assert!(text.contains("first") && !text.contains("second"), "{text:?}");
    let text = fake.until("what was to be said", |text| text.ends_with('\u{7}'));
    assert!(text.ends_with("\u{1b}]0;ringing\u{7}\u{7}"), "the bell of the dropped one still rings: {text:?}");
    assert_eq!(*writer.written(), "third");
}

#[test]
fn what_is_seen_is_what_was_written_to_its_end() {
    let fake = Fake::default();
    let (writer, _) = start(&fake);
    fake.change(|desk| desk.room = usize::MAX);
    writer.show(picture("old-call"));
    fake.until("the old-call", |text| text.contains("old-call") && text.ends_with("\u{1b}[?2026l"));
    assert_eq!(*writer.written(), "old-call");
    fake.change(|desk| {
        desk.taken.clear();
        desk.room = 10;
    });
    writer.show(picture("new-call"));
    fake.until("a part", |text| text.len() == 10);
    assert_eq!(*writer.written(), "old-call", "a key typed now is for the old one");
    fake.change(|desk| desk.room = usize::MAX);
    fake.until("all", |text| text.ends_with("\u{1b}[?2026l"));
    assert_eq!(*writer.written(), "new-call");
}

#[test]
fn a_failure_is_told_once_and_tried_again_until_everything_is_drawn_anew() {
    let fake = Fake::default();
    let (writer, told) = start(&fake);
    fake.change(|desk| {
        desk.room = usize::MAX;
        desk.error = Some(io::ErrorKind::Other);
    });
    writer.say(b"modes");
    writer.show(picture("call"));
    let fails = || Trouble::Fails(io::Error::from(io::ErrorKind::Other).to_string());
    let until_told = |what: &[Trouble]| {
        let deadline = Instant::now() + Duration::from_secs(20);
        while told.lock().unwrap().as_slice() != what {
            assert!(Instant::now() < deadline, "{:?}", told.lock().unwrap());
            std::thread::yield_now();
        }
    };
    until_told(&[fails()]);
    fake.change(|desk| desk.error = None);
    let text = fake.until("all of it", |text| text.ends_with("\u{1b}[?2026l"));
    assert!(text.starts_with("modes") && text.contains("\u{1b}[2J") && text.contains("call"), "{text:?}");
    until_told(&[fails(), Trouble::Over]);
}

#[test]
fn nothing_is_written_while_the_terminal_is_somebody_elses() {
    let fake = Fake::default();
    let (writer, told) = start(&fake);
    fake.change(|desk| {
        desk.room = usize::MAX;
        desk.theirs = true;
    });
    writer.show(picture("call"));
    writer.settle(Duration::from_secs(20));
    assert!(fake.desk().taken.is_empty());
    fake.change(|desk| desk.theirs = false);
    writer.show(picture("call"));
    let text = fake.until("all of it", |text| text.ends_with("\u{1b}[?2026l"));
    assert!(text.contains("\u{1b}[2J"), "nothing is known of what it shows: {text:?}");
    assert!(told.lock().unwrap().is_empty());
}

#[test]
fn the_end_does_not_wait_for_a_terminal_that_takes_nothing() {
    struct Counted(Fake, Arc<AtomicUsize>);
    impl Paper for Counted {
        fn write(&self, bytes: &[u8]) -> io::Result<Option<usize>> {
            self.0.write(bytes)
        }

        fn wait(&self, limit: Duration) -> io::Result<()> {
            self.1.fetch_add(1, Ordering::SeqCst);
            self.0.wait(limit)
        }
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            self.1.store(usize::MAX, Ordering::SeqCst);
        }
    }
    let (fake, waits) = (Fake::default(), Arc::new(AtomicUsize::new(0)));
    let writer = Writer::start(Counted(fake, waits.clone()), String::new(), |_| {}).unwrap();
    writer.show(picture("call"));
    let until = |wanted: usize| {
        let deadline = Instant::now() + Duration::from_secs(20);
        while waits.load(Ordering::SeqCst) < wanted {
            assert!(Instant::now() < deadline);
            std::thread::yield_now();
        }
    };
    until(1);
    writer.settle(Duration::from_millis(1));
    writer.end();
    // The thread is gone, and with it what it wrote on.
    until(usize::MAX);
}
