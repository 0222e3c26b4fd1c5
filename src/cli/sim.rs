//! `sim`: the built-in platform alone.

use std::{io, path::Path};

use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use super::{CliError, Global, SimArgs, assembly, config::paths, exits, logging, output::print};
use crate::{
    i18n::Message,
    net,
    sim::{Options, Platform},
};

/// Serves until SIGINT or SIGTERM; prints one line of JSON when ready.
///
/// # Errors
/// Exit code 1 when a port is taken or a file cannot be written, 2 for a wrong scenario.
pub(super) fn run(args: &SimArgs, global: &Global) -> Result<(), CliError> {
    if !args.quiet {
        log_to_standard_error();
    }
    assembly::run(serve(args, global))
}

async fn serve(args: &SimArgs, global: &Global) -> Result<(), CliError> {
    let beside = match args.config_out.as_deref().and_then(Path::parent) {
        Some(dir) if dir.as_os_str().is_empty() => ".".into(),
        Some(dir) => dir.to_owned(),
        None => paths(global)?.state_dir,
    };
    let options = Options {
        listen: args.listen,
        sip_listen: args.sip_listen,
        tls: args.tls.then_some(beside),
        scenario: args.scenario.clone(),
        auto_calls: false,
    };
    let platform = Platform::start(options).await.map_err(|error| refused(&error, global))?;
    if let Some(file) = &args.config_out {
        std::fs::write(file, platform.client_config()).map_err(|error| {
            let message = Message::new("cli.cannot_write").with("path", file.display()).with("reason", error);
            CliError::failed(message.render(global.language()))
        })?;
    }
    print(&serde_json::to_string(&platform.ready()).map_err(CliError::failed)?)?;
    exits::wait_for_end().await;
    exits::end_within_limit();
    platform.stop().await;
    Ok(())
}

/// Why the platform does not start: a wrong scenario is the user's to mend, a taken port the machine's.
pub(super) fn refused(error: &io::Error, global: &Global) -> CliError {
    let message = Message::new("cli.platform_refused").with("reason", error).render(global.language());
    if error.kind() == io::ErrorKind::InvalidData { CliError::usage(message) } else { CliError::failed(message) }
}

/// The platform has no screen, so its log may go where people look.
fn log_to_standard_error() {
    let asked: Option<Targets> = std::env::var(logging::ENV)
        .ok()
        .filter(|filter| !filter.trim().is_empty())
        .and_then(|filter| filter.parse().ok());
    let usual = || {
        let quiet = [("webrtc", LevelFilter::ERROR), ("rtc", LevelFilter::ERROR)];
        Targets::new().with_default(LevelFilter::WARN).with_targets(quiet)
    };
    let filter = asked.unwrap_or_else(usual);
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_filter(filter);
    tracing_subscriber::registry().with(layer.with_filter(tracing_subscriber::filter::filter_fn(net::may_log))).init();
}
