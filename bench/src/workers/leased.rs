//! A request that a leased limit counts, against the same without: on `workerd`, with the limit's
//! Durable Object in the same process, whose work counts too.

use std::path::Path;

use anyhow::{Context, Result};
use tidegate_tests::workerd::{WorkerConfig, WorkerLimits, Workerd};
use tokio::runtime::Runtime;

use super::contest::{REQUESTS, ROUNDS};
use super::http;
use super::process::Processor;
use crate::measure::{Outcome, median, ratio};
use crate::policy::{self, SignedBundle};
use crate::report::{Row, Unit};

pub(crate) const LIMITED: &str = "/limited";
pub(crate) const UNLIMITED: &str = "/unlimited";

pub(super) fn row(directory: &Path) -> Row {
    let directory = directory.join("gateway");
    Row {
        name: "workers/leased".to_owned(),
        aim: Some(1.1),
        unit: Unit::Time,
        measure: Box::new(move || measure(&directory)),
    }
}

fn measure(directory: &Path) -> Result<Outcome> {
    let runtime = Runtime::new()?;
    let origin = format!("http://{}", http::serve()?);
    let bundle = SignedBundle::leased(LIMITED, &origin, UNLIMITED)?;
    let config = WorkerConfig {
        script_directory: directory.to_owned(),
        bundle: Some(bundle.octets),
        namespace: None,
        trust: bundle.trust_text,
        identities: vec![],
        variables: vec![],
        secrets: vec![],
        stores: vec![],
        limits: Some(WorkerLimits::Objects(None)),
        tunnels: false,
        isolates: 1,
        platform_header: None,
    };
    let worker = runtime.block_on(Workerd::start(&config))?;
    let process = worker.process_id().context("the Worker has ended")?;
    compare(&Processor::of(process), worker.address())
}

/// Both take turns at one gateway.
pub(crate) fn compare(processor: &Processor, gateway: std::net::SocketAddr) -> Result<Outcome> {
    let requests = [LIMITED, UNLIMITED].map(|path| {
        let host = policy::host(0);
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {host}\r\naccept: application/json\r\n\r\n");
        vec![request; REQUESTS]
    });
    let mut turns = [Vec::new(), Vec::new()];
    // The first turn warms up: it is not counted.
    for round in 0..=ROUNDS {
        for (requests, turns) in requests.iter().zip(&mut turns) {
            let start = processor.nanos()?;
            http::load(gateway, requests)?;
            let took = processor.nanos()? - start;
            if round > 0 {
                #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
                turns.push(took / REQUESTS as f64);
            }
        }
    }
    let [limited, unlimited] = turns;
    Ok(Outcome {
        ratio: ratio(&limited, &unlimited),
        ours: median(limited),
        peer: median(unlimited),
        parts: vec![],
    })
}
