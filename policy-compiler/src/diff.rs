//! What changes for callers between two policies: by meaning, not by text.
//!
//! Each host's routes are laid side by side by path, method and predicates. Two routes at one
//! place are compared through what their references mean, so that an order of definitions or the
//! name of one tells nothing. Where a route stands on one side only, the core of the other side
//! says who takes its requests there.

mod change;
mod changes;
mod compare;
mod connectors;
mod path;
mod precedence;
mod revocations;
mod rule;
mod show;
mod side;
mod taker;

use std::collections::{BTreeMap, BTreeSet};

use tidegate_shared::bundle::PathEntry;
use tidegate_shared::host::HostPattern;

pub use change::{Change, ChangeKind, Place, Severity};
pub use show::{render_human, render_json, render_markdown};
pub use side::{Side, SideError};

use changes::Changes;
use side::Host;

/// Every change, the worst first. Takes time in proportion to the routes of both sides.
pub fn diff(old: &Side, new: &Side) -> Vec<Change> {
    let mut changes = Changes::default();
    changes.extend(realm(old, new));
    changes.extend(revocations::compare(old, new));
    changes.extend(connectors::compare(old, new));
    let hosts: BTreeSet<&HostPattern> = old.patterns().chain(new.patterns()).collect();
    for pattern in hosts {
        host(
            pattern,
            [old.host(pattern), new.host(pattern)],
            &mut changes,
        );
    }
    changes.sorted()
}

/// The policy's name is the realm of every challenge (RFC 9110 §11.5).
fn realm(old: &Side, new: &Side) -> Option<Change> {
    (old.name() != new.name()).then(|| Change {
        kind: ChangeKind::Realm,
        severity: Severity::Changes,
        place: None,
        before: Some(format!("realm `{}`", old.name())),
        after: Some(format!("realm `{}`", new.name())),
    })
}

/// Compares the routes that serve a host before and after, path by path.
fn host<'s>(pattern: &HostPattern, sides: [Option<Host<'s>>; 2], changes: &mut Changes) {
    let mut paths: BTreeMap<String, [Option<&'s PathEntry>; 2]> = BTreeMap::new();
    for (place, side) in sides.iter().enumerate() {
        for entry in side.iter().flat_map(|side| &side.routes().paths) {
            let both = paths.entry(entry.pattern.skeleton()).or_default();
            if let Some(own) = both.get_mut(place) {
                *own = Some(entry);
            }
        }
    }
    for entries in paths.into_values() {
        changes.extend(path::compare(pattern, sides, entries));
    }
}
