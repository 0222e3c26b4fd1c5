//! A certificate authority made on the spot, and the platform's certificate from it.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// File name of the authority's certificate.
const CA_FILE: &str = "wincall-sim-ca.pem";

/// What the platform serves TLS with.
pub struct ServerTls {
    /// For HTTP and the event websocket (ALPN `http/1.1`), and for SIP.
    pub config: Arc<rustls::ServerConfig>,
    /// Where the authority's certificate was written (PEM).
    pub ca_file: PathBuf,
}

/// Makes an authority and a certificate for `127.0.0.1`, `::1` and `localhost`; the authority's certificate goes into
/// `dir`, its key nowhere.
///
/// # Errors
/// The file cannot be written, or no certificate could be made.
pub fn make(dir: &Path) -> io::Result<ServerTls> {
    let (ca_pem, config) = certificates().map_err(io::Error::other)?;
    let ca_file = dir.join(CA_FILE);
    std::fs::create_dir_all(dir)?;
    std::fs::write(&ca_file, ca_pem)
        .map_err(|e| io::Error::new(e.kind(), format!("cannot write {}: {e}", ca_file.display())))?;
    let ca_file = std::fs::canonicalize(&ca_file)?;
    Ok(ServerTls { config: Arc::new(config), ca_file })
}

fn certificates() -> Result<(String, rustls::ServerConfig), Box<dyn std::error::Error + Send + Sync>> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.distinguished_name.push(DnType::CommonName, "wincall-tui built-in platform CA");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;

    let names = ["127.0.0.1", "::1", "localhost"].map(String::from).to_vec();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "wincall-tui built-in platform");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &authority)?;

    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((authority.pem(), config))
}
