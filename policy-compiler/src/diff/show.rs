//! Shows changes.

mod human;
mod json;
mod markdown;

use super::change::{Change, Place};
use crate::words;

pub use human::render as render_human;
pub use json::render as render_json;
pub use markdown::render as render_markdown;

/// Changes of one kind with one before and after, which stand together.
struct Group<'c> {
    first: &'c Change,
    places: Vec<&'c Place>,
}

/// Groups changes, in the order of the first of each group.
fn groups(changes: &[Change]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for change in changes {
        let Change {
            kind,
            severity,
            place,
            before,
            after,
        } = change;
        let same = |group: &&mut Group<'_>| {
            let first = group.first;
            (*kind, *severity, before, after)
                == (first.kind, first.severity, &first.before, &first.after)
        };
        match groups.last_mut().filter(same) {
            Some(group) => group.places.extend(place),
            None => groups.push(Group {
                first: change,
                places: place.iter().collect(),
            }),
        }
    }
    groups
}

/// Methods, host and path of each host, and what else must hold.
fn lines(place: &Place) -> impl Iterator<Item = String> {
    let Place {
        hosts,
        methods,
        path,
        conditions,
        route: _,
    } = place;
    hosts.iter().map(move |host| {
        let condition = if conditions.is_empty() {
            String::new()
        } else {
            format!(" where {conditions}")
        };
        format!("{} {host}{path}{condition}", words::methods(*methods))
    })
}

/// `2 changes: 1 exposes, 1 loosens`.
fn summary(changes: &[Change]) -> String {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for change in changes {
        let severity = change.severity.to_string();
        match counts.last_mut().filter(|(last, _)| *last == severity) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => counts.push((severity, 1)),
        }
    }
    let counts = counts
        .into_iter()
        .map(|(severity, count)| format!("{count} {severity}"));
    let plural = if changes.len() == 1 { "" } else { "s" };
    format!("{} change{plural}: {}", changes.len(), words::list(counts))
}
