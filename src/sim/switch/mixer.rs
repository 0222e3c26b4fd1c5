//! Who hears whom: every 20 ms each party's sound is fetched, mixed for its listeners and handed out.
//!
//! A thread of its own ticks on absolute deadlines while there are parties, and ends with the last one: timers of the
//! runtime were measured 4 ms late, which a listener's jitter buffer would have to make up for.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rtc::rtp;
use tokio::sync::{Notify, mpsc};

use super::arrivals::Arrivals;
use super::jitter::Inbound;
use super::measure::{self, Heard};
use super::sound::{FRAME, Frame, RATE, locked};
use super::types::{PartyId, Voice};
use super::voices::{Babble, Music, Tone};

const TICK: Duration = Duration::from_millis(20);
/// After a longer pause (a machine that slept) the clock starts anew instead of catching up.
const TOO_LATE: Duration = Duration::from_secs(1);
/// What is kept of each party's hearing, in samples: 500 ms.
const MEMORY: usize = RATE / 2;
/// Frames that may wait for a leg's encoder before they are thrown away.
const OUTBOUND_DEPTH: usize = 25;

/// The mixer's end of a leg's sound.
#[derive(Clone)]
pub(super) struct Port {
    /// What the leg says.
    pub inbound: Arc<Mutex<Inbound>>,
    /// RTP packets from and to the leg.
    pub packets_in: Arc<AtomicU64>,
    pub packets_out: Arc<AtomicU64>,
    /// When those from the leg came.
    pub arrivals: Arc<Mutex<Arrivals>>,
    /// Packets that go back as they are.
    pub reflected: Arc<Reflected>,
}

/// From the task that receives to the one that sends.
#[derive(Default)]
pub(super) struct Reflected {
    packets: Mutex<VecDeque<rtp::Packet>>,
    come: Notify,
}

impl Reflected {
    pub fn push(&self, packet: rtp::Packet) {
        locked(&self.packets).push_back(packet);
        self.come.notify_one();
    }

    pub async fn next(&self) -> rtp::Packet {
        loop {
            if let Some(packet) = locked(&self.packets).pop_front() {
                return packet;
            }
            self.come.notified().await;
        }
    }
}

enum Source {
    Tone(Tone),
    Speech(Babble),
    Music(Music),
    Echo,
    Silence,
    Leg { port: Port, outbound: mpsc::Sender<Frame> },
}

struct Party {
    source: Source,
    /// What it says in this tick.
    spoken: Frame,
    memory: VecDeque<f32>,
    frames: u64,
}

#[derive(Default)]
struct State {
    parties: BTreeMap<PartyId, Party>,
    routes: HashMap<PartyId, Vec<PartyId>>,
    ticking: bool,
}

/// The conference bridge of the switch. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Mixer {
    state: Arc<Mutex<State>>,
}

impl Mixer {
    /// Adds a virtual party.
    pub fn add_voice(&self, id: PartyId, voice: Voice) {
        let source = match voice {
            Voice::Tone(hz) => Source::Tone(Tone::new(hz)),
            Voice::Speech => Source::Speech(Babble::new(0x9e37_79b9_u32.wrapping_mul(id.0 as u32))),
            Voice::Music => Source::Music(Music::default()),
            Voice::Echo => Source::Echo,
            Voice::Silence => Source::Silence,
        };
        self.add(id, source);
    }

    /// Adds a leg; the receiver yields what it hears, a frame each 20 ms. Frames nobody takes are thrown away.
    pub fn add_leg(&self, id: PartyId) -> (Port, mpsc::Receiver<Frame>) {
        let port = Port {
            inbound: Arc::new(Mutex::new(Inbound::new())),
            packets_in: Arc::default(),
            packets_out: Arc::default(),
            arrivals: Arc::default(),
            reflected: Arc::default(),
        };
        let (outbound, frames) = mpsc::channel(OUTBOUND_DEPTH);
        self.add(id, Source::Leg { port: port.clone(), outbound });
        (port, frames)
    }

    fn add(&self, id: PartyId, source: Source) {
        let silence = [0.0; FRAME];
        let memory = VecDeque::with_capacity(MEMORY + FRAME);
        let mut state = locked(&self.state);
        state.parties.insert(id, Party { source, spoken: silence, memory, frames: 0 });
        if !state.ticking {
            let ticked = Arc::clone(&self.state);
            let clock = std::thread::Builder::new().name("switch-mixer".to_owned());
            match clock.spawn(move || tick_while_needed(&ticked)) {
                Ok(_) => state.ticking = true,
                Err(error) => tracing::error!(%error, "no thread for the mixer: parties hear nothing"),
            }
        }
    }

    /// Takes a party out; nobody hears it any more.
    pub fn remove(&self, id: PartyId) {
        let mut state = locked(&self.state);
        state.parties.remove(&id);
        state.routes.remove(&id);
        for speakers in state.routes.values_mut() {
            speakers.retain(|speaker| *speaker != id);
        }
    }

    /// Takes every party out, which ends the ticking.
    pub fn clear(&self) {
        let mut state = locked(&self.state);
        state.parties.clear();
        state.routes.clear();
    }

    /// What `listener` hears from the next tick on. Never itself.
    pub fn route(&self, listener: PartyId, speakers: &[PartyId]) {
        let mut speakers: Vec<PartyId> = speakers.iter().copied().filter(|speaker| *speaker != listener).collect();
        speakers.sort_unstable();
        speakers.dedup();
        locked(&self.state).routes.insert(listener, speakers);
    }

    /// What a party hears now; nothing for one that is gone.
    pub fn heard(&self, id: PartyId) -> Heard {
        let (samples, mut heard) = {
            let state = locked(&self.state);
            let Some(party) = state.parties.get(&id) else { return Heard::default() };
            let mut heard = Heard { packets_in: party.frames, packets_out: party.frames, ..Heard::default() };
            if let Source::Leg { port, .. } = &party.source {
                heard.packets_in = port.packets_in.load(Ordering::Relaxed);
                heard.packets_out = port.packets_out.load(Ordering::Relaxed);
                heard.pace = locked(&port.arrivals).pace();
                heard.buffer_ms = Some(locked(&port.inbound).held_ms());
            }
            (party.memory.iter().copied().collect::<Vec<f32>>(), heard)
        };
        // The transform takes milliseconds: not under the lock that the tick needs.
        heard.tones = measure::tones(&samples);
        if let Some((hz, _)) = heard.tones.first() {
            (heard.hz, heard.dbfs) = (Some(*hz), Some(measure::level(&samples)));
        }
        heard
    }
}

/// The clock's thread: a tick on each absolute deadline, until there are no parties.
fn tick_while_needed(state: &Mutex<State>) {
    let mut deadline = Instant::now() + TICK;
    loop {
        std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
        deadline += TICK;
        if deadline + TOO_LATE < Instant::now() {
            deadline = Instant::now() + TICK;
        }
        let mut state = locked(state);
        if state.parties.is_empty() {
            state.ticking = false;
            return;
        }
        state.tick();
    }
}

impl State {
    fn tick(&mut self) {
        let mut echoes = Vec::new();
        for (id, party) in &mut self.parties {
            party.spoken = match &mut party.source {
                Source::Tone(tone) => tone.next(),
                Source::Speech(babble) => babble.next(),
                Source::Music(music) => music.next(),
                Source::Echo => {
                    echoes.push(*id);
                    continue;
                }
                Source::Silence => [0.0; FRAME],
                Source::Leg { port, .. } => locked(&port.inbound).pull(),
            };
        }
        // An echo says what it hears in this tick: a tick more would be counted as the program's delay.
        for id in echoes {
            let mix = self.mix_for(id);
            if let Some(party) = self.parties.get_mut(&id) {
                party.spoken = mix;
            }
        }
        let mixes: Vec<Frame> = self.parties.keys().map(|listener| self.mix_for(*listener)).collect();
        for (party, mix) in self.parties.values_mut().zip(mixes) {
            party.hear(mix);
        }
    }

    fn mix_for(&self, listener: PartyId) -> Frame {
        let mut mix = [0.0; FRAME];
        let speakers = self.routes.get(&listener).map_or(&[][..], Vec::as_slice);
        for speaker in speakers.iter().filter_map(|speaker| self.parties.get(speaker)) {
            for (sum, sample) in mix.iter_mut().zip(&speaker.spoken) {
                *sum += sample;
            }
        }
        for sample in &mut mix {
            *sample = sample.clamp(-1.0, 1.0);
        }
        mix
    }
}

impl Party {
    fn hear(&mut self, mix: Frame) {
        self.frames += 1;
        self.memory.extend(mix);
        self.memory.drain(..self.memory.len().saturating_sub(MEMORY));
        if let Source::Leg { outbound, .. } = &self.source {
            // Full before the leg is connected, closed after it ended: either way nobody is there to hear it.
            outbound.try_send(mix).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: PartyId = PartyId(1);
    const B: PartyId = PartyId(2);
    const C: PartyId = PartyId(3);

    /// A mixer whose clock is the test.
    fn by_hand() -> Mixer {
        let mixer = Mixer::default();
        locked(&mixer.state).ticking = true;
        mixer
    }

    fn tick(mixer: &Mixer, ms: usize) {
        for _ in 0..ms / 20 {
            locked(&mixer.state).tick();
        }
    }

    fn hz(mixer: &Mixer, party: PartyId) -> Option<f32> {
        mixer.heard(party).hz.map(f32::round)
    }

    #[test]
    fn parties_hear_whom_they_are_routed_to() {
        let mixer = by_hand();
        mixer.add_voice(A, Voice::Tone(440.0));
        mixer.add_voice(B, Voice::Tone(1000.0));
        mixer.add_voice(C, Voice::Silence);
        tick(&mixer, 1000);
        assert_eq!(mixer.heard(C).dbfs, None);
        mixer.route(C, &[A]);
        tick(&mixer, 500);
        assert_eq!(hz(&mixer, C), Some(440.0));
        assert!((mixer.heard(C).dbfs.unwrap() + 12.0).abs() < 0.1);
        mixer.route(C, &[B, B, C]);
        tick(&mixer, 500);
        assert_eq!(hz(&mixer, C), Some(1000.0));
        mixer.route(C, &[A, B]);
        tick(&mixer, 500);
        assert!((mixer.heard(C).dbfs.unwrap() + 9.0).abs() < 0.2, "two tones are 3 dB louder");
        mixer.remove(B);
        tick(&mixer, 500);
        assert_eq!(hz(&mixer, C), Some(440.0));
        mixer.route(C, &[]);
        tick(&mixer, 500);
        assert_eq!(mixer.heard(C).hz, None);
    }

    #[test]
    fn an_echo_says_what_it_heard() {
        let mixer = by_hand();
        mixer.add_voice(A, Voice::Tone(700.0));
        mixer.add_voice(B, Voice::Echo);
        mixer.add_voice(C, Voice::Silence);
        mixer.route(B, &[A]);
        mixer.route(C, &[B]);
        tick(&mixer, 520);
        assert_eq!(hz(&mixer, C), Some(700.0));
    }

    #[test]
    fn a_loud_mix_is_clipped_to_full_scale() {
        let mixer = by_hand();
        mixer.add_voice(A, Voice::Silence);
        let speakers: Vec<PartyId> = (10..20).map(PartyId).collect();
        for id in &speakers {
            mixer.add_voice(*id, Voice::Tone(440.0));
        }
        mixer.route(A, &speakers);
        tick(&mixer, 500);
        assert!(locked(&mixer.state).parties[&A].memory.iter().all(|sample| sample.abs() <= 1.0));
        assert!(mixer.heard(A).dbfs.unwrap() > 0.0, "a clipped sine is nearly a square");
    }

    #[tokio::test]
    async fn the_clock_keeps_time_and_stops_without_parties() {
        let mixer = Mixer::default();
        assert!(!locked(&mixer.state).ticking);
        let (_port, mut frames) = mixer.add_leg(A);
        let start = Instant::now();
        for _ in 0..50 {
            assert!(frames.recv().await.is_some());
        }
        // A busy machine may be late for single frames, but lateness must not add up.
        let took = start.elapsed();
        assert!(took.abs_diff(Duration::from_secs(1)) < Duration::from_millis(100), "{took:?} for 50 frames");
        mixer.remove(A);
        let deadline = Instant::now() + Duration::from_secs(5);
        while locked(&mixer.state).ticking {
            assert!(Instant::now() < deadline, "ticks on without parties");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let (_port, mut frames) = mixer.add_leg(B);
        assert!(frames.recv().await.is_some(), "ticks again");
    }
}
