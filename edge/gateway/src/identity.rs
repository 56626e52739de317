//! Who calls.

use std::sync::Arc;

use serde_json::{Map, Value};
use smallvec::SmallVec;
use tidegate_shared::bundle::Auth;

use crate::refusal::Refusal;

/// An authenticated caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The name, in the policy, of who vouches: an issuer, a ring of API keys, certificates.
    pub(crate) issuer: String,
    /// The token's subject or the consumer.
    pub(crate) subject: String,
    /// The scopes of the token or API key.
    pub(crate) scopes: Vec<String>,
    /// All of the token's claims; none of an API key.
    pub(crate) claims: Map<String, Value>,
    /// What the client certificate says, where that is the credential.
    pub(crate) certificate: Map<String, Value>,
    /// The name of the plan that the credential itself is for.
    pub(crate) plan: Option<String>,
    /// The id of the key that vouches: the `kid` of a token, an API key's own, a signature's
    /// `keyid`, a certificate's digest.
    pub(crate) key: Option<String>,
}

impl Identity {
    /// Adds what a further credential of the request proves: the claims and scopes of a token, what
    /// a certificate says, where there was none before. The caller stays who it is.
    fn learn(&mut self, further: &Self) {
        let Self {
            issuer: _,
            subject: _,
            scopes,
            claims,
            certificate,
            // What speaks of plans is asked of each credential.
            plan: _,
            // And so is what was revoked.
            key: _,
        } = further;
        if self.claims.is_empty() {
            self.claims.clone_from(claims);
            // An API key may have its own.
            if self.scopes.is_empty() {
                self.scopes.clone_from(scopes);
            }
        }
        if self.certificate.is_empty() {
            self.certificate.clone_from(certificate);
        }
    }
}

/// A caller, and how it is known.
#[derive(Debug, Default)]
pub(crate) struct Authenticated<'a> {
    /// `None` of a caller without a credential.
    pub(crate) identity: Option<Arc<Identity>>,
    /// The credentials that decided.
    pub(crate) held: SmallVec<[Held<'a>; 1]>,
    /// What rules in shadow would have refused.
    pub(crate) shadow: Vec<Refusal>,
}

/// A credential that was verified.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    pub(crate) credential: &'a Auth,
    /// Whom it proves to be calling.
    pub(crate) identity: Arc<Identity>,
    /// Whether it is asked for in shadow.
    pub(crate) shadow: bool,
}

impl<'a> Authenticated<'a> {
    /// Takes in a credential. The first says who calls, further ones add facts.
    pub(crate) fn add(&mut self, held: Held<'a>) {
        match &mut self.identity {
            None => self.identity = Some(Arc::clone(&held.identity)),
            Some(first) => Arc::make_mut(first).learn(&held.identity),
        }
        self.held.push(held);
    }

    /// The same caller, asked for in shadow.
    pub(crate) fn in_shadow(mut self) -> Self {
        for held in &mut self.held {
            held.shadow = true;
        }
        self
    }
}
