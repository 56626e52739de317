//! The files that a configuration names, read as a connector that starts would.

use x509_parser::time::ASN1Time;

use super::endpoints_file::{self, EndpointsFileError};
use super::{Config, Endpoints, Target, Way, WorkloadApi};
use crate::gateway_signature::{GatewayKeys, InvalidGatewayKey};
use crate::tls::expiry::{Expiry, Nearness};
use crate::tls::{Credentials, TlsError, authorities};

/// What files hold that do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// What expires soon, one sentence each.
    pub notices: Vec<String>,
    /// What was not looked at, one sentence each.
    pub unchecked: Vec<String>,
}

/// Files that do not hold; all of them at once.
#[derive(Debug, thiserror::Error)]
#[error("{}", join(.0))]
pub struct InvalidFiles(pub Vec<FileError>);

/// One file that does not hold.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Of certificates, keys and revocation lists.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Of keys of gateways.
    #[error(transparent)]
    GatewayKey(#[from] InvalidGatewayKey),
    /// Of endpoints.
    #[error(transparent)]
    Endpoints(#[from] EndpointsFileError),
    /// What it holds is of the past.
    #[error("{0}")]
    Expired(String),
}

impl Config {
    /// Reads every file that a running connector reads: certificates, keys, authorities, revocation
    /// lists and endpoints. Names are not resolved and nothing is connected to.
    ///
    /// # Errors
    /// [`InvalidFiles`] where any of them does not hold or has expired.
    pub fn check_files(&self) -> Result<Checked, InvalidFiles> {
        let mut errors = Vec::new();
        let mut checked = Checked::default();
        for (section, WorkloadApi { endpoint, .. }) in self.tls.workload_apis() {
            let asked = format!("[{section}]: nobody was asked at `{endpoint}`");
            checked.unchecked.push(asked);
        }
        match Credentials::check(&self.tls) {
            Ok(expiries) => {
                let now = ASN1Time::now().timestamp();
                for expiry in &expiries {
                    match expiry.nearness(now, self.tls.notice) {
                        Some(Nearness::Over) => errors.push(FileError::Expired(said(expiry))),
                        Some(Nearness::Soon) => checked.notices.push(said(expiry)),
                        None => {}
                    }
                }
            }
            Err(error) => errors.push(error.into()),
        }
        if let Some(signature) = &self.gateway_signature {
            let keys = GatewayKeys::load(&signature.keys);
            errors.extend(keys.err().map(FileError::from));
        }
        let files = self.targets().filter_map(|target| match &target.endpoints {
            Endpoints::File(path) => Some(path),
            Endpoints::Resolved | Endpoints::Service(_) | Endpoints::Fixed(_) => None,
        });
        for path in files {
            errors.extend(endpoints_file::read(path).err().map(FileError::from));
        }
        for dial in &self.dial {
            if let Way::WebSocket {
                authority: Some(path),
                ..
            } = &dial.way
            {
                errors.extend(authorities(path).err().map(FileError::from));
            }
        }
        if errors.is_empty() {
            Ok(checked)
        } else {
            Err(InvalidFiles(errors))
        }
    }

    fn targets(&self) -> impl Iterator<Item = &Target> {
        let backends = self.backends.iter().map(|one| &one.upstream.target);
        backends.chain(self.tcp.iter().flat_map(|listener| listener.mode.targets()))
    }
}

fn said(expiry: &Expiry) -> String {
    let of = expiry.of.label();
    match ASN1Time::from_timestamp(expiry.at) {
        Ok(at) => format!("{of}: the end is {at}"),
        Err(_) => format!("{of}: the end is {}", expiry.at),
    }
}

fn join(errors: &[FileError]) -> String {
    let lines: Vec<String> = errors.iter().map(FileError::to_string).collect();
    lines.join("\n")
}
