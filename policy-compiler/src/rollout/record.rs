//! Access records become counts.

use std::borrow::Cow;

use serde::Deserialize;
use tidegate_shared::digest::Digest;

use super::counts::Counts;

/// What is used of a record. When the request came is not: clocks of gateways differ, and jump.
#[derive(Debug, Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    bundle: Cow<'a, str>,
    #[serde(borrow)]
    decision: Cow<'a, str>,
    #[serde(borrow)]
    phase: Cow<'a, str>,
    #[serde(borrow)]
    end: Cow<'a, str>,
    status: u16,
    duration_ms: u64,
}

/// A line of a log: the native gateway's has the record as text within it.
#[derive(Debug, Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    record: Option<Cow<'a, str>>,
    /// Only an access record has one.
    #[serde(borrow)]
    request_id: Option<Cow<'a, str>>,
}

/// Counts of two bundles.
#[derive(Clone, Debug)]
pub struct Tally {
    names: [String; 2],
    /// What the gateways did that run the old bundle.
    pub old: Counts,
    /// What those did that run the new one.
    pub new: Counts,
    /// Records of other bundles.
    pub other: u64,
    /// Lines that are no JSON, no record or too long.
    pub malformed: u64,
}

impl Tally {
    /// Nothing yet, of these two bundles.
    pub fn of(old: Digest, new: Digest) -> Self {
        Self {
            names: [old.to_string(), new.to_string()],
            old: Counts::default(),
            new: Counts::default(),
            other: 0,
            malformed: 0,
        }
    }

    /// Begins anew.
    pub fn clear(&mut self) {
        self.old = Counts::default();
        self.new = Counts::default();
        self.other = 0;
        self.malformed = 0;
    }

    /// Takes a line; `None` is one that was too long. Lines of a log that are about something else
    /// are passed over.
    pub fn line(&mut self, line: Option<&[u8]>) {
        let taken = match line {
            Some(line) if line.trim_ascii().is_empty() => return,
            Some(line) => self.read(line),
            None => None,
        };
        if taken.is_none() {
            self.malformed = self.malformed.saturating_add(1);
        }
    }

    fn read(&mut self, line: &[u8]) -> Option<()> {
        let outer: Line<'_> = serde_json::from_slice(line).ok()?;
        let inner = outer.record.as_deref();
        if inner.is_none() && outer.request_id.is_none() {
            return Some(());
        }
        let record: Record<'_> = match inner {
            Some(inner) => serde_json::from_str(inner).ok()?,
            None => serde_json::from_slice(line).ok()?,
        };
        self.count(&record);
        Some(())
    }

    fn count(&mut self, record: &Record<'_>) {
        let [old, new] = &self.names;
        let counts = if record.bundle == *new {
            &mut self.new
        } else if record.bundle == *old {
            &mut self.old
        } else {
            self.other = self.other.saturating_add(1);
            return;
        };
        // An origin that gave no answer makes a refusal of what was passed on.
        let passed_on = record.phase == "forward";
        counts.refused.whole += 1;
        counts.refused.part += u64::from(record.decision == "refuse" && !passed_on);
        if passed_on {
            let failed = record.status >= 500 || record.end == "origin-gone";
            counts.failed.whole += 1;
            counts.failed.part += u64::from(failed);
            // WebSockets last as long as their users like.
            if !failed && record.end == "complete" && record.status >= 200 {
                counts.durations.add(record.duration_ms);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::Share;

    fn record(bundle: &str, rest: &str) -> String {
        format!(r#"{{"request_id":"a","bundle":"{bundle}","x":[1],{rest}}}"#)
    }

    #[test]
    fn records_are_counted_on_their_side_and_the_rest_is_passed_over() {
        let [old, new] = [b"old", b"new"].map(|name| Digest::of(name));
        let mut tally = Tally::of(old, new);
        let forward = |status: u16, end: &str, millis: u64| {
            format!(
                r#""decision":"forward","phase":"forward","end":"{end}","status":{status},"duration_ms":{millis}"#
            )
        };
        let [old, new] = [old, new].map(|digest| digest.to_string());
        let refused =
            r#""decision":"refuse","phase":"limit","end":"complete","status":429,"duration_ms":0"#;
        let no_origin = r#""decision":"refuse","phase":"forward","end":"complete","status":502,"duration_ms":9"#;
        let wrapped = serde_json::json!({"level": "INFO", "record": record(&new, refused)});
        for line in [
            record(&old, &forward(200, "complete", 7)),
            record(&old, &forward(404, "complete", 3)),
            record(&old, &forward(101, "complete", 86_400_000)),
            record(&old, &forward(499, "client-gone", 9)),
            record(&new, &forward(503, "complete", 1)),
            record(&new, &forward(200, "origin-gone", 1)),
            record(&new, no_origin),
            wrapped.to_string(),
            record("sha256:00", refused),
            r#"{"level":"INFO","message":"new bundle in force"}"#.to_owned(),
            " ".to_owned(),
            "{".to_owned(),
            "[]".to_owned(),
            r#"{"record":"{"}"#.to_owned(),
            r#"{"request_id":"a","bundle":7}"#.to_owned(),
        ] {
            tally.line(Some(line.as_bytes()));
        }
        tally.line(None);
        let share = |part, whole| Share { part, whole };
        assert_eq!(tally.old.refused, share(0, 4));
        assert_eq!(tally.old.failed, share(0, 4));
        assert_eq!(tally.old.durations.slower_than(3), share(1, 2));
        assert_eq!(tally.new.refused, share(1, 4));
        assert_eq!(tally.new.failed, share(3, 3));
        assert_eq!(tally.new.durations.slower_than(0), share(0, 0));
        assert_eq!((tally.other, tally.malformed), (1, 5));
    }
}
