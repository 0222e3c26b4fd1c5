//! Whom to trust: the system's certificate authorities and, if configured, one more CA or exactly one certificate.

use std::{path::PathBuf, sync::Arc};

use thiserror::Error;

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
}

/// The client's TLS configuration; cheap to clone, built once.
#[derive(Clone, Debug)]
pub struct Tls {
    /// For every TLS connection the program opens.
    pub config: Arc<rustls::ClientConfig>,
}
