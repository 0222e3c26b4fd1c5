//! `run`: the phone bar.

use super::{
    CliError, Global, RunArgs,
    assembly::{self, Manner},
    config::{configured, paths},
    limits, logging,
    output::complain,
};
use crate::i18n::Message;

/// Signs in and shows the phone bar until it is quit. `private`: whether the memory of this process is kept private.
///
/// # Errors
/// Exit code 2 for the config, 1 for what fails later.
pub(super) fn run(_args: &RunArgs, global: &Global, private: rustix::io::Result<()>) -> Result<(), CliError> {
    let config = configured(global)?;
    let locale = config.ui.locale.unwrap_or_else(|| global.language());
    let paths = paths(global)?;
    limits::enough_files().map_err(|message| CliError::failed(message.render(locale)))?;
    let log = logging::start(&config.log, &paths, |problem| complain(&problem.render(locale)));
    let (log, trouble) = match log {
        Ok(log) => log.map(logging::Log::parts).unzip(),
        Err(error) => {
            // Without a log the phone still works.
            complain(&error.message().render(locale));
            (None, None)
        }
    };
    for warning in &config.warnings {
        tracing::warn!("{}", warning.render(locale));
    }
    if let Err(error) = private {
        tracing::warn!("{}", Message::new("cli.core_possible").with("reason", error).render(locale));
    }
    let manner = Manner { locale, headless: global.headless, demo: false };
    let outcome = assembly::run(assembly::phone_bar(config, &manner, &paths, trouble));
    drop(log);
    outcome
}
