//! `run`: the phone bar.

use super::{
    CliError, Global, RunArgs,
    assembly::{self, Manner},
    complain,
    config::{configured, paths},
    logging,
};

/// Signs in and shows the phone bar until it is quit.
///
/// # Errors
/// Exit code 2 for the config, 1 for what fails later.
pub(super) fn run(_args: &RunArgs, global: &Global) -> Result<(), CliError> {
    let config = configured(global)?;
    let locale = config.ui.locale.unwrap_or_else(|| global.language());
    let paths = paths(global)?;
    let log = match logging::start(&config.log, &paths) {
        Ok(guard) => guard,
        Err(error) => {
            // Without a log the phone still works.
            complain(&error.message().render(locale));
            None
        }
    };
    for warning in &config.warnings {
        tracing::warn!("{}", warning.render(locale));
    }
    let manner = Manner { locale, headless: global.headless, demo: false };
    let outcome = assembly::runtime()?.block_on(assembly::phone_bar(config, &manner, &paths));
    drop(log);
    outcome
}
