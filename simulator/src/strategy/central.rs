//! Every request asks the authority.

use tidegate_limits::{Ask, Ledger};

use super::Strategy;
use crate::world::World;

#[derive(Debug, Default)]
pub(crate) struct Central {
    ledger: Ledger,
    /// For each call, whether it was granted.
    granted: Vec<bool>,
}

impl Strategy for Central {
    fn request(&mut self, world: &mut World, location: usize) {
        self.granted.push(false);
        let now = world.now;
        world.meter.wait(now);
        world.call(location, self.granted.len() - 1);
    }

    fn question(&mut self, world: &mut World, location: usize, message: usize) {
        let (contract, now) = (world.scenario.contract(), world.now);
        let answer = self.ledger.answer(contract, &Ask::Spend(1), now);
        let spent = answer.to_spending(1).is_some_and(|spent| spent.tokens == 1);
        if let Some(granted) = self.granted.get_mut(message) {
            *granted = spent;
        }
        // By the time at which it is counted: the answer's way is no fault of the count.
        if spent {
            world.meter.admit(now);
        }
        world.reply(location, message);
    }
}
