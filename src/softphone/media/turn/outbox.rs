//! What waits to go to a TURN server over a stream: requests, each once, and a little sound, the newest.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::Notify;

use super::framing::{Kind, TransactionId, framed};

/// Packets of sound that may wait, 20 ms each: more would only come too late.
const MEDIA: usize = 12;

/// Requests that may wait; a call has two or three at a time.
const REQUESTS: usize = 32;

/// Requests that are remembered once they are sent: of each, copies follow for some seconds.
const SENT: usize = 64;

/// Filled by the connection's socket, emptied by the stream. Never blocks whoever fills it.
#[derive(Debug, Default)]
pub struct Outbox {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    requests: VecDeque<(TransactionId, Bytes)>,
    media: VecDeque<Bytes>,
    /// A stream gets no request twice: it loses none, and the server would answer the copy with an error (RFC 8489 6.2.2).
    sent: VecDeque<TransactionId>,
    /// There is a stream. Without one, only an Allocate is worth opening it: everything else belongs to an allocation that
    /// has ended with the last one.
    open: bool,
    /// Nothing comes any more.
    closed: bool,
}

impl Outbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A datagram for the server.
    pub fn push(&self, datagram: &[u8]) {
        let Some((kind, message)) = framed(datagram) else { return };
        let state = &mut *self.state();
        match kind {
            Kind::Request { id, allocate } if state.open || allocate => {
                let known = state.sent.contains(&id) || state.requests.iter().any(|(other, _)| *other == id);
                if known {
                    return;
                }
                keep_newest(&mut state.requests, REQUESTS, (id, message));
            }
            Kind::Media if state.open => keep_newest(&mut state.media, MEDIA, message),
            Kind::Request { .. } | Kind::Media => return,
        }
        self.changed.notify_one();
    }

    /// Nothing comes any more; what is there is still sent.
    pub fn close(&self) {
        self.state().closed = true;
        self.changed.notify_one();
    }

    /// Waits until a stream is needed; `false` if none will be.
    pub async fn needs_stream(&self) -> bool {
        loop {
            {
                let state = self.state();
                if state.closed {
                    return false;
                }
                if !state.requests.is_empty() {
                    return true;
                }
            }
            self.changed.notified().await;
        }
    }

    /// There is a stream.
    pub fn open(&self) {
        let state = &mut *self.state();
        state.open = true;
        state.sent.clear();
    }

    /// The stream is no more, and with it what it was for.
    pub fn broken(&self) {
        let state = &mut *self.state();
        *state = State { closed: state.closed, ..State::default() };
    }

    /// The next message, requests first; none at the end.
    pub async fn next(&self) -> Option<Bytes> {
        loop {
            {
                let state = &mut *self.state();
                if let Some((id, message)) = state.requests.pop_front() {
                    keep_newest(&mut state.sent, SENT, id);
                    return Some(message);
                }
                if let Some(message) = state.media.pop_front() {
                    return Some(message);
                }
                if state.closed {
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }
}

/// Appends; the oldest make room.
fn keep_newest<T>(queue: &mut VecDeque<T>, most: usize, item: T) {
    while queue.len() >= most {
        queue.pop_front();
    }
    queue.push_back(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(kind: u16, id: u8) -> Vec<u8> {
        let mut message = kind.to_be_bytes().to_vec();
        message.extend_from_slice(b"\0\0\x21\x12\xa4\x42");
        message.extend_from_slice(&[id; 12]);
        message
    }

    fn sound(number: u8) -> Vec<u8> {
        vec![0x40, 0, 0, 4, number, 0, 0, 0]
    }

    async fn all(outbox: &Outbox) -> Vec<u8> {
        outbox.close();
        let mut all = Vec::new();
        while let Some(message) = outbox.next().await {
            all.push(if message.len() == 20 { message[8] } else { message[4] });
        }
        all
    }

    #[tokio::test]
    async fn without_a_stream_only_an_allocate_counts() {
        let outbox = Outbox::default();
        for other in [sound(1), request(0x0004, 2), request(0x0008, 3)] {
            outbox.push(&other);
        }
        outbox.push(&request(0x0003, 4));
        assert!(outbox.needs_stream().await);
        assert_eq!(all(&outbox).await, [4]);
        assert!(!outbox.needs_stream().await);
    }

    #[tokio::test]
    async fn a_request_goes_out_once_on_each_stream() {
        let outbox = Outbox::default();
        let allocate = request(0x0003, 1);
        outbox.push(&allocate);
        outbox.push(&allocate);
        outbox.open();
        assert!(outbox.next().await.is_some());
        outbox.push(&allocate);
        outbox.push(&request(0x0008, 2));
        assert_eq!(outbox.next().await.unwrap()[8], 2, "the copy is not sent");
        outbox.push(&sound(3));
        outbox.broken();
        outbox.push(&sound(4));
        outbox.push(&allocate);
        assert_eq!(all(&outbox).await, [1], "a new stream has not seen it, and the sound was for the old one");
    }

    #[tokio::test]
    async fn a_stream_that_is_too_slow_gets_the_newest_sound_and_every_request() {
        let outbox = Outbox::default();
        outbox.open();
        for number in 0..100 {
            outbox.push(&sound(number));
        }
        outbox.push(&request(0x0008, 200));
        let expected: Vec<u8> = [200].into_iter().chain(88..100).collect();
        assert_eq!(all(&outbox).await, expected);
    }

    #[tokio::test]
    async fn requests_do_not_fill_the_memory() {
        let outbox = Outbox::default();
        outbox.open();
        for id in 0..=255 {
            outbox.push(&request(0x0004, id));
        }
        assert_eq!(all(&outbox).await.len(), REQUESTS);
    }
}
