//! Client certificates by their names, as a policy's `tls.identity` refers to them.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// A client certificate and its key.
#[derive(Clone)]
pub struct Identity {
    /// The name in the policy.
    pub name: String,
    /// The certificate, then those between it and its authority.
    pub certificates: Vec<CertificateDer<'static>>,
    /// The private key.
    pub key: Arc<PrivateKeyDer<'static>>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({})", self.name)
    }
}

/// An identity cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum InvalidIdentity {
    /// The text on the command line has another form.
    #[error("`{0}` is not `NAME=CERTIFICATE,KEY`, with two PEM files")]
    Form(String),
    /// A file is missing or is no PEM of the right kind.
    #[error("cannot use `{}` as {what}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// Why it does not.
        error: rustls_pki_types::pem::Error,
    },
}

impl FromStr for Identity {
    type Err = InvalidIdentity;

    fn from_str(text: &str) -> Result<Self, InvalidIdentity> {
        let form = || InvalidIdentity::Form(text.to_owned());
        let (name, files) = text.split_once('=').ok_or_else(form)?;
        let (certificate, key) = files.split_once(',').ok_or_else(form)?;
        let failed = |path: &str, what| {
            let path = PathBuf::from(path);
            move |error| InvalidIdentity::File { path, what, error }
        };
        let certificates = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect)
            .map_err(failed(certificate, "a certificate"))?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(failed(key, "a private key"))?;
        Ok(Self {
            name: name.to_owned(),
            certificates,
            key: Arc::new(key),
        })
    }
}
