//! Sound on this side of the network: devices, files, tones, codecs, jitter buffer, meters.
//!
//! Knows RTP payloads, sequence numbers and timestamps; knows nothing of sockets, SDP or SIP.
//!
//! This is a stand-in: it sends silence every 20 ms and counts what comes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::{
    config::{AudioConfig, Codec},
    softphone::{Event, Tone},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallFormat {
    pub codec: Codec,
    pub payload_type: u8,
}

#[derive(Clone, Debug)]
pub struct RtpOut {
    pub payload_type: u8,
    pub timestamp: u32,
    pub marker: bool,
    pub payload: Bytes,
}

#[derive(Clone, Debug)]
pub struct RtpIn {
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub marker: bool,
    pub payload: Bytes,
    pub arrived: Instant,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quality {
    pub jitter_ms: f32,
    pub loss_pct: f32,
    pub packets_received: u64,
    pub concealed_pct: f32,
    pub buffer_ms: f32,
}

pub struct AudioEngine {
    on_event: Arc<dyn Fn(Event) + Send + Sync>,
}

impl AudioEngine {
    pub fn start(_config: AudioConfig, on_event: Arc<dyn Fn(Event) + Send + Sync>) -> AudioEngine {
        AudioEngine { on_event }
    }

    pub fn open_call(&self, format: CallFormat, rtp_out: mpsc::Sender<RtpOut>) -> CallAudio {
        let sending = Arc::new(AtomicBool::new(true));
        let send = sending.clone();
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(20));
            let mut timestamp = 0u32;
            loop {
                ticks.tick().await;
                timestamp = timestamp.wrapping_add(160);
                let payload = Bytes::from_static(&[0xd5; 160]);
                let packet = RtpOut { payload_type: format.payload_type, timestamp, marker: false, payload };
                if send.load(Relaxed) && rtp_out.try_send(packet).is_err() && rtp_out.is_closed() {
                    return;
                }
            }
        });
        CallAudio { received: AtomicU64::new(0), sending, task }
    }

    pub fn set_muted(&self, muted: bool) {
        (self.on_event)(Event::Muted(muted));
    }

    pub fn set_held(&self, _held: bool) {}

    pub fn play(&self, _tone: Option<Tone>) {}

    pub fn prove_devices(&self) {}

    #[allow(clippy::unused_async)]
    pub async fn shutdown(self) {}
}

pub struct CallAudio {
    received: AtomicU64,
    sending: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl CallAudio {
    pub fn receive(&self, _packet: RtpIn) {
        self.received.fetch_add(1, Relaxed);
    }

    pub fn set_format(&self, _format: CallFormat) {}

    pub fn set_direction(&self, send: bool, _receive: bool) {
        self.sending.store(send, Relaxed);
    }

    pub fn quality(&self) -> Quality {
        Quality { packets_received: self.received.load(Relaxed), ..Quality::default() }
    }
}

impl Drop for CallAudio {
    fn drop(&mut self) {
        self.task.abort();
    }
}
