//! The gateway on `workerd` against other Workers: what each adds to a bare one, in processor time
//! of the runtime's process.

mod cold;
mod contest;
mod hono;
pub(crate) mod http;
pub(crate) mod leased;
mod shadow;

use std::path::Path;

pub(crate) use tidegate_measure::processor as process;

use crate::report::Row;

/// A path that is forwarded, and one that is answered.
const FORWARDED: &str = "/v1/accounts/7?page=2";
const ANSWERED: &str = "/v1/status";

/// The rows, where the Workers are built: each in a folder of its name.
pub(crate) fn rows(directory: &Path) -> Vec<Row> {
    let mut rows = hono::rows(directory);
    rows.extend(cold::rows(directory));
    rows.push(leased::row(directory));
    rows.push(shadow::row(directory));
    rows
}
