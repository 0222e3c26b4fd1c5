//! The real world: HTTP, the event websocket, the softphone, the token source.

use std::{path::PathBuf, time::Duration};

use secrecy::SecretString;
use tokio::sync::mpsc;
use url::Url;

use super::{Effect, Event, PanelId, World};
use crate::{
    config::{self, PlatformConfig, TokenSource},
    cti::{
        api::{Api, ApiConfig, ApiError},
        link::{Link, LinkSettings},
    },
    net::tls::Tls,
    panel::{CallFacts, Filler},
    softphone::Softphone,
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
    softphone: Option<Softphone>,
    session_file: Option<PathBuf>,
    panel: Option<Filler>,
    events: mpsc::UnboundedSender<Event>,
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
        tls: Tls,
        token: SecretString,
        softphone: Option<Softphone>,
        session_file: Option<PathBuf>,
        events: mpsc::UnboundedSender<Event>,
    ) -> Result<Self, ApiError> {
        let api_config = ApiConfig {
            api_server: platform.api_server.clone(),
            jsonp_server: platform.jsonp_server.clone(),
            ag_no: platform.ag_no.clone(),
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
            token,
            renew,
            link: None,
            softphone,
            session_file,
            panel: None,
            events,
        })
    }

    /// Fills the panel with this.
    pub fn with_panel(mut self, panel: Option<Filler>) -> Self {
        self.panel = panel;
        self
    }

    /// Closes everything: the link with its close frame, the softphone with its BYE and its files.
    pub async fn close(self) {
        let link = async {
            if let Some(link) = self.link {
                link.shut_down().await;
            }
        };
        let softphone = async {
            if let Some(softphone) = self.softphone
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

    fn fill_panel(&mut self, id: PanelId, facts: CallFacts) {
        let Some(panel) = &mut self.panel else { return };
        let events = self.events.clone();
        panel.fill(facts, move |result| {
            if events.send(Event::Panel { id, result }).is_err() {
                tracing::debug!("what was fetched for the panel came after the end");
            }
        });
    }

    fn renew_token(&self) {
        let Some(source) = self.renew.clone() else { return };
        let events = self.events.clone();
        tokio::spawn(async move {
            let result = config::token::obtain(&source).await.map_err(|error| error.message());
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
            Effect::Phone(command) => {
                if let Some(softphone) = &self.softphone {
                    softphone.send(command);
                }
            }
            Effect::RememberRegId(reg_id) => self.remember(reg_id),
            Effect::Remember(_) => {}
            Effect::FillPanel { id, facts } => self.fill_panel(id, *facts),
            Effect::StopPanel => {
                if let Some(panel) = &mut self.panel {
                    panel.stop();
                }
            }
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
