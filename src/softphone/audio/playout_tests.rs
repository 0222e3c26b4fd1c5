//! The playing side on paper: networks of `net::netem`, measured by `lab`.

use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;

use super::{
    CallFormat, FRAME, RtpIn,
    codec::{Encoder, rtp_clock},
    lab::{self, Heard, Trial},
    playout::Playout,
    testing::{level_at, rms_dbfs, sine, strongest_near},
};
use crate::{
    config::Codec,
    net::netem::{Jitter, Loss, Network},
};

const ALL: [Codec; 4] = [Codec::Opus, Codec::G722, Codec::Pcma, Codec::Pcmu];
const UNIFORM: Jitter = Jitter::Uniform { most_ms: 60.0 };

/// A tone of 440 Hz at -12 dBFS over this network.
fn tone(codec: Codec, seconds: usize, network: Network) -> Heard {
    Trial::new(codec, lab::tone(440.0, seconds), network).run().unwrap()
}

/// Packets as the bytes say: codec first, then of each packet source, payload type, sequence, timestamp and payload.
#[test]
fn fuzz_sound() {
    let begun = Instant::now();
    crate::fuzz::run("sound", &["tests/corpora/sound"], |bytes| {
        let Some((first, mut rest)) = bytes.split_first() else { return };
        let (codec, payload_type) = [(ALL[0], 111), (ALL[1], 9), (ALL[2], 8), (ALL[3], 0)][usize::from(first % 4)];
        let mut playout = Playout::new(CallFormat::new(codec, payload_type)).unwrap();
        let mut now = begun;
        for _ in 0..48 {
            let Some((head, after)) = rest.split_first_chunk::<9>() else { break };
            let [flags, payload_type, s0, s1, t0, t1, t2, t3, length] = *head;
            let (payload, after) = after.split_at(usize::from(length).min(after.len()));
            rest = after;
            playout.receive(RtpIn {
                ssrc: u32::from(flags & 3),
                payload_type: payload_type & 0x7f,
                sequence: u16::from_be_bytes([s0, s1]),
                timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
                marker: flags & 0x80 != 0,
                payload: Bytes::copy_from_slice(payload),
                arrived: now,
            });
            // Packets come together, in time, or late.
            for _ in 0..(flags >> 2) & 3 {
                let block = playout.block(now);
                assert!(block.iter().all(|sample| sample.is_finite() && sample.abs() <= 4.0), "{block:?}");
                now += Duration::from_millis(10);
            }
        }
        for _ in 0..6 {
            assert!(playout.block(now).iter().all(|sample| sample.is_finite()));
            now += Duration::from_millis(10);
        }
        assert!(playout.quality().jitter_ms.is_finite());
    });
}

#[test]
fn a_clean_network_is_played_untouched_soon_and_with_little_delay() {
    for codec in ALL {
        let heard =
            tone(codec, 12, Network { delay_ms: 30.0, jitter: Jitter::Uniform { most_ms: 2.0 }, ..Network::default() });
        assert_eq!(heard.concealed_pct(), 0.0, "{codec:?}");
        assert!(heard.start_up_ms.unwrap() < 60.0, "{codec:?}: heard after {:?} ms", heard.start_up_ms);
        assert!(heard.delay_ms(95, 2000) <= 25.0, "{codec:?}: {} ms", heard.delay_ms(95, 2000));
        let steady = &heard.sound[96_000..];
        assert_eq!(heard.gaps(-15.0, 2000), (0, 0), "{codec:?}");
        assert!((strongest_near(steady, 440.0) - 440.0).abs() <= 0.2, "{codec:?}");
        assert!((level_at(&steady[..48_000], 440.0) + 12.0).abs() < 1.0, "{codec:?}");
    }
}

#[test]
fn redundancy_tells_what_is_lost_also_when_it_comes_late() {
    for jitter in [Jitter::None, UNIFORM] {
        let network = Network { jitter, loss: Loss::Random { percent: 10.0 }, ..Network::default() };
        let trial = Trial::new(Codec::Opus, lab::speech(12, 5), network);
        let without = trial.run().unwrap();
        let with = Trial { reported_loss: 10.0, ..trial }.run().unwrap();
        assert_eq!(without.recovered_pct, 0.0);
        assert!(
            with.recovered_pct > with.lost_pct / 2.0,
            "{jitter:?}: {} % of {} %",
            with.recovered_pct,
            with.lost_pct
        );
        assert!(with.concealed_pct() + with.recovered_pct <= with.lost_pct + 1.0);
        assert!(with.spectral_distance_db() < without.spectral_distance_db(), "{jitter:?}");
    }
}

#[test]
fn a_lost_packet_leaves_no_gap_in_a_tone() {
    for codec in [Codec::Opus, Codec::G722, Codec::Pcma] {
        for percent in [5.0, 20.0] {
            for jitter in [Jitter::None, UNIFORM] {
                let loss = Loss::Random { percent };
                let heard = tone(codec, 12, Network { delay_ms: 20.0, loss, jitter, ..Network::default() });
                // From the third packet in a row on it fades; Opus needs a moment to be itself again.
                let (_, longest) = heard.gaps(-15.0, 1000);
                let most = heard.longest_loss_ms.saturating_sub(50) + 10;
                assert!(
                    longest <= most,
                    "{codec:?} {percent} % {jitter:?}: {longest} ms of {} ms",
                    heard.longest_loss_ms
                );
            }
        }
    }
}

#[test]
fn jitter_is_waited_for_and_forgotten() {
    for jitter in [UNIFORM, Jitter::Normal { sigma_ms: 30.0 }, Jitter::HeavyTail { mean_ms: 10.0 }] {
        let mut trial = Trial::new(Codec::Pcma, lab::speech(25, 5), Network { jitter, ..Network::default() });
        trial.networks.push((Duration::from_secs(20), Network::default()));
        let heard = trial.run().unwrap();
        let mut delays: Vec<f32> = heard.blocks[200..2000].iter().map(|block| block.delay_ms).collect();
        delays.sort_by(f32::total_cmp);
        let p95 = delays[delays.len() * 95 / 100];
        // Half of a normal distribution with a sigma of 30 ms reaches 80 ms, and a heavy tail further.
        assert!(p95 <= if jitter == UNIFORM { 70.0 } else { 90.0 }, "{jitter:?}: {p95} ms");
        assert!(heard.concealed_pct() <= 1.3, "{jitter:?}: {} %", heard.concealed_pct());
        let shrunk = heard.shrink_ms(20_000, 25.0);
        assert!(shrunk <= 2000, "{jitter:?}: {shrunk} ms");
    }
}

#[test]
fn reordering_and_duplicates_are_not_heard() {
    let heard = tone(Codec::Pcmu, 20, Network { reorder_pct: 10.0, duplicate_pct: 10.0, ..Network::default() });
    assert!(heard.concealed_pct() <= 0.5, "{} %", heard.concealed_pct());
    assert_eq!(heard.gaps(-15.0, 1000), (0, 0));
}

#[test]
fn a_stall_and_its_burst_lose_nothing_and_the_delay_comes_back() {
    let network = Network { stall_every_ms: 5000.0, stall_ms: 160.0, ..Network::default() };
    let mut trial = Trial::new(Codec::Pcma, lab::speech(14, 5), network);
    trial.networks.push((Duration::from_secs(6), Network::default()));
    let heard = trial.run().unwrap();
    assert!(heard.concealed_pct() < 2.0, "{} %", heard.concealed_pct());
    let late = heard.blocks[490..600].iter().fold(0.0f32, |a, b| a.max(b.delay_ms));
    assert!(late > 100.0, "the burst was thrown away: {late} ms at most");
    assert!(heard.delay_ms(100, 13_000) < 30.0, "{} ms at the end", heard.delay_ms(100, 13_000));
}

/// Wi-Fi: nothing for a while, then all of it at once. What is said a second later is heard in time, without a click.
#[test]
fn after_a_stall_of_any_length_the_sound_is_soon_near_the_newest() {
    for codec in ALL {
        for stall in [200, 300, 500, 1000, 2000, 5000] {
            // The far end says 440 Hz; at 7 s the stall begins, and a second after its end it says 880 Hz.
            let change = 8000 + stall;
            let mut sound = lab::tone(440.0, change / 1000 + 1)[..change * 48].to_vec();
            sound.extend(lab::tone(880.0, 4));
            let stalled = Network {
                stall_every_ms: (7000 + stall) as f64,
                stall_ms: stall as f64,
                delay_ms: 20.0,
                ..Network::default()
            };
            let mut trial = Trial::new(codec, sound, stalled);
            let over = Duration::from_millis(7000 + stall as u64);
            trial.networks.push((over, Network { delay_ms: 20.0, ..Network::default() }));
            let heard = trial.run().unwrap();
            let late = heard.sound[change * 48..]
                .chunks_exact(480)
                .position(|block| level_at(block, 880.0) > -18.0)
                .map(|blocks| blocks * 10)
                .unwrap();
            println!("{codec:?}, {stall} ms: {late} ms late a second after");
            assert!(late <= 300, "{codec:?}, {stall} ms: {late} ms late a second after");
            let near = heard.shrink_ms(7000 + stall, 300.0);
            assert!(near < 1000, "{codec:?}, {stall} ms: {near} ms until it is near the newest");
            let calm = heard.shrink_ms(7000 + stall, 25.0);
            assert!(calm <= 3000, "{codec:?}, {stall} ms: {calm} ms until the delay is that of a clean network");
            let after = (7000 + stall) * 48;
            let steepest = |sound: &[f32]| sound.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
            let (before, around) =
                (steepest(&heard.sound[48_000..96_000]), steepest(&heard.sound[after - 4800..after + 43_200]));
            assert!(around < before * 1.6, "{codec:?}, {stall} ms: a click of {around}, the tone has {before}");
        }
    }
}

/// Packets of 20 ms of a tone, sent by a far end that changes what it likes.
struct FarEnd {
    start: Instant,
    encoder: Encoder,
    codec: Codec,
    tone: Vec<f32>,
    frame: usize,
    packet: RtpIn,
    out: Vec<RtpIn>,
}

impl FarEnd {
    fn new(codec: Codec) -> Self {
        let start = Instant::now();
        let packet = RtpIn {
            ssrc: 1,
            payload_type: 96,
            sequence: 7,
            timestamp: 0,
            marker: false,
            payload: Bytes::new(),
            arrived: start,
        };
        let tone = sine(440.0, -12.0, 30 * 48_000);
        Self { start, encoder: Encoder::new(codec).unwrap(), codec, tone, frame: 0, packet, out: Vec::new() }
    }

    fn speak(&mut self, codec: Codec) {
        self.codec = codec;
        self.encoder = Encoder::new(codec).unwrap();
    }

    fn talk(&mut self, frames: usize) {
        for _ in 0..frames {
            let frame = self.tone.as_chunks::<FRAME>().0[self.frame];
            let payload = self.encoder.encode(&frame).unwrap();
            self.say(payload);
            self.pass(1);
        }
    }

    /// Sends a payload as the next packet; time does not pass.
    fn say(&mut self, payload: impl Into<Bytes>) {
        self.packet.arrived = self.start + Duration::from_millis(20) * self.frame as u32;
        self.packet.payload = payload.into();
        self.out.push(self.packet.clone());
        self.packet.sequence = self.packet.sequence.wrapping_add(1);
    }

    fn pass(&mut self, frames: usize) {
        self.frame += frames;
        self.packet.timestamp = self.packet.timestamp.wrapping_add(rtp_clock(self.codec) / 50 * frames as u32);
    }

    /// What is heard; `formats` says from which frame on which formats hold.
    fn heard(self, formats: &[(usize, CallFormat)]) -> (Vec<f32>, f32) {
        let mut playout = Playout::new(formats[0].1).unwrap();
        let mut arrivals = self.out.into_iter().peekable();
        let (mut sound, mut made_up) = (Vec::new(), 0.0);
        for block in 0..self.frame * 2 {
            for (_, format) in formats.iter().filter(|(from, _)| block == from * 2) {
                playout.set_format(*format).unwrap();
            }
            let now = self.start + Duration::from_millis(10) * block as u32 + Duration::from_millis(3);
            while let Some(packet) = arrivals.next_if(|packet| packet.arrived <= now) {
                playout.receive(packet);
            }
            sound.extend(playout.block(now));
            made_up += playout.made_up() as f32 / 4.8;
        }
        (sound, made_up / (self.frame * 2) as f32)
    }
}

fn longest_gap_ms(sound: &[f32]) -> usize {
    super::testing::longest_gap_ms(sound, -15.0)
}

#[test]
fn another_source_or_timestamp_in_the_middle_is_heard_without_a_gap() {
    for codec in ALL {
        for change in [
            |p: &mut RtpIn| p.ssrc = 2,
            |p: &mut RtpIn| p.timestamp ^= 0x5555_5555,
            |p: &mut RtpIn| {
                (p.ssrc, p.sequence, p.timestamp) = (9, 40_000, 17);
            },
        ] {
            let mut far = FarEnd::new(codec);
            far.talk(100);
            change(&mut far.packet);
            far.talk(100);
            let (sound, made_up) = far.heard(&[(0, CallFormat::new(codec, 96))]);
            assert!(longest_gap_ms(&sound[48_000..]) <= 2, "{codec:?}: {} ms", longest_gap_ms(&sound[48_000..]));
            assert!(made_up <= 0.2, "{codec:?}: {made_up} %");
        }
    }
}

#[test]
fn another_codec_in_the_middle_loses_nothing_that_is_under_way() {
    for (from, to) in
        [(Codec::Opus, Codec::Pcma), (Codec::Pcma, Codec::Opus), (Codec::Pcmu, Codec::G722), (Codec::G722, Codec::Pcma)]
    {
        let mut far = FarEnd::new(from);
        far.talk(100);
        far.speak(to);
        (far.packet.payload_type, far.packet.timestamp) = (97, 123_456_789);
        far.talk(100);
        far.out.swap(99, 100);
        (far.out[99].arrived, far.out[100].arrived) = (far.out[100].arrived, far.out[100].arrived);
        // The new format is agreed on a little before it is spoken.
        let (sound, made_up) = far.heard(&[(0, CallFormat::new(from, 96)), (97, CallFormat::new(to, 97))]);
        assert!(longest_gap_ms(&sound[48_000..]) <= 6, "{from:?} {to:?}: {} ms", longest_gap_ms(&sound[48_000..]));
        assert!(made_up <= 1.0, "{from:?} {to:?}: {made_up} %");
        assert!((level_at(&sound[3 * 48_000..], 440.0) + 12.0).abs() < 1.0);
    }
}

#[test]
fn packets_of_any_length_are_played() {
    for codec in [Codec::Pcma, Codec::G722] {
        for packet_ms in [10, 20, 40, 60] {
            let network = Network { delay_ms: 20.0, jitter: Jitter::Uniform { most_ms: 10.0 }, ..Network::default() };
            let heard = Trial { packet_ms, ..Trial::new(codec, lab::tone(440.0, 10), network) }.run().unwrap();
            assert_eq!(heard.gaps(-15.0, 1000), (0, 0), "{codec:?} {packet_ms} ms");
            assert!(heard.concealed_pct() <= 0.1, "{codec:?} {packet_ms} ms: {} %", heard.concealed_pct());
        }
    }
}

#[test]
fn a_silent_far_end_sounds_as_it_told_and_nothing_is_made_up() {
    for codec in [Codec::Pcma, Codec::G722] {
        let mut far = FarEnd::new(codec);
        far.talk(100);
        far.packet.payload_type = 13;
        far.say(vec![50]);
        far.pass(100);
        far.say(vec![60]);
        far.pass(100);
        far.packet.payload_type = 96;
        far.talk(100);
        let (sound, made_up) = far.heard(&[(0, CallFormat::new(codec, 96))]);
        let level = |from: usize, to: usize| rms_dbfs(&sound[from * 960..to * 960]);
        assert!((level(110, 200) + 50.0).abs() < 2.0, "{codec:?}: {}", level(110, 200));
        assert!((level(210, 295) + 60.0).abs() < 2.0, "{codec:?}: {}", level(210, 295));
        assert!((level_at(&sound[310 * 960..], 440.0) + 12.0).abs() < 1.0);
        assert!(made_up <= 0.2, "{codec:?}: {made_up} %");
    }
}

#[test]
fn opus_that_stops_sending_while_it_is_silent_is_neither_lost_nor_made_up() {
    let mut far = FarEnd::new(Codec::Opus);
    far.talk(100);
    // What an encoder with DTX sends when silence begins, and a refreshed packet each 400 ms.
    let silence = {
        let mut encoder = Encoder::new(Codec::Opus).unwrap();
        encoder.encode(&[0.0; FRAME]).unwrap()
    };
    for _ in 0..5 {
        far.say(silence.clone());
        far.pass(1);
        far.say(silence.slice(..1));
        far.pass(19);
    }
    far.talk(100);
    let (sound, made_up) = far.heard(&[(0, CallFormat::new(Codec::Opus, 96))]);
    assert!(made_up <= 0.2, "{made_up} %");
    assert!(rms_dbfs(&sound[120 * 960..195 * 960]) < -50.0);
    assert!((level_at(&sound[210 * 960..], 440.0) + 12.0).abs() < 1.0);
}

#[test]
fn keypad_events_in_the_stream_are_no_loss() {
    let mut far = FarEnd::new(Codec::Pcma);
    far.talk(100);
    far.packet.payload_type = 101;
    let timestamp = far.packet.timestamp;
    for _ in 0..10 {
        far.packet.timestamp = timestamp;
        far.say(vec![1, 10, 0, 160]);
        far.pass(1);
    }
    far.packet.timestamp = timestamp + 1600;
    far.packet.payload_type = 96;
    far.talk(100);
    let (sound, made_up) = far.heard(&[(0, CallFormat::new(Codec::Pcma, 96))]);
    assert!(made_up < 5.0, "{made_up} %");
    assert!((level_at(&sound[120 * 960..], 440.0) + 12.0).abs() < 1.0);
}

#[test]
fn when_the_far_end_stops_it_gets_silent_and_starts_again() {
    let mut far = FarEnd::new(Codec::Opus);
    far.talk(100);
    far.pass(100);
    far.talk(100);
    let (sound, _) = far.heard(&[(0, CallFormat::new(Codec::Opus, 96))]);
    assert!(level_at(&sound[3 * 48_000..3 * 48_000 + 24_000], 440.0) < -60.0);
    assert!((level_at(&sound[5 * 48_000..], 440.0) + 12.0).abs() < 1.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_packets_give_a_steady_finite_stream(
        packets in prop::collection::vec((0u32..3, 0u8..4, any::<u16>(), any::<u32>(), 0u64..3_000, prop::collection::vec(any::<u8>(), 0..300)), 0..60),
        near in any::<bool>(),
    ) {
        let start = Instant::now();
        let mut playout = Playout::new(CallFormat::new(Codec::Pcmu, 0)).unwrap();
        playout.set_format(CallFormat::new(Codec::Opus, 1)).unwrap();
        playout.set_format(CallFormat { comfort_noise: Some(3), ..CallFormat::new(Codec::G722, 2) }).unwrap();
        for (n, (ssrc, payload_type, sequence, timestamp, ms, payload)) in packets.into_iter().enumerate() {
            let (sequence, timestamp) = if near { (sequence % 64, timestamp % 20_000) } else { (sequence, timestamp) };
            let (arrived, payload) = (start + Duration::from_millis(ms), Bytes::from(payload));
            playout.receive(RtpIn { ssrc, payload_type, sequence, timestamp, marker: false, payload, arrived });
            for step in 0..3 {
                let block = playout.block(start + Duration::from_millis((n as u64 * 3 + step) * 10));
                prop_assert!(block.iter().all(|sample| sample.is_finite() && sample.abs() <= 4.0));
            }
        }
    }
}
