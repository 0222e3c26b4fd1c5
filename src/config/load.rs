//! From a file's text to [`Config`], or to everything that is wrong with it.

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
};

use super::{
    Config, ConfigErrors, Problem, ProblemPlace, fill, keys,
    problem::{self, Problems},
    section::Reading,
    tree::{self, Entry, Kind, Place},
};
use crate::i18n::{Locale, Message};

/// Reads and checks a config file; `overrides` are the `--set key=value` of the command line, keys dotted.
///
/// # Errors
/// All problems at once, each with its place.
pub fn load(path: &Path, overrides: &[(String, String)]) -> Result<Config, ConfigErrors> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    from_str(&text, path, overrides)
}

/// Checks a config file's text; `file` names it in messages and is where relative paths start.
///
/// # Errors
/// All problems at once, each with its place.
pub fn from_str(text: &str, file: &Path, overrides: &[(String, String)]) -> Result<Config, ConfigErrors> {
    let shown = file.display().to_string();
    let mut root = tree::parse(text).map_err(|errors| {
        let mut problems = Problems::default();
        let mut last_line = usize::MAX;
        for (span, reason) in errors {
            // One slip makes the parser stumble several times on its line; the first is the one to mend.
            let line = text.get(..span.start).unwrap_or(text).matches('\n').count();
            if line != last_line {
                problems.add(Place::At(span.start), Message::new("config.syntax").with("reason", reason));
            }
            last_line = line;
        }
        ConfigErrors { file: shown.clone(), locale: None, problems: problems.placed(text) }
    })?;

    let base = match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned()),
        Some(_) | None => std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
    };
    let home = std::env::home_dir();
    let reading = Reading { base: &base, home, problems: RefCell::new(Problems::default()) };
    for (key, value) in overrides {
        lay_over(&mut root, key, value, &reading);
    }
    let locale = asked_locale(&root);
    let config = fill::config(root, file, &reading);
    let problems = reading.problems.into_inner();
    match config {
        Some((config, places)) if problems.is_empty() => {
            let places = places.into_iter().map(|(option, place)| (option, problem::locate(text, place))).collect();
            Ok(Config { places, ..config })
        }
        Some(_) | None => Err(ConfigErrors { file: shown, locale, problems: problems.placed(text) }),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> ConfigErrors {
    let message = if error.kind() == std::io::ErrorKind::NotFound { "config.no_config" } else { "config.unreadable" };
    let problem = Problem { place: ProblemPlace::File, message: Message::new(message).with("reason", error) };
    ConfigErrors { file: path.display().to_string(), locale: None, problems: vec![problem] }
}

fn lay_over(root: &mut Vec<Entry>, key: &str, value: &str, reading: &Reading<'_>) {
    let place = Place::Set(key.to_owned());
    let mut names = key.split('.').map(|name| keys::canonical(name.trim()));
    if let Some(secret) = names.find(|name| keys::SECRETS.contains(&name.as_str())) {
        reading.problem(place, Message::new("config.set_secret").with("key", secret));
    } else if !tree::set(root, key, value, keys::same) {
        reading.problem(place, Message::new("config.set_no_table").with("key", key));
    }
}

/// The language the file asks for, whatever else is wrong with it.
fn asked_locale(root: &[Entry]) -> Option<Locale> {
    let ui = root.iter().find(|e| keys::same(&e.key, "ui"))?;
    let Kind::Table(entries) = &ui.value.kind else { return None };
    let locale = entries.iter().find(|e| keys::same(&e.key, "locale"))?;
    Locale::from_tag(&locale.value.clone().into_string().ok()?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::{AudioBackend, DEFAULT};

    const LEAST: &str = "token_command = [\"t\"]\nag_no = \"8001\"\nagent_phone = \"9001\"\n";

    fn with_set(sets: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
        let sets: Vec<(String, String)> = sets.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        from_str(LEAST, Path::new("c.toml"), &sets)
    }

    #[test]
    fn the_command_line_overrides_the_file() {
        let config = with_set(&[
            ("agNo", "8002"),
            ("audio.backend", "null"),
            ("ui.panel_width", "20"),
            ("webrtc", "false"),
            ("ws_reconnect_time", "30m"),
            ("phone_bar.call_nums", "[\"10086\"]"),
        ])
        .unwrap();
        assert_eq!(config.platform.ag_no, "8002");
        assert_eq!(config.audio.backend, AudioBackend::Null);
        assert_eq!(config.ui.panel_width, 20);
        assert!(!config.platform.webrtc);
        assert_eq!(config.platform.ws_reconnect_time.as_secs(), 1800);
        assert_eq!(config.bar.call_nums.len(), 1);
    }

    #[test]
    fn a_phone_may_have_an_extension() {
        for phone in ["9001", "01058545832-12", "01058545832,12"] {
            assert_eq!(with_set(&[("agent_phone", phone)]).unwrap().platform.agent_phone, phone);
        }
    }

    #[test]
    fn what_is_wrong_on_the_command_line_is_told_as_such_and_secrets_are_refused() {
        for (key, value, told) in [
            ("webrtc", "maybe", "--set webrtc: 'webrtc' must be true or false"),
            ("audio.backend.x", "1", "--set audio.backend.x: 'backend' must be a string"),
            ("ag_no.x", "1", "--set ag_no.x: 'ag_no.x' goes through something that is not a table"),
            ("tokem_file", "x", "--set tokem_file: unknown key 'tokem_file'; did you mean 'token_file'?"),
            ("token", "Bearer s3cr3t", "--set token: 'token' is a secret"),
            ("customHeader.X-Key", "s3cr3t", "--set customHeader.X-Key: 'custom_header' is a secret"),
        ] {
            let errors = with_set(&[(key, value)]).unwrap_err();
            let lines = errors.lines(Locale::En);
            assert!(lines.iter().any(|line| line.starts_with(told)), "{lines:?}");
            assert!(!format!("{errors:?}").contains("s3cr3t"));
        }
    }

    #[test]
    fn a_token_that_others_can_read_is_a_warning() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.toml");
        std::fs::write(&path, "token = \"Bearer x\"\nag_no = \"8001\"\nagent_phone = \"9001\"\n").unwrap();
        for (mode, warnings) in [(0o644, 1), (0o600, 0)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(load(&path, &[]).unwrap().warnings.len(), warnings, "{mode:o}");
        }
    }

    #[test]
    fn plain_text_to_a_server_far_away_is_warned_of() {
        let warned = |key: &str, url: &str| {
            let config = with_set(&[(key, url)]).unwrap();
            config.warnings.iter().map(|warning| warning.render(Locale::En)).collect::<Vec<_>>()
        };
        for (key, url) in [
            ("api_server", "http://cti.example/v2"),
            ("ws_server", "ws://10.1.2.3:8080/ws"),
            ("jsonp_server", "http://[2001:db8::1]/"),
            ("sip_ws_server", "ws://localhost.example:5066"),
        ] {
            let told = warned(key, url);
            assert_eq!(told.len(), 1, "{url}: {told:?}");
            assert!(told[0].contains(key) && told[0].contains("plain text"), "{told:?}");
        }
        for (key, url) in [
            ("api_server", "http://127.0.0.1:8080/v2"),
            ("api_server", "http://localhost/v2"),
            ("ws_server", "ws://[::1]:8080/ws"),
            ("ws_server", "wss://cti.example/ws"),
            ("sip_ws_server", "ws://sim.localhost:5066"),
            ("jsonp_server", "https://cti.example/"),
        ] {
            assert_eq!(warned(key, url), Vec::<String>::new(), "{url}");
        }
    }

    #[test]
    fn fuzz_config() {
        let folders = ["tests/config/valid", "tests/config/invalid", "tests/corpora/config"];
        crate::fuzz::run("config", &folders, |bytes| {
            if let Err(errors) = from_str(&String::from_utf8_lossy(bytes), Path::new("c.toml"), &[]) {
                assert_eq!(errors.lines(Locale::ZhCn).len(), errors.problems.len());
                assert!(!errors.problems.is_empty());
            }
        });
    }

    #[test]
    fn a_file_that_is_not_there_is_told_with_the_way_out() {
        let errors = load(Path::new("/nowhere/c.toml"), &[]).unwrap_err();
        let told = errors.render(Locale::En);
        assert!(told.starts_with("/nowhere/c.toml: ") && told.contains("config init"), "{told}");
    }

    /// The lines of the default file that are options, each with its table, comment signs taken off.
    fn documented() -> Vec<(String, String)> {
        let mut table = String::new();
        let mut options = Vec::new();
        for line in DEFAULT.lines() {
            let line = line.strip_prefix('#').unwrap_or(line);
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                table = name.to_owned();
            } else if !line.starts_with([' ', '#', '-']) && line.contains(" = ") {
                options.push((table.clone(), line.to_owned()));
            }
        }
        options
    }

    #[test]
    fn every_documented_option_loads_and_every_key_is_documented() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["token", "ca.pem", "microphone.wav", "proxy-password"] {
            std::fs::write(dir.path().join(file), "Bearer x\n").unwrap();
        }
        let file = dir.path().join("c.toml");
        let options = documented();
        for (table, line) in &options {
            let key = line.split(" = ").next().unwrap();
            let least: String =
                LEAST.lines().filter(|l| !l.starts_with(&format!("{key} "))).map(|l| format!("{l}\n")).collect();
            let least = if table.is_empty() && key.starts_with("token") && !key.starts_with("token_call") {
                least.replace("token_command", "#")
            } else {
                least
            };
            // Options that only count together.
            let line = if key.starts_with("proxy_") {
                let of_proxy =
                    options.iter().filter(|(_, line)| line.starts_with("proxy") && !line.contains("\"system\""));
                of_proxy.map(|(_, line)| format!("{line}\n")).collect()
            } else {
                line.clone()
            };
            let text =
                if table.is_empty() { format!("{least}{line}\n") } else { format!("{least}[{table}]\n{line}\n") };
            if let Err(errors) = from_str(&text, &file, &[]) {
                panic!("{line}: {errors}");
            }
        }
        for (table, keys) in keys::TABLES {
            for key in *keys {
                let here = options.iter().any(|(t, line)| t == table && line.starts_with(&format!("{key} = ")));
                let is_table = table.is_empty() && options.iter().any(|(t, _)| t == key);
                assert!(here || is_table, "{key} of [{table}] is not documented");
            }
        }
    }

    #[test]
    fn the_default_file_itself_loads_once_there_is_a_token() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("token"), "Bearer x\n").unwrap();
        let config = from_str(DEFAULT, &dir.path().join("config.toml"), &[]).unwrap();
        assert_eq!(config.bar, Default::default());
        assert_eq!(config.ui, Default::default());
        assert_eq!(config.audio, Default::default());
    }

    #[test]
    fn files_of_other_systems_are_read() {
        let text = format!("\u{feff}{}", LEAST.replace('\n', "\r\n"));
        assert!(from_str(&text, Path::new("c.toml"), &[]).is_ok());
        let errors = from_str(&format!("{text}agnt_no = 1\r\n"), Path::new("c.toml"), &[]).unwrap_err();
        let place = &errors.problems.first().unwrap().place;
        assert_eq!(*place, ProblemPlace::Line { line: 4, column: 1 });
    }

    proptest::proptest! {
        /// Whatever is cut out of a good file or put into it, the answer is a config or problems with places.
        #[test]
        fn no_text_makes_it_panic(from in 0..6000usize, length in 0..40usize, put in "\\PC{0,12}") {
            let options = DEFAULT.lines().map(|line| line.strip_prefix('#').unwrap_or(line));
            let chars: Vec<char> = options.flat_map(|line| line.chars().chain(['\n'])).collect();
            let (before, after) = (chars.iter().take(from), chars.iter().skip(from + length));
            let text: String = before.copied().chain(put.chars()).chain(after.copied()).collect();
            if let Err(errors) = from_str(&text, Path::new("c.toml"), &[]) {
                proptest::prop_assert!(!errors.problems.is_empty());
                proptest::prop_assert_eq!(errors.lines(Locale::ZhCn).len(), errors.problems.len());
            }
        }

        #[test]
        fn no_override_makes_it_panic(key in "[a-zA-Z_.]{0,20}", value in "\\PC{0,20}") {
            let dotted = |(table, keys): &(&str, &[&str])| keys.iter().map(|k| format!("{table}.{k}")).collect::<Vec<_>>();
            let known = keys::TABLES.iter().flat_map(dotted).map(|key| key.trim_start_matches('.').to_owned());
            for key in known.chain([key]) {
                if let Err(errors) = from_str(LEAST, Path::new("c.toml"), &[(key, value.clone())]) {
                    proptest::prop_assert!(!errors.render(Locale::En).is_empty());
                }
            }
        }
    }
}
