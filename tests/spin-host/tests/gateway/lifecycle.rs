//! Which bundle is in force.

use std::time::{Duration, Instant};

use tidegate_policy_compiler::bake::{BakeError, bake};
use tidegate_shared::trust::SigningKey;

use crate::bundle::{bundle, key};
use crate::host::{Host, Options, component};

#[tokio::test]
async fn runs_the_bundle_that_the_store_holds() {
    let host = Host::start(Options {
        bundle: bundle(1, "old", &[]),
        ..Options::default()
    })
    .await;
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
    })
    .await;
    let (status, problem) = host.get("/status").await;
    assert_eq!(status, 503);
    assert!(
        problem.contains("urn:tidegate:problem:not-ready"),
        "{problem}"
    );
}

#[tokio::test]
async fn runs_the_bundle_that_is_baked_into_it() {
    // Neither a store nor the trusted keys are there: what an instance knows was frozen.
    let host = Host::start(Options {
        bundle: bundle(1, "baked", &[]),
        baked: true,
        ..Options::default()
    })
    .await;
    assert_eq!(host.get("/status").await, (200, "baked".to_owned()));
    assert_eq!(host.get("/private/7").await.0, 401);
}

#[tokio::test]
async fn bakes_nothing_that_it_does_not_trust() {
    let gateway = std::fs::read(component()).unwrap();
    let other = SigningKey::from_seed([8; 32]).trust_key().to_string();
    let refused = bake(&gateway, &bundle(1, "up", &[]), &other)
        .await
        .unwrap_err();
    assert!(matches!(refused, BakeError::Refused(_)), "{refused}");
    let own = key().trust_key().to_string();
    let foreign = bake(b"\0asm", &bundle(1, "up", &[]), &own)
        .await
        .unwrap_err();
    assert!(matches!(foreign, BakeError::Component(_)), "{foreign}");
}
