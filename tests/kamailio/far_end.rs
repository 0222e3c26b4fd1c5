//! The customer's sound: RTP with A-law at one port. Says 440 Hz at -12 dBFS to whoever sends to it, and keeps what it
//! hears with the time. Shares no codec with the phone.

use std::{
    f64::consts::TAU,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// Samples per second.
pub const RATE: u32 = 8_000;
const HZ: f64 = 440.0;
const AMPLITUDE: f64 = 0.251_188_643_150_958; // -12 dBFS
const FRAME: usize = 160;
const A_LAW: u8 = 8;
const EVENT: u8 = 101;

type Heard = Arc<Mutex<Vec<(Instant, Vec<f64>)>>>;

pub struct FarEnd {
    pub port: u16,
    heard: Heard,
    key: Arc<AtomicBool>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FarEnd {
    pub fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let port = socket.local_addr().expect("its address").port();
        let (heard, key, end) = (Heard::default(), Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let thread = std::thread::spawn({
            let (heard, key, end) = (heard.clone(), key.clone(), end.clone());
            move || talk(&socket, &heard, &key, &end)
        });
        Self { port, heard, key, end, thread: Some(thread) }
    }

    /// Presses a key of the telephone for 100 ms (RFC 4733): events in place of sound.
    pub fn press(&self) {
        self.key.store(true, Ordering::Relaxed);
    }

    /// What came in between two moments, packet by packet, end to end.
    pub fn heard(&self, from: Instant, to: Instant) -> Vec<f64> {
        let heard = self.heard.lock().expect("the recording");
        heard.iter().filter(|(at, _)| (from..to).contains(at)).flat_map(|(_, sound)| sound.iter().copied()).collect()
    }

    /// The longest time without a packet between two moments.
    pub fn longest_pause(&self, from: Instant, to: Instant) -> Duration {
        let heard = self.heard.lock().expect("the recording");
        let times = heard.iter().map(|(at, _)| *at).filter(|at| (from..to).contains(at));
        let times: Vec<Instant> = std::iter::once(from).chain(times).chain([to]).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).max().expect("two times")
    }
}

impl Drop for FarEnd {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // If it panicked, the test has failed by what it did not hear.
            thread.join().ok();
        }
    }
}

fn talk(socket: &UdpSocket, heard: &Heard, key: &AtomicBool, end: &AtomicBool) {
    let decoded: Vec<f64> = (0..=255).map(a_law).collect();
    let tone: Vec<u8> = (0..RATE)
        .map(|n| AMPLITUDE * (TAU * HZ * f64::from(n) / f64::from(RATE)).sin())
        .map(|wanted| {
            let distance = |code: &u8| (decoded[usize::from(*code)] - wanted).abs();
            (0..=255).min_by(|a, b| distance(a).total_cmp(&distance(b))).expect("256 codes")
        })
        .collect();
    let mut to: Option<SocketAddr> = None;
    let (mut sequence, mut tick) = (7_u16, 0_u32);
    let mut pressed: Option<u32> = None;
    let mut due = Instant::now();
    let mut buffer = [0; 2048];
    while !end.load(Ordering::Relaxed) {
        let wait = due.saturating_duration_since(Instant::now()).max(Duration::from_micros(100));
        socket.set_read_timeout(Some(wait)).expect("a time limit");
        if let Ok((size, from)) = socket.recv_from(&mut buffer) {
            to = Some(from);
            // No extension and no CSRC in what rtpengine sends; RTCP has no such payload type.
            if size > 12 && buffer[1] & 0x7f == A_LAW {
                let sound = buffer[12..size].iter().map(|code| decoded[usize::from(*code)]).collect();
                heard.lock().expect("the recording").push((Instant::now(), sound));
            }
        }
        while due <= Instant::now() {
            due += Duration::from_millis(20);
            let at = tick * FRAME as u32;
            if key.swap(false, Ordering::Relaxed) {
                pressed = Some(tick);
            }
            let since = pressed.map(|first| (first, tick - first)).filter(|(_, since)| *since < 5);
            let packet = match since {
                Some((first, since)) => {
                    let [high, low] = ((since + 1) as u16 * FRAME as u16).to_be_bytes();
                    let last = if since == 4 { 0x80 } else { 0 };
                    rtp(EVENT, since == 0, sequence, first * FRAME as u32, &[5, last | 10, high, low])
                }
                None => {
                    let from = (at % RATE) as usize;
                    rtp(A_LAW, false, sequence, at, &tone[from..from + FRAME])
                }
            };
            if let Some(to) = to {
                // Before the call and after it nobody may listen there.
                socket.send_to(&packet, to).ok();
                sequence = sequence.wrapping_add(1);
            }
            tick += 1;
        }
    }
}

fn rtp(payload_type: u8, marker: bool, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type | if marker { 0x80 } else { 0 }];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(0x5151_5151_u32.to_be_bytes());
    packet.extend(payload);
    packet
}

/// ITU-T G.711 A-law, table 1a.
fn a_law(code: u8) -> f64 {
    let code = code ^ 0x55;
    let (exponent, mantissa) = (u32::from(code >> 4 & 7), i32::from(code & 15));
    let magnitude = match exponent {
        0 => (mantissa << 4) + 8,
        _ => ((mantissa << 4) + 0x108) << (exponent - 1),
    };
    f64::from(if code & 0x80 == 0 { -magnitude } else { magnitude }) / 32_768.0
}
