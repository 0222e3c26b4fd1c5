//! What the phone bar costs while it runs: memory and processor time, idle and in an Opus call, screen included.

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::{
    common::{Home, audio::write_tone},
    setting::{self, LOG},
    table::{Table, Target},
};

/// Before a measurement, so that what belongs to the start is over.
const REST: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(30);
const CALL: Duration = Duration::from_secs(20);

pub fn measure(table: &mut Table) {
    let home = Home::new();
    let platform = setting::platform(&home);
    write_tone(&home.path("mic.wav"), 1000.0, -12.0);
    setting::file_sound(&platform, &home.path("mic.wav"), &home.path("ear.wav"));
    let mut screen = setting::ready(&home, &platform, LOG);
    std::thread::sleep(REST);
    let cpu = cpu_percent(screen.pid(), IDLE);
    table.single("memory (PSS), idle", Target::new(20.0, 15.0, "MB"), pss_mb(screen.pid()));
    table.single("CPU of one core, idle, 30 s", Target::new(0.2, 0.1, "%"), cpu);
    setting::answered(&mut screen, &platform, "tone:440");
    std::thread::sleep(REST);
    let cpu = cpu_percent(screen.pid(), CALL);
    table.single("memory (PSS), in an Opus call", Target::new(30.0, 20.0, "MB"), pss_mb(screen.pid()));
    table.single("CPU of one core, in an Opus call, 20 s", Target::new(5.0, 3.0, "%"), cpu);
    let leg = setting::agent_leg(&platform);
    let sent = leg["packets_in"].as_u64().unwrap_or(0);
    assert!(sent > 1000, "that was no call: {leg}");
    screen.stop();
}

/// Proportional set size in units of 1,000,000 bytes.
pub fn pss_mb(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("the program's memory");
    let line = text.lines().find(|line| line.starts_with("Pss:")).expect("its PSS");
    let kib: f64 = line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number");
    kib * 1024.0 / 1e6
}

/// Of one core, on average.
pub fn cpu_percent(pid: u32, during: Duration) -> f64 {
    let (begun, before) = (Instant::now(), cpu_time(pid));
    std::thread::sleep(during);
    (cpu_time(pid) - before).as_secs_f64() * 100.0 / begun.elapsed().as_secs_f64()
}

/// User and system time of all threads, also those that have ended; the kernel counts it exactly and tells it in
/// ticks of 10 ms.
fn cpu_time(pid: u32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the program's times");
    let (_, after_name) = text.rsplit_once(')').expect("a name in parentheses");
    let field = |n: usize| after_name.split_whitespace().nth(n).and_then(|f| f.parse::<u64>().ok()).expect("a time");
    Duration::from_millis((field(11) + field(12)) * 10)
}
