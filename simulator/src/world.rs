//! Locations, the calendar of events, and what travels between locations and authority.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use fastrand::Rng;
use tidegate_shared::time::UnixMillis;

use crate::meter::{Figures, Meter};
use crate::scenario::{END, LOCATIONS, Scenario};
use crate::strategy::Strategy;

/// What happens at a time. What a strategy sends is for it to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// A request comes to a location.
    Request(usize),
    /// A location's isolate ends, and another begins.
    Isolate(usize),
    /// A message reaches the authority.
    Question(usize, usize),
    /// A message reaches a location.
    Answer(usize, usize),
    /// A call that was not answered is given up.
    GiveUp(usize, usize),
    /// It is time for a location's next round.
    Round(usize),
}

/// Milliseconds after which a call is given up.
const PATIENCE: u64 = 2_000;

/// The state of the world that strategies share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) now: UnixMillis,
    pub(crate) meter: Meter,
    calendar: BinaryHeap<Reverse<(u64, u64, Event)>>,
    entries: u64,
    rng: Rng,
    /// Requests a millisecond.
    demand: Vec<f64>,
    /// Milliseconds.
    round_trip: Vec<u64>,
}

/// Runs a scenario.
pub(crate) fn run(scenario: &Scenario, seed: u64, strategy: &mut impl Strategy) -> Figures {
    let mut world = World::new(scenario, seed);
    for location in 0..LOCATIONS {
        world.next_request(location);
        world.next_isolate(location);
        let first = world.rng.u64(0..1_000);
        world.schedule(first, Event::Round(location));
    }
    while let Some(Reverse((at, _, event))) = world.calendar.pop() {
        if at >= END {
            break;
        }
        world.now = UnixMillis(at);
        match event {
            Event::Request(location) => {
                world.next_request(location);
                let now = world.now;
                world.meter.arrive(now);
                strategy.request(&mut world, location);
            }
            Event::Isolate(location) => {
                world.next_isolate(location);
                strategy.isolate(&mut world, location);
            }
            Event::Question(location, message) => {
                strategy.question(&mut world, location, message);
            }
            Event::Answer(location, message) => strategy.answer(&mut world, location, message),
            Event::GiveUp(location, message) => strategy.give_up(&mut world, location, message),
            Event::Round(location) => {
                world.schedule(1_000, Event::Round(location));
                strategy.round(&mut world, location);
            }
        }
    }
    world.meter.figures()
}

impl World {
    fn new(scenario: &Scenario, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let ranks = 1..=u16::try_from(LOCATIONS).unwrap_or(u16::MAX);
        let weights: Vec<f64> = ranks
            .map(|rank| f64::from(rank).powf(-scenario.zipf))
            .collect();
        let all: f64 = weights.iter().sum();
        let demand = scenario.load * f64::from(scenario.rate) / 1_000.0;
        Self {
            meter: Meter::new(scenario.contract()),
            scenario: scenario.clone(),
            now: UnixMillis(0),
            calendar: BinaryHeap::new(),
            entries: 0,
            demand: weights.iter().map(|weight| weight / all * demand).collect(),
            round_trip: (0..LOCATIONS).map(|_| rng.u64(10..=210)).collect(),
            rng,
        }
    }

    pub(crate) fn schedule(&mut self, after: u64, event: Event) {
        self.entries += 1;
        let entry = (self.now.0.saturating_add(after), self.entries, event);
        self.calendar.push(Reverse(entry));
    }

    /// Sends a question; if nothing comes back, it is given up.
    pub(crate) fn call(&mut self, location: usize, message: usize) {
        let now = self.now;
        self.meter.call(now);
        if self.reaches(location) {
            let way = self.way(location);
            self.schedule(way, Event::Question(location, message));
        }
        self.schedule(PATIENCE, Event::GiveUp(location, message));
    }

    /// Sends an answer.
    pub(crate) fn reply(&mut self, location: usize, message: usize) {
        if self.reaches(location) {
            // What comes while the authority stands still is answered afterwards.
            let stall = match self.now.0 % 5_000 {
                since @ 0..100 if self.scenario.stalls => 100 - since,
                _ => 0,
            };
            let way = self.way(location);
            self.schedule(way + stall, Event::Answer(location, message));
        }
    }

    pub(crate) fn draw(&mut self) -> u64 {
        self.rng.u64(..)
    }

    fn way(&self, location: usize) -> u64 {
        self.round_trip.get(location).map_or(0, |trip| trip / 2)
    }

    fn reaches(&self, location: usize) -> bool {
        let apart = location % 2 == 1 && within(self.scenario.partition, self.now);
        !apart
    }

    fn next_request(&mut self, location: usize) {
        let surge = location.is_multiple_of(10) && within(self.scenario.surge, self.now);
        let demand = self.demand.get(location).copied().unwrap_or(0.0);
        let pause = self.pause(1.0 / (demand * if surge { 20.0 } else { 1.0 }));
        self.schedule(pause, Event::Request(location));
    }

    fn next_isolate(&mut self, location: usize) {
        if let Some(life) = self.scenario.isolate_life {
            #[expect(clippy::cast_precision_loss, reason = "a minute")]
            let pause = self.pause(life as f64);
            self.schedule(pause, Event::Isolate(location));
        }
    }

    /// A draw from the exponential distribution. Part of a millisecond counts as one or none, so
    /// that the mean is kept.
    fn pause(&mut self, mean: f64) -> u64 {
        let pause = -mean * (1.0 - self.rng.f64()).ln() + self.rng.f64();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive; casts of floats saturate"
        )]
        let pause = pause as u64;
        pause
    }
}

fn within(period: Option<(u64, u64)>, now: UnixMillis) -> bool {
    period.is_some_and(|(from, until)| (from..until).contains(&now.0))
}
