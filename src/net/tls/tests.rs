//! Real handshakes on loopback: who is let in by which `tls_ca_file`.

use std::io::Write;

use rustls::{ServerConfig, pki_types::ServerName};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;
use crate::{
    i18n::Locale,
    net::testing::{Authority, self_signed, server},
};

fn file(pem: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(pem.as_bytes()).unwrap();
    file
}

fn trusting(pem: &str) -> Tls {
    Tls::new(Some(file(pem).path())).unwrap()
}

/// Whether a client with this trust accepts this server under this name; the reason if not.
async fn verdict(tls: &Tls, config: &Arc<ServerConfig>, name: &str) -> Result<(), String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(config.clone());
    let task = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        // The client's refusal is an error here, and not of interest.
        drop(acceptor.accept(socket).await);
    });
    let socket = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let result = TlsConnector::from(tls.config.clone()).connect(name, socket).await;
    task.await.unwrap();
    result.map(drop).map_err(|error| crate::net::fault::certificate_reason(&error).unwrap_or_else(|| error.to_string()))
}

const UNTRUSTED: &str = "it is signed by an authority that is not trusted";

#[tokio::test]
async fn what_a_named_ca_signed_is_accepted_and_only_with_it() {
    let ca = Authority::new("ours");
    let other = Authority::new("theirs");
    let server = ca.server("localhost");
    assert_eq!(verdict(&trusting(&ca.pem()), &server, "localhost").await, Ok(()));
    assert_eq!(verdict(&Tls::new(None).unwrap(), &server, "localhost").await, Err(UNTRUSTED.into()));
    assert_eq!(verdict(&trusting(&other.pem()), &server, "localhost").await, Err(UNTRUSTED.into()));
    let both = format!("{}\n{}", other.pem(), ca.pem());
    assert_eq!(verdict(&trusting(&both), &server, "localhost").await, Ok(()));
}

#[tokio::test]
async fn a_ca_vouches_for_the_name_only() {
    let ca = Authority::new("ours");
    let refused = verdict(&trusting(&ca.pem()), &ca.server("localhost"), "example.test").await.unwrap_err();
    assert!(refused.starts_with("it is for another name"), "{refused}");
}

#[tokio::test]
async fn a_named_self_signed_certificate_is_accepted_exactly() {
    for is_ca in [false, true] {
        let (server, pem) = self_signed("pbx.test", is_ca);
        let pinned = trusting(&pem);
        assert_eq!(verdict(&pinned, &server, "pbx.test").await, Ok(()), "CA:{is_ca}");
        assert_eq!(verdict(&pinned, &server, "127.0.0.1").await, Ok(()), "CA:{is_ca}, by address");
        let (impostor, _) = self_signed("pbx.test", is_ca);
        assert!(verdict(&pinned, &impostor, "pbx.test").await.is_err(), "CA:{is_ca}, another of the same name");
        let reason = if is_ca { "it is signed by itself" } else { UNTRUSTED };
        let refused = verdict(&Tls::new(None).unwrap(), &server, "pbx.test").await;
        assert_eq!(refused, Err(reason.into()), "CA:{is_ca}, not named");
    }
}

/// Trust in a file, on a system that has one authority.
fn on_a_system_with(authority: &Authority, pem: Option<&str>) -> Tls {
    install_provider();
    let named = pem.map(|pem| read_certificates(file(pem).path()).unwrap()).unwrap_or_default();
    let builder = ClientConfig::builder();
    let mut verifier = Verifier::new(named, builder.crypto_provider().clone());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    verifier.system = OnceLock::from(verifier_of(roots, &verifier.provider));
    let config = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
    Tls { config: Arc::new(config) }
}

#[tokio::test]
async fn a_servers_own_certificate_is_accepted_alone_and_a_ca_besides_the_systems() {
    let (system, own) = (Authority::new("the system's"), Authority::new("ours"));
    let public = system.server("localhost");
    assert_eq!(verdict(&on_a_system_with(&system, None), &public, "localhost").await, Ok(()));
    let besides = on_a_system_with(&system, Some(&own.pem()));
    assert_eq!(verdict(&besides, &public, "localhost").await, Ok(()), "a CA counts besides");
    assert_eq!(verdict(&besides, &own.server("localhost"), "localhost").await, Ok(()));
    for is_ca in [false, true] {
        let (server, pem) = self_signed("localhost", is_ca);
        for pem in [pem.clone(), format!("{pem}\n{}", own.pem())] {
            let alone = on_a_system_with(&system, Some(&pem));
            assert_eq!(verdict(&alone, &server, "localhost").await, Ok(()), "CA:{is_ca}");
            let refused = verdict(&alone, &public, "localhost").await;
            assert_eq!(refused, Err(UNTRUSTED.into()), "CA:{is_ca}: the system's authorities do not count");
        }
    }
}

#[tokio::test]
async fn a_servers_own_certificate_does_not_vouch_for_others() {
    // CA:FALSE, and yet its key signs another certificate.
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["pbx.test".to_owned()]).unwrap();
    params.is_ca = rcgen::IsCa::ExplicitNoCa;
    let own = params.self_signed(&key).unwrap();
    let issuer = rcgen::Issuer::new(params, key);
    let other_key = rcgen::KeyPair::generate().unwrap();
    let other =
        rcgen::CertificateParams::new(vec!["pbx.test".to_owned()]).unwrap().signed_by(&other_key, &issuer).unwrap();
    let refused = verdict(&trusting(&own.pem()), &server(&other, &other_key), "pbx.test").await;
    assert_eq!(refused, Err(UNTRUSTED.into()));
}

#[tokio::test]
async fn a_pinned_certificate_without_its_key_is_refused() {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["pbx.test".to_owned()]).unwrap().self_signed(&key).unwrap();
    let thief = Arc::new(WrongKey(certificate.der().clone(), rcgen::KeyPair::generate().unwrap()));
    install_provider();
    let config = Arc::new(ServerConfig::builder().with_no_client_auth().with_cert_resolver(thief));
    assert!(verdict(&trusting(&certificate.pem()), &config, "pbx.test").await.is_err());
}

/// Shows a certificate whose key it does not have.
#[derive(Debug)]
struct WrongKey(CertificateDer<'static>, rcgen::KeyPair);

impl rustls::server::ResolvesServerCert for WrongKey {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<rustls::sign::CertifiedKey>> {
        let key = rustls::pki_types::PrivateKeyDer::Pkcs8(self.1.serialize_der().into());
        let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
        Some(Arc::new(rustls::sign::CertifiedKey::new(vec![self.0.clone()], key)))
    }
}

#[test]
fn files_that_help_nobody_are_told_apart() {
    let missing = Tls::new(Some(Path::new("/nonexistent/ca.pem"))).unwrap_err();
    assert!(matches!(missing, TlsError::Read { .. }));
    let empty = Tls::new(Some(file("hello\n").path())).unwrap_err();
    assert!(matches!(empty, TlsError::NoCertificate { .. }));
    let junk = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    let junk = Tls::new(Some(file(junk).path())).unwrap_err();
    assert!(matches!(junk, TlsError::Unusable { .. }));
    for error in [missing, empty, junk] {
        for locale in [Locale::En, Locale::ZhCn] {
            let text = error.message().render(locale);
            assert!(text.contains("tls_ca_file") && !text.contains("%{"), "{text}");
        }
    }
}

#[test]
fn a_provider_may_be_installed_often() {
    install_provider();
    install_provider();
    assert!(CryptoProvider::get_default().is_some());
}

#[test]
fn cas_are_told_from_others() {
    let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    assert!(is_ca(&der(&Authority::new("a").pem())));
    assert!(is_ca(&der(&self_signed("a", true).1)));
    assert!(!is_ca(&der(&self_signed("a", false).1)));
    let key = rcgen::KeyPair::generate().unwrap();
    let plain = rcgen::CertificateParams::new(vec!["a".to_owned()]).unwrap().self_signed(&key).unwrap();
    assert!(!is_ca(plain.der()));
}
