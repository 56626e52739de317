//! `tidegate credentials` and `tidegate revocations`, with a folder for a store, and with a
//! namespace of Workers KV.

#![cfg(test)]

#[path = "publish/cloudflare.rs"]
mod cloudflare;
#[path = "credentials/key_value.rs"]
mod key_value;
#[path = "program/tidegate.rs"]
mod program;
#[path = "credentials/revocations.rs"]
mod revocations;

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tidegate_shared::api_key::{ApiKeyId, ApiKeyPrefix, ApiKeyRecord};
use tidegate_shared::digest::Digest;

struct Said {
    status: Option<i32>,
    output: String,
    errors: String,
}

impl Said {
    fn by(command: &mut Command) -> Self {
        let (status, output, errors) = program::run(command);
        Self {
            status,
            output,
            errors,
        }
    }
}

fn credentials(folder: &Path, arguments: &[&str]) -> Said {
    in_store(
        "file:store",
        folder,
        &[&["credentials"], arguments].concat(),
    )
}

/// Runs a command with a store.
fn in_store(store: &str, folder: &Path, arguments: &[&str]) -> Said {
    Said::by(
        program::tidegate(folder)
            .args(arguments)
            .args(["--store", store]),
    )
}

fn create(folder: &Path, arguments: &[&str]) -> String {
    let begin = ["create", "--ring", "partners", "--consumer", "acme"];
    let said = credentials(folder, &[&begin, arguments].concat());
    assert_eq!(said.status, Some(0), "{}", said.errors);
    said.output.trim_end().to_owned()
}

fn record(folder: &Path, key: &str) -> ApiKeyRecord {
    let place = ApiKeyRecord::stored_at(&Digest::of(key.as_bytes()));
    let octets = std::fs::read(folder.join("store").join(place)).unwrap();
    ApiKeyRecord::decode(&octets).unwrap()
}

fn id(key: &str) -> String {
    ApiKeyId::from(Digest::of(key.as_bytes())).to_string()
}

fn list(folder: &Path) -> Vec<Value> {
    let said = credentials(folder, &["list", "--format", "json"]);
    serde_json::from_str(&said.output).unwrap()
}

#[test]
fn a_key_is_shown_once_and_kept_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let key = create(
        folder.path(),
        &[
            "--plan",
            "gold",
            "--scope",
            "read",
            "--expires",
            "90d",
            "--prefix",
            "bank",
        ],
    );
    let prefix: ApiKeyPrefix = "bank".parse().unwrap();
    assert_eq!(prefix.check(&key), Ok(()), "{key}");

    let record = record(folder.path(), &key);
    assert_eq!(
        (record.ring.as_str(), record.consumer.as_str()),
        ("partners", "acme")
    );
    assert_eq!(record.plan.as_deref(), Some("gold"));
    assert_eq!(record.scopes, ["read"]);
    assert_eq!(record.expires, Some(record.created + 90 * 24 * 60 * 60));
    assert_eq!(record.revoked, None);
    for file in std::fs::read_dir(folder.path().join("store")).unwrap() {
        let octets = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!octets.windows(key.len()).any(|part| part == key.as_bytes()));
    }
    let said = credentials(folder.path(), &["list"]);
    assert!(said.output.contains(&id(&key)) && !said.output.contains(&key));
    assert!(said.output.contains(" days"), "{}", said.output);
}

#[test]
fn json_has_the_key_where_it_is_made_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let made: Value = serde_json::from_str(&create(folder.path(), &["--format", "json"])).unwrap();
    let key = made["key"].as_str().unwrap();
    assert_eq!(made["id"], id(key));
    let listed = list(folder.path());
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (&listed[0]["id"], &listed[0]["state"]),
        (&made["id"], &"good".into())
    );
    assert!(listed[0].get("key").is_none());
}

#[test]
fn both_keys_are_good_while_one_takes_the_place_of_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let old = create(folder.path(), &["--expires", "90d", "--prefix", "bank"]);
    let said = credentials(folder.path(), &["rotate", &id(&old), "--overlap", "1h"]);
    assert_eq!(said.status, Some(0), "{}", said.errors);
    let new = said.output.trim_end();
    let (before, after) = (record(folder.path(), &old), record(folder.path(), new));
    let overlap = before.expires.unwrap() - after.created;
    assert_eq!(overlap, 60 * 60);
    assert_eq!(after.expires, Some(after.created + 90 * 24 * 60 * 60));
    assert!(new.starts_with("bank_") && new != old);
    assert_eq!((after.ring, after.consumer), (before.ring, before.consumer));
}

#[test]
fn a_revoked_key_stays_revoked_and_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let key = create(folder.path(), &[]);
    for _ in 0..2 {
        let said = credentials(folder.path(), &["revoke", &id(&key)]);
        assert_eq!((said.status, said.output.as_str()), (Some(0), ""));
        assert!(said.errors.contains("is revoked"), "{}", said.errors);
    }
    let revoked = record(folder.path(), &key);
    assert!(revoked.revoked.is_some());
    assert_eq!(list(folder.path())[0]["state"], "revoked");
    let said = credentials(folder.path(), &["rotate", &id(&key)]);
    assert_eq!((said.status, said.output.as_str()), (Some(1), ""));
    assert!(said.errors.contains("make a new one"), "{}", said.errors);
    assert_eq!(record(folder.path(), &key), revoked);
}

#[test]
fn what_is_wrong_is_said_and_nothing_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, status, text) in [
        (vec!["revoke", "0123456789abcdef"], 1, "has no key"),
        (vec!["revoke", "acme"], 2, "16 hexadecimal digits"),
        (vec!["create", "--ring", "partners"], 2, "--consumer"),
    ] {
        let said = credentials(folder.path(), &arguments);
        assert_eq!(said.status, Some(status), "{arguments:?}: {}", said.errors);
        assert!(said.errors.contains(text), "{}", said.errors);
        assert_eq!(said.output, "");
    }
    for (store, status, text) in [
        ("s3://bucket", 2, "`s3://bucket` is no store"),
        ("kv:a1/b2", 1, "CLOUDFLARE_API_TOKEN is not set"),
    ] {
        let said = in_store(store, folder.path(), &["credentials", "list"]);
        assert_eq!(said.status, Some(status), "{store}: {}", said.errors);
        assert!(said.errors.contains(text), "{}", said.errors);
    }
}
