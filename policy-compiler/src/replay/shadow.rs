//! What access records say of a bundle in shadow, told as a replay is: the gateways have played it.

use std::collections::BTreeMap;
use std::io::{self, Read};

use serde::Deserialize;
use serde_json::Value;

use super::{Difference, Example, Replay};
use crate::diff::Severity;
use crate::rollout::Lines;

/// Octets that are read at once.
const PIECE: usize = 64 * 1024;
/// Differences that are told apart; a policy has fewer.
const MAX_GROUPS: usize = 10_000;

/// What records say.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    /// Requests, and those whose verdict would be another.
    pub replay: Replay,
    /// The bundles in shadow that are named, by how many records.
    pub bundles: BTreeMap<String, u64>,
    /// Lines that are no JSON, no record or too long.
    pub malformed: u64,
}

#[derive(Deserialize)]
struct Record {
    method: String,
    host: Option<String>,
    path: Option<String>,
    route: Option<String>,
    consumer: Option<String>,
    #[serde(flatten)]
    did: Decided,
    shadow_bundle: Option<Shadow>,
}

#[derive(Deserialize)]
struct Shadow {
    bundle: String,
    route: Option<String>,
    #[serde(flatten)]
    would: Decided,
}

#[derive(Deserialize)]
struct Decided {
    decision: String,
    status: Option<u16>,
    problem: Option<String>,
    upstream: Option<String>,
}

impl Decided {
    fn words(&self) -> String {
        let Self {
            decision,
            status,
            problem,
            upstream,
        } = self;
        let status = status.unwrap_or_default();
        match (decision.as_str(), problem, upstream) {
            ("refuse", Some(problem), _) => format!("refused with {status} `{problem}`"),
            ("forward", _, Some(upstream)) => format!("passed on to `{upstream}`"),
            ("reply", ..) => format!("answered with {status}"),
            (other, ..) => other.to_owned(),
        }
    }

    fn refused(&self) -> bool {
        self.decision == "refuse"
    }
}

/// Reads access records to their end, one JSON object a line.
///
/// # Errors
/// Where they cannot be read, or tell more differences apart than a policy has.
pub fn watched(mut input: impl Read) -> io::Result<Watched> {
    let mut watched = Watched::default();
    let mut groups = BTreeMap::new();
    let (mut lines, mut number) = (Lines::default(), 0_u64);
    let mut piece = vec![0; PIECE];
    loop {
        let octets = input.read(&mut piece)?;
        let mut line = |line: Option<&[u8]>| {
            number = number.saturating_add(1);
            match line.map(parse) {
                Some(Ok(Some(record))) => watched.add(record, number, &mut groups),
                Some(Ok(None)) => {}
                Some(Err(())) | None => {
                    watched.malformed = watched.malformed.saturating_add(1);
                }
            }
        };
        if octets == 0 {
            // The last line may lack its end.
            lines.take(b"\n", &mut line);
            break;
        }
        lines.take(piece.get(..octets).unwrap_or_default(), &mut line);
        if groups.len() > MAX_GROUPS {
            let error = "the records tell more differences apart than a policy has";
            return Err(io::Error::other(error));
        }
    }
    let mut differences: Vec<Difference> = groups.into_values().collect();
    differences.sort_by_key(|difference| (difference.severity, u64::MAX - difference.requests));
    watched.replay.differences = differences;
    Ok(watched)
}

/// `None` where a line is about something else. The native gateway's log has the record as text
/// within a line.
fn parse(line: &[u8]) -> Result<Option<Record>, ()> {
    if line.trim_ascii().is_empty() {
        return Ok(None);
    }
    let value: Value = serde_json::from_slice(line).map_err(|_| ())?;
    let inner = match value.get("record").and_then(Value::as_str) {
        Some(text) => serde_json::from_str(text).map_err(|_| ())?,
        None => value,
    };
    match inner.get("request_id") {
        Some(_) => Record::deserialize(inner).map(Some).map_err(|_| ()),
        None if inner.is_object() => Ok(None),
        None => Err(()),
    }
}

type Key = (Severity, String, String, Option<String>, Option<String>);

impl Watched {
    fn add(&mut self, record: Record, number: u64, groups: &mut BTreeMap<Key, Difference>) {
        let replay = &mut self.replay;
        replay.requests = replay.requests.saturating_add(1);
        let Some(shadow) = record.shadow_bundle else {
            return;
        };
        replay.changed = replay.changed.saturating_add(1);
        let named = self.bundles.entry(shadow.bundle).or_default();
        *named = named.saturating_add(1);
        let severity = match (record.did.refused(), shadow.would.refused()) {
            (true, false) if record.consumer.is_none() => Severity::Exposes,
            (true, false) => Severity::Loosens,
            (false, true) => Severity::Tightens,
            (true, true) | (false, false) => Severity::Changes,
        };
        let (before, after) = (record.did.words(), shadow.would.words());
        let key = (
            severity,
            before.clone(),
            after.clone(),
            record.route.clone(),
            shadow.route.clone(),
        );
        let group = groups.entry(key).or_insert_with(|| Difference {
            severity,
            before,
            after,
            route_before: record.route,
            route_after: shadow.route,
            requests: 0,
            example: Example {
                number,
                request: format!(
                    "{} {}{}",
                    record.method,
                    record.host.unwrap_or_default(),
                    record.path.unwrap_or_default()
                ),
                caller: record.consumer.map_or_else(
                    || "nobody in particular".to_owned(),
                    |name| format!("`{name}`"),
                ),
            },
        });
        group.requests = group.requests.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::render_human;

    #[test]
    fn differences_are_counted_by_kind_the_worst_first() {
        let record = |did: &str, would: &str| {
            let shadow = if would.is_empty() {
                String::new()
            } else {
                format!(r#","shadow_bundle":{{"bundle":"sha256:07",{would},"route":"new"}}"#)
            };
            format!(
                r#"{{"request_id":"1","method":"GET","host":"a.example","path":"/x","route":"old",{did}{shadow}}}"#
            )
        };
        let forward = r#""decision":"forward","status":200,"upstream":"main""#;
        let refuse = r#""decision":"refuse","status":403,"problem":"scope-insufficient""#;
        let text = [
            record(forward, ""),
            record(forward, refuse),
            record(forward, refuse),
            serde_json::json!({ "record": record(refuse, forward) }).to_string(),
            r#"{"message":"new bundle in force"}"#.to_owned(),
            "{".to_owned(),
            record(forward, r#""decision":"reply","status":204"#),
        ]
        .join("\n");
        let watched = watched(text.as_bytes()).unwrap();
        assert_eq!(watched.malformed, 1);
        assert_eq!(watched.bundles, [("sha256:07".to_owned(), 4)].into());
        expect_test::expect![[r#"
            exposes: 1 request
              - refused with 403 `scope-insufficient` by `old`
              + passed on to `main` by `new`
                as number 4, GET a.example/x by nobody in particular

            tightens: 2 requests
              - passed on to `main` by `old`
              + refused with 403 `scope-insufficient` by `new`
                as number 2, GET a.example/x by nobody in particular

            changes: 1 request
              - passed on to `main` by `old`
              + answered with 204 by `new`
                as number 7, GET a.example/x by nobody in particular

            4 of 5 requests get another verdict
        "#]]
        .assert_eq(&render_human(&watched.replay));
    }
}
