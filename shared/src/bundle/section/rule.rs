//! What many routes have in common.

use std::hash::{Hash, Hasher};

use serde_tuple::{Deserialize_tuple, Serialize_tuple};

use super::super::{FieldPredicate, HeaderEdits, PlanLimits, Route, Target};
use crate::units::Span;

/// What a route says beside its name, its methods, its rewrite and who may call.
#[derive(Clone, Serialize_tuple, Deserialize_tuple)]
pub(super) struct Rule {
    pub(super) headers: Vec<FieldPredicate>,
    pub(super) query: Vec<FieldPredicate>,
    pub(super) conditions: Vec<u32>,
    pub(super) shadow_conditions: Vec<u32>,
    pub(super) limits: Vec<u32>,
    pub(super) plans: Vec<PlanLimits>,
    pub(super) anonymous_plan: Option<String>,
    pub(super) cors: Option<u32>,
    pub(super) target: Target,
    pub(super) timeout: Option<Span>,
    pub(super) request_headers: HeaderEdits,
    pub(super) response_headers: HeaderEdits,
}

impl Rule {
    pub(super) fn of(route: &Route) -> Self {
        let Route {
            name: _,
            methods: _,
            headers,
            query,
            auth: _,
            conditions,
            shadow_conditions,
            limits,
            plans,
            anonymous_plan,
            cors,
            target,
            rewrite: _,
            timeout,
            request_headers,
            response_headers,
        } = route;
        Self {
            headers: headers.clone(),
            query: query.clone(),
            conditions: conditions.clone(),
            shadow_conditions: shadow_conditions.clone(),
            limits: limits.clone(),
            plans: plans.clone(),
            anonymous_plan: anonymous_plan.clone(),
            cors: *cors,
            target: target.clone(),
            timeout: *timeout,
            request_headers: request_headers.clone(),
            response_headers: response_headers.clone(),
        }
    }
}

/// A route, for what a [`Rule`] has of it alone: routes that differ elsewhere are equal.
#[derive(Clone, Copy)]
pub(super) struct Ruled<'r>(pub(super) &'r Route);

impl<'r> Ruled<'r> {
    fn said(self) -> impl Eq + Hash + 'r {
        let Route {
            name: _,
            methods: _,
            headers,
            query,
            auth: _,
            conditions,
            shadow_conditions,
            limits,
            plans,
            anonymous_plan,
            cors,
            target,
            rewrite: _,
            timeout,
            request_headers,
            response_headers,
        } = self.0;
        (
            headers,
            query,
            some(conditions),
            some(shadow_conditions),
            some(limits),
            plans,
            anonymous_plan,
            cors,
            target,
            timeout,
            request_headers,
            response_headers,
        )
    }
}

/// Nothing for an empty list: comparing two of those as memory, at no address, takes far longer than
/// seeing that there is nothing to compare.
fn some(indices: &[u32]) -> Option<&[u32]> {
    Some(indices).filter(|indices| !indices.is_empty())
}

impl PartialEq for Ruled<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.said() == other.said()
    }
}

impl Eq for Ruled<'_> {}

impl Hash for Ruled<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.said().hash(state);
    }
}
