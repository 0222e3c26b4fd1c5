//! The real world: HTTP, the event websocket, the softphone, the token source.

use std::{collections::HashMap, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinHandle},
};
use url::Url;

use super::{Effect, Event, PanelId, PhoneLine, RequestId, World, token_file};
use crate::{
    config::{self, PlatformConfig, TokenSource},
    cti::{
        api::{Api, ApiConfig, ApiError},
        link::{Link, LinkSettings},
    },
    i18n::{Locale, Message},
    net::{self, dialer::Dialer},
    panel::{CallFacts, Filler},
    softphone::media::network::Network,
    store::Store,
};

/// The softphone gets this long to say goodbye and to finish its files, and so does what is still to be written.
const GOODBYE: Duration = Duration::from_secs(3);

/// Everything outside, driven by effects.
pub struct LiveWorld {
    api: Api,
    ws_server: Url,
    dialer: Dialer,
    token: SecretString,
    renew: Option<TokenSource>,
    link: Option<Link>,
    line: PhoneLine,
    store: Option<Store>,
    panel: Option<Filler>,
    /// Commands under way.
    requests: HashMap<RequestId, AbortHandle>,
    events: mpsc::UnboundedSender<Event>,
    /// Watches `token_file`.
    watch: Option<JoinHandle<()>>,
    /// Watches the machine's addresses.
    network: JoinHandle<()>,
}

impl LiveWorld {
    /// Puts the world together. Nothing is connected yet.
    ///
    /// Without a `store` nothing outlives the run.
    ///
    /// # Errors
    /// [`ApiError`] when no HTTP client can be made of the settings.
    pub fn new(
        platform: &PlatformConfig,
        locale: Locale,
        dialer: Dialer,
        token: SecretString,
        line: PhoneLine,
        store: Option<Store>,
        events: mpsc::UnboundedSender<Event>,
    ) -> Result<Self, ApiError> {
        let api_config = ApiConfig {
            api_server: platform.api_server.clone(),
            jsonp_server: platform.jsonp_server.clone(),
            ag_no: platform.ag_no.clone(),
            locale,
            dialer: dialer.clone(),
            custom_header: platform.custom_header.clone(),
        };
        let renew = match &platform.token {
            _ if !platform.token_call_back.is_empty() => Some(TokenSource::Command(platform.token_call_back.clone())),
            source @ (TokenSource::Command(_) | TokenSource::File(_)) => Some(source.clone()),
            TokenSource::Inline(_) => None,
        };
        Ok(Self {
            api: Api::new(api_config, token.clone())?,
            ws_server: platform.ws_server.clone(),
            dialer,
            renew,
            link: None,
            line,
            store,
            watch: watch_token_file(&platform.token, &token, &events),
            network: watch_network(&events),
            token,
            panel: None,
            events,
            requests: HashMap::new(),
        })
    }

    /// Fills the panel with this.
    pub fn with_panel(mut self, panel: Option<Filler>) -> Self {
        self.panel = panel;
        self
    }

    /// Closes everything: the link with its close frame, the softphone with its BYE and its files, the journal.
    pub async fn close(self) {
        if let Some(watch) = self.watch {
            watch.abort();
        }
        self.network.abort();
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
        let store = async {
            if let Some(store) = self.store
                && tokio::time::timeout(GOODBYE, store.close()).await.is_err()
            {
                tracing::warn!("the last calls and choices were not written in time");
            }
        };
        tokio::join!(link, softphone, store);
    }

    fn keep(&self, order: impl FnOnce(&Store)) {
        if let Some(store) = &self.store {
            order(store);
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
                let task = tokio::spawn(async move {
                    let result = api.send(&request).await;
                    if events.send(Event::Replied { id, result }).is_err() {
                        tracing::debug!("an answer came after the end");
                    }
                });
                self.requests.retain(|_, task| !task.is_finished());
                self.requests.insert(id, task.abort_handle());
            }
            Effect::Abandon(id) => {
                if let Some(task) = self.requests.remove(&id) {
                    task.abort();
                }
            }
            Effect::OpenLink { id, reg_id, login_state, reset } => {
                if let Some(old) = self.link.take() {
                    old.close();
                }
                let settings = LinkSettings {
                    ws_server: self.ws_server.clone(),
                    dialer: self.dialer.clone(),
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
            Effect::ProveLink => {
                if let Some(link) = &self.link {
                    link.prove();
                }
            }
            Effect::Phone(command) => self.line.send(command),
            Effect::RememberSignIn(known) => self.keep(|store| store.reg_id(known.map(|known| known.to_string()))),
            Effect::Remember(remembered) => self.keep(|store| store.remember(remembered)),
            Effect::Journal(change) => self.keep(|store| store.journal(change)),
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

fn watch_network(events: &mpsc::UnboundedSender<Event>) -> JoinHandle<()> {
    let (network, events) = (Network::system(true), events.clone());
    tokio::spawn(net::changes::watch(move || network.addresses(), move || events.send(Event::NetworkChanged).is_ok()))
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
