//! Tokens for one request that must ask several authorities, and goes on only if all of them give.

use crate::message::Renewal;

/// A lease for one request. What becomes of it is said in a second renewal; where that is lost,
/// the tokens count as used when the lease ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    holder: u64,
    tokens: u32,
}

impl Reservation {
    /// A reservation of so many tokens. `holder` must be unpredictable, and never used before.
    pub fn new(holder: u64, tokens: u32) -> Self {
        Self { holder, tokens }
    }

    /// Asks for the tokens. They may be used if all of them are granted.
    pub fn ask(self) -> Renewal {
        Renewal {
            sequence: 1,
            want: self.tokens,
            ..self.message()
        }
    }

    /// Says that the tokens are used.
    pub fn used(self) -> Renewal {
        Renewal {
            used: self.tokens.into(),
            ..self.message()
        }
    }

    /// Gives back what was granted.
    pub fn give_back(self) -> Renewal {
        self.message()
    }

    fn message(self) -> Renewal {
        Renewal {
            holder: self.holder,
            sequence: 2,
            used: 0,
            left: 0,
            want: 0,
            demand: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use tidegate_shared::time::UnixMillis;
    use tidegate_shared::units::Rate;

    use super::*;
    use crate::{Ask, Contract, Ledger};

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

    #[test]
    fn what_is_reserved_is_used_or_comes_back() {
        let rate = Rate {
            count: 60,
            period: 60,
        };
        let contract = Contract::new(rate, 5);
        let free_after = |end: fn(Reservation) -> Renewal| {
            let mut ledger = Ledger::default();
            let reservation = Reservation::new(7, 3);
            let ask = Ask::Renew(reservation.ask());
            let grant = ledger.answer(contract, &ask, NOW);
            let grant = grant.to_renewal(&reservation.ask()).unwrap();
            assert_eq!((grant.granted, ledger.free(contract, NOW)), (3, 2));
            ledger.answer(contract, &Ask::Renew(end(reservation)), NOW);
            assert_eq!(ledger.outstanding(), 0);
            ledger.free(contract, NOW)
        };
        assert_eq!(free_after(Reservation::used), 2);
        assert_eq!(free_after(Reservation::give_back), 5);
    }
}
