//! The records of API keys that every case finds in the platform's store. A case writes the keys
//! themselves down: each is `tdg_…` from 32 octets of one number.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use tempfile::TempDir;
use tidegate_shared::api_key::{ApiKeyPrefix, ApiKeyRecord};
use tidegate_shared::digest::Digest;

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
    Ok(folder)
}
