//! The gateway on `workerd` against Hono with its JWT middleware: what each adds to a bare Worker,
//! for a request with an HS256 token, in processor time of the runtime's process.

mod http;
mod process;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use tidegate_tests::workerd::{WorkerConfig, Workerd};
use tokio::runtime::Runtime;

use crate::measure::{Outcome, median};
use crate::policy::{self, SignedBundle};
use crate::report::Row;
use crate::request::SECRET;
use crate::token;
use process::Processor;

/// How often each Worker takes its turn.
const ROUNDS: usize = 15;
/// Requests in a turn: a process' time is counted in hundredths of a second.
const REQUESTS: usize = 2_000;

/// A path that is forwarded, and one that is answered.
const FORWARDED: &str = "/v1/accounts/7?page=2";
const ANSWERED: &str = "/v1/status";

/// The rows, where the Workers are built: each in a folder of its name.
pub(crate) fn rows(directory: &Path) -> Vec<Row> {
    let row = |name: &str, path, peer, aim| {
        let directory = directory.to_owned();
        Row {
            name: format!("workers/{name}"),
            aim,
            measure: Box::new(move || measure(&directory, path, peer)),
        }
    };
    vec![
        row("hs256-forward", FORWARDED, "hono", Some(0.5)),
        row("hs256-forward-whole-job", FORWARDED, "hono-whole-job", None),
        row("hs256-reply", ANSWERED, "hono", None),
        row("hs256-reply-whole-job", ANSWERED, "hono-whole-job", None),
    ]
}

fn measure(directory: &Path, path: &str, peer: &'static str) -> Result<Outcome> {
    let runtime = Runtime::new()?;
    let origin = format!("http://{}", http::serve()?);
    let bundle = SignedBundle::with_tokens("/v1/accounts/{id}", &origin, ANSWERED)?;
    let request = http::request(&policy::host(0), path, &token::hs256(token::now()?)?);
    let start = |name: &str| {
        let config = WorkerConfig {
            script_directory: directory.join(name),
            bundle: Some(bundle.octets.clone()),
            namespace: None,
            trust: bundle.trust_text.clone(),
            identities: vec![],
            variables: vec![("ORIGIN".to_owned(), origin.clone())],
            secrets: vec![("customers".to_owned(), String::from_utf8(SECRET.to_vec())?)],
            stores: vec![],
            platform_header: None,
        };
        let worker = runtime.block_on(Workerd::start(&config))?;
        Contestant::new(name, worker)
    };
    let mut contestants = [start("gateway")?, start(peer)?, start("pass-through")?];
    for contestant in &contestants {
        contestant.refuses_without_token(&request)?;
    }
    // The first turn warms up: it is not counted.
    for round in 0..=ROUNDS {
        for contestant in &mut contestants {
            let took = contestant.turn(&request)?;
            if round > 0 {
                contestant.turns.push(took);
            }
        }
    }
    let [ours, peer_turns, bare] = contestants.map(|contestant| contestant.turns);
    let added = |turns: &[f64]| -> Vec<f64> {
        turns
            .iter()
            .zip(&bare)
            .map(|(all, bare)| all - bare)
            .collect()
    };
    let (added_ours, added_peer) = (added(&ours), added(&peer_turns));
    let ratios = added_ours
        .iter()
        .zip(&added_peer)
        .map(|(ours, peer)| ours / peer);
    Ok(Outcome {
        ratio: median(ratios.collect()),
        ours: median(added_ours),
        peer: median(added_peer),
        parts: vec![
            ("gateway", median(ours)),
            (peer, median(peer_turns)),
            ("pass-through", median(bare)),
        ],
    })
}

/// A Worker in a process of its own.
struct Contestant {
    name: String,
    worker: Workerd,
    processor: Processor,
    /// Nanoseconds of one request, in each turn.
    turns: Vec<f64>,
}

impl Contestant {
    fn new(name: &str, worker: Workerd) -> Result<Self> {
        let id = worker.process_id().context("the Worker has ended")?;
        Ok(Self {
            name: name.to_owned(),
            worker,
            processor: Processor::of(id),
            turns: Vec::with_capacity(ROUNDS),
        })
    }

    /// All but the bare one do the job.
    fn refuses_without_token(&self, request: &str) -> Result<()> {
        let request = request.replace("Bearer ", "Bearer x");
        let status = http::send(self.worker.address(), &request)?;
        let expected = if self.name == "pass-through" {
            200
        } else {
            401
        };
        ensure!(status == expected, "`{}` answers {status}", self.name);
        Ok(())
    }

    fn turn(&self, request: &str) -> Result<f64> {
        let start = self.processor.nanos()?;
        http::load(self.worker.address(), request, REQUESTS)
            .with_context(|| format!("requests to `{}`", self.name))?;
        let took = self.processor.nanos()? - start;
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        Ok(took / REQUESTS as f64)
    }
}
