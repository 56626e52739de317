//! Certificate revocation lists (RFC 5280 §5): callers whose time has ended early.

use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;
use x509_parser::time::ASN1Time;

use super::TlsError;

/// The lists that client certificates are held against.
#[derive(Clone, Debug, Default)]
pub(crate) struct Revocations {
    pub(super) lists: Vec<CertificateRevocationListDer<'static>>,
    /// When the first of them is to be replaced, in seconds since the Unix epoch. `None` where
    /// there is no list.
    pub(super) next_update: Option<i64>,
}

impl Revocations {
    /// Reads the files. A list whose time is over says nothing about who was revoked since.
    pub(super) fn load(paths: &[PathBuf], now: ASN1Time) -> Result<Self, TlsError> {
        let mut revocations = Self::default();
        for path in paths {
            let pem = |source| TlsError::Pem {
                path: path.clone(),
                source,
            };
            let before = revocations.lists.len();
            for list in CertificateRevocationListDer::pem_file_iter(path).map_err(pem)? {
                let list = list.map_err(pem)?;
                let next_update = next_update(path, &list, now)?;
                let first = revocations.next_update.unwrap_or(i64::MAX);
                revocations.next_update = Some(first.min(next_update));
                revocations.lists.push(list);
            }
            if revocations.lists.len() == before {
                return Err(TlsError::NoRevocationList(path.clone()));
            }
        }
        Ok(revocations)
    }
}

fn next_update(path: &Path, list: &[u8], now: ASN1Time) -> Result<i64, TlsError> {
    let unreadable = || TlsError::UnreadableRevocationList(path.to_owned());
    let (_, list) = CertificateRevocationList::from_der(list).map_err(|_| unreadable())?;
    // RFC 5280 §5.1.2.5: a list must say when the next one comes.
    let next_update = list.next_update().ok_or_else(unreadable)?;
    if next_update <= now {
        return Err(TlsError::ExpiredRevocationList {
            path: path.to_owned(),
            next_update,
        });
    }
    Ok(next_update.timestamp())
}
