//! What an agent chose, as one small JSON file.

use std::{fs, io, path::Path};

use super::files;
use crate::{domain::Remembered, i18n::Message};

/// Narrowest and widest right-hand panel, percent of the screen.
const PANEL: (u16, u16) = (15, 60);

/// Reads an agent's choices; without a file, or with a broken one, nothing was chosen.
///
/// A broken file is kept aside under another name, and the message says so.
pub fn read_remembered(file: &Path) -> (Remembered, Option<Message>) {
    let text = match fs::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (Remembered::default(), None),
        Err(error) => {
            let message = Message::new("store.remembered_unreadable").with("path", file.display());
            return (Remembered::default(), Some(message.with("reason", error)));
        }
    };
    match serde_json::from_slice::<Remembered>(&text) {
        Ok(mut remembered) => {
            remembered.panel_width = remembered.panel_width.map(|percent| percent.clamp(PANEL.0, PANEL.1));
            (remembered, None)
        }
        Err(_) => {
            let aside = files::beside(file, "broken");
            let message = match fs::rename(file, &aside) {
                Ok(()) => Message::new("store.remembered_broken").with("path", aside.display()),
                Err(error) => {
                    let message = Message::new("store.remembered_unreadable").with("path", file.display());
                    message.with("reason", error)
                }
            };
            (Remembered::default(), Some(message))
        }
    }
}

/// Keeps an agent's choices.
pub(super) fn write_remembered(file: &Path, remembered: &Remembered) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(remembered)?;
    text.push(b'\n');
    files::replace(file, &text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::{domain::ChosenDevice, i18n::Locale};

    #[test]
    fn choices_are_found_again_and_are_nobody_elses() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("agent-8001.json");
        assert_eq!(read_remembered(&file), (Remembered::default(), None));
        let chosen = Remembered {
            caller_id: Some("010".into()),
            auto_answer: true,
            project: Some("7".into()),
            panel: Some(false),
            panel_width: Some(40),
            quiet: true,
            mouse: Some(true),
            input_device: Some(ChosenDevice::new("alsa:mic", "Headset")),
            output_device: Some(ChosenDevice::system()),
            ring_device: None,
            proven_sound: Some(crate::domain::ProvenSound {
                input: "Headset".into(),
                output: "Headset".into(),
                at: jiff::Timestamp::UNIX_EPOCH,
            }),
        };
        write_remembered(&file, &chosen).unwrap();
        assert_eq!(read_remembered(&file), (chosen, None));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn files_of_other_versions_are_understood_as_far_as_they_go() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("agent-8001.json");
        fs::write(&file, r#"{"quiet":true,"panel_width":99,"from_the_future":[1]}"#).unwrap();
        let expected = Remembered { quiet: true, panel_width: Some(60), ..Remembered::default() };
        assert_eq!(read_remembered(&file), (expected, None));
    }

    #[test]
    fn a_broken_file_is_kept_aside_and_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("agent-8001.json");
        for broken in ["", "{\"quiet\":tr", "7", "\u{0}\u{0}"] {
            fs::write(&file, broken).unwrap();
            let (remembered, told) = read_remembered(&file);
            assert_eq!(remembered, Remembered::default(), "{broken:?}");
            let told = told.unwrap().render(Locale::En);
            let aside = dir.path().join("agent-8001.json.broken");
            assert!(told.contains(&aside.display().to_string()), "{told}");
            assert_eq!(fs::read_to_string(&aside).unwrap(), broken);
            assert_eq!(read_remembered(&file), (Remembered::default(), None), "told once");
        }
    }
}
