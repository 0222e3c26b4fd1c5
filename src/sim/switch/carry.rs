//! The tasks that carry a leg's frames to packets and back.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rtc::rtp;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::RTCPeerConnectionState;

use super::codec::{Codec, Speaker};
use super::faults::{HEADERS, Line, SharedFaults, current};
use super::mixer::Port;
use super::sound::{Frame, locked};

/// What the leg hears; whoever sends it holds it.
pub(super) type Frames = Arc<tokio::sync::Mutex<mpsc::Receiver<Frame>>>;

/// What a sending task needs once the codec is known.
pub(super) struct Sending {
    pub track: Arc<TrackLocalStaticRTP>,
    pub ssrc: u32,
    pub frames: Frames,
}

/// Carries packets from the client to the leg's jitter buffer until the track ends.
pub(super) async fn receive(track: Arc<dyn TrackRemote>, port: Port, faults: SharedFaults) {
    let mut line: Line<rtp::Packet> = Line::new(Instant::now());
    loop {
        let event = tokio::select! {
            event = track.poll() => Some(event),
            () = due(&line) => None,
        };
        let now = Instant::now();
        match event {
            Some(Some(TrackRemoteEvent::OnRtpPacket(packet))) => {
                let bytes = packet.payload.len() + HEADERS;
                line.push(now, packet, bytes, &current(&faults).from_agent);
            }
            Some(Some(_)) | None => {}
            Some(None) => return,
        }
        while let Some(packet) = line.pop(now) {
            port.packets_in.fetch_add(1, Ordering::Relaxed);
            locked(&port.arrivals).note(now);
            if current(&faults).reflect {
                port.reflected.push(packet.clone());
            }
            let header = packet.header;
            locked(&port.inbound).push(header.ssrc, header.payload_type, header.sequence_number, packet.payload);
        }
    }
}

/// Waits for the line's next packet, for ever if there is none.
async fn due<T: Clone>(line: &Line<T>) {
    match line.next_due() {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// The codec state of the sending direction.
pub(super) struct Stream {
    pub payload_type: u8,
    pub codec: Codec,
    pub speaker: Speaker,
}

/// Carries frames from the mixer to the client until the leg ends.
pub(super) async fn send(
    sending: Sending,
    mut stream: Stream,
    port: Port,
    faults: SharedFaults,
    state: watch::Receiver<RTCPeerConnectionState>,
) {
    let mut line: Line<rtp::Packet> = Line::new(Instant::now());
    let mut sequence: u16 = rand::random_range(0..0x8000);
    let mut timestamp: u32 = rand::random();
    let mut first = true;
    let mut frames = sending.frames.lock().await;
    loop {
        let frame = tokio::select! {
            frame = frames.recv() => Some(frame),
            mut packet = port.reflected.next() => {
                let header = &mut packet.header;
                (header.ssrc, header.sequence_number, header.extension) = (sending.ssrc, sequence, false);
                sequence = sequence.wrapping_add(1);
                let bytes = packet.payload.len() + HEADERS;
                line.push(Instant::now(), packet, bytes, &current(&faults).to_agent);
                None
            }
            () = due(&line) => None,
        };
        match frame {
            Some(Some(_)) if current(&faults).reflect => {}
            Some(None) => return,
            // Before DTLS is up a packet could only be thrown away.
            Some(Some(frame)) if *state.borrow() == RTCPeerConnectionState::Connected => {
                if let Some(payload) = stream.speaker.encode(&frame) {
                    let header = rtp::Header {
                        version: 2,
                        marker: std::mem::take(&mut first),
                        payload_type: stream.payload_type,
                        sequence_number: sequence,
                        timestamp,
                        ssrc: sending.ssrc,
                        ..rtp::Header::default()
                    };
                    let bytes = payload.len() + HEADERS;
                    let packet = rtp::Packet { header, payload: payload.into() };
                    line.push(Instant::now(), packet, bytes, &current(&faults).to_agent);
                    sequence = sequence.wrapping_add(1);
                }
                timestamp = timestamp.wrapping_add(stream.codec.ticks());
            }
            Some(Some(_)) | None => {}
        }
        while let Some(packet) = line.pop(Instant::now()) {
            port.packets_out.fetch_add(1, Ordering::Relaxed);
            if let Err(error) = sending.track.write_rtp(packet).await {
                tracing::debug!(%error, "sending to a leg");
                return;
            }
        }
    }
}
