//! Every case on every runtime. What one runtime answers differently from the case fails it, so
//! two runtimes cannot differ either.

#![cfg(test)]

use tidegate_dev::Apart;
use tidegate_tests::runtime::Runtime;
use tidegate_tests::stage::{Stage, root};
use tidegate_tests::{case, suite};

async fn check(stage: &Stage, runtime: &Runtime) {
    let cases = case::read_all(&root().join("cases")).unwrap();
    assert!(cases.len() >= 60, "only {} cases", cases.len());
    let failures = suite::run(&cases, stage, runtime).await.unwrap();
    assert!(
        failures.is_empty(),
        "{} of {} cases failed:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

async fn stage(apart: Apart) -> Stage {
    Stage::new(&root().join("policy"), apart).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn native() {
    let stage = stage(Apart::Ports).await;
    check(&stage, &Runtime::native(&stage).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workerd() {
    let stage = stage(Apart::Ports).await;
    check(&stage, &Runtime::workerd(&stage).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spin() {
    let stage = stage(Apart::Addresses).await;
    check(&stage, &Runtime::spin(&stage).await.unwrap()).await;
}
