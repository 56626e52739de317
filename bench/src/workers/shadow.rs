//! A request that a bundle in shadow decides about as well, behind the answer, against the same
//! without: two Workers that follow a channel and run the same bundle, which the one has in shadow,
//! too. Each request has a token that is known, and is forwarded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tidegate_shared::channel::{self, FORMAT_VERSION, InShadow, SHADOW_FORMAT_VERSION, Statement};
use tidegate_shared::digest::Digest;
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Percent;
use tidegate_tests::workerd::{WorkerConfig, Workerd};
use tokio::runtime::Runtime;

use super::contest::{REQUESTS, ROUNDS};
use super::process::Processor;
use super::{ANSWERED, FORWARDED, http};
use crate::measure::{Outcome, median, ratio};
use crate::policy::{self, SignedBundle};
use crate::report::{Row, Unit};
use crate::request::SECRET;
use crate::token;

pub(super) fn row(directory: &Path) -> Row {
    let directory = directory.join("gateway");
    Row {
        name: "workers/shadow".to_owned(),
        aim: None,
        unit: Unit::Time,
        measure: Box::new(move || measure(&directory)),
    }
}

fn measure(directory: &Path) -> Result<Outcome> {
    let runtime = Runtime::new()?;
    let origin = format!("http://{}", http::serve()?);
    let bundle = SignedBundle::with_tokens("/v1/accounts/{id}", &origin, ANSWERED)?;
    let request = http::request(&policy::host(0), FORWARDED, &token::hs256(token::now()?)?);
    let requests = vec![request; REQUESTS];
    let workers =
        [true, false].map(|shadow| start(&runtime, directory, &bundle, shadow, &requests));
    let [with, without] = workers;
    let workers = [with?, without?];
    let mut turns = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (worker, turns) in workers.iter().zip(&mut turns) {
            let processor = Processor::of(worker.process_id().context("the Worker has ended")?);
            let start = processor.nanos()?;
            http::load(worker.address(), &requests)?;
            #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
            turns.push((processor.nanos()? - start) / REQUESTS as f64);
        }
    }
    let [with, without] = turns;
    Ok(Outcome {
        ratio: ratio(&with, &without),
        ours: median(with),
        peer: median(without),
        parts: vec![],
    })
}

/// A Worker that is warm, with its shadow at work.
fn start(
    runtime: &Runtime,
    directory: &Path,
    bundle: &SignedBundle,
    shadow: bool,
    requests: &[String],
) -> Result<Workerd> {
    let config = WorkerConfig {
        script_directory: PathBuf::from(directory),
        bundle: None,
        namespace: Some(http::serve_values(values(bundle, shadow)?)?),
        trust: bundle.trust_text.clone(),
        identities: vec![],
        variables: vec![("TIDEGATE_CHANNEL".to_owned(), "bench".to_owned())],
        secrets: vec![("customers".to_owned(), String::from_utf8(SECRET.to_vec())?)],
        stores: vec![],
        limits: None,
        tunnels: false,
        isolates: 1,
        platform_header: None,
    };
    let mut worker = runtime.block_on(Workerd::start(&config))?;
    http::load(worker.address(), requests)?;
    if shadow {
        let runs = async {
            while let Some(line) = worker.log().recv().await {
                if line.contains("\"bundle in shadow\"") {
                    return Some(());
                }
            }
            None
        };
        let runs = async { tokio::time::timeout(Duration::from_secs(10), runs).await };
        let ran = runtime.block_on(runs)?;
        ran.context("the Worker has nothing in shadow")?;
        http::load(worker.address(), requests)?;
    }
    Ok(worker)
}

/// What the namespace has.
fn values(bundle: &SignedBundle, shadow: bool) -> Result<BTreeMap<String, Vec<u8>>> {
    let digest = Digest::of(&bundle.octets);
    let issued = UnixMillis(token::now()? * 1_000);
    let statement = Statement {
        format: if shadow {
            SHADOW_FORMAT_VERSION
        } else {
            FORMAT_VERSION
        },
        channel: "bench".parse()?,
        sequence: 1,
        issued,
        expires: issued.plus(86_400_000),
        bundle: digest,
        rollout: Percent(100),
        previous: None,
        shadow: shadow.then_some(InShadow {
            bundle: digest,
            share: Percent(100),
        }),
    };
    let signed = statement.sign(&policy::key())?;
    Ok(BTreeMap::from([
        (channel::statement_path(&statement.channel), signed),
        (channel::bundle_path(digest), bundle.octets.clone()),
    ]))
}
