//! A whole connection against a small server: real sockets for the wire, a paused clock for the timers.

// The shape of the handshake callback is the library's.
#![allow(clippy::result_large_err)]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::DuplexStream,
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, error::TryRecvError, unbounded_channel},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message as Frame,
        handshake::server::{Request, Response},
        protocol::{CloseFrame, Role, frame::coding::CloseCode},
    },
};

use super::{conversation::hold, *};
use crate::{
    cti::push::PushMessage,
    i18n::Locale,
    net::{
        testing::{HttpStub, SOON, accept, dead_port, self_signed},
        tls::Tls,
    },
};

const TOKEN: &str = "Bearer s3cr3t";

fn settings(scheme: &str, address: impl std::fmt::Display) -> LinkSettings {
    LinkSettings {
        ws_server: Url::parse(&format!("{scheme}://{address}/link/v2/ws")).unwrap(),
        dialer: Dialer::direct(Tls::new(None).unwrap()),
        token: TOKEN.into(),
        reg_id: "R1".into(),
        login_state: Some("0".into()),
        reset: None,
    }
}

fn open(settings: LinkSettings) -> (Link, UnboundedReceiver<LinkEvent>) {
    let (tell, events) = unbounded_channel();
    let link = Link::open(settings, move |event| drop(tell.send(event)));
    (link, events)
}

/// The next event but round trips.
async fn next(events: &mut UnboundedReceiver<LinkEvent>) -> LinkEvent {
    loop {
        let event = timeout(SOON, events.recv()).await.expect("no event came").expect("the link's task is gone");
        if !matches!(event, LinkEvent::RoundTrip(_)) {
            return event;
        }
    }
}

/// A link and the server's end of it, greeted.
async fn linked() -> (Link, UnboundedReceiver<LinkEvent>, WebSocketStream<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (link, mut events) = open(settings("ws", listener.local_addr().unwrap()));
    let check = |request: &Request, response: Response| {
        assert_eq!(request.uri().to_string(), "/link/v2/ws?token=Bearer%20s3cr3t&RegID=R1&loginState=0");
        assert!(request.headers().get("sec-websocket-protocol").is_none());
        assert!(request.headers().get("authorization").is_none());
        Ok(response)
    };
    let mut server = accept_hdr_async(accept(&listener).await, check).await.unwrap();
    assert_eq!(receive(&mut server).await, Frame::text("Hello Server!"));
    assert_eq!(next(&mut events).await, LinkEvent::Opened);
    // Read, and answered when the server next reads or writes.
    assert!(matches!(receive(&mut server).await, Frame::Ping(_)));
    (link, events, server)
}

async fn receive<S>(server: &mut WebSocketStream<S>) -> Frame
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    timeout(SOON, server.next()).await.expect("nothing came").expect("the client is gone").unwrap()
}

/// What the link says last when the server behaves so.
async fn last_event(events: &mut UnboundedReceiver<LinkEvent>) -> LinkEvent {
    let last = next(events).await;
    assert!(matches!(last, LinkEvent::Closed { .. } | LinkEvent::Failed(_)), "{last:?}");
    assert_eq!(timeout(SOON, events.recv()).await.unwrap(), None, "something came after the last event");
    last
}

#[test]
fn the_query_is_the_recorded_one() {
    let mut settings = settings("ws", "h");
    let query = |settings: &LinkSettings| settings.url().query().unwrap().to_owned();
    settings.token = "Bearer abc def".into();
    assert_eq!(query(&settings), "token=Bearer%20abc%20def&RegID=R1&loginState=0");
    settings.reg_id = "R 2".into();
    settings.reset = Some(false);
    assert_eq!(query(&settings), "token=Bearer%20abc%20def&RegID=R%202&loginState=0&reset=false");
    settings.login_state = None;
    settings.reset = Some(true);
    assert_eq!(query(&settings), "token=Bearer%20abc%20def&RegID=R%202&reset=true");
    settings.reset = None;
    settings.reg_id = String::new();
    settings.token = "a+b/c=d&é'~!*".into();
    assert_eq!(query(&settings), "token=a%2Bb%2Fc%3Dd%26%C3%A9%27~%21%2A&RegID=");
    settings.ws_server = Url::parse("wss://h/ws?zone=2#part").unwrap();
    assert_eq!(settings.url().as_str(), "wss://h/ws?zone=2&token=a%2Bb%2Fc%3Dd%26%C3%A9%27~%21%2A&RegID=");
}

#[tokio::test]
async fn pushes_come_in_order_and_warnings_are_answered_at_once() {
    let (_link, mut events, mut server) = linked().await;
    server.send(Frame::text(r#"{"MT":0}"#)).await.unwrap();
    server.send(Frame::text("WARNOFF")).await.unwrap();
    server.send(Frame::text(r#"{"MT":4,"State":"1"}"#)).await.unwrap();
    server.send(Frame::binary(r#"{"MT":7}"#)).await.unwrap();
    server.send(Frame::Ping("are you there".into())).await.unwrap();
    let mut names = Vec::new();
    for _ in 0..3 {
        let event = next(&mut events).await;
        let LinkEvent::Push(push) = event else { panic!("{event:?}") };
        names.push(push.event_name);
    }
    assert_eq!(names, ["ws", "agentUnbusy", "ivr"]);
    assert_eq!(receive(&mut server).await, Frame::text(""));
    assert_eq!(receive(&mut server).await, Frame::Pong("are you there".into()));
}

#[tokio::test]
async fn junk_is_told_once_and_the_connection_stays() {
    let (_link, mut events, mut server) = linked().await;
    for junk in ["", "<html>no</html>", "more junk", "[1]"] {
        server.send(Frame::text(junk)).await.unwrap();
    }
    server.send(Frame::binary(vec![0xff, 0xfe])).await.unwrap();
    server.send(Frame::text(r#"{"MT":99}"#)).await.unwrap();
    assert_eq!(next(&mut events).await, LinkEvent::Unreadable("no".into()));
    let event = next(&mut events).await;
    assert!(matches!(&event, LinkEvent::Push(push) if push.message == PushMessage::Unknown), "{event:?}");
}

#[tokio::test]
async fn close_codes_are_passed_on() {
    for (code, reason) in [(1000_u16, ""), (1001, "going"), (3403, "令牌无效"), (3412, "kicked\u{1b}[2J")] {
        let (_link, mut events, mut server) = linked().await;
        let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
        server.close(Some(frame)).await.unwrap();
        let reason = reason.replace('\u{1b}', " ");
        assert_eq!(next(&mut events).await, LinkEvent::Closed { code, reason });
        let answer = receive(&mut server).await;
        assert!(matches!(&answer, Frame::Close(Some(frame)) if u16::from(frame.code) == code), "{answer:?}");
        drop(server);
        assert_eq!(timeout(SOON, events.recv()).await.unwrap(), None);
    }
    let (_link, mut events, mut server) = linked().await;
    server.close(None).await.unwrap();
    drop(server);
    assert_eq!(last_event(&mut events).await, LinkEvent::Closed { code: 1005, reason: String::new() });
}

#[tokio::test]
async fn a_cut_connection_is_1006() {
    let (_link, mut events, server) = linked().await;
    drop(server);
    let last = last_event(&mut events).await;
    assert!(matches!(last, LinkEvent::Closed { code: 1006, .. }), "{last:?}");
}

#[tokio::test]
async fn what_websockets_do_not_allow_ends_the_connection() {
    let (_link, mut events, mut server) = linked().await;
    server.send(Frame::text("x".repeat((1 << 20) + 1))).await.unwrap();
    let last = next(&mut events).await;
    assert!(matches!(last, LinkEvent::Closed { code: 1009, .. }), "{last:?}");

    let (_link, mut events, server) = linked().await;
    let mut socket = server.into_inner();
    tokio::io::AsyncWriteExt::write_all(&mut socket, &[0x81, 0x01, 0xff]).await.unwrap();
    let last = next(&mut events).await;
    assert!(matches!(last, LinkEvent::Closed { code: 1007, .. }), "{last:?}");
}

#[tokio::test]
async fn closing_sends_a_bare_close_frame_and_no_event() {
    let (link, mut events, mut server) = linked().await;
    link.close();
    assert_eq!(receive(&mut server).await, Frame::Close(None));
    // The sender is gone with the gate, so there is nothing that could tell any more.
    assert_eq!(events.try_recv(), Err(TryRecvError::Disconnected));
    let end = timeout(SOON, server.next()).await.unwrap();
    assert!(end.is_none(), "{end:?}");
}

#[tokio::test]
async fn dropping_closes_too() {
    let (link, mut events, mut server) = linked().await;
    drop(link);
    assert_eq!(receive(&mut server).await, Frame::Close(None));
    assert_eq!(events.recv().await, None);
}

#[tokio::test]
async fn a_server_that_ignores_the_close_frame_is_left_after_a_second() {
    let (link, mut events, server) = linked().await;
    let started = Instant::now();
    link.shut_down().await;
    let took = started.elapsed();
    assert!((900..3000).contains(&took.as_millis()), "{took:?}");
    assert_eq!(events.recv().await, None);
    drop(server);
}

#[tokio::test]
async fn closing_while_connecting_says_nothing() {
    let silent = HttpStub::start(None, String::new()).await;
    let (link, mut events) = open(settings("ws", silent.address));
    timeout(Duration::from_secs(2), link.shut_down()).await.unwrap();
    assert_eq!(events.recv().await, None);
}

/// What the server's end of a connection sees of its end.
async fn end_of(socket: &mut TcpStream) -> std::io::Result<usize> {
    let mut rest = Vec::new();
    timeout(SOON, tokio::io::AsyncReadExt::read_to_end(socket, &mut rest)).await.expect("it is still open")
}

#[tokio::test]
async fn an_attempt_given_up_half_way_is_reset() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (link, _events) = open(settings("ws", listener.local_addr().unwrap()));
    let mut socket = accept(&listener).await;
    let mut request = [0; 16];
    tokio::io::AsyncReadExt::read_exact(&mut socket, &mut request).await.unwrap();
    assert_eq!(&request[..], b"GET /link/v2/ws?");
    // A platform that stood still all the time still has the request, and must see that nobody waits for an answer.
    link.close();
    assert_eq!(end_of(&mut socket).await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_slow_upgrade_is_waited_for_and_given_up_in_the_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_link, mut events) = open(settings("ws", listener.local_addr().unwrap()));
    let mut socket = accept(&listener).await;
    tokio::io::AsyncReadExt::read_exact(&mut socket, &mut [0; 16]).await.unwrap();
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let last = events.recv().await;
    assert!(matches!(last, Some(LinkEvent::Failed(LinkError::Unanswered { .. }))), "{last:?}");
    assert!((9..=10).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    tokio::time::resume();
    assert_eq!(end_of(&mut socket).await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_link_that_has_gone_silent_is_reset() {
    let (_link, mut events, server) = linked().await;
    let mut socket = server.into_inner();
    tokio::time::pause();
    loop {
        match events.recv().await {
            Some(LinkEvent::Late(_)) => {}
            last => break assert_eq!(last, Some(LinkEvent::Failed(LinkError::Silent(25)))),
        }
    }
    tokio::time::resume();
    assert_eq!(end_of(&mut socket).await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    let discreet = |error: &LinkError| {
        let said = [
            format!("{error}"),
            format!("{error:?}"),
            error.message().render(Locale::En),
            error.message().render(Locale::ZhCn),
        ];
        for text in said {
            assert!(!text.contains("s3cr3t") && !text.contains("%{") && !text.contains("cti."), "{text}");
        }
    };
    let failure = async |settings| {
        let (_link, mut events) = open(settings);
        let event = last_event(&mut events).await;
        let LinkEvent::Failed(error) = event else { panic!("{event:?}") };
        discreet(&error);
        error
    };
    let dead = dead_port();
    let refused = LinkError::Connect { host: dead.to_string(), reason: "connection refused".into() };
    assert_eq!(failure(settings("ws", dead)).await, refused);
    let forbidding = HttpStub::answering("401 Unauthorized", "text/plain", "no").await;
    assert_eq!(failure(settings("ws", forbidding.address)).await, LinkError::Refused { status: 401 });
    let https = HttpStub::start(Some(self_signed("127.0.0.1", false).0), String::new()).await;
    let error = failure(settings("wss", https.address)).await;
    assert!(matches!(error, LinkError::Certificate { .. }), "{error:?}");
    discreet(&LinkError::Silent(25));
}

#[tokio::test]
async fn debug_shows_no_secret() {
    let settings = settings("ws", dead_port());
    assert!(!format!("{settings:?}").contains("s3cr3t"));
}

/// A conversation over memory, so that the clock can be paused: nothing real is waited for.
struct InMemory {
    server: WebSocketStream<DuplexStream>,
    events: UnboundedReceiver<LinkEvent>,
    doubt: Arc<Notify>,
    closing: CancellationToken,
    task: JoinHandle<End>,
    started: tokio::time::Instant,
}

impl InMemory {
    async fn start() -> Self {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (tell, events): (UnboundedSender<LinkEvent>, _) = unbounded_channel();
        let (doubt, closing) = (Arc::new(Notify::new()), CancellationToken::new());
        let task = tokio::spawn({
            let (doubt, closing) = (doubt.clone(), closing.clone());
            async move {
                let mut client = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
                hold(&mut client, &|event| drop(tell.send(event)), &doubt, &closing).await
            }
        });
        let server = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
        let mut linked = Self { server, events, doubt, closing, task, started: tokio::time::Instant::now() };
        assert_eq!(linked.receive().await, Frame::text("Hello Server!"));
        assert_eq!(linked.events.recv().await, Some(LinkEvent::Opened));
        linked
    }

    /// The next event but those that tell of a late answer.
    async fn after_late(&mut self) -> Option<LinkEvent> {
        loop {
            match self.events.recv().await {
                Some(LinkEvent::Late(_)) => {}
                event => return event,
            }
        }
    }

    async fn receive(&mut self) -> Frame {
        self.server.next().await.unwrap().unwrap()
    }

    fn seconds(&self) -> f64 {
        (self.started.elapsed().as_secs_f64() * 10.0).round() / 10.0
    }
}

#[tokio::test(start_paused = true)]
async fn the_heart_beats_every_ten_seconds_whatever_else_is_said() {
    let mut link = InMemory::start().await;
    let mut beats = Vec::new();
    while beats.len() < 5 {
        // Pings are answered with the next reading.
        if link.receive().await == Frame::text("") {
            beats.push(link.seconds());
        }
    }
    assert_eq!(beats, [10.0, 20.0, 30.0, 40.0, 50.0]);
    link.closing.cancel();
    while link.receive().await != Frame::Close(None) {}
    assert!(link.server.next().await.is_none());
    assert_eq!(link.task.await.unwrap(), End::ByUs);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_server_is_asked_every_three_seconds_and_the_round_trip_is_measured() {
    let mut link = InMemory::start().await;
    let mut asked = Vec::new();
    for _ in 0..3 {
        let ping = link.receive().await;
        assert!(matches!(ping, Frame::Ping(_)), "{ping:?}");
        asked.push(link.seconds());
        // The answer to the ping leaves with the server's next reading.
        tokio::time::advance(Duration::from_millis(120)).await;
        link.server.flush().await.unwrap();
        assert_eq!(link.events.recv().await, Some(LinkEvent::RoundTrip(120)));
    }
    assert_eq!(asked, [0.0, 3.1, 6.2], "the first at once, the others when nothing has come for 3 s");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answered_before_is_given_up_ten_seconds_after_its_last_word() {
    for wait in [0, 700, 1900, 2900] {
        let mut link = InMemory::start().await;
        let ping = link.receive().await;
        assert!(matches!(ping, Frame::Ping(_)), "{ping:?}");
        link.server.flush().await.unwrap();
        assert!(matches!(link.events.recv().await, Some(LinkEvent::RoundTrip(_))));
        tokio::time::advance(Duration::from_millis(wait)).await;
        link.server.send(Frame::text(r#"{"MT":0}"#)).await.unwrap();
        assert!(matches!(link.events.recv().await, Some(LinkEvent::Push(_))));
        let last_word = tokio::time::Instant::now();
        // Nothing is read any more, so nothing is answered either.
        assert_eq!(link.after_late().await, Some(LinkEvent::Failed(LinkError::Silent(9))));
        let took = last_word.elapsed();
        assert!((9000..9500).contains(&took.as_millis()), "{took:?}");
        assert_eq!(link.task.await.unwrap(), End::Silent);
        assert_eq!(link.events.recv().await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_pings_has_twenty_five_seconds() {
    let mut link = InMemory::start().await;
    assert_eq!(link.after_late().await, Some(LinkEvent::Failed(LinkError::Silent(25))));
    assert_eq!(link.seconds(), 25.1);
    assert_eq!(link.task.await.unwrap(), End::Silent);
}

#[tokio::test(start_paused = true)]
async fn this_process_having_stood_still_is_not_the_servers_silence() {
    let mut link = InMemory::start().await;
    for _ in 0..2 {
        assert!(matches!(link.receive().await, Frame::Ping(_)));
        link.server.flush().await.unwrap();
        assert!(matches!(link.events.recv().await, Some(LinkEvent::RoundTrip(_))));
    }
    assert!(matches!(link.receive().await, Frame::Ping(_)));
    // The answer comes in time and lies there, while the clock alone goes on: all timers are late when it is read.
    link.server.flush().await.unwrap();
    tokio::time::advance(Duration::from_secs(20)).await;
    assert!(matches!(link.after_late().await, Some(LinkEvent::RoundTrip(_))));
    assert!(!link.task.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_link_that_stalls_is_told_of_within_8_seconds_and_told_well_again() {
    let mut link = InMemory::start().await;
    assert!(matches!(link.receive().await, Frame::Ping(_)));
    link.server.flush().await.unwrap();
    assert!(matches!(link.events.recv().await, Some(LinkEvent::RoundTrip(_))));
    let ping = link.receive().await;
    assert!(matches!(ping, Frame::Ping(_)) && link.seconds() == 3.0, "{ping:?} at {}", link.seconds());
    let late = link.events.recv().await;
    assert_eq!((late, link.seconds()), (Some(LinkEvent::Late(3000)), 6.0));
    // The pong was put aside when the ping was read, and leaves now.
    link.server.flush().await.unwrap();
    let back = link.events.recv().await;
    assert_eq!(back, Some(LinkEvent::RoundTrip(3000)));
    // Something else that comes says as well that the link is alive.
    link.server.send(Frame::text(r#"{"MT":0}"#)).await.unwrap();
    assert!(matches!(link.events.recv().await, Some(LinkEvent::Push(_))));
}

#[tokio::test(start_paused = true)]
async fn a_link_in_doubt_must_give_a_sign_of_life_at_once() {
    let mut link = InMemory::start().await;
    assert!(matches!(link.receive().await, Frame::Ping(_)));
    link.server.flush().await.unwrap();
    assert!(matches!(link.events.recv().await, Some(LinkEvent::RoundTrip(_))));
    link.doubt.notify_one();
    assert_eq!(link.receive().await, Frame::text(""));
    assert!(matches!(link.receive().await, Frame::Ping(_)));
    link.server.flush().await.unwrap();
    assert!(matches!(link.events.recv().await, Some(LinkEvent::RoundTrip(_))));
    link.doubt.notify_one();
    assert_eq!(link.after_late().await, Some(LinkEvent::Failed(LinkError::Silent(3))));
    assert!(link.seconds() <= 6.0, "{}", link.seconds());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_nothing_is_given_up_too() {
    let (ours, _theirs) = tokio::io::duplex(4);
    let (tell, mut events) = unbounded_channel();
    let mut client = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
    let started = tokio::time::Instant::now();
    let (doubt, closing) = (Notify::new(), CancellationToken::new());
    let end = hold(&mut client, &|event| drop(tell.send(event)), &doubt, &closing).await;
    assert_eq!((end, started.elapsed().as_secs()), (End::Silent, 25));
    assert_eq!(events.try_recv(), Ok(LinkEvent::Failed(LinkError::Silent(25))));
}

#[tokio::test(start_paused = true)]
async fn any_frame_keeps_a_server_without_pongs_alive() {
    let mut link = InMemory::start().await;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_secs(20)).await;
        link.server.feed(Frame::text(r#"{"MT":0}"#)).await.unwrap();
        // Only written, never read: pings stay without an answer.
        link.server.flush().await.unwrap();
        let event = link.after_late().await.unwrap();
        assert!(matches!(event, LinkEvent::Push(_)), "{event:?}");
    }
    assert_eq!(link.after_late().await, Some(LinkEvent::Failed(LinkError::Silent(25))));
    assert_eq!(link.seconds(), 225.1);
}

#[tokio::test(start_paused = true)]
async fn a_pong_to_something_else_is_no_round_trip() {
    let mut link = InMemory::start().await;
    link.server.send(Frame::Pong("unasked".into())).await.unwrap();
    link.server.send(Frame::text(r#"{"MT":0}"#)).await.unwrap();
    let event = link.events.recv().await.unwrap();
    assert!(matches!(event, LinkEvent::Push(_)), "{event:?}");
}
