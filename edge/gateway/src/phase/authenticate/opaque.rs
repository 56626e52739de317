//! Callers with a token that a server vouches for (RFC 7662).

use std::sync::Arc;

use tidegate_shared::bundle::{Carrier, IntrospectAuth};

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
    let (_, token) = token::presented([&by.source], beside, incoming, response)?;
    introspect(&token, by, &incoming.memory, incoming.ports)
        .await
        .map_err(|error| token::refusal(&error, incoming.realm))
}
