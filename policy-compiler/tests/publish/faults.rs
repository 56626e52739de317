//! A store that fails at any step, publishers that die at any step, several of them at once:
//! readers see a whole, signed bundle, never an older one than before, and nothing that was
//! reported as published is lost.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use fastrand::Rng;
use tidegate_policy_compiler::publish::{
    Channel, PublishError, Retrying, Sink, SinkError, Stored, Terms, Version,
};

use crate::kit::{NOW, Reader, bundle, channel, key, terms};

const RUNS: u64 = 1000;

#[derive(Debug, Default)]
struct Memory {
    contents: RefCell<BTreeMap<String, Vec<u8>>>,
    writes: Cell<usize>,
}

impl Sink for Memory {
    async fn read(&self, path: &str) -> Result<Option<Stored>, SinkError> {
        Ok(self.contents.borrow().get(path).map(|octets| Stored {
            octets: octets.clone(),
            version: Version::of(octets),
        }))
    }

    async fn create(&self, path: &str, octets: &[u8]) -> Result<(), SinkError> {
        let mut contents = self.contents.borrow_mut();
        let stored = contents
            .entry(path.to_owned())
            .or_insert_with(|| octets.to_vec());
        if stored == octets {
            self.writes.set(self.writes.get() + 1);
            Ok(())
        } else {
            Err(SinkError::Occupied(path.to_owned()))
        }
    }

    async fn replace(
        &self,
        path: &str,
        octets: &[u8],
        expected: Option<&Version>,
    ) -> Result<(), SinkError> {
        let mut contents = self.contents.borrow_mut();
        let found = contents.get(path).map(|octets| Version::of(octets));
        if found.as_ref() != expected {
            return Err(SinkError::Changed(path.to_owned()));
        }
        self.writes.set(self.writes.get() + 1);
        contents.insert(path.to_owned(), octets.to_vec());
        Ok(())
    }

    async fn list(&self, folder: &str) -> Result<Vec<String>, SinkError> {
        let contents = self.contents.borrow();
        let below = contents.keys().filter(|path| path.starts_with(folder));
        Ok(below.cloned().collect())
    }
}

/// Fails before or after the work is done, or for ever, and lets others go first.
struct Faulty<'m> {
    memory: &'m Memory,
    rng: RefCell<Rng>,
    dead: Cell<bool>,
}

impl Faulty<'_> {
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
        self.dead.set(dies);
        match fault {
            1 => Err(SinkError::Failed { path, reason }),
            4 | 5 => Err(SinkError::Transient { path, reason }),
            _ => done,
        }
    }
}

impl Sink for Faulty<'_> {
    async fn read(&self, path: &str) -> Result<Option<Stored>, SinkError> {
        self.disturbed(path, self.memory.read(path)).await
    }

    async fn create(&self, path: &str, octets: &[u8]) -> Result<(), SinkError> {
        self.disturbed(path, self.memory.create(path, octets)).await
    }

    async fn replace(
        &self,
        path: &str,
        octets: &[u8],
        expected: Option<&Version>,
    ) -> Result<(), SinkError> {
        self.disturbed(path, self.memory.replace(path, octets, expected))
            .await
    }

    async fn list(&self, folder: &str) -> Result<Vec<String>, SinkError> {
        self.disturbed(folder, self.memory.list(folder)).await
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
async fn publisher(memory: &Memory, seed: u64, tally: &RefCell<Tally>) {
    let (mut rng, key) = (Rng::with_seed(seed), key());
    for attempt in 0..3 {
        // No two publish in the same moment: the same statement twice would be one.
        let terms = Terms {
            now: NOW.plus(seed % 2 * 3 + attempt),
            ..terms(&key)
        };
        let faulty = Faulty {
            memory,
            rng: RefCell::new(rng.fork()),
            dead: Cell::new(false),
        };
        let channel: Channel<Retrying<Faulty<'_>>> = channel(Retrying(faulty));
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

async fn run(seed: u64) -> Tally {
    let (memory, tally) = (Memory::default(), RefCell::new(Tally::default()));
    let done = Cell::new(false);
    let publishers = async {
        let (one, two) = (seed * 2 + 1, seed * 2 + 2);
        tokio::join!(
            publisher(&memory, one, &tally),
            publisher(&memory, two, &tally)
        );
        done.set(true);
    };
    let reads = async {
        let mut reader = Reader::default();
        let mut seen = usize::MAX;
        while !done.get() {
            // Reads whenever something was written.
            if seen != memory.writes.get() {
                seen = memory.writes.get();
                reader.read(&memory).await;
            }
            tokio::task::yield_now().await;
            // Time passes only where nobody has anything to do.
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    tokio::join!(publishers, reads);
    let history = channel(&memory).history(usize::MAX).await.unwrap();
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

#[tokio::test(start_paused = true)]
async fn readers_see_whole_and_newest_bundles_whatever_fails() {
    let mut total = Tally::default();
    for seed in 0..RUNS {
        let Tally {
            published,
            told,
            failed,
        } = run(seed).await;
        total.published.extend(published);
        total.told += told;
        total.failed += failed;
    }
    // All three happened, and often: else the runs would show nothing.
    let least = usize::try_from(RUNS / 10).unwrap();
    assert!(
        total.published.len() > least,
        "{} published",
        total.published.len()
    );
    assert!(total.told > least, "{} told", total.told);
    assert!(total.failed > least, "{} failed", total.failed);
}
