//! Workers that take turns, each in a process of its own.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use tidegate_tests::workerd::{WorkerConfig, Workerd};
use tokio::runtime::Runtime;

use super::http;
use super::process::Processor;
use crate::measure::{Outcome, median, ratio};
use crate::policy::SignedBundle;

/// How often each Worker takes its turn.
pub(super) const ROUNDS: usize = 15;
/// Requests in a turn: a process' time is counted in hundredths of a second.
pub(super) const REQUESTS: usize = 2_000;

/// The gateway, a peer, and a bare Worker that does what both do besides.
pub(super) struct Contest {
    /// Where the Workers are built: each in a folder of its name.
    pub(super) directory: PathBuf,
    pub(super) bundle: SignedBundle,
    /// What the peers know of the policy.
    pub(super) variables: Vec<(String, String)>,
    pub(super) secrets: Vec<(String, String)>,
    pub(super) peer: &'static str,
}

impl Contest {
    /// Lets them take turns with the same requests, `turn` by turn; gives what the gateway and its
    /// peer add to the bare Worker.
    pub(super) fn run(self, mut turn: impl FnMut() -> Result<Vec<String>>) -> Result<Outcome> {
        let runtime = Runtime::new()?;
        let start = |name| self.start(&runtime, name);
        let mut contestants = [start("gateway")?, start(self.peer)?, start("pass-through")?];
        let first = turn()?;
        for contestant in &contestants {
            contestant.refuses_without_token(first.first().context("no request")?)?;
            // Warms up: it is not counted.
            contestant.turn(&first)?;
        }
        for _ in 0..ROUNDS {
            let requests = turn()?;
            for contestant in &mut contestants {
                let took = contestant.turn(&requests)?;
                contestant.turns.push(took);
            }
        }
        let [ours, peer, bare] = contestants.map(|contestant| contestant.turns);
        let added = |turns: &[f64]| -> Vec<f64> {
            let pairs = turns.iter().zip(&bare);
            pairs.map(|(all, bare)| all - bare).collect()
        };
        let (added_ours, added_peer) = (added(&ours), added(&peer));
        Ok(Outcome {
            ratio: ratio(&added_ours, &added_peer),
            ours: median(added_ours),
            peer: median(added_peer),
            parts: vec![
                ("gateway", median(ours)),
                (self.peer, median(peer)),
                ("pass-through", median(bare)),
            ],
        })
    }

    fn start(&self, runtime: &Runtime, name: &'static str) -> Result<Contestant> {
        let config = WorkerConfig {
            script_directory: self.directory.join(name),
            bundle: Some(self.bundle.octets.clone()),
            namespace: None,
            trust: self.bundle.trust_text.clone(),
            identities: vec![],
            variables: self.variables.clone(),
            secrets: self.secrets.clone(),
            stores: vec![],
            limits: None,
            tunnels: false,
            isolates: 1,
            platform_header: None,
        };
        let worker = runtime.block_on(Workerd::start(&config))?;
        let id = worker.process_id().context("the Worker has ended")?;
        Ok(Contestant {
            name,
            worker,
            processor: Processor::of(id),
            turns: Vec::with_capacity(ROUNDS),
        })
    }
}

struct Contestant {
    name: &'static str,
    worker: Workerd,
    processor: Processor,
    /// Nanoseconds of one request, in each turn.
    turns: Vec<f64>,
}

impl Contestant {
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

    fn turn(&self, requests: &[String]) -> Result<f64> {
        let start = self.processor.nanos()?;
        http::load(self.worker.address(), requests)
            .with_context(|| format!("requests to `{}`", self.name))?;
        let took = self.processor.nanos()? - start;
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        Ok(took / requests.len() as f64)
    }
}
