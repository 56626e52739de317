//! Compares what two routes mean.

mod answer;
mod caller;
mod certificates;
mod conditions;
mod connector;
mod cors;
mod credential;
mod expression;
mod headers;
mod introspection;
mod issuer;
mod limits;
mod plans;
mod sets;
mod shadow;
mod signatures;

pub(super) use connector::connectors;

use super::change::{Change, ChangeKind, Place, Severity};
use crate::meaning::Meaning;

/// A difference between two routes; which requests it concerns is added later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) kind: ChangeKind,
    pub(super) severity: Severity,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

/// Every difference between two routes.
pub(super) fn meanings(old: &Meaning<'_>, new: &Meaning<'_>) -> Vec<Difference> {
    let Meaning {
        // Compared with what refers to its parameters.
        pattern: _,
        // Compared with the limits that refer to them.
        tables: _,
        caller,
        conditions: _,
        shadow,
        limits: _,
        plans: _,
        anonymous_plan: _,
        cors,
        answer: _,
        response_headers,
    } = old;
    let named = old.names_consumers() || new.names_consumers();
    let mut differences = caller::compare(caller, &new.caller, named);
    differences.extend(conditions::compare(old, new));
    differences.extend(shadow::compare(shadow, &new.shadow, named));
    differences.extend(limits::compare(old, new));
    differences.extend(plans::compare(old, new));
    differences.extend(cors::compare(*cors, new.cors));
    differences.extend(answer::compare(old, new));
    differences.extend(headers::compare(
        ChangeKind::ResponseHeaders,
        response_headers,
        new.response_headers,
    ));
    differences
}

impl Difference {
    fn new(
        kind: ChangeKind,
        severity: Severity,
        before: impl Into<String>,
        after: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            severity,
            before: Some(before.into()),
            after: Some(after.into()),
        }
    }

    /// A difference in values, where there is one.
    fn between<T: PartialEq>(
        kind: ChangeKind,
        old: &T,
        new: &T,
        words: impl Fn(&T) -> String,
    ) -> Option<Self> {
        (old != new).then(|| Self::new(kind, Severity::Changes, words(old), words(new)))
    }

    pub(super) fn at(self, place: Place) -> Change {
        let Self {
            kind,
            severity,
            before,
            after,
        } = self;
        Change {
            kind,
            severity,
            place: Some(place),
            before,
            after,
        }
    }

    /// The worst severity of several.
    pub(super) fn worst(differences: &[Self]) -> Severity {
        let severities = differences.iter().map(|difference| difference.severity);
        severities.min().unwrap_or(Severity::Changes)
    }
}
