//! A store that fails at any step, publishers that die at any step, several of them at once:
//! readers see a whole, signed bundle, never an older one than before, and nothing that was
//! reported as published is lost.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use fastrand::Rng;
use object_store::memory::InMemory;
use tidegate_policy_compiler::publish::{
    Folder, Objects, PublishError, Retrying, Sink, SinkError, Stored, Terms, Version,
};

use crate::kit::{NOW, Reader, bundle, channel, key, terms};

/// Fails before or after the work is done, or for ever, and lets others go first.
struct Faulty<'s, S> {
    sink: &'s S,
    rng: RefCell<Rng>,
    dead: Cell<bool>,
    /// Counts what was done, heard of or not.
    writes: &'s Cell<usize>,
}

impl<S> Faulty<'_, S> {
    async fn disturbed<T>(
        &self,
        path: &str,
        work: impl Future<Output = Result<T, SinkError>>,
    ) -> Result<T, SinkError> {
        let others = self.rng.borrow_mut().u8(..4);
        for _ in 0..others {
            tokio::task::yield_now().await;
        }
        let (path, reason) = (path.to_owned(), "disturbed".to_owned());
        let fault = self.rng.borrow_mut().u8(..20);
        let dies = fault < 2;
        if self.dead.get() || fault == 0 {
            self.dead.set(true);
            return Err(SinkError::Failed { path, reason });
        }
        if fault == 2 || fault == 3 {
            return Err(SinkError::Transient { path, reason });
        }
        let done = work.await;
        self.writes.set(self.writes.get() + 1);
        self.dead.set(dies);
        match fault {
            1 => Err(SinkError::Failed { path, reason }),
            4 | 5 => Err(SinkError::Transient { path, reason }),
            _ => done,
        }
    }
}

impl<S: Sink> Sink for Faulty<'_, S> {
    async fn read(&self, path: &str) -> Result<Option<Stored>, SinkError> {
        self.disturbed(path, self.sink.read(path)).await
    }

    async fn create(&self, path: &str, octets: &[u8]) -> Result<(), SinkError> {
        self.disturbed(path, self.sink.create(path, octets)).await
    }

    async fn replace(
        &self,
        path: &str,
        octets: &[u8],
        expected: Option<&Version>,
    ) -> Result<(), SinkError> {
        self.disturbed(path, self.sink.replace(path, octets, expected))
            .await
    }

    async fn list(&self, folder: &str) -> Result<Vec<String>, SinkError> {
        self.disturbed(folder, self.sink.list(folder)).await
    }
}

/// How a publisher's attempts ended.
#[derive(Debug, Default)]
struct Tally {
    published: Vec<u64>,
    told: usize,
    failed: usize,
}

/// Publishes three times, or rolls back, with a fresh program each time.
async fn publisher(sink: &impl Sink, seed: u64, writes: &Cell<usize>, tally: &RefCell<Tally>) {
    let (mut rng, key) = (Rng::with_seed(seed), key());
    for attempt in 0..3 {
        // No two publish in the same moment: the same statement twice would be one.
        let terms = Terms {
            now: NOW.plus(seed % 2 * 3 + attempt),
            ..terms(&key)
        };
        let faulty = Faulty {
            sink,
            rng: RefCell::new(rng.fork()),
            dead: Cell::new(false),
            writes,
        };
        let channel = channel(Retrying(faulty));
        let outcome = if rng.u8(..4) == 0 {
            channel.roll_back(None, &terms).await
        } else {
            let bundle = bundle(&format!("bundle {}", rng.u8(..5)));
            channel.publish(&bundle, &terms).await
        };
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
async fn run(sink: &impl Sink, seed: u64) -> Tally {
    let (writes, tally) = (Cell::new(0), RefCell::new(Tally::default()));
    let done = Cell::new(false);
    let publishers = async {
        let (one, two) = (seed * 2 + 1, seed * 2 + 2);
        tokio::join!(
            publisher(sink, one, &writes, &tally),
            publisher(sink, two, &writes, &tally)
        );
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

/// So many runs, each on a new store.
async fn runs<S: Sink>(count: u64, store: impl Fn() -> S) {
    let mut total = Tally::default();
    for seed in 0..count {
        let Tally {
            published,
            told,
            failed,
        } = run(&store(), seed).await;
        total.published.extend(published);
        total.told += told;
        total.failed += failed;
    }
    // All three happened, and often: else the runs would show nothing.
    let least = usize::try_from(count / 10).unwrap();
    assert!(
        total.published.len() > least,
        "{} published",
        total.published.len()
    );
    assert!(total.told > least, "{} told", total.told);
    assert!(total.failed > least, "{} failed", total.failed);
}

#[tokio::test(start_paused = true)]
async fn objects_are_whole_and_newest_whatever_fails() {
    runs(1000, || Objects::new(Arc::new(InMemory::new()), "")).await;
}

/// Fewer, for each write goes to the disk.
#[tokio::test(start_paused = true)]
async fn a_folder_is_whole_and_newest_whatever_fails() {
    let folder = tempfile::tempdir().unwrap();
    let count = Cell::new(0);
    runs(100, || {
        count.set(count.get() + 1);
        Folder::new(folder.path().join(count.get().to_string()))
    })
    .await;
}
