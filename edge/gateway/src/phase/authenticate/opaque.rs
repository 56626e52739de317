//! Callers with a token that a server vouches for (RFC 7662).

use std::sync::Arc;

use http::header::WWW_AUTHENTICATE;
use tidegate_shared::bundle::{Carrier, IntrospectAuth};
use tidegate_shared::problem::Problem;

use super::challenge::Scheme;
use super::{Incoming, definition, token};
use crate::decision::HeadEdits;
use crate::head::RequestHead;
use crate::identity::Identity;
use crate::introspection::introspect;
use crate::ports::Ports;
use crate::refusal::Refusal;

pub(super) fn carried<H: RequestHead, P>(
    asked: &IntrospectAuth,
    incoming: &Incoming<'_, H, P>,
) -> bool {
    let by = definition(&incoming.tables.introspections, asked.introspection);
    by.is_ok_and(|by| token::is_carried([&by.source], incoming))
}

pub(super) async fn verify<H: RequestHead, P: Ports>(
    asked: &IntrospectAuth,
    beside: &[Carrier<'_>],
    incoming: &Incoming<'_, H, P>,
    response: &mut HeadEdits,
) -> Result<Arc<Identity>, Refusal> {
    let by = definition(&incoming.tables.introspections, asked.introspection)?;
    let realm = incoming.realm;
    let presented = token::presented([&by.source], beside, incoming, response)?;
    let presented = presented.ok_or_else(|| token::missing([Scheme::Bearer], realm))?;
    // What a server says of a bound token is refused: none comes with a proof.
    if presented.scheme == Scheme::Dpop {
        let refusal = Refusal::new(Problem::CredentialInvalid, "the token is bound to no key");
        let challenge = Scheme::Bearer.challenge(realm, Some("invalid_token"));
        return Err(refusal.with(WWW_AUTHENTICATE, challenge));
    }
    introspect(&presented.token, by, &incoming.memory, incoming.ports)
        .await
        .map_err(|error| token::refusal(&error, presented.scheme, realm))
}
