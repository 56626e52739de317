//! Where access records go.

use tidegate_edge::AccessRecord;
use tracing::info;

/// Takes the access record of each request, at its end.
pub trait Records: Send + Sync + 'static {
    /// Takes one. Must not block.
    fn deliver(&self, record: &AccessRecord);
}

/// Writes each record to the log: as one field with the JSON object, which the JSON log keeps
/// and the human one shortens.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogRecords;

impl Records for LogRecords {
    fn deliver(&self, record: &AccessRecord) {
        let json = serde_json::to_string(record).unwrap_or_default();
        info!(target: "access", record = json, "{} {}", record.method, record.status);
    }
}
