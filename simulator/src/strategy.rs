//! Ways to keep one limit in many places.

mod central;
mod leased;
mod per_node;
mod synchronised;

pub(crate) use central::Central;
pub(crate) use leased::Leased;
pub(crate) use per_node::PerNode;
pub(crate) use synchronised::Synchronised;

use crate::world::World;

/// What a way does at each event. Messages are numbers that it gives out.
pub(crate) trait Strategy {
    fn request(&mut self, world: &mut World, location: usize);
    fn isolate(&mut self, _: &mut World, _location: usize) {}
    fn question(&mut self, _: &mut World, _location: usize, _message: usize) {}
    fn answer(&mut self, _: &mut World, _location: usize, _message: usize) {}
    fn give_up(&mut self, _: &mut World, _location: usize, _message: usize) {}
    fn round(&mut self, _: &mut World, _location: usize) {}
}
