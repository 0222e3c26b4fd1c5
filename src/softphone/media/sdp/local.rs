//! Our side: what the `webrtc` crate says about itself, and the descriptions that are sent.

use std::net::IpAddr;

use super::{Choice, Direction, Remote, Setup, clock, encoding, lines::Description};
use crate::{config::Codec, softphone::media::MediaError};

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

/// How our side is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    ufrag: String,
    pwd: String,
    fingerprint: String,
    /// Best first: line, address, port.
    candidates: Vec<(String, IpAddr, u16)>,
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
        let mut candidates: Vec<(u32, (String, IpAddr, u16))> =
            media.section.attributes("candidate").filter_map(own_candidate).collect();
        candidates.sort_by_key(|(priority, (_, address, _))| (std::cmp::Reverse(*priority), address.is_ipv6()));
        Ok(Self {
            ufrag: find("ice-ufrag")?,
            pwd: find("ice-pwd")?,
            fingerprint: find("fingerprint")?,
            candidates: candidates.into_iter().map(|(_, candidate)| candidate).collect(),
            ssrc,
        })
    }

    /// The candidates shown to a far end: loopback ones only to one that may be on this machine.
    fn candidates_for(&self, loopback: bool) -> Vec<&(String, IpAddr, u16)> {
        let shown: Vec<_> =
            self.candidates.iter().filter(|(_, address, _)| loopback || !address.is_loopback()).collect();
        if shown.is_empty() { self.candidates.iter().collect() } else { shown }
    }

    /// The address for `c=`, `m=` and `o=`: a real one, because 0.0.0.0 reads as hold (RFC 2543 B.5).
    fn main_address(&self, loopback: bool) -> (IpAddr, u16) {
        let shown = self.candidates_for(loopback);
        shown
            .iter()
            .find(|(_, address, _)| address.is_ipv4() && address.is_loopback() == loopback)
            .or_else(|| shown.iter().find(|(_, address, _)| address.is_ipv4()))
            .or_else(|| shown.first())
            .map_or((IpAddr::from([127, 0, 0, 1]), 9), |(_, address, port)| (*address, *port))
    }
}

fn own_candidate(line: &str) -> Option<(u32, (String, IpAddr, u16))> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [foundation, "1", transport, priority, address, port, "typ", kind, ..] = words.as_slice() else {
        return None;
    };
    let parsed: IpAddr = address.parse().ok().filter(|address: &IpAddr| !address.is_unspecified())?;
    let port: u16 = port.parse().ok()?;
    let line = format!("{foundation} 1 {transport} {priority} {address} {port} typ {kind}");
    Some((priority.parse().ok()?, (line, parsed, port)))
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

    fn transport(&mut self, local: &Local, loopback: bool, setup: Setup) {
        self.line(format!("a=setup:{}", setup.name()));
        self.line(format!("a=fingerprint:{}", local.fingerprint));
        self.line(format!("a=ice-ufrag:{}", local.ufrag));
        self.line(format!("a=ice-pwd:{}", local.pwd));
        for (candidate, _, _) in local.candidates_for(loopback) {
            self.line(format!("a=candidate:{candidate}"));
        }
        let name = format!("wincall-{:08x}", local.ssrc);
        self.line(format!("a=msid:{name} {name}"));
        self.line(format!("a=ssrc:{} cname:{name}", local.ssrc));
    }
}

/// The answer to `remote`: its `m=` lines in order, one audio accepted, the rest refused (RFC 3264 6).
/// `setup` is our DTLS role, `direction` as we see it.
pub fn answer(remote: &Remote, local: &Local, origin: &mut Origin, setup: Setup, direction: Direction) -> String {
    let (address, port) = local.main_address(remote.loopback);
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
            let Choice { codec, payload_type, event, wishes: _ } = remote.choice;
            let event_format = event.map(|(pt, _)| format!(" {pt}")).unwrap_or_default();
            text.line(format!("m={} {port} {} {payload_type}{event_format}", media.kind, media.profile));
            if let Some(mid) = &media.mid {
                text.line(format!("a=mid:{mid}"));
            }
            text.codec(codec, payload_type);
            if let Some((pt, clock)) = event {
                text.event(pt, clock);
            }
            text.line("a=ptime:20");
            text.line(format!("a={}", direction.name()));
            if remote.rtcp_mux {
                text.line("a=rtcp-mux");
            }
            if remote.rtcp_rsize {
                text.line("a=rtcp-rsize");
            }
            text.transport(local, remote.loopback, setup);
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
    let (address, port) = local.main_address(false);
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
    text.transport(local, true, Setup::ActPass);
    text.0
}
