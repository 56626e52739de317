//! Following a channel: statements and bundles come from a folder or a web server, and the last
//! good bundle stays whatever comes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tidegate_shared::channel::{
    self, ChannelName, Follower, OtherBundle, Refused, Shadowing, SourceError,
};
use tidegate_shared::digest::Digest;
use tidegate_shared::envelope::MAX_ENVELOPE;
use tidegate_shared::time::UnixMillis;
use tidegate_shared::trust::TrustKeys;
use tracing::{info, warn};

use crate::memory::Memory;
use crate::now;
use crate::runner::{BoxError, Runner};
use crate::source::{Got, Place, Source};

/// A channel, and how to follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follow {
    /// Where it is: a folder or an `http(s)` URL.
    pub source: Source,
    /// Its name.
    pub channel: ChannelName,
    /// The least sequence to accept.
    pub minimum: u64,
    /// Where to remember the last good bundle, for the next start.
    pub state: Option<PathBuf>,
    /// How often to look.
    pub every: Duration,
    /// How long the source may take for an answer.
    pub patience: Duration,
}

/// Why the channel was not followed. What was in force stays.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The statement.
    #[error(transparent)]
    Statement(#[from] Refused),
    /// The bundle is not the one.
    #[error(transparent)]
    Bundle(#[from] OtherBundle),
    /// The bundle cannot be used here.
    #[error("{0}")]
    Unusable(BoxError),
    /// Something failed here.
    #[error("{0}")]
    Here(String),
}

impl FollowError {
    /// A stable name, for logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Source(error) => error.name(),
            Self::Statement(refused) => refused.name(),
            Self::Bundle(error) => error.name(),
            Self::Unusable(_) => "bundle-unusable",
            Self::Here(_) => "here",
        }
    }
}

/// Follows a channel.
#[derive(Debug)]
pub struct Following {
    place: Place,
    pub(crate) follower: Follower,
    memory: Memory,
    every: Duration,
    /// The last statement, for a source that says that it is unchanged: it may expire meanwhile.
    statement: Vec<u8>,
    pub(crate) shadowing: Shadowing,
    in_force: Option<Digest>,
}

/// A bundle to put into force.
#[derive(Debug)]
pub struct Next {
    digest: Digest,
    octets: Vec<u8>,
}

impl Next {
    /// The bundle.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }
}

impl Following {
    /// Begins to follow. Where the source has no good bundle, the remembered one is taken.
    ///
    /// # Errors
    /// Where there is neither.
    pub async fn start(follow: Follow, trust: TrustKeys) -> Result<(Self, Next), FollowError> {
        let Follow {
            source,
            channel,
            minimum,
            state,
            every,
            patience,
        } = follow;
        let memory = Memory::open(state)?;
        let mut following = Self {
            place: Place::new(source, patience)?,
            follower: Follower::new(channel, trust, minimum, memory.entropy()),
            memory,
            every,
            statement: Vec::new(),
            shadowing: Shadowing::default(),
            in_force: None,
        };
        let remembered = following.remembered();
        let next = match (following.next(now()).await, remembered) {
            (Ok(Some(next)), _) => next,
            (Ok(None), Some(next)) => next,
            (Err(error), Some(next)) => {
                warn!(%error, refused = error.name(), "the remembered bundle is used");
                next
            }
            (Err(error), None) => return Err(error),
            (Ok(None), None) => return Err(SourceError::Missing("a bundle".to_owned()).into()),
        };
        Ok((following, next))
    }

    fn remembered(&mut self) -> Option<Next> {
        let (statement, octets) = self.memory.last()?;
        let digest = self.follower.recall(&statement).ok()?;
        self.follower.open(&octets, digest).ok()?;
        Some(Next { digest, octets })
    }

    /// Looks at the channel; `None` where what it names is in force.
    ///
    /// # Errors
    /// [`FollowError`]; what is in force stays.
    pub async fn next(&mut self, now: UnixMillis) -> Result<Option<Next>, FollowError> {
        let path = channel::statement_path(self.follower.channel());
        match self.place.get(&path, channel::MAX_STATEMENT, true).await? {
            Got::Octets(octets) => self.statement = octets,
            Got::Unchanged => {}
        }
        let Some(digest) = self.follower.statement(&self.statement, now)? else {
            return Ok(None);
        };
        let octets = self.bundle(digest).await?;
        Ok(Some(Next { digest, octets }))
    }

    /// A bundle that a statement names.
    pub(crate) async fn bundle(&mut self, digest: Digest) -> Result<Vec<u8>, FollowError> {
        let path = channel::bundle_path(digest);
        let Got::Octets(octets) = self.place.get(&path, MAX_ENVELOPE, false).await? else {
            return Err(SourceError::Missing(path).into());
        };
        self.follower.open(&octets, digest)?;
        Ok(octets)
    }

    /// Takes note that a bundle is in force, and remembers it.
    pub fn runs(&mut self, next: &Next) {
        self.follower.runs(next.digest);
        self.in_force = Some(next.digest);
        if !self.statement.is_empty()
            && let Err(error) = self.memory.keep(&self.statement, &next.octets)
        {
            warn!(%error, "the bundle is not remembered");
        }
    }

    /// Tells the operator what came into force: the bundle of a policy of this name.
    pub fn report(&self, policy: &str) {
        let digest = self.in_force.map(tracing::field::display);
        let sequence = self.follower.sequence();
        info!(digest, policy, sequence, "new bundle in force");
    }

    /// Follows for ever.
    pub async fn run(mut self, runner: Arc<impl Runner>) {
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut trouble = None;
        loop {
            ticks.tick().await;
            let step = self.step(&runner).await;
            let sequence = self.follower.sequence();
            let outcome = step.as_ref().map(|()| sequence);
            runner.looked(outcome.map_err(FollowError::name));
            match step {
                Ok(()) => trouble = None,
                // Each kind of trouble once, and not at each look.
                Err(error) if trouble == Some(error.name()) => {}
                Err(error) => {
                    trouble = Some(error.name());
                    let in_force = self.in_force.map(tracing::field::display);
                    warn!(
                        %error,
                        refused = error.name(),
                        sequence,
                        in_force,
                        "the channel is not followed"
                    );
                }
            }
            self.follow_shadow(&runner).await;
        }
    }

    async fn step(&mut self, runner: &Arc<impl Runner>) -> Result<(), FollowError> {
        let Some(next) = self.next(now()).await? else {
            return Ok(());
        };
        let policy = put_into_force(runner, next.octets.clone()).await?;
        self.runs(&next);
        self.report(&policy);
        Ok(())
    }
}

/// Runs a bundle; gives the name of its policy.
pub(crate) async fn put_into_force(
    runner: &Arc<impl Runner>,
    octets: Vec<u8>,
) -> Result<String, FollowError> {
    aside(runner, move |runner| runner.run(&octets)).await
}

/// A verification and many certificates may take a while: not on a thread that serves.
pub(crate) async fn aside<R: Runner, T: Send + 'static>(
    runner: &Arc<R>,
    run: impl FnOnce(&R) -> Result<T, BoxError> + Send + 'static,
) -> Result<T, FollowError> {
    let runner = Arc::clone(runner);
    let ran = tokio::task::spawn_blocking(move || run(&runner)).await;
    let ran = ran.map_err(|error| FollowError::Here(error.to_string()))?;
    ran.map_err(FollowError::Unusable)
}
