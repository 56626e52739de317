//! Which bundle is in force.

use std::time::{Duration, Instant};

use tidegate_shared::trust::SigningKey;

use crate::bundle::bundle;
use crate::host::{Host, Options};

#[tokio::test]
async fn runs_the_bundle_that_the_store_holds() {
    let host = Host::start(Options {
        bundle: bundle(1, "old", &[]),
        ..Options::default()
    });
    assert_eq!(host.get("/status").await, (200, "old".to_owned()));
    host.publish(bundle(2, "new", &[]));
    // An instance keeps its bundle, and ends a second after its last request.
    let patience = Instant::now() + Duration::from_secs(30);
    while host.get("/status").await.1 != "new" {
        assert!(Instant::now() < patience, "still the old bundle");
        tokio::time::sleep(Duration::from_millis(1_100)).await;
    }
}

#[tokio::test]
async fn refuses_what_it_does_not_trust() {
    let other = SigningKey::from_seed([8; 32]).trust_key();
    let host = Host::start(Options {
        bundle: bundle(1, "up", &[]),
        trust: Some(other.to_string()),
        ..Options::default()
    });
    let (status, problem) = host.get("/status").await;
    assert_eq!(status, 503);
    assert!(
        problem.contains("urn:tidegate:problem:not-ready"),
        "{problem}"
    );
}
