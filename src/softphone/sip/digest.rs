//! Digest authentication of requests (RFC 7616, RFC 8760): MD5, SHA-256 and SHA-512-256, each also as `-sess`, `qop` auth,
//! auth-int, or none (RFC 2069).
//!
//! Written here because the crates at hand refuse `algorithm=SHA-256` and a `qop` list, both of which servers send.

use md5::{Digest, Md5};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Sha256, Sha512_256};

use super::{
    headers::{Headers, param},
    identity::token,
};

/// Realms that may ask at once: the proxies on the way and the registrar.
const MOST: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Md5,
    Sha256,
    Sha512_256,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Algorithm {
    hash: Hash,
    /// The password is mixed with both nonces first.
    session: bool,
}

impl Algorithm {
    fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_uppercase();
        let (plain, session) = name.strip_suffix("-SESS").map_or((name.as_str(), false), |plain| (plain, true));
        let hash = match plain {
            "MD5" => Hash::Md5,
            "SHA-256" => Hash::Sha256,
            "SHA-512-256" => Hash::Sha512_256,
            _ => return None,
        };
        Some(Self { hash, session })
    }

    fn name(self) -> &'static str {
        match (self.hash, self.session) {
            (Hash::Md5, false) => "MD5",
            (Hash::Md5, true) => "MD5-sess",
            (Hash::Sha256, false) => "SHA-256",
            (Hash::Sha256, true) => "SHA-256-sess",
            (Hash::Sha512_256, false) => "SHA-512-256",
            (Hash::Sha512_256, true) => "SHA-512-256-sess",
        }
    }

    fn hash(self, text: &str) -> String {
        match self.hash {
            Hash::Md5 => hex::encode(Md5::digest(text)),
            Hash::Sha256 => hex::encode(Sha256::digest(text)),
            Hash::Sha512_256 => hex::encode(Sha512_256::digest(text)),
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
    /// The challenges of a 401 or 407: of every realm the first one that can be met, for servers list them in order of
    /// preference, strongest first (RFC 8760 2.3, 2.4). A proxy that has forked may have gathered several (RFC 3261
    /// 22.3).
    pub(super) fn choose(headers: &Headers) -> Vec<Self> {
        let mut chosen: Vec<Self> = Vec::new();
        for (name, proxy) in [("WWW-Authenticate", false), ("Proxy-Authenticate", true)] {
            for params in headers.all(name).flat_map(split_challenges) {
                if let Some(challenge) = Self::understand(proxy, &params)
                    && chosen.len() < MOST
                    && !chosen.iter().any(|known| known.asks_like(&challenge))
                {
                    chosen.push(challenge);
                }
            }
        }
        chosen
    }

    /// Whether both want the same credentials: one is the other's successor.
    pub(super) fn asks_like(&self, other: &Self) -> bool {
        self.proxy == other.proxy && self.realm == other.realm
    }

    fn understand(proxy: bool, params: &[(String, String)]) -> Option<Self> {
        let get = |name: &str| params.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone());
        let algorithm = Algorithm::named(&get("algorithm").unwrap_or_else(|| "MD5".into()))?;
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

    /// The credentials header's value, in the original's order and quoting (protocol `softphone.md` 3.2).
    fn answer(&self, user: &str, password: &SecretString, asked: &Asked<'_>, cnonce: &str, count: u32) -> String {
        let Self { algorithm, realm, nonce, .. } = self;
        let Asked { method, uri, body } = asked;
        let mut ha1 = algorithm.hash(&format!("{user}:{realm}:{}", password.expose_secret()));
        if algorithm.session {
            ha1 = algorithm.hash(&format!("{ha1}:{nonce}:{cnonce}"));
        }
        let ha2 = match self.qop {
            Some("auth-int") => algorithm.hash(&format!("{method}:{uri}:{}", algorithm.hash(body))),
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
        } else if algorithm.session {
            value.push_str(&format!(", cnonce=\"{cnonce}\""));
        }
        value
    }
}

/// The request to be signed.
struct Asked<'a> {
    method: &'a str,
    uri: &'a str,
    body: &'a str,
}

/// `Digest a=b, c="d"`, several of them possibly in one value: the parameters of each Digest challenge.
fn split_challenges(value: &str) -> Vec<Vec<(String, String)>> {
    let mut challenges: Vec<Vec<(String, String)>> = Vec::new();
    let mut digest = false;
    for part in super::headers::split_list(value) {
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

/// One account's credentials and the challenges it was last asked by, so that later requests need no extra round.
pub(super) struct Credentials {
    user: String,
    password: SecretString,
    current: Vec<(Challenge, u32)>,
}

impl Credentials {
    pub(super) fn new(user: String, password: SecretString) -> Self {
        Self { user, password, current: Vec::new() }
    }

    /// Whether they go out with every request.
    pub(super) fn are_given(&self) -> bool {
        !self.current.is_empty()
    }

    /// They were refused: the next request begins without any.
    pub(super) fn forget_challenges(&mut self) {
        self.current.clear();
    }

    /// From now on answers these challenges, each instead of an earlier one of the same realm.
    pub(super) fn challenged(&mut self, challenges: Vec<Challenge>) {
        for challenge in challenges {
            self.current.retain(|(known, _)| !known.asks_like(&challenge));
            self.current.push((challenge, 0));
        }
        let surplus = self.current.len().saturating_sub(MOST);
        self.current.drain(..surplus);
    }

    /// A 2xx may bring the nonce to use from now on (RFC 7616 3.5). It does not say of which realm it is, so it counts
    /// only where there is no doubt.
    pub(super) fn succeeded(&mut self, headers: &Headers) {
        for (name, proxy) in [("Authentication-Info", false), ("Proxy-Authentication-Info", true)] {
            let next =
                headers.values(name).find_map(|value| param(value, "nextnonce")).filter(|nonce| !nonce.is_empty());
            let mut asked = self.current.iter_mut().filter(|(challenge, _)| challenge.proxy == proxy);
            if let (Some(nonce), Some((challenge, count)), None) = (next, asked.next(), asked.next()) {
                challenge.nonce = nonce.to_owned();
                *count = 0;
            }
        }
    }

    /// Names and values of the headers that prove who asks, if anybody wanted to know.
    pub(super) fn headers(&mut self, method: &str, uri: &str, body: &str) -> Vec<(&'static str, String)> {
        let Self { user, password, current } = self;
        let asked = Asked { method, uri, body };
        let sign = |(challenge, count): &mut (Challenge, u32)| {
            *count = count.saturating_add(1);
            let name = if challenge.proxy { "Proxy-Authorization" } else { "Authorization" };
            (name, challenge.answer(user, password, &asked, &token(12), *count))
        };
        current.iter_mut().map(sign).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::softphone::sip::message::{Incoming, parse};

    fn all(lines: &str) -> Vec<Challenge> {
        match parse(format!("SIP/2.0 401 x\r\n{lines}\r\n\r\n").as_bytes()) {
            Ok(Incoming::Response(response)) => Challenge::choose(&response.headers),
            other => panic!("{other:?}"),
        }
    }

    fn choose(lines: &str) -> Option<Challenge> {
        all(lines).into_iter().next()
    }

    fn headers(text: &str) -> Headers {
        match parse(format!("SIP/2.0 200 OK\r\n{text}\r\n\r\n").as_bytes()) {
            Ok(Incoming::Response(response)) => response.headers,
            other => panic!("{other:?}"),
        }
    }

    fn answer(challenge: &Challenge) -> String {
        let password = SecretString::from("secret");
        let asked = Asked { method: "REGISTER", uri: "sip:sip.example.test", body: "" };
        challenge.answer("ss1234ss8001", &password, &asked, "d3f0hpqpeeb3", 1)
    }

    #[test]
    fn the_vectors_of_the_protocol_document() {
        let with_qop =
            choose(r#"WWW-Authenticate: Digest realm="sip.example.test", nonce="abc123", algorithm=MD5, qop="auth""#);
        assert_eq!(
            answer(&with_qop.unwrap()),
            "Digest algorithm=MD5, username=\"ss1234ss8001\", realm=\"sip.example.test\", nonce=\"abc123\", \
             uri=\"sip:sip.example.test\", response=\"22d50e8b1860ea3d2e80893ed53f2df1\", qop=auth, \
             cnonce=\"d3f0hpqpeeb3\", nc=00000001"
        );
        let without = choose(r#"WWW-Authenticate: Digest realm="sip.example.test", nonce="abc123""#).unwrap();
        assert!(answer(&without).ends_with("response=\"9be723b0199e86d43c30c9de224876c4\""));
    }

    /// RFC 7616 3.9.1, and its request with the other algorithms (computed with Python's hashlib).
    #[test]
    fn the_vectors_of_rfc_7616() {
        for (algorithm, qop, response) in [
            ("MD5", "auth, auth-int", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "auth, auth-int", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
            ("SHA-512-256", "auth", "430d05014cecc49cab6fbe03176d41a1da86cbfe24a16580e22aaad928d960d0"),
            ("MD5-sess", "auth", "e783283f46242139c486a698fec7211d"),
            ("SHA-256-sess", "auth", "2fd51b3a77ad75bad6afad6003e818d767133c46d9e2749e7f5232ae1ea3efd7"),
            ("SHA-512-256-sess", "auth", "3f2a34f923c38b0fb26dce2fdfc2ce326c23cecf86fbb1444f3e51fbbc2cb92e"),
            ("md5", "auth-int", "d1b8e2ac3f6782372de4bf3d8735b406"),
            ("SHA-256", "auth-int", "385d2de062660ced11876f42d9497c69cacf5caaf3d951dd424aee9f7157d563"),
        ] {
            let challenge = choose(&format!(
                "WWW-Authenticate: Digest realm=\"http-auth@example.org\",qop=\"{qop}\",algorithm={algorithm},\
                 nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\",opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            ))
            .unwrap();
            let value = challenge.answer(
                "Mufasa",
                &SecretString::from("Circle of Life"),
                &Asked { method: "GET", uri: "/dir/index.html", body: "v=0\r\n" },
                "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
                1,
            );
            assert!(value.contains(&format!("response=\"{response}\"")), "{algorithm} {qop}: {value}");
            assert!(value.contains("opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\", qop=auth"), "{value}");
        }
    }

    #[test]
    fn every_realm_gets_its_own_credentials() {
        let challenges = all("WWW-Authenticate: Digest realm=\"registrar\",nonce=\"r\",qop=\"auth\"\r\n\
             Proxy-Authenticate: Digest realm=\"a\",nonce=\"1\",algorithm=SHA-256, Digest realm=\"a\",nonce=\"1\"\r\n\
             Proxy-Authenticate: Digest realm=\"b\",nonce=\"2\"");
        assert_eq!(challenges.len(), 3, "of realm a only the first");
        let mut credentials = Credentials::new("u".into(), "p".into());
        credentials.challenged(challenges);
        let names: Vec<_> = credentials.headers("REGISTER", "sip:x", "").into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["Authorization", "Proxy-Authorization", "Proxy-Authorization"]);
        for nonce in 0..20 {
            credentials.challenged(all(&format!("Proxy-Authenticate: Digest realm=\"{nonce}\",nonce=\"n\"")));
        }
        assert_eq!(credentials.headers("REGISTER", "sip:x", "").len(), MOST, "a server cannot make us grow");
    }

    #[test]
    fn the_next_nonce_is_the_servers() {
        let mut credentials = Credentials::new("u".into(), "p".into());
        credentials.challenged(all("WWW-Authenticate: Digest realm=\"a\",nonce=\"1\",qop=\"auth\""));
        credentials.headers("REGISTER", "sip:x", "");
        credentials.succeeded(&headers("Authentication-Info: qop=auth, nextnonce=\"2\", nc=00000001"));
        let (_, value) = credentials.headers("REGISTER", "sip:x", "").remove(0);
        assert!(value.contains("nonce=\"2\"") && value.ends_with("nc=00000001"), "{value}");
        credentials.succeeded(&headers("Proxy-Authentication-Info: nextnonce=\"3\""));
        credentials.succeeded(&headers("Authentication-Info: rspauth=\"x\""));
        let (_, value) = credentials.headers("REGISTER", "sip:x", "").remove(0);
        assert!(value.contains("nonce=\"2\"") && value.ends_with("nc=00000002"), "{value}");
    }

    #[test]
    fn the_first_challenge_that_can_be_met_is_met() {
        let several = choose(
            "Proxy-Authenticate: Basic realm=\"b\"\r\nProxy-Authenticate: Digest realm=\"a\",nonce=\"1\",algorithm=SHA-3-512, \
             Digest realm=\"a\",nonce=\"2\",algorithm=\"SHA-256\",stale=TRUE",
        )
        .unwrap();
        assert_eq!((several.nonce.as_str(), several.algorithm.name(), several.stale), ("2", "SHA-256", true));
        let mut credentials = Credentials::new("u".into(), "p".into());
        assert!(credentials.headers("REGISTER", "sip:x", "").is_empty());
        credentials.challenged(vec![several]);
        assert_eq!(credentials.headers("REGISTER", "sip:x", "")[0].0, "Proxy-Authorization");
        assert!(choose("WWW-Authenticate: Digest realm=\"a\",nonce=\"1\",algorithm=SHA-1").is_none());
        assert!(choose("X: y").is_none());
    }

    #[test]
    fn the_count_goes_up_with_every_use_of_a_nonce() {
        let mut credentials = Credentials::new("u".into(), "p".into());
        credentials.challenged(all("WWW-Authenticate: Digest realm=\"a\",nonce=\"1\",qop=\"auth\""));
        assert!(credentials.headers("REGISTER", "sip:x", "")[0].1.ends_with("nc=00000001"));
        assert!(credentials.headers("REGISTER", "sip:x", "")[0].1.ends_with("nc=00000002"));
    }
}
