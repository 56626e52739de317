//! JSON lines on standard error, which Spin keeps for each component.

use std::io::Write as _;

use serde_json::json;
use tidegate_edge::AccessRecord;

/// Delivers the record of a request.
pub(crate) fn record(record: &AccessRecord) {
    if let Ok(line) = serde_json::to_string(record) {
        write(line);
    }
}

/// Tells the operator what went wrong outside any request.
pub(crate) fn warn(message: &str) {
    write(json!({ "level": "warn", "message": message }).to_string());
}

/// Reports what was refused, under a stable name.
pub(crate) fn refused(message: &str, name: &str, reason: &str) {
    let line = json!({ "level": "warn", "message": message, "refused": name, "reason": reason });
    write(line.to_string());
}

/// Tells the operator what came into force.
pub(crate) fn in_force(bundle: &str, sequence: u64) {
    let message = "new bundle in force";
    let line =
        json!({ "level": "info", "message": message, "bundle": bundle, "sequence": sequence });
    write(line.to_string());
}

/// One write a line: up to 16 requests share standard error.
fn write(mut line: String) {
    line.push('\n');
    // There is no better place to report that the log is closed.
    let _ = std::io::stderr().write_all(line.as_bytes());
}
