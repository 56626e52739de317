//! Gathers changes: one that several hosts share is stated once.

use std::collections::HashMap;

use super::change::{Change, Place};

#[derive(Debug, Default)]
pub(super) struct Changes {
    changes: Vec<Change>,
    /// Where a change stands in the list, by what it is apart from its hosts.
    known: HashMap<String, usize>,
}

impl Changes {
    pub(super) fn extend(&mut self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            self.push(change);
        }
    }

    fn push(&mut self, change: Change) {
        let hosts = change.place.as_ref().map(|place| place.hosts.clone());
        let alike = Change {
            place: change.place.clone().map(|place| Place {
                hosts: Vec::new(),
                ..place
            }),
            ..change.clone()
        };
        let known = *self
            .known
            .entry(format!("{alike:?}"))
            .or_insert(self.changes.len());
        match self
            .changes
            .get_mut(known)
            .and_then(|known| known.place.as_mut())
        {
            Some(place) => place.hosts.extend(hosts.unwrap_or_default()),
            None => self.changes.push(change),
        }
    }

    /// The worst first, then by what is different, then by place.
    pub(super) fn sorted(self) -> Vec<Change> {
        let mut changes = self.changes;
        changes.sort_by_cached_key(|change| {
            let Change {
                kind,
                severity,
                place,
                before,
                after,
            } = change.clone();
            let place = place.map(|place| (place.hosts, place.path.to_string(), place.methods));
            (severity, kind, before, after, place)
        });
        changes
    }
}
