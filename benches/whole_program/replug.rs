//! A headset pulled out in a call and put back: how long until it is heard again. The headset is made of software
//! (`tests/virtual-sound-card.sh`); what the kernel would do to `/dev/snd` is done by hand.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    card::Card,
    common::{Home, become_idle, headless, talking},
    setting,
    table::{Table, Target},
};

const FIGURE: &str = "headset put back in a call: the microphone is heard again";
const BACK: Target = Target::most(300.0, "ms");
const TIMES: usize = 5;
/// A microphone that is not back by then will not be.
const GIVEN_UP: Duration = Duration::from_secs(30);

pub fn measure(table: &mut Table) {
    let Some(node) = Node::new() else {
        return table.not_measured(FIGURE, Some(BACK), "no sound card, and /dev/snd cannot be written to");
    };
    let home = Home::new();
    let Some(card) = Card::start(&home) else {
        return table.not_measured(FIGURE, Some(BACK), "no sound card, and no PipeWire to make one of software");
    };
    let platform = setting::platform(&home);
    // The treatment has nothing to do with it.
    let off = |key| (key, json!(false));
    let named = |key, name| (key, json!(format!("pulseaudio:{name}")));
    let lines = [
        ("backend", json!("device")),
        named("input_device", "mic"),
        named("output_device", "spk"),
        named("ring_device", "spk"),
        off("echo_cancellation"),
        off("noise_suppression"),
        off("gain_control"),
    ];
    platform.configure("audio", &lines);
    node.plug();
    let mut speaking = card.speak(&home);
    let client = headless(&home, &platform.config);
    become_idle(&home);
    talking(&home, &platform, "tone:440");
    home.until("the microphone is heard", |s| s["media"]["level_in_dbfs"].as_f64() > Some(-40.0));
    let mut took = Vec::new();
    for _ in 0..TIMES {
        card.pull();
        node.pull();
        home.until("nothing is heard any more", |s| {
            s["media"]["level_in_dbfs"].as_f64().is_none_or(|dbfs| dbfs < -60.0)
        });
        std::thread::sleep(Duration::from_millis(1500));
        card.plug();
        let plugged = Instant::now();
        node.plug();
        // The meter is read ten times a second: as much is in the figure.
        while home.status()["media"]["level_in_dbfs"].as_f64().is_none_or(|dbfs| dbfs < -40.0) {
            if plugged.elapsed() > GIVEN_UP {
                speaking.kill().ok();
                speaking.wait().ok();
                return table.single(FIGURE, BACK, f64::INFINITY);
            }
        }
        took.push(plugged.elapsed());
        assert_eq!(home.status()["call"]["phase"], "talking", "the call must not end for it");
    }
    speaking.kill().ok();
    speaking.wait().ok();
    client.terminate();
    table.ranked(FIGURE, Some(BACK), &took, 95);
}

/// A device's file, as the kernel makes one when a headset is put in.
struct Node {
    path: PathBuf,
    made_folder: bool,
}

impl Node {
    fn new() -> Option<Self> {
        let folder = Path::new("/dev/snd");
        let made_folder = !folder.exists();
        if made_folder {
            fs::create_dir(folder).ok()?;
        }
        let node = Self { path: folder.join("pcmC7D0c"), made_folder };
        fs::write(&node.path, "").ok()?;
        Some(node)
    }

    fn plug(&self) {
        fs::write(&self.path, "").ok();
    }

    fn pull(&self) {
        fs::remove_file(&self.path).ok();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.pull();
        if self.made_folder {
            fs::remove_dir("/dev/snd").ok();
        }
    }
}
