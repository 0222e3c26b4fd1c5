//! From Wi-Fi to cable in the middle of a call: the phone bar lives in a network namespace of its own with two interfaces,
//! and the one it talks over is taken away. How long is nothing heard?

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use crate::{
    common::{
        Home, Platform, Process,
        audio::{self, Recording},
        become_idle, headless_by, talking,
    },
    table::{Table, Target},
};

const FIGURE: &str = "network changed in a call (Wi-Fi to cable): sound back";
const BACK: Target = Target::most(2000.0, "ms");
const PLATFORM: &str = "10.231.0.1";
const TIMES: usize = 3;

pub fn measure(table: &mut Table) {
    let mut outages = Vec::new();
    for _ in 0..TIMES {
        let Some(world) = World::new() else {
            return table.not_measured(FIGURE, Some(BACK), "network namespaces need root and iproute2");
        };
        match outage(&world) {
            Some(outage) => outages.push(outage),
            None => return table.single(FIGURE, BACK, f64::INFINITY),
        }
    }
    table.ranked(FIGURE, Some(BACK), &outages, 95);
}

/// The longest silence in what was heard; none when the sound did not come back in 40 s.
fn outage(world: &World) -> Option<Duration> {
    let home = Home::new();
    let platform = Platform::start_on(&home, PLATFORM, &["--quiet"]);
    platform.configure_tone(&home, 1000.0);
    let client = world.phone_bar(&home, &platform);
    become_idle(&home);
    talking(&home, &platform, "tone:440");
    home.until("sound", |s| s["media"]["packets_received"].as_u64() > Some(200));
    world.take_wifi_away();
    std::thread::sleep(Duration::from_secs(3));
    let mut back = false;
    for _ in 0..40 {
        back = home.status()["media"]["level_out_dbfs"].as_f64() > Some(-20.0);
        if back {
            break;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    if !back {
        return None;
    }
    std::thread::sleep(Duration::from_secs(2));
    client.terminate();
    let ear = Recording::read(&home.path("ear.wav"));
    let (_, longest) = audio::gaps(ear.last_loud(60.0), ear.rate);
    Some(Duration::from_secs_f64(longest / 1000.0))
}

/// A namespace with "wifi" and "cable", both leading to the platform's address; wifi is preferred.
struct World {
    name: String,
}

impl World {
    fn new() -> Option<Self> {
        let world = Self { name: format!("wc{}", std::process::id()) };
        let name = &world.name;
        let lines = format!(
            "netns add {name}\n\
             link add {name}p type bridge\naddr add {PLATFORM}/32 dev {name}p\nlink set {name}p up\n\
             link add {name}w type veth peer name wifi netns {name}\n\
             link add {name}c type veth peer name cable netns {name}\n\
             addr add 10.231.1.1/24 dev {name}w\naddr add 10.231.2.1/24 dev {name}c\n\
             link set {name}w up\nlink set {name}c up\n\
             -n {name} link set lo up\n-n {name} addr add 10.231.1.2/24 dev wifi\n-n {name} addr add 10.231.2.2/24 dev cable\n\
             -n {name} link set wifi up\n-n {name} link set cable up\n\
             -n {name} route add {PLATFORM} via 10.231.1.1 metric 10\n-n {name} route add {PLATFORM} via 10.231.2.1 metric 20"
        );
        lines.lines().all(ip).then_some(world)
    }

    fn take_wifi_away(&self) {
        assert!(ip(&format!("link del {}w", self.name)), "the interface goes away");
    }

    fn phone_bar(&self, home: &Home, platform: &Platform) -> Process {
        headless_by(home, &platform.config, &["ip", "netns", "exec", &self.name])
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for end in ["p", "w", "c"] {
            ip(&format!("link del {}{end}", self.name));
        }
        ip(&format!("netns del {}", self.name));
    }
}

fn ip(line: &str) -> bool {
    Command::new("ip").args(line.split_whitespace()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
