//! Tokens that are bound to a key or a certificate, and the proofs that go with them.

use serde_json::{Value, json};
use tidegate_edge::dpop;
use tidegate_shared::bundle::{Binding, Possession, TokenSource};
use tidegate_shared::digest::Digest;

use super::{Carried, CredentialError, Credentials, Purpose, random};
use crate::proof;

/// What tokens are bound to that are bound to a certificate. Where no connection is, none is
/// proven: its digest is enough.
const CERTIFICATE: Digest = Digest([7; 32]);

impl Credentials {
    /// A token, with a proof where it needs one.
    pub(super) fn prove(
        &self,
        source: &TokenSource,
        possession: &Possession,
        token: &str,
        purpose: &Purpose<'_>,
    ) -> Result<Carried, CredentialError> {
        if *source == TokenSource::Authorization && is_proven(possession) {
            let claims = self.proof_claims(possession, token, purpose)?;
            return Ok(Carried::Proven {
                token: token.to_owned(),
                proof: self.holder.sign(&self.holder.header(), &claims),
            });
        }
        Carried::token(source, token)
    }

    /// What a token says that it is bound to, where it must be.
    pub(super) fn bound_to(&self, possession: &Possession) -> Option<Value> {
        Some(match possession.binding? {
            Binding::Dpop | Binding::Any => json!({ "jkt": self.holder.thumbprint() }),
            Binding::Certificate => json!({ "x5t#S256": proof::base64url(&CERTIFICATE) }),
        })
    }

    /// What a proof for one request says (RFC 9449 §4.2).
    ///
    /// # Errors
    /// [`CredentialError`] where the system has no entropy.
    pub fn proof_claims(
        &self,
        possession: &Possession,
        token: &str,
        purpose: &Purpose<'_>,
    ) -> Result<Value, CredentialError> {
        let mut claims = json!({
            "jti": random()?,
            "htm": purpose.method.as_str(),
            "htu": purpose.address,
            "iat": purpose.now.seconds(),
            "ath": proof::token_hash(token),
        });
        let secret = possession.nonce.as_ref();
        let secret = secret.and_then(|name| self.own.get(name));
        if let (Some(secret), Some(members)) = (secret, claims.as_object_mut()) {
            let nonce = dpop::nonce(secret.as_bytes(), purpose.now);
            members.insert("nonce".to_owned(), nonce.into());
        }
        Ok(claims)
    }
}

/// The client certificate of a connection that brings such tokens; `None` where they need none.
pub fn certificate_for(possession: &Possession) -> Option<Digest> {
    (possession.binding == Some(Binding::Certificate)).then_some(CERTIFICATE)
}

/// Whether tokens that are made here are bound to a key.
fn is_proven(possession: &Possession) -> bool {
    matches!(possession.binding, Some(Binding::Dpop | Binding::Any))
}
