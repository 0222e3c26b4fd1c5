//! From a message or a key to the changed cell, and the making of one frame.

use std::{
    hint::black_box,
    io,
    time::{Duration, Instant},
};

use ratatui::{Terminal, TerminalOptions, Viewport, backend::CrosstermBackend, layout::Rect};
use serde_json::json;
use wincall_tui::ui::view;

use crate::{
    common::{Home, Platform, audio::write_tone},
    screen::Screen,
    setting::{self, LOG},
    table::{Table, Target},
    talking::{state, talking},
};

const TIMES: u64 = 200;
const TO_CELL: Target = Target::new(20.0, 10.0, "ms");

pub fn measure(table: &mut Table) {
    let home = Home::new();
    let platform = setting::platform(&home);
    write_tone(&home.path("mic.wav"), 1000.0, -12.0);
    setting::file_sound(&platform, &home.path("mic.wav"), &home.path("ear.wav"));
    let mut screen = setting::ready(&home, &platform, LOG);
    let pushes = pushes(&mut screen, &platform);
    table.ranked("pushed message to changed cell (the order to the platform included)", Some(TO_CELL), &pushes, 99);
    table.ranked("key to changed cell, idle", Some(TO_CELL), &keys(&mut screen, TIMES), 99);
    setting::answered(&mut screen, &platform, "tone:440");
    table.ranked("key to changed cell, in a call", Some(TO_CELL), &keys(&mut screen, TIMES), 99);
    screen.stop();
}

/// A supervisor makes the agent busy and ready again. The clock starts before the platform is told to push, so its
/// admin request (one connection each) is in the figure.
fn pushes(screen: &mut Screen, platform: &Platform) -> Vec<Duration> {
    let times = (0..TIMES).map(|n| {
        pause(n);
        screen.settle();
        let (fault, word) = if n % 2 == 0 { ("force_busy", "busy  00:0") } else { ("force_idle", "● ready") };
        assert!(!screen.text().contains(word), "{word} is on the screen already:\n{}", screen.text());
        let begun = Instant::now();
        platform.fault(fault, json!(null), None);
        screen.next(word, |text| text.contains(word)) - begun
    });
    times.collect()
}

/// The help comes and goes: the same key does something idle and in a call.
pub fn keys(screen: &mut Screen, times: u64) -> Vec<Duration> {
    let times = (0..times).map(|n| {
        pause(n);
        screen.settle();
        let open = n % 2 == 0;
        let begun = screen.key("?");
        screen.next("the help", |text| text.contains(HELP) == open) - begun
    });
    times.collect()
}

/// In the help and nowhere else.
const HELP: &str = "this help";

/// Not in step with anything: 30 to 70 ms.
fn pause(n: u64) {
    std::thread::sleep(Duration::from_millis(30 + n * 17 % 41));
}

/// A call's frame at 200x60, from the snapshot to the terminal's bytes (thrown away); the meters move.
pub fn frame(table: &mut Table) {
    const TIMES: u32 = 2000;
    let state = state().expect("a theme and keys");
    let now = Instant::now();
    let mut snapshot = talking(now);
    let options = TerminalOptions { viewport: Viewport::Fixed(Rect::new(0, 0, 200, 60)) };
    let mut terminal = Terminal::with_options(CrosstermBackend::new(io::sink()), options).expect("a terminal");
    let times = (0..TIMES).map(|n| {
        snapshot.media.level_in_dbfs = Some(-(n as f32 * 1.7 % 60.0));
        snapshot.media.level_out_dbfs = Some(-(n as f32 * 2.3 % 60.0));
        let begun = Instant::now();
        terminal
            .draw(|frame| {
                black_box(view::draw(frame, &snapshot, &state, now + Duration::from_millis(u64::from(n) * 100)));
            })
            .expect("a frame");
        begun.elapsed()
    });
    let times: Vec<Duration> = times.collect();
    table.ranked("one frame at 200x60", Some(Target::new(1.0, 0.6, "ms")), &times, 99);
}
