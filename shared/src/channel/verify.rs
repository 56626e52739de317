//! Whether a statement is to be followed: one question, with an answer for each attack.

use super::{ChannelName, InvalidStatement, MAX_STATEMENT, Statement};
use crate::bundle::{Bundle, InvalidBundle};
use crate::digest::Digest;
use crate::envelope::{InvalidEnvelope, Signed, Verified, VerifyError};
use crate::time::UnixMillis;
use crate::trust::{KeyId, TrustKeys};

/// How far a sequence may run ahead. A million publications are no more than a mistake, or
/// someone who wants no later one to be accepted (TUF calls it fast-forward).
pub const MAX_LEAP: u64 = 1_000_000;
/// How far the clocks of publisher and reader may be apart, in milliseconds.
pub const CLOCK_SKEW: u64 = 5 * 60_000;

/// A statement that was accepted before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its sequence.
    pub sequence: u64,
    /// The digest of its envelope.
    pub digest: Digest,
}

impl From<&Verified<Statement>> for Seen {
    fn from(statement: &Verified<Statement>) -> Self {
        Self {
            sequence: statement.content().sequence,
            digest: statement.digest(),
        }
    }
}

/// What a reader knows.
#[derive(Clone, Copy, Debug)]
pub struct Knowledge<'a> {
    /// The channel that it follows.
    pub channel: &'a ChannelName,
    /// The keys whose statements it accepts.
    pub trust: &'a TrustKeys,
    /// The newest statement that it accepted.
    pub seen: Option<Seen>,
    /// The least sequence, which its operator has pinned; 0 pins nothing. It is what protects a
    /// reader that has seen nothing yet.
    pub minimum: u64,
    /// The time.
    pub now: UnixMillis,
}

/// Why a statement is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It ends early.
    #[error("the statement is truncated")]
    Truncated,
    /// It is none: no envelope, or the envelope of something else, or over its bounds.
    #[error("not a statement: {0}")]
    NotOurs(String),
    /// A key signed that is not trusted.
    #[error("the statement is signed by key `{0}`, which is not trusted")]
    UnknownKey(KeyId),
    /// The signature does not hold.
    #[error("the statement's signature by key `{0}` does not hold")]
    Forged(KeyId),
    /// It is another channel's.
    #[error("the statement is for channel `{found}`, expected `{expected}`")]
    OtherChannel {
        /// The channel that is followed.
        expected: ChannelName,
        /// The statement's.
        found: ChannelName,
    },
    /// Its sequence is below the one that the operator pinned.
    #[error("sequence {found} is below the pinned minimum {minimum}")]
    BelowMinimum {
        /// The pinned one.
        minimum: u64,
        /// The statement's.
        found: u64,
    },
    /// An older statement in place of the newest.
    #[error("sequence {found} is older than {seen}: a rollback")]
    Rollback {
        /// The newest one accepted.
        seen: u64,
        /// The statement's.
        found: u64,
    },
    /// Two statements of one sequence.
    #[error("another statement of sequence {0} was accepted before")]
    Equivocation(u64),
    /// Its sequence runs ahead of what can be.
    #[error("sequence {found} is more than {MAX_LEAP} after {known}")]
    FastForward {
        /// The newest one accepted, or the pinned one.
        known: u64,
        /// The statement's.
        found: u64,
    },
    /// It expired: whoever shows it shows nothing new.
    #[error("the statement expired {} s ago: nothing newer is shown", now.since(*expires) / 1000)]
    Frozen {
        /// When it expired.
        expires: UnixMillis,
        /// The reader's time.
        now: UnixMillis,
    },
    /// It was issued later than now: one of the two clocks is wrong, and by the reader's nothing
    /// would ever expire.
    #[error("the statement is issued {} s from now: one of the clocks is wrong", issued.since(*now) / 1000)]
    FromTheFuture {
        /// When it was issued.
        issued: UnixMillis,
        /// The reader's time.
        now: UnixMillis,
    },
}

impl Refused {
    /// A stable name, for logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::NotOurs(_) => "not-ours",
            Self::UnknownKey(_) => "unknown-key",
            Self::Forged(_) => "forged",
            Self::OtherChannel { .. } => "other-channel",
            Self::BelowMinimum { .. } => "below-minimum",
            Self::Rollback { .. } => "rollback",
            Self::Equivocation(_) => "equivocation",
            Self::FastForward { .. } => "fast-forward",
            Self::Frozen { .. } => "frozen",
            Self::FromTheFuture { .. } => "from-the-future",
        }
    }
}

impl From<InvalidEnvelope> for Refused {
    fn from(error: InvalidEnvelope) -> Self {
        match error {
            InvalidEnvelope::Truncated => Self::Truncated,
            other @ (InvalidEnvelope::TooLarge(_)
            | InvalidEnvelope::NotCose(_)
            | InvalidEnvelope::TrailingOctets
            | InvalidEnvelope::Header
            | InvalidEnvelope::NotDeterministic) => Self::NotOurs(other.to_string()),
        }
    }
}

impl From<VerifyError<InvalidStatement>> for Refused {
    fn from(error: VerifyError<InvalidStatement>) -> Self {
        match error {
            VerifyError::UnknownKey(key) => Self::UnknownKey(key),
            VerifyError::Signature(key) => Self::Forged(key),
            other @ (VerifyError::ContentType { .. } | VerifyError::Content(_)) => {
                Self::NotOurs(other.to_string())
            }
        }
    }
}

/// Checks a statement against what its reader knows.
///
/// # Errors
/// [`Refused`], with the first reason found; what is in force then stays.
pub fn verify(octets: &[u8], known: &Knowledge<'_>) -> Result<Verified<Statement>, Refused> {
    if octets.len() > MAX_STATEMENT {
        return Err(InvalidEnvelope::TooLarge(octets.len()).into());
    }
    let verified = Signed::parse(octets)?.verify::<Statement>(known.trust)?;
    let statement = verified.content();
    if statement.channel != *known.channel {
        return Err(Refused::OtherChannel {
            expected: known.channel.clone(),
            found: statement.channel.clone(),
        });
    }
    in_order(known, (&verified).into())?;
    in_time(known.now, statement)?;
    Ok(verified)
}

fn in_order(known: &Knowledge<'_>, found: Seen) -> Result<(), Refused> {
    if let Some(seen) = known.seen {
        if found.sequence < seen.sequence {
            return Err(Refused::Rollback {
                seen: seen.sequence,
                found: found.sequence,
            });
        }
        if found.sequence == seen.sequence && found.digest != seen.digest {
            return Err(Refused::Equivocation(seen.sequence));
        }
    }
    if found.sequence < known.minimum {
        return Err(Refused::BelowMinimum {
            minimum: known.minimum,
            found: found.sequence,
        });
    }
    let newest = known
        .seen
        .map_or(0, |seen| seen.sequence)
        .max(known.minimum);
    if found.sequence.saturating_sub(newest) > MAX_LEAP {
        return Err(Refused::FastForward {
            known: newest,
            found: found.sequence,
        });
    }
    Ok(())
}

fn in_time(now: UnixMillis, statement: &Statement) -> Result<(), Refused> {
    if now >= statement.expires {
        return Err(Refused::Frozen {
            expires: statement.expires,
            now,
        });
    }
    if statement.issued > now.plus(CLOCK_SKEW) {
        return Err(Refused::FromTheFuture {
            issued: statement.issued,
            now,
        });
    }
    Ok(())
}

/// Why what a store gave is not the bundle that a statement names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OtherBundle {
    /// It ends early, which says more than that its digest is another.
    #[error("the bundle is truncated")]
    Truncated,
    /// Something else lies under the bundle's name.
    #[error("the statement names bundle {expected}, the store has {found}")]
    Exchanged {
        /// The one that the statement names.
        expected: Digest,
        /// What was read.
        found: Digest,
    },
    /// It is the one, and no envelope.
    #[error(transparent)]
    Envelope(InvalidEnvelope),
    /// It is the one, and not trusted or no bundle.
    #[error(transparent)]
    Verify(#[from] VerifyError<InvalidBundle>),
}

impl OtherBundle {
    /// A stable name, for logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Truncated => "bundle-truncated",
            Self::Exchanged { .. } => "bundle-exchanged",
            Self::Envelope(_) => "bundle-not-ours",
            Self::Verify(_) => "bundle-not-trusted",
        }
    }
}

/// Opens the bundle that a statement names: that one and no other, which must be signed itself.
///
/// # Errors
/// [`OtherBundle`].
pub fn open_bundle(
    octets: &[u8],
    expected: Digest,
    trust: &TrustKeys,
) -> Result<Verified<Bundle>, OtherBundle> {
    let found = Digest::of(octets);
    match Signed::parse(octets) {
        Err(InvalidEnvelope::Truncated) if found != expected => Err(OtherBundle::Truncated),
        Err(error) if found == expected => Err(OtherBundle::Envelope(error)),
        Ok(signed) if found == expected => Ok(signed.verify(trust)?),
        Ok(_) | Err(_) => Err(OtherBundle::Exchanged { expected, found }),
    }
}
