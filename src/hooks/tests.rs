//! Hooks with real programs.

use std::{path::Path, time::Instant};

use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::domain::{EVENT_CATEGORIES, EVENT_NAMES, unknown_event};

fn event(seq: u64, name: &'static str, kind: &[&'static str], data: Value) -> Arc<PublishedEvent> {
    let (time, event_type, status) = (Timestamp::UNIX_EPOCH, kind.to_vec(), "客户来电".to_owned());
    Arc::new(PublishedEvent { seq, time, event_name: name, event_type, status, data })
}

fn ring(seq: u64) -> Arc<PublishedEvent> {
    event(seq, "phoneRingQueue", &["phone", "phoneRing"], json!({"Caller": "138&x", "QueId": 2, "dash": "-rf"}))
}

fn hooks(list: &[(&str, &[&str])]) -> Hooks {
    let run = |argv: &[&str]| HookAction::Run(argv.iter().map(|a| (*a).to_owned()).collect());
    let config = list.iter().map(|(event, argv)| ((*event).to_owned(), run(argv)));
    Hooks::new(&config.collect()).unwrap()
}

fn lines(file: &Path) -> Vec<String> {
    std::fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn arguments_are_filled_from_the_message() {
    let all = hooks(&[(
        "all",
        &["x", "{Caller}", "https://crm/?n={Caller}&q={QueId}", "{dash}", "{eventName} {status}", "{nothing}", "{seq}"],
    )]);
    let argv = all.hooks[0].argv(&ring(7));
    assert_eq!(argv, ["x", "138&x", "https://crm/?n=138%26x&q=2", "rf", "phoneRingQueue 客户来电", "", "7"]);
    assert!(Hooks::new(&BTreeMap::new()).is_none());
}

#[test]
fn a_hook_is_for_its_name_its_category_or_everything() {
    for (key, wanted) in [
        ("phoneRingQueue", true),
        ("phoneRing", true),
        ("phone", true),
        ("all", true),
        ("agent", false),
        ("phoneRingCalled", false),
    ] {
        assert_eq!(hooks(&[(key, &["x"])]).hooks[0].is_for(&ring(1)), wanted, "{key}");
    }
}

#[test]
fn mistyped_events_are_known_by_the_nearest() {
    for (typed, nearest) in
        [("phoneRingQue", "phoneRingQueue"), ("PHONERING", "phoneRing"), ("callended", "callEnded"), ("al", "all")]
    {
        assert_eq!(unknown_event(typed), Some(nearest), "{typed}");
    }
    for known in EVENT_NAMES.iter().chain(EVENT_CATEGORIES) {
        assert_eq!(unknown_event(known), None, "{known}");
    }
}

/// Every string literal that comes right after one of these in the sources.
fn literals_after(dir: &Path, marks: &[&str], found: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            literals_after(&path, marks, found);
        } else if path.extension().is_some_and(|e| e == "rs") && !path.to_string_lossy().contains("test") {
            let source = std::fs::read_to_string(&path).unwrap();
            for rest in marks.iter().flat_map(|mark| source.split(mark).skip(1)) {
                if let Some(literal) = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next()) {
                    found.push(literal.to_owned());
                }
            }
        }
    }
}

#[test]
fn every_event_that_is_published_can_be_named_in_the_config() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut published = Vec::new();
    literals_after(&src.join("app"), &["self.publish(", "if on { "], &mut published);
    assert!(published.len() > 8, "{published:?}");
    let mut of_the_platform = Vec::new();
    for (mt, key, values, more) in [
        (3, "PhoSta", 0..60, Some(("RingType", 0..6))),
        (4, "State", 0..20, None),
        (8, "Param", 0..5, None),
        (10, "Code", 0..20, None),
        (0, "x", 0..1, None),
        (6, "AgSta", 0..1, None),
        (7, "x", 0..1, None),
        (99, "x", 0..1, None),
    ] {
        for value in values {
            for ring in more.clone().map_or(0..1, |(_, rings)| rings) {
                let frame = json!({"MT": mt, key: value, "RingType": ring}).to_string();
                let push = crate::cti::push::parse(&frame).unwrap();
                of_the_platform.push(push.event_name.to_owned());
                of_the_platform.extend(push.event_type.iter().map(|kind| (*kind).to_owned()));
            }
        }
    }
    assert!(of_the_platform.len() > 100);
    for name in published.iter().chain(&of_the_platform) {
        assert_eq!(unknown_event(name), None, "{name}");
    }
}

#[tokio::test]
async fn the_event_is_json_on_standard_input_as_scripts_read_it() {
    let dir = tempfile::tempdir().unwrap();
    let (input, name) = (dir.path().join("input"), dir.path().join("name"));
    let script = format!("cat > '{}'; echo \"$WINCALL_EVENT\" > '{}'", input.display(), name.display());
    let (sender, events) = broadcast::channel(8);
    let running = hooks(&[("phoneRing", &["sh", "-c", &script])]).start(events);
    sender.send(ring(7)).unwrap();
    sender.send(event(8, "linkUp", &["link"], json!({}))).unwrap();
    until("the hook has run", || lines(&name) == ["phoneRingQueue"]).await;
    let told: Value = serde_json::from_str(&std::fs::read_to_string(&input).unwrap()).unwrap();
    assert_eq!(told, serde_json::to_value(&*ring(7)).unwrap());
    assert_eq!(told["data"]["Caller"], "138&x");
    running.finish(LAST).await;
}

#[tokio::test]
async fn never_more_than_four_at_once_and_what_finds_no_room_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let (begun, go) = (at("begun"), at("go"));
    // Each says that it has begun, and waits to be let go.
    let script = format!(
        "echo {{seq}} >> '{}'; while ! [ -e '{}' ]; do sleep 0.02; done; echo done >> '{}'",
        begun.display(),
        go.display(),
        at("done").display()
    );
    let (sender, events) = broadcast::channel(1024);
    let running = Hooks {
        limits: Limits { time: Duration::from_secs(60), ..LIMITS },
        ..hooks(&[("all", &["sh", "-c", &script])])
    }
    .start(events);
    for seq in 1..=100 {
        sender.send(ring(seq)).unwrap();
    }
    until("four have begun", || lines(&begun).len() == AT_ONCE).await;
    // Those that wait do not begin by themselves: were a fifth to begin, it would within this time.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(lines(&begun).len(), AT_ONCE);
    std::fs::write(&go, "").unwrap();
    until("the rest has run", || lines(&at("done")).len() >= WAITING).await;
    drop(sender);
    running.finish(LAST).await;
    let ran = lines(&at("done")).len();
    assert!((WAITING..=WAITING + AT_ONCE).contains(&ran), "{ran} of 100");
}

#[tokio::test]
async fn a_hook_that_hangs_holds_up_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let done = dir.path().join("done");
    let pop = format!("echo {{seq}} >> '{}'", done.display());
    let (sender, events) = broadcast::channel(1024);
    let all = hooks(&[("all", &["sleep", "1000"]), ("phoneRing", &["sh", "-c", &pop])]);
    // No end of the hanging one is waited for.
    let running = Hooks { limits: Limits { time: Duration::from_secs(900), ..LIMITS }, ..all }.start(events);
    for seq in 0..=(AT_ONCE + WAITING) as u64 {
        sender.send(event(seq, "linkUp", &["link"], json!({}))).unwrap();
    }
    sender.send(ring(100)).unwrap();
    until("the screen pop has run", || lines(&done) == ["100"]).await;
    running.finish(Duration::ZERO).await;
}

#[tokio::test]
async fn an_address_is_opened_apart_with_what_comes_from_outside_encoded() {
    let dir = tempfile::tempdir().unwrap();
    let (opened, stub) = (dir.path().join("opened"), dir.path().join("opener"));
    let config = [("phoneRing".to_owned(), HookAction::Open("https://crm.example/?n={Caller}".to_owned()))];
    let mut open = Hooks::new(&config.into()).unwrap();
    assert_eq!(open.hooks[0].argv(&ring(1)), ["xdg-open", "https://crm.example/?n=138%26x"]);
    let script = format!("echo \"$1\" > '{0}'; echo $$ >> '{0}'; exec sleep 1000\n", opened.display());
    std::fs::write(&stub, script).unwrap();
    open.hooks[0].program = "sh".to_owned();
    open.hooks[0].args.insert(0, Template::parse(&stub.display().to_string()));
    open.limits.time = Duration::from_millis(1);
    let (sender, events) = broadcast::channel(8);
    let running = open.start(events);
    sender.send(ring(1)).unwrap();
    until("it is open", || lines(&opened).len() == 2).await;
    running.finish(LAST).await;
    let told = lines(&opened);
    assert_eq!(told[0], "https://crm.example/?n=138%26x");
    let pid = rustix::process::Pid::from_raw(told[1].parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it outlives its time and the phone bar");
}

#[tokio::test]
async fn one_that_hangs_is_ended_after_its_time_and_the_next_one_runs() {
    let dir = tempfile::tempdir().unwrap();
    let done = dir.path().join("done");
    let (hang, next) = ("sleep 1000".to_owned(), format!("echo next > '{}'", done.display()));
    let (sender, events) = broadcast::channel(64);
    let limits = Limits { time: Duration::from_millis(300), ..LIMITS };
    let all = hooks(&[("linkUp", &["sh", "-c", &hang]), ("linkDown", &["sh", "-c", &next])]);
    let running = Hooks { limits, ..all }.start(events);
    for seq in 0..AT_ONCE as u64 {
        sender.send(event(seq, "linkUp", &["link"], json!({}))).unwrap();
    }
    sender.send(event(9, "linkDown", &["link"], json!({}))).unwrap();
    until("the next one has run", || lines(&done) == ["next"]).await;
    running.finish(LAST).await;
}

#[tokio::test]
async fn the_end_waits_for_the_last_ones_but_not_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let done = dir.path().join("done");
    let (sender, events) = broadcast::channel(64);
    let quick = format!("echo {{eventName}} >> '{}'", done.display());
    let running = hooks(&[("callEnded", &["sh", "-c", &quick])]).start(events);
    sender.send(event(1, "callEnded", &["call"], json!({}))).unwrap();
    running.finish(LAST).await;
    assert_eq!(lines(&done), ["callEnded"], "what had happened before the end is not lost");

    let running = hooks(&[("callEnded", &["sleep", "1000"])]).start(sender.subscribe());
    sender.send(event(1, "callEnded", &["call"], json!({}))).unwrap();
    let begun = Instant::now();
    running.finish(LAST).await;
    assert!(begun.elapsed() < Duration::from_secs(8));
}
