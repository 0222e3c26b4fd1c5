//! Digest authentication of requests (RFC 2617, RFC 8760): MD5 and SHA-256, `qop` auth, auth-int, or none (RFC 2069).
//!
//! Written here because the crates at hand refuse `algorithm=SHA-256` and a `qop` list, both of which servers send.

use md5::{Digest, Md5};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use super::{identity::token, message::Headers};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Md5,
    Sha256,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
        }
    }

    fn hash(self, text: &str) -> String {
        match self {
            Algorithm::Md5 => hex::encode(Md5::digest(text)),
            Algorithm::Sha256 => hex::encode(Sha256::digest(text)),
        }
    }
}

/// What a server asks to be proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    proxy: bool,
    algorithm: Algorithm,
    realm: String,
    nonce: String,
    opaque: Option<String>,
    /// `auth`, `auth-int`, or none.
    qop: Option<&'static str>,
    /// The nonce is too old, the password is not wrong.
    pub(super) stale: bool,
}

impl Challenge {
    /// The first challenge of a 401 or 407 that can be met: servers list them in order of preference (RFC 8760 2.4).
    pub(super) fn choose(code: u16, headers: &Headers) -> Option<Self> {
        let proxy = code == 407;
        let name = if proxy { "Proxy-Authenticate" } else { "WWW-Authenticate" };
        headers.all(name).flat_map(split_challenges).find_map(|params| Self::understand(proxy, &params))
    }

    fn understand(proxy: bool, params: &[(String, String)]) -> Option<Self> {
        let get = |name: &str| params.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone());
        let algorithm = match get("algorithm") {
            None => Algorithm::Md5,
            Some(name) if name.eq_ignore_ascii_case("MD5") => Algorithm::Md5,
            Some(name) if name.eq_ignore_ascii_case("SHA-256") => Algorithm::Sha256,
            Some(_) => return None,
        };
        let qop = match get("qop") {
            None => None,
            Some(list) => {
                let has = |q: &str| list.split(',').any(|offered| offered.trim().eq_ignore_ascii_case(q));
                Some(["auth", "auth-int"].into_iter().find(|q| has(q))?)
            }
        };
        Some(Self {
            proxy,
            algorithm,
            realm: get("realm")?,
            nonce: get("nonce")?,
            opaque: get("opaque"),
            qop,
            stale: get("stale").is_some_and(|v| v.eq_ignore_ascii_case("true")),
        })
    }

    /// The credentials header's value, in the original's order and quoting (protocol `softphone.md` 3.2). The body is
    /// empty in every request we sign.
    fn answer(&self, user: &str, password: &SecretString, method: &str, uri: &str, cnonce: &str, count: u32) -> String {
        let Self { algorithm, realm, nonce, .. } = self;
        let ha1 = algorithm.hash(&format!("{user}:{realm}:{}", password.expose_secret()));
        let ha2 = match self.qop {
            Some("auth-int") => algorithm.hash(&format!("{method}:{uri}:{}", algorithm.hash(""))),
            _ => algorithm.hash(&format!("{method}:{uri}")),
        };
        let response = match self.qop {
            Some(qop) => algorithm.hash(&format!("{ha1}:{nonce}:{count:08x}:{cnonce}:{qop}:{ha2}")),
            None => algorithm.hash(&format!("{ha1}:{nonce}:{ha2}")),
        };
        let mut value = format!(
            "Digest algorithm={}, username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\"",
            algorithm.name()
        );
        if let Some(opaque) = &self.opaque {
            value.push_str(&format!(", opaque=\"{opaque}\""));
        }
        if let Some(qop) = self.qop {
            value.push_str(&format!(", qop={qop}, cnonce=\"{cnonce}\", nc={count:08x}"));
        }
        value
    }
}

/// `Digest a=b, c="d"`, several of them possibly in one value: the parameters of each Digest challenge.
fn split_challenges(value: &str) -> Vec<Vec<(String, String)>> {
    let mut challenges: Vec<Vec<(String, String)>> = Vec::new();
    let mut digest = false;
    for part in super::message::split_list(value) {
        let (mut key, raw) = part.split_once('=').unwrap_or((part, ""));
        if let Some((scheme, first)) = key.trim().split_once([' ', '\t']) {
            digest = scheme.eq_ignore_ascii_case("Digest");
            challenges.push(Vec::new());
            key = first;
        }
        let raw = raw.trim();
        let value = raw.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(raw);
        if let Some(challenge) = challenges.last_mut().filter(|_| digest) {
            challenge.push((key.trim().to_owned(), value.to_owned()));
        }
    }
    challenges
}

/// One account's credentials and the challenge they were last asked by, so that later requests need no extra round.
pub(super) struct Credentials {
    user: String,
    password: SecretString,
    current: Option<(Challenge, u32)>,
}

impl Credentials {
    pub(super) fn new(user: String, password: SecretString) -> Self {
        Self { user, password, current: None }
    }

    /// From now on answers this challenge.
    pub(super) fn challenged(&mut self, challenge: Challenge) {
        self.current = Some((challenge, 0));
    }

    /// Name and value of the header that proves who asks, if anybody wanted to know.
    pub(super) fn header(&mut self, method: &str, uri: &str) -> Option<(&'static str, String)> {
        let (challenge, count) = self.current.as_mut()?;
        *count += 1;
        let name = if challenge.proxy { "Proxy-Authorization" } else { "Authorization" };
        Some((name, challenge.answer(&self.user, &self.password, method, uri, &token(12), *count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::softphone::sip::message::{Incoming, parse};

    fn choose(code: u16, lines: &str) -> Option<Challenge> {
        match parse(format!("SIP/2.0 {code} x\r\n{lines}\r\n\r\n").as_bytes()) {
            Ok(Incoming::Response(response)) => Challenge::choose(code, &response.headers),
            other => panic!("{other:?}"),
        }
    }

    fn answer(challenge: &Challenge) -> String {
        let password = SecretString::from("secret");
        challenge.answer("ss1234ss8001", &password, "REGISTER", "sip:sip.example.test", "d3f0hpqpeeb3", 1)
    }

    #[test]
    fn the_vectors_of_the_protocol_document() {
        let with_qop = choose(
            401,
            r#"WWW-Authenticate: Digest realm="sip.example.test", nonce="abc123", algorithm=MD5, qop="auth""#,
        );
        assert_eq!(
            answer(&with_qop.unwrap()),
            "Digest algorithm=MD5, username=\"ss1234ss8001\", realm=\"sip.example.test\", nonce=\"abc123\", \
             uri=\"sip:sip.example.test\", response=\"22d50e8b1860ea3d2e80893ed53f2df1\", qop=auth, \
             cnonce=\"d3f0hpqpeeb3\", nc=00000001"
        );
        let without = choose(401, r#"WWW-Authenticate: Digest realm="sip.example.test", nonce="abc123""#).unwrap();
        assert!(answer(&without).ends_with("response=\"9be723b0199e86d43c30c9de224876c4\""));
    }

    #[test]
    fn the_sha_256_vector_of_rfc_7616() {
        let challenge = choose(
            401,
            "WWW-Authenticate: Digest realm=\"http-auth@example.org\",qop=\"auth, auth-int\",algorithm=SHA-256,\
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\",opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
        )
        .unwrap();
        let value = challenge.answer(
            "Mufasa",
            &SecretString::from("Circle of Life"),
            "GET",
            "/dir/index.html",
            "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            1,
        );
        assert!(
            value.contains("response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\""),
            "{value}"
        );
        assert!(value.contains("opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\", qop=auth"), "{value}");
    }

    #[test]
    fn the_first_challenge_that_can_be_met_is_met() {
        let several = choose(
            407,
            "Proxy-Authenticate: Basic realm=\"b\"\r\nProxy-Authenticate: Digest realm=\"a\",nonce=\"1\",algorithm=SHA-512-256, \
             Digest realm=\"a\",nonce=\"2\",algorithm=\"SHA-256\",stale=TRUE",
        )
        .unwrap();
        assert_eq!((several.nonce.as_str(), several.algorithm, several.stale), ("2", Algorithm::Sha256, true));
        let mut credentials = Credentials::new("u".into(), "p".into());
        assert!(credentials.header("REGISTER", "sip:x").is_none());
        credentials.challenged(several);
        assert_eq!(credentials.header("REGISTER", "sip:x").unwrap().0, "Proxy-Authorization");
        assert!(choose(401, "WWW-Authenticate: Digest realm=\"a\",nonce=\"1\",algorithm=MD5-sess").is_none());
        assert!(choose(401, "X: y").is_none());
    }

    #[test]
    fn the_count_goes_up_with_every_use_of_a_nonce() {
        let mut credentials = Credentials::new("u".into(), "p".into());
        credentials.challenged(choose(401, "WWW-Authenticate: Digest realm=\"a\",nonce=\"1\",qop=\"auth\"").unwrap());
        assert!(credentials.header("REGISTER", "sip:x").unwrap().1.ends_with("nc=00000001"));
        assert!(credentials.header("REGISTER", "sip:x").unwrap().1.ends_with("nc=00000002"));
    }
}
