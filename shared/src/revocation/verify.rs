//! Whether a list comes into force: one question, with an answer for each attack.

use super::{InvalidRevocations, MAX_LIST, Revocations};
use crate::channel::{CLOCK_SKEW, Seen};
use crate::envelope::{InvalidEnvelope, Signed, Verified, VerifyError};
use crate::time::UnixMillis;
use crate::trust::TrustKeys;

/// Why a list does not come into force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// More octets than [`MAX_LIST`].
    #[error("the list has {0} octets, more than {MAX_LIST}")]
    TooLarge(usize),
    /// It is no envelope.
    #[error(transparent)]
    Envelope(#[from] InvalidEnvelope),
    /// It is not signed by a trusted key, or is no list.
    #[error(transparent)]
    Verify(#[from] VerifyError<InvalidRevocations>),
    /// An older list in place of the newest.
    #[error("sequence {found} is older than {seen}: a rollback")]
    Rollback {
        /// The newest one accepted.
        seen: u64,
        /// The list's.
        found: u64,
    },
    /// Two lists of one sequence.
    #[error("another list of sequence {0} was accepted before")]
    Equivocation(u64),
    /// It expired: whoever shows it shows nothing new.
    #[error("the list expired {} s ago", now.since(*expires) / 1000)]
    Expired {
        /// When it expired.
        expires: UnixMillis,
        /// The reader's time.
        now: UnixMillis,
    },
    /// It was issued later than now: one of the two clocks is wrong, and by the reader's nothing
    /// would ever expire.
    #[error("the list is issued {} s from now: one of the clocks is wrong", issued.since(*now) / 1000)]
    FromTheFuture {
        /// When it was issued.
        issued: UnixMillis,
        /// The reader's time.
        now: UnixMillis,
    },
}

/// Checks a list against the newest one that its reader accepted.
///
/// # Errors
/// [`Refused`], with the first reason found; what is in force then stays.
pub fn verify(
    octets: &[u8],
    trust: &TrustKeys,
    seen: Option<Seen>,
    now: UnixMillis,
) -> Result<Verified<Revocations>, Refused> {
    if octets.len() > MAX_LIST {
        return Err(Refused::TooLarge(octets.len()));
    }
    let verified = Signed::parse(octets)?.verify::<Revocations>(trust)?;
    let list = verified.content();
    if let Some(seen) = seen {
        if list.sequence < seen.sequence {
            return Err(Refused::Rollback {
                seen: seen.sequence,
                found: list.sequence,
            });
        }
        if list.sequence == seen.sequence && verified.digest() != seen.digest {
            return Err(Refused::Equivocation(seen.sequence));
        }
    }
    if now >= list.expires {
        return Err(Refused::Expired {
            expires: list.expires,
            now,
        });
    }
    if list.issued > now.plus(CLOCK_SKEW) {
        return Err(Refused::FromTheFuture {
            issued: list.issued,
            now,
        });
    }
    Ok(verified)
}
