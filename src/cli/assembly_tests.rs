use std::{
    path::Path,
    process::{Command as Program, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::Value;

use super::*;
use crate::{
    app::{Effect, SipState, Snapshot},
    config::load,
    domain::{AgentState, CallPhase},
    sim::{Options, Platform},
};

/// How the played screen fails.
const MODE: &str = "WINCALL_FAILING_SCREEN";
/// The directory of the played phone bar.
const PLACE: &str = "WINCALL_FAILING_PLACE";
/// What the played phone bar says in the call.
const TALKED: &str = "the screen fails in a call";

/// Calls that the platform knows of.
async fn calls(platform: &Platform) -> usize {
    let url = format!("{}/calls", platform.ready().admin.trim_end_matches('/'));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let calls: Value = client.get(url).send().await.unwrap().json().await.unwrap();
    calls.as_array().unwrap().len()
}

/// A phone bar whose screen fails in a call, played when the other test starts this one in a process of its own: a phone
/// bar that ends takes its process with it.
#[test]
fn child() {
    let (Ok(mode), Ok(place)) = (std::env::var(MODE), std::env::var(PLACE)) else { return };
    let at = |name: &str| Path::new(&place).join(name);
    let set = [("audio.backend".to_owned(), "null".to_owned())];
    let mut config =
        load::from_str(&std::fs::read_to_string(at("client.toml")).unwrap(), Path::new("test"), &set).unwrap();
    config.control.path = Some(at("control"));
    let paths = Paths { config_dir: at("config"), state_dir: at("state"), runtime_dir: at("run") };
    let manner = Manner { locale: Locale::En, headless: false, demo: true };
    let ended = run(shown_by(config, &manner, &paths, None, async |handle, _, _| {
        let mut snapshots = handle.snapshots();
        // The phone and the sign-in are two connections: either may be first.
        let registered = |s: &Arc<Snapshot>| s.sip.state == SipState::Registered;
        snapshots.wait_for(|s| s.agent.state == AgentState::Idle && registered(s)).await.unwrap();
        let number = "13912345678".to_owned();
        let dial = Command::Dial { number, caller_id: None, queue_id: None, user_data: None };
        handle.ask(dial).await.unwrap();
        snapshots.wait_for(|s| s.call.phase == CallPhase::Talking).await.unwrap();
        eprintln!("{TALKED}");
        assert_ne!(mode, "panic", "the screen fails");
        Err(UiError::Terminal(std::io::Error::other("the screen fails")))
    }));
    assert_eq!(ended.unwrap_err().exit_code, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_screen_that_fails_in_a_call_ends_it_in_order() {
    crate::net::tls::install_provider();
    for mode in ["panic", "error"] {
        let platform = Platform::start(Options::default()).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("client.toml"), platform.client_config()).unwrap();
        let mut program = Program::new(std::env::current_exe().unwrap());
        program.args(["--exact", "cli::assembly::tests::child", "--nocapture", "--test-threads=1"]);
        program.env(MODE, mode).env(PLACE, dir.path()).stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || program.output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(TALKED), "it failed before that: {said}");
        assert_eq!(output.status.success(), mode == "error", "{said}");
        // Nobody is left in silence: the far end had its BYE before the program was gone.
        assert_eq!(calls(&platform).await, 0, "{mode}");
        platform.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_libraries_write_to_standard_error_never_fills_a_disk() {
    use std::io::Write;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stderr.log");
    let size = || std::fs::metadata(&path).unwrap().len();
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&path).unwrap();
    let keeper = tokio::spawn(keep_small(path.clone()));
    let line = vec![b'x'; 256 * 1024];
    for _ in 0..20 {
        file.write_all(&line).unwrap();
        let before = size();
        // What it does with the file takes place in a thread: time goes on by itself until that is done.
        tokio::time::sleep(STDERR_LOOK).await;
        while before > STDERR_MOST && size() >= before {
            tokio::time::sleep(STDERR_LOOK).await;
        }
        assert!(size() <= STDERR_MOST);
    }
    keeper.abort();
    file.write_all(b"last").unwrap();
    assert!(std::fs::read(&path).unwrap().ends_with(b"last"));
}

#[tokio::test]
async fn a_screen_that_loses_its_program_leaves_the_word_to_it() {
    let config = "token = \"Bearer t\"\nag_no = \"8001\"\nagent_phone = \"9001\"\n";
    let config = load::from_str(config, Path::new("test"), &[]).unwrap();
    for (why, exit_code, said) in [
        (Err(CliError::usage("the token command failed")), 2, "the token command failed"),
        // It never does so; if it did, there would be nothing better to say.
        (Ok(()), 1, "the program behind the screen has stopped"),
    ] {
        let (_events, received) = mpsc::unbounded_channel();
        let (_, handle) = Actor::new(Profile::new(&config, Locale::En, None, Remembered::default()), received);
        // The screen is first to see it.
        let mut actor = tokio::spawn(async move { why });
        let shown = screen(async { Err(UiError::ProgramGone) }, &handle, &mut actor, Locale::En).await;
        let Shown::ProgramEnded(Err(error)) = shown else { panic!("no end with a reason") };
        assert!(error.exit_code == exit_code && error.message.contains(said), "{error:?}");
    }
}

#[tokio::test]
async fn an_actor_that_fails_leaves_a_world_that_is_closed() {
    struct Failing;
    impl World for Failing {
        fn carry_out(&mut self, _: Effect) {
            panic!("a part of the actor fails");
        }
    }
    let (_events, received) = mpsc::unbounded_channel();
    let platform = Platform::start(Options::default()).await.unwrap();
    let config = load::from_str(&platform.client_config(), Path::new("test"), &[]).unwrap();
    let profile = Profile::new(&config, Locale::En, None, Remembered::default());
    let (actor, _handle) = Actor::new(profile, received);
    let closed = Arc::new(AtomicBool::new(false));
    let close = {
        let closed = closed.clone();
        move |_| async move { closed.store(true, Ordering::SeqCst) }
    };
    assert!(to_the_end(actor, Failing, close).await.is_err());
    assert!(closed.load(Ordering::SeqCst), "the softphone would not say BYE");
    platform.stop().await;
}

#[test]
fn programs_and_threads_for_slow_files_run_as_others_do_although_the_workers_are_raised() {
    let nice = |thread| rustix::process::getpriority_process(thread).unwrap();
    let usual = nice(Some(rustix::process::getpid()));
    let limits = crate::process::Limits { time: Duration::from_secs(20), output: 100 };
    runtime().unwrap().block_on(async {
        // On a worker, as hooks are.
        let program = tokio::spawn(async move { crate::process::run(&["nice".to_owned()], &[], b"", limits).await });
        let said = program.await.unwrap().unwrap().output;
        assert_eq!(String::from_utf8_lossy(&said).trim(), usual.to_string(), "a program");
        let slow = tokio::spawn(async move { tokio::task::spawn_blocking(move || nice(None)).await });
        assert_eq!(slow.await.unwrap().unwrap(), usual, "a thread for slow files");
    });
}
