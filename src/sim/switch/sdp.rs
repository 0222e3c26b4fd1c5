//! Session descriptions: the offer made fit to send, the answer read and made fit for the media stack.

use super::codec::Codec;

/// What the client chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// RTP payload type of the codec, both ways.
    pub payload_type: u8,
    pub codec: Codec,
    /// The answer, reduced to that codec.
    pub sdp: String,
}

/// Why an answer cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum AnswerError {
    #[error("the answer has no audio")]
    NoAudio,
    #[error("the answer rejects the audio")]
    Rejected,
    #[error("the answer has none of the codecs offered")]
    NoCodec,
    #[error("the answer has no sha-256 fingerprint")]
    NoFingerprint,
}

/// The payload types of telephone events (RFC 4733) in the offer, one for each clock rate of the codecs.
const EVENTS: [(&str, &str); 2] = [("110", "48000"), ("126", "8000")];

/// The offer made fit to send: its address named, telephone events added.
pub(super) fn finish_offer(sdp: &str) -> String {
    let mut text = named(sdp, &format!(" {}", EVENTS.map(|(format, _)| format).join(" ")));
    for (format, clock) in EVENTS {
        text.push_str(&format!("a=rtpmap:{format} telephone-event/{clock}\r\na=fmtp:{format} 0-16\r\n"));
    }
    text
}

/// The answer to a client's offer made fit to send: its address named.
pub(super) fn finish_answer(sdp: &str) -> String {
    named(sdp, "")
}

/// Names the first candidate's address and port in `c=` and `m=`, as browsers do (the stack writes 0.0.0.0 and 9,
/// which reads as hold to many), adds formats, and drops candidates of the RTCP component, which is multiplexed.
fn named(sdp: &str, formats: &str) -> String {
    let candidate = sdp.lines().filter_map(candidate_address).next();
    let mut text = String::with_capacity(sdp.len());
    for line in sdp.lines() {
        let line = match (&candidate, line.strip_prefix("m=audio 9 ")) {
            (Some((_, port)), Some(rest)) => format!("m=audio {port} {rest}{formats}"),
            (Some((address, _)), None) if line == "c=IN IP4 0.0.0.0" => format!("c=IN IP4 {address}"),
            _ if line.starts_with("a=candidate:") && component(line) != Some("1") => continue,
            _ => line.to_owned(),
        };
        text.push_str(&line);
        text.push_str("\r\n");
    }
    text
}

/// The ICE user name fragment of a description: another one is an ICE restart (RFC 8839 4.4.1.1.1).
pub(super) fn ice_ufrag(sdp: &str) -> Option<&str> {
    sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).map(str::trim)
}

/// The fingerprint of a description: another one asks for another DTLS association (RFC 8842 4).
pub(super) fn fingerprint(sdp: &str) -> Option<&str> {
    sdp.lines().find_map(|line| line.strip_prefix("a=fingerprint:")).map(str::trim)
}

/// The IPv4 address and port of an RTP candidate over UDP.
fn candidate_address(line: &str) -> Option<(&str, &str)> {
    let words: Vec<&str> = line.strip_prefix("a=candidate:")?.split(' ').collect();
    match words.as_slice() {
        [_, "1", transport, _, address, port, ..]
            if transport.eq_ignore_ascii_case("udp") && !address.contains(':') =>
        {
            Some((address, port))
        }
        _ => None,
    }
}

fn component(line: &str) -> Option<&str> {
    line.split(' ').nth(1)
}

/// Reads the client's answer.
///
/// # Errors
/// When nothing in it can carry a call.
pub(super) fn read_answer(sdp: &str) -> Result<Answer, AnswerError> {
    let media = sdp.lines().find(|line| line.starts_with("m=audio ")).ok_or(AnswerError::NoAudio)?;
    let words: Vec<&str> = media.split_ascii_whitespace().collect();
    let [_, port, profile, formats @ ..] = words.as_slice() else { return Err(AnswerError::NoAudio) };
    if *port == "0" {
        return Err(AnswerError::Rejected);
    }
    let (payload_type, codec): (u8, Codec) = formats
        .iter()
        .find_map(|format| Some((format.parse().ok()?, codec_of(sdp, format)?)))
        .ok_or(AnswerError::NoCodec)?;
    let kept = payload_type.to_string();

    let mut text = String::with_capacity(sdp.len());
    let (mut fingerprints, mut in_audio) = (0, false);
    for line in sdp.lines() {
        in_audio |= line.starts_with("m=");
        let line = if line == media {
            format!("m=audio {port} {profile} {kept}")
        } else if let Some(format) = format_of(line) {
            if in_audio && format != kept {
                continue;
            }
            line.to_owned()
        } else if let Some(fingerprint) = line.strip_prefix("a=fingerprint:") {
            // The hash's name is in upper case on some servers; the stack knows the lower-case one alone.
            match fingerprint.split_once(' ') {
                Some((hash, value)) if hash.eq_ignore_ascii_case("sha-256") => {
                    fingerprints += 1;
                    format!("a=fingerprint:sha-256 {value}")
                }
                _ => continue,
            }
        } else if line.starts_with("a=candidate:") && (component(line) != Some("1") || line.contains(".local ")) {
            continue;
        } else {
            line.to_owned()
        };
        text.push_str(&line);
        text.push_str("\r\n");
    }
    if fingerprints == 0 {
        return Err(AnswerError::NoFingerprint);
    }
    const DIRECTIONS: [&str; 4] = ["a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"];
    if !text.lines().any(|line| DIRECTIONS.contains(&line)) {
        text.push_str("a=sendrecv\r\n");
    }
    Ok(Answer { payload_type, codec, sdp: text })
}

/// The payload type a format attribute is about.
fn format_of(line: &str) -> Option<&str> {
    ["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"]
        .iter()
        .find_map(|prefix| line.strip_prefix(prefix))
        .and_then(|rest| rest.split(' ').next())
        .filter(|format| *format != "*")
}

fn rtpmap<'a>(sdp: &'a str, format: &str) -> Option<&'a str> {
    sdp.lines().find_map(|line| {
        let (mapped, encoding) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
        (mapped == format).then_some(encoding.trim())
    })
}

fn codec_of(sdp: &str, format: &str) -> Option<Codec> {
    match rtpmap(sdp, format) {
        Some(encoding) => {
            let (name, clock) = encoding.split_once('/').unwrap_or((encoding, ""));
            let clock = clock.split('/').next().unwrap_or_default();
            Codec::by_name(name).filter(|codec| clock == codec.clock().to_string())
        }
        // Payload types 0, 8 and 9 need no mapping (RFC 3551 6).
        None if format == "0" => Some(Codec::Pcmu),
        None if format == "8" => Some(Codec::Pcma),
        None if format == "9" => Some(Codec::G722),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 8 0 110 126\r\nc=IN IP4 0.0.0.0\r\na=fingerprint:SHA-256 AA:BB\r\n\
        a=fingerprint:sha-1 CC\r\na=candidate:1 1 udp 1 127.0.0.1 5000 typ host\r\n\
        a=candidate:1 2 udp 1 127.0.0.1 5000 typ host\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:110 telephone-event/48000\r\n\
        a=rtpmap:126 telephone-event/8000\r\na=fmtp:126 0-16\r\na=mid:0\r\n";

    #[test]
    fn takes_the_first_codec_alone() {
        let answer = read_answer(ANSWER).unwrap();
        assert_eq!((answer.payload_type, answer.codec), (8, Codec::Pcma));
        assert!(answer.sdp.contains("m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n"));
        assert!(answer.sdp.contains("a=fingerprint:sha-256 AA:BB\r\n") && !answer.sdp.contains("sha-1 "));
        assert!(!answer.sdp.contains("telephone-event") && !answer.sdp.contains("1 2 udp"));
        assert!(answer.sdp.ends_with("a=sendrecv\r\n"));
    }

    #[test]
    fn refuses_answers_without_sound() {
        assert_eq!(read_answer("v=0\r\n"), Err(AnswerError::NoAudio));
        assert_eq!(read_answer(&ANSWER.replace("m=audio 9", "m=audio 0")), Err(AnswerError::Rejected));
        assert_eq!(read_answer(&ANSWER.replace(" 8 0 110 126", " 18 110")), Err(AnswerError::NoCodec));
        assert_eq!(read_answer(&ANSWER.replace("SHA-256", "sha-512")), Err(AnswerError::NoFingerprint));
    }

    #[test]
    fn an_offer_names_its_address() {
        let offer = finish_offer(ANSWER);
        assert!(
            offer.contains("m=audio 5000 UDP/TLS/RTP/SAVPF 8 0 110 126 110 126\r\n")
                && offer.contains("c=IN IP4 127.0.0.1")
        );
        assert!(!offer.contains("a=candidate:1 2"));
    }
}
