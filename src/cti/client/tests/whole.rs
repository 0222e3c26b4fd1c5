//! Whole answers, head, framing and all, broken in every way, in pieces and slow: over a real socket.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::*;

/// What the server sends next.
#[derive(Clone, Debug, Default)]
struct Play {
    bytes: Vec<u8>,
    /// Between pieces.
    pause: Duration,
    /// Longest piece.
    piece: usize,
    /// The connection stays open after it.
    holds: bool,
}

type Stage = Arc<Mutex<Play>>;

/// Reads one request; false at the connection's end.
async fn asked(stream: &mut TcpStream) -> bool {
    let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return false,
            Ok(n) => seen.extend_from_slice(&buffer[..n]),
        }
        // Every request here is small, and its body is the agent's number alone.
        let text = String::from_utf8_lossy(&seen);
        if let Some((_, body)) = text.split_once("\r\n\r\n")
            && body == r#"{"agNo":"8001"}"#
        {
            return true;
        }
    }
}

async fn serve(mut stream: TcpStream, stage: Stage) {
    while asked(&mut stream).await {
        let play = std::mem::take(&mut *stage.lock().unwrap());
        for piece in play.bytes.chunks(play.piece.max(1)) {
            if stream.write_all(piece).await.is_err() {
                return;
            }
            if !play.pause.is_zero() {
                tokio::time::sleep(play.pause).await;
            }
        }
        if !play.holds {
            return;
        }
    }
}

fn good(words: &str) -> Play {
    let body = format!(r#"{{"code":0,"message":"{words}","data":null}}"#);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: keep-alive\r\n\r\n", body.len());
    Play { bytes: (head + &body).into_bytes(), pause: Duration::ZERO, piece: 4096, holds: true }
}

#[test]
fn fuzz_whole_http_replies() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let stage = Stage::default();
    let (listener, address) = runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    });
    let played = stage.clone();
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, played.clone()));
        }
    });
    let api = api(address);
    let count = std::cell::Cell::new(0u64);
    crate::fuzz::run("whole-http-replies", &["tests/corpora/http-wire"], |bytes| {
        count.set(count.get() + 1);
        let words = format!("answer {}", count.get());
        runtime.block_on(async {
            let way = bytes.len() % 4;
            *stage.lock().unwrap() = Play {
                bytes: bytes.to_vec(),
                pause: if way == 3 { Duration::from_millis(700) } else { Duration::ZERO },
                piece: if way >= 2 { bytes.len() / 5 + 1 } else { usize::MAX },
                holds: way % 2 == 1,
            };
            let begun = tokio::time::Instant::now();
            let got = api.send(&Request::Ready).await;
            assert!(begun.elapsed() <= TIME_LIMIT + Duration::from_millis(1), "{:?}", begun.elapsed());
            match got {
                Ok(reply) => assert!(!reply.message.contains("s3cr3t")),
                Err(error) => {
                    assert!(!format!("{error}{error:?}").contains("s3cr3t"), "{error}");
                    let said = error.message().render(Locale::ZhCn);
                    assert!(said.chars().count() < 1000 && !said.contains('\u{1b}'), "{said:?}");
                }
            }
            // Whatever that was, the next command gets its own answer, and nothing that was left over.
            *stage.lock().unwrap() = good(&words);
            let next = api.send(&Request::Busy { reason: None, check: None, name: None }).await;
            let next = next.map(|reply| reply.message);
            // What still comes of the last answer when the next command is sent spoils that one's answer: HTTP has no
            // numbers. It fails, and is told.
            let spoilt = way == 3 && next.is_err();
            assert!(spoilt || next.as_ref().is_ok_and(|got| *got == words), "{next:?} instead of {words}");
        });
    });
}
