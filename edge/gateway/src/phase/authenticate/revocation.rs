//! Callers whose credential holds, and was revoked before its time.

use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use tidegate_shared::bundle::Auth;
use tidegate_shared::problem::Problem;

use super::challenge::Scheme;
use super::{Incoming, api_key, certificate, definition, message_signature, token};
use crate::identity::Identity;
use crate::ports::Ports;
use crate::refusal::Refusal;
use crate::revocations::NotLetIn;

/// Seconds after which a list may be there.
const RETRY_LIST: &str = "5";

/// Holds a caller against the list, where the policy has one. A token that was verified lately
/// comes by here as well.
pub(super) async fn check<H, P: Ports>(
    credential: &Auth,
    identity: &Identity,
    incoming: &Incoming<'_, H, P>,
) -> Result<(), Refusal> {
    let Some(rules) = &incoming.tables.revocations else {
        return Ok(());
    };
    let lists = &incoming.memory.state.revocations;
    let let_in = lists.check(rules, identity, incoming.ports).await;
    let_in.map_err(|error| match &error {
        NotLetIn::Stale(_) => Refusal::new(Problem::CredentialsUnavailable, error.to_string())
            .with(RETRY_AFTER, RETRY_LIST),
        NotLetIn::Revoked(_) => {
            let refusal = Refusal::new(Problem::CredentialRevoked, error.to_string());
            let challenges = challenges(credential, incoming).into_iter();
            challenges.fold(refusal, |refusal, challenge| {
                refusal.with(WWW_AUTHENTICATE, challenge)
            })
        }
    })
}

fn challenges<H, P>(credential: &Auth, incoming: &Incoming<'_, H, P>) -> Vec<String> {
    let (tables, realm) = (incoming.tables, incoming.realm);
    let rejected = |scheme: Scheme| scheme.challenge(realm, Some("invalid_token"));
    match credential {
        Auth::Jwt(jwt) => {
            let schemes = token::schemes(jwt, tables);
            schemes.into_iter().map(rejected).collect()
        }
        Auth::Introspect(asked) => {
            let by = definition(&tables.introspections, asked.introspection);
            let asked = by.into_iter().map(|by| &by.possession);
            Scheme::of(asked).map(rejected).collect()
        }
        Auth::ApiKey(key) => {
            let ring = definition(&tables.api_keys, key.ring);
            let challenge = ring.map(|ring| api_key::rejected(ring, realm));
            challenge.into_iter().collect()
        }
        Auth::Signature(_) => vec![message_signature::challenge(realm)],
        Auth::Certificate(_) => vec![certificate::challenge(realm)],
        Auth::Public | Auth::Anonymous | Auth::Any(_) | Auth::All(_) | Auth::Shadow(_) => {
            Vec::new()
        }
    }
}
