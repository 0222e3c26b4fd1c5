//! The command line as a user types it: config words, exit codes, and nothing secret on the screen.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::{
    io::{Read, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

fn run(home: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wincall-tui"));
    command.args(args).env("HOME", home).env("LC_ALL", "en_US.UTF-8");
    for name in ["XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "WINCALL_LOG"] {
        command.env_remove(name);
    }
    command.output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_config_is_written_checked_and_shown() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let file = home.join(".config/wincall-tui/config.toml");

    let output = run(home, &["config", "init"]);
    assert!(output.status.success(), "{}", err(&output));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    // The token is still to be given; the place of the line that names it is told.
    let output = run(home, &["config", "check"]);
    assert_eq!(output.status.code(), Some(2));
    let told = err(&output);
    assert!(told.starts_with(&format!("{}:", file.display())) && told.contains("'token_file'"), "{told}");

    std::fs::write(file.with_file_name("token"), "Bearer s3cr3t\n").unwrap();
    let output = run(home, &["config", "check"]);
    assert!(output.status.success(), "{}", err(&output));
    assert!(err(&output).contains("chmod 600"), "{}", err(&output));
    std::fs::set_permissions(file.with_file_name("token"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let output = run(home, &["config", "check", file.to_str().unwrap()]);
    assert_eq!((output.status.code(), err(&output)), (Some(0), String::new()));

    let output = run(home, &["config", "show", "--set", "audio.backend=null", "--theme", "light", "--locale", "zh-CN"]);
    let shown = out(&output);
    for line in ["ag_no = \"8001\"", "backend = \"null\"", "theme = \"light\"", "locale = \"zh-CN\""] {
        assert!(shown.lines().any(|l| l == line), "{line} in\n{shown}");
    }
    assert!(!shown.contains("s3cr3t"));

    let output = run(home, &["config", "init"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("--force"), "{}", err(&output));
    assert!(run(home, &["config", "init", "--force"]).status.success());

    let paths = out(&run(home, &["config", "path"]));
    for part in ["/.config/wincall-tui/config.toml", "/.local/state/wincall-tui/log", "/run/8001.sock"] {
        assert!(paths.contains(part), "{part} in\n{paths}");
    }
}

#[test]
fn what_only_the_screen_can_judge_is_told_with_its_place_too() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("c.toml");
    let least = "token_command = [\"t\"]\nag_no = \"8001\"\nagent_phone = \"9001\"\n";
    let keys = "[keys]\nanswer = \"a\"\nnope = \"b\"\nhold = [\"hyper-h\", \"1\"]\n";
    std::fs::write(&file, format!("{least}{keys}")).unwrap();
    let name = file.to_str().unwrap();
    let output = run(home.path(), &["config", "check", name]);
    assert_eq!(output.status.code(), Some(2));
    let told = err(&output);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 3, "{told}");
    assert!(lines.iter().any(|line| line.starts_with(&format!("{name}:6:1: ")) && line.contains("nope")), "{told}");
    assert_eq!(lines.iter().filter(|line| line.starts_with(&format!("{name}:7:1: "))).count(), 2, "{told}");

    std::fs::write(&file, format!("{least}[ui]\ntheme = \"nope\"\n")).unwrap();
    let told = err(&run(home.path(), &["config", "check", name]));
    assert!(told.starts_with(&format!("{name}:5:9: ")), "{told}");
    let told = err(&run(home.path(), &["config", "check", name, "--set", "ui.theme=other"]));
    assert!(told.starts_with("--set ui.theme: "), "{told}");
}

#[test]
fn all_problems_are_told_at_once_in_the_language_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("c.toml");
    std::fs::write(&file, "token = \"s3cr3t\"\nag_no = 8001\nagent_fone = \"1\"\n").unwrap();
    let file = file.to_str().unwrap();

    let output = run(home.path(), &["config", "check", file]);
    assert_eq!(output.status.code(), Some(2));
    let told = err(&output);
    assert_eq!(told.lines().count(), 4, "{told}");
    assert!(told.lines().all(|line| line.starts_with(&format!("{file}:"))), "{told}");
    assert!(told.contains(":3:1: unknown key 'agent_fone'; did you mean 'agent_phone'?"), "{told}");
    assert!(!told.contains("s3cr3t"));

    let chinese = err(&run(home.path(), &["--config", file, "--locale", "zh-CN", "run"]));
    assert!(chinese.contains(":3:1: 未知的键 'agent_fone'；是否应为 'agent_phone'？"), "{chinese}");
}

#[test]
fn wrong_usage_is_exit_code_2_and_a_missing_config_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    for args in [&["nonsense"][..], &["--locale", "fr"], &["ctl", "wait", "sunshine"], &["sim", "--listen", "here"]] {
        assert_eq!(run(home.path(), args).status.code(), Some(2), "{args:?}");
    }
    let output = run(home.path(), &["--headless"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("config init") && err(&output).contains("demo"), "{}", err(&output));
    let output = run(home.path(), &["--set", "token=Bearer x", "config", "show"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_config_on_standard_input_is_checked() {
    let home = tempfile::tempdir().unwrap();
    let check = |config: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wincall-tui"));
        command.args(["config", "check", "-", "--locale", "en"]).env("HOME", home.path());
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(config.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let good = check("token_command = [\"t\"]\nag_no = \"8001\"\nagent_phone = \"9001\"\n");
    assert!(good.status.success(), "{}", err(&good));
    let wrong = check("token_command = [\"t\"]\nag_no = \"8001\"\nagent_phon = \"9001\"\n");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(err(&wrong).contains("-:3:1:") && err(&wrong).contains("agent_phone"), "{}", err(&wrong));
}

#[test]
fn what_cannot_be_printed_is_no_success() {
    let home = tempfile::tempdir().unwrap();
    for args in [
        &["--help"][..],
        &["--version"],
        &["ctl", "--help"],
        &["--locale", "zh-CN", "--help"],
        &["config", "init", "--stdout"],
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_wincall-tui"));
        let status =
            command.args(args).env("HOME", home.path()).stdout(full).stderr(std::process::Stdio::null()).status();
        assert_eq!(status.unwrap().code(), Some(1), "{args:?}");
    }
}

#[test]
fn help_version_completions_and_manual_are_printed() {
    let home = tempfile::tempdir().unwrap();
    for (args, part) in [
        (&["--version"][..], env!("CARGO_PKG_VERSION")),
        (&["--help"], "Drive a running phone bar"),
        (&["ctl", "--help"], "dial-agent"),
        (&["ctl", "transfer", "--help"], "--ivr <CODE> <NODE>"),
        (&["completions", "bash"], "complete -F"),
        (&["completions", "fish"], "complete -c wincall-tui"),
        (&["man"], ".TH WINCALL-TUI 1"),
    ] {
        let output = run(home.path(), args);
        assert!(output.status.success() && out(&output).contains(part), "{args:?}: {}", out(&output));
    }
    for args in [&["--locale", "zh-CN", "ctl", "--help"][..], &["--locale=zh-CN", "help", "ctl"]] {
        let output = run(home.path(), args);
        let told = out(&output) + &err(&output);
        assert!(told.contains("用法：wincall-tui ctl") && told.contains("接听来电"), "{args:?}: {told}");
        assert!(!told.contains("Print"), "{args:?}: {told}");
    }
    let pages = home.path().join("man");
    std::fs::create_dir(&pages).unwrap();
    assert!(run(home.path(), &["man", "--dir", pages.to_str().unwrap()]).status.success());
    for page in ["wincall-tui-ctl-wait.1", "wincall-tui-ctl-transfer.1", "wincall-tui-ctl-journal.1"] {
        assert!(pages.join(page).exists(), "{page}");
    }
}

#[test]
fn doctor_tells_every_check_with_its_reason() {
    let home = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let open = listener.local_addr().unwrap();
    let closed = {
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        other.local_addr().unwrap()
    };
    // A platform that says yes to whatever it is asked over HTTP.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            if stream.read(&mut request).is_ok_and(|n| n > 0) {
                let body = r#"{"code":0,"message":"","data":{}}"#;
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
                write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).ok();
            }
        }
    });
    let file = home.path().join("c.toml");
    let text = format!(
        "token_command = [\"echo\", \"Bearer s3cr3t\"]\nag_no = \"8001\"\nagent_phone = \"9001\"\n\
         api_server = \"http://{open}/v2\"\nws_server = \"ws://{closed}/ws\"\nsip_ws_server = \"ws://{open}\"\n\
         [audio]\nbackend = \"null\"\n"
    );
    std::fs::write(&file, text).unwrap();
    let output = run(home.path(), &["doctor", "--json", "--config", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let findings: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let level = |check: &str| {
        let finding = findings.iter().find(|finding| finding["check"] == check);
        finding.map(|finding| finding["level"].as_str().unwrap().to_owned()).unwrap_or_default()
    };
    for (check, expected) in [
        ("config", "ok"),
        ("token", "ok"),
        ("api_server", "ok"),
        ("ws_server", "fail"),
        ("sip_registration", "fail"),
        ("ice", "ok"),
        ("storage", "ok"),
        ("sip_ws_server", "fail"),
        ("control", "ok"),
        ("sound", "ok"),
        ("terminal", "warn"),
    ] {
        assert_eq!(level(check), expected, "{check}: {findings:?}");
    }
    assert!(!out(&output).contains("s3cr3t"));
}
