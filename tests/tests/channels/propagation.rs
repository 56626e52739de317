//! How long it takes from an edit to its effect. `cargo xtask propagation` runs it with the settings
//! that gateways have if nobody sets others, and prints a table; as a test it is short, and holds
//! that each edit reaches each gateway.

use std::fs::File;
use std::future;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tidegate_edge_native::{Following, Source};
use tidegate_policy_compiler::publish::{Channel, Folder, Terms};
use tidegate_shared::channel;
use tidegate_shared::digest::Digest;
use tidegate_shared::units::{Percent, Span};

use crate::attacks;
use crate::kit::{HOUR, STATEMENT, bundle, key, now, signed, statement, status};
use crate::native::{follow, gateway};
use crate::store::{Answer, Store};
use crate::workerd::Worker;

/// Asks for the long run, and names the file that the rows of the table are added to.
const LONG: &str = "TIDEGATE_PROPAGATION";
/// More than any edit takes.
const PATIENCE: Duration = Duration::from_secs(120);

fn is_long() -> bool {
    std::env::var_os(LONG).is_some()
}

/// What is measured.
struct Run {
    what: &'static str,
    /// Between two looks at the source.
    every: Duration,
    gateways: u32,
    edits: u64,
}

impl Run {
    fn new(what: &'static str, every: Duration, gateways: u32, edits: u64) -> Self {
        if is_long() {
            Self {
                what,
                every,
                gateways,
                edits,
            }
        } else {
            Self {
                what,
                every: Duration::from_millis(50),
                gateways: 2,
                edits: 2,
            }
        }
    }

    /// Gateways begin at different moments, and so they look at different moments.
    async fn apart(&self) {
        tokio::time::sleep(self.every / self.gateways).await;
    }

    /// Publishes, and asks each gateway until the new text is there.
    async fn measure(&self, gateways: &[SocketAddr], publish: impl AsyncFn(u64)) {
        let mut taken = Vec::new();
        for edit in 1..=self.edits {
            // Not at the same moment of their rounds each time.
            self.pass(gateways, self.every.mul_f64(fraction(edit)))
                .await;
            let began = Instant::now();
            publish(5 + edit).await;
            let text = format!("number {}", 5 + edit);
            let asked = gateways.iter().map(|address| {
                let (address, text) = (*address, text.clone());
                tokio::spawn(until(address, text, began, self.every / 200))
            });
            for asked in asked.collect::<Vec<_>>() {
                taken.push(asked.await.unwrap());
            }
        }
        taken.sort_unstable();
        self.print(&taken);
    }

    /// Time passes, with requests: some gateways look only where there are any.
    async fn pass(&self, gateways: &[SocketAddr], time: Duration) {
        let began = Instant::now();
        while began.elapsed() < time {
            for address in gateways {
                status(*address).await;
            }
            tokio::time::sleep(self.every / 100).await;
        }
    }

    fn print(&self, taken: &[Duration]) {
        let at = |share: usize| {
            let place = (taken.len() * share).div_ceil(100).max(1) - 1;
            format!("{:.2} s", taken[place].as_secs_f64())
        };
        let line = format!(
            "| {} | {:?} | {} | {} | {} | {} |\n",
            self.what,
            self.every,
            taken.len(),
            at(50),
            at(99),
            at(100)
        );
        if let Some(file) = std::env::var_os(LONG) {
            let file = File::options().append(true).create(true).open(file);
            file.unwrap().write_all(line.as_bytes()).unwrap();
        }
    }
}

/// Parts of a round that follow no pattern: multiples of the golden ratio.
fn fraction(edit: u64) -> f64 {
    (edit as f64 * 0.618_034).fract()
}

async fn until(address: SocketAddr, text: String, began: Instant, pause: Duration) -> Duration {
    let changed = async {
        loop {
            let (code, found) = status(address).await;
            assert_eq!(code, 200);
            if found == text {
                return began.elapsed();
            }
            tokio::time::sleep(pause).await;
        }
    };
    let changed = tokio::time::timeout(PATIENCE, changed).await;
    changed.unwrap_or_else(|_| panic!("`{text}` has no effect"))
}

/// Native gateways that follow a source.
async fn native(run: &Run, source: Source) -> Vec<SocketAddr> {
    let mut gateways = Vec::new();
    for _ in 0..run.gateways {
        let mut follow = follow(source.clone(), 0, None);
        follow.every = run.every;
        let following = Following::start(follow, key().trust_key().into()).await;
        let (mut following, first) = following.unwrap();
        following.runs(&first);
        let gateway = gateway(first.octets()).await;
        gateways.push(gateway.local_addr().unwrap());
        gateway.follow(following);
        tokio::spawn(gateway.run(future::pending()));
        run.apart().await;
    }
    gateways
}

fn put(store: &Store, sequence: u64) {
    let bundle = bundle(&format!("number {sequence}"));
    let signed = signed(&statement(sequence, &bundle));
    let path = channel::bundle_path(Digest::of(&bundle));
    store.put(&path, Answer::Octets(bundle));
    store.put(STATEMENT, Answer::Octets(signed));
}

#[tokio::test]
async fn natively_of_a_folder() {
    let run = Run::new("native, folder", Duration::from_secs(5), 20, 10);
    let folder = tempfile::tempdir().unwrap();
    let site: PathBuf = folder.path().join("site");
    let store = Channel {
        sink: Folder::new(&site),
        name: "production".parse().unwrap(),
        trust: key().trust_key().into(),
    };
    let publish = async |number: u64| {
        let key = key();
        let terms = Terms {
            key: &key,
            now: now(),
            validity: Span(HOUR),
            rollout: Percent(100),
            after: None,
        };
        let bundle = bundle(&format!("number {number}"));
        store.publish(&bundle, &terms).await.unwrap();
    };
    publish(5).await;
    let gateways = native(&run, Source::Path(site)).await;
    run.measure(&gateways, publish).await;
}

#[tokio::test]
async fn natively_of_a_web_server() {
    let run = Run::new("native, http with ETag", Duration::from_secs(5), 20, 10);
    let store = Store::default();
    attacks::publish_five(&mut |path, answer| store.put(path, answer));
    let source = Source::Url(format!("http://{}/edge", store.start().await));
    let gateways = native(&run, source).await;
    let publish = async |sequence| put(&store, sequence);
    run.measure(&gateways, publish).await;
}

#[tokio::test]
async fn on_workerd_of_a_namespace() {
    let run = Run::new("workerd, KV binding", Duration::from_secs(30), 8, 4);
    let store = Store::default();
    attacks::publish_five(&mut |path, answer| store.put(path, answer));
    let mut workers = Vec::new();
    for _ in 0..run.gateways {
        let worker = Worker::looking_every(store.clone(), run.every).await;
        // It looks for the first time with its first request.
        assert_eq!(status(worker.address()).await, (200, "five".to_owned()));
        workers.push(worker);
        run.apart().await;
    }
    let gateways: Vec<_> = workers.iter().map(Worker::address).collect();
    let publish = async |sequence| put(&store, sequence);
    run.measure(&gateways, publish).await;
}
