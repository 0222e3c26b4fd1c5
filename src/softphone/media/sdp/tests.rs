//! Every offer of `tests/offers/` gets the answer it must get, and nothing that comes makes this room fall over.

use proptest::prelude::*;

use super::{Direction, Local, Origin, Setup, answer, lines::Description, offer, offer_again, read_answer, read_offer};
use crate::{
    config::Codec::{self, G722, Opus, Pcma, Pcmu},
    softphone::{audio::OpusWishes, media::MediaError},
};

const ALL: [Codec; 3] = [Opus, Pcma, Pcmu];

/// What the crate says about itself, in its own words.
const OURS: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=fingerprint:sha-256 11:22\r\na=group:BUNDLE 0\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=setup:active\r\na=ice-ufrag:ours\r\na=ice-pwd:ourpassword\r\n\
    a=candidate:1 1 udp 2130706431 127.0.0.1 5001 typ host ufrag ours\r\n\
    a=candidate:1 2 udp 2130706431 127.0.0.1 5001 typ host ufrag ours\r\n\
    a=candidate:2 1 udp 2130706431 fd00::7 5002 typ host\r\n\
    a=candidate:3 1 udp 2130706431 198.51.100.7 5003 typ host\r\n\
    a=candidate:4 1 udp 2130706431 0.0.0.0 5004 typ host\r\n\
    a=candidate:5 1 tcp 1675624447 198.51.100.7 5005 typ host tcptype passive\r\n\
    a=candidate:6 1 tcp 1675624447 198.51.100.7 9 typ host tcptype active\r\n\
    a=candidate:7 1 udp 1694498815 203.0.113.200 6001 typ srflx raddr 198.51.100.7 rport 5003\r\n\
    a=candidate:8 1 udp 16777215 203.0.113.201 6002 typ relay raddr 198.51.100.7 rport 5003\r\na=end-of-candidates\r\n";

pub fn fixture(name: &str) -> String {
    let path = format!("{}/tests/offers/{name}.sdp", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn ours() -> Local {
    Local::read(OURS, 4711).unwrap()
}

/// The answer to an offer, read back as lines.
fn answered(text: &str, codecs: &[Codec]) -> (String, Description) {
    let remote = read_offer(text, codecs, None).unwrap();
    let setup = if remote.setup == Setup::Active { Setup::Passive } else { Setup::Active };
    let text = answer(&remote, &ours(), &mut Origin::new(), setup, remote.direction.mirrored());
    let description = Description::parse(&text).unwrap();
    (text, description)
}

struct Expected {
    name: &'static str,
    /// The whole `m=` line but the port.
    profile: &'static str,
    formats: &'static [&'static str],
    mid: Option<&'static str>,
    bundle: Option<&'static str>,
    direction: &'static str,
    setup: &'static str,
    address: &'static str,
}

/// As most offers have it.
const COMMON: Expected = Expected {
    name: "",
    profile: "UDP/TLS/RTP/SAVPF",
    formats: &[],
    mid: None,
    bundle: None,
    direction: "sendrecv",
    setup: "active",
    address: "127.0.0.1",
};

const OTHER: &str = "198.51.100.7";

fn expected() -> Vec<Expected> {
    let audio0 = Expected { mid: Some("audio-0"), bundle: Some("BUNDLE audio-0"), ..COMMON };
    let zero = Expected { mid: Some("0"), bundle: Some("BUNDLE 0"), ..COMMON };
    vec![
        Expected { name: "asterisk16-invite-opus-alaw-ulaw", formats: &["107", "101"], ..audio0 },
        Expected { name: "asterisk22-invite-opus-alaw-ulaw", formats: &["107", "101"], ..audio0 },
        Expected { name: "asterisk22-invite-traced-for-jssip", formats: &["107", "101"], ..audio0 },
        Expected { name: "asterisk22-reinvite-recvonly", formats: &["8", "113"], direction: "sendonly", ..audio0 },
        Expected { name: "asterisk22-reinvite-sendrecv", formats: &["8", "113"], ..audio0 },
        Expected { name: "chromium156-jssip-offer-kamailio", formats: &["111", "110"], ..zero },
        Expected { name: "chromium156-jssip-offer", formats: &["111", "110"], ..zero },
        Expected { name: "rtpengine-invite-from-asterisk22", formats: &["107", "101"], ..COMMON },
        Expected { name: "rtpengine-invite-from-baresip", formats: &["8", "101"], ..COMMON },
        Expected { name: "rtpengine-invite-from-sipp-pcma", formats: &["8", "101"], ..COMMON },
        Expected { name: "rtpengine-reinvite-hold-sendonly", formats: &["8", "101"], direction: "recvonly", ..COMMON },
        Expected { name: "rtpengine-reinvite-resume-sendrecv", formats: &["8", "101"], ..COMMON },
        Expected { name: "made-freeswitch-no-mid", formats: &["102", "103"], address: OTHER, ..COMMON },
        Expected {
            name: "made-ice-lite-session-level",
            profile: "RTP/SAVPF",
            formats: &["0", "96"],
            mid: Some("audio"),
            bundle: Some("BUNDLE audio"),
            address: OTHER,
            ..COMMON
        },
        Expected { name: "made-setup-active", formats: &["8"], setup: "passive", ..zero },
        Expected {
            name: "made-video-first",
            formats: &["111", "110"],
            mid: Some("a"),
            bundle: Some("BUNDLE a"),
            address: OTHER,
            ..COMMON
        },
        Expected { name: "made-no-rtpmap", formats: &["8"], address: OTHER, ..COMMON },
        Expected { name: "made-freeswitch-verto", formats: &["111", "110"], address: OTHER, ..COMMON },
        Expected {
            name: "made-freeswitch-hold-inactive",
            formats: &["8", "126"],
            direction: "inactive",
            address: OTHER,
            ..COMMON
        },
        Expected { name: "made-asterisk-many-codecs", formats: &["107", "113"], address: OTHER, ..audio0 },
        Expected {
            name: "made-rtpengine-ice-force-sdes-and-dtls",
            profile: "RTP/SAVPF",
            formats: &["8", "101"],
            address: OTHER,
            ..COMMON
        },
        Expected { name: "made-chrome-audio-video", formats: &["111", "110"], address: OTHER, ..zero },
        Expected { name: "made-firefox", formats: &["109", "101"], address: OTHER, ..zero },
        Expected { name: "made-safari-names-only", formats: &["111", "110"], address: OTHER, ..zero },
        Expected {
            name: "made-janus-ice-lite",
            formats: &["111"],
            mid: Some("audio"),
            bundle: Some("BUNDLE audio"),
            address: OTHER,
            ..COMMON
        },
        Expected {
            name: "made-sfu-ice-lite-data-first",
            formats: &["111"],
            mid: Some("1"),
            bundle: Some("BUNDLE 1"),
            direction: "recvonly",
            address: OTHER,
            ..COMMON
        },
        Expected { name: "made-ipv6-only", formats: &["8", "101"], address: "fd00::7", ..zero },
        Expected { name: "made-relay-only", formats: &["111", "110"], address: OTHER, ..zero },
        Expected {
            name: "made-several-fingerprints",
            profile: "UDP/TLS/RTP/SAVP",
            formats: &["8", "101"],
            address: OTHER,
            ..COMMON
        },
        Expected { name: "made-sha384-only", formats: &["8"], setup: "passive", ..zero },
        Expected { name: "made-sha512-only", formats: &["8"], address: OTHER, ..COMMON },
        Expected {
            name: "rfc8829-7.1-audio-and-video",
            formats: &["96", "98"],
            mid: Some("a1"),
            bundle: Some("BUNDLE a1"),
            address: OTHER,
            ..COMMON
        },
        Expected {
            name: "rfc8643-opportunistic",
            profile: "RTP/AVP",
            formats: &["0", "101"],
            address: OTHER,
            ..COMMON
        },
        Expected { name: "made-no-setup-no-rtcp-mux", formats: &["8"], address: OTHER, ..COMMON },
        Expected { name: "made-two-audios", formats: &["8"], address: OTHER, ..COMMON },
        Expected { name: "made-trickle-no-candidates", formats: &["111"], address: OTHER, ..zero },
        Expected { name: "made-hold-by-address", profile: "RTP/SAVPF", formats: &["8"], address: OTHER, ..COMMON },
        Expected {
            name: "made-first-offer-sendonly",
            profile: "UDP/TLS/RTP/SAVP",
            formats: &["0", "101"],
            direction: "recvonly",
            address: OTHER,
            ..COMMON
        },
    ]
}

#[test]
fn every_offer_gets_its_answer() {
    for expected in expected() {
        let name = expected.name;
        let offered = Description::parse(&fixture(name)).unwrap();
        let (text, answer) = answered(&fixture(name), &ALL);

        assert_eq!(answer.media.len(), offered.media.len(), "{name}: as many m= lines as offered");
        for (ours, theirs) in answer.media.iter().zip(&offered.media) {
            assert_eq!(ours.kind, theirs.kind, "{name}: in the same order");
        }
        let accepted: Vec<_> = answer.media.iter().zip(&offered.media).filter(|(ours, _)| ours.port != 0).collect();
        let [(audio, asked)] = accepted.as_slice() else { panic!("{name}: {} accepted", accepted.len()) };
        assert_eq!(audio.kind, "audio", "{name}: only audio is accepted");
        let section = &audio.section;
        assert_eq!(audio.profile, expected.profile, "{name}");
        assert_eq!(audio.formats, expected.formats, "{name}");
        for format in &audio.formats {
            let maps = section.attributes("rtpmap").filter(|map| map.split(' ').next() == Some(format)).count();
            assert_eq!(maps, 1, "{name}: one rtpmap per format");
        }
        assert_eq!(section.attribute("mid"), expected.mid, "{name}");
        assert_eq!(answer.session.attribute("group"), expected.bundle, "{name}");
        assert!(section.has(expected.direction), "{name}: {text}");
        assert_eq!(section.attribute("setup"), Some(expected.setup), "{name}");
        assert_eq!(section.attribute("fingerprint"), Some("sha-256 11:22"), "{name}");
        assert_eq!(section.has("rtcp-mux"), asked.section.has("rtcp-mux"), "{name}");

        let connection = answer.session.line('c').unwrap();
        let family = if expected.address.contains(':') { "IP6" } else { "IP4" };
        let wanted = format!("IN {family} {}", expected.address);
        assert_eq!(connection, wanted, "{name}: a real address, else it reads as hold");
        assert!(answer.session.line('o').unwrap().ends_with(connection), "{name}");
        let candidates: Vec<&str> = section.attributes("candidate").collect();
        let main = format!("{} {} typ host", expected.address, audio.port);
        assert!(candidates.iter().any(|candidate| candidate.ends_with(&main)), "{name}: {text}");
        assert!(candidates.iter().all(|candidate| candidate.split(' ').nth(1) == Some("1")), "{name}: no component 2");
        assert!(candidates.iter().all(|candidate| candidate.split(' ').nth(4) != Some("0.0.0.0")), "{name}");
        let shows_loopback = candidates.iter().any(|candidate| candidate.contains(" 127.0.0.1 "));
        assert_eq!(shows_loopback, expected.address == "127.0.0.1", "{name}");

        let has_tcp = candidates.iter().any(|candidate| candidate.contains(" tcptype "));
        assert_eq!(has_tcp, fixture(name).contains("tcptype"), "{name}: TCP only to those who know it");

        // The other parser knows the words of RTP alone.
        if !text.contains("udptl") {
            let parsed = rtc::sdp::SessionDescription::unmarshal(&mut std::io::Cursor::new(&text));
            assert!(parsed.is_ok(), "{name}: not valid SDP to another parser: {:?}\n{text}", parsed.err());
        }
        assert!(text.split_inclusive('\n').all(|line| line.ends_with("\r\n")), "{name}: CRLF");
    }
}

#[test]
fn every_fixture_is_tested() {
    let named: Vec<&str> = expected().iter().map(|e| e.name).chain(REFUSED.iter().map(|(name, _)| *name)).collect();
    for entry in std::fs::read_dir(format!("{}/tests/offers", env!("CARGO_MANIFEST_DIR"))).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(name) = name.strip_suffix(".sdp") {
            assert!(named.contains(&name), "{name} has no expectation");
        }
    }
}

const REFUSED: [(&str, &str); 8] = [
    ("made-sdes-only", "SDES"),
    ("made-no-speech", "no codec we speak (CN/8000, telephone-event/8000)"),
    ("rfc4317-2.1-audio-and-video", "fingerprint"),
    ("rfc5939-best-effort-srtp", "fingerprint"),
    ("rfc8839-ice-without-dtls", "fingerprint"),
    ("made-plain-rtp", "fingerprint"),
    ("made-no-common-codec", "G729/8000, G722/8000"),
    ("made-audio-off", "switched off"),
];

#[tokio::test]
async fn what_is_refused_is_known_before_the_call_rings() {
    let audio = crate::config::AudioConfig { codecs: ALL.to_vec(), ..crate::config::AudioConfig::default() };
    let media = crate::softphone::media::Media::start(audio, std::sync::Arc::new(|_| {}));
    let check = media.offer_check();
    for (name, _) in REFUSED {
        assert!(check(&fixture(name)).is_err(), "{name}");
    }
    assert_eq!(check(&fixture("chromium156-jssip-offer")), Ok(()));
}

#[test]
fn what_cannot_be_spoken_is_refused_with_the_reason() {
    let mut offers: Vec<(String, &str)> = REFUSED.iter().map(|(name, reason)| (fixture(name), *reason)).collect();
    offers.push((String::new(), "not a session description"));
    offers.push(("INVITE sip:a@b SIP/2.0".into(), "not a session description"));
    offers.push(("v=0\no=- 1 1 IN IP4 h\ns=-\nt=0 0\nm=video 9 RTP/SAVPF 96\n".into(), "no audio"));
    offers.push((fixture("made-setup-active").replace("a=ice-pwd", "a=x"), "ICE credentials"));
    let md5 = fixture("made-setup-active").replace("a=fingerprint:sha-256", "a=fingerprint:md5");
    offers.push((md5, "none of its DTLS fingerprints can be checked"));
    offers.push((fixture("made-setup-active").replace("UDP/TLS/RTP/SAVPF", "udptl t38"), "not RTP"));
    for (text, reason) in offers {
        let error = read_offer(&text, &ALL, None).unwrap_err();
        let MediaError::NotAcceptable(told) = &error else { panic!("{error:?}") };
        assert!(told.contains(reason), "{told:?} does not say {reason:?}");
    }
}

#[test]
fn our_preferences_choose_the_codec_and_a_call_keeps_what_it_speaks() {
    let offer = fixture("asterisk22-invite-opus-alaw-ulaw");
    for (codecs, current, expected) in [
        (&[Opus, Pcma][..], None, (Opus, 107, Some((101, 48_000)))),
        (&[Pcmu, Opus], None, (Pcmu, 0, Some((102, 8_000)))),
        (&[Pcma], None, (Pcma, 8, Some((102, 8_000)))),
        (&[Opus, Pcma], Some(Pcma), (Pcma, 8, Some((102, 8_000)))),
    ] {
        let choice = read_offer(&offer, codecs, current).unwrap().choice;
        assert_eq!((choice.codec, choice.payload_type, choice.event), expected);
    }
    // Asterisk 16 has the event of 8 kHz only: better that one than none.
    let choice = read_offer(&fixture("asterisk16-invite-opus-alaw-ulaw"), &ALL, None).unwrap().choice;
    assert_eq!((choice.codec, choice.event), (Opus, Some((101, 8_000))));
    let without = fixture("rtpengine-reinvite-hold-sendonly");
    assert_eq!(read_offer(&without, &[Opus, Pcma], Some(Opus)).unwrap().choice.codec, Pcma, "an own wish is no must");
}

#[test]
fn g722_has_a_clock_of_8_khz_and_a_payload_type_of_its_own() {
    let offer = fixture("asterisk22-invite-opus-alaw-ulaw");
    let with = |rtpmap: &str| {
        let line = offer.lines().find(|line| line.starts_with("m=audio")).unwrap();
        offer.replace(line, &format!("{line} 9\n{rtpmap}"))
    };
    for rtpmap in ["a=rtpmap:9 G722/8000", "a=rtpmap:9 g722/8000/1", "a=x:no-rtpmap-is-needed"] {
        let text = with(rtpmap);
        let choice = read_offer(&text, &[G722, Pcma], None).unwrap().choice;
        assert_eq!((choice.codec, choice.payload_type, choice.event), (G722, 9, Some((102, 8_000))), "{rtpmap}");
        let (answer, _) = answered(&text, &[G722]);
        assert!(answer.contains(" 9 102\r\n") && answer.contains("a=rtpmap:9 G722/8000\r\n"), "{answer}");
    }
    let wrong = read_offer(&with("a=rtpmap:9 G722/16000"), &[G722, Pcma], None).unwrap().choice;
    assert_eq!(wrong.codec, Pcma, "nobody means the same by that");
    let own = offer_of(&[Opus, G722, Pcma]);
    assert!(own.contains(" 111 9 8 110 126\r\n"), "{own}");
}

fn offer_of(codecs: &[Codec]) -> String {
    offer(&ours(), codecs, &mut Origin::new())
}

/// RFC 7587 6.1, with its defaults.
#[test]
fn an_opus_decoder_says_what_it_wishes() {
    let offer = fixture("chromium156-jssip-offer");
    let wishes = |text: &str| read_offer(text, &[Opus], None).unwrap().choice.wishes;
    assert_eq!(wishes(&offer), OpusWishes { fec: true, ..OpusWishes::default() }, "as a browser writes it");
    let line = offer.lines().find(|line| line.contains("useinbandfec")).unwrap();
    let with = |parameters: &str| {
        let (name, _) = line.split_once(' ').unwrap();
        wishes(&offer.replace(line, &format!("{name} {parameters}")))
    };
    let all = with("maxplaybackrate=16000; sprop-maxcapturerate=16000;MaxAverageBitrate=20000;stereo=1;usedtx=1;cbr=1");
    let expected = OpusWishes {
        fec: false,
        dtx: true,
        constant: true,
        max_bitrate: Some(20_000),
        max_playback_rate: Some(16_000),
    };
    assert_eq!(all, expected);
    for junk in ["maxaveragebitrate=-1;useinbandfec=2;=;;usedtx", "maxplaybackrate=99999999999999", "x"] {
        assert_eq!(with(junk), OpusWishes::default(), "{junk}");
    }
    let none = offer.replace(line, "a=x:none");
    assert_eq!(wishes(&none), OpusWishes::default());
}

/// RFC 8866 6.4.
#[test]
fn packets_are_no_longer_than_the_far_end_says() {
    let offer = fixture("rtpengine-invite-from-sipp-pcma");
    let without: String =
        offer.lines().filter(|line| !line.contains("ptime")).map(|line| format!("{line}\r\n")).collect();
    for (lines, short) in [
        ("", false),
        ("a=ptime:20\r\n", false),
        ("a=maxptime:60\r\na=ptime:40\r\n", false),
        ("a=maxptime:20\r\n", false),
        ("a=maxptime:10\r\n", true),
        ("a=ptime:20\r\na=maxptime:10\r\n", true),
        ("a=ptime:10\r\n", true),
        ("a=maxptime:0\r\n", false),
        ("a=maxptime:-5\r\na=ptime:soon\r\n", false),
    ] {
        let text = format!("{without}{lines}");
        assert_eq!(read_offer(&text, &ALL, None).unwrap().choice.short_packets, short, "{lines}");
        assert_eq!(read_answer(&text, &ALL).unwrap().choice.short_packets, short, "{lines}");
    }
}

#[test]
fn only_usable_candidates_are_taken() {
    let remote = read_offer(&fixture("rtpengine-invite-from-sipp-pcma"), &ALL, None).unwrap();
    assert_eq!(remote.candidates, ["8arYayrz0Xe84ZWm 1 udp 2130706431 127.0.0.1 30096 typ host"], "not component 2");
    let remote = read_offer(&fixture("chromium156-jssip-offer"), &ALL, None).unwrap();
    assert_eq!(remote.candidates.len(), 4, "TCP is kept apart: {:?}", remote.candidates);
    assert!(remote.tcp && remote.tcp_candidates.is_empty(), "a browser connects, it does not listen");
    let remote = read_offer(&fixture("made-janus-ice-lite"), &ALL, None).unwrap();
    assert_eq!(remote.tcp_candidates, ["2 1 tcp 1015022079 203.0.113.70 41525 typ host tcptype passive"]);
    let remote = read_offer(&fixture("made-safari-names-only"), &ALL, None).unwrap();
    assert!(remote.candidates.is_empty() && !remote.tcp, "names are passed over");
    let odd = "a=candidate:1 1 udp 5 1b8a3a8e.local 9 typ host\na=candidate:2 1 udp 5 192.0.2.1 0 typ host\n\
        a=candidate:3 1 udp -5 192.0.2.1 9 typ host\na=candidate:4 1 udp 5 169.254.3.3 9 typ host\na=candidate:5\n\
        a=candidate:6 1 udp 5 192.0.2.1 9 typ srflx raddr 10.0.0.1 rport 4\na=candidate:7 1 udp 5 192.0.2.1 9 typ odd\n";
    let remote =
        read_offer(&fixture("made-no-rtpmap").replace("a=candidate:", "a=x:").replace("a=rtcp-mux", odd), &ALL, None);
    assert_eq!(remote.unwrap().candidates, ["6 1 udp 5 192.0.2.1 9 typ srflx raddr 0.0.0.0 rport 0"]);
}

#[test]
fn what_servers_say_of_us_is_shown_and_our_own_network_is_not() {
    let (text, _) = answered(&fixture("made-freeswitch-verto"), &ALL);
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("srflx") || line.contains("relay")).collect();
    assert_eq!(
        lines,
        [
            "a=candidate:7 1 udp 1694498815 203.0.113.200 6001 typ srflx raddr 0.0.0.0 rport 9",
            "a=candidate:8 1 udp 16777215 203.0.113.201 6002 typ relay raddr 0.0.0.0 rport 9",
        ]
    );
    let relay_only: String = OURS.split_inclusive('\n').filter(|line| !line.contains("typ host")).collect();
    let relay_only = Local::read(&relay_only, 1).unwrap();
    let remote = read_offer(&fixture("made-freeswitch-verto"), &ALL, None).unwrap();
    let text = answer(&remote, &relay_only, &mut Origin::new(), Setup::Active, Direction::SendRecv);
    assert!(text.contains("c=IN IP4 203.0.113.200\r\n") && text.contains("m=audio 6001 "), "{text}");
    assert!(relay_only.udp_ports().is_empty(), "none of these is a socket of ours");
    let ports: Vec<u16> = ours().udp_ports().iter().map(|place| place.port()).collect();
    assert_eq!(ports, [5001, 5003, 5002]);
}

#[test]
fn a_later_offer_of_ours_keeps_the_numbers_and_names_the_other_codecs() {
    let remote = read_offer(&fixture("made-chrome-audio-video"), &[Pcma], None).unwrap();
    let text = offer_again(&remote, &ours(), &ALL, &mut Origin::new());
    let description = Description::parse(&text).unwrap();
    let [audio, video] = description.media.as_slice() else { panic!("{text}") };
    assert_eq!((video.kind.as_str(), video.port), ("video", 0), "refused it stays");
    assert_eq!(audio.formats, ["8", "111", "0", "126", "110"], "what is spoken first");
    assert_eq!(audio.section.attribute("setup"), Some("actpass"));
    assert_eq!(audio.section.attribute("mid"), Some("0"));
    assert!(audio.section.has("sendrecv"));

    // A number that is taken is not given twice: here Opus has the one we would give telephone-event.
    let taken = fixture("made-trickle-no-candidates").replace("111", "126");
    let remote = read_offer(&taken, &ALL, None).unwrap();
    let text = offer_again(&remote, &ours(), &ALL, &mut Origin::new());
    let description = Description::parse(&text).unwrap();
    let mut formats = description.media.first().unwrap().formats.clone();
    assert_eq!(formats, ["126", "8", "0", "110", "96"]);
    formats.sort_unstable();
    formats.dedup();
    assert_eq!(formats.len(), 5);
}

#[test]
fn no_address_is_hold_in_a_later_offer_alone() {
    let mut remote = read_offer(&fixture("made-hold-by-address"), &ALL, None).unwrap();
    assert_eq!(remote.direction, Direction::SendRecv);
    remote.hold_by_address();
    assert_eq!(remote.direction, Direction::SendOnly);
}

#[test]
fn the_crate_is_given_a_plain_description() {
    for expected in expected() {
        let remote = read_offer(&fixture(expected.name), &ALL, None).unwrap();
        let text = remote.for_crate(remote.choice, Setup::ActPass);
        let parsed = rtc::sdp::SessionDescription::unmarshal(&mut std::io::Cursor::new(&text)).unwrap();
        assert_eq!(parsed.media_descriptions.len(), 1, "{}", expected.name);
        assert!(text.contains("a=fingerprint:sha-") && text.contains("a=group:BUNDLE 0\r\n"), "{text}");
        assert_eq!(text.contains("a=ice-lite"), expected.name.contains("ice-lite"));
        assert!(text.contains("a=sendrecv\r\n") && !text.contains("ssrc"), "{text}");
    }
}

#[test]
fn the_version_grows_by_one_and_the_session_stays() {
    let remote = read_offer(&fixture("made-setup-active"), &ALL, None).unwrap();
    let mut origin = Origin::new();
    let mut lines = (0..3).map(|_| {
        let text = answer(&remote, &ours(), &mut origin, Setup::Passive, Direction::SendRecv);
        let line = Description::parse(&text).unwrap().session.line('o').unwrap().to_owned();
        let words: Vec<u64> = line.split(' ').skip(1).take(2).map(|word| word.parse().unwrap()).collect();
        (words[0], words[1])
    });
    let (first, second, third) = (lines.next().unwrap(), lines.next().unwrap(), lines.next().unwrap());
    assert!(first.0 == second.0 && second.0 == third.0);
    assert!(second.1 == first.1 + 1 && third.1 == second.1 + 1);
}

#[test]
fn our_own_offer_is_answered() {
    let mut origin = Origin::new();
    let text = offer(&ours(), &[Pcma, Opus], &mut origin);
    let description = Description::parse(&text).unwrap();
    let audio = description.media.first().unwrap();
    assert_eq!(audio.formats, ["8", "111", "110", "126"]);
    assert_eq!((audio.port, description.session.line('c')), (5003, Some("IN IP4 198.51.100.7")));
    assert_eq!(audio.section.attribute("setup"), Some("actpass"));

    // The answerer's order counts, what was not offered does not, and an undecided role becomes theirs.
    let answer = fixture("rtpengine-invite-from-baresip").replace("8 0 101", "0 8 101");
    let remote = read_answer(&answer, &[Pcma, Opus]).unwrap();
    assert_eq!((remote.choice.codec, remote.setup), (Pcma, Setup::Active));
    assert_eq!(read_answer(&answer, &[Opus, Pcmu, Pcma]).unwrap().choice.codec, Pcmu);
    assert!(read_answer(&answer, &[Opus]).is_err());
}

#[test]
fn fuzz_sdp() {
    crate::fuzz::run("sdp", &["tests/offers"], |bytes| {
        let text = String::from_utf8_lossy(bytes);
        drop(read_answer(&text, &ALL));
        if let Ok(remote) = read_offer(&text, &ALL, None) {
            let answer = answer(&remote, &ours(), &mut Origin::new(), Setup::Active, remote.direction.mirrored());
            assert_eq!(Description::parse(&answer).unwrap().media.len(), remote.media.len());
            let plain = remote.for_crate(remote.choice, Setup::ActPass);
            let read = rtc::sdp::SessionDescription::unmarshal(&mut std::io::Cursor::new(&plain));
            assert!(read.is_ok(), "{plain}");
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Cuts, doublings, swaps and odd bytes anywhere: no panic, and an answer that is given can be read.
    #[test]
    fn mutated_offers_do_no_harm(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0u8..5, any::<char>(), "[a-z0-9:= /\r\n-]{0,12}"), 1..12),
    ) {
        let mut text: Vec<char> = fixture(which.get(&expected()).name).chars().collect();
        for (place, kind, letter, words) in edits {
            if text.is_empty() {
                break;
            }
            let at = place.index(text.len());
            match kind {
                0 => { text.remove(at); }
                1 => text[at] = letter,
                2 => text.truncate(at),
                3 => { text.splice(at..at, words.chars()); }
                _ => {
                    let end = (at + 40).min(text.len());
                    let copy: Vec<char> = text[at..end].to_vec();
                    text.splice(at..at, copy);
                }
            }
        }
        let text: String = text.into_iter().collect();
        if let Ok(remote) = read_offer(&text, &ALL, None) {
            let answer = answer(&remote, &ours(), &mut Origin::new(), Setup::Active, remote.direction.mirrored());
            let read = Description::parse(&answer).unwrap();
            prop_assert_eq!(read.media.len(), remote.media.len());
            // The other parser knows only registered words; ours repeats what was offered, whatever it is.
            let words: Vec<&str> = remote.media.iter().flat_map(|m| m.kind.split('/').chain(m.profile.split('/'))).collect();
            let known = ["audio", "video", "application", "UDP", "TLS", "DTLS", "SCTP", "RTP", "SAVPF", "SAVP", "AVPF", "AVP"];
            if words.iter().all(|word| known.contains(word)) {
                let parsed = rtc::sdp::SessionDescription::unmarshal(&mut std::io::Cursor::new(&answer));
                prop_assert!(parsed.is_ok(), "{:?}\n{}", parsed.err(), answer);
            }
            let plain = remote.for_crate(remote.choice, Setup::ActPass);
            prop_assert!(rtc::sdp::SessionDescription::unmarshal(&mut std::io::Cursor::new(&plain)).is_ok(), "{}", plain);
        }
    }

    /// Anything at all.
    #[test]
    fn junk_does_no_harm(junk in "\\PC*", lines in "(v=0\n)?([a-z]=[ -~]{0,40}\n){0,30}") {
        for text in [junk, lines] {
            if let Ok(remote) = read_offer(&text, &ALL, None) {
                prop_assert!(!remote.media.is_empty());
            }
        }
    }
}
