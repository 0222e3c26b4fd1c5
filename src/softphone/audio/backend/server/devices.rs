//! The devices of the server that a person would choose.

use std::ffi::{CStr, CString};

use pulseaudio::protocol::{Command, ProtocolError, ServerInfo, SinkInfoList, SourceInfoList};

use super::Connection;
use crate::softphone::audio::backend::direction::DeviceDirection;

/// A sink or a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerDevice {
    /// Microphone or speaker.
    pub direction: DeviceDirection,
    /// The server's name for it, which stays the same over restarts.
    pub name: CString,
    /// For people, on one line.
    pub description: String,
    /// Whether it is the server's choice.
    pub is_default: bool,
}

/// What is plugged in now: not what a sink plays, recorded, and not the stand-in for a missing device.
///
/// # Errors
/// When the connection is lost.
pub fn devices(connection: &mut Connection) -> Result<Vec<ServerDevice>, ProtocolError> {
    let info: ServerInfo = connection.ask(&Command::GetServerInfo, |_| {})?;
    let sinks: SinkInfoList = connection.ask(&Command::GetSinkInfoList, |_| {})?;
    let sources: SourceInfoList = connection.ask(&Command::GetSourceInfoList, |_| {})?;
    let device = |direction, name: CString, description: Option<CString>, default: Option<&CString>| ServerDevice {
        direction,
        description: name_for_people(&name, description.as_deref()),
        is_default: default == Some(&name),
        name,
    };
    let sinks = sinks
        .into_iter()
        .map(|sink| device(DeviceDirection::Output, sink.name, sink.description, info.default_sink_name.as_ref()));
    let sources = sources.into_iter().filter(|source| source.monitor_of_sink_index.is_none()).map(|source| {
        device(DeviceDirection::Input, source.name, source.description, info.default_source_name.as_ref())
    });
    Ok(sinks.chain(sources).filter(|device| is_for_people(&device.name.to_string_lossy())).collect())
}

/// What a device is called, on one line: its description, else its name.
pub(super) fn name_for_people(name: &CStr, description: Option<&CStr>) -> String {
    description.unwrap_or(name).to_string_lossy().lines().collect::<Vec<_>>().join(", ")
}

fn is_for_people(name: &str) -> bool {
    !name.ends_with(".monitor") && !name.starts_with("auto_null")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recordings_of_speakers_and_stand_ins_are_no_devices() {
        for name in ["spk.monitor", "auto_null", "auto_null.monitor"] {
            assert!(!is_for_people(name), "{name}");
        }
        assert!(is_for_people("alsa_output.usb-GN_Jabra-00.analog-stereo"));
    }
}
