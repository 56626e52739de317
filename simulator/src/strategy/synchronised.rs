//! Every location counts for itself what it admits, and once a second tells a central count and
//! learns what the others admitted.

use tidegate_limits::EmptyAt;

use super::Strategy;
use crate::scenario::LOCATIONS;
use crate::world::World;

#[derive(Debug)]
pub(crate) struct Synchronised {
    /// What each location takes for the bucket of all.
    known: Vec<EmptyAt>,
    /// What it has admitted since it last told.
    untold: Vec<u64>,
    central: EmptyAt,
    /// What each message carries: tokens there, a bucket back.
    messages: Vec<(u64, EmptyAt)>,
}

impl Synchronised {
    pub(crate) fn new() -> Self {
        Self {
            known: vec![EmptyAt(0); LOCATIONS],
            untold: vec![0; LOCATIONS],
            central: EmptyAt(0),
            messages: Vec::new(),
        }
    }
}

impl Strategy for Synchronised {
    fn request(&mut self, world: &mut World, location: usize) {
        let (contract, now) = (world.scenario.contract(), world.now);
        if let (Some(known), Some(untold)) =
            (self.known.get_mut(location), self.untold.get_mut(location))
            && contract.space(*known, now) > 0
        {
            *known = contract.fill(*known, 1, now);
            *untold += 1;
            world.meter.admit(now);
        }
    }

    fn round(&mut self, world: &mut World, location: usize) {
        let untold = self.untold.get_mut(location).map(std::mem::take);
        self.messages.push((untold.unwrap_or(0), EmptyAt(0)));
        world.call(location, self.messages.len() - 1);
    }

    fn question(&mut self, world: &mut World, location: usize, message: usize) {
        if let Some((untold, bucket)) = self.messages.get_mut(message) {
            let contract = world.scenario.contract();
            self.central = contract.fill(self.central, *untold, world.now);
            *bucket = self.central;
        }
        world.reply(location, message);
    }

    fn answer(&mut self, world: &mut World, location: usize, message: usize) {
        let untold = self.untold.get(location).copied().unwrap_or(0);
        if let (Some(known), Some((_, bucket))) =
            (self.known.get_mut(location), self.messages.get(message))
        {
            *known = world.scenario.contract().fill(*bucket, untold, world.now);
        }
    }
}
