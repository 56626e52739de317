//! The hosts of a bundle, each with its routing table, built when the host is first asked for.

mod route;
mod table;

use std::sync::OnceLock;

use tidegate_shared::bundle::{HostSection, Tables};

pub(crate) use route::Route;
pub(crate) use table::{NoRoute, Question, Table};

/// All hosts. Invariant: sorted by pattern, which the bundle guarantees.
#[derive(Debug)]
pub(crate) struct Hosts(Vec<Host>);

#[derive(Debug)]
struct Host {
    section: HostSection,
    table: OnceLock<Result<Table, String>>,
}

impl Hosts {
    pub(crate) fn new(sections: Vec<HostSection>) -> Self {
        Self(
            sections
                .into_iter()
                .map(|section| Host {
                    section,
                    table: OnceLock::new(),
                })
                .collect(),
        )
    }

    /// The table of a host: of its exact name, else of the closest domain above it that has a
    /// wildcard. An error names a section that cannot be used.
    pub(crate) fn find(&self, host: &str, tables: &Tables) -> Result<Option<&Table>, String> {
        let Some(entry) = self.entry(host).or_else(|| self.wildcard(host)) else {
            return Ok(None);
        };
        let table = entry.table.get_or_init(|| {
            let routes = entry
                .section
                .decode(tables)
                .map_err(|error| error.to_string())?;
            Table::build(routes)
                .map_err(|error| format!("host `{}`: {error}", entry.section.host()))
        });
        table.as_ref().map(Some).map_err(Clone::clone)
    }

    fn entry(&self, pattern: &str) -> Option<&Host> {
        let index = self
            .0
            .binary_search_by(|entry| entry.section.host().as_str().cmp(pattern))
            .ok()?;
        self.0.get(index)
    }

    fn wildcard(&self, host: &str) -> Option<&Host> {
        let mut rest = host;
        while let Some((_, parent)) = rest.split_once('.') {
            if let Some(entry) = self.entry(&format!("*.{parent}")) {
                return Some(entry);
            }
            rest = parent;
        }
        None
    }
}
