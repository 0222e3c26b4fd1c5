//! `devices test`: a tone in the speaker, the level of the microphone while it lasts, and a verdict on both.

use std::{
    io::{self, IsTerminal, Write as _},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    cli::{
        CliError, Global,
        args::DevicesTestArgs,
        assembly::with_devices,
        config,
        output::{print, print_json},
    },
    config::AudioConfig,
    domain::DeviceRole,
    i18n::{Locale, Message, text},
    softphone::{AudioError, Event, MediaEvent, SoundTest, Tone, audio::AudioEngine},
    store::{self, Places},
};

/// How long devices may take to open.
const PATIENCE: Duration = Duration::from_secs(6);
/// Quieter than this nobody is heard, dBFS.
const HEARD_DBFS: f32 = -60.0;
/// Cells of the meter.
const METER: usize = 30;

/// What became of the devices.
#[derive(Debug, Default)]
struct Found {
    test: SoundTest,
    names: Option<(String, String)>,
    errors: Vec<AudioError>,
}

impl Found {
    fn error(&self, role: DeviceRole) -> Option<&AudioError> {
        self.errors.iter().rev().find(|error| error.role().is_none_or(|of| of == role))
    }

    fn works(&self, role: DeviceRole) -> bool {
        match role {
            DeviceRole::Microphone => self.test.microphone && self.test.peak_dbfs > HEARD_DBFS,
            DeviceRole::Speaker => self.test.speaker,
            DeviceRole::Ring => self.test.ring,
        }
    }

    fn is_good(&self) -> bool {
        self.works(DeviceRole::Microphone) && self.works(DeviceRole::Speaker)
    }
}

/// Tests and tells.
///
/// # Errors
/// Exit code 1 when a call would have no sound one way or the other; 2 for a config that is wrong.
pub(super) fn run(args: &DevicesTestArgs, as_json: bool, global: &Global) -> Result<(), CliError> {
    let (mut audio, locale) = audio(global)?;
    for (wanted, device) in [(&args.input, &mut audio.input_device), (&args.output, &mut audio.output_device)] {
        if let Some(wanted) = wanted {
            device.clone_from(wanted);
        }
    }
    let live = !as_json && io::stdout().is_terminal();
    if !as_json {
        print(&text(locale, "devices.try_begins"))?;
    }
    let found = listen(audio, Duration::from_secs(args.seconds), live)?;
    if as_json {
        print_json(&in_json(&found, locale).to_string())?;
    } else {
        print(&verdict(&found, locale))?;
    }
    if found.is_good() { Ok(()) } else { Err(CliError::failed("")) }
}

/// Sound as the phone bar would have it: the agent's choice, else the config's; without a config file the system's.
pub(super) fn audio(global: &Global) -> Result<(AudioConfig, Locale), CliError> {
    let language = global.language();
    if global.config.is_none() && global.set.is_empty() && !config::file(global).is_ok_and(|file| file.exists()) {
        return Ok((AudioConfig::default(), language));
    }
    let config = config::configured(global)?;
    let locale = config.ui.locale.unwrap_or(language);
    let places = Places::of(&config::paths(global)?, &config.platform.ag_no);
    let (remembered, _) = store::read_remembered(&places.remembered);
    Ok((with_devices(config, &remembered).audio, locale))
}

fn listen(audio: AudioConfig, lasts: Duration, live: bool) -> Result<Found, CliError> {
    let (tell, told) = mpsc::channel();
    let engine = AudioEngine::start(
        audio,
        Arc::new(move |event| {
            if let Event::Media(event) = event {
                tell.send(event).unwrap_or_default();
            }
        }),
    );
    engine.test_sound(true);
    let mut found = Found::default();
    let began = Instant::now();
    let mut end = began + PATIENCE;
    let mut open = false;
    while let Ok(event) = told.recv_timeout(end.saturating_duration_since(Instant::now())) {
        match event {
            MediaEvent::Tested(test) => found.test = test,
            MediaEvent::DeviceFailed(error) => found.errors.push(error),
            MediaEvent::DevicesReady { input, output } => found.names = Some((input, output)),
            MediaEvent::Connecting
            | MediaEvent::Up { .. }
            | MediaEvent::Lost { .. }
            | MediaEvent::Unheard(_)
            | MediaEvent::SpeakingMuted(_)
            | MediaEvent::MicrophoneSilent(_)
            | MediaEvent::RingReady { .. }
            | MediaEvent::DeviceMoved { .. }
            | MediaEvent::Devices(_)
            | MediaEvent::Closed
            | MediaEvent::Stats(_)
            | MediaEvent::Digits(_)
            | MediaEvent::HeldByFarEnd(_)
            | MediaEvent::Levels { .. } => continue,
        }
        let both = found.test.microphone && found.test.speaker;
        let settled = found.errors.len() >= 2 || began.elapsed() > PATIENCE / 3;
        if !open && (both || (settled && (found.test.microphone || found.test.speaker))) {
            open = true;
            end = Instant::now() + lasts;
            engine.play(Some(Tone::Test));
        } else if !open && found.errors.len() >= 2 {
            // Both are told: nothing more is to be expected.
            break;
        }
        if live && open {
            show(&found.test).map_err(CliError::failed)?;
        }
        if Instant::now() >= end {
            break;
        }
    }
    if live && open {
        writeln!(io::stdout()).map_err(CliError::failed)?;
    }
    drop(engine);
    Ok(found)
}

/// The microphone's level, in place.
fn show(test: &SoundTest) -> io::Result<()> {
    let share = ((test.level_dbfs + 60.0) / 60.0).clamp(0.0, 1.0);
    let filled = (share * METER as f32).round() as usize;
    let bar = "#".repeat(filled) + &".".repeat(METER - filled);
    let mut out = io::stdout().lock();
    write!(out, "\r  [{bar}] {:>4.0} dB ", test.level_dbfs)?;
    out.flush()
}

fn verdict(found: &Found, locale: Locale) -> String {
    let (input, output) = found.names.clone().unwrap_or_default();
    let good =
        |key, name: &str| Message::new(key).with("device", name).with("peak", format!("{:.0}", found.test.peak_dbfs));
    let bad = |role| found.error(role).map_or_else(|| Message::new("devices.try_not_open"), AudioError::message);
    let mut lines = vec![if found.works(DeviceRole::Microphone) {
        good("devices.try_microphone", &input)
    } else if found.test.microphone {
        good("devices.try_silent", &input)
    } else {
        bad(DeviceRole::Microphone)
    }];
    lines.push(if found.works(DeviceRole::Speaker) {
        good("devices.try_speaker", &output)
    } else {
        bad(DeviceRole::Speaker)
    });
    if let Some(echo) = found.test.echo_db {
        lines.push(Message::new("devices.try_echo").with("echo", format!("{echo:.0}")));
    }
    let xruns = found.test.xruns.input + found.test.xruns.output;
    if xruns > 0 {
        lines.push(Message::new("devices.xruns").with("count", xruns));
    }
    lines.iter().map(|line| line.render(locale)).collect::<Vec<_>>().join("\n")
}

fn in_json(found: &Found, locale: Locale) -> Value {
    let error = |role| {
        let error = found.error(role).filter(|_| !found.works(role));
        error.map(|error| error.message().render(locale))
    };
    let (input, output) = found.names.clone().unzip();
    let test = &found.test;
    json!({
        "ok": found.is_good(),
        "input": {
            "name": input,
            "opened": test.microphone,
            "works": found.works(DeviceRole::Microphone),
            "peak_dbfs": test.microphone.then_some(test.peak_dbfs),
            "speech": test.speech,
            "xruns": test.xruns.input,
            "error": error(DeviceRole::Microphone),
        },
        "output": {
            "name": output,
            "opened": test.speaker,
            "works": found.works(DeviceRole::Speaker),
            "xruns": test.xruns.output,
            "error": error(DeviceRole::Speaker),
        },
        "echo_db": test.echo_db,
    })
}
