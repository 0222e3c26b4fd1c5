//! `[net]`: through which HTTP proxy connections leave this machine.

use std::path::PathBuf;

use url::Url;

use super::section::Section;
use crate::i18n::Message;

/// Which proxy connections to other machines go through; none is ever asked for a loopback address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProxyChoice {
    /// That of the environment: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, with the exceptions of `NO_PROXY`.
    #[default]
    System,
    /// None.
    None,
    /// This one, with the exceptions of `NO_PROXY`.
    Url {
        /// `http` or `https`, without user and password.
        url: Url,
        /// What it asks for, if it does.
        login: Option<ProxyLogin>,
    },
}

/// How the user of a proxy is known (RFC 7617, Basic).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyLogin {
    /// The user.
    pub username: String,
    /// The file whose first line is the password.
    pub password_file: PathBuf,
}

pub(super) fn proxy(mut table: Section<'_>) -> ProxyChoice {
    let choice = match table.string("proxy") {
        None => ProxyChoice::System,
        Some((text, _)) if text == "system" => ProxyChoice::System,
        Some((text, _)) if text == "none" => ProxyChoice::None,
        Some((text, place)) => table
            .parse_url("proxy", &text, place, ["http", "https"])
            .map_or(ProxyChoice::System, |url| ProxyChoice::Url { url, login: None }),
    };
    let place = table.place("proxy_username").or_else(|| table.place("proxy_password_file"));
    let Some(place) = place else { return choice };
    let username = table.string("proxy_username").map(|(text, _)| text);
    let password_file = table.existing_file("proxy_password_file");
    match (choice, username, password_file) {
        (ProxyChoice::Url { url, .. }, Some(username), Some(password_file)) if !username.contains(':') => {
            ProxyChoice::Url { url, login: Some(ProxyLogin { username, password_file }) }
        }
        (choice @ ProxyChoice::Url { .. }, ..) => {
            table.problem(place, Message::new("config.proxy_login_incomplete"));
            choice
        }
        (choice @ (ProxyChoice::System | ProxyChoice::None), ..) => {
            table.problem(place, Message::new("config.proxy_login_without_proxy"));
            choice
        }
    }
}
