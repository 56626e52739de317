//! `tidegate revocations`

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use tidegate_shared::envelope::Signed;
use tidegate_shared::revocation::{PLACE, Revocations};
use tidegate_shared::trust::{SigningKey, TrustKeys};

use crate::{Said, in_store};

fn key() -> SigningKey {
    SigningKey::from_seed([5; 32])
}

/// A folder with the signing key.
pub(crate) fn prepared() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("revocations.key");
    std::fs::write(file, key().to_secret_text()).unwrap();
    folder
}

/// The list, once its signature holds.
pub(crate) fn opened(octets: &[u8]) -> Revocations {
    let trust = TrustKeys::from(key().trust_key());
    let verified = Signed::parse(octets).unwrap().verify(&trust).unwrap();
    verified.into_content()
}

fn revocations(folder: &Path, arguments: &str) -> Said {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    in_store(
        "file:store",
        folder,
        &[&["revocations"], &arguments[..]].concat(),
    )
}

fn run(folder: &Path, arguments: &str) -> Revocations {
    let said = revocations(folder, arguments);
    assert_eq!(said.status, Some(0), "{arguments}: {}", said.errors);
    assert_eq!(said.output, "");
    opened(&std::fs::read(folder.join("store").join(PLACE)).unwrap())
}

#[test]
fn a_list_is_begun_added_to_taken_from_and_renewed() {
    let folder = prepared();
    let folder = folder.path();
    let list = run(folder, "create --valid 7d");
    assert_eq!((list.sequence, list.records().len()), (1, 0));
    assert_eq!(list.expires.since(list.issued), 7 * 86_400_000);
    let list = run(
        folder,
        "add --token customers=t1 --token customers=t2 --subject customers=eve --key-id customers=k1 --credential partners=0123456789abcdef --expires 1d",
    );
    assert_eq!((list.sequence, list.records().len()), (2, 5));
    let until = list.issued.seconds() + 86_400;
    assert!(
        list.records()
            .iter()
            .all(|record| record.until == Some(until))
    );
    // Again, and for ever.
    let list = run(folder, "add --token customers=t1");
    assert_eq!((list.sequence, list.records().len()), (3, 5));
    assert_eq!(list.records()[0].until, None);
    let list = run(
        folder,
        "remove --token customers=t2 --subject customers=eve",
    );
    assert_eq!((list.sequence, list.records().len()), (4, 3));
    let list = run(folder, "renew --valid 60d");
    assert_eq!((list.sequence, list.records().len()), (5, 3));
    assert_eq!(list.expires.since(list.issued), 60 * 86_400_000);

    let said = revocations(folder, "list --format json");
    let shown: Value = serde_json::from_str(&said.output).unwrap();
    assert_eq!(shown["sequence"], 5);
    let first =
        serde_json::json!({ "kind": "token", "of": "customers", "value": "t1", "until": null });
    assert_eq!(shown["records"][0], first);
    let said = revocations(folder, "list");
    assert!(said.output.contains("expires   in 59 d"), "{}", said.output);
    assert!(said.output.contains("0123456789abcdef"), "{}", said.output);
}

#[test]
fn what_is_wrong_is_said_and_changes_nothing() {
    let folder = prepared();
    let folder = folder.path();
    let says = |arguments: &str, status: i32, text: &str| {
        let said = revocations(folder, arguments);
        assert_eq!(said.status, Some(status), "{arguments}: {}", said.errors);
        assert!(said.errors.contains(text), "{arguments}: {}", said.errors);
        assert_eq!(said.output, "");
    };
    says("add --token customers=t1", 1, "tidegate revocations create");
    let list = run(folder, "create");
    says("create", 1, "is there already");
    says("add", 2, "--token");
    says(
        "add --token customers",
        2,
        "is not a name of the policy, `=`",
    );
    says(
        "remove --token customers=t1",
        1,
        "does not have the token `t1`",
    );
    says("renew --valid 500d", 1, "more than 400 days");
    says("renew --key missing.key", 1, "cannot read `missing.key`");
    let other = SigningKey::from_seed([6; 32]);
    std::fs::write(folder.join("other.key"), other.to_secret_text()).unwrap();
    says("renew --key other.key", 1, "which is not trusted");
    let found = opened(&std::fs::read(folder.join("store").join(PLACE)).unwrap());
    assert_eq!(found, list);

    // With both keys trusted, the other one may go on.
    let trust = format!("{}\n{}\n", key().trust_key(), other.trust_key());
    std::fs::write(folder.join("both.pub"), trust).unwrap();
    let said = revocations(folder, "renew --key other.key --trust both.pub");
    assert_eq!(said.status, Some(0), "{}", said.errors);
}
