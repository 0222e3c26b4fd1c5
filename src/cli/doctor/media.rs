//! Encrypted sound: network paths of this machine, and a call inside it over real sockets.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

use super::{
    finding::{Examined, Finding},
    network::dialer,
};
use crate::{
    config::{AudioBackend, AudioConfig, IceConfig, IceTransport, IceUrl},
    i18n::Message,
    net::{
        dialer::Dialer,
        stream::{self, StreamError},
    },
    softphone::{
        Event, MediaEvent,
        media::{Media, MediaError},
    },
};

const CHECK: &str = "ice";
/// Of a TURN server over TCP or TLS.
const SERVER: &str = "turn_server";
/// For a connection to one.
const CONNECT: Duration = Duration::from_secs(4);
const CALL: &str = "doctor";

/// Gathers the paths that a call would offer, and sets up ICE and DTLS-SRTP between two ends in this process.
pub(super) async fn probe(examined: &Examined) -> Vec<Finding> {
    if !examined.config.platform.webrtc {
        return Vec::new();
    }
    let begun = Instant::now();
    let dialer = match dialer(examined).await {
        Ok(dialer) => dialer,
        Err(finding) => return vec![finding],
    };
    match loopback(&examined.config.ice, &dialer).await {
        Ok(paths) if paths.is_empty() => {
            vec![examined.fail(CHECK, &Message::new("cli.ice_no_path"), "cli.doctor_do_network")]
        }
        Ok(paths) => {
            let has_relay = paths.iter().any(|path| path.starts_with("relay"));
            let kinds = paths.into_iter().collect::<Vec<_>>().join(", ");
            let message = |key| Message::new(key).with("paths", &kinds).with("ms", begun.elapsed().as_millis());
            let wants_relay = examined.config.ice.servers.iter().flat_map(|server| &server.urls).any(|url| url.turn);
            vec![if wants_relay && !has_relay {
                examined.warn(CHECK, &message("cli.ice_no_relay"), "cli.doctor_do_turn")
            } else {
                examined.ok(CHECK, &message("cli.ice_ok"))
            }]
        }
        Err(error) => vec![examined.fail(CHECK, &error.message(), "cli.doctor_do_udp")],
    }
}

/// Opens a connection to each TURN server that is reached over TCP or TLS.
pub(super) async fn servers(examined: &Examined) -> Vec<Finding> {
    let urls = examined.config.ice.servers.iter().flat_map(|server| &server.urls).filter(|url| url.is_stream());
    let urls: Vec<_> = urls.filter(|_| examined.config.platform.webrtc).collect();
    if urls.is_empty() {
        return Vec::new();
    }
    match dialer(examined).await {
        Ok(dialer) => join_all(urls.into_iter().map(|url| reach(examined, url, &dialer))).await,
        Err(finding) => vec![finding],
    }
}

async fn reach(examined: &Examined, url: &IceUrl, dialer: &Dialer) -> Finding {
    let begun = Instant::now();
    let host = url.authority();
    let secure = url.transport == IceTransport::Tls;
    let addresses = async { Ok(tokio::net::lookup_host(&host).await?.collect()) };
    let connected = timeout(CONNECT, stream::connect(dialer, secure, &url.host, &host, addresses)).await;
    match connected {
        Ok(Ok(_)) => {
            let message = Message::new("cli.turn_ok").with("url", url).with("ms", begun.elapsed().as_millis());
            examined.ok(SERVER, &message)
        }
        Ok(Err(error @ StreamError::Certificate { .. })) => {
            examined.warn(SERVER, &error.message(), "cli.doctor_do_certificate")
        }
        Ok(Err(error @ StreamError::Connect { .. })) => {
            examined.warn(SERVER, &error.message(), "cli.doctor_do_network")
        }
        Err(_) => {
            let late = Message::new("net.timeout").with("host", host).with("ms", CONNECT.as_millis());
            examined.warn(SERVER, &late, "cli.doctor_do_network")
        }
    }
}

/// The kinds of paths offered, once sound is set up both ways.
async fn loopback(ice: &IceConfig, dialer: &Dialer) -> Result<BTreeSet<String>, MediaError> {
    let (tell, mut events) = mpsc::unbounded_channel();
    let end = || {
        let tell = tell.clone();
        let audio = AudioConfig { backend: AudioBackend::Null, ..AudioConfig::default() };
        Media::with_ice(
            audio,
            ice.clone(),
            dialer,
            Arc::new(move |event| {
                // After the end nobody listens.
                tell.send(event).ok();
            }),
        )
    };
    let (caller, callee) = (end(), end());
    let offer = caller.offer(CALL, false).await?;
    let answer = callee.answer(CALL, &offer).await?;
    caller.accept_answer(CALL, &answer).await?;
    let mut up = 0;
    let mut outcome = Err(MediaError::Failed("the sound engine has ended".into()));
    while let Some(event) = events.recv().await {
        if let Event::Media(MediaEvent::Lost { cause }) = event {
            outcome = Err(MediaError::Failed(cause.message().render(crate::i18n::Locale::En)));
            break;
        }
        if matches!(event, Event::Media(MediaEvent::Up { .. })) {
            up += 1;
            if up == 2 {
                outcome = Ok(kinds(&offer));
                break;
            }
        }
    }
    tokio::join!(caller.shutdown(), callee.shutdown());
    outcome
}

/// Kinds of candidates in an offer (RFC 8839 section 5.1): `host`, `srflx`, `relay`, with the IP version.
fn kinds(offer: &str) -> BTreeSet<String> {
    let candidates = offer.lines().filter_map(|line| line.trim().strip_prefix("a=candidate:"));
    candidates
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            let address = fields.nth(4)?;
            let kind = fields.skip_while(|field| *field != "typ").nth(1)?;
            let version = if address.contains(':') { "IPv6" } else { "IPv4" };
            Some(format!("{kind} {version}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tls::Tls;

    #[test]
    fn candidates_are_told_by_kind_and_version() {
        let offer = "v=0\r\na=candidate:1 1 udp 2130706431 192.0.2.7 50000 typ host generation 0\r\n\
                     a=candidate:2 1 udp 1694498815 203.0.113.9 50001 typ srflx raddr 0.0.0.0 rport 0\r\n\
                     a=candidate:3 1 udp 2130706431 2001:db8::7 50002 typ host\r\na=end-of-candidates\r\n";
        assert_eq!(kinds(offer).into_iter().collect::<Vec<_>>(), ["host IPv4", "host IPv6", "srflx IPv4"]);
        assert!(kinds("v=0\r\n").is_empty());
    }

    #[tokio::test]
    async fn a_call_inside_the_machine_is_set_up() {
        let paths = loopback(&IceConfig::default(), &Dialer::direct(Tls::new(None).unwrap())).await.unwrap();
        assert!(paths.iter().any(|path| path.starts_with("host")), "{paths:?}");
    }
}
