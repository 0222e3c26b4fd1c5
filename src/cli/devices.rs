//! `devices`: microphones and speakers.

mod try_out;

use serde_json::json;

use super::{
    CliError, DevicesArgs, Global,
    args::DevicesWord,
    output::{print, print_json},
};
use crate::{
    i18n::text,
    softphone::audio::{DeviceDirection, DeviceInfo, list_devices},
};

/// Lists devices, defaults marked.
///
/// # Errors
/// Exit code 1 when the sound system cannot be asked, or when the test finds that a call would have no sound.
pub(super) fn run(args: &DevicesArgs, global: &Global) -> Result<(), CliError> {
    let locale = global.language();
    if let Some(DevicesWord::Test(test)) = &args.word {
        return try_out::run(test, args.json || test.json, global);
    }
    // A config with a mistake does not hide the devices.
    let host = try_out::audio(global).map(|(audio, _)| audio.host).unwrap_or_default();
    let devices = list_devices(host).map_err(|error| CliError::failed(error.message().render(locale)))?;
    if args.json {
        let rows: Vec<_> = devices
            .iter()
            .map(|device| {
                json!({
                    "name": device.name,
                    "id": device.id,
                    "direction": match device.direction {
                        DeviceDirection::Input => "input",
                        DeviceDirection::Output => "output",
                    },
                    "default": device.is_default,
                })
            })
            .collect();
        return print_json(&json!(rows).to_string());
    }
    if devices.is_empty() {
        return print(&text(locale, "cli.no_devices"));
    }
    let mut lines = String::new();
    for (direction, heading) in [(DeviceDirection::Input, "cli.microphones"), (DeviceDirection::Output, "cli.speakers")]
    {
        lines.push_str(&text(locale, heading));
        lines.push('\n');
        lines.extend(devices.iter().filter(|device| device.direction == direction).map(line));
    }
    print(&lines)
}

fn line(device: &DeviceInfo) -> String {
    let mark = if device.is_default { '*' } else { ' ' };
    format!("  {mark} {}  [{}]\n", device.name, device.id)
}
