//! The hosts of a bundle, each with its routing table, built when the host is first asked for.

mod candidate;
mod once;
mod route;
mod table;

use std::sync::{Arc, OnceLock};

use tidegate_shared::bundle::{HostSection, Tables};
use tidegate_shared::host::{self, HostPattern};

pub use candidate::{Candidate, Mismatch, Routing};
pub(crate) use route::{Route, Target};
pub(crate) use table::{Found, NoRoute, Question, Table};

/// All hosts. Invariant: sorted by pattern, which the bundle guarantees.
#[derive(Debug)]
pub(crate) struct Hosts(Vec<Host>);

/// A host, or all hosts below a domain.
#[derive(Debug)]
pub(crate) struct Host {
    section: HostSection,
    /// The host itself, where it is a single one.
    name: Option<Arc<str>>,
    table: OnceLock<Result<Arc<Table>, String>>,
}

impl Hosts {
    pub(crate) fn new(sections: Vec<HostSection>) -> Self {
        Self(sections.into_iter().map(Host::new).collect())
    }

    /// Builds every table that is not built yet.
    pub(crate) fn prepare(&self, tables: &Tables) -> Result<(), String> {
        self.0
            .iter()
            .try_for_each(|host| host.table(tables).map(|_| ()))
    }

    /// The entry that serves a host.
    pub(crate) fn find(&self, host: &str) -> Option<&Host> {
        host::closest(&self.0, Host::pattern, host)
    }
}

impl Host {
    fn new(section: HostSection) -> Self {
        let pattern = section.host();
        let single = pattern.suffix().is_none();
        Self {
            name: single.then(|| pattern.as_str().into()),
            section,
            table: OnceLock::new(),
        }
    }

    /// The name that a request asked for, to keep.
    pub(crate) fn name(&self, asked: &str) -> Arc<str> {
        self.name.clone().unwrap_or_else(|| asked.into())
    }

    /// The pattern of the policy.
    pub(crate) fn pattern(&self) -> &HostPattern {
        self.section.host()
    }

    /// The routing table. An error names a section that cannot be used.
    pub(crate) fn table(&self, tables: &Tables) -> Result<&Arc<Table>, String> {
        let table = self.table.get_or_init(|| {
            let routes = self
                .section
                .decode(tables)
                .map_err(|error| error.to_string())?;
            let table = Table::build(routes);
            table
                .map(Arc::new)
                .map_err(|error| format!("host `{}`: {error}", self.section.host()))
        });
        table.as_ref().map_err(Clone::clone)
    }
}
