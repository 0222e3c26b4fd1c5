//! Where things are, after the XDG base directory specification.

use std::path::PathBuf;

use etcetera::{BaseStrategy, base_strategy::Xdg};

use crate::i18n::{Locale, Message};

/// The program's name in every path.
const NAME: &str = "wincall-tui";

/// The places of one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Config file and user themes: `$XDG_CONFIG_HOME/wincall-tui`.
    pub config_dir: PathBuf,
    /// What outlives a run but is not precious: `$XDG_STATE_HOME/wincall-tui`.
    pub state_dir: PathBuf,
    /// Control sockets: `$XDG_RUNTIME_DIR/wincall-tui`, without that variable `run` in the state directory.
    ///
    /// Not the shared temporary directory: there somebody else could have made it first.
    pub runtime_dir: PathBuf,
}

/// There is no home directory to put anything in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message().render(Locale::En))]
pub struct NoHome;

impl NoHome {
    /// What failed, why, and what to do.
    pub fn message(self) -> Message {
        Message::new("config.no_home")
    }
}

impl Paths {
    /// The places of the user who runs the program, from the environment.
    ///
    /// # Errors
    /// [`NoHome`] without `HOME`.
    pub fn find() -> Result<Self, NoHome> {
        let xdg = Xdg::new().map_err(|_| NoHome)?;
        let state_dir = xdg.state_dir().unwrap_or_else(|| xdg.home_dir().join(".local/state")).join(NAME);
        let runtime_dir = xdg.runtime_dir().map_or_else(|| state_dir.join("run"), |dir| dir.join(NAME));
        Ok(Self { config_dir: xdg.config_dir().join(NAME), state_dir, runtime_dir })
    }

    /// The config file read when none is named.
    pub fn config_file(&self) -> PathBuf {
        self.config_dir.join("config.toml")
    }

    /// A user's own themes.
    pub fn themes_dir(&self) -> PathBuf {
        self.config_dir.join("themes")
    }

    /// Log files, unless `[log] dir` says otherwise.
    pub fn log_dir(&self) -> PathBuf {
        self.state_dir.join("log")
    }

    /// The control socket of an agent, unless `[control] path` or `--socket` says otherwise.
    pub fn control_socket(&self, ag_no: &str) -> PathBuf {
        self.runtime_dir.join(format!("{}.sock", file_name(ag_no)))
    }

    /// Where an agent's calls are kept.
    pub fn journal_file(&self, ag_no: &str) -> PathBuf {
        self.state_dir.join(format!("journal-{}.jsonl", file_name(ag_no)))
    }

    /// Where an agent's choices are kept.
    pub fn remembered_file(&self, ag_no: &str) -> PathBuf {
        self.state_dir.join(format!("agent-{}.json", file_name(ag_no)))
    }

    /// Where an agent's `RegID` is kept over a restart.
    pub fn session_file(&self, ag_no: &str) -> PathBuf {
        self.state_dir.join(format!("session-{}", file_name(ag_no)))
    }
}

/// An agent number as part of a file's name: nothing in it leads to another directory.
fn file_name(ag_no: &str) -> String {
    ag_no.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_number_never_leaves_the_directory() {
        let paths = Paths { config_dir: "/c".into(), state_dir: "/s".into(), runtime_dir: "/r".into() };
        assert_eq!(paths.control_socket("8001"), PathBuf::from("/r/8001.sock"));
        assert_eq!(paths.control_socket("../x"), PathBuf::from("/r/___x.sock"));
        assert_eq!(paths.session_file("8001"), PathBuf::from("/s/session-8001"));
        assert_eq!(paths.session_file("../x"), PathBuf::from("/s/session-___x"));
        assert_eq!(paths.journal_file("../x"), PathBuf::from("/s/journal-___x.jsonl"));
        assert_eq!(paths.remembered_file("../x"), PathBuf::from("/s/agent-___x.json"));
    }
}
