use std::{
    path::Path,
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering},
};

use serde_json::Value;

use super::*;
use crate::{
    app::Effect,
    config::load,
    domain::{AgentState, CallPhase},
    sim::{Options, Platform},
};

/// Calls that the platform knows of.
async fn calls(platform: &Platform) -> usize {
    let url = format!("{}/calls", platform.ready().admin.trim_end_matches('/'));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let calls: Value = client.get(url).send().await.unwrap().json().await.unwrap();
    calls.as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_screen_that_fails_in_a_call_ends_it_in_order() {
    crate::net::tls::install_provider();
    for panics in [true, false] {
        let platform = Platform::start(Options::default()).await.unwrap();
        let set = [("audio.backend".to_owned(), "null".to_owned())];
        let mut config = load::from_str(&platform.client_config(), Path::new("test"), &set).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        config.control.path = Some(at("control"));
        let paths = Paths { config_dir: at("config"), state_dir: at("state"), runtime_dir: at("run") };
        let manner = Manner { locale: Locale::En, headless: false, demo: true };
        let talked = AtomicBool::new(false);
        let ended = AssertUnwindSafe(shown_by(config, &manner, &paths, None, async |handle, _, _| {
            let mut snapshots = handle.snapshots();
            snapshots.wait_for(|s| s.agent.state == AgentState::Idle).await.unwrap();
            let number = "13912345678".to_owned();
            let dial = Command::Dial { number, caller_id: None, queue_id: None, user_data: None };
            handle.ask(dial).await.unwrap();
            snapshots.wait_for(|s| s.call.phase == CallPhase::Talking).await.unwrap();
            assert_eq!(calls(&platform).await, 1);
            talked.store(true, Ordering::SeqCst);
            assert!(!panics, "the screen fails");
            Err(UiError::Terminal(std::io::Error::other("the screen fails")))
        }))
        .catch_unwind()
        .await;
        match &ended {
            Ok(ended) => assert_eq!(ended.as_ref().unwrap_err().exit_code, 1),
            Err(_) => assert!(panics, "a panic goes on to the end of the program"),
        }
        assert!(talked.load(Ordering::SeqCst), "it failed before that");
        // Nobody is left in silence: the far end has its BYE before the program is gone.
        assert_eq!(calls(&platform).await, 0, "panics: {panics}");
        platform.stop().await;
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
