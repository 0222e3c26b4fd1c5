//! What can be typed on the command line (`contract.md`, "Commands").

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser};

use super::{ctl::CtlArgs, global::Global};

/// The call-centre phone bar, in a terminal.
#[derive(Clone, Debug, Parser)]
#[command(name = "wincall-tui", version, about, long_about = None, max_term_width = 100)]
pub struct Cli {
    /// Options that count everywhere.
    #[command(flatten)]
    pub global: Global,
    /// What to do; without a word, `run`.
    #[command(subcommand)]
    pub command: Option<Subcommand>,
}

/// Subcommands.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Subcommand {
    /// The phone bar (also without any word)
    Run(RunArgs),
    /// The phone bar on a built-in platform: needs no file, no network, no sound card
    Demo(DemoArgs),
    /// The built-in platform alone, for tests
    Sim(SimArgs),
    /// Drive a running phone bar
    Ctl(CtlArgs),
    /// Write, check or show the config file
    Config {
        /// What to do with it.
        #[command(subcommand)]
        word: ConfigWord,
    },
    /// List microphones and speakers
    Devices(DevicesArgs),
    /// Check config, token, servers, sound and terminal
    Doctor(DoctorArgs),
    /// List or print themes
    Themes {
        /// What to do; without a word, `list`.
        #[command(subcommand)]
        word: Option<ThemesWord>,
    },
    /// Print a desktop entry that opens tel: links with the running phone bar
    DesktopEntry,
    /// Print a completion script for a shell
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write one for every command
    Man {
        /// Write all pages into this directory
        #[arg(long)]
        dir: Option<PathBuf>,
    },
}

/// `run`: everything is in [`Global`] and in the config file.
#[derive(Args, Clone, Debug, Default)]
pub struct RunArgs {}

/// `demo`.
#[derive(Args, Clone, Debug, Default)]
pub struct DemoArgs {
    /// Scenario (agents, skill groups, calls): quiet-morning, rush-hour, or a file
    #[arg(long, value_name = "NAME|FILE")]
    pub scenario: Option<PathBuf>,
}

/// `sim`.
#[derive(Args, Clone, Debug)]
pub struct SimArgs {
    /// HTTP and event websocket
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// SIP over WebSocket
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    pub sip_listen: SocketAddr,
    /// https and wss, with a certificate made on the spot
    #[arg(long)]
    pub tls: bool,
    /// Scenario (agents, skill groups, calls): quiet-morning, rush-hour, or a file
    #[arg(long, value_name = "NAME|FILE")]
    pub scenario: Option<PathBuf>,
    /// Write a config file for the first agent here
    #[arg(long, value_name = "FILE")]
    pub config_out: Option<PathBuf>,
    /// Nothing on standard error
    #[arg(long)]
    pub quiet: bool,
}

/// `devices`.
#[derive(Args, Clone, Debug, Default)]
pub struct DevicesArgs {
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// What to do; without a word, list.
    #[command(subcommand)]
    pub word: Option<DevicesWord>,
}

/// `devices ...`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum DevicesWord {
    /// Play a tone, record, and show the levels
    Test(DevicesTestArgs),
}

/// `devices test`.
#[derive(Args, Clone, Debug, Default)]
pub struct DevicesTestArgs {
    /// As JSON, one line at the end
    #[arg(long)]
    pub json: bool,
    /// Microphone by name or id [default: the agent's, else the config's, else the system's]
    #[arg(long, value_name = "DEVICE")]
    pub input: Option<String>,
    /// Speaker by name or id
    #[arg(long, value_name = "DEVICE")]
    pub output: Option<String>,
    /// How long
    #[arg(long, value_name = "SECONDS", default_value_t = 6, value_parser = clap::value_parser!(u64).range(2..=30))]
    pub seconds: u64,
}

/// `doctor`.
#[derive(Args, Clone, Debug, Default)]
pub struct DoctorArgs {
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `config ...`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum ConfigWord {
    /// Write a commented file with every option
    Init {
        /// Replace a file that is there
        #[arg(long)]
        force: bool,
        /// Print it instead of writing
        #[arg(long)]
        stdout: bool,
    },
    /// Check a file and tell every problem with its place
    Check {
        /// The file (- for standard input), else --config, else the default
        file: Option<PathBuf>,
    },
    /// Print what counts, secrets masked
    Show,
    /// Print the paths used
    Path,
}

/// `themes ...`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum ThemesWord {
    /// The themes there are
    List,
    /// Print one theme's file
    Show {
        /// Its name
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_stand_before_or_after_the_word() {
        for line in [
            ["wincall-tui", "--headless", "--config", "c.toml", "run"],
            ["wincall-tui", "run", "--config", "c.toml", "--headless"],
        ] {
            let cli = Cli::try_parse_from(line).unwrap();
            assert!(cli.global.headless && cli.global.config == Some("c.toml".into()), "{line:?}");
        }
        let cli = Cli::try_parse_from(["wincall-tui", "--set", "a.b=c=d", "--set", "e="]).unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.global.set, [("a.b".into(), "c=d".into()), ("e".into(), String::new())]);
        assert!(Cli::try_parse_from(["wincall-tui", "--set", "=x"]).is_err());
        assert!(Cli::try_parse_from(["wincall-tui", "--locale", "fr"]).is_err());
    }

    #[test]
    fn every_word_of_the_contract_is_understood() {
        for line in [
            "demo --headless --scenario s.toml --locale en --theme light",
            "sim --listen 127.0.0.1:0 --sip-listen 127.0.0.1:0 --tls --scenario s --config-out c --quiet",
            "ctl --socket s status --json",
            "ctl events --json --count 2 --timeout 1.5 --until callEnded",
            "ctl wait wrap-up --timeout 5",
            "ctl login",
            "ctl logout",
            "ctl ready",
            "ctl busy",
            "ctl busy 小休",
            "ctl dial 13800138000",
            "ctl dial +8613800138000 --caller-id 010 --queue 1 --user-data x",
            "ctl dial-agent 8002",
            "ctl answer",
            "ctl reject",
            "ctl hangup",
            "ctl hold",
            "ctl unhold",
            "ctl mute",
            "ctl unmute",
            "ctl dtmf *12#",
            "ctl consult 139 --caller-id 010",
            "ctl consult --agent 8002",
            "ctl consult-return",
            "ctl consult-transfer",
            "ctl three-way",
            "ctl three-way-return",
            "ctl transfer 139",
            "ctl transfer --agent 8002",
            "ctl transfer --queue 3 --vcc-id 88",
            "ctl transfer --ivr CODE NODE --vcc-id 88",
            "ctl evaluate",
            "ctl spy 8003",
            "ctl whisper",
            "ctl whisper 8003",
            "ctl whisper-cancel",
            "ctl barge 8003",
            "ctl disconnect",
            "ctl bind 9002 --external",
            "ctl mode static",
            "ctl projects --json",
            "ctl join 7",
            "ctl leave",
            "ctl queue",
            "ctl agents --in-call",
            "ctl journal --json 138 北京",
            "ctl wait spying",
            "ctl wait consulting --timeout 1",
            "ctl token t",
            "ctl panel set hello",
            "ctl panel set --field a=b",
            "ctl panel clear",
            "ctl call status",
            "ctl call Agent.callOut {}",
            "config init",
            "config check c.toml",
            "config show",
            "config path",
            "devices --json",
            "devices test",
            "doctor --json --config c",
            "themes",
            "themes list",
            "themes show light",
            "completions bash",
            "man",
        ] {
            let words = std::iter::once("wincall-tui").chain(line.split(' '));
            if let Err(error) = Cli::try_parse_from(words) {
                panic!("{line}: {error}");
            }
        }
        for line in [
            "ctl wait no_call",
            "ctl",
            "ctl consult",
            "ctl consult 139 --agent 8002",
            "ctl transfer",
            "ctl transfer 139 --queue 3",
            "ctl transfer --ivr CODE",
            "ctl transfer --queue three",
            "ctl spy",
            "ctl bind 9 --web --external",
            "ctl mode loose",
            "ctl journal --limit 0",
            "config",
            "completions tcl",
            "nonsense",
        ] {
            let words = std::iter::once("wincall-tui").chain(line.split(' '));
            assert_eq!(Cli::try_parse_from(words).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
