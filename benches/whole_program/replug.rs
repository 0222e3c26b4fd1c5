//! A headset pulled out in a call and put back: how long until it is heard again. The headset is made of software
//! (`tests/virtual-sound-card.sh`); what the kernel would do to `/dev/snd` is done by hand.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    common::{Home, audio::speech, become_idle, headless, talking},
    setting,
    table::{Table, Target},
};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/virtual-sound-card.sh");
const PROGRAMS: [&str; 6] = ["pipewire", "wireplumber", "pipewire-pulse", "dbus-daemon", "pactl", "pacat"];
const FIGURE: &str = "headset put back in a call: the microphone is heard again";
const BACK: Target = Target::most(300.0, "ms");
const TIMES: usize = 5;
/// A microphone that is not back by then will not be.
const GIVEN_UP: Duration = Duration::from_secs(30);

pub fn measure(table: &mut Table) {
    let found = |program: &&str| {
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|dir| dir.join(program).is_file())
    };
    if !PROGRAMS.iter().all(found) {
        return table.not_measured(FIGURE, Some(BACK), "no sound card, and no PipeWire to make one of software");
    }
    let Some(node) = Node::new() else {
        return table.not_measured(FIGURE, Some(BACK), "no sound card, and /dev/snd cannot be written to");
    };
    let home = Home::new();
    let Some(card) = Card::start(&home) else {
        return table.not_measured(FIGURE, Some(BACK), "the sound card made of software does not start");
    };
    let platform = setting::platform(&home);
    // The treatment has nothing to do with it.
    let off = ("echo_cancellation", json!(false));
    platform.configure("audio", &[("backend", json!("device")), off]);
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
        speaking.kill().ok();
        speaking.wait().ok();
        speaking = card.speak(&home);
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

/// PipeWire with a speaker and a microphone, in the home's runtime directory.
struct Card {
    dir: String,
    environment: Vec<(String, String)>,
}

impl Card {
    fn start(home: &Home) -> Option<Self> {
        let dir = home.path("run").display().to_string();
        let started = Command::new(SCRIPT).args(["start", &dir]).stderr(Stdio::null()).output().ok()?;
        let text = String::from_utf8(started.stdout).ok()?;
        let variables = text.lines().filter_map(|line| line.split_once('='));
        let card = Self { dir, environment: variables.map(|(name, value)| (name.into(), value.into())).collect() };
        fs::copy(home.path("run").join(".asoundrc"), home.path(".asoundrc")).ok()?;
        started.status.success().then_some(card)
    }

    fn pactl(&self, words: &[&str]) {
        let done = Command::new("pactl")
            .args(words)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::null())
            .status();
        assert!(done.is_ok_and(|status| status.success()), "pactl {words:?}");
    }

    fn pull(&self) {
        self.pactl(&["unload-module", "module-remap-source"]);
        self.pactl(&["unload-module", "module-null-sink"]);
    }

    fn plug(&self) {
        for sink in ["spk", "micfeed"] {
            let name = format!("sink_name={sink}");
            self.pactl(&[
                "load-module",
                "module-null-sink",
                &name,
                "media.class=Audio/Sink",
                "rate=48000",
                "channels=2",
            ]);
        }
        self.pactl(&["load-module", "module-remap-source", "master=micfeed.monitor", "source_name=mic"]);
    }

    /// Somebody speaks into the microphone without end.
    fn speak(&self, home: &Home) -> Child {
        let file = home.path("voice.raw");
        if !file.exists() {
            let bytes: Vec<u8> = speech(60.0, 9).iter().flat_map(|s| ((s * 32_767.0) as i16).to_le_bytes()).collect();
            fs::write(&file, bytes).expect("a file of speech");
        }
        Command::new("pacat")
            .args(["-p", "--device=micfeed", "--channels=1", "--rate=48000", "--format=s16le", "--raw"])
            .arg(&file)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stderr(Stdio::null())
            .spawn()
            .expect("pacat starts")
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        Command::new(SCRIPT).args(["stop", &self.dir]).status().ok();
    }
}
