//! Accepts a client certificate that chains to an authority *and* names a caller.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{DistinguishedName, Error};
use tidegate_tls::{Judge, refusal};

use super::trusted::Trusted;
use crate::identity::Identity;

/// The names are checked inside the handshake, too, so that a certificate without an identity never
/// gets to speak HTTP.
#[derive(Debug)]
pub(super) struct Callers(pub(super) Arc<Trusted>);

impl Judge for Callers {
    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        self.0.verify_client(leaf, intermediates, now)?;
        Identity::of_certificate(leaf).map_err(refusal)?;
        Ok(())
    }

    fn authorities(&self) -> &[DistinguishedName] {
        self.0.names()
    }
}
