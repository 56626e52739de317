//! Where a route says what it says.

use super::ir::RoutePlaces;
use crate::source::Span;
use crate::syntax::{Api, Auth, Route};

/// The places of a route, its own before its API's.
pub(super) fn of(route: &Route, api: &Api, path: Span) -> RoutePlaces {
    let limits = route.limit.as_ref().or(api.limit.as_ref());
    let reply = route.reply.as_ref().map(|reply| reply.span);
    let to = route.to.as_ref().or(api.to.as_ref()).map(|to| to.span);
    RoutePlaces {
        path,
        auth: route.auth.as_ref().or(api.auth.as_ref()).map(Auth::span),
        conditions: [api.when.as_ref(), route.when.as_deref()]
            .into_iter()
            .flatten()
            .map(|when| when.0.condition.span)
            .collect(),
        limits: limits
            .into_iter()
            .flatten()
            .map(|limit| limit.span)
            .collect(),
        answer: reply.or(to),
    }
}
