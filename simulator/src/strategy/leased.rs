//! Leases, by the functions that the gateway runs.

use tidegate_limits::{Answer, Ask, Holding, Ledger, Renewal, Spend};

use super::Strategy;
use crate::scenario::LOCATIONS;
use crate::world::World;

#[derive(Debug)]
pub(crate) struct Leased {
    ledger: Ledger,
    places: Vec<Place>,
    calls: Vec<Call>,
}

#[derive(Debug)]
struct Place {
    /// `None` before the isolate's first request.
    holding: Option<Holding>,
    /// Calls of isolates that are gone reach nobody.
    isolate: usize,
    /// Requests that go on with the next answer.
    waiting: u32,
}

#[derive(Debug)]
struct Call {
    isolate: usize,
    ask: Ask,
    answer: Option<Answer>,
    done: bool,
}

impl Leased {
    pub(crate) fn new() -> Self {
        Self {
            ledger: Ledger::default(),
            places: (0..LOCATIONS)
                .map(|_| Place {
                    holding: None,
                    isolate: 0,
                    waiting: 0,
                })
                .collect(),
            calls: Vec::new(),
        }
    }

    fn send(&mut self, world: &mut World, location: usize, renewal: Renewal) {
        let isolate = self.places.get(location).map_or(0, |place| place.isolate);
        self.calls.push(Call {
            isolate,
            ask: Ask::Renew(renewal),
            answer: None,
            done: false,
        });
        world.call(location, self.calls.len() - 1);
    }

    /// The holding that a call belongs to, and the call, if it is still under way.
    fn end(&mut self, location: usize, message: usize) -> Option<(&mut Place, &mut Call)> {
        let call = self.calls.get_mut(message).filter(|call| !call.done)?;
        call.done = true;
        let place = self.places.get_mut(location)?;
        (place.isolate == call.isolate).then_some((place, call))
    }
}

impl Strategy for Leased {
    fn request(&mut self, world: &mut World, location: usize) {
        let (contract, now) = (world.scenario.contract(), world.now);
        let id = world.draw();
        let Some(place) = self.places.get_mut(location) else {
            return;
        };
        let holding = place.holding.get_or_insert_with(|| Holding::new(id, now));
        holding.demand(1);
        match holding.spend(1, now) {
            Spend::Admitted => world.meter.admit(now),
            Spend::Starved => {
                world.meter.wait(now);
                place.waiting += 1;
                if !holding.is_renewing(now) {
                    let renewal = holding.renew(contract, 1, now);
                    self.send(world, location, renewal);
                }
                return;
            }
            Spend::Unreachable => {
                let rule = world.scenario.when_unreachable;
                if holding.admit_unreachable(rule, contract, 1, now) {
                    world.meter.admit(now);
                }
            }
            Spend::Denied(_) => {}
        }
        if holding.is_due(contract, now) {
            let renewal = holding.renew(contract, 0, now);
            self.send(world, location, renewal);
        }
    }

    fn round(&mut self, world: &mut World, location: usize) {
        let (contract, now) = (world.scenario.contract(), world.now);
        let place = self.places.get_mut(location);
        let holding = place.and_then(|place| place.holding.as_mut());
        if let Some(holding) = holding.filter(|_| world.scenario.timer)
            && holding.lasts(contract, now)
            && holding.is_due(contract, now)
        {
            let renewal = holding.renew(contract, 0, now);
            self.send(world, location, renewal);
        }
    }

    fn isolate(&mut self, _: &mut World, location: usize) {
        if let Some(place) = self.places.get_mut(location) {
            place.holding = None;
            place.isolate += 1;
            place.waiting = 0;
        }
    }

    fn question(&mut self, world: &mut World, location: usize, message: usize) {
        if let Some(call) = self.calls.get_mut(message) {
            let contract = world.scenario.contract();
            let answer = self.ledger.answer(contract, &call.ask, world.now);
            call.answer = Some(answer);
            world.reply(location, message);
        }
    }

    fn answer(&mut self, world: &mut World, location: usize, message: usize) {
        let (contract, now) = (world.scenario.contract(), world.now);
        let Some((place, call)) = self.end(location, message) else {
            return;
        };
        let (Some(holding), Some(Answer::Grant(grant))) = (&mut place.holding, call.answer) else {
            return;
        };
        holding.receive(&grant, now);
        while place.waiting > 0 && holding.spend(1, now) == Spend::Admitted {
            place.waiting -= 1;
            world.meter.admit(now);
        }
        if place.waiting > 0 && holding.spend(1, now) == Spend::Starved {
            let renewal = holding.renew(contract, place.waiting, now);
            self.send(world, location, renewal);
        } else {
            place.waiting = 0;
        }
    }

    fn give_up(&mut self, world: &mut World, location: usize, message: usize) {
        let now = world.now;
        if let Some((place, _)) = self.end(location, message) {
            place.waiting = 0;
            if let Some(holding) = &mut place.holding {
                holding.lose(now);
            }
        }
    }
}
