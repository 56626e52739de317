//! Which routes the tests reach, as a table.

use std::fmt::Write;

use tidegate_policy_compiler::offline::Covered;
use tidegate_policy_compiler::source::Source;

pub(super) fn table(routes: &[Covered<'_>], sources: &[Source]) -> String {
    let reached = routes.iter().filter(|covered| covered.tests > 0).count();
    let mut table = format!(
        "tests  let through  route ({reached} of {} reached)\n",
        routes.len()
    );
    for Covered {
        route,
        span,
        tests,
        let_through,
    } in routes
    {
        let place = span.place(sources);
        // Writing into a string cannot fail.
        let _ = writeln!(
            table,
            "{tests:>5}  {let_through:>11}  {route}, {}:{}",
            place.file, place.line
        );
    }
    table
}
