//! Whom to trust: the system's certificate authorities and, if configured, one more CA or exactly one certificate.
//!
//! A certificate in `tls_ca_file` counts in two ways. A server that presents that very certificate, byte for byte, is
//! accepted whatever the certificate says of names, dates and purposes: so a self-signed one works, also one that
//! calls itself a CA, which rustls refuses otherwise. And if it is a CA's, the certificates signed by it are accepted
//! under the usual rules. The handshake's signature is checked in both cases.
//!
//! The system's authorities count besides the file's CA. They do not count once the file names a server's own
//! certificate, that is one that is no CA's, or one that names hosts (as `openssl req -x509 -addext subjectAltName=..`
//! makes, which calls itself a CA): what is named so is accepted alone.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use thiserror::Error;

use crate::i18n::Message;

/// Why no TLS configuration could be made.
#[derive(Debug, Error)]
pub enum TlsError {
    /// `tls_ca_file` cannot be read.
    #[error("tls_ca_file {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// `tls_ca_file` holds no usable certificate.
    #[error("tls_ca_file {path}: no PEM certificate in it")]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// `tls_ca_file` holds something that is no certificate between the PEM marks.
    #[error("tls_ca_file {path}: {reason}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl TlsError {
    /// What is told to the agent.
    pub fn message(&self) -> Message {
        match self {
            TlsError::Read { path, source } => {
                Message::new("net.tls.read").with("path", path.display()).with("reason", source)
            }
            TlsError::NoCertificate { path } => Message::new("net.tls.no_certificate").with("path", path.display()),
            TlsError::Unusable { path, reason } => {
                Message::new("net.tls.unusable").with("path", path.display()).with("reason", reason)
            }
        }
    }
}

/// The client's TLS configuration; cheap to clone, built once.
#[derive(Clone, Debug)]
pub struct Tls {
    /// For every TLS connection the program opens.
    pub config: Arc<ClientConfig>,
}

impl Tls {
    /// Reads `ca_file` (PEM) and makes the configuration. The system's authorities are read later, by the first
    /// connection that needs them; a system without any is no error.
    ///
    /// # Errors
    /// The file cannot be read, or holds no certificate.
    pub fn new(ca_file: Option<&Path>) -> Result<Tls, TlsError> {
        install_provider();
        let named = ca_file.map(read_certificates).transpose()?.unwrap_or_default();
        let builder = ClientConfig::builder();
        let verifier = Verifier::new(named, builder.crypto_provider().clone());
        let config = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
        Ok(Tls { config: Arc::new(config) })
    }
}

/// Makes ring the crypto provider of the process; may be called any number of times.
pub fn install_provider() {
    // An error means that a provider is installed already, which is all that is wanted.
    if CryptoProvider::get_default().is_none() && rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a crypto provider was installed meanwhile");
    }
}

/// The certificates of a PEM file, each known to be one.
fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })?;
    let unusable = |reason: String| TlsError::Unusable { path: path.to_owned(), reason };
    let certificates = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unusable(error.to_string()))?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate { path: path.to_owned() });
    }
    for certificate in &certificates {
        RootCertStore::empty().add(certificate.clone()).map_err(|error| unusable(error.to_string()))?;
    }
    Ok(certificates)
}

/// Accepts the certificates of `tls_ca_file`, what their CAs signed, and, unless a server's own certificate is among
/// them, what the system's authorities signed.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    /// Accepted as they are.
    pinned: Vec<CertificateDer<'static>>,
    /// For what the CAs of the file signed; absent if there is none.
    own: Option<Arc<WebPkiServerVerifier>>,
    /// Nothing but the file counts.
    alone: bool,
    /// For what the system's authorities signed; read when first needed, absent if the system has none.
    system: OnceLock<Option<Arc<WebPkiServerVerifier>>>,
}

impl Verifier {
    fn new(named: Vec<CertificateDer<'static>>, provider: Arc<CryptoProvider>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(named.iter().filter(|certificate| is_ca(certificate)).cloned());
        let own = verifier_of(roots, &provider);
        let alone = named.iter().any(|certificate| !is_ca(certificate) || names_hosts(certificate));
        Self { provider, pinned: named, own, alone, system: OnceLock::new() }
    }

    fn system(&self) -> Option<&WebPkiServerVerifier> {
        if self.alone {
            return None;
        }
        let load = || {
            let found = rustls_native_certs::load_native_certs();
            for error in &found.errors {
                tracing::debug!(%error, "a system certificate cannot be read");
            }
            let mut roots = RootCertStore::empty();
            let (usable, ignored) = roots.add_parsable_certificates(found.certs);
            tracing::debug!(usable, ignored, "system certificate authorities");
            verifier_of(roots, &self.provider)
        };
        self.system.get_or_init(load).as_deref()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.pinned.iter().any(|pinned| pinned.as_ref() == end_entity.as_ref()) {
            return Ok(ServerCertVerified::assertion());
        }
        let ask = |verifier: &WebPkiServerVerifier| {
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let own = self.own.as_deref().map_or_else(|| Err(unknown.clone()), ask);
        let Err(own) = own else { return own };
        match self.system().map_or_else(|| Err(unknown.clone()), ask) {
            // Signed by the file's CA, but too old or for another name: that is the thing to tell.
            Err(system) if system == unknown => Err(own),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn verifier_of(roots: RootCertStore, provider: &Arc<CryptoProvider>) -> Option<Arc<WebPkiServerVerifier>> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().ok()
}

/// Whether a certificate calls itself a CA (RFC 5280 section 4.2.1.9, `cA` TRUE). A server's own certificate must not
/// become able to vouch for others, and rustls would take any certificate for an authority.
fn is_ca(certificate: &CertificateDer<'_>) -> bool {
    const BASIC_CONSTRAINTS: [u8; 5] = [0x06, 0x03, 0x55, 0x1d, 0x13];
    const IS_CA: [u8; 3] = [0x01, 0x01, 0xff];
    let Some(rest) = extension(certificate, BASIC_CONSTRAINTS) else { return false };
    // OCTET STRING of a SEQUENCE whose first element is the BOOLEAN, all lengths below 128.
    matches!(rest, [0x04, _, 0x30, _, value @ ..] if value.starts_with(&IS_CA))
}

/// Whether a certificate names hosts or addresses (RFC 5280 section 4.2.1.6), as a server's does and a CA's does not.
fn names_hosts(certificate: &CertificateDer<'_>) -> bool {
    const ALTERNATIVE_NAMES: [u8; 5] = [0x06, 0x03, 0x55, 0x1d, 0x11];
    extension(certificate, ALTERNATIVE_NAMES).is_some_and(|rest| rest.first() == Some(&0x04))
}

/// What follows an extension's identifier and its criticality: the OCTET STRING with its value, and the rest.
fn extension<'c>(certificate: &'c CertificateDer<'_>, id: [u8; 5]) -> Option<&'c [u8]> {
    const CRITICAL: [u8; 3] = [0x01, 0x01, 0xff];
    let der = certificate.as_ref();
    let at = der.windows(id.len()).position(|window| window == id)?;
    let rest = der.get(at + id.len()..).unwrap_or_default();
    Some(rest.strip_prefix(&CRITICAL).unwrap_or(rest))
}

#[cfg(test)]
mod tests;
