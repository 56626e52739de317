//! Certificates that the policy pins and that expire soon.

use tidegate_shared::time::UnixMillis;

use crate::Ir;
use crate::diagnostic::Diagnostic;

const DAY: u64 = 86_400_000;
/// Long enough to get another one, and to publish it.
const SOON: u64 = 30 * DAY;

pub(super) fn soon(ir: &Ir, now: UnixMillis) -> Vec<Diagnostic> {
    let soon = ir
        .expiries
        .iter()
        .filter(|pinned| pinned.at <= now.plus(SOON));
    soon.map(|pinned| {
        let when = if pinned.at > now {
            format!("expires in {} days", pinned.at.since(now) / DAY)
        } else {
            format!("has expired {} days ago", now.since(pinned.at) / DAY)
        };
        let message = format!("{} {when}", pinned.what);
        Diagnostic::warning("expires-soon", pinned.span, message)
            .help("add its successor beside it, then publish, then take it out")
    })
    .collect()
}
