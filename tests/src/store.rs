//! The records of API keys, and the list of revocations, that every case finds in the platform's
//! store. A case writes the keys themselves down: each is `tdg_…` from 32 octets of one number.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use tempfile::TempDir;
use tidegate_shared::api_key::{ApiKeyId, ApiKeyPrefix, ApiKeyRecord};
use tidegate_shared::digest::Digest;
use tidegate_shared::revocation::{PLACE, Revocation, Revocations, Revoked};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::trust::SigningKey;
use tidegate_shared::units::Span;

/// A folder with the records.
///
/// # Errors
/// Where it cannot be written.
pub fn fill() -> Result<TempDir> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let good = ApiKeyRecord {
        scopes: vec!["read".to_owned()],
        ..ApiKeyRecord::new("stored", ApiKeyPrefix::default(), "acme", now)
    };
    let records = [
        (1, good.clone()),
        (6, good.clone()),
        (
            2,
            ApiKeyRecord {
                revoked: Some(now),
                ..good.clone()
            },
        ),
        (
            3,
            ApiKeyRecord {
                expires: Some(now),
                ..good.clone()
            },
        ),
        (
            4,
            ApiKeyRecord {
                ring: "another".to_owned(),
                ..good
            },
        ),
    ];
    let folder = TempDir::new()?;
    for (number, record) in records {
        let key = ApiKeyPrefix::default().mint([number; 32]);
        let place = ApiKeyRecord::stored_at(&Digest::of(key.as_bytes()));
        std::fs::write(folder.path().join(place), record.encode()?)?;
    }
    std::fs::write(folder.path().join(PLACE), list(now)?)?;
    Ok(folder)
}

/// What is revoked, signed by the key of the policy's `revocations.pub`.
fn list(now: u64) -> Result<Vec<u8>> {
    let revoked = [
        Revoked::Token("secret".to_owned(), "revoked-token".to_owned()),
        Revoked::Subject("secret".to_owned(), "revoked-subject".to_owned()),
        Revoked::Subject("sessions".to_owned(), "revoked-subject".to_owned()),
        Revoked::Key("secret".to_owned(), "revoked-key".to_owned()),
        Revoked::Key("stored".to_owned(), id(6)),
    ];
    let records = revoked.map(|revoked| Revocation {
        revoked,
        until: None,
    });
    let now = UnixMillis(now.saturating_mul(1000));
    let list = Revocations::default().next(records.into(), now, Span(86_400_000));
    Ok(list.sign(&SigningKey::from_seed([8; 32]))?)
}

/// The public name of a key.
fn id(number: u8) -> String {
    let key = ApiKeyPrefix::default().mint([number; 32]);
    ApiKeyId::from(Digest::of(key.as_bytes())).to_string()
}
