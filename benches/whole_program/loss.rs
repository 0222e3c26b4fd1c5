//! What calls sound like over networks that lose: opinion score and concealed share as the phone bar tells them, and how
//! like the recording is to what was sent.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    common::{
        Home,
        audio::{self, Recording, likeness, speech},
        become_idle, headless, talking, until,
    },
    setting,
    table::{Table, Target, short},
};

/// How long is talked in each case, s; the last 10 are looked at.
const TALK: f64 = 16.0;
const LOOKED_AT: f64 = 10.0;
const RATE: f64 = 48_000.0;

struct Case {
    name: &'static str,
    faults: &'static [(&'static str, f64)],
    mos: Option<f64>,
    concealed: Option<f64>,
}

const CASES: [Case; 6] = [
    Case { name: "no loss", faults: &[], mos: None, concealed: Some(1.0) },
    Case { name: "3 % random loss", faults: &[("rtp_loss_pct", 3.0)], mos: Some(4.0), concealed: Some(4.0) },
    Case { name: "10 % random loss", faults: &[("rtp_loss_pct", 10.0)], mos: Some(3.2), concealed: Some(11.0) },
    Case { name: "20 % random loss", faults: &[("rtp_loss_pct", 20.0)], mos: None, concealed: Some(21.0) },
    Case {
        name: "10 % in bursts of 3",
        faults: &[("rtp_loss_pct", 10.0), ("rtp_burst", 3.0)],
        mos: None,
        concealed: Some(11.0),
    },
    Case { name: "jitter up to 60 ms", faults: &[("rtp_jitter_ms", 60.0)], mos: None, concealed: Some(1.0) },
];

pub fn measure(table: &mut Table) {
    // Two calls for each codec at once: each has a platform and a phone bar of its own, and none of it is about time.
    let tables = std::thread::scope(|scope| {
        let (few, many) = CASES.split_at(CASES.len() / 2);
        let calls = ["opus", "G722", "PCMA"].into_iter().flat_map(|codec| [(codec, few), (codec, many)]);
        let calls: Vec<_> = calls.map(|(codec, cases)| scope.spawn(move || with(codec, cases))).collect();
        calls.into_iter().map(|call| call.join().expect("the calls are made")).collect::<Vec<_>>()
    });
    for part in tables {
        table.append(part);
    }
}

fn with(codec: &str, cases: &[Case]) -> Table {
    let mut table = Table::default();
    let home = Home::new();
    let platform = setting::platform(&home);
    let sent = speech(TALK + 4.0, 11);
    let (mouth, ear) = (home.path("mouth.wav"), home.path("ear.wav"));
    audio::write(&mouth, 48_000, &sent);
    let lines = [
        ("backend", json!("file")),
        ("input_file", json!(mouth)),
        ("output_file", json!(ear)),
        ("codecs", json!([codec])),
    ];
    platform.configure("audio", &lines);
    if home.run(&["config", "check", "--config", &platform.config.to_string_lossy()]).code != Some(0) {
        table.not_measured(&format!("{codec} over bad networks"), None, "there is no such codec here");
        return table;
    }
    let client = headless(&home, &platform.config);
    become_idle(&home);
    let mut before = 0;
    for case in cases {
        for (fault, value) in case.faults {
            let order = json!({ "fault": fault, "value": value, "direction": "to_agent" });
            platform.admin("POST", "/faults", order);
        }
        talking(&home, &platform, "echo");
        let (mut mos, mut concealed, mut lost) = (Vec::new(), Vec::new(), Vec::new());
        let mut next = TALK - LOOKED_AT;
        until("the talk", Duration::from_secs(40), || {
            std::thread::sleep(Duration::from_millis(200));
            let status = home.status();
            let talked = status["call"]["talk_ms"].as_f64().unwrap_or(0.0) / 1000.0;
            if talked >= next {
                next += 1.0;
                mos.extend(status["media"]["mos"].as_f64());
                concealed.extend(status["media"]["concealed_pct"].as_f64());
                lost.extend(status["media"]["loss_pct"].as_f64());
            }
            talked >= TALK
        });
        home.ctl(&["hangup"]);
        home.wait("no-call");
        home.wait("idle");
        platform.admin("DELETE", "/faults", Value::Null);
        let heard = Recording::read(&ear).samples;
        let part = &heard[before..];
        before = heard.len();
        let from = RATE as usize;
        let like = likeness(&sent[from..from + ((TALK - 2.0) * RATE) as usize], &part[from.min(part.len())..]);
        let name = format!("{codec}, {}", case.name);
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        if mos.is_empty() {
            table.not_measured(&format!("MOS, {name}"), case.mos.map(|mos| Target::least(mos, "")), "it was not told");
        } else if let Some(least) = case.mos {
            table.single(&format!("MOS, {name}"), Target::least(least, ""), mean(&mos));
        } else {
            table.told(&format!("MOS, {name}"), short(mean(&mos)));
        }
        let figure = format!("concealed, {name}");
        match case.concealed {
            _ if concealed.is_empty() => table.not_measured(&figure, None, "it was not told"),
            // What was really lost of these packets counts, not what was asked for.
            Some(most) => {
                let share = case.faults.iter().find(|(fault, _)| *fault == "rtp_loss_pct").map_or(0.0, |(_, pct)| *pct);
                let limit = if share > 0.0 { mean(&lost) + most - share } else { most };
                table.single(&figure, Target::most(limit, "%"), mean(&concealed));
            }
            None => table.told(&figure, format!("{} %", short(mean(&concealed)))),
        }
        table.told(
            &format!("sound, {name}"),
            format!(
                "spectra {} dB apart, segmental SNR {} dB, {} gaps, the longest {} ms",
                short(like.log_spectral_db),
                short(like.segmental_snr_db),
                like.gaps,
                short(like.longest_gap_ms)
            ),
        );
    }
    client.terminate();
    table
}
