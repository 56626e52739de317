//! What is worth knowing of a policy as a whole that compiles: who is let in without a credential,
//! which limits never refuse anyone, what expires soon.

mod expiry;
mod limits;
mod open;

use tidegate_shared::time::UnixMillis;

use crate::Ir;
use crate::diagnostic::Diagnostic;

/// Everything that is worth knowing of a policy, at a point in time.
pub fn analyse(ir: &Ir, now: UnixMillis) -> Vec<Diagnostic> {
    let mut found = open::reachable(ir);
    found.extend(open::fallen_through(ir));
    found.extend(limits::never_reached(ir));
    found.extend(expiry::soon(ir, now));
    found
}

/// `` `a`, `b`, `c` and 4 more ``.
fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    const SHOWN: usize = 3;
    let mut names = names.into_iter();
    let shown: Vec<String> = names.by_ref().take(SHOWN).map(crate::words::code).collect();
    match names.count() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
