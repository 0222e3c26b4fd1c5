//! A platform gone mad: 5,000 pushed messages a second for a minute. The keys must answer as ever, the memory must stay,
//! and the newest state must be what is shown.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    common::{Home, proxy::Proxy},
    cost::pss_mb,
    latency,
    setting::{self, LOG},
    table::{Table, Target, short},
};

const A_SECOND: u32 = 5000;
const LASTS: Duration = Duration::from_secs(60);
/// Sent together, so that timers need not be finer than they are.
const AT_ONCE: u32 = 25;

pub fn measure(table: &mut Table) {
    let home = Home::new();
    let platform = setting::platform(&home);
    let link = Proxy::in_config(&platform, "ws_server");
    platform.configure("audio", &[("backend", json!("null"))]);
    let mut screen = setting::ready(&home, &platform, LOG);
    let before = pss_mb(screen.pid());
    let mut most = before;
    let mut keys = Vec::new();
    let mut sent = 0u32;
    let took = std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let begun = Instant::now();
            let mut n = 0;
            while begun.elapsed() < LASTS {
                let due = begun + Duration::from_secs(1) * n / A_SECOND;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                for _ in 0..AT_ONCE {
                    n += 1;
                    // Busy, ready, busy: each a change of state.
                    link.push(&format!(r#"{{"MT":4,"State":"{}"}}"#, 1 + n % 2));
                }
            }
            (n, begun.elapsed())
        });
        while !flood.is_finished() {
            keys.extend(latency::keys(&mut screen, 20));
            most = most.max(pss_mb(screen.pid()));
        }
        let (n, took) = flood.join().expect("the flood ends");
        sent = n;
        took
    });
    // A state that the flood never had.
    let over = Instant::now();
    link.push(r#"{"MT":4,"State":"5","WaitTime":30}"#);
    screen.until("the newest state", |text| text.contains("wrap-up"));
    let caught_up = over.elapsed();
    let rate = f64::from(sent) / took.as_secs_f64();
    table.ranked("key to changed cell, 5,000 pushes a second", Some(Target::most(20.0, "ms")), &keys, 99);
    let growth = format!("from {} MB; {} pushes, {} a second", short(before), sent, short(rate));
    table.single("memory gained in a minute of it", Target::most(10.0, "MB"), most - before);
    table.told("the same", growth);
    table.single("newest state shown after it ends", Target::most(100.0, "ms"), caught_up.as_secs_f64() * 1000.0);
    screen.stop();
}
