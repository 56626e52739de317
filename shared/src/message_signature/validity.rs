//! When a signature is good (RFC 9421 §2.3, §3.2.1).

use super::Parameters;
use crate::time::UnixMillis;
use crate::units::Span;

/// How old a signature may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// How long ago it may have been made.
    pub max_age: Span,
    /// How far clocks may differ.
    pub leeway: Span,
}

/// Why a signature is not good now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Outdated {
    /// It does not say when it was made.
    #[error("it does not say when it was created")]
    Undated,
    /// It was made in the future.
    #[error("it was created in the future")]
    NotYet,
    /// It was made too long ago, or has ended.
    #[error("it is too old, or has expired")]
    Expired,
}

impl Validity {
    /// Holds a signature's dates against the time.
    ///
    /// # Errors
    /// [`Outdated`].
    pub fn check(&self, parameters: &Parameters, now: UnixMillis) -> Result<(), Outdated> {
        let millis = |seconds: u64| UnixMillis(seconds.saturating_mul(1000));
        let created = millis(parameters.created.ok_or(Outdated::Undated)?);
        if created > now.plus(self.leeway.0) {
            return Err(Outdated::NotYet);
        }
        // `created` has no fractions of a second: what it leaves out is not the signature's age.
        let age = UnixMillis(now.seconds().saturating_mul(1000)).since(created);
        let old = age > self.max_age.0.saturating_add(self.leeway.0);
        let ended = parameters
            .expires
            .is_some_and(|expires| millis(expires).plus(self.leeway.0) <= now);
        if old || ended {
            Err(Outdated::Expired)
        } else {
            Ok(())
        }
    }

    /// The second from which on a signature with these dates is no more good, whatever its
    /// `expires`. Until then whoever takes it once remembers it.
    pub fn ends(&self, parameters: &Parameters) -> u64 {
        let age = self.max_age.0.saturating_add(self.leeway.0);
        let created = parameters.created.unwrap_or_default();
        created.saturating_add(age / 1000).saturating_add(1)
    }
}
