//! Our side: what the `webrtc` crate says about itself, and the descriptions that are sent.

use std::net::{IpAddr, SocketAddr};

use super::{Choice, Direction, Remote, Setup, clock, encoding, lines::Description};
use crate::{
    config::Codec,
    softphone::media::{MediaError, network::unspecified},
};

/// Payload types of our own offers, as browsers number them.
fn own_payload_type(codec: Codec) -> u8 {
    match codec {
        Codec::Opus => 111,
        Codec::G722 => 9,
        Codec::Pcma => 8,
        Codec::Pcmu => 0,
    }
}

/// telephone-event of our own offers: payload type and clock, Hz.
const OWN_EVENTS: [(u8, u32); 2] = [(110, 48_000), (126, 8_000)];

/// One way our side is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
struct OwnCandidate {
    /// What stands behind `a=candidate:`.
    line: String,
    priority: u32,
    address: IpAddr,
    port: u16,
    tcp: bool,
    /// The address is one of this machine's, not seen or lent by a server.
    host: bool,
}

/// How our side is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    ufrag: String,
    pwd: String,
    fingerprint: String,
    /// Best first.
    candidates: Vec<OwnCandidate>,
    /// SSRC of what we send.
    pub ssrc: u32,
}

impl Local {
    /// Takes what is needed from the crate's own description.
    ///
    /// # Errors
    /// [`MediaError::Failed`] if the crate wrote something unexpected.
    pub fn read(text: &str, ssrc: u32) -> Result<Self, MediaError> {
        let failed = |what: &str| MediaError::Failed(format!("no {what} in our own description"));
        let description = Description::parse(text).map_err(|_| failed("SDP"))?;
        let media = description.media.first().ok_or_else(|| failed("audio"))?;
        let find = |name: &str| {
            let value = media.section.attribute(name).or_else(|| description.session.attribute(name));
            value.map(str::to_owned).ok_or_else(|| failed(name))
        };
        let mut candidates: Vec<OwnCandidate> =
            media.section.attributes("candidate").filter_map(own_candidate).collect();
        candidates.sort_by_key(|own| (std::cmp::Reverse(own.priority), own.address.is_ipv6()));
        Ok(Self {
            ufrag: find("ice-ufrag")?,
            pwd: find("ice-pwd")?,
            fingerprint: find("fingerprint")?,
            candidates,
            ssrc,
        })
    }

    /// ICE user name fragment and password.
    pub fn credentials(&self) -> (&str, &str) {
        (&self.ufrag, &self.pwd)
    }

    /// The UDP ports on this machine.
    pub fn udp_ports(&self) -> Vec<SocketAddr> {
        let ours = self.candidates.iter().filter(|own| own.host && !own.tcp);
        ours.map(|own| SocketAddr::new(own.address, own.port)).collect()
    }

    /// The candidates shown to a far end: loopback ones only to one that may be on this machine, TCP ones only to one
    /// that knows of such.
    fn candidates_for(&self, loopback: bool, tcp: bool) -> Vec<&OwnCandidate> {
        let known = || self.candidates.iter().filter(|own| tcp || !own.tcp);
        let shown: Vec<_> = known().filter(|own| loopback || !own.address.is_loopback()).collect();
        if shown.is_empty() { known().collect() } else { shown }
    }

    /// The address for `c=`, `m=` and `o=`: a real one, because 0.0.0.0 reads as hold (RFC 2543 B.5).
    fn main_address(&self, loopback: bool, ipv6: bool) -> (IpAddr, u16) {
        let shown = self.candidates_for(loopback, false);
        shown
            .iter()
            .find(|own| own.address.is_ipv6() == ipv6 && own.address.is_loopback() == loopback)
            .or_else(|| shown.iter().find(|own| own.address.is_ipv6() == ipv6))
            .or_else(|| shown.first())
            .map_or((IpAddr::from([127, 0, 0, 1]), 9), |own| (own.address, own.port))
    }
}

fn own_candidate(line: &str) -> Option<OwnCandidate> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [foundation, "1", transport, priority, address, port, "typ", kind, rest @ ..] = words.as_slice() else {
        return None;
    };
    let parsed: IpAddr = address.parse().ok().filter(|address: &IpAddr| !address.is_unspecified())?;
    let port: u16 = port.parse().ok()?;
    let (tcp, host) = (transport.eq_ignore_ascii_case("tcp"), *kind == "host");
    let mut line = format!("{foundation} 1 {transport} {priority} {address} {port} typ {kind}");
    if !host {
        // Required (RFC 8839 5.1), but what addresses there are in the house concerns nobody.
        line.push_str(&format!(" raddr {} rport 9", unspecified(parsed)));
    }
    if tcp {
        let tcp_type = rest.iter().skip_while(|word| **word != "tcptype").nth(1)?;
        line.push_str(&format!(" tcptype {tcp_type}"));
    }
    Some(OwnCandidate { line, priority: priority.parse().ok()?, address: parsed, port, tcp, host })
}

/// The identity of our descriptions in one call (RFC 8866 5.2): the version grows by one with each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    id: u64,
    version: u64,
}

impl Origin {
    /// A new session.
    pub fn new() -> Self {
        // RFC 8866 5.2 wants it unique; JSEP wants at most 62 bits (RFC 9429 5.2.1).
        Self { id: rand::random::<u64>() >> 2, version: 0 }
    }

    fn next(&mut self, address: IpAddr) -> String {
        self.version += 1;
        format!("o=- {} {} IN {}", self.id, self.version, net(address))
    }
}

fn net(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => format!("IP4 {v4}"),
        IpAddr::V6(v6) => format!("IP6 {v6}"),
    }
}

/// Lines of a description under construction.
struct Text(String);

impl Text {
    fn line(&mut self, line: impl AsRef<str>) {
        self.0.push_str(line.as_ref());
        self.0.push_str("\r\n");
    }

    fn codec(&mut self, codec: Codec, payload_type: u8) {
        self.line(format!("a=rtpmap:{payload_type} {}", encoding(codec)));
        if codec == Codec::Opus {
            self.line(format!("a=fmtp:{payload_type} minptime=10;useinbandfec=1"));
        }
    }

    fn event(&mut self, payload_type: u8, clock: u32) {
        self.line(format!("a=rtpmap:{payload_type} telephone-event/{clock}"));
        self.line(format!("a=fmtp:{payload_type} 0-16"));
    }

    fn transport(&mut self, local: &Local, loopback: bool, tcp: bool, setup: Setup) {
        self.line(format!("a=setup:{}", setup.name()));
        self.line(format!("a=fingerprint:{}", local.fingerprint));
        self.line(format!("a=ice-ufrag:{}", local.ufrag));
        self.line(format!("a=ice-pwd:{}", local.pwd));
        for own in local.candidates_for(loopback, tcp) {
            self.line(format!("a=candidate:{}", own.line));
        }
        let name = format!("wincall-{:08x}", local.ssrc);
        self.line(format!("a=msid:{name} {name}"));
        self.line(format!("a=ssrc:{} cname:{name}", local.ssrc));
    }
}

/// The answer to `remote`: its `m=` lines in order, one audio accepted, the rest refused (RFC 3264 6).
/// `setup` is our DTLS role, `direction` as we see it.
pub fn answer(remote: &Remote, local: &Local, origin: &mut Origin, setup: Setup, direction: Direction) -> String {
    let Choice { codec, payload_type, event, .. } = remote.choice;
    let spoken = Spoken { codecs: vec![(codec, payload_type)], events: event.into_iter().collect() };
    within(remote, local, origin, &spoken, setup, remote.tcp, direction)
}

/// Our own offer within a session: its `m=` lines, the codec spoken now first and under its number, then those of
/// `codecs` that another far end may need (RFC 3264 8, RFC 3261 14.2).
pub fn offer_again(remote: &Remote, local: &Local, codecs: &[Codec], origin: &mut Origin) -> String {
    let Choice { codec, payload_type, event, .. } = remote.choice;
    let mut spoken = Spoken { codecs: vec![(codec, payload_type)], events: event.into_iter().collect() };
    for codec in codecs.iter().copied().filter(|other| *other != codec) {
        let number = spoken.free(own_payload_type(codec));
        spoken.codecs.push((codec, number));
    }
    for (number, hz) in OWN_EVENTS {
        let wanted = spoken.codecs.iter().any(|(codec, _)| clock(*codec) == hz);
        if wanted && !spoken.events.iter().any(|(_, clock)| *clock == hz) {
            let number = spoken.free(number);
            spoken.events.push((number, hz));
        }
    }
    within(remote, local, origin, &spoken, Setup::ActPass, true, Direction::SendRecv)
}

/// What a description offers to speak.
struct Spoken {
    codecs: Vec<(Codec, u8)>,
    /// telephone-event: payload type and clock, Hz.
    events: Vec<(u8, u32)>,
}

impl Spoken {
    /// A number nobody has yet: the wanted one if it is free.
    fn free(&self, wanted: u8) -> u8 {
        let taken = |number: &u8| {
            self.codecs.iter().any(|(_, pt)| pt == number) || self.events.iter().any(|(pt, _)| pt == number)
        };
        [wanted].into_iter().chain(96..=127).find(|number| !taken(number)).unwrap_or(wanted)
    }
}

/// A description with the `m=` lines of `remote`.
fn within(
    remote: &Remote,
    local: &Local,
    origin: &mut Origin,
    spoken: &Spoken,
    setup: Setup,
    tcp: bool,
    direction: Direction,
) -> String {
    let (address, port) = local.main_address(remote.loopback, remote.ipv6);
    let mut text = Text(String::with_capacity(1024));
    text.line("v=0");
    text.line(origin.next(address));
    text.line("s=-");
    text.line(format!("c=IN {}", net(address)));
    text.line("t=0 0");
    let chosen_mid = remote.media.get(remote.chosen).and_then(|media| media.mid.as_deref());
    if let (true, Some(mid)) = (remote.bundle, chosen_mid) {
        text.line(format!("a=group:BUNDLE {mid}"));
    }
    for (index, media) in remote.media.iter().enumerate() {
        if index == remote.chosen {
            let numbers = spoken.codecs.iter().map(|(_, pt)| *pt).chain(spoken.events.iter().map(|(pt, _)| *pt));
            let formats: Vec<String> = numbers.map(|pt| pt.to_string()).collect();
            text.line(format!("m={} {port} {} {}", media.kind, media.profile, formats.join(" ")));
            if let Some(mid) = &media.mid {
                text.line(format!("a=mid:{mid}"));
            }
            for (codec, payload_type) in &spoken.codecs {
                text.codec(*codec, *payload_type);
            }
            for (pt, clock) in &spoken.events {
                text.event(*pt, *clock);
            }
            text.line("a=ptime:20");
            text.line(format!("a={}", direction.name()));
            if remote.rtcp_mux {
                text.line("a=rtcp-mux");
            }
            if remote.rtcp_rsize {
                text.line("a=rtcp-rsize");
            }
            text.transport(local, remote.loopback, tcp, setup);
        } else {
            text.line(format!("m={} 0 {} {}", media.kind, media.profile, media.formats.join(" ")).trim_end());
            if let Some(mid) = &media.mid {
                text.line(format!("a=mid:{mid}"));
            }
        }
    }
    text.0
}

/// Our own offer, for an INVITE that came without one: every codec, in order of preference.
pub fn offer(local: &Local, codecs: &[Codec], origin: &mut Origin) -> String {
    let (address, port) = local.main_address(false, false);
    let events: Vec<(u8, u32)> =
        OWN_EVENTS.into_iter().filter(|(_, hz)| codecs.iter().any(|codec| clock(*codec) == *hz)).collect();
    let formats: Vec<String> = codecs
        .iter()
        .map(|codec| own_payload_type(*codec))
        .chain(events.iter().map(|(pt, _)| *pt))
        .map(|pt| pt.to_string())
        .collect();
    let mut text = Text(String::with_capacity(1024));
    text.line("v=0");
    text.line(origin.next(address));
    text.line("s=-");
    text.line(format!("c=IN {}", net(address)));
    text.line("t=0 0");
    text.line("a=group:BUNDLE 0");
    text.line(format!("m=audio {port} UDP/TLS/RTP/SAVPF {}", formats.join(" ")));
    text.line("a=mid:0");
    for codec in codecs {
        text.codec(*codec, own_payload_type(*codec));
    }
    for (pt, clock) in events {
        text.event(pt, clock);
    }
    text.line("a=ptime:20");
    text.line("a=sendrecv");
    text.line("a=rtcp-mux");
    text.transport(local, true, true, Setup::ActPass);
    text.0
}
