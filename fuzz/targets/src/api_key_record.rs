//! What a key-value store has of an API key.

use tidegate_shared::api_key::{ApiKeyPrefix, ApiKeyRecord};
use tidegate_shared::time::UnixMillis;

/// What was read is the same once written and read again, and no key is good after its end.
pub fn run(octets: &[u8]) {
    let Ok(record) = ApiKeyRecord::decode(octets) else {
        return;
    };
    assert_eq!(record.encode().as_deref(), Ok(octets));
    for end in [record.expires, record.revoked].into_iter().flatten() {
        let end = UnixMillis(end.saturating_mul(1000));
        if end.0 < u64::MAX - 1000 {
            assert!(record.check(end).is_err());
        }
    }
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    let plain = ApiKeyRecord::new("partners", ApiKeyPrefix::default(), "acme", 1);
    let full = ApiKeyRecord {
        plan: Some("gold".to_owned()),
        scopes: vec!["accounts:read".to_owned()],
        expires: Some(1_800_000_000),
        revoked: Some(1_700_000_000),
        ..plain.clone()
    };
    let records = [plain, full].into_iter();
    records.filter_map(|record| record.encode().ok()).collect()
}
