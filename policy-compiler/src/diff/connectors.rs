//! What connectors enforce. They find their upstream by its name, whatever routes lead there.

use std::collections::BTreeSet;

use tidegate_shared::bundle::ConnectorRules;

use super::compare::{self, Difference};
use super::side::Side;
use super::{Change, ChangeKind, Severity};
use crate::words;

/// Who gains access to a backend is a loosening, also where a policy begins to say who has it: a
/// connector that follows it let nobody in before.
pub(super) fn compare(old: &Side, new: &Side) -> Vec<Change> {
    let names: BTreeSet<&str> = old.upstreams().chain(new.upstreams()).collect();
    let of_upstream = |name| {
        let all = |severity, rules: [Option<&ConnectorRules>; 2]| {
            let [before, after] = rules.map(|rules| rules.map(words::connector));
            let kind = ChangeKind::ConnectorCallers;
            vec![Difference {
                kind,
                severity,
                before,
                after,
            }]
        };
        let differences = match (old.connector(name), new.connector(name)) {
            (None, None) => Vec::new(),
            (Some(before), Some(after)) => compare::connectors(before, after),
            (None, new @ Some(_)) => all(Severity::Loosens, [None, new]),
            (old @ Some(_), None) => all(Severity::Tightens, [old, None]),
        };
        differences.into_iter().map(move |difference| {
            let said = |text: Option<String>| {
                text.map(|text| format!("connectors of {}: {text}", words::code(name)))
            };
            Change {
                kind: difference.kind,
                severity: difference.severity,
                place: None,
                before: said(difference.before),
                after: said(difference.after),
            }
        })
    };
    names.into_iter().flat_map(of_upstream).collect()
}
