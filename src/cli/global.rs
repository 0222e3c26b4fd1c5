//! Options of every command.

use std::path::PathBuf;

use clap::Args;

use crate::i18n::Locale;

/// Options that count everywhere.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Options for every command")]
pub struct Global {
    /// Config file [default: $XDG_CONFIG_HOME/wincall-tui/config.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Override one option of the config file, such as audio.backend=null (repeatable; not for secrets)
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub set: Vec<(String, String)>,
    /// Language: zh-CN or en [default: the config's, else the environment's]
    #[arg(long, global = true, value_name = "LANGUAGE")]
    pub locale: Option<Locale>,
    /// Theme by name
    #[arg(long, global = true, value_name = "NAME")]
    pub theme: Option<String>,
    /// No screen; everything else the same
    #[arg(long, global = true)]
    pub headless: bool,
    /// Control socket [default: $XDG_RUNTIME_DIR/wincall-tui/<ag_no>.sock]
    #[arg(long, global = true, value_name = "PATH")]
    pub socket: Option<PathBuf>,
}

impl Global {
    /// The language asked for on the command line, else the environment's.
    pub fn language(&self) -> Locale {
        self.locale.unwrap_or_else(Locale::detect)
    }
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        Some(_) | None => Err("write KEY=VALUE, such as audio.backend=null".into()),
    }
}
