//! Every location counts for itself, by the whole contract.

use tidegate_limits::EmptyAt;

use super::Strategy;
use crate::scenario::LOCATIONS;
use crate::world::World;

#[derive(Debug)]
pub(crate) struct PerNode(Vec<EmptyAt>);

impl PerNode {
    pub(crate) fn new() -> Self {
        Self(vec![EmptyAt(0); LOCATIONS])
    }
}

impl Strategy for PerNode {
    fn request(&mut self, world: &mut World, location: usize) {
        let (contract, now) = (world.scenario.contract(), world.now);
        if let Some(bucket) = self.0.get_mut(location)
            && contract.space(*bucket, now) > 0
        {
            *bucket = contract.fill(*bucket, 1, now);
            world.meter.admit(now);
        }
    }

    fn isolate(&mut self, _: &mut World, location: usize) {
        if let Some(bucket) = self.0.get_mut(location) {
            *bucket = EmptyAt(0);
        }
    }
}
