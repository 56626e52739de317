//! Access records, as gateways write them.

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::Value;

use super::{Call, Recorded, Who};

/// What is used of a record.
#[derive(Deserialize)]
struct Record {
    method: String,
    host: Option<String>,
    path: Option<String>,
    consumer: Option<String>,
    client: Option<IpAddr>,
    phase: String,
    problem: Option<String>,
    status: u16,
}

/// The request of a line; `None` where the line is about something else. The native gateway's log
/// has the record as text within a line.
pub(super) fn parse(line: &[u8]) -> Result<Option<Call>, String> {
    let value: Value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let inner = match value.get("record").and_then(Value::as_str) {
        Some(text) => serde_json::from_str(text).map_err(|error| format!("`record`: {error}"))?,
        None => value,
    };
    if inner.get("request_id").is_none() {
        let is_line = inner.is_object();
        return is_line
            .then_some(None)
            .ok_or_else(|| "not a JSON object".to_owned());
    }
    let record = Record::deserialize(inner).map_err(|error| error.to_string())?;
    call(record).map(Some)
}

fn call(record: Record) -> Result<Call, String> {
    let Record {
        method,
        host,
        path,
        consumer,
        client,
        phase,
        problem,
        status,
    } = record;
    let (Some(authority), Some(path_and_query)) = (host, path) else {
        return Err("a request that was refused before its host or path was known".to_owned());
    };
    Ok(Call {
        method: method
            .parse()
            .map_err(|_| format!("`{method}` is not a method"))?,
        https: true,
        authority,
        path_and_query,
        headers: Vec::new(),
        from: client,
        who: consumer.map_or(Who::Nobody, Who::Consumer),
        recorded: Some(Recorded {
            refused: problem.is_some() && phase != "forward",
            by_limit: phase == "limit",
            lacks_scope: problem.as_deref() == Some("scope-insufficient"),
            status,
            problem,
        }),
    })
}
