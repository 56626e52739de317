//! Callers with a token that a server vouches for (RFC 7662).

use std::sync::Arc;

use tidegate_shared::bundle::{Carrier, IntrospectAuth};
use tidegate_shared::units::Span;

use super::challenge::Scheme;
use super::possession::Bound;
use super::source::Presented;
use super::{Incoming, definition, token};
use crate::decision::HeadEdits;
use crate::head::RequestHead;
use crate::identity::Identity;
use crate::introspection::introspect;
use crate::ports::Ports;
use crate::refusal::Refusal;

/// How far the clocks of clients may differ, whose proofs say when they were made.
const LEEWAY: Span = Span(30_000);

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
    let schemes = Scheme::of(std::iter::once(&by.possession));
    let Presented { scheme, token, .. } =
        presented.ok_or_else(|| token::missing(schemes, realm))?;
    let known = introspect(&token, by, &incoming.memory, incoming.ports).await;
    let identity = known.map_err(|error| token::refusal(&error, scheme, realm))?;
    // RFC 8705 §3.2, RFC 9449 §6.2: whoever holds a bound token must show more than the token.
    let bound = Bound {
        identity: &identity,
        possession: &by.possession,
        leeway: LEEWAY,
        scheme,
        token: &token,
    };
    bound.check(incoming, response).await?;
    Ok(identity)
}
