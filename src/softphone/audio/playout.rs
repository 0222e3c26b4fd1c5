//! From packets to a steady stream of 10 ms blocks: waits as long as the jitter asks for, makes up what is missing,
//! plays a little faster or slower to keep the delay where it should be.
//!
//! Pure like the jitter buffer: told the time. Lost packets are made up for in their time; when merely nothing has come
//! yet, the stream stands still instead, so that a late burst is still heard, and is caught up with afterwards; of one that
//! would be heard too late its oldest part is left out. A far end
//! that says it is silent is heard as its noise, which is neither loss nor made up.

use std::{collections::VecDeque, time::Instant};

use super::{
    BLOCK, CallFormat, MS, Quality, RtpIn,
    codec::CodecError,
    jitter::{Inserted, JitterBuffer, Next, Packet},
    receiver::{GRAIN, Receiver},
    stretch,
};

/// A block as a duration in the stream.
const STEP: i64 = BLOCK as i64;
/// Delay over the target that is tolerated, samples.
const TOO_LATE: i64 = 6 * MS;
/// Delay under the target that is tolerated, samples.
const TOO_EARLY: i64 = 5 * MS;
/// What is waiting behind a gap is played at once when it is this much too late, samples.
const SKIP: i64 = 15 * MS;
/// Delay over the target that is not caught up with any more, samples: 300 ms. A word that is missing hurts a conversation
/// less than one that is late, and everything after it.
const TOO_OLD: i64 = 300 * MS;
/// What is kept then, samples; it is caught up with in a second.
const KEPT: i64 = 180 * MS;
/// Blocks between two changes of speed: 60 ms, so that none is heard.
const REST: u32 = 6;
/// Nothing for this long, samples: the stream is over, and begins anew with the next packet. 1 s.
const OVER: i64 = 48_000;
/// Blocks over which the share of concealed sound is told: 5 s.
const WINDOW: usize = 500;
/// Payload types that are understood at a time: the one agreed on and earlier ones still under way.
const RECEIVERS: usize = 4;
/// With this much loss, percent, and redundancy in the packets, it is waited for the packet after a lost one.
const LOSSY: f32 = 1.0;
/// What that packet may be late by, samples.
const REDUNDANCY: i64 = 4 * MS;

/// The playing side of a call.
pub struct Playout {
    buffer: JitterBuffer,
    /// The one agreed on first.
    receivers: Vec<(u8, Receiver)>,
    comfort_noise: Option<u8>,
    /// Payload type heard last.
    last: u8,
    /// Decoded, not played.
    sound: Vec<f32>,
    /// Where the next packet should start; unset before the beginning of the stream.
    position: Option<i64>,
    /// Sound played in place of what should be at `position`, samples.
    hole: i64,
    /// The far end said that it is silent.
    silent: bool,
    rest: u32,
    /// Made-up samples in what is played next.
    made_up: i64,
    played: VecDeque<i64>,
    /// Samples played since the beginning, and those of them that were made up.
    total: (i64, i64),
    /// Samples of lost packets that were told by the ones after them.
    recovered: u64,
    now: Option<Instant>,
}

impl Playout {
    /// For a stream in this format.
    ///
    /// # Errors
    /// When there is no decoder.
    pub fn new(format: CallFormat) -> Result<Self, CodecError> {
        let mut playout = Self {
            buffer: JitterBuffer::default(),
            receivers: Vec::new(),
            comfort_noise: None,
            last: format.payload_type,
            sound: Vec::new(),
            position: None,
            hole: 0,
            silent: false,
            rest: 0,
            made_up: 0,
            played: VecDeque::with_capacity(WINDOW),
            total: (0, 0),
            recovered: 0,
            now: None,
        };
        playout.set_format(format)?;
        Ok(playout)
    }

    /// Another format is agreed on. Packets of the old one that are still under way are heard.
    ///
    /// # Errors
    /// When there is no decoder; everything stays as it was.
    pub fn set_format(&mut self, format: CallFormat) -> Result<(), CodecError> {
        let known = self
            .receivers
            .iter()
            .position(|(number, receiver)| (*number, receiver.codec()) == (format.payload_type, format.codec));
        let receiver = match known {
            Some(at) => self.receivers.remove(at),
            None => (format.payload_type, Receiver::new(format.codec)?),
        };
        self.receivers.retain(|(number, _)| *number != format.payload_type);
        self.receivers.insert(0, receiver);
        self.receivers.truncate(RECEIVERS);
        self.comfort_noise = format.comfort_noise;
        Ok(())
    }

    /// A packet has come.
    pub fn receive(&mut self, packet: RtpIn) {
        let noise = self.comfort_noise == Some(packet.payload_type);
        let receiver = match self.receivers.iter().find(|(number, _)| *number == packet.payload_type) {
            Some((_, receiver)) => receiver,
            // Comfort noise counts as the codec does; telephone events are no sound, but no loss either.
            None => {
                let Some((_, receiver)) =
                    self.receivers.iter().find(|(number, _)| *number == self.last).or(self.receivers.first())
                else {
                    return;
                };
                if !noise {
                    self.buffer.pass_over(&packet, receiver.clock());
                    return;
                }
                receiver
            }
        };
        let span = if noise { 0 } else { receiver.span(&packet.payload) };
        let (sequence, clock) = (packet.sequence, receiver.clock());
        match self.buffer.insert(packet, clock, span) {
            Inserted::Stored | Inserted::Duplicate => {}
            Inserted::Late => tracing::trace!(sequence, "packet came too late"),
            Inserted::Ignored => tracing::trace!(sequence, "packet of a second source"),
            Inserted::Anew => tracing::debug!(sequence, "the far end's stream begins anew"),
        }
    }

    /// The next 10 ms, to be heard from `now` on. Call it for every 10 ms, in order.
    pub fn block(&mut self, now: Instant) -> [f32; BLOCK] {
        self.now = Some(now);
        self.leave_out(now);
        while self.sound.len() < BLOCK {
            self.advance(now);
        }
        self.rest = self.rest.saturating_sub(1);
        if self.hole == 0 && self.rest == 0 && self.adjust(now) {
            self.rest = REST;
        }
        if self.position.is_some() {
            if self.played.len() >= WINDOW {
                self.played.pop_front();
            }
            self.played.push_back(self.made_up.min(STEP));
            self.total.0 += STEP;
            self.total.1 += self.made_up.min(STEP);
        }
        self.made_up = (self.made_up - STEP).max(0);
        let mut block = [0.0; BLOCK];
        for (out, sample) in block.iter_mut().zip(self.sound.drain(..BLOCK.min(self.sound.len()))) {
            *out = sample;
        }
        block
    }

    /// How well the far end is heard.
    pub fn quality(&self) -> Quality {
        let made_up: i64 = self.played.iter().sum();
        Quality {
            jitter_ms: self.buffer.jitter_ms(),
            loss_pct: self.buffer.loss_pct(),
            packets_received: self.buffer.received(),
            concealed_pct: made_up as f32 * 100.0 / (self.played.len().max(1) as i64 * STEP) as f32,
            buffer_ms: self.now.and_then(|now| self.delay(now)).unwrap_or(0).max(0) as f32 / MS as f32,
            played_ms: self.total.0.unsigned_abs() / MS.unsigned_abs(),
            concealed_ms: self.total.1.unsigned_abs() / MS.unsigned_abs(),
            ..Quality::default()
        }
    }

    /// Samples made up in the block played last.
    pub(super) fn made_up(&self) -> i64 {
        self.played.back().copied().unwrap_or(0)
    }

    /// Samples of lost packets told by the ones after them, since the beginning.
    pub(super) fn recovered(&self) -> u64 {
        self.recovered
    }

    /// The place in the stream of what is played next, while it is of the stream.
    pub(super) fn head(&self) -> Option<i64> {
        Some(self.position? + self.hole - self.sound.len() as i64)
    }

    /// How long a packet should wait now, ms.
    pub(super) fn target_ms(&self) -> f32 {
        self.buffer.target() as f32 / MS as f32
    }

    /// Adds to `sound`, or moves on to where there is something to add.
    fn advance(&mut self, now: Instant) {
        let Some(position) = self.position.or_else(|| self.beginning(now)) else {
            self.fill(STEP, false);
            return;
        };
        if self.position.replace(position).is_none() {
            self.hole = 0;
        }
        match self.buffer.next(position) {
            Next::Packet(packet) => self.play(&packet),
            Next::Gap { lost, next } => self.bridge(now, position, lost, &next),
            Next::Empty if self.hole >= OVER => {
                self.position = None;
                self.hole = 0;
            }
            Next::Empty => {
                self.fill(STEP, true);
                self.hole += STEP;
            }
        }
    }

    /// Comes nearer to the next packet, which does not start at `position`.
    fn bridge(&mut self, now: Instant, position: i64, lost: bool, next: &Packet) {
        let (until, gap) = (next.position, next.position - position);
        let waited = self.buffer.edge(now).map_or(0, |edge| edge - until);
        let due = if self.silent {
            // Nothing is missing: the next word is heard when it has waited long enough, whatever was before.
            waited >= self.buffer.target()
        } else {
            self.hole >= gap || (waited > self.buffer.target() + SKIP && gap > STEP * 2)
        };
        if due {
            self.go_to(until);
            return;
        }
        let left = gap - self.hole;
        if lost && self.tell(next, left) {
            self.recovered += left.unsigned_abs();
            self.go_to(until);
            return;
        }
        let step = if self.silent { STEP } else { left.clamp(1, STEP) };
        self.hole += self.fill(step, lost);
    }

    /// What `next` tells of the packet before it, of which `left` samples are to be played. Says whether it did.
    fn tell(&mut self, next: &Packet, left: i64) -> bool {
        let Some((_, receiver)) = self.receivers.iter_mut().find(|(number, _)| *number == next.payload_type) else {
            return false;
        };
        if next.payload_type != self.last || !receiver.tells_of_the_last(&next.payload) {
            return false;
        }
        let floor = if self.buffer.loss_pct() >= LOSSY { receiver.span(&next.payload) + REDUNDANCY } else { 0 };
        self.buffer.set_floor(floor);
        receiver.recover(&next.payload, usize::try_from(left).unwrap_or(0), &mut self.sound)
    }

    /// The first packet's position, once it has waited long enough.
    fn beginning(&self, now: Instant) -> Option<i64> {
        let first = self.buffer.first()?;
        let (edge, target) = (self.buffer.edge(now)?, self.buffer.target());
        if edge - first > target + TOO_OLD {
            return self.buffer.first_from(edge - target - KEPT);
        }
        // To the nearest block.
        (edge - first >= target - STEP / 2).then_some(first)
    }

    /// Goes on with the newest where so much has come at once that the rest would be heard far too late.
    fn leave_out(&mut self, now: Instant) {
        let Some((edge, delay)) = self.buffer.edge(now).zip(self.delay(now)) else { return };
        let target = self.buffer.target();
        if delay <= target + TOO_OLD {
            return;
        }
        let Some(position) = self.buffer.first_from(edge - target - KEPT) else { return };
        tracing::debug!(left_out_ms = delay / MS - (edge - position) / MS, "what came late is left out");
        // Made up for a moment, so that what follows blends in.
        let last = self.last;
        if self.hole == 0
            && let Some((_, receiver)) = self.receivers.iter_mut().find(|(number, _)| *number == last)
        {
            receiver.make_up(GRAIN, &mut self.sound);
        }
        self.go_to(position);
    }

    fn go_to(&mut self, position: i64) {
        self.position = Some(position);
        self.hole = 0;
        self.buffer.played_until(position);
    }

    fn play(&mut self, packet: &Packet) {
        let number = packet.payload_type;
        self.hole = 0;
        let Some(at) = self.receivers.iter().position(|(known, _)| *known == number) else {
            // Comfort noise lasts until something else comes; what is no longer understood is a gap.
            if self.comfort_noise == Some(number)
                && let Some((_, receiver)) = self.receivers.iter_mut().find(|(known, _)| *known == self.last)
            {
                receiver.fall_silent(&packet.payload);
                self.silent = true;
            }
            return;
        };
        if self.last != number {
            self.hand_over(number);
        }
        let Some((_, receiver)) = self.receivers.get_mut(at) else { return };
        match receiver.hear(&packet.payload, &mut self.sound) {
            Ok(length) => {
                self.silent = receiver.falls_silent(&packet.payload);
                self.go_to(packet.position + length as i64);
            }
            Err(error) => tracing::debug!(%error, "a packet cannot be decoded"),
        }
    }

    /// Another codec speaks from now on.
    fn hand_over(&mut self, number: u8) {
        tracing::debug!(before = self.last, now = number, "the far end speaks another codec");
        self.last = number;
        self.buffer.set_floor(0);
    }

    /// Appends what is heard while there is no packet: noise, what is made up, or silence. Says how much of the stream
    /// that is, samples.
    fn fill(&mut self, samples: i64, counts: bool) -> i64 {
        let grains = usize::try_from(samples.max(1)).unwrap_or(1).div_ceil(GRAIN) * GRAIN;
        let before = self.sound.len();
        let started = self.position.is_some() || self.silent;
        match self.receivers.iter_mut().find(|(number, _)| *number == self.last) {
            Some((_, receiver)) if self.silent => receiver.rest(grains, &mut self.sound),
            Some((_, receiver)) if started => {
                receiver.make_up(grains, &mut self.sound);
                if counts {
                    self.made_up += (self.sound.len() - before) as i64;
                }
            }
            _ => self.sound.resize(before + grains, 0.0),
        }
        grains as i64
    }

    /// How far behind the edge we play, samples.
    fn delay(&self, now: Instant) -> Option<i64> {
        Some(self.buffer.edge(now)? - self.head()?)
    }

    /// Brings the delay nearer to the target by at most 10 ms. Says whether it did.
    fn adjust(&mut self, now: Instant) -> bool {
        let Some(delay) = self.delay(now) else { return false };
        // The next packet is needed when less than a block is at hand: so much earlier than its sound is heard.
        let ahead = (self.sound.len() % BLOCK) as i64;
        let off = delay - ahead - self.buffer.target();
        if (-TOO_EARLY..=TOO_LATE).contains(&off) {
            return false;
        }
        // The splice needs sound at hand: short packets are decoded ahead.
        while self.sound.len() < stretch::NEEDED + BLOCK {
            let Some(position) = self.position.filter(|position| self.buffer.has(*position)) else { break };
            let Next::Packet(packet) = self.buffer.next(position) else { break };
            self.play(&packet);
        }
        if off > 0 {
            // Never shorter than the block to be played now.
            let most = (off as usize).min(self.sound.len().saturating_sub(BLOCK));
            stretch::shorten(&mut self.sound, most, off as usize) > 0
        } else {
            stretch::lengthen(&mut self.sound, off.unsigned_abs() as usize) > 0
        }
    }
}
