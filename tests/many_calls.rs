//! A long shift: call after call in one process leaves nothing behind.

#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, clippy::panic)]

use std::{
    fs,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use wincall_tui::{
    config::{AudioBackend, AudioConfig},
    softphone::{Event, MediaEvent, media::Media},
};

const CALLS: usize = 200;
/// After so many everything that is made once is there.
const SETTLED: usize = 40;

#[derive(Debug)]
struct Held {
    files: usize,
    threads: usize,
    kib: usize,
}

fn held() -> Held {
    let count = |dir: &str| fs::read_dir(dir).expect("the process looks at itself").count();
    let status = fs::read_to_string("/proc/self/status").expect("the process looks at itself");
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
    Held { files: count("/proc/self/fd"), threads: count("/proc/self/task"), kib: kib.expect("a size") }
}

struct Phone {
    media: Media,
    events: Arc<Mutex<Vec<MediaEvent>>>,
}

impl Phone {
    fn new() -> Self {
        let events: Arc<Mutex<Vec<MediaEvent>>> = Arc::default();
        let record = events.clone();
        let audio = AudioConfig { backend: AudioBackend::Null, ..AudioConfig::default() };
        let media = Media::start(
            audio,
            Arc::new(move |event| {
                if let Event::Media(event @ (MediaEvent::Up { .. } | MediaEvent::Closed)) = event {
                    record.lock().expect("no panic").push(event);
                }
            }),
        );
        Self { media, events }
    }

    async fn is_up(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.events.lock().expect("no panic").iter().any(|event| matches!(event, MediaEvent::Up { .. })) {
            assert!(Instant::now() < deadline, "the call does not come up");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn ends(&self, call_id: &str) {
        self.media.close(call_id).await;
        assert_eq!(self.events.lock().expect("no panic").drain(..).next_back(), Some(MediaEvent::Closed));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_calls_leave_no_socket_no_thread_and_no_memory_behind() {
    let (near, far) = (Phone::new(), Phone::new());
    let mut settled = None;
    for number in 0..CALLS {
        if number == SETTLED {
            settled = Some(held());
        }
        let call_id = format!("call-{number}");
        let offer = far.media.offer(&call_id, false).await.expect("an offer");
        let answer = near.media.answer(&call_id, &offer).await.expect("an answer");
        if number % 4 == 3 {
            // Given up before there is a path.
            assert!(near.media.answer(&call_id, "v=0\r\njunk").await.is_err());
        } else {
            far.media.accept_answer(&call_id, &answer).await.expect("our answer is good");
            near.is_up().await;
            far.is_up().await;
        }
        near.ends(&call_id).await;
        far.ends(&call_id).await;
    }
    let before = settled.expect("more calls than that");
    let deadline = Instant::now() + Duration::from_secs(5);
    let after = loop {
        let after = held();
        if (after.files <= before.files && after.threads <= before.threads) || Instant::now() > deadline {
            break after;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(after.files <= before.files && after.threads <= before.threads, "{before:?} became {after:?}");
    assert!(after.kib < before.kib + 4096, "{before:?} became {after:?}");
    near.media.shutdown().await;
    far.media.shutdown().await;
}
