//! What the connectors of one upstream enforce.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use tidegate_shared::bundle::{ConnectorAllowance, ConnectorLimit, ConnectorRules};

use super::super::change::{ChangeKind, Severity};
use super::limits::in_both_periods;
use super::{Difference, sets};
use crate::words;

pub(in super::super) fn connectors(old: &ConnectorRules, new: &ConnectorRules) -> Vec<Difference> {
    let ConnectorRules {
        allow,
        signature,
        limits,
    } = old;
    let mut differences = Vec::new();
    differences.extend(sets::allowed(
        ChangeKind::ConnectorCallers,
        allow,
        &new.allow,
        |name| words::code(&name.to_string()),
    ));
    // What asks for more allows less.
    differences.extend(sets::amount(
        ChangeKind::ConnectorSignature,
        &Reverse(*signature),
        &Reverse(new.signature),
        |Reverse(demand)| words::signature_demand(*demand).to_owned(),
    ));
    differences.extend(self::limits(limits, &new.limits));
    differences
}

type Both<'s> = (Option<&'s ConnectorLimit>, Option<&'s ConnectorLimit>);

/// Limits belong together by name, which names their buckets.
fn limits(old: &[ConnectorLimit], new: &[ConnectorLimit]) -> Vec<Difference> {
    let mut both: BTreeMap<&str, Both<'_>> = BTreeMap::new();
    for limit in old {
        both.entry(&limit.name).or_default().0 = Some(limit);
    }
    for limit in new {
        both.entry(&limit.name).or_default().1 = Some(limit);
    }
    let difference = |(old, new): Both<'_>| {
        let severity = match (old, new) {
            (Some(old), Some(new)) if old == new => return None,
            (Some(old), Some(new)) => severity(old, new),
            (Some(_), None) => Severity::Loosens,
            (None, _) => Severity::Tightens,
        };
        Some(Difference {
            kind: ChangeKind::ConnectorLimits,
            severity,
            before: old.map(words::connector_limit),
            after: new.map(words::connector_limit),
        })
    };
    both.into_values().filter_map(difference).collect()
}

/// Callers that are counted apart may each take what all together could.
fn severity(old: &ConnectorLimit, new: &ConnectorLimit) -> Severity {
    use ConnectorAllowance::{AtOnce, Rate};
    let [much, most] = match (old.allows, new.allows) {
        (
            Rate { rate, burst },
            Rate {
                rate: new,
                burst: other,
            },
        ) => {
            let much = in_both_periods(&rate, &new).cmp(&in_both_periods(&new, &rate));
            [much, burst.cmp(&other)]
        }
        (AtOnce(old), AtOnce(new)) => [old.cmp(&new); 2],
        (Rate { .. }, AtOnce(_)) | (AtOnce(_), Rate { .. }) => return sets::severity(None),
    };
    let orders = [much, most, old.per_caller.cmp(&new.per_caller)];
    let order = orders.into_iter().fold(Ordering::Equal, Ordering::then);
    let agrees = orders.iter().all(|own| own.is_eq() || *own == order);
    sets::severity(agrees.then_some(order))
}
