//! What leaves as a line of JSON: Workers collects what is written to the console.

use serde_json::json;
use tidegate_edge::AccessRecord;
use web_sys::console;

/// Writes the record of a request.
pub(crate) fn record(record: &AccessRecord) {
    if let Ok(line) = serde_json::to_string(record) {
        console::log_1(&line.into());
    }
}

/// Reports what an operator should know of.
pub(crate) fn error(message: &str, reason: &str) {
    let line = json!({ "level": "error", "message": message, "reason": reason });
    console::error_1(&line.to_string().into());
}

/// Reports what was refused, under a stable name.
pub(crate) fn refused(message: &str, name: &str, reason: &str) {
    let line = json!({ "level": "error", "message": message, "refused": name, "reason": reason });
    console::error_1(&line.to_string().into());
}

/// Reports what an operator may want to know.
pub(crate) fn info(message: &str, bundle: &str) {
    let line = json!({ "level": "info", "message": message, "bundle": bundle });
    console::log_1(&line.to_string().into());
}
