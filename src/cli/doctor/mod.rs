//! `doctor`: one line for everything a call needs: ok, warn or fail, the reason, and what to do.
//!
//! `network` asks the platform, the event websocket and the registrar, `media` sets up encrypted sound inside the machine
//! and connects to TURN servers, `sound` opens the devices, `here` looks at terminal, files and control socket. All probes
//! run side by side, and what has not answered in time has failed: the whole takes no longer than [`LIMIT`], also with a
//! dead network.
//!
//! Nothing disturbs a phone bar of this agent: one that runs on this machine is asked instead of registering beside it,
//! the event websocket is opened without signing in, and no command changes anything on the platform.

mod finding;
mod here;
mod media;
mod network;
mod sound;

use tokio::time::Instant;

use self::finding::{Examined, Finding, LIMIT, Level};
use super::{
    CliError, DoctorArgs, Global,
    assembly::runtime,
    config::{configured, file},
    exits,
    output::{print, print_json},
};
use crate::{
    config::Config,
    i18n::{Locale, text},
    process,
};

/// Checks and prints.
///
/// # Errors
/// Exit code 1 if something failed; it has been printed then.
pub(super) fn run(args: &DoctorArgs, global: &Global) -> Result<(), CliError> {
    let (config, mut findings) = check_config(global);
    let locale = config.as_ref().and_then(|c| c.ui.locale).unwrap_or_else(|| global.language());
    if let Some(config) = config {
        let runtime = runtime()?;
        let (running, control) = here::control(&config, global, locale);
        let examined = runtime.block_on(async { Examined { config, locale, running, until: Instant::now() + LIMIT } });
        let found = runtime.block_on(async {
            tokio::select! {
                // Listened for before anything is started.
                biased;
                () = exits::wait_for_end() => None,
                found = probes(&examined) => Some(found),
            }
        });
        // Interrupted by its reader: what was started for the token must not go on.
        process::end_all();
        findings.extend(found.ok_or_else(|| CliError::failed(""))?);
        findings.push(control);
        findings.push(here::storage(&examined.config, global, locale));
        findings.push(here::terminal(&examined.config, locale));
        // A sound system that hangs must not hold the answer up.
        runtime.shutdown_background();
    } else {
        findings.push(here::terminal_of(None, locale));
    }

    if args.json {
        print_json(&serde_json::to_string(&findings).map_err(CliError::failed)?)?;
    } else {
        let lines: Vec<String> = findings.iter().map(|finding| line(finding, locale)).collect();
        print(&lines.join("\n"))?;
    }
    if findings.iter().any(|finding| finding.level == Level::Fail) {
        return Err(CliError::failed(""));
    }
    Ok(())
}

/// All that takes time, side by side; the order of what is found is always the same.
async fn probes(examined: &Examined) -> Vec<Finding> {
    let (platform, proxies, link, sip, media, servers, sound) = tokio::join!(
        examined.in_time("sip_registration", network::platform(examined)),
        examined.in_time("proxy", network::proxies(examined)),
        examined.in_time("ws_server", network::link(examined)),
        examined.in_time("sip_ws_server", network::sip_server(examined)),
        examined.in_time("ice", media::probe(examined)),
        examined.in_time("turn_server", media::servers(examined)),
        examined.in_time("sound", sound::probe(examined)),
    );
    [platform, proxies, link, sip, media, servers, sound].concat()
}

fn line(finding: &Finding, locale: Locale) -> String {
    let level = match finding.level {
        Level::Ok => "cli.level_ok",
        Level::Warn => "cli.level_warn",
        Level::Fail => "cli.level_fail",
    };
    let hint = finding.hint.as_ref().map(|hint| format!(" {hint}")).unwrap_or_default();
    format!("{:<5} {:<16} {}{hint}", text(locale, level), finding.check, finding.text)
}

fn check_config(global: &Global) -> (Option<Config>, Vec<Finding>) {
    let finding = |level, text: String| Finding::plain("config", level, text);
    match configured(global) {
        Err(error) => (None, error.message.lines().map(|text| finding(Level::Fail, text.to_owned())).collect()),
        Ok(config) => {
            let locale = config.ui.locale.unwrap_or_else(|| global.language());
            let path = file(global).map(|file| file.display().to_string()).unwrap_or_default();
            let mut findings = vec![finding(Level::Ok, path)];
            findings.extend(config.warnings.iter().map(|warning| finding(Level::Warn, warning.render(locale))));
            (Some(config), findings)
        }
    }
}
