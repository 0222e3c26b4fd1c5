//! Real programs and real HTTP servers on loopback.

use std::{path::Path, time::Instant};

use tokio::sync::oneshot;

use super::*;
use crate::{
    i18n::Locale,
    net::{
        testing::{HttpStub, dead_port},
        tls::Tls,
    },
    panel::facts::example,
};

fn filler(config: PanelConfig) -> Filler {
    Filler::new(&config, Dialer::direct(Tls::new(None).unwrap())).unwrap()
}

async fn filled(filler: &mut Filler, facts: CallFacts) -> Result<Option<PanelContent>, PanelError> {
    let (sender, receiver) = oneshot::channel();
    filler.fill(facts, move |result| sender.send(result).unwrap());
    tokio::time::timeout(Duration::from_secs(20), receiver).await.unwrap().unwrap()
}

async fn by_command(argv: &[&str], format: PanelFormat) -> Result<Option<PanelContent>, PanelError> {
    let command = Some(argv.iter().map(|arg| (*arg).to_owned()).collect());
    filled(&mut filler(PanelConfig { command, format, ..PanelConfig::default() }), example()).await
}

async fn by_address(url: String, format: PanelFormat) -> Result<Option<PanelContent>, PanelError> {
    filled(&mut filler(PanelConfig { url: Some(url), format, ..PanelConfig::default() }), example()).await
}

fn text(text: &str) -> Option<PanelContent> {
    Some(PanelContent::Text(text.to_owned()))
}

fn fields(list: &[(&str, &str)]) -> Option<PanelContent> {
    Some(PanelContent::Fields(list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()))
}

#[test]
fn nothing_configured_fills_nothing() {
    assert!(Filler::new(&PanelConfig::default(), Dialer::direct(Tls::new(None).unwrap())).is_none());
}

#[tokio::test]
async fn a_command_gets_the_call_as_arguments_and_as_json() {
    let argv = ["sh", "-c", "printf '%s|' \"$@\"; cat", "card", "{number}", "{area}/{queue_id}", "{{number}}"];
    let content = by_command(&argv, PanelFormat::Text).await.unwrap();
    let Some(PanelContent::Text(said)) = content else { panic!("{content:?}") };
    let (arguments, json) = said.rsplit_once('|').unwrap();
    assert_eq!(arguments, "13800138000|北京/2|{number}");
    let json: Value = serde_json::from_str(json).unwrap();
    assert_eq!(
        (&json["number"], &json["queue_id"], &json["direction"]),
        (&"13800138000".into(), &2.into(), &"in".into())
    );
}

#[tokio::test]
async fn what_a_caller_calls_himself_is_no_option_and_no_shell() {
    let mut filler = filler(PanelConfig {
        command: Some(["printf", "%s", "{number}"].map(str::to_owned).to_vec()),
        ..PanelConfig::default()
    });
    let facts = CallFacts { number: Some("--help; $(id)\u{1b}".into()), ..example() };
    assert_eq!(filled(&mut filler, facts).await.unwrap(), text("help; $(id)"));
}

#[tokio::test]
async fn a_commands_output_is_what_the_config_says_it_is() {
    let object = r#"{"name":"王","level":"金卡"}"#;
    let shown = fields(&[("name", "王"), ("level", "金卡")]);
    assert_eq!(by_command(&["echo", "{{name}} x"], PanelFormat::Auto).await.unwrap(), text("{name} x\n"));
    assert_eq!(by_command(&["printf", "%s", object], PanelFormat::Auto).await.unwrap(), shown);
    assert_eq!(by_command(&["printf", "%s", object], PanelFormat::Json).await.unwrap(), shown);
    assert_eq!(by_command(&["printf", "%s", object], PanelFormat::Text).await.unwrap(), text(object));
    let markdown = by_command(&["echo", "# hi"], PanelFormat::Markdown).await.unwrap();
    assert_eq!(markdown, Some(PanelContent::Markdown("# hi\n".into())));
    assert!(matches!(by_command(&["echo", "no"], PanelFormat::Json).await, Err(PanelError::NotJson { .. })));
    assert!(matches!(by_command(&["echo", "[1]"], PanelFormat::Json).await, Err(PanelError::UnusableJson)));
    for format in [PanelFormat::Auto, PanelFormat::Json, PanelFormat::Markdown] {
        assert_eq!(by_command(&["true"], format).await.unwrap(), None, "nothing to show is no failure");
    }
    let error = by_command(&["sh", "-c", "echo no such customer >&2; exit 1"], PanelFormat::Auto).await.unwrap_err();
    assert!(error.to_string().contains("no such customer"), "{error}");
}

fn runs(file: &Path) -> bool {
    let pid = std::fs::read_to_string(file).unwrap_or_default();
    if !pid.ends_with('\n') {
        return false;
    }
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(10), "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_run_that_is_not_wanted_any_more_is_ended_and_says_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let script = format!("sleep 1000 & echo $! > '{}'/\"$1\"; wait", dir.path().display());
    let mut filler = filler(PanelConfig {
        command: Some(["sh", "-c", script.as_str(), "card", "{number}"].map(str::to_owned).to_vec()),
        timeout: Duration::from_secs(60),
        ..PanelConfig::default()
    });
    let call = |number: &str| CallFacts { number: Some(number.into()), ..example() };
    let (first, second) = (dir.path().join("1"), dir.path().join("2"));
    let (sender, receiver) = oneshot::channel();
    filler.fill(call("1"), move |result| sender.send(result.is_ok()).unwrap());
    until("the first runs", || runs(&first)).await;
    filler.fill(call("2"), |_| {});
    until("the second runs", || runs(&second)).await;
    until("the first is gone", || !runs(&first)).await;
    assert!(receiver.await.is_err(), "nobody hears of the first any more");
    filler.stop();
    until("the second is gone", || !runs(&second)).await;
    filler.fill(call("1"), |_| {});
    until("a third runs", || runs(&first)).await;
    drop(filler);
    until("it is gone with the program", || !runs(&first)).await;
}

#[tokio::test]
async fn an_address_gets_the_call_percent_encoded() {
    let server = HttpStub::answering("200 OK", "text/plain; charset=utf-8", "金卡").await;
    let url = format!("http://{}/card/{{area}}?n={{number}}&q={{queue}}&who={{{{me}}}}", server.address);
    assert_eq!(by_address(url, PanelFormat::Auto).await.unwrap(), text("金卡"));
    let seen = server.last();
    assert_eq!(seen.line, "GET /card/%E5%8C%97%E4%BA%AC?n=13800138000&q=%E5%94%AE%E5%90%8E&who={me}");
    assert_eq!(seen.header("authorization"), None, "the platform's token is not for others");
}

#[tokio::test]
async fn the_content_type_decides_unless_the_config_does() {
    let object = r#"{"name":"王"}"#;
    for (kind, format, wanted) in [
        ("application/json", PanelFormat::Auto, fields(&[("name", "王")])),
        ("application/vnd.crm+json; v=1", PanelFormat::Auto, fields(&[("name", "王")])),
        ("Text/Markdown", PanelFormat::Auto, Some(PanelContent::Markdown(object.into()))),
        ("text/plain", PanelFormat::Auto, text(object)),
        ("text/plain", PanelFormat::Json, fields(&[("name", "王")])),
        ("text/html", PanelFormat::Text, text(object)),
        ("application/json", PanelFormat::Markdown, Some(PanelContent::Markdown(object.into()))),
    ] {
        let server = HttpStub::answering("200 OK", kind, object).await;
        let content = by_address(format!("http://{}/", server.address), format).await.unwrap();
        assert_eq!(content, wanted, "{kind} {format:?}");
    }
}

#[tokio::test]
async fn what_goes_wrong_with_an_address_is_told() {
    let html = HttpStub::answering("200 OK", "text/html", "<p>").await;
    let refused = HttpStub::answering("404 Not Found", "text/plain", "no").await;
    let silent = HttpStub::start(None, String::new()).await;
    let elsewhere = "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n";
    let elsewhere = HttpStub::start(None, elsewhere.into()).await;
    let circle = HttpStub::start(None, "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n".into()).await;
    for (address, key) in [
        (html.address, "panel.kind"),
        (refused.address, "panel.status"),
        (silent.address, "panel.too_slow"),
        (dead_port(), "panel.connect"),
        (elsewhere.address, "panel.status"),
        (circle.address, "panel.connect"),
    ] {
        let config = PanelConfig {
            url: Some(format!("http://{address}/?n={{number}}")),
            timeout: if key == "panel.too_slow" { Duration::from_millis(200) } else { Duration::from_secs(20) },
            ..PanelConfig::default()
        };
        let error = filled(&mut filler(config), example()).await.unwrap_err();
        let message = error.message();
        assert_eq!(message.key(), key, "{error}");
        for text in [message.render(Locale::En), message.render(Locale::ZhCn)] {
            assert!(text.contains(&address.to_string()) && !text.contains("%{"), "{text}");
            // The customer's number is in the address; errors do not spread it.
            assert!(!text.contains("13800138000"), "{text}");
        }
    }
    assert!(circle.seen().len() <= 8, "a circle of redirects is left");
}

#[tokio::test]
async fn redirects_to_the_web_are_followed_and_long_answers_cut() {
    let goal = HttpStub::answering("200 OK", "text/plain", &"y".repeat(3 * LONGEST)).await;
    let answer = format!("HTTP/1.1 302 Found\r\nLocation: http://{}/goal\r\nContent-Length: 0\r\n\r\n", goal.address);
    let server = HttpStub::start(None, answer).await;
    let content = by_address(format!("http://{}/", server.address), PanelFormat::Auto).await.unwrap();
    let Some(PanelContent::Text(text)) = content else { panic!("no text") };
    assert_eq!(text.len(), LONGEST);
    assert_eq!(goal.last().line, "GET /goal");
}
