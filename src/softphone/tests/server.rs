//! The scripted SIP server.

use futures_util::{SinkExt, StreamExt};
use md5::{Digest, Md5};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request, Response},
        http::HeaderValue,
    },
};

use super::LIMIT;

/// The server's side of one connection.
pub(super) struct Conn(pub(super) WebSocketStream<TcpStream>);

impl Conn {
    pub(super) async fn accept(listener: &TcpListener) -> Self {
        let (socket, _) = timeout(LIMIT, listener.accept()).await.expect("nobody connects").unwrap();
        Self::over(socket).await
    }

    /// Speaks WebSocket over a connection that is there.
    pub(super) async fn over(socket: TcpStream) -> Self {
        #[allow(clippy::result_large_err)]
        let agree = |request: &Request, mut response: Response| {
            assert_eq!(request.headers().get("Sec-WebSocket-Protocol"), Some(&HeaderValue::from_static("sip")));
            response.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("sip"));
            Ok(response)
        };
        Self(accept_hdr_async(socket, agree).await.unwrap())
    }

    /// The next SIP message.
    pub(super) async fn read(&mut self) -> String {
        loop {
            match timeout(LIMIT, self.0.next()).await.expect("no message").expect("closed").unwrap() {
                Message::Text(text) if !text.trim().is_empty() => return text.to_string(),
                Message::Text(_) | Message::Ping(_) | Message::Pong(_) => {}
                other @ (Message::Binary(_) | Message::Close(_) | Message::Frame(_)) => panic!("{other:?}"),
            }
        }
    }

    /// The next SIP message, however long it takes; none when the connection is gone.
    pub(super) async fn next(&mut self) -> Option<String> {
        while let Some(Ok(message)) = self.0.next().await {
            if let Message::Text(text) = message
                && !text.trim().is_empty()
            {
                return Some(text.to_string());
            }
        }
        None
    }

    /// The next message, which must begin so.
    pub(super) async fn expect(&mut self, start: &str) -> String {
        let text = self.read().await;
        assert!(text.starts_with(start), "{start} expected: {text}");
        text
    }

    pub(super) async fn send(&mut self, text: String) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    pub(super) async fn reply(&mut self, request: &str, status: &str, extra: &str) {
        let echo: String = ["Via", "From", "To", "Call-ID", "CSeq"]
            .iter()
            .map(|n| format!("{n}: {}\r\n", field(request, n)))
            .collect();
        self.send(format!("SIP/2.0 {status}\r\n{echo}{extra}Content-Length: 0\r\n\r\n")).await;
    }

    /// The same with a session description.
    pub(super) async fn reply_with(&mut self, request: &str, status: &str, extra: &str, sdp: &str) {
        let echo: String = ["Via", "From", "To", "Call-ID", "CSeq"]
            .iter()
            .map(|n| format!("{n}: {}\r\n", field(request, n)))
            .collect();
        let kind = "Content-Type: application/sdp\r\n";
        self.send(format!("SIP/2.0 {status}\r\n{echo}{extra}{kind}Content-Length: {}\r\n\r\n{sdp}", sdp.len())).await;
    }

    /// Takes a registration in, with a challenge, `lifetime` s; returns the REGISTER that passed.
    pub(super) async fn register(&mut self, lifetime: u32) -> String {
        let first = self.expect("REGISTER").await;
        self.reply(
            &first,
            "401 Unauthorized",
            "WWW-Authenticate: Digest realm=\"r\",nonce=\"n\",algorithm=MD5,qop=\"auth\"\r\n",
        )
        .await;
        let second = self.expect("REGISTER").await;
        check_credentials(&second);
        let contact = field(&second, "Contact").split(";reg-id").next().unwrap();
        let contact = contact.replace("transport=ws", "transport=WS").replace("@192.0.2.", "@127.0.0.");
        self.reply(&second, "200 OK", &format!("Contact: {contact};expires={lifetime}\r\n")).await;
        second
    }

    /// Ends the TCP connection without a word.
    pub(super) fn cut(self) {
        drop(self.0.into_inner());
    }
}

pub(super) fn field<'a>(text: &'a str, name: &str) -> &'a str {
    text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_else(|| panic!("no {name} in {text}"))
}

pub(super) fn check_credentials(register: &str) {
    let header = field(register, "Authorization");
    let get = |name: &str| {
        let rest = header.split(&format!("{name}=")).nth(1).unwrap();
        rest.split(',').next().unwrap().trim_matches('"').to_owned()
    };
    let md5 = |text: String| hex::encode(Md5::digest(text));
    let ha1 = md5("ss1ss8001:r:hunter2".into());
    let ha2 = md5(format!("REGISTER:{}", get("uri")));
    let expected = md5(format!("{ha1}:n:{}:{}:auth:{ha2}", get("nc"), get("cnonce")));
    assert_eq!(get("response"), expected);
}

pub(super) fn invite(register: &str, call_id: &str, extra: &str) -> String {
    let target = field(register, "Contact").split(['<', '>']).nth(1).unwrap();
    format!(
        "INVITE {target} SIP/2.0\r\nVia: SIP/2.0/WS 127.0.0.1:9;branch=z9hG4bK{call_id}\r\n\
         Record-Route: <sip:nowhere.invalid;transport=ws;lr>\r\nFrom: <sip:138@x>;tag=f\r\nTo: <sip:ss1ss8001@x>\r\n\
         Call-ID: {call_id}\r\nCSeq: 10 INVITE\r\nContact: <sip:asterisk@unresolvable:5060;transport=ws>\r\n{extra}\
         Content-Type: application/sdp\r\nContent-Length: 11\r\n\r\nv=0 offer\r\n"
    )
}

pub(super) fn ack(ok: &str) -> String {
    format!(
        "ACK sip:x@y SIP/2.0\r\nVia: SIP/2.0/WS 127.0.0.1:9;branch=z9hG4bKack\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 10 ACK\r\n\r\n",
        field(ok, "From"),
        field(ok, "To"),
        field(ok, "Call-ID")
    )
}
