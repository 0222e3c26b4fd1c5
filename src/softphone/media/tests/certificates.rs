//! The far end's certificate must be the one its description announces, by whatever hash it is told.

use rustls::pki_types::{CertificateDer, pem::PemObject};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::*;

/// A fingerprint as SDP has it.
fn told<D: Digest>(name: &str, certificate: &[u8]) -> String {
    let bytes: Vec<String> = D::digest(certificate).iter().map(|byte| format!("{byte:02X}")).collect();
    format!("a=fingerprint:{name} {}", bytes.join(":"))
}

/// Fingerprint lines for a certificate (DER).
type Way = fn(&[u8]) -> Vec<String>;

/// A far end, its offer with these fingerprint lines in place of its own.
async fn offering(lines: Way) -> (FarEnd, String) {
    let certificate = super::super::peer::certificate().unwrap();
    let der = CertificateDer::from_pem_slice(certificate.serialize_pem().unwrap().as_bytes()).unwrap();
    let far = FarEnd::showing(certificate, &["127.0.0.1:0"], &[]).await;
    let offer = far.offer().await;
    let line = offer.lines().find(|line| line.starts_with("a=fingerprint")).unwrap();
    let offer = offer.replace(line, &lines(&der).join("\r\n"));
    (far, offer)
}

async fn answered(far: &FarEnd, offer: &str) -> Phone {
    let mut phone = Phone::new(&[Codec::Pcma]);
    let answer = phone.media.answer(CALL, offer).await.unwrap();
    far.accept(&answer).await;
    phone.expect(MediaEvent::Connecting).await;
    phone
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_with_a_certificate_told_by_any_hash() {
    let ways: [Way; 6] = [
        |der| vec![told::<Sha1>("sha-1", der)],
        |der| vec![told::<Sha256>("SHA-256", der)],
        |der| vec![told::<Sha384>("sha-384", der)],
        |der| vec![told::<Sha512>("sha-512", der)],
        |der| vec![told::<Sha1>("sha-1", der), told::<Sha256>("sha-256", der)],
        // Two certificates, of which one is shown.
        |der| vec![told::<Sha256>("sha-256", b"another"), told::<Sha256>("sha-256", der)],
    ];
    for way in ways {
        let (far, offer) = offering(way).await;
        let mut phone = answered(&far, &offer).await;
        phone.expect(MediaEvent::Up { codec: Codec::Pcma }).await;
        far.hears(20).await;
        phone.hears().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_certificate_than_announced_is_told_as_that_and_nothing_passes_either_way() {
    let ways: [Way; 5] = [
        |_| vec![told::<Sha1>("sha-1", b"another")],
        |_| vec![told::<Sha256>("sha-256", b"another")],
        |_| vec![told::<Sha384>("sha-384", b"another")],
        |_| vec![told::<Sha512>("sha-512", b"another")],
        // Right by a weak hash, wrong by a strong one.
        |der| vec![told::<Sha1>("sha-1", der), told::<Sha256>("sha-256", b"another")],
    ];
    for way in ways {
        let (far, offer) = offering(way).await;
        let mut phone = answered(&far, &offer).await;
        let mut wishes = phone.media.wishes();
        phone.expect_lost(LossCause::WrongCertificate).await;
        let stats = phone.stats(|_| true).await;
        assert_eq!((stats.packets_sent, stats.packets_received), (0, 0));
        assert_eq!(far.heard(), 0, "no sound is sent to somebody else");
        assert!(far.disguise.reported.lock().unwrap().is_empty(), "nor any report");
        assert!(wishes.try_recv().is_err(), "it is not tried again");
    }
}
