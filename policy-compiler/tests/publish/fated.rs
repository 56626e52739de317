//! A store in which steps fail, as fate has it: done or not, and heard of or not.

use tidegate_policy_compiler::publish::{Sink, SinkError, Stored, Version};

/// What becomes of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is done.
    Done,
    /// It is done, and nobody hears of it.
    Unheard(Trouble),
    /// It is not done.
    Undone(Trouble),
}

/// What is heard instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// That it may be tried again.
    Passing,
    /// That it is over.
    Final,
}

/// Decides what becomes of each step.
pub(crate) trait Fate {
    /// The next step's.
    async fn next(&self) -> Step;

    /// Hears that something was written.
    fn written(&self) {}
}

/// A store, and its fate.
pub(crate) struct Fated<'s, S, F> {
    pub(crate) sink: &'s S,
    pub(crate) fate: F,
}

impl<S, F: Fate> Fated<'_, S, F> {
    async fn step<T>(
        &self,
        path: &str,
        work: impl Future<Output = Result<T, SinkError>>,
    ) -> Result<T, SinkError> {
        let (path, reason) = (path.to_owned(), "as fate has it".to_owned());
        let trouble = match self.fate.next().await {
            Step::Done => return work.await,
            Step::Unheard(trouble) => {
                drop(work.await);
                trouble
            }
            Step::Undone(trouble) => trouble,
        };
        Err(match trouble {
            Trouble::Passing => SinkError::Transient { path, reason },
            Trouble::Final => SinkError::Failed { path, reason },
        })
    }

    async fn writing(
        &self,
        work: impl Future<Output = Result<(), SinkError>>,
    ) -> Result<(), SinkError> {
        let written = work.await;
        self.fate.written();
        written
    }
}

impl<S: Sink, F: Fate> Sink for Fated<'_, S, F> {
    async fn read(&self, path: &str) -> Result<Option<Stored>, SinkError> {
        self.step(path, self.sink.read(path)).await
    }

    async fn create(&self, path: &str, octets: &[u8]) -> Result<(), SinkError> {
        let work = self.writing(self.sink.create(path, octets));
        self.step(path, work).await
    }

    async fn replace(
        &self,
        path: &str,
        octets: &[u8],
        expected: Option<&Version>,
    ) -> Result<(), SinkError> {
        let work = self.writing(self.sink.replace(path, octets, expected));
        self.step(path, work).await
    }

    async fn list(&self, folder: &str) -> Result<Vec<String>, SinkError> {
        self.step(folder, self.sink.list(folder)).await
    }
}

/// A folder of a store, as a store of its own.
pub(crate) struct Below<S> {
    pub(crate) sink: S,
    /// Ends with `/`.
    pub(crate) folder: String,
}

impl<S> Below<S> {
    fn path(&self, path: &str) -> String {
        format!("{}{path}", self.folder)
    }
}

impl<S: Sink> Sink for Below<S> {
    async fn read(&self, path: &str) -> Result<Option<Stored>, SinkError> {
        self.sink.read(&self.path(path)).await
    }

    async fn create(&self, path: &str, octets: &[u8]) -> Result<(), SinkError> {
        self.sink.create(&self.path(path), octets).await
    }

    async fn replace(
        &self,
        path: &str,
        octets: &[u8],
        expected: Option<&Version>,
    ) -> Result<(), SinkError> {
        self.sink.replace(&self.path(path), octets, expected).await
    }

    async fn list(&self, folder: &str) -> Result<Vec<String>, SinkError> {
        let paths = self.sink.list(&self.path(folder)).await?;
        let below = paths
            .iter()
            .filter_map(|path| path.strip_prefix(&self.folder));
        Ok(below.map(str::to_owned).collect())
    }
}
