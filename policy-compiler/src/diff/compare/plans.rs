//! What callers on a plan may use beside what holds for everyone.

use std::collections::BTreeSet;

use super::super::change::{ChangeKind, Severity};
use super::{Difference, limits};
use crate::meaning::Meaning;
use crate::words;

pub(super) fn compare(old: &Meaning<'_>, new: &Meaning<'_>) -> Vec<Difference> {
    let mut differences = Vec::new();
    let names: BTreeSet<&str> = old.plans.keys().chain(new.plans.keys()).copied().collect();
    for name in names {
        let [before, after] = [old, new].map(|side| side.on_plan(name));
        if let (Some(before), Some(after)) = (&before, &after) {
            let changed = limits::compare(before, after).into_iter();
            differences.extend(changed.map(|difference| on_plan(difference, name)));
        } else {
            let words = |side: Option<Meaning<'_>>| {
                side.map(|side| words::plan(name, &side.limits, side.tables))
            };
            differences.push(Difference {
                kind: ChangeKind::Plans,
                severity: Severity::Changes,
                before: words(before),
                after: words(after),
            });
        }
    }
    differences.extend(Difference::between(
        ChangeKind::Plans,
        &old.anonymous_plan,
        &new.anonymous_plan,
        |plan| format!("anonymous callers on {}", words::on_plan(*plan)),
    ));
    differences
}

fn on_plan(difference: Difference, name: &str) -> Difference {
    let words = |text: Option<String>| text.map(|text| format!("{text}, on {}", words::code(name)));
    Difference {
        before: words(difference.before),
        after: words(difference.after),
        ..difference
    }
}
