//! The far end's description: what of it we can speak, and the plain form the `webrtc` crate is given.

use std::net::IpAddr;

use super::{
    Choice, Direction, Fingerprints, Setup, clock, encoding,
    lines::{Description, Media, Section},
};
use crate::{
    config::Codec,
    softphone::{audio::OpusWishes, media::MediaError},
};

/// What a packet of ours lasts, ms.
const OUR_PACKET_MS: f32 = 20.0;

/// Most candidates taken from a description; a browser on a laptop with a VPN writes about twenty.
const MAX_CANDIDATES: usize = 32;

/// The profiles DTLS-SRTP is announced with: by RFC 5764 and 8841, by rtpengine as configured, and by those that leave
/// it to the fingerprint (RFC 8643).
const PROFILES: [&str; 6] = ["UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF", "RTP/SAVP", "RTP/AVPF", "RTP/AVP"];

/// An `m=` line of the far end, as far as an answer repeats it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedMedia {
    pub kind: String,
    pub profile: String,
    pub formats: Vec<String>,
    pub mid: Option<String>,
}

/// What a remote description says, as far as we speak it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// The codec to speak.
    pub choice: Choice,
    /// As the far end sees it.
    pub direction: Direction,
    /// The far end's DTLS role.
    pub setup: Setup,
    /// ICE user name fragment.
    pub ufrag: String,
    /// ICE password.
    pub pwd: String,
    /// The far end does ICE-lite (RFC 8445 2.5).
    pub lite: bool,
    /// `a=fingerprint`: what its certificate must be.
    pub fingerprints: Fingerprints,
    /// Usable candidates: UDP, component 1, an address.
    pub candidates: Vec<String>,
    /// Where it listens for TCP (RFC 6544).
    pub tcp_candidates: Vec<String>,
    /// It knows of TCP candidates.
    pub tcp: bool,
    /// The far end is reachable through the loopback interface.
    pub loopback: bool,
    /// It has IPv6 addresses only.
    pub ipv6: bool,
    /// Every `m=` line, in order.
    pub media: Vec<OfferedMedia>,
    /// Which of `media` is the audio spoken.
    pub chosen: usize,
    /// It named a BUNDLE group with the audio in it.
    pub bundle: bool,
    /// It offers RTP and RTCP on one port (RFC 5761).
    pub rtcp_mux: bool,
    /// It takes reduced-size RTCP (RFC 5506).
    pub rtcp_rsize: bool,
    /// Its address is 0.0.0.0: in a later offer that is hold, in the words of RFC 2543 (B.5). With port 9 it only means
    /// that the candidates count (RFC 8839 4.3.1).
    pub no_address: bool,
}

/// Reads an offer. `preferences` are our codecs, best first; `current` is the one a call in progress already speaks and
/// keeps if it can.
///
/// # Errors
/// [`MediaError::NotAcceptable`] with what is missing.
pub fn read_offer(text: &str, preferences: &[Codec], current: Option<Codec>) -> Result<Remote, MediaError> {
    let description = parse(text)?;
    let order: Vec<Codec> = current.into_iter().chain(preferences.iter().copied()).collect();
    pick(&description, |media| choose(media, &order))
}

/// Reads the answer to our own offer. The first codec the far end names is spoken (RFC 3264 6.1).
///
/// # Errors
/// [`MediaError::NotAcceptable`] with what is missing.
pub fn read_answer(text: &str, offered: &[Codec]) -> Result<Remote, MediaError> {
    let description = parse(text)?;
    let mut remote = pick(&description, |media| {
        let answered: Vec<Codec> =
            codecs(media).into_iter().map(|(codec, _)| codec).filter(|codec| offered.contains(codec)).collect();
        choose(media, &answered)
    })?;
    if remote.setup == Setup::ActPass {
        // An answer must decide (RFC 8842 5.3); one that does not leaves it to us, and the offerer is then the server.
        remote.setup = Setup::Active;
    }
    Ok(remote)
}

fn parse(text: &str) -> Result<Description, MediaError> {
    Description::parse(text).map_err(refuse)
}

fn refuse(reason: impl Into<String>) -> MediaError {
    MediaError::NotAcceptable(reason.into())
}

/// The first audio we can speak; if there is none, why the first one cannot be spoken.
fn pick(
    description: &Description,
    choose: impl Fn(&Media) -> Result<Choice, MediaError>,
) -> Result<Remote, MediaError> {
    let mut reason = None;
    for (index, media) in description.media.iter().enumerate().filter(|(_, m)| m.kind.eq_ignore_ascii_case("audio")) {
        match speak(description, index, media, &choose) {
            Ok(remote) => return Ok(remote),
            Err(error) => reason = reason.or(Some(error)),
        }
    }
    Err(reason.unwrap_or_else(|| refuse("it has no audio")))
}

fn speak(
    description: &Description,
    chosen: usize,
    media: &Media,
    choose: &impl Fn(&Media) -> Result<Choice, MediaError>,
) -> Result<Remote, MediaError> {
    let section = &media.section;
    let mid = section.attribute("mid").filter(|mid| is_token(mid));
    let bundle = mid.is_some_and(|mid| {
        description.session.attributes("group").any(|group| {
            let mut words = group.split_ascii_whitespace();
            words.next() == Some("BUNDLE") && words.any(|word| word == mid)
        })
    });
    if media.port == 0 && !(bundle && section.has("bundle-only")) {
        return Err(refuse("its audio is switched off (port 0)"));
    }
    if !PROFILES.contains(&media.profile.as_str()) {
        return Err(refuse(format!("its audio is not RTP but {}", media.profile)));
    }
    let choice = choose(media)?;

    // What a bundled section leaves out stands in the first section of the group (RFC 8843 7.1.3).
    let others: Vec<&Section> =
        if bundle { description.media.iter().map(|m| &m.section).collect() } else { Vec::new() };
    let places = || [section, &description.session].into_iter().chain(others.iter().copied());
    let find = |name: &str| places().find_map(|place| place.attribute(name).map(str::to_owned));

    if section.has("crypto") && !places().any(|place| place.has("fingerprint")) {
        return Err(refuse("its audio is encrypted with keys in the SDP (SDES); DTLS-SRTP is needed"));
    }
    let fingerprints = fingerprints(places())?;
    let is_word = |word: &String| (1..=256).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_graphic());
    let (Some(ufrag), Some(pwd)) = (find("ice-ufrag").filter(is_word), find("ice-pwd").filter(is_word)) else {
        return Err(refuse("its audio has no ICE credentials (WebRTC is needed, not plain RTP)"));
    };
    let candidates: Vec<Candidate> = places()
        .map(|place| place.attributes("candidate").filter_map(candidate).take(MAX_CANDIDATES).collect::<Vec<_>>())
        .find(|found| !found.is_empty())
        .unwrap_or_default();
    let connection: Option<IpAddr> = section
        .line('c')
        .or_else(|| description.session.line('c'))
        .and_then(|line| line.split_ascii_whitespace().last())
        .and_then(|word| word.split('/').next())
        .and_then(|address| address.parse().ok());
    let addresses: Vec<IpAddr> = connection.into_iter().chain(candidates.iter().map(|c| c.address)).collect();
    let loopback = addresses.iter().any(IpAddr::is_loopback);
    let ipv6 = !addresses.is_empty() && addresses.iter().all(IpAddr::is_ipv6);
    let lines = |wanted: fn(&Transport) -> bool| {
        candidates.iter().filter(|c| wanted(&c.transport)).map(|c| c.line.clone()).collect::<Vec<_>>()
    };

    let offered = |media: &Media| OfferedMedia {
        kind: media.kind.clone(),
        profile: media.profile.clone(),
        formats: media.formats.clone(),
        mid: media.section.attribute("mid").filter(|mid| is_token(mid)).map(str::to_owned),
    };
    Ok(Remote {
        choice,
        direction: direction(section).or_else(|| direction(&description.session)).unwrap_or(Direction::SendRecv),
        setup: match find("setup").as_deref() {
            Some("active") => Setup::Active,
            Some("passive") => Setup::Passive,
            _ => Setup::ActPass,
        },
        ufrag,
        pwd,
        lite: description.session.has("ice-lite"),
        fingerprints,
        candidates: lines(|transport| *transport == Transport::Udp),
        tcp_candidates: lines(|transport| *transport == Transport::TcpPassive),
        tcp: places().any(|place| place.attributes("candidate").any(is_tcp)),
        loopback,
        ipv6,
        media: description.media.iter().map(offered).collect(),
        chosen,
        bundle,
        rtcp_mux: section.has("rtcp-mux"),
        rtcp_rsize: section.has("rtcp-rsize"),
        no_address: media.port != 9 && connection.is_some_and(|address| address.is_unspecified()),
    })
}

fn direction(section: &Section) -> Option<Direction> {
    [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
        .into_iter()
        .find(|direction| section.has(direction.name()))
}

/// RFC 4566 token: what a `mid` may consist of.
fn is_token(word: &str) -> bool {
    (1..=64).contains(&word.len())
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&b))
}

/// The fingerprints of the first place that has some (RFC 8122 5).
fn fingerprints<'a>(mut places: impl Iterator<Item = &'a Section>) -> Result<Fingerprints, MediaError> {
    let Some(place) = places.find(|place| place.has("fingerprint")) else {
        return Err(refuse("its audio has no DTLS fingerprint (WebRTC is needed, not plain RTP)"));
    };
    Fingerprints::read(place).ok_or_else(|| refuse("none of its DTLS fingerprints can be checked"))
}

/// A way the far end is reached.
struct Candidate {
    line: String,
    address: IpAddr,
    transport: Transport,
}

#[derive(PartialEq, Eq)]
enum Transport {
    Udp,
    /// It listens.
    TcpPassive,
}

/// A candidate of RFC 6544, whether we can use it or not.
fn is_tcp(line: &str) -> bool {
    line.split_ascii_whitespace().nth(2).is_some_and(|transport| transport.eq_ignore_ascii_case("tcp"))
}

/// A candidate in the crate's words, if we can use it (RFC 8839 5.1): RTCP's own port (component 2), names (a browser's
/// `.local` ones stand for addresses that the far end finds by itself when it hears from us) and link-local addresses are
/// left out.
fn candidate(line: &str) -> Option<Candidate> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [foundation, component, transport, priority, address, port, typ, kind, rest @ ..] = words.as_slice() else {
        return None;
    };
    if *component != "1" || !typ.eq_ignore_ascii_case("typ") {
        return None;
    }
    let transport = if transport.eq_ignore_ascii_case("udp") {
        Transport::Udp
    } else if transport.eq_ignore_ascii_case("tcp") {
        match rest.iter().skip_while(|word| !word.eq_ignore_ascii_case("tcptype")).nth(1) {
            Some(word) if word.eq_ignore_ascii_case("passive") => Transport::TcpPassive,
            // One that is active connects to us.
            Some(_) | None => return None,
        }
    } else {
        return None;
    };
    if foundation.len() > 64 || !foundation.bytes().all(|b| b.is_ascii_graphic()) {
        return None;
    }
    let priority: u32 = priority.parse().ok()?;
    let address: IpAddr = address.parse().ok()?;
    let port: u16 = port.parse().ok().filter(|port| *port != 0)?;
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    if address.is_unspecified() || address.is_multicast() || link_local {
        return None;
    }
    let kind = kind.to_ascii_lowercase();
    let line = match (&transport, kind.as_str()) {
        (Transport::Udp, "host") => format!("{foundation} 1 udp {priority} {address} {port} typ host"),
        // The related address is only for the log of the far end; the crate insists on there being one.
        (Transport::Udp, "srflx" | "prflx" | "relay") => {
            format!("{foundation} 1 udp {priority} {address} {port} typ {kind} raddr 0.0.0.0 rport 0")
        }
        // Only what can be connected to; the crate knows TCP of host candidates alone, whatever they are.
        (Transport::TcpPassive, "host" | "srflx" | "prflx") => {
            format!("{foundation} 1 tcp {priority} {address} {port} typ host tcptype passive")
        }
        _ => return None,
    };
    Some(Candidate { line, address, transport })
}

/// Our codecs among the formats of a media description, in its order, with their payload types.
fn codecs(media: &Media) -> Vec<(Codec, u8)> {
    encodings(media)
        .filter_map(|(payload_type, encoding)| {
            let mut parts = encoding.split('/');
            let (name, clock) = (parts.next()?.to_ascii_lowercase(), parts.next()?);
            let codec = match (name.as_str(), clock) {
                ("opus", "48000") => Codec::Opus,
                ("g722", "8000") => Codec::G722,
                ("pcma", "8000") => Codec::Pcma,
                ("pcmu", "8000") => Codec::Pcmu,
                _ => return None,
            };
            Some((codec, payload_type))
        })
        .collect()
}

/// Payload type and `name/clock[/channels]` of each format; payload types 0, 8 and 9 need no rtpmap (RFC 3551 6).
fn encodings(media: &Media) -> impl Iterator<Item = (u8, String)> {
    media.formats.iter().filter_map(|format| {
        let payload_type: u8 = format.parse().ok().filter(|pt| *pt < 128)?;
        let mapped = media.section.attributes("rtpmap").find_map(|line| {
            let (pt, encoding) = line.split_once(' ')?;
            (pt == format).then(|| encoding.trim().to_owned())
        });
        let assigned = match payload_type {
            0 => Some("PCMU/8000".to_owned()),
            8 => Some("PCMA/8000".to_owned()),
            9 => Some("G722/8000".to_owned()),
            _ => None,
        };
        Some((payload_type, mapped.or(assigned)?))
    })
}

/// The best codec of `order` the media description offers, and the telephone-event of its clock, else that of 8 kHz
/// (Asterisk 16 offers only that beside Opus).
fn choose(media: &Media, order: &[Codec]) -> Result<Choice, MediaError> {
    let offered = codecs(media);
    let Some((codec, payload_type)) =
        order.iter().find_map(|wanted| offered.iter().copied().find(|(codec, _)| codec == wanted))
    else {
        let names: Vec<String> = encodings(media).map(|(_, encoding)| encoding).collect();
        return Err(refuse(format!("it offers no codec we speak ({})", names.join(", "))));
    };
    let event = [clock(codec), 8_000].into_iter().find_map(|clock| {
        let name = format!("telephone-event/{clock}");
        encodings(media)
            .find(|(_, encoding)| encoding.strip_suffix("/1").unwrap_or(encoding).eq_ignore_ascii_case(&name))
            .map(|(pt, _)| (pt, clock))
    });
    let (wishes, short_packets) = (opus_wishes(media, payload_type), short_packets(media));
    Ok(Choice { codec, payload_type, event, wishes, short_packets })
}

/// Whether 20 ms are too long for a packet to the far end. Longer ones than those it never gets: the shorter of the two
/// limits holds, as in WebRTC (RFC 9429 5.11).
fn short_packets(media: &Media) -> bool {
    let ms = |name: &str| media.section.attribute(name).and_then(|value| value.parse::<f32>().ok());
    [ms("maxptime"), ms("ptime")].into_iter().flatten().any(|ms| ms > 0.0 && ms < OUR_PACKET_MS)
}

/// What a format's parameters say (RFC 7587 6.1); for other codecs than Opus they say nothing of it.
fn opus_wishes(media: &Media, payload_type: u8) -> OpusWishes {
    let mut wishes = OpusWishes::default();
    let wanted = payload_type.to_string();
    let parameters = media
        .section
        .attributes("fmtp")
        .filter_map(|line| line.split_once(' '))
        .filter(|(pt, _)| *pt == wanted)
        .flat_map(|(_, parameters)| parameters.split(';'))
        .filter_map(|parameter| parameter.split_once('='));
    for (name, value) in parameters {
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "useinbandfec" => wishes.fec = value == "1",
            "usedtx" => wishes.dtx = value == "1",
            "cbr" => wishes.constant = value == "1",
            "maxaveragebitrate" => wishes.max_bitrate = value.parse().ok(),
            "maxplaybackrate" => wishes.max_playback_rate = value.parse().ok(),
            _ => {}
        }
    }
    wishes
}

impl Remote {
    /// The plain description the crate is given: one bundled audio section, always both ways (holding is done by not
    /// sending), no telephone-event (payloads are sorted by `audio`), no SSRC (so that any may come).
    /// `setup` replaces the far end's role where it left the choice.
    pub fn for_crate(&self, choice: Choice, setup: Setup) -> String {
        let pt = choice.payload_type;
        let mut lines = vec!["v=0".to_owned(), "o=- 1 1 IN IP4 127.0.0.1".into(), "s=-".into(), "t=0 0".into()];
        if self.lite {
            lines.push("a=ice-lite".into());
        }
        lines.extend([
            "a=group:BUNDLE 0".to_owned(),
            format!("m=audio 9 UDP/TLS/RTP/SAVPF {pt}"),
            "c=IN IP4 0.0.0.0".into(),
            "a=mid:0".into(),
            "a=sendrecv".into(),
            "a=rtcp-mux".into(),
            format!("a=rtpmap:{pt} {}", encoding(choice.codec)),
            format!("a=setup:{}", setup.name()),
            format!("a=fingerprint:{}", self.fingerprints.line()),
            format!("a=ice-ufrag:{}", self.ufrag),
            format!("a=ice-pwd:{}", self.pwd),
        ]);
        lines.extend(self.candidates.iter().map(|candidate| format!("a=candidate:{candidate}")));
        lines.push(String::new());
        lines.join("\r\n")
    }

    /// Hold in the old form, said in the new one.
    pub fn hold_by_address(&mut self) {
        if self.no_address {
            self.direction = self.direction.without_listening();
        }
    }

    /// Whether `other` continues the same DTLS association: a new one needs a new peer (RFC 8842 4).
    pub fn same_association(&self, other: &Remote) -> bool {
        self.fingerprints.overlap(&other.fingerprints)
    }

    /// Whether `other` uses the same ICE session: new credentials are a restart (RFC 8839 4.4.1.1).
    pub fn same_ice(&self, other: &Remote) -> bool {
        self.ufrag == other.ufrag && self.pwd == other.pwd
    }
}
