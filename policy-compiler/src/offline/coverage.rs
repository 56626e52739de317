//! Which routes a policy's own tests reach.

use super::TestResult;
use crate::Ir;
use crate::source::Span;

/// A route, and the tests whose request it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Covered<'i> {
    /// The route's name.
    pub route: &'i str,
    /// Where it stands.
    pub span: Span,
    /// How many tests reached it.
    pub tests: usize,
    /// How many of them were not refused.
    pub let_through: usize,
}

/// Every route of a policy, in the order of the files.
pub fn coverage<'i>(ir: &'i Ir, results: &[TestResult]) -> Vec<Covered<'i>> {
    let mut routes: Vec<Covered<'i>> = ir
        .places
        .iter()
        .map(|(route, places)| {
            let reached = results
                .iter()
                .filter(|result| result.route.as_ref() == Some(route));
            Covered {
                route,
                span: places.path,
                tests: reached.clone().count(),
                let_through: reached.filter(|result| result.let_through).count(),
            }
        })
        .collect();
    routes.sort_by_key(|covered| (covered.span.file(), covered.span.start()));
    routes
}
