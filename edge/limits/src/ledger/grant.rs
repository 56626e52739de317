//! How much of what is free a holder gets.

use crate::contract::Contract;
use crate::message::WHOLE;
use crate::{LIFETIME, horizon};

/// What a holder asks for, beside what others do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    /// Tokens wanted now.
    pub(super) want: u32,
    /// Tokens that the holder uses in one horizon.
    pub(super) demand: u32,
    /// Tokens that all other holders use in one horizon.
    pub(super) others: u64,
}

/// What it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Portion {
    pub(super) tokens: u32,
    /// Milliseconds until asking again makes sense; zero where all was granted.
    pub(super) retry_after: u32,
}

impl Portion {
    pub(super) const NONE: Self = Self {
        tokens: 0,
        #[expect(clippy::cast_possible_truncation, reason = "20,000")]
        retry_after: LIFETIME as u32,
    };
}

/// Of what is free, a holder gets this many times its part of all demand. More than once, as not
/// all holders come at the same time: what waits for those who come later is used by nobody.
const HASTE: u64 = 4;

impl Claim {
    fn own(&self) -> u64 {
        u64::from(self.demand.max(1))
    }

    fn all(&self) -> u64 {
        self.own().saturating_add(self.others)
    }

    /// The part of all demand, in 65,536ths.
    pub(super) fn share(&self) -> u32 {
        let share = self
            .own()
            .saturating_mul(WHOLE.into())
            .checked_div(self.all());
        share
            .and_then(|share| u32::try_from(share).ok())
            .unwrap_or(0)
    }
}

/// Into how many parts a horizon is cut where tokens are scarce: holders then hold less at a time,
/// so that little lies unused with some while others are refused, and come again sooner.
const CUT: u64 = 4;

/// Where all demand fits, everyone gets what it wants; else its part of what is free.
pub(super) fn divide(contract: Contract, claim: &Claim, free: u32) -> Portion {
    let (own, all) = (claim.own(), claim.all());
    let most = if all > u64::from(free) {
        let part = u64::from(free).saturating_mul(HASTE).saturating_mul(own) / all;
        part.clamp(1, own.div_ceil(CUT)).min(free.into())
    } else {
        free.into()
    };
    let tokens = claim.want.min(u32::try_from(most).unwrap_or(free));
    let missing = claim.want.saturating_sub(tokens);
    if missing == 0 {
        return Portion {
            tokens,
            retry_after: 0,
        };
    }
    // The holder's part of the rate fills the gap in this time.
    let gap = contract.wait(missing.into()).unwrap_or(u64::MAX);
    let gap = gap.saturating_mul(all).div_ceil(own);
    let retry_after = gap.min(horizon(contract) / CUT).max(1);
    Portion {
        tokens,
        retry_after: u32::try_from(retry_after).unwrap_or(u32::MAX),
    }
}
