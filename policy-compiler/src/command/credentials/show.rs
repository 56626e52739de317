//! How keys are shown.

use std::fmt::Write;

use serde_json::{Value, json};
use tidegate_shared::api_key::{ApiKeyId, ApiKeyRecord, Ended};
use tidegate_shared::time::UnixMillis;

/// Seconds of a day.
const DAY: u64 = 24 * 60 * 60;

/// A line for each key.
pub(super) fn table(keys: &[(ApiKeyId, ApiKeyRecord)], now: UnixMillis) -> String {
    let mut text = format!(
        "{:16}  {:16}  {:20}  {:10}  STATE\n",
        "ID", "RING", "CONSUMER", "PLAN"
    );
    for (id, record) in keys {
        let plan = record.plan.as_deref().unwrap_or("-");
        let state = ends(record, now);
        let _ = writeln!(
            text,
            "{id:16}  {:16}  {:20}  {plan:10}  {state}",
            record.ring, record.consumer
        );
    }
    text
}

/// Until when a key is good, or why it is not.
pub(super) fn ends(record: &ApiKeyRecord, now: UnixMillis) -> String {
    let in_days = |then: u64| {
        let seconds = then.saturating_sub(now.seconds());
        match seconds / DAY {
            0 => format!("{} minutes", seconds.div_ceil(60)),
            days => format!("{days} days"),
        }
    };
    match (record.check(now), record.expires) {
        (Ok(()), None) => "good".to_owned(),
        (Ok(()), Some(expires)) => format!("good for {}", in_days(expires)),
        (Err(Ended::NotYet), _) => format!("good in {}", in_days(record.not_before)),
        (Err(Ended::Expired), _) => "expired".to_owned(),
        (Err(Ended::Revoked), _) => "revoked".to_owned(),
    }
}

/// A key as JSON; times are seconds since the Unix epoch.
pub(super) fn json(id: ApiKeyId, record: &ApiKeyRecord, now: UnixMillis) -> Value {
    let ApiKeyRecord {
        ring,
        prefix,
        consumer,
        plan,
        scopes,
        created,
        not_before,
        expires,
        revoked,
    } = record;
    let state = match record.check(now) {
        Ok(()) => "good",
        Err(Ended::NotYet) => "not-yet",
        Err(Ended::Expired) => "expired",
        Err(Ended::Revoked) => "revoked",
    };
    json!({
        "id": id.to_string(),
        "ring": ring,
        "prefix": prefix,
        "consumer": consumer,
        "plan": plan,
        "scopes": scopes,
        "created": created,
        "not_before": not_before,
        "expires": expires,
        "revoked": revoked,
        "state": state,
    })
}
