//! A store that fails at any step, publishers that die at any step, several of them at once:
//! readers see a whole, signed bundle, never an older one than before, and nothing that was
//! reported as published is lost.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use fastrand::Rng;
use futures_util::StreamExt;
use object_store::memory::InMemory;
use tidegate_policy_compiler::publish::{
    Folder, Objects, PublishError, Retrying, Sink, SinkError, Terms,
};
use tokio::sync::Mutex;

use crate::fated::{Below, Fate, Fated, Step, Trouble};
use crate::kit::{NOW, Reader, bundle, channel, key, terms};

/// How often it is tried in a store behind a network, all stores together a thousand times;
/// `TIDEGATE_FAULTS` says otherwise, for each.
fn runs_or(count: u64) -> u64 {
    std::env::var("TIDEGATE_FAULTS").map_or(count, |count| count.parse().unwrap())
}

/// How many runs are under way at once, where they wait for a server.
const AT_ONCE: usize = 32;

/// Fails before or after the work is done, or for ever, and lets others go first.
struct Faulty<'r> {
    rng: RefCell<Rng>,
    dead: Cell<bool>,
    /// Counts what was written, heard of or not.
    writes: &'r Cell<usize>,
}

impl Fate for Faulty<'_> {
    async fn next(&self) -> Step {
        let others = self.rng.borrow_mut().u8(..4);
        for _ in 0..others {
            tokio::task::yield_now().await;
        }
        if self.dead.get() {
            return Step::Undone(Trouble::Final);
        }
        let step = match self.rng.borrow_mut().u8(..20) {
            0 => Step::Undone(Trouble::Final),
            1 => Step::Unheard(Trouble::Final),
            2 | 3 => Step::Undone(Trouble::Passing),
            4 | 5 => Step::Unheard(Trouble::Passing),
            _ => Step::Done,
        };
        let over = [Step::Undone(Trouble::Final), Step::Unheard(Trouble::Final)];
        self.dead.set(over.contains(&step));
        step
    }

    fn written(&self) {
        self.writes.set(self.writes.get() + 1);
    }
}

/// Whether of two publishers in the same moment one is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtOnce {
    /// The store replaces a content on a condition.
    Told,
    /// It does not, so that publishers must not be in the same moment: each waits until the other
    /// is done, or dead.
    Apart,
}

/// How a publisher's attempts ended.
#[derive(Debug, Default)]
struct Tally {
    published: Vec<u64>,
    told: usize,
    failed: usize,
}

/// Publishes three times, or rolls back, with a fresh program each time.
async fn publisher(
    sink: &impl Sink,
    seed: u64,
    writes: &Cell<usize>,
    tally: &RefCell<Tally>,
    turns: Option<&Mutex<()>>,
) {
    let (mut rng, key) = (Rng::with_seed(seed), key());
    for attempt in 0..3 {
        // No two publish in the same moment: the same statement twice would be one.
        let terms = Terms {
            now: NOW.plus(seed % 2 * 3 + attempt),
            ..terms(&key)
        };
        let fate = Faulty {
            rng: RefCell::new(rng.fork()),
            dead: Cell::new(false),
            writes,
        };
        let channel = channel(Retrying(Fated { sink, fate }));
        let turn = match turns {
            Some(turns) => Some(turns.lock().await),
            None => None,
        };
        let outcome = if rng.u8(..4) == 0 {
            channel.roll_back(None, &terms).await
        } else {
            let bundle = bundle(&format!("bundle {}", rng.u8(..5)));
            channel.publish(&bundle, &terms).await
        };
        drop(turn);
        let mut tally = tally.borrow_mut();
        match outcome {
            Ok(statement) => tally.published.push(statement.sequence),
            Err(PublishError::Sink(SinkError::Changed(_))) => tally.told += 1,
            Err(
                PublishError::Sink(_) | PublishError::Empty(_) | PublishError::NothingBefore(_),
            ) => {
                tally.failed += 1;
            }
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
}

/// Two publishers and a reader, on a store that is empty.
async fn run(sink: &impl Sink, seed: u64, at_once: AtOnce) -> Tally {
    let (writes, tally) = (Cell::new(0), RefCell::new(Tally::default()));
    let done = Cell::new(false);
    let publishers = async {
        let turns = (at_once == AtOnce::Apart).then(Mutex::default);
        let [one, two] = [1, 2].map(|number| {
            let seed = seed * 2 + number;
            publisher(sink, seed, &writes, &tally, turns.as_ref())
        });
        tokio::join!(one, two);
        done.set(true);
    };
    let reads = async {
        let mut reader = Reader::default();
        let mut seen = usize::MAX;
        while !done.get() {
            // Reads whenever something was written.
            if seen != writes.get() {
                seen = writes.get();
                reader.read(sink).await;
            }
            tokio::task::yield_now().await;
            // Time passes only where nobody has anything to do.
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    tokio::join!(publishers, reads);
    let history = channel(sink).history(usize::MAX).await.unwrap();
    let mut told: Vec<_> = history.iter().map(|statement| statement.sequence).collect();
    told.reverse();
    let mut tally = tally.into_inner();
    tally.published.sort_unstable();
    // One whose answer was lost may be in force without having been reported; none the reverse.
    assert!(
        told.is_sorted_by(|a, b| a + 1 == *b),
        "seed {seed}: {told:?}"
    );
    assert!(
        tally.published.is_sorted_by(|a, b| a < b),
        "seed {seed}: {tally:?}"
    );
    for sequence in &tally.published {
        assert!(told.contains(sequence), "seed {seed}: {sequence} is lost");
    }
    tally
}

/// So many runs, each on a new store, so many of them at once.
async fn runs<S: Sink>(count: u64, width: usize, at_once: AtOnce, store: impl Fn(u64) -> S) {
    let runs = (0..count).map(|seed| {
        let sink = store(seed);
        async move { run(&sink, seed, at_once).await }
    });
    let mut tallies = futures_util::stream::iter(runs).buffer_unordered(width);
    let mut total = Tally::default();
    while let Some(tally) = tallies.next().await {
        let Tally {
            published,
            told,
            failed,
        } = tally;
        total.published.extend(published);
        total.told += told;
        total.failed += failed;
    }
    // All of it happened, and often: else the runs would show nothing.
    let least = usize::try_from(count / 10).unwrap();
    let Tally {
        published,
        told,
        failed,
    } = total;
    assert!(published.len() > least, "{} published", published.len());
    assert!(failed > least, "{failed} failed");
    match at_once {
        AtOnce::Told => assert!(told > least, "{told} told"),
        AtOnce::Apart => {}
    }
}

/// A store behind a network, with a folder for each run.
pub(crate) async fn hold<S: Sink>(sink: &S, count: u64, at_once: AtOnce) {
    runs(runs_or(count), AT_ONCE, at_once, |seed| Below {
        sink,
        folder: format!("run{seed}/"),
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn objects_are_whole_and_newest_whatever_fails() {
    let store = |_| Objects::new(Arc::new(InMemory::new()), "");
    runs(1000, 1, AtOnce::Told, store).await;
}

/// Fewer, for each write goes to the disk.
#[tokio::test(start_paused = true)]
async fn a_folder_is_whole_and_newest_whatever_fails() {
    let folder = tempfile::tempdir().unwrap();
    let store = |seed: u64| Folder::new(folder.path().join(seed.to_string()));
    runs(100, 1, AtOnce::Told, store).await;
}
