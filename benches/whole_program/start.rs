//! From the start of the program to the first frame, and to being signed in; and the size of what is started.

use std::{fs, net::TcpListener, time::Duration};

use crate::{
    common::{Home, PROGRAM},
    screen::Screen,
    setting::{self, LOG},
    table::{Table, Target},
};

const TIMES: usize = 20;
const FIRST_FRAME: Target = Target::new(30.0, 15.0, "ms");
const SIGNED_IN: Target = Target::new(200.0, 100.0, "ms");

pub fn measure(table: &mut Table) {
    let (mut frames, mut sign_ins) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        // A new home and a new platform each time: nothing is remembered, nobody is signed in already.
        let home = Home::new();
        let platform = setting::platform(&home);
        let mut screen = Screen::start(&home, &platform.config, LOG);
        frames.push(first_frame(&mut screen));
        let signed_in = screen.next("ready", |text| text.contains("● ready"));
        sign_ins.push(signed_in - screen.begun);
        screen.stop();
        platform.stop();
    }
    table.median("start to first full frame", FIRST_FRAME, &frames);
    table.median("the same, hosts that never answer", FIRST_FRAME, &dead(Dead::Silent));
    table.median("the same, hosts that refuse", FIRST_FRAME, &dead(Dead::Refusing));
    table.median("start to signed in, on the screen", SIGNED_IN, &sign_ins);
}

/// From the start to the first frame with the bar above and the keys below.
fn first_frame(screen: &mut Screen) -> Duration {
    let first = screen.next("the first frame", |_| true);
    let text = screen.text();
    assert!(text.contains("8001") && text.contains("q quit"), "not a full frame:\n{text}");
    first - screen.begun
}

enum Dead {
    Silent,
    Refusing,
}

/// The first frame while every connection hangs (the port takes connections and nobody serves them) or is refused.
fn dead(how: Dead) -> Vec<Duration> {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let _held = match how {
        Dead::Silent => Some(listener),
        Dead::Refusing => None,
    };
    let config = home.path("dead.toml");
    let text = format!(
        "token = \"Bearer t\"\nag_no = \"8001\"\nagent_phone = \"9001\"\nwebrtc = true\nwebsocket = true\n\
         init_with_login = true\nsip_uri = \"x.example\"\nsip_ws_server = \"ws://{address}\"\n\
         api_server = \"http://{address}\"\nws_server = \"ws://{address}\"\n[audio]\nbackend = \"null\"\n"
    );
    fs::write(&config, text).expect("a config file");
    let times = (0..TIMES).map(|_| {
        let mut screen = Screen::start(&home, &config, LOG);
        let first = first_frame(&mut screen);
        screen.stop();
        first
    });
    times.collect()
}

pub fn size(table: &mut Table) {
    let bytes = fs::metadata(PROGRAM).expect("the program").len();
    let target = Target::most(12.0, "MB");
    table.single("release binary, stripped", target, bytes as f64 / 1e6);
}
