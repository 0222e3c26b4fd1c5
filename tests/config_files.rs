//! Config files as people write them: every file of `config/valid` loads, every file of `config/invalid` is refused
//! with exactly the messages in its own `# expect LINE:COLUMN: MESSAGE` comments, and never repeats a secret.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::path::{Path, PathBuf};

use wincall_tui::{
    config::{
        BusyAtSignIn, Codec, Config, HookAction, IcePolicy, LoginType, Notify, PanelFormat, PhoneAway, load::load,
        show::show,
    },
    i18n::Locale,
};

fn files(kind: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config").join(kind);
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

fn valid(name: &str) -> Config {
    let path = files("valid").into_iter().find(|path| path.ends_with(name)).unwrap();
    load(&path, &[]).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn every_valid_file_loads() {
    for path in files("valid") {
        if let Err(errors) = load(&path, &[]) {
            panic!("{errors}");
        }
    }
}

#[test]
fn every_invalid_file_is_refused_with_its_own_messages() {
    let mut wrong = String::new();
    for path in files("invalid") {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut expected: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# expect ")).collect();
        assert!(!expected.is_empty(), "{} expects nothing", path.display());
        expected.sort_by_key(|line| line.split(':').next().unwrap().parse::<usize>().unwrap());

        let errors = load(&path, &[]).err().unwrap_or_else(|| panic!("{} loads", path.display()));
        let lines = errors.lines(errors.locale.unwrap_or(Locale::En));
        assert_eq!(lines.len(), expected.len(), "{lines:#?}");
        for (line, expected) in lines.iter().zip(expected) {
            let told = line.strip_prefix(&format!("{}:", path.display())).unwrap_or(line);
            // A parser's own words may change with its version: only their place is compared.
            let same = if expected.ends_with("TOML: ") { told.starts_with(expected) } else { told == expected };
            if !same {
                wrong.push_str(&format!("{}\n  told:     {told}\n  expected: {expected}\n", path.display()));
            }
            assert!(!line.contains("s3cr3t"), "{line}");
        }
        assert!(!format!("{errors:?}").contains("s3cr3t"));
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_message_exists_in_both_languages() {
    for path in files("invalid") {
        let errors = load(&path, &[]).unwrap_err();
        let (english, chinese) = (errors.lines(Locale::En), errors.lines(Locale::ZhCn));
        for line in chinese.iter().chain(&english) {
            assert!(!line.contains("config.") && !line.contains("%{"), "{line}");
        }
        assert_ne!(english, chinese, "{}", path.display());
    }
}

#[test]
fn the_vendors_object_means_what_it_says() {
    let config = valid("vendor_object.toml");
    let platform = &config.platform;
    assert_eq!((platform.ag_no.as_str(), platform.agent_phone.as_str()), ("8001", "9001"));
    assert_eq!(platform.login_type, LoginType::Static);
    assert_eq!(platform.busy, BusyAtSignIn::Reason(12));
    assert_eq!(platform.jsonp_server.as_str(), "https://m.icsoc.net/");
    assert_eq!(platform.token_call_back, ["renew-token", "--now"]);
    assert_eq!(platform.token_call_back_time.as_secs(), 1800);
    assert!(platform.ws_reconnect_time.is_zero());
    assert!(platform.auto_force_login);
    // With a phone bar, `autoLogin` counts and `initWithLogin` does not.
    assert!(!platform.sign_in_at_start);
    assert_eq!(config.bar.theme_color.as_deref(), Some("#ffffff"));
    let numbers: Vec<(&str, &str)> =
        config.bar.call_nums.iter().map(|caller| (caller.name.as_str(), caller.value.as_str())).collect();
    assert_eq!(numbers, [("01058545832", "01058545832"), ("热线", "4008123123"), ("10086", "10086")]);
}

#[test]
fn defaults_are_the_vendors() {
    let config = valid("minimal.toml");
    let platform = &config.platform;
    assert_eq!(platform.api_server.as_str(), "https://ctiplus-api.icsoc.net/interface/v2");
    assert_eq!(platform.ws_server.as_str(), "wss://ctiplus-ws.icsoc.net/link/v2/ws");
    assert_eq!(platform.sip_ws_server.as_str(), "wss://rtc.icsoc.net:4443/");
    assert_eq!(platform.sip_uri, "rtc.icsoc.net");
    assert_eq!(platform.ws_reconnect_time.as_secs(), 3 * 3600);
    assert_eq!(platform.token_call_back_time.as_secs(), 1800);
    assert!(platform.webrtc && platform.websocket && platform.sign_in_at_start);
    assert!(!platform.auto_force_login && !platform.auto_queue && !platform.sign_out_on_exit);
    assert!(config.bar.pop_up && config.warnings.is_empty());
}

#[test]
fn the_programs_own_tables_are_read() {
    let config = valid("own_tables.toml");
    assert_eq!(config.bar.theme_color.as_deref(), Some("#000080"));
    assert_eq!(config.bar.prefix.as_deref(), Some("ctrl-g"));
    assert_eq!(config.ui.locale, Some(Locale::ZhCn));
    assert_eq!(config.audio.codecs, [Codec::Pcmu, Codec::Opus]);
    assert_eq!(config.keys["mute"], ["m"]);
    assert_eq!(config.platform.token_call_back_time.as_secs(), 5400);
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/valid/control.sock");
    assert_eq!(config.control.path.as_deref(), Some(here.as_path()));
    assert_eq!(config.phone.away, PhoneAway::Busy);
    assert!(!config.journal.enabled);
    assert_eq!((config.journal.keep, config.journal.days), (20, 90));
    assert_eq!(config.panel.url.as_deref(), Some("https://crm.example/{number}"));
    assert_eq!((config.panel.timeout.as_millis(), config.panel.format), (2500, PanelFormat::Json));
    let command = ["notify-send", "ring", "{Caller}"].map(str::to_owned).to_vec();
    assert_eq!(config.hooks["phoneRingQueue"], HookAction::Run(command));
    let address = "https://crm.example/?n={number}".to_owned();
    assert_eq!(config.hooks["callStarted"], HookAction::Open(address.clone()));
    assert!(show(&config).contains(&address));
    assert_eq!(config.platform.custom_header["x-api-key"], "k3y");
    assert!(!format!("{config:?}{}", show(&config)).contains("k3y"), "it may be a secret");
    assert_eq!(config.ui.notify, Notify::Osc777);
    let ice = &config.ice;
    let urls: Vec<String> = ice.servers.iter().flat_map(|server| &server.urls).map(ToString::to_string).collect();
    let read = [
        "stun:stun.example.test:3478",
        "stun:[2001:db8::1]:3479",
        "turn:turn.example.test:3478?transport=tcp",
        "turns:turn.example.test:443?transport=tcp",
        "turn:turn.example.test:3478?transport=udp",
    ];
    assert_eq!(urls, read);
    assert_eq!((ice.policy, ice.tcp, ice.ipv6, ice.gather.as_millis()), (IcePolicy::Relay, false, true, 300));
    let told: Vec<String> = config.warnings.iter().map(|w| w.render(Locale::En)).collect();
    assert!(told.is_empty(), "everything has its effect: {told:?}");
}

#[test]
fn what_has_no_effect_is_told_and_nothing_else_is() {
    let path = files("valid").into_iter().find(|path| path.ends_with("minimal.toml")).unwrap();
    let told = |overrides: &[(String, String)]| -> Vec<String> {
        let config = load(&path, overrides).unwrap();
        config.warnings.iter().map(|warning| warning.render(Locale::En)).collect()
    };
    let scope = ("oauth.scope".to_owned(), "all".to_owned());
    assert_eq!(told(&[scope]), ["[oauth] is accepted but has no effect in this version"]);
    assert!(told(&[("check".to_owned(), "true".to_owned())]).is_empty());
}
