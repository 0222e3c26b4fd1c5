//! Header fields and their values (RFC 3261 7.3, 20, 25.1).

/// Header fields in order; names in their long form.
#[derive(Clone, Debug, Default)]
pub(super) struct Headers(Vec<(String, String)>);

impl Headers {
    /// The first value of a header field, whole.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every field of a name, in order, whole.
    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The values of all fields of a name, comma-separated ones taken apart.
    pub(super) fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.all(name).flat_map(split_list)
    }

    /// A field that is a number of seconds, such as `Expires` or `Retry-After` (a comment or parameters may follow).
    pub(super) fn seconds(&self, name: &str) -> Option<u32> {
        let digits: String = self.get(name)?.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    }
}

/// Reads header fields, folded ones and compact names too.
pub(super) fn read_headers<'a>(lines: impl Iterator<Item = &'a str>) -> Headers {
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in lines {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = headers.last_mut() {
                value.push(' ');
                value.push_str(&clean(line.trim()));
            }
        } else if let Some((name, value)) = line.split_once(':') {
            headers.push((long_name(name.trim()).to_owned(), clean(value.trim())));
        }
    }
    Headers(headers)
}

/// A header field's value among the lines of a body part.
pub(super) fn header_value<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// RFC 3261 7.3.3 and the compact forms of later documents.
fn long_name(name: &str) -> &str {
    match name {
        "v" | "V" => "Via",
        "f" | "F" => "From",
        "t" | "T" => "To",
        "i" | "I" => "Call-ID",
        "m" | "M" => "Contact",
        "c" | "C" => "Content-Type",
        "e" | "E" => "Content-Encoding",
        "l" | "L" => "Content-Length",
        "k" | "K" => "Supported",
        "s" | "S" => "Subject",
        "x" | "X" => "Session-Expires",
        other => other,
    }
}

/// Control characters in a header value can only do harm further on.
pub(super) fn clean(value: &str) -> String {
    value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Whether a URI is one we can address.
pub(super) fn scheme_is_sip(uri: &str) -> bool {
    let scheme = uri.split(':').next().unwrap_or_default();
    scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips")
}

/// Which characters of a value stand in a quoted string (RFC 3261 25.1), read one by one.
#[derive(Default)]
struct Quotes {
    quoted: bool,
    escaped: bool,
}

impl Quotes {
    /// Reads the next character. Whether it stands outside of quoted strings.
    fn is_outside(&mut self, c: char) -> bool {
        if std::mem::take(&mut self.escaped) {
            return false;
        }
        match c {
            '\\' if self.quoted => self.escaped = true,
            '"' => self.quoted = !self.quoted,
            _ => {}
        }
        !self.quoted
    }
}

/// Takes a comma-separated value apart, minding quotes and angle brackets.
pub(super) fn split_list(value: &str) -> impl Iterator<Item = &str> {
    let (mut quotes, mut angle) = (Quotes::default(), false);
    value
        .split(move |c: char| {
            if !quotes.is_outside(c) {
                return false;
            }
            match c {
                '<' => angle = true,
                '>' => angle = false,
                _ => {}
            }
            c == ',' && !angle
        })
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

/// URI and header parameters of a `name-addr` or `addr-spec` (RFC 3261 20.10).
pub(super) fn name_addr(value: &str) -> Option<(&str, &str)> {
    let mut quotes = Quotes::default();
    let open = value.find(|c: char| quotes.is_outside(c) && c == '<');
    let (uri, params) = match open {
        Some(open) => value.get(open + 1..)?.split_once('>')?,
        None => value.split_once(';').unwrap_or((value, "")),
    };
    let uri = uri.trim();
    (uri.contains(':') && !uri.contains(char::is_whitespace)).then_some((uri, params))
}

/// The tag of a From or To value.
pub(super) fn tag(value: &str) -> Option<&str> {
    param(name_addr(value)?.1, "tag")
}

/// A parameter of `;a=b;c="d"`, quotes taken off; an empty text for one without a value.
pub(super) fn param<'a>(params: &'a str, name: &str) -> Option<&'a str> {
    params.split(';').find_map(|part| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

/// The user part of a URI, `%` escapes undone, without a password or user parameters; the whole URI if it has none.
pub(super) fn user_of(uri: &str) -> String {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    // For tel URIs, and for a host alone, what stands before the parameters is the best name there is.
    let user = rest.split_once('@').map_or(rest, |(user, _)| user);
    let user = user.split([':', ';']).next().unwrap_or_default();
    clean(&percent_encoding::percent_decode_str(user).decode_utf8_lossy())
}
