//! Hours of calls: does the memory grow, does the sound stay whole? A tone must be a tone in every call, whatever codec.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    common::{
        Home,
        audio::{self, Recording},
        become_idle, headless, talking,
    },
    cost::pss_mb,
    setting,
    table::{Table, Target, short},
};

/// One call, s.
const CALL: u64 = 55;
const CODECS: [&str; 4] = ["opus", "G722", "PCMA", "PCMU"];

/// An hour is no part of the whole.
pub fn not_measured(table: &mut Table) {
    let why = "takes an hour: `-- soak --minutes 60`";
    table.not_measured("soak: memory (PSS)", Some(Target::most(50.0, "kB/h")), why);
    table.not_measured("soak: gaps in an hour of calls", Some(Target::most(0.0, "")), why);
}

/// For so many minutes, shared by the codecs; a call a minute.
pub fn measure(table: &mut Table, minutes: u64) {
    for codec in CODECS {
        let home = Home::new();
        let platform = setting::platform(&home);
        audio::write_tone(&home.path("mic.wav"), 1000.0, -12.0);
        let lines = [
            ("backend", json!("file")),
            ("input_file", json!(home.path("mic.wav"))),
            ("output_file", json!(home.path("ear.wav"))),
            ("codecs", json!([codec])),
        ];
        platform.configure("audio", &lines);
        if home.run(&["config", "check", "--config", &platform.config.to_string_lossy()]).code != Some(0) {
            table.not_measured(&format!("soak, {codec}"), None, "there is no such codec here");
            continue;
        }
        let client = headless(&home, &platform.config);
        become_idle(&home);
        let begun = Instant::now();
        let (mut memory, mut gaps, mut longest, mut before) = (Vec::new(), 0, 0.0f64, 0);
        let calls = (minutes / CODECS.len() as u64).max(2);
        for call in 0..calls {
            talking(&home, &platform, "tone:440");
            std::thread::sleep(Duration::from_secs(CALL));
            memory.push((begun.elapsed().as_secs_f64() / 3600.0, pss_mb(client.id()) * 1000.0));
            home.ctl(&["hangup"]);
            home.wait("no-call");
            home.wait("idle");
            let ear = Recording::read(&home.path("ear.wav"));
            let part = Recording { samples: ear.samples[before..].to_vec(), rate: ear.rate };
            before = ear.samples.len();
            let (number, most) = audio::gaps(part.loud(CALL as f64 - 2.0), part.rate);
            (gaps, longest) = (gaps + number, longest.max(most));
            eprintln!(
                "  {codec}: call {} of {calls}, {number} gaps, {} kB",
                call + 1,
                short(memory[memory.len() - 1].1)
            );
        }
        client.terminate();
        // The first calls fill caches.
        let settled = &memory[memory.len() / 4..];
        table.single(&format!("soak, {codec}: memory (PSS)"), Target::most(50.0, "kB/h"), slope(settled));
        table.single(&format!("soak, {codec}: gaps in {calls} calls"), Target::most(0.0, ""), gaps as f64);
        table.told(&format!("soak, {codec}: longest gap"), format!("{} ms", short(longest)));
    }
}

/// The slope of the line nearest to the points.
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / n, y + point.1 / n));
    let (over, under) = points
        .iter()
        .fold((0.0, 0.0), |(over, under), point| (over + (point.0 - x) * (point.1 - y), under + (point.0 - x).powi(2)));
    if under > 0.0 { over / under } else { 0.0 }
}
