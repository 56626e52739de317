//! What a holder does while its authority does not answer.

use tidegate_shared::bundle::Unreachable;
use tidegate_shared::time::UnixMillis;

use crate::LIFETIME;
use crate::contract::{Contract, EmptyAt};
use crate::message::WHOLE;

/// The part of the rate that the holder had when the authority last answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Fallback {
    /// In 65,536ths.
    share: u32,
    reached: UnixMillis,
    bucket: EmptyAt,
}

impl Fallback {
    pub(super) fn reach(&mut self, share: u32, now: UnixMillis) {
        *self = Self {
            share,
            reached: now,
            bucket: EmptyAt(0),
        };
    }

    pub(super) fn admit(
        &mut self,
        rule: Unreachable,
        contract: Contract,
        tokens: u32,
        now: UnixMillis,
    ) -> bool {
        match rule {
            Unreachable::Refuse => false,
            Unreachable::Allow => true,
            Unreachable::Local => self.admit_locally(contract, tokens, now),
        }
    }

    fn admit_locally(&mut self, contract: Contract, tokens: u32, now: UnixMillis) -> bool {
        // Nothing comes back of which there could be a part.
        if contract.lasts().is_some() {
            return false;
        }
        let halvings = now.since(self.reached) / LIFETIME;
        let share = u32::try_from(halvings)
            .ok()
            .and_then(|halvings| self.share.checked_shr(halvings));
        let share = u64::from(share.unwrap_or(0));
        // A third of the burst, as the share of it: what a lease would have held.
        let Some(cost) = contract
            .drain(tokens.into())
            .saturating_mul(WHOLE.into())
            .checked_div(share)
        else {
            return false;
        };
        let room = (contract.capacity() / 3).max(cost);
        let fits = contract.level(self.bucket, now).saturating_add(cost) <= room;
        if fits {
            self.bucket = EmptyAt(
                self.bucket
                    .0
                    .max(now.0.saturating_mul(1_000_000))
                    .saturating_add(cost),
            );
        }
        fits
    }
}
