//! A session description as lines (RFC 8866): tolerant reading, nothing understood yet.

/// Longest description read, bytes; a SIP message over WebSocket is cut at 64 KiB already.
const MAX_BYTES: usize = 64 * 1024;

/// Most media descriptions read.
const MAX_MEDIA: usize = 16;

/// Lines that belong together: those before the first `m=`, or those after one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    lines: Vec<(char, String)>,
}

impl Section {
    /// The value of the first `a=name:value`; an attribute without a value has the value "".
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| value(line, name))
    }

    /// The values of every `a=name:value`, in order.
    pub fn attributes<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.lines.iter().filter_map(move |line| value(line, name))
    }

    /// Whether there is an `a=name`.
    pub fn has(&self, name: &str) -> bool {
        self.attribute(name).is_some()
    }

    /// The first line of a kind, such as `c`.
    pub fn line(&self, kind: char) -> Option<&str> {
        self.lines.iter().find(|(k, _)| *k == kind).map(|(_, line)| line.as_str())
    }
}

fn value<'a>((kind, line): &'a (char, String), name: &str) -> Option<&'a str> {
    let (key, value) = line.split_once(':').unwrap_or((line, ""));
    (*kind == 'a' && key.trim().eq_ignore_ascii_case(name)).then(|| value.trim())
}

/// One `m=` line and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `video`, `application`, ...
    pub kind: String,
    /// 0: refused, or only usable bundled.
    pub port: u16,
    /// The profile as written, such as `UDP/TLS/RTP/SAVPF`.
    pub profile: String,
    /// Payload types, as written.
    pub formats: Vec<String>,
    /// The lines after it.
    pub section: Section,
}

/// A description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// What holds for every media description that does not say otherwise.
    pub session: Section,
    /// The media descriptions in order.
    pub media: Vec<Media>,
}

impl Description {
    /// Reads a description; CRLF and LF line ends. Lines that are not `x=..` are passed over, as are unknown ones.
    ///
    /// # Errors
    /// Why this is not a session description.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > MAX_BYTES {
            return Err("the session description is longer than 64 KiB");
        }
        let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
        if lines.next() != Some("v=0") {
            return Err("it is not a session description (no v=0)");
        }
        let mut description = Description { session: Section::default(), media: Vec::new() };
        for line in lines {
            let mut chars = line.chars();
            let (Some(kind), Some('=')) = (chars.next(), chars.next()) else { continue };
            let value = chars.as_str();
            if value.chars().any(char::is_control) {
                continue;
            }
            if kind == 'm' {
                if description.media.len() == MAX_MEDIA {
                    return Err("it has more than 16 media descriptions");
                }
                description.media.push(media(value).ok_or("an m= line in it is malformed")?);
            } else {
                let section = match description.media.last_mut() {
                    Some(media) => &mut media.section,
                    None => &mut description.session,
                };
                section.lines.push((kind, value.to_owned()));
            }
        }
        Ok(description)
    }
}

fn media(value: &str) -> Option<Media> {
    let mut words = value.split_ascii_whitespace();
    let kind = words.next()?.to_owned();
    // "49170/2" asks for two ports; the first one counts.
    let port = words.next()?.split('/').next()?.parse().ok()?;
    let profile = words.next()?.to_owned();
    let formats: Vec<String> = words.map(str::to_owned).collect();
    if formats.is_empty() {
        return None;
    }
    Some(Media { kind, port, profile, formats, section: Section::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_sorted_into_session_and_media() {
        let d = Description::parse(
            "v=0\r\no=- 1 1 IN IP4 h\na=setup:active\nm=audio 9/2 RTP/SAVPF 0 8\na=Mid: x \na=flag\n",
        )
        .unwrap();
        assert_eq!(d.session.attribute("setup"), Some("active"));
        assert_eq!(d.session.line('o'), Some("- 1 1 IN IP4 h"));
        let m = d.media.first().unwrap();
        assert_eq!((m.kind.as_str(), m.port, m.profile.as_str()), ("audio", 9, "RTP/SAVPF"));
        assert_eq!(m.formats, ["0", "8"]);
        assert_eq!(m.section.attribute("mid"), Some("x"));
        assert!(m.section.has("flag") && !m.section.has("setup"));
    }

    #[test]
    fn what_is_no_description_is_refused() {
        for junk in [
            "",
            "hello",
            "v=1\r\n",
            "m=audio 9 RTP/AVP 0",
            "v=0\nm=audio",
            "v=0\nm=audio 99999 RTP/AVP 0",
            "v=0\nm=audio 9 RTP/AVP",
        ] {
            assert!(Description::parse(junk).is_err(), "{junk:?}");
        }
        assert!(Description::parse(&format!("v=0\n{}", "a=x\n".repeat(20_000))).is_err());
        assert!(Description::parse(&format!("v=0\n{}", "m=audio 9 RTP/AVP 0\n".repeat(17))).is_err());
    }
}
