//! How a list is shown.

use std::fmt::Write;

use serde_json::{Value, json};
use tidegate_shared::revocation::{Revocations, Revoked};
use tidegate_shared::time::UnixMillis;

use crate::command::channel::until;

/// A line for each record.
pub(super) fn table(list: &Revocations, now: UnixMillis) -> String {
    let mut text = format!(
        "sequence  {}\nexpires   {}\n\n{:8}  {:16}  {:36}  GONE",
        list.sequence,
        until(list.expires, now),
        "KIND",
        "OF",
        "VALUE"
    );
    for record in list.records() {
        let (kind, of, value) = parts(&record.revoked);
        let gone = record.until.map_or("never".to_owned(), |seconds| {
            until(UnixMillis(seconds.saturating_mul(1000)), now)
        });
        let _ = write!(text, "\n{kind:8}  {of:16}  {value:36}  {gone}");
    }
    text
}

/// The list as JSON; times are seconds since the Unix epoch.
pub(super) fn json(list: &Revocations) -> Value {
    let records = list.records().iter().map(|record| {
        let (kind, of, value) = parts(&record.revoked);
        json!({ "kind": kind, "of": of, "value": value, "until": record.until })
    });
    json!({
        "sequence": list.sequence,
        "issued": list.issued.seconds(),
        "expires": list.expires.seconds(),
        "records": records.collect::<Vec<_>>(),
    })
}

fn parts(revoked: &Revoked) -> (&'static str, &str, &str) {
    match revoked {
        Revoked::Token(of, value) => ("token", of, value),
        Revoked::Subject(of, value) => ("subject", of, value),
        Revoked::Key(of, value) => ("key", of, value),
    }
}
