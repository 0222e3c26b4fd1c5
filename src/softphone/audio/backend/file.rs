//! WAV files instead of a microphone and a speaker.

use std::path::PathBuf;

use crate::{
    config::AudioConfig,
    softphone::{
        AudioError, MediaEvent,
        audio::{
            BLOCK,
            wav::{WavLoop, WavSink},
        },
    },
};

/// Blocks between two flushes of the output file: 1 s, so that a kill leaves a readable file.
const FLUSH_EVERY: u32 = 100;

/// Reads the one file round and round during a call, and writes what the far end says into the other. What cannot be
/// used is told once a call, and is silence.
pub struct FileBackend {
    input_file: Option<PathBuf>,
    output_file: Option<PathBuf>,
    input: Option<WavLoop>,
    output: Option<WavSink>,
    since_flush: u32,
    events: Vec<MediaEvent>,
}

impl FileBackend {
    /// Opens nothing yet.
    pub fn new(config: &AudioConfig) -> Self {
        Self {
            input_file: config.input_file.clone(),
            output_file: config.output_file.clone(),
            input: None,
            output: None,
            since_flush: 0,
            events: Vec::new(),
        }
    }

    /// What there is to tell since the last time.
    pub fn take_events(&mut self) -> Vec<MediaEvent> {
        std::mem::take(&mut self.events)
    }

    /// Starts the input file from its beginning; the output file goes on where it was.
    pub fn begin_call(&mut self) {
        self.input = match self.input_file.as_deref().map(WavLoop::open) {
            Some(Ok(input)) => Some(input),
            Some(Err(error)) => {
                self.failed(error);
                None
            }
            None => None,
        };
        self.open_output();
    }

    /// Leaves a complete output file.
    pub fn end_call(&mut self) {
        self.input = None;
        self.flush();
    }

    /// Reads the input file outside of calls too, for a test; what cannot be used is told.
    pub fn begin_test(&mut self) {
        if self.input.is_none() {
            self.begin_call();
        }
    }

    /// Whether sound comes from the input file, and goes to the output file. Where nothing is to be written, nothing fails.
    pub fn alive(&self) -> (bool, bool) {
        (self.input.is_some(), self.output.is_some() || self.output_file.is_none())
    }

    /// Whether both files can be used.
    pub fn prove(&mut self) {
        let name = |path: &Option<PathBuf>| path.as_ref().map_or(String::new(), |path| path.display().to_string());
        let readable = match self.input_file.as_deref().map(WavLoop::open) {
            Some(Err(error)) => {
                self.failed(error);
                false
            }
            Some(Ok(_)) | None => true,
        };
        if self.open_output() && readable {
            let (input, output) = (name(&self.input_file), name(&self.output_file));
            self.events.push(MediaEvent::DevicesReady { input, output });
        }
    }

    /// The next 10 ms of the input file, or silence.
    pub fn capture(&mut self, block: &mut [f32; BLOCK]) {
        block.fill(0.0);
        if let Some(Err(error)) = self.input.as_mut().map(|input| input.read(block)) {
            self.input = None;
            self.failed(error);
        }
    }

    /// The far end's next 10 ms, if there is a call.
    pub fn play(&mut self, voice: Option<&[f32; BLOCK]>) {
        let (Some(voice), Some(output)) = (voice, &mut self.output) else { return };
        if let Err(error) = output.write(voice) {
            self.output = None;
            self.failed(error);
            return;
        }
        self.since_flush += 1;
        if self.since_flush >= FLUSH_EVERY {
            self.flush();
        }
    }

    fn open_output(&mut self) -> bool {
        if self.output.is_none()
            && let Some(path) = &self.output_file
        {
            match WavSink::create(path) {
                Ok(sink) => self.output = Some(sink),
                Err(error) => {
                    self.failed(error);
                    return false;
                }
            }
        }
        true
    }

    fn flush(&mut self) {
        self.since_flush = 0;
        if let Some(Err(error)) = self.output.as_mut().map(WavSink::flush) {
            self.output = None;
            self.failed(error);
        }
    }

    fn failed(&mut self, error: AudioError) {
        tracing::warn!(%error, "audio file");
        self.events.push(MediaEvent::DeviceFailed(error));
    }
}
