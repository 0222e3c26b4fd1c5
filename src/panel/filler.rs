//! Filling the panel: one run at a time, ended when it is not wanted any more.

use std::{future::Future, time::Duration};

use serde_json::Value;
use tokio::task::AbortHandle;

use super::{CallFacts, Fetcher, LONGEST, PanelContent, PanelError, fetch::Fetched};
use crate::{
    config::{PanelConfig, PanelFormat, Template},
    net::dialer::Dialer,
    process::{self, Limits},
};

/// Where it comes from.
#[derive(Clone, Debug)]
enum Source {
    Command { program: String, args: Vec<Template> },
    Address { template: Template, fetcher: Fetcher },
}

/// Fills the panel as `[panel]` says.
#[derive(Debug)]
pub struct Filler {
    source: Source,
    format: PanelFormat,
    limit: Duration,
    running: Option<AbortHandle>,
}

impl Filler {
    /// `None` if nothing is configured.
    pub fn new(config: &PanelConfig, dialer: Dialer) -> Option<Self> {
        let source = match (&config.command, &config.url) {
            (Some(argv), _) => {
                let (program, args) = argv.split_first()?;
                Source::Command {
                    program: program.clone(),
                    args: args.iter().map(|arg| Template::parse(arg)).collect(),
                }
            }
            (None, Some(url)) => Source::Address { template: Template::parse(url), fetcher: Fetcher::new(dialer) },
            (None, None) => return None,
        };
        Some(Self { source, format: config.format, limit: config.timeout, running: None })
    }

    /// Begins to fill it; a run before this one is ended. `done` is called with what comes, `None` for nothing to
    /// show, unless the run is stopped before.
    pub fn fill(
        &mut self,
        facts: CallFacts,
        done: impl FnOnce(Result<Option<PanelContent>, PanelError>) + Send + 'static,
    ) {
        self.stop();
        let content = self.content(facts);
        let task = tokio::spawn(async move { done(content.await) });
        self.running = Some(task.abort_handle());
    }

    /// Ends what runs, if anything does.
    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
        }
    }

    fn content(
        &self,
        facts: CallFacts,
    ) -> impl Future<Output = Result<Option<PanelContent>, PanelError>> + Send + use<> {
        let (source, format, limit) = (self.source.clone(), self.format, self.limit);
        async move {
            let content = match source {
                Source::Command { program, args } => {
                    let args = args.iter().map(|arg| arg.argument(|name| facts.value(name)));
                    let argv: Vec<String> = std::iter::once(program).chain(args).collect();
                    let limits = Limits { time: limit, output: LONGEST };
                    let finished = process::run(&argv, &[], facts.to_json().as_bytes(), limits).await?;
                    if finished.cut {
                        tracing::info!("the command for the panel says too much; the beginning is shown");
                    }
                    of_command(&finished.output, format)?
                }
                Source::Address { template, fetcher } => {
                    let address = template.address(|name| facts.value(name));
                    of_address(fetcher.get(&address, limit).await?, &address, format)?
                }
            };
            Ok(Some(content.bounded()).filter(|content| !content.is_empty()))
        }
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        self.stop();
    }
}

fn of_command(output: &[u8], format: PanelFormat) -> Result<PanelContent, PanelError> {
    let text = text(output);
    match format {
        PanelFormat::Auto if text.trim_start().starts_with('{') => Ok(json(&text).unwrap_or(PanelContent::Text(text))),
        PanelFormat::Auto | PanelFormat::Text => Ok(PanelContent::Text(text)),
        PanelFormat::Markdown => Ok(PanelContent::Markdown(text)),
        PanelFormat::Json => json(&text),
    }
}

fn of_address(fetched: Fetched, address: &str, format: PanelFormat) -> Result<PanelContent, PanelError> {
    let text = text(&fetched.body);
    match (format, fetched.kind.as_str()) {
        (PanelFormat::Text, _) => Ok(PanelContent::Text(text)),
        (PanelFormat::Markdown, _) => Ok(PanelContent::Markdown(text)),
        (PanelFormat::Json, _) | (PanelFormat::Auto, "application/json" | "text/json") => json(&text),
        (PanelFormat::Auto, kind) if kind.ends_with("+json") => json(&text),
        (PanelFormat::Auto, "text/markdown" | "text/x-markdown") => Ok(PanelContent::Markdown(text)),
        (PanelFormat::Auto, "text/plain" | "") => Ok(PanelContent::Text(text)),
        (PanelFormat::Auto, kind) => {
            // Nothing to show is nothing to complain of, whatever it is called.
            if text.trim().is_empty() {
                return Ok(PanelContent::Text(text));
            }
            let host = url::Url::parse(address).map(|url| crate::net::ws::host_of(&url)).unwrap_or_default();
            let kind = kind.chars().filter(|c| !c.is_control()).take(60).collect();
            Err(PanelError::Kind { host, kind })
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(text: &str) -> Result<PanelContent, PanelError> {
    if text.trim().is_empty() {
        return Ok(PanelContent::Text(String::new()));
    }
    let value: Value = serde_json::from_str(text).map_err(|error| PanelError::NotJson { reason: error.to_string() })?;
    PanelContent::from_json(&value).ok_or(PanelError::UnusableJson)
}

#[cfg(test)]
mod tests;
