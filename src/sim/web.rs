//! The web API beside the commands: look-ups for scripts, the queue's figures, breaks, plans, warning rules, and the
//! probes of `check` (protocol `cti.md` 2.8 to 2.11).

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Query, State},
    http::{HeaderMap, Method, Response, StatusCode, Uri, header},
    response::IntoResponse,
    routing::{MethodFilter, get, on, post},
};
use serde_json::{Value, json};

use super::{directory, log::LogEntry, shared::Shared, tokens::Worth, world::World};
use crate::i18n::{Locale, Message};

/// How a request shows who asks (protocol `cti.md` 2.9, 2.10).
#[derive(Clone, Copy)]
enum Key {
    /// The token as it is.
    Whole,
    /// The token without its type.
    Bare,
    /// Either: two of the bar's requests to the same service differ.
    Either,
}

/// A request of somebody known.
struct Asked {
    ag_no: String,
    locale: Locale,
    query: HashMap<String, String>,
    body: Value,
}

/// What answers at a path.
struct Service {
    method: MethodFilter,
    path: &'static str,
    key: Key,
    answer: fn(&mut World, &Asked) -> Value,
}

static SERVICES: [Service; 9] = [
    Service {
        method: MethodFilter::GET,
        path: "/v2/wintelapi/schedule/agent/worktime",
        key: Key::Bare,
        answer: |w, asked| directory::worktime(w, &asked.ag_no, &asked.query, asked.locale),
    },
    Service {
        method: MethodFilter::POST,
        path: "/api/agent/queue/sum",
        key: Key::Either,
        answer: |w, asked| directory::queue_sum(w, &asked.body),
    },
    Service {
        method: MethodFilter::POST,
        path: "/api/agent/queue/detail",
        key: Key::Either,
        answer: |w, asked| directory::queue_detail(w, &asked.ag_no),
    },
    Service {
        method: MethodFilter::POST,
        path: "/api/v3/monitor/queueUpNumById",
        key: Key::Whole,
        answer: |w, asked| directory::queue_number(w, &asked.ag_no, &asked.body),
    },
    Service {
        method: MethodFilter::GET,
        path: "/v3/api/busy/apply/agent",
        key: Key::Bare,
        answer: |w, asked| {
            let search = asked.query.get("search").map_or("", |text| text.trim());
            json!({"code": "200", "result": {"data": w.approver_list(search)}})
        },
    },
    Service {
        method: MethodFilter::GET,
        path: "/v3/web/busy/apply/query",
        key: Key::Bare,
        answer: |w, asked| json!({"code": "200", "result": w.request_list(&asked.ag_no)}),
    },
    Service {
        method: MethodFilter::GET,
        path: "/v3/web/busy/apply/isChange",
        key: Key::Bare,
        answer: |w, asked| json!({"code": "200", "result": w.request_news(&asked.ag_no, asked.locale)}),
    },
    Service {
        method: MethodFilter::POST,
        path: "/v3/web/busy/apply/add",
        key: Key::Bare,
        answer: |w, asked| w.ask_for_break(&asked.ag_no, &asked.body, asked.locale),
    },
    Service {
        method: MethodFilter::GET,
        path: "/api/v3/setting/warning",
        key: Key::Whole,
        answer: |w, asked| {
            let ok = Message::new("sim.ok").render(asked.locale);
            json!({"code": 0, "message": ok, "data": w.warning_rules()})
        },
    },
];

/// The routes of the web API.
pub fn routes() -> Router<Arc<Shared>> {
    let router = Router::new()
        .route("/v2/wintelapi/{*path}", get(look_up))
        .route("/token/jsonp/get/free/agent", get(look_up))
        .route("/ping", post(ping));
    SERVICES.iter().fold(router, |router, service| {
        let answer = move |State(shared): State<Arc<Shared>>, method, uri, headers, query, body| async move {
            serve(&shared, service, (method, uri, headers), query, &body)
        };
        router.route(service.path, on(service.method, answer))
    })
}

/// The language of an answer: the first one asked for that is spoken here, else Chinese.
pub fn language(headers: &HeaderMap) -> Locale {
    let asked = headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let tags = asked.split(',').map(|tag| tag.split(';').next().unwrap_or_default().trim());
    tags.filter(|tag| !tag.is_empty()).find_map(Locale::from_tag).unwrap_or(Locale::ZhCn)
}

/// Whom a request's token belongs to, with its type or without.
pub fn owner(world: &World, token: &str) -> Option<String> {
    match worth(world, Key::Either, token) {
        Worth::Good { ag_no, .. } => Some(ag_no),
        Worth::Expired | Worth::Unknown => None,
    }
}

fn worth(world: &World, key: Key, token: &str) -> Worth {
    match key {
        Key::Whole => world.tokens.check(token),
        Key::Bare => world.tokens.check_bare(token),
        Key::Either => match world.tokens.check(token) {
            Worth::Unknown => world.tokens.check_bare(token),
            known @ (Worth::Good { .. } | Worth::Expired) => known,
        },
    }
}

fn serve(
    shared: &Shared,
    service: &Service,
    (method, uri, headers): (Method, Uri, HeaderMap),
    Query(query): Query<HashMap<String, String>>,
    body: &Bytes,
) -> Response<Body> {
    let text = String::from_utf8_lossy(body);
    shared.log(LogEntry { source: "http", direction: "in", text: format!("{method} {uri} {text}") });
    let locale = language(&headers);
    let token = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let refused = |key| {
        let told = json!({"error": "invalid_token", "error_description": Message::new(key).render(locale)});
        (StatusCode::UNAUTHORIZED, told)
    };
    let (status, answer) = shared.with(|w| match worth(w, service.key, token) {
        Worth::Expired => refused("sim.token_expired"),
        Worth::Unknown => refused("sim.token_unknown"),
        Worth::Good { ag_no, .. } => {
            // Some requests have no body (protocol `cti.md` 2.10).
            let body = if body.is_empty() { Ok(json!({})) } else { serde_json::from_slice(body) };
            match body {
                Ok(body) => (StatusCode::OK, (service.answer)(w, &Asked { ag_no, locale, query, body })),
                Err(_) => {
                    let message = Message::new("sim.bad_json").with("field", "JSON").render(locale);
                    (StatusCode::BAD_REQUEST, json!({"code": 400, "message": message}))
                }
            }
        }
    });
    let text = format!("{} {} {answer}", status.as_u16(), uri.path());
    shared.log(LogEntry { source: "http", direction: "out", text });
    (status, Json(answer)).into_response()
}

/// A look-up, which needs no token: anybody's script tag may ask.
async fn look_up(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response<Body> {
    shared.log(LogEntry { source: "http", direction: "in", text: format!("GET {uri}") });
    let locale = language(&headers);
    let answer = shared.read(|w| directory::look_up(w, uri.path(), &query, locale));
    shared.log(LogEntry { source: "http", direction: "out", text: format!("200 {} {answer}", uri.path()) });
    let (text, kind) = match directory::wrap(&answer, &query) {
        Some(script) => (script, "application/javascript; charset=utf-8"),
        None => (answer.to_string(), "application/json; charset=utf-8"),
    };
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// Only the time it takes matters.
async fn ping() -> Json<Value> {
    Json(json!({}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_language_spoken_here_counts() {
        let language = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, header::HeaderValue::from_static(text));
            super::language(&headers)
        };
        assert_eq!(language("en-GB,en;q=0.9"), Locale::En);
        assert_eq!(language("fr, en;q=0.8, zh;q=0.5"), Locale::En);
        assert_eq!(language("zh-CN,en;q=0.8"), Locale::ZhCn);
        assert_eq!(language("*"), Locale::ZhCn);
        assert_eq!(super::language(&HeaderMap::new()), Locale::ZhCn);
    }
}
