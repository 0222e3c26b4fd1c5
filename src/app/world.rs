//! The real world: HTTP, the event websocket, the softphone, the token source.

use std::{path::PathBuf, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::mpsc, task::JoinHandle};
use url::Url;

use super::{Effect, Event, World, token_file};
use crate::{
    config::{self, PlatformConfig, TokenSource},
    cti::{
        api::{Api, ApiConfig, ApiError},
        link::{Link, LinkSettings},
    },
    i18n::{Locale, Message},
    net::tls::Tls,
    softphone::{self, Settings, Softphone},
};

/// The softphone gets this long to say goodbye and to finish its files.
const GOODBYE: Duration = Duration::from_secs(3);

/// Everything outside, driven by effects.
pub struct LiveWorld {
    api: Api,
    ws_server: Url,
    tls: Tls,
    token: SecretString,
    renew: Option<TokenSource>,
    link: Option<Link>,
    line: PhoneLine,
    session_file: Option<PathBuf>,
    events: mpsc::UnboundedSender<Event>,
    /// Watches `token_file`.
    watch: Option<JoinHandle<()>>,
}

/// The softphone, running from the first command on that is for it.
pub struct PhoneLine {
    settings: Settings,
    events: mpsc::UnboundedSender<Event>,
    running: Option<Softphone>,
}

impl PhoneLine {
    /// A softphone to be started when it is needed.
    pub fn new(settings: Settings, events: mpsc::UnboundedSender<Event>) -> Self {
        Self { settings, events, running: None }
    }

    /// Starts it now, so that the first call does not wait for it.
    #[must_use]
    pub fn started(mut self) -> Self {
        self.start();
        self
    }

    fn start(&mut self) -> &Softphone {
        let (settings, events) = (&self.settings, &self.events);
        self.running.get_or_insert_with(|| {
            let events = events.clone();
            Softphone::start(settings.clone(), move |event| {
                if events.send(Event::Phone(event)).is_err() {
                    tracing::debug!("a softphone event came after the end");
                }
            })
        })
    }

    fn send(&mut self, command: softphone::Command) {
        self.start().send(command);
    }
}

impl LiveWorld {
    /// Puts the world together. Nothing is connected yet.
    ///
    /// `session_file` is where the `RegID` is kept over a restart.
    ///
    /// # Errors
    /// [`ApiError`] when no HTTP client can be made of the settings.
    pub fn new(
        platform: &PlatformConfig,
        locale: Locale,
        tls: Tls,
        token: SecretString,
        line: PhoneLine,
        session_file: Option<PathBuf>,
        events: mpsc::UnboundedSender<Event>,
    ) -> Result<Self, ApiError> {
        let api_config = ApiConfig {
            api_server: platform.api_server.clone(),
            jsonp_server: platform.jsonp_server.clone(),
            ag_no: platform.ag_no.clone(),
            locale,
            tls: tls.clone(),
        };
        let renew = match &platform.token {
            _ if !platform.token_call_back.is_empty() => Some(TokenSource::Command(platform.token_call_back.clone())),
            source @ (TokenSource::Command(_) | TokenSource::File(_)) => Some(source.clone()),
            TokenSource::Inline(_) => None,
        };
        Ok(Self {
            api: Api::new(api_config, token.clone())?,
            ws_server: platform.ws_server.clone(),
            tls,
            renew,
            link: None,
            line,
            session_file,
            watch: watch_token_file(&platform.token, &token, &events),
            token,
            events,
        })
    }

    /// Closes everything: the link with its close frame, the softphone with its BYE and its files.
    pub async fn close(self) {
        if let Some(watch) = self.watch {
            watch.abort();
        }
        let link = async {
            if let Some(link) = self.link {
                link.shut_down().await;
            }
        };
        let softphone = async {
            if let Some(softphone) = self.line.running
                && tokio::time::timeout(GOODBYE, softphone.shutdown()).await.is_err()
            {
                tracing::warn!("the softphone did not finish in time");
            }
        };
        tokio::join!(link, softphone);
    }

    fn remember(&self, reg_id: Option<String>) {
        let Some(file) = &self.session_file else { return };
        // A few bytes, written in place so that the order of sign-in and sign-out is the file's order too.
        if let Err(error) = write_reg_id(file, reg_id.as_deref()) {
            tracing::warn!(%error, file = %file.display(), "the sign-in cannot be remembered over a restart");
        }
    }

    fn renew_token(&self) {
        let Some(source) = self.renew.clone() else { return };
        let (events, used_up) = (self.events.clone(), self.token.clone());
        tokio::spawn(async move {
            let result = match config::token::obtain(&source).await {
                Ok(token) if token.expose_secret() == used_up.expose_secret() => Err(Message::new("app.token_same")),
                Ok(token) => Ok(token),
                Err(error) => Err(error.message()),
            };
            if events.send(Event::Token(result)).is_err() {
                tracing::debug!("a token came after the end");
            }
        });
    }
}

impl World for LiveWorld {
    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Request { id, request } => {
                let (api, events) = (self.api.clone(), self.events.clone());
                tokio::spawn(async move {
                    let result = api.send(&request).await;
                    if events.send(Event::Replied { id, result }).is_err() {
                        tracing::debug!("an answer came after the end");
                    }
                });
            }
            Effect::OpenLink { id, reg_id, login_state, reset } => {
                if let Some(old) = self.link.take() {
                    old.close();
                }
                let settings = LinkSettings {
                    ws_server: self.ws_server.clone(),
                    tls: self.tls.clone(),
                    token: self.token.clone(),
                    reg_id,
                    login_state,
                    reset,
                };
                let events = self.events.clone();
                self.link = Some(Link::open(settings, move |event| {
                    if events.send(Event::Link { id, event }).is_err() {
                        tracing::debug!("a link event came after the end");
                    }
                }));
            }
            Effect::CloseLink => {
                if let Some(link) = self.link.take() {
                    link.close();
                }
            }
            Effect::Phone(command) => self.line.send(command),
            Effect::RememberRegId(reg_id) => self.remember(reg_id),
            Effect::Remember(_) => {}
            Effect::SetTenant(vcc_code) => self.api.set_tenant(vcc_code),
            Effect::UseToken(token) => {
                self.api.set_token(token.clone());
                self.token = token;
            }
            Effect::RenewToken => self.renew_token(),
            // The actor's own business; listed so that a new effect cannot be forgotten here.
            Effect::StartTimer { .. }
            | Effect::StopTimer(_)
            | Effect::Resolve { .. }
            | Effect::Publish(_)
            | Effect::Exit => {}
        }
    }
}

fn watch_token_file(
    source: &TokenSource,
    token: &SecretString,
    events: &mpsc::UnboundedSender<Event>,
) -> Option<JoinHandle<()>> {
    let TokenSource::File(path) = source else { return None };
    let events = events.clone();
    let tell = move |result| events.send(Event::Token(result)).is_ok();
    Some(tokio::spawn(token_file::watch(path.clone(), token.clone(), tell)))
}

/// Reads the `RegID` that an earlier run left; none if there is none, or it cannot be read.
pub fn read_reg_id(file: &std::path::Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    Some(text.trim().to_owned()).filter(|id| !id.is_empty() && id.len() < 256)
}

fn write_reg_id(file: &std::path::Path, reg_id: Option<&str>) -> std::io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let Some(reg_id) = reg_id else {
        return match std::fs::remove_file(file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        };
    };
    if let Some(dir) = file.parent() {
        std::fs::create_dir_all(dir)?;
    }
    let mut out = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
    writeln!(out, "{reg_id}")
}
