//! What a description says of the certificate that will be shown (RFC 8122 5).

use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::lines::Section;

/// A hash a certificate is told by, weakest first. MD5 and MD2 must not be used (RFC 8122 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hash {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    const ALL: [Hash; 5] = [Hash::Sha1, Hash::Sha224, Hash::Sha256, Hash::Sha384, Hash::Sha512];

    fn name(self) -> &'static str {
        match self {
            Hash::Sha1 => "sha-1",
            Hash::Sha224 => "sha-224",
            Hash::Sha256 => "sha-256",
            Hash::Sha384 => "sha-384",
            Hash::Sha512 => "sha-512",
        }
    }

    /// Of its value, bytes.
    fn length(self) -> usize {
        match self {
            Hash::Sha1 => 20,
            Hash::Sha224 => 28,
            Hash::Sha256 => 32,
            Hash::Sha384 => 48,
            Hash::Sha512 => 64,
        }
    }

    fn of(self, certificate: &[u8]) -> Vec<u8> {
        match self {
            Hash::Sha1 => Sha1::digest(certificate).to_vec(),
            Hash::Sha224 => Sha224::digest(certificate).to_vec(),
            Hash::Sha256 => Sha256::digest(certificate).to_vec(),
            Hash::Sha384 => Sha384::digest(certificate).to_vec(),
            Hash::Sha512 => Sha512::digest(certificate).to_vec(),
        }
    }
}

/// The fingerprints of a description that are understood; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprints(Vec<(Hash, Vec<u8>)>);

impl Fingerprints {
    /// Those of a section; none if it has none that can be checked.
    pub(super) fn read(section: &Section) -> Option<Self> {
        let all: Vec<(Hash, Vec<u8>)> = section.attributes("fingerprint").filter_map(one).collect();
        (!all.is_empty()).then_some(Self(all))
    }

    /// Whether a certificate (DER) is one of those told: by the strongest hash they are told by, as the weaker ones are
    /// only for those who know no better (RFC 8122 5.1).
    pub fn matches(&self, certificate: &[u8]) -> bool {
        let Some(strongest) = self.0.iter().map(|(hash, _)| *hash).max() else { return false };
        let shown = strongest.of(certificate);
        self.0.iter().any(|(hash, value)| *hash == strongest && *value == shown)
    }

    /// Whether both may be of the same certificate: some one fingerprint is in both.
    pub fn overlap(&self, other: &Self) -> bool {
        self.0.iter().any(|one| other.0.contains(one))
    }

    /// One of them in the words of SDP, for the crate, which wants to read one.
    pub(super) fn line(&self) -> String {
        self.0.first().map_or_else(String::new, |(hash, value)| {
            let value: Vec<String> = value.iter().map(|byte| format!("{byte:02X}")).collect();
            format!("{} {}", hash.name(), value.join(":"))
        })
    }
}

/// Reads `sha-256 AB:CD:...`; Asterisk writes the hash in upper case.
fn one(line: &str) -> Option<(Hash, Vec<u8>)> {
    let (name, value) = line.split_once(' ')?;
    let hash = Hash::ALL.into_iter().find(|hash| hash.name().eq_ignore_ascii_case(name))?;
    let bytes = |text: &str| {
        text.split(':')
            .map(|byte| u8::from_str_radix(byte, 16).ok().filter(|_| byte.len() == 2 && !byte.starts_with('+')))
            .collect::<Option<Vec<u8>>>()
    };
    Some((hash, bytes(value.trim()).filter(|value| value.len() == hash.length())?))
}

#[cfg(test)]
mod tests {
    use super::{super::lines::Description, *};

    const CERTIFICATE: &[u8] = b"abc";
    /// FIPS 180 examples: the hashes of "abc".
    const OF_ABC: [(&str, &str); 4] = [
        ("sha-1", "A9993E364706816ABA3E25717850C26C9CD0D89D"),
        ("SHA-256", "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"),
        ("sha-384", "CB00753F45A35E8BB5A03D699AC65007272C32AB0EDED1631A8B605A43FF5BED8086072BA1E7CC2358BAECA134C825A7"),
        (
            "sha-512",
            "DDAF35A193617ABACC417349AE20413112E6FA4E89A97EA20A9EEEE64B55D39A2192992A274FC1A836BA3C23A3FEEBBD454D4423643CE80E2A9AC94FA54CA49F",
        ),
    ];

    fn line((name, value): (&str, &str)) -> String {
        let pairs: Vec<&str> = (0..value.len() / 2).map(|n| &value[2 * n..2 * n + 2]).collect();
        format!("a=fingerprint:{name} {}\n", pairs.join(":"))
    }

    fn read(lines: &str) -> Option<Fingerprints> {
        Fingerprints::read(&Description::parse(&format!("v=0\n{lines}")).unwrap().session)
    }

    #[test]
    fn every_hash_tells_its_certificate_and_no_other() {
        for told in OF_ABC {
            let fingerprints = read(&line(told)).unwrap();
            assert!(fingerprints.matches(CERTIFICATE), "{told:?}");
            assert!(!fingerprints.matches(b"abd"), "{told:?}");
            assert!(fingerprints.line().starts_with(&told.0.to_ascii_lowercase()));
        }
    }

    #[test]
    fn of_several_the_strongest_decides_and_one_of_its_kind_is_enough() {
        let wrong = |(name, value): (&'static str, &'static str)| line((name, &value.replace('A', "B")));
        let [sha1, sha256, _, sha512] = OF_ABC;
        assert!(read(&format!("{}{}", wrong(sha1), line(sha256))).unwrap().matches(CERTIFICATE));
        assert!(!read(&format!("{}{}", line(sha1), wrong(sha256))).unwrap().matches(CERTIFICATE));
        assert!(read(&format!("{}{}", wrong(sha512), line(sha512))).unwrap().matches(CERTIFICATE));
        assert!(!read(&format!("{}{}", line(sha256), wrong(sha512))).unwrap().matches(CERTIFICATE));
        // One that is not understood is passed over.
        assert!(read(&format!("a=fingerprint:blake3 AA:BB\n{}", line(sha256))).unwrap().matches(CERTIFICATE));
    }

    #[test]
    fn what_cannot_be_checked_is_none() {
        for junk in ["", "a=fingerprint:md5 AA:BB\n", "a=fingerprint:sha-1 AA:BB\n", "a=fingerprint:sha-256\n"] {
            assert_eq!(read(junk), None, "{junk:?}");
        }
        let odd = line(OF_ABC[1]).replace("BA:78", "BA:+8");
        assert_eq!(read(&odd), None);
    }

    #[test]
    fn the_same_certificate_told_in_more_ways_stays_the_same() {
        let [sha1, sha256, ..] = OF_ABC;
        let (one, both) = (read(&line(sha256)).unwrap(), read(&format!("{}{}", line(sha1), line(sha256))).unwrap());
        assert!(one.overlap(&both) && both.overlap(&one));
        assert!(!one.overlap(&read(&line(sha1)).unwrap()));
    }
}
