//! What is on the wire, and what comes of each kind of answer, over real sockets on loopback.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::*;
use crate::{
    cti::api::SecretToken,
    i18n::Locale,
    net::{
        dialer::Dialer,
        proxy::Proxy,
        testing::{Authority, HttpStub, Seen, accept, dead_port, self_signed},
        tls::Tls,
    },
};

mod whole;

const TOKEN: &str = "Bearer s3cr3t t0ken";

fn api_of(scheme: &str, address: SocketAddr, tls: Tls) -> Api {
    api_at(scheme, &address.to_string(), Dialer::direct(tls))
}

fn api_at(scheme: &str, address: &str, dialer: Dialer) -> Api {
    let config = ApiConfig {
        api_server: Url::parse(&format!("{scheme}://{address}/interface/v2")).unwrap(),
        jsonp_server: Url::parse(&format!("{scheme}://{address}/")).unwrap(),
        ag_no: "8001".into(),
        locale: Locale::ZhCn,
        dialer,
        custom_header: reqwest::header::HeaderMap::new(),
    };
    Api::new(config, TOKEN.into()).unwrap()
}

fn api(address: SocketAddr) -> Api {
    api_of("http", address, Tls::new(None).unwrap())
}

/// Says nothing of the token, and says something to people in both languages.
fn discreet(error: &ApiError) {
    let said = [
        format!("{error}"),
        format!("{error:?}"),
        error.message().render(Locale::En),
        error.message().render(Locale::ZhCn),
    ];
    for text in said {
        assert!(!text.contains("s3cr3t") && !text.contains("%{") && !text.contains("cti."), "{text}");
    }
}

async fn failure(api: &Api) -> ApiError {
    let error = api.send(&Request::Ready).await.unwrap_err();
    discreet(&error);
    error
}

fn names(seen: &Seen) -> Vec<String> {
    let mut names: Vec<_> = seen.headers.iter().map(|(name, _)| name.to_lowercase()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_command_is_exactly_what_the_protocol_says() {
    let server = HttpStub::json(r#"{"code":0,"message":"ok","data":{"regId":"R1","agSta":"0"}}"#).await;
    let api = api(server.address);
    let reply = api.send(&Request::Login { bind_tel: "9001".into(), login_type: 1, state: 0 }).await.unwrap();
    assert!(reply.is_ok());
    assert_eq!(reply.data["regId"], "R1");
    let seen = server.last();
    assert_eq!(seen.line, "POST /interface/v2/agent/login");
    assert_eq!(seen.body, r#"{"agNo":"8001","bindTel":"9001","loginType":1,"state":0}"#);
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("authorization"), Some(TOKEN));
    assert_eq!(seen.header("accept"), Some("*/*"));
    assert_eq!(
        names(&seen),
        ["accept", "accept-language", "authorization", "content-length", "content-type", "host", "user-agent"]
    );
    assert_eq!(seen.header("accept-language"), Some("zh-CN"));
}

#[tokio::test]
async fn custom_headers_go_with_commands_and_win_but_not_with_look_ups() {
    let server = HttpStub::json(r#"{"code":0}"#).await;
    let mut config = api(server.address).shared.config.clone();
    config.custom_header.insert("x-gateway", "g1".parse().unwrap());
    config.custom_header.insert("content-type", "application/json;charset=utf-8".parse().unwrap());
    let api = Api::new(config, TOKEN.into()).unwrap();
    for (request, sent) in [
        (Request::Ready, true),
        (Request::QueueSum { ag_ids: Vec::new() }, true),
        (Request::SkillGroups, false),
        (Request::QueueDetail, false),
    ] {
        api.send(&request).await.unwrap();
        let seen = server.last();
        assert_eq!(seen.header("x-gateway"), sent.then_some("g1"), "{}", seen.line);
        if sent {
            assert_eq!(seen.header("content-type"), Some("application/json;charset=utf-8"), "not twice");
            assert_eq!(seen.header("authorization"), Some(TOKEN));
            assert_eq!(names(&seen).iter().filter(|name| **name == "content-type").count(), 1);
        }
    }
}

#[tokio::test]
async fn a_renewed_token_is_sent_from_then_on_by_all_clones() {
    let server = HttpStub::json(r#"{"code":0}"#).await;
    let api = api(server.address);
    let clone = api.clone();
    clone.send(&Request::Ready).await.unwrap();
    api.set_token("Bearer other".into());
    clone.send(&Request::Ready).await.unwrap();
    let tokens: Vec<_> = server.seen().iter().map(|seen| seen.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(tokens, [TOKEN, "Bearer other"]);
}

#[tokio::test]
async fn a_token_that_no_header_can_carry_is_told_as_such() {
    let server = HttpStub::json(r#"{"code":0}"#).await;
    let api = api(server.address);
    for token in ["", "Bearer s3cr3t\r\nX-Evil: 1", "Bearer s3cr3t\0"] {
        api.set_token(token.into());
        assert_eq!(failure(&api).await, ApiError::UnusableToken);
    }
    assert!(server.seen().is_empty());
    let config = api.shared.config.clone();
    assert_eq!(Api::new(config, "a\nb".into()).unwrap_err(), ApiError::UnusableToken);
}

#[tokio::test]
async fn a_refusal_is_a_reply() {
    let server = HttpStub::json(r#"{"code":"40403","message":"已是空闲"}"#).await;
    let reply = api(server.address).send(&Request::Ready).await.unwrap();
    assert_eq!((reply.code, reply.message.as_str(), reply.is_ok()), (40403, "已是空闲", false));
}

#[tokio::test]
async fn a_look_up_is_a_plain_get_without_the_token() {
    let server = HttpStub::answering(
        "200 OK",
        "text/javascript",
        r#"anything({"code":"200","data":[{"id":"3","que_name":"Q","vcc_id":77}]});"#,
    )
    .await;
    let api = api(server.address);
    api.set_tenant("VC&1");
    let reply = api.send(&Request::SkillGroups).await.unwrap();
    assert!(reply.is_ok());
    assert_eq!(reply.data[0]["que_name"], "Q");
    let seen = server.last();
    assert_eq!(names(&seen), ["accept", "accept-language", "host", "user-agent"]);
    assert_eq!(seen.body, "");
    let (path, query) = seen.line.split_once('?').unwrap();
    assert_eq!(path, "GET /v2/wintelapi/api/jsonp/queue/list");
    let pairs: Vec<_> = query.split('&').map(|pair| pair.split_once('=').unwrap()).collect();
    let [(callback, name), ag_num, vcc_code, (underscore, count)] = pairs[..] else { panic!("{query}") };
    assert_eq!(
        (callback, ag_num, vcc_code, underscore),
        ("jsonpcallback", ("ag_num", "8001"), ("vcc_code", "VC%261"), "_")
    );
    assert_eq!(name, format!("jQuery361_{count}"));
    assert!(count.parse::<u64>().is_ok());

    api.send(&Request::AgentBaseInfo).await.unwrap();
    assert!(server.last().line.starts_with("GET /v2/wintelapi/api/jsonp/agent?callback=jQuery361_"));
}

#[tokio::test]
async fn fields_of_a_look_up_may_override_the_usual_ones() {
    let server = HttpStub::answering("200 OK", "text/javascript", r#"cb({"code":200,"data":[]})"#).await;
    let api = api(server.address);
    api.set_tenant("VC");
    let fields = serde_json::json!({"ag_num": 8002, "vcc_code": "OTHER", "que": "a b"}).as_object().unwrap().clone();
    api.send(&Request::FreeAgentsByNumber { fields }).await.unwrap();
    let line = server.last().line;
    let (path, query) = line.split_once('?').unwrap();
    assert_eq!(path, "GET /token/jsonp/get/free/agent");
    let pairs: Vec<_> = query.split('&').map(|pair| pair.split_once('=').unwrap()).collect();
    let [(callback, _), given @ .., ("_", _)] = &pairs[..] else { panic!("{query}") };
    assert_eq!(*callback, "jsonpcallback");
    assert_eq!(given, [("ag_num", "8002"), ("vcc_code", "OTHER"), ("que", "a+b")]);
}

#[tokio::test]
async fn monitor_calls_carry_the_whole_token_and_no_agent() {
    let server = HttpStub::json(r#"{"code":"200","result":3}"#).await;
    let reply = api(server.address).send(&Request::QueueSum { ag_ids: vec![5.into()] }).await.unwrap();
    assert_eq!((reply.code, reply.data), (0, 3.into()));
    let seen = server.last();
    assert_eq!(seen.line, "POST /api/agent/queue/sum");
    assert_eq!(seen.body, r#"{"ag_ids":[5]}"#);
    assert_eq!(seen.header("authorization"), Some(TOKEN));
    assert_eq!(seen.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn the_web_api_is_asked_with_the_tokens_second_word() {
    let server = HttpStub::json(r#"{"result":[{"users":[{"incomingCallNum":"139"}]}]}"#).await;
    let api = api(server.address);
    let reply = api.send(&Request::QueueDetail).await.unwrap();
    assert_eq!(reply.data[0]["users"][0]["incomingCallNum"], "139");
    let seen = server.last();
    assert_eq!((seen.line.as_str(), seen.body.as_str()), ("POST /api/agent/queue/detail", ""));
    assert_eq!(seen.header("authorization"), Some("s3cr3t"));
    assert_eq!(seen.header("content-type"), Some("application/json"));

    api.send(&Request::WorkTime { ag_id: "5".into() }).await.unwrap();
    assert_eq!(server.last().line, "GET /v2/wintelapi/schedule/agent/worktime?ag_id=5");
    api.send(&Request::Approvers { search: "李 1".into() }).await.unwrap();
    assert_eq!(server.last().line, "GET /v3/api/busy/apply/agent?search=%E6%9D%8E+1");
    api.send(&Request::Approvers { search: String::new() }).await.unwrap();
    assert_eq!(server.last().line, "GET /v3/api/busy/apply/agent");
    assert_eq!(server.last().header("authorization"), Some("s3cr3t"));

    api.send(&Request::WarningRules).await.unwrap();
    let rules = server.last();
    assert_eq!((rules.line.as_str(), rules.header("authorization")), ("GET /api/v3/setting/warning", Some(TOKEN)));
}

#[tokio::test]
async fn bad_answers_are_told_apart() {
    let page = "<html><head><title>502 Bad Gateway</title></head></html>";
    let server = HttpStub::answering("200 OK", "text/html", page).await;
    assert_eq!(failure(&api(server.address)).await, ApiError::NotJson { start: "502 Bad Gateway".into() });
    let server = HttpStub::answering("502 Bad Gateway", "text/html", page).await;
    assert_eq!(failure(&api(server.address)).await, ApiError::Status { status: 502, message: String::new() });
    let body = r#"{"error":"invalid_token","error_description":"token expired"}"#;
    let server = HttpStub::answering("401 Unauthorized", "application/json", body).await;
    let expired = ApiError::Status { status: 401, message: "token expired".into() };
    assert_eq!(failure(&api(server.address)).await, expired);
    let server = HttpStub::answering("204 No Content", "text/plain", "").await;
    assert_eq!(failure(&api(server.address)).await, ApiError::NotJson { start: String::new() });
    // The right JSON under a wrong content type is the platform's all the same.
    let server = HttpStub::answering("200 OK", "text/html", r#"{"code":0}"#).await;
    assert!(api(server.address).send(&Request::Ready).await.unwrap().is_ok());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = HttpStub::json(r#"{"code":0}"#).await;
    let answer =
        format!("HTTP/1.1 307 Moved\r\nLocation: http://{}/x?y=z\r\nContent-Length: 0\r\n\r\n", elsewhere.address);
    let server = HttpStub::start(None, answer).await;
    let moved = ApiError::Status { status: 307, message: format!("-> {}", elsewhere.address) };
    assert_eq!(failure(&api(server.address)).await, moved);
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn certificates_are_told_from_connections() {
    let (config, pem) = self_signed("127.0.0.1", true);
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"code\":0}";
    let server = HttpStub::start(Some(config), answer.into()).await;
    let error = failure(&api_of("https", server.address, Tls::new(None).unwrap())).await;
    assert!(matches!(&error, ApiError::Certificate { host, .. } if *host == server.address.to_string()), "{error:?}");
    assert!(server.seen().is_empty(), "nothing is sent to a server that is not trusted");

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem).unwrap();
    let pinned = api_of("https", server.address, Tls::new(Some(file.path())).unwrap());
    assert!(pinned.send(&Request::Ready).await.unwrap().is_ok());

    let ca = Authority::new("ours");
    let server = HttpStub::start(Some(ca.server("127.0.0.1")), answer.into()).await;
    std::fs::write(file.path(), ca.pem()).unwrap();
    let trusting = api_of("https", server.address, Tls::new(Some(file.path())).unwrap());
    assert!(trusting.send(&Request::Ready).await.unwrap().is_ok());

    let dead = dead_port();
    let refused = ApiError::Connect { host: dead.to_string(), reason: "connection refused".into() };
    assert_eq!(failure(&api(dead)).await, refused);
}

#[tokio::test]
async fn a_connection_closed_without_an_answer_is_one_failure_and_one_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = api(listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let mut socket = accept(&listener).await;
        let mut buffer = Vec::new();
        tokio::io::AsyncReadExt::read_buf(&mut socket, &mut buffer).await.unwrap();
        drop(socket);
        listener
    });
    assert!(matches!(failure(&api).await, ApiError::Connect { .. }));
    let listener = server.await.unwrap();
    let again = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
    assert!(again.is_err(), "a command was sent twice");
}

#[tokio::test]
async fn silence_is_a_timeout_after_four_seconds() {
    let server = HttpStub::start(None, String::new()).await;
    let api = api(server.address);
    let started = Instant::now();
    assert_eq!(failure(&api).await, ApiError::Timeout(4000));
    let took = started.elapsed();
    assert!((3900..6000).contains(&took.as_millis()), "{took:?}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn debug_shows_no_secret() {
    let api = api(dead_port());
    assert!(!format!("{api:?}").contains("s3cr3t"));
}

#[test]
fn a_slash_at_the_end_of_the_base_does_not_matter() {
    for (base, whole) in [
        ("http://h/interface/v2", "http://h/interface/v2/agent/login"),
        ("http://h/interface/v2/", "http://h/interface/v2/agent/login"),
        ("http://h", "http://h/agent/login"),
        ("http://h/", "http://h/agent/login"),
    ] {
        assert_eq!(below(&Url::parse(base).unwrap(), "/agent/login").as_str(), whole);
    }
}

#[tokio::test]
async fn a_proxy_that_lets_nobody_through_is_not_taken_for_the_platform() {
    for (status, scheme, reason) in [
        ("407 Proxy Authentication Required", "http", fault::PROXY_LOGIN),
        ("407 Proxy Authentication Required", "https", fault::PROXY_LOGIN),
        ("403 Forbidden", "https", "the proxy: it opens no connection to there"),
    ] {
        let proxy = HttpStub::answering(status, "text/html", "").await;
        let url = format!("http://{}", proxy.address).parse().unwrap();
        let dialer = Dialer::new(Tls::new(None).unwrap(), Proxy::at(&url, None));
        let error = failure(&api_at(scheme, "platform.example", dialer)).await;
        let expected = ApiError::Connect { host: "platform.example".into(), reason: reason.into() };
        assert_eq!(error, expected, "{status} {scheme}");
        let line = proxy.last().line;
        let asked = if scheme == "https" { "CONNECT platform.example:443" } else { "POST http://platform.example/" };
        assert!(line.starts_with(asked), "{line}");
        assert!(!format!("{:?}", proxy.seen()).contains("s3cr3t") || scheme == "http", "the token stays in the tunnel");
    }
}

#[tokio::test]
async fn a_token_to_be_checked_speaks_for_itself_and_is_not_quoted() {
    let server = HttpStub::json(r#"{"code":40100,"message":"Bearer candidate: candidate is unknown"}"#).await;
    let api = api(server.address);
    let reply = api.send(&Request::CheckToken { token: SecretToken("Bearer candidate".into()) }).await.unwrap();
    assert_eq!((reply.code, reply.message.as_str()), (40100, "***: *** is unknown"));
    api.send(&Request::Ready).await.unwrap();
    let tokens: Vec<_> = server.seen().iter().map(|seen| seen.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(tokens, ["Bearer candidate", TOKEN], "the one in use stays");

    let server = HttpStub::answering("401 Unauthorized", "text/plain", "no candidate here").await;
    let api = api_of("http", server.address, Tls::new(None).unwrap());
    let error = api.send(&Request::CheckToken { token: SecretToken("Bearer candidate".into()) }).await.unwrap_err();
    assert!(
        matches!(error, ApiError::Status { status: 401, .. }) && !error.to_string().contains("candidate"),
        "{error}"
    );
}
