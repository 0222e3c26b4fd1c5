//! Digest authentication as a server asks for it (RFC 2617 with MD5 and `qop=auth`, as SIP registrars use it).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use md5::{Digest as _, Md5};

use super::sip;

/// How long a nonce may be used. Short, as on real servers, so that clients meet `stale=true` at a refresh.
const NONCE_LIFE: Duration = Duration::from_secs(120);

/// What a presented Authorization is worth.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The password was used, with a nonce still alive.
    Right,
    /// The password was used with a nonce that is too old or unknown: ask again with `stale=true`.
    Stale,
    /// Absent, malformed or computed with another password.
    Wrong,
}

/// Hands out nonces and judges answers.
#[derive(Debug, Default)]
pub(super) struct Challenger {
    nonces: HashMap<String, Instant>,
}

impl Challenger {
    /// A `WWW-Authenticate` value with a fresh nonce.
    pub fn challenge(&mut self, realm: &str, stale: bool) -> String {
        self.nonces.retain(|_, issued| issued.elapsed() < NONCE_LIFE);
        let nonce = sip::random_token();
        let stale = if stale { ", stale=true" } else { "" };
        let value = format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm=MD5, qop=\"auth\"{stale}");
        self.nonces.insert(nonce, Instant::now());
        value
    }

    /// Judges an Authorization value for `user` with `password`. The same nonce count may come again: clients of this
    /// platform refresh with their old header unchanged (protocol `softphone.md` 3.2).
    pub fn judge(&self, authorization: &str, method: &str, user: &str, password: &str) -> Verdict {
        let params = parameters(authorization);
        let get = |name: &str| params.get(name).map_or("", String::as_str);
        if get("username") != user || !get("algorithm").is_empty() && !get("algorithm").eq_ignore_ascii_case("MD5") {
            return Verdict::Wrong;
        }
        let ha1 = md5_hex(&format!("{user}:{}:{password}", get("realm")));
        let ha2 = md5_hex(&format!("{method}:{}", get("uri")));
        let nonce = get("nonce");
        let expected = match get("qop") {
            "" => md5_hex(&format!("{ha1}:{nonce}:{ha2}")),
            "auth" => md5_hex(&format!("{ha1}:{nonce}:{}:{}:auth:{ha2}", get("nc"), get("cnonce"))),
            _ => return Verdict::Wrong,
        };
        if !expected.eq_ignore_ascii_case(get("response")) {
            return Verdict::Wrong;
        }
        match self.nonces.get(nonce) {
            Some(issued) if issued.elapsed() < NONCE_LIFE => Verdict::Right,
            _ => Verdict::Stale,
        }
    }
}

fn md5_hex(text: &str) -> String {
    hex::encode(Md5::digest(text.as_bytes()))
}

/// The parameters of a `Digest` header, names in lower case, quotes and escapes removed.
fn parameters(header: &str) -> HashMap<String, String> {
    let mut found = HashMap::new();
    let Some(rest) = header.trim().get(6..).filter(|_| header.trim().to_ascii_lowercase().starts_with("digest")) else {
        return found;
    };
    let (mut name, mut value) = (String::new(), String::new());
    let (mut in_value, mut quoted, mut escaped) = (false, false, false);
    for letter in rest.chars().chain([',']) {
        match letter {
            _ if escaped => {
                value.push(letter);
                escaped = false;
            }
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                found.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
                (name, value, in_value) = (String::new(), String::new(), false);
            }
            '=' if !in_value => in_value = true,
            _ if in_value => value.push(letter),
            _ => name.push(letter),
        }
    }
    found
}

/// The Authorization a client answers a challenge with; for the client in the tests.
#[cfg(test)]
pub(super) fn answer_for_tests(challenge: &str, method: &str, uri: &str, user: &str, password: &str) -> String {
    let asked = parameters(challenge);
    let (realm, nonce) = (&asked["realm"], &asked["nonce"]);
    let ha1 = md5_hex(&format!("{user}:{realm}:{password}"));
    let ha2 = md5_hex(&format!("{method}:{uri}"));
    let response = md5_hex(&format!("{ha1}:{nonce}:00000001:c0ffee:auth:{ha2}"));
    format!(
        "Digest algorithm=MD5, username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{response}\", qop=auth, cnonce=\"c0ffee\", nc=00000001"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    // Protocol `softphone.md` 9.1: recomputed there with an independent implementation.
    const WITH_QOP: &str = "Digest algorithm=MD5, username=\"ss1234ss8001\", realm=\"sip.example.test\", \
        nonce=\"abc123\", uri=\"sip:sip.example.test\", response=\"22d50e8b1860ea3d2e80893ed53f2df1\", qop=auth, \
        cnonce=\"d3f0hpqpeeb3\", nc=00000001";
    const WITHOUT_QOP: &str = "Digest username=\"ss1234ss8001\",realm=\"sip.example.test\",nonce=\"abc123\",\
        uri=\"sip:sip.example.test\",response=\"9be723b0199e86d43c30c9de224876c4\"";

    fn knowing_the_nonce() -> Challenger {
        Challenger { nonces: HashMap::from([("abc123".to_owned(), Instant::now())]) }
    }

    #[test]
    fn accepts_the_known_vectors() {
        for vector in [WITH_QOP, WITHOUT_QOP] {
            let verdict = knowing_the_nonce().judge(vector, "REGISTER", "ss1234ss8001", "secret");
            assert_eq!(verdict, Verdict::Right, "{vector}");
        }
    }

    #[test]
    fn tells_wrong_from_stale() {
        let challenger = knowing_the_nonce();
        assert_eq!(challenger.judge(WITH_QOP, "REGISTER", "ss1234ss8001", "other"), Verdict::Wrong);
        assert_eq!(challenger.judge(WITH_QOP, "INVITE", "ss1234ss8001", "secret"), Verdict::Wrong);
        assert_eq!(challenger.judge(WITH_QOP, "REGISTER", "somebody", "secret"), Verdict::Wrong);
        assert_eq!(challenger.judge("Basic abc", "REGISTER", "ss1234ss8001", "secret"), Verdict::Wrong);
        let amnesiac = Challenger::default();
        assert_eq!(amnesiac.judge(WITH_QOP, "REGISTER", "ss1234ss8001", "secret"), Verdict::Stale);
    }
}
