//! Every case on every runtime. What one runtime answers differently from the case fails it, so
//! two runtimes cannot differ either.

#![cfg(test)]

#[path = "cases/hostile.rs"]
mod hostile;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tidegate_dev::Apart;
use tidegate_tests::logs::{self, Logs};
use tidegate_tests::runtime::Runtime;
use tidegate_tests::stage::{Stage, root};
use tidegate_tests::{case, client, suite};

/// A path of the last request, which no other has.
const LAST: &str = "/echo/the-last-request";
/// A subject, which the records have as the consumer.
const CONSUMER: &str = "a token that the server vouches for";

async fn check(stage: &Stage, runtime: &mut Runtime) {
    let cases = case::read_all(&root().join("cases")).unwrap();
    assert!(cases.len() >= 60, "only {} cases", cases.len());
    let suite::Ran {
        failures,
        mut credentials,
        records,
    } = suite::run(&cases, stage, runtime).await.unwrap();
    assert!(
        failures.is_empty(),
        "{} of {} cases failed:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
    let secrets = stage.secrets.iter().map(|(_, secret)| secret.clone());
    credentials.extend(secrets);
    hostile::check(runtime.address()).await;
    let log = check_logs(&credentials, runtime).await;
    assert!(records.len() >= 4, "only {} records", records.len());
    let differences = records.iter().flat_map(|record| record.differences(&log));
    assert_eq!(differences.collect::<Vec<_>>(), Vec::<String>::new());
}

/// Nobody logs a credential or a secret: neither the gateway, nor its runtime, nor a connector.
/// Gives all that they have logged.
async fn check_logs(secrets: &[String], runtime: &mut Runtime) -> String {
    let last = Request::get(LAST)
        .header("host", "api.test.example")
        .body(Full::<Bytes>::default());
    let answer = client::exchange(runtime.address(), last.unwrap()).await;
    assert_eq!(answer.unwrap().status, 200);
    let mut log = runtime.logged(LAST).await.unwrap();
    log.push_str(&Logs::of_this_process().text());
    // What is logged is found.
    assert!(log.contains(CONSUMER) && log.contains(LAST), "{log}");
    assert!(secrets.len() > 50, "only {} secrets", secrets.len());
    let leaked = logs::leaks(&log, secrets);
    assert!(leaked.is_empty(), "in the logs: {leaked:?}");
    log
}

async fn stage(apart: Apart) -> Stage {
    Logs::of_this_process();
    Stage::new(&root().join("policy"), apart).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn native() {
    let stage = stage(Apart::Ports).await;
    check(&stage, &mut Runtime::native(&stage).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workerd() {
    let stage = stage(Apart::Ports).await;
    check(&stage, &mut Runtime::workerd(&stage).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spin() {
    let stage = stage(Apart::Addresses).await;
    check(&stage, &mut Runtime::spin(&stage).await.unwrap()).await;
}
