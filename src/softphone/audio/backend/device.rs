//! Microphone, speaker and ring device by cpal.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use super::{
    Need,
    drift::Drift,
    line::{Change, Line, Open},
    list::DeviceDirection,
    open::End,
};
use crate::{
    config::AudioConfig,
    softphone::{
        AudioError, MediaEvent,
        audio::{BLOCK, RATE, resample::Resampler},
    },
};

/// Added to what a device is kept filled with each time it runs dry, samples: 5 ms.
const MORE_MARGIN: usize = 240;
/// The most added so, samples: 60 ms.
const MOST_MARGIN: usize = 2880;
/// When this much more than should waits in a ring on average, a block is left out, samples: 20 ms.
const EXCESS: f64 = 960.0;
/// When this much more waits at once, the device does not keep time, samples: 60 ms.
const JAM: usize = 2880;

/// The three devices.
pub struct DeviceBackend {
    microphone: Line,
    speaker: Line,
    /// Unset when it is the speaker.
    ring: Option<Line>,
    ears: Option<CaptureFeed>,
    mouth: Option<PlayFeed>,
    bell: Option<PlayFeed>,
    proving: bool,
    told_ready: bool,
    told: Vec<AudioError>,
}

impl DeviceBackend {
    /// Opens nothing yet.
    pub fn new(config: &AudioConfig) -> Self {
        let separate = config.ring_device != config.output_device;
        Self {
            microphone: Line::new(&config.input_device, DeviceDirection::Input, "microphone"),
            speaker: Line::new(&config.output_device, DeviceDirection::Output, "speaker"),
            ring: separate.then(|| Line::new(&config.ring_device, DeviceDirection::Output, "ring device")),
            ears: None,
            mouth: None,
            bell: None,
            proving: false,
            told_ready: false,
            told: Vec::new(),
        }
    }

    /// Tells whether microphone and speaker work once it is known.
    pub fn prove(&mut self) {
        self.proving = true;
        self.told_ready = false;
        self.told.clear();
    }

    /// See [`super::Backend::speaker_idle`].
    pub fn speaker_idle(&self, now: Instant) -> Duration {
        self.speaker.idle(now)
    }

    /// See [`super::Backend::lingers`].
    pub fn lingers(&self) -> bool {
        self.proving
            || self.microphone.lingers()
            || self.speaker.lingers()
            || self.ring.as_ref().is_some_and(Line::lingers)
    }

    /// See [`super::Backend::serve`].
    pub fn serve(&mut self, need: Need, now: Instant) -> Vec<MediaEvent> {
        let mut events = Vec::new();
        let ring_by_speaker = need.ring && self.ring.as_ref().is_none_or(Line::failed);
        let microphone = self.microphone.serve(need.microphone || self.proving, now);
        let speaker = self.speaker.serve(need.speaker || ring_by_speaker || self.proving, now);
        let ring = self.ring.as_mut().and_then(|line| line.serve(need.ring, now));
        if self.microphone.open().is_none() {
            self.ears = None;
        }
        if self.speaker.open().is_none() {
            self.mouth = None;
        }
        if self.ring.as_mut().is_none_or(|line| line.open().is_none()) {
            self.bell = None;
        }
        for change in [microphone, speaker, ring].into_iter().flatten() {
            match change {
                Change::Opened => {}
                Change::Failed(error) => {
                    (self.proving, self.told_ready) = (false, false);
                    // Told once, not with every attempt.
                    if !self.told.contains(&error) {
                        tracing::warn!(%error, "sound device");
                        self.told.push(error.clone());
                        events.push(MediaEvent::DeviceFailed(error));
                    }
                }
            }
        }
        if !self.told_ready
            && self.microphone.alive()
            && self.speaker.alive()
            && let (Some(input), Some(output)) = (self.microphone.open(), self.speaker.open())
        {
            let (input, output) = (input.name.clone(), output.name.clone());
            tracing::info!(%input, %output, "sound devices work");
            (self.proving, self.told_ready) = (false, true);
            self.told.clear();
            events.push(MediaEvent::DevicesReady { input, output });
        }
        if !self.lingers() {
            self.told_ready = false;
            self.told.clear();
        }
        events
    }

    /// The next 10 ms of the microphone, or silence.
    pub fn capture(&mut self, block: &mut [f32; BLOCK]) {
        block.fill(0.0);
        let Some(open) = self.microphone.open() else { return };
        let feed = self.ears.get_or_insert_with(|| CaptureFeed::new(open.rate));
        feed.read(open, block);
    }

    /// The next 10 ms to be heard.
    pub fn play(&mut self, voice: Option<&[f32; BLOCK]>, tones: &[f32; BLOCK], ring: &[f32; BLOCK]) {
        let mut sum = *tones;
        let mut add = |more: &[f32; BLOCK]| sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        if let Some(voice) = voice {
            add(voice);
        }
        match self.ring.as_mut().and_then(Line::open) {
            Some(open) => self.bell.get_or_insert_with(|| PlayFeed::new(open.rate)).write(open, ring),
            None => add(ring),
        }
        if let Some(open) = self.speaker.open() {
            self.mouth.get_or_insert_with(|| PlayFeed::new(open.rate)).write(open, &sum);
        }
    }
}

/// How much should wait in a ring: what the device takes or gives at once, a block, and more after it ran dry.
#[derive(Default)]
struct Margin {
    extra: usize,
    starved: u64,
}

impl Margin {
    fn wanted(&self, open: &Open, rate: u32) -> usize {
        let biggest = open.pulse.biggest.load(Ordering::Relaxed) as u64 * u64::from(RATE) / u64::from(rate.max(1));
        (biggest as usize).min(RATE as usize / 5) + BLOCK + self.extra
    }

    fn ran_dry(&mut self) {
        self.extra = (self.extra + MORE_MARGIN).min(MOST_MARGIN);
    }
}

/// From the microphone's ring to our blocks.
struct CaptureFeed {
    rate: u32,
    resampler: Option<Resampler>,
    drift: Drift,
    ready: Vec<f32>,
    scratch: Vec<f32>,
    margin: Margin,
    filling: bool,
}

impl CaptureFeed {
    fn new(rate: u32) -> Self {
        Self {
            rate,
            resampler: Resampler::new(rate, RATE),
            drift: Drift::from_device(),
            ready: Vec::new(),
            scratch: Vec::new(),
            margin: Margin::default(),
            filling: true,
        }
    }

    fn read(&mut self, open: &mut Open, block: &mut [f32; BLOCK]) {
        let wanted = self.margin.wanted(open, self.rate);
        let (End::Capture(ring), Some(resampler)) = (&mut open.end, &mut self.resampler) else { return };
        self.scratch.resize(ring.slots(), 0.0);
        let (heard, _) = ring.pop_partial_slice(&mut self.scratch);
        resampler.process(heard, &mut self.ready);
        let fill = self.ready.len();
        if self.filling && fill < wanted {
            return;
        }
        if self.filling || fill > wanted + JAM {
            self.ready.drain(..fill - wanted);
            self.drift.forget();
            self.filling = false;
        }
        self.drift.note(self.ready.len(), wanted);
        if self.drift.over(wanted) > EXCESS && self.ready.len() > BLOCK + wanted {
            self.ready.drain(..BLOCK);
            self.drift.left_out();
        }
        let takes = self.drift.takes();
        let Some(samples) = self.ready.get(..takes) else {
            self.margin.ran_dry();
            self.filling = true;
            open.pulse.xruns.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(margin = self.margin.extra, "the microphone does not keep up");
            return;
        };
        for (to, from) in block.iter_mut().zip(self.drift.process(samples)) {
            *to = *from;
        }
        self.ready.drain(..takes);
    }
}

/// From our blocks to a speaker's ring.
struct PlayFeed {
    rate: u32,
    resampler: Option<Resampler>,
    drift: Drift,
    out: Vec<f32>,
    margin: Margin,
    filling: bool,
    jammed: bool,
}

impl PlayFeed {
    fn new(rate: u32) -> Self {
        Self {
            rate,
            resampler: Resampler::new(RATE, rate),
            drift: Drift::to_device(),
            out: Vec::new(),
            margin: Margin::default(),
            filling: true,
            jammed: false,
        }
    }

    fn write(&mut self, open: &mut Open, block: &[f32; BLOCK]) {
        if !open.alive() {
            return;
        }
        let starved = open.pulse.starved.load(Ordering::Relaxed);
        if starved != self.margin.starved && !self.filling {
            self.margin.ran_dry();
            self.filling = true;
            tracing::debug!(margin = self.margin.extra, "the speaker ran dry");
        }
        self.margin.starved = starved;
        let wanted = self.margin.wanted(open, self.rate);
        let (End::Play(ring), Some(resampler)) = (&mut open.end, &mut self.resampler) else { return };
        let to_ours = |samples: usize| (samples as u64 * u64::from(RATE) / u64::from(self.rate.max(1))) as usize;
        let to_device = |samples: usize| (samples as u64 * u64::from(self.rate) / u64::from(RATE)) as usize;
        let waiting = to_ours(ring.buffer().capacity() - ring.slots());
        self.out.clear();
        if self.filling {
            self.out.resize(to_device(wanted.saturating_sub(waiting)), 0.0);
            self.drift.forget();
            self.filling = false;
        } else if waiting > wanted + JAM {
            if !self.jammed {
                self.jammed = true;
                open.pulse.xruns.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(waiting, wanted, "the speaker stands still");
            }
            return;
        } else {
            self.jammed = false;
            self.drift.note(waiting, wanted);
            if self.drift.over(wanted) > EXCESS && waiting > wanted + BLOCK {
                self.drift.left_out();
                return;
            }
        }
        resampler.process(self.drift.process(block), &mut self.out);
        let (_, left_over) = ring.push_partial_slice(&self.out);
        if !left_over.is_empty() {
            tracing::debug!(samples = left_over.len(), "no room in the speaker's ring");
        }
    }
}
