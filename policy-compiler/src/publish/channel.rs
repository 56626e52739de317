//! A channel of a store: what is in force, what was, and how something else comes to be.

use tidegate_shared::bundle::InvalidBundle;
use tidegate_shared::channel::{
    self, ChannelName, FORMAT_VERSION, InShadow, InvalidStatement, OtherBundle,
    SHADOW_FORMAT_VERSION, Statement,
};
use tidegate_shared::digest::Digest;
use tidegate_shared::envelope::{InvalidEnvelope, Signed, VerifyError};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::trust::{SigningKey, TrustKeys};
use tidegate_shared::units::{Percent, Span};

use super::sink::{Sink, SinkError, Stored};

/// A channel of a store.
#[derive(Clone, Debug)]
pub struct Channel<S> {
    /// The store.
    pub sink: S,
    /// The channel's name.
    pub name: ChannelName,
    /// The keys whose statements count, and whose bundles may be published.
    pub trust: TrustKeys,
}

/// How something is published.
#[derive(Clone, Debug)]
pub struct Terms<'k> {
    /// The key that signs.
    pub key: &'k SigningKey,
    /// The time.
    pub now: UnixMillis,
    /// How long the statement holds.
    pub validity: Span,
    /// The share of readers.
    pub rollout: Percent,
    /// Only where this sequence is in force, for who goes on with what they have begun.
    pub after: Option<u64>,
}

impl Terms<'_> {
    fn for_all(&self) -> Self {
        Self {
            rollout: Percent(100),
            ..self.clone()
        }
    }
}

/// The statement that is in force.
#[derive(Clone, Debug)]
pub struct Current {
    /// What it says.
    pub statement: Statement,
    stored: Stored,
}

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The store.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// What lies where the statement should is none, or nobody trusted signed it.
    #[error(
        "`{path}` is not to be trusted: {reason}; if another key signed it, name that with `--trust FILE`"
    )]
    Statement {
        /// Where it lies.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// What is to be published is no envelope.
    #[error("not a bundle: {0}")]
    Envelope(#[from] InvalidEnvelope),
    /// What is to be published would not be accepted by readers.
    #[error("readers would refuse this bundle: {0}")]
    Bundle(#[from] VerifyError<InvalidBundle>),
    /// What is to be published again is not what it was.
    #[error("the store does not have the bundle as it was: {0}")]
    Other(#[from] OtherBundle),
    /// What is to be published again is gone.
    #[error("bundle {0} is no longer in the store")]
    Gone(Digest),
    /// The statement would not be accepted by readers.
    #[error(transparent)]
    Terms(#[from] InvalidStatement),
    /// Nothing is in force.
    #[error("nothing was published on channel `{0}` yet")]
    Empty(ChannelName),
    /// Something else is in force than what the publisher goes on with.
    #[error(
        "someone else published meanwhile: sequence {found} is in force on channel `{channel}`, not {expected}"
    )]
    Overtaken {
        /// The channel.
        channel: ChannelName,
        /// What should be in force.
        expected: u64,
        /// What is; 0 where nothing is.
        found: u64,
    },
    /// There is nothing to go back to.
    #[error("channel `{0}` has had one bundle only: there is nothing to go back to")]
    NothingBefore(ChannelName),
    /// No such statement in the history.
    #[error("channel `{0}` has no sequence {1} in its history")]
    NoSequence(ChannelName, u64),
    /// A part of the readers has to run something else than the rest.
    #[error(
        "a roll-out to {0}% needs another bundle for the others, and all readers run this one or none"
    )]
    NothingElse(u8),
}

impl<S: Sink> Channel<S> {
    /// What is in force, whether it expired or not.
    ///
    /// # Errors
    /// Where the store cannot be read, or nobody trusted says what is in force.
    pub async fn current(&self) -> Result<Option<Current>, PublishError> {
        let path = channel::statement_path(&self.name);
        let Some(stored) = self.sink.read(&path).await? else {
            return Ok(None);
        };
        let statement = self.trusted(&path, &stored.octets)?;
        Ok(Some(Current { statement, stored }))
    }

    /// A statement of this channel, of any time.
    fn trusted(&self, path: &str, octets: &[u8]) -> Result<Statement, PublishError> {
        let refused = |reason: String| PublishError::Statement {
            path: path.to_owned(),
            reason,
        };
        let signed = Signed::parse(octets).map_err(|error| refused(error.to_string()))?;
        let verified = signed.verify::<Statement>(&self.trust);
        let statement = verified
            .map_err(|error| refused(error.to_string()))?
            .into_content();
        if statement.channel == self.name {
            Ok(statement)
        } else {
            Err(refused(format!(
                "it is for channel `{}`",
                statement.channel
            )))
        }
    }

    /// What is and was in force, newest first, as many as asked for.
    ///
    /// # Errors
    /// As [`Channel::current`].
    pub async fn history(&self, limit: usize) -> Result<Vec<Statement>, PublishError> {
        let Some(current) = self.current().await? else {
            return Ok(vec![]);
        };
        let mut paths = self.sink.list(&channel::history_folder(&self.name)).await?;
        paths.sort_unstable();
        let mut statements = vec![current.statement];
        for path in paths.iter().rev() {
            if statements.len() >= limit {
                break;
            }
            if let Some(stored) = self.sink.read(path).await? {
                let statement = self.trusted(path, &stored.octets)?;
                // One that a publisher wrote down before it failed is still the current one.
                if statements
                    .last()
                    .is_some_and(|newer| newer.sequence > statement.sequence)
                {
                    statements.push(statement);
                }
            }
        }
        Ok(statements)
    }

    /// Puts a bundle into the store, and into force.
    ///
    /// # Errors
    /// [`PublishError`]; what was in force then still is.
    pub async fn publish(
        &self,
        bundle: &[u8],
        terms: &Terms<'_>,
    ) -> Result<Statement, PublishError> {
        let digest = self.acceptable(bundle)?;
        let current = self.current().await?;
        let statement = self.next(current.as_ref(), digest, terms)?;
        let octets = statement.sign(terms.key)?;
        self.sink
            .create(&channel::bundle_path(digest), bundle)
            .await?;
        self.put(current, &octets).await?;
        Ok(statement)
    }

    /// Puts a bundle into the store, and into shadow for a share of requests, beside what is in
    /// force. What is published next ends that.
    ///
    /// # Errors
    /// [`PublishError`]; what was in force then still is.
    pub async fn shadow(
        &self,
        bundle: &[u8],
        share: Percent,
        terms: &Terms<'_>,
    ) -> Result<Statement, PublishError> {
        let digest = self.acceptable(bundle)?;
        let current = self.current().await?;
        let current = current.ok_or_else(|| PublishError::Empty(self.name.clone()))?;
        let before = &current.statement;
        // In time and order as any other, and all else stays.
        let statement = Statement {
            format: SHADOW_FORMAT_VERSION,
            bundle: before.bundle,
            rollout: before.rollout,
            previous: before.previous,
            shadow: Some(InShadow {
                bundle: digest,
                share,
            }),
            ..self.next(Some(&current), before.bundle, &terms.for_all())?
        };
        let octets = statement.sign(terms.key)?;
        self.sink
            .create(&channel::bundle_path(digest), bundle)
            .await?;
        self.put(Some(current), &octets).await?;
        Ok(statement)
    }

    /// The digest of a bundle that readers would accept.
    fn acceptable(&self, bundle: &[u8]) -> Result<Digest, PublishError> {
        let signed = Signed::parse(bundle)?;
        let verified = signed.verify::<tidegate_shared::bundle::Bundle>(&self.trust)?;
        Ok(verified.digest())
    }

    /// Publishes again what was in force at that sequence, or else before the last change, under
    /// a new sequence.
    ///
    /// # Errors
    /// [`PublishError`]; what was in force then still is.
    pub async fn roll_back(
        &self,
        to: Option<u64>,
        terms: &Terms<'_>,
    ) -> Result<Statement, PublishError> {
        let current = self.current().await?;
        let current = current.ok_or_else(|| PublishError::Empty(self.name.clone()))?;
        let digest = match to {
            None => current
                .statement
                .previous
                .ok_or_else(|| PublishError::NothingBefore(self.name.clone()))?,
            Some(sequence) if sequence == current.statement.sequence => current.statement.bundle,
            Some(sequence) => self.at(sequence).await?.bundle,
        };
        let bundle = self.sink.read(&channel::bundle_path(digest)).await?;
        let bundle = bundle.ok_or(PublishError::Gone(digest))?;
        channel::open_bundle(&bundle.octets, digest, &self.trust)?;
        let statement = self.next(Some(&current), digest, terms)?;
        let octets = statement.sign(terms.key)?;
        self.put(Some(current), &octets).await?;
        Ok(statement)
    }

    async fn at(&self, sequence: u64) -> Result<Statement, PublishError> {
        let path = channel::history_path(&self.name, sequence);
        let stored = self.sink.read(&path).await?;
        let stored = stored.ok_or_else(|| PublishError::NoSequence(self.name.clone(), sequence))?;
        self.trusted(&path, &stored.octets)
    }

    fn next(
        &self,
        current: Option<&Current>,
        bundle: Digest,
        terms: &Terms<'_>,
    ) -> Result<Statement, PublishError> {
        let current = current.map(|current| &current.statement);
        let found = current.map_or(0, |current| current.sequence);
        if let Some(expected) = terms.after.filter(|after| *after != found) {
            return Err(PublishError::Overtaken {
                channel: self.name.clone(),
                expected,
                found,
            });
        }
        // What all readers run, or those whom the roll-out has not reached.
        let settled = current.and_then(|current| {
            if current.rollout.0 < 100 {
                current.previous
            } else {
                Some(current.bundle)
            }
        });
        let before = settled.filter(|settled| *settled != bundle);
        if terms.rollout.0 < 100 && before.is_none() {
            return Err(PublishError::NothingElse(terms.rollout.0));
        }
        Ok(Statement {
            format: FORMAT_VERSION,
            channel: self.name.clone(),
            sequence: found.saturating_add(1),
            issued: terms.now,
            expires: terms.now.plus(terms.validity.0),
            bundle,
            rollout: terms.rollout,
            previous: before.or_else(|| {
                let before = current.and_then(|current| current.previous);
                before.filter(|before| *before != bundle)
            }),
            shadow: None,
        })
    }

    /// Writes down what was in force, and puts the new statement in its place.
    async fn put(&self, current: Option<Current>, octets: &[u8]) -> Result<(), PublishError> {
        let path = channel::statement_path(&self.name);
        let expected = current.map(|current| (current.statement.sequence, current.stored));
        if let Some((sequence, stored)) = &expected {
            let path = channel::history_path(&self.name, *sequence);
            self.sink.create(&path, &stored.octets).await?;
        }
        let version = expected.as_ref().map(|(_, stored)| &stored.version);
        let Err(error) = self.sink.replace(&path, octets, version).await else {
            return Ok(());
        };
        // The answer to a write that happened may be lost, and trying again then finds one's own.
        match self.sink.read(&path).await {
            Ok(Some(stored)) if stored.octets == octets => Ok(()),
            Ok(_) | Err(_) => Err(error.into()),
        }
    }
}
