//! Whole connections to the control socket: any bytes in any pieces, a client that reads, one that does not, one that
//! goes.

use serde_json::Value;
use tokio::sync::mpsc;

use super::*;
use crate::{app::Asked, i18n::Locale, ui::fixtures};

/// Longer than everything a connection may wait for.
const LONG: Duration = Duration::from_secs(600);

/// Answers commands as an actor would: some at once, some late, some only by its end.
async fn answer_all(mut asked: mpsc::Receiver<Asked>) {
    let mut count = 0;
    while let Some(Asked { reply, .. }) = asked.recv().await {
        count += 1;
        let Some(reply) = reply else { continue };
        match count % 3 {
            0 => drop(reply.send(Ok(Value::Null))),
            1 => drop(reply),
            _ => drop(tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(3)).await;
                reply.send(Ok(Value::Bool(true))).ok();
            })),
        }
    }
}

#[test]
fn fuzz_control_connections() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let snapshot = Arc::new(fixtures::in_charge(Locale::ZhCn));
    crate::fuzz::run("control-connections", &["tests/corpora/control", "tests/corpora/control-wire"], |bytes| {
        runtime.block_on(async {
            let (commands, asked) = mpsc::channel(16);
            let (publish, snapshots) = watch::channel(snapshot.clone());
            let events = broadcast::channel(8).0;
            let handle = Handle::new(commands, snapshots, events.clone());
            let actor = tokio::spawn(answer_all(asked));
            let (ours, theirs) = UnixStream::pair().unwrap();
            let served = tokio::spawn(serve(theirs, handle));
            let (mut reader, mut writer) = ours.into_split();
            let way = bytes.len() % 5;
            // One line may be longer than any that is read.
            let times = if way == 4 { 4 } else { 1 };
            let (piece, pause) = (bytes.len() / 6 + 1, Duration::from_millis(if way == 1 { 300 } else { 0 }));
            let input = bytes.to_vec();
            let told = publish.clone();
            let write = tokio::spawn(async move {
                for piece in input.repeat(times).chunks(piece) {
                    // It may have had enough.
                    if writer.write_all(piece).await.is_err() {
                        break;
                    }
                    told.send_modify(|_| {});
                    tokio::time::sleep(pause).await;
                }
                writer.shutdown().await.ok();
            });
            let mut said = Vec::new();
            match way {
                // Reads nothing, and is left.
                2 => tokio::time::sleep(2 * WRITE_DEADLINE).await,
                // Goes in the middle.
                3 => tokio::time::sleep(Duration::from_millis(1)).await,
                _ => {
                    let all = timeout(LONG, reader.read_to_end(&mut said)).await;
                    assert!(all.is_ok(), "it does not end");
                }
            }
            drop(reader);
            write.abort();
            // Whoever still waits for the actor is answered when that ends.
            actor.abort();
            drop(publish);
            assert!(timeout(LONG, served).await.is_ok_and(|served| served.is_ok()), "it does not end well");
            for line in said.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let line: Value = serde_json::from_slice(line).expect("every line is JSON");
                assert_eq!(line["jsonrpc"], "2.0");
                assert!(line.get("result").is_some() || line.get("error").is_some() || line.get("method").is_some());
            }
        });
    });
}
