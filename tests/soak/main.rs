//! A day's calls in a row, in real time: five hundred, of every kind, each tenth with a fault in it, by several phone
//! bars side by side. Nothing may be left of them but a line each in the journal.
//!
//! What was measured goes to `target/soak.md`. `SOAK_CALLS` makes it longer.

#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod calls;
#[allow(dead_code)]
#[path = "../fault_matrix/clock.rs"]
mod clock;
#[allow(dead_code)]
#[path = "../fault_matrix/disk.rs"]
mod disk;
#[allow(dead_code)]
#[path = "../fault_matrix/phases.rs"]
mod phases;
#[allow(dead_code)]
#[path = "../fault_matrix/rig.rs"]
mod rig;
#[allow(dead_code)]
#[path = "../fault_matrix/truth.rs"]
mod truth;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    task::JoinSet,
    time::sleep,
};

use self::{
    calls::{Faults, KINDS},
    phases::become_idle,
    rig::{Done, Rig, Wish},
};

/// Phone bars side by side.
const BARS: usize = 4;
/// Calls of all of them together.
const CALLS: usize = 500;
/// After so many calls of a bar everything that is made once is there.
const SETTLED: usize = 25;
/// How much more memory a bar may have at the end than then, KiB; its allocator keeps some for later.
const MEMORY_KIB: u64 = 4096;
/// How many more descriptors: kept connections come and go.
const FILES: usize = 3;

/// What a process holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    files: usize,
    threads: usize,
    children: usize,
    kib: u64,
}

fn held(rig: &Rig) -> Done<Held> {
    let pid = rig.client.as_ref().ok_or("no phone bar")?.pid().as_raw_nonzero();
    let count = |dir: &str| fs::read_dir(format!("/proc/{pid}/{dir}")).map_or(0, Iterator::count);
    let status = fs::read_to_string(format!("/proc/{pid}/status")).map_err(|error| error.to_string())?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    Ok(Held {
        files: count("fd"),
        threads: count("task"),
        children: children.split_whitespace().count(),
        kib: kib.ok_or("no size")?,
    })
}

/// The events about calls, as they came.
type Events = Arc<Mutex<Vec<String>>>;

/// Listens until the phone bar ends.
async fn listen(rig: &Rig) -> Done<Events> {
    let stream = rig.connect().await.map_err(|error| error.to_string())?;
    let (read, mut write) = stream.into_split();
    let params = json!({"events": ["callStarted", "callEnded"]});
    let line = json!({"jsonrpc": "2.0", "id": 1, "method": "Event.subscribe", "params": params});
    write.write_all(format!("{line}\n").as_bytes()).await.map_err(|error| error.to_string())?;
    let mut lines = BufReader::new(read).lines();
    // The first call must not begin before its events are asked for.
    let answer = lines.next_line().await.map_err(|error| error.to_string())?.ok_or("no answer")?;
    if !answer.contains("\"result\"") {
        return Err(answer);
    }
    let events = Events::default();
    let kept = events.clone();
    tokio::spawn(async move {
        // The socket is closed with this half.
        let _write = write;
        while let Ok(Some(line)) = lines.next_line().await {
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    });
    Ok(events)
}

/// One phone bar's row of calls; logs of both sides are kept if something is wrong.
async fn row(bar: usize, calls: usize, kept: PathBuf) -> Done<String> {
    let wish = Wish { scenario: "wrap_up_s = 0\n".into(), ear: rig::Ear::Unwritten, ..Wish::default() };
    let mut rig = Rig::new(wish).await?;
    rig.start_client()?;
    become_idle(&rig, 20.0).await?;
    let events = listen(&rig).await?;
    let result = whole_row(bar, calls, &mut rig, &events).await;
    if let Err(error) = &result {
        let events = events.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
        rig.keep(&kept.join(format!("{bar}")), &format!("{error}\n{events}")).await?;
    }
    result
}

/// What it held on the way and at the end.
async fn whole_row(bar: usize, calls: usize, rig: &mut Rig, events: &Events) -> Done<String> {
    let begun = Instant::now();
    let (mut made, mut settled) = (0, None);
    let mut faults = Faults::from(bar);
    let mut sizes = Vec::new();
    while made < calls {
        let kind = KINDS[(made + bar) % KINDS.len()];
        let result = match made % 10 == 9 {
            true => faults.strike(rig).await,
            false => calls::make(rig, kind, made % 5 == 0).await.map(|()| 1),
        };
        made += result.map_err(|error| format!("bar {bar}, call {made} ({kind:?}): {error}"))?;
        if settled.is_none() && made >= SETTLED.min(calls / 2) {
            settled = Some(held(rig)?);
        }
        if made % (calls / 5).max(1) == 0 {
            sizes.push(held(rig)?.kib);
        }
    }
    let took = begun.elapsed().as_secs_f64();
    let before = settled.ok_or("no call")?;
    let after = quiet(rig, before).await?;
    let journal = rig.ask("journal.list", json!({"limit": 1})).await?["found"].as_u64();
    let events = events.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let count = |name: &str| {
        let field = format!("\"eventName\":\"{name}\"");
        events.iter().filter(|event| event.contains(&field)).count()
    };
    let (started, ended) = (count("callStarted"), count("callEnded"));
    if (started, ended, journal) != (made, made, Some(made as u64)) {
        return Err(format!("bar {bar}: {made} calls, {started} started, {ended} ended, {journal:?} in the journal"));
    }
    let code = rig.client.take().ok_or("no phone bar")?.terminate().await?;
    if code != Some(0) {
        return Err(format!("bar {bar}: exit code {code:?}"));
    }
    Ok(format!(
        "| {bar} | {made} | {took:.0} s | {sizes:?} | {} -> {} | {} -> {} | {} -> {} |",
        before.kib, after.kib, before.files, after.files, before.threads, after.threads
    ))
}

/// What the phone bar holds once what the last call needed has been given back.
async fn quiet(rig: &Rig, before: Held) -> Done<Held> {
    let begun = Instant::now();
    loop {
        let after = held(rig)?;
        let files = after.files <= before.files + FILES;
        if files && after.threads <= before.threads && after.children == 0 && after.kib <= before.kib + MEMORY_KIB {
            return Ok(after);
        }
        if begun.elapsed() > Duration::from_secs(10) {
            return Err(format!("{before:?} became {after:?}"));
        }
        sleep(Duration::from_millis(100)).await;
    }
}

#[test]
fn five_hundred_calls_leave_nothing_behind_but_a_line_each() {
    let all = std::env::var("SOAK_CALLS").ok().and_then(|calls| calls.parse().ok()).unwrap_or(CALLS);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let begun = Instant::now();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory");
    let kept = target.join("soak");
    fs::remove_dir_all(&kept).ok();
    let mut rows: Vec<Done<String>> = runtime.block_on(async {
        let mut running = JoinSet::new();
        for bar in 0..BARS {
            running.spawn(row(bar, all / BARS, kept.clone()));
        }
        running.join_all().await
    });
    rows.sort();
    let mut text =
        String::from("| bar | calls | took | memory on the way, KiB | memory, KiB | descriptors | threads |\n");
    text.push_str("|---|---|---|---|---|---|---|\n");
    for row in &rows {
        text.push_str(row.as_ref().unwrap_or_else(|error| error));
        text.push('\n');
    }
    fs::write(target.join("soak.md"), &text).expect("the table is written");
    eprintln!("{text}{:.0} s", begun.elapsed().as_secs_f64());
    let wrong: Vec<&String> = rows.iter().filter_map(|row| row.as_ref().err()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
