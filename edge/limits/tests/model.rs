//! Every interleaving of a small world, by model checking: two holders and an authority, a
//! network that loses, repeats, delays and reorders, and a restart of each side.

#![cfg(test)]

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use stateright::{Checker, Model, Property};
use tidegate_limits::{
    Answer, Ask, Contract, EmptyAt, GRACE, Grant, Holding, LIFETIME, Ledger, Renewal, Spend,
};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Rate;

const START: UnixMillis = UnixMillis(1_000_000);

/// One token in 15 s, two at once: within two leases the bucket drains and fills again.
fn contract() -> Contract {
    Contract::new(
        Rate {
            count: 4,
            period: 60,
        },
        2,
    )
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct World {
    now: UnixMillis,
    ledger: Ledger,
    holders: [Holding; 2],
    /// All that was ever sent: any of it may arrive at any time, or never.
    questions: BTreeSet<(usize, Renewal)>,
    answers: BTreeSet<(usize, Grant)>,
    authority_restarts: u8,
    holder_restarts: u8,
    /// The bucket as it would be had it seen each request when it was admitted.
    truth: EmptyAt,
}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.now, &self.ledger, &self.holders, self.truth).hash(state);
        (&self.questions, &self.answers).hash(state);
        (self.authority_restarts, self.holder_restarts).hash(state);
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Action {
    Pass(u64),
    Request(usize),
    Return(usize),
    Ask(usize, Renewal),
    Answer(usize, Grant),
    RestartAuthority,
    RestartHolder(usize),
}

/// How far a run goes.
struct Small {
    renewals: usize,
    until: UnixMillis,
}

impl Model for Small {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            now: START,
            ledger: Ledger::default(),
            holders: [Holding::new(1, START), Holding::new(2, START)],
            questions: BTreeSet::new(),
            answers: BTreeSet::new(),
            authority_restarts: 0,
            holder_restarts: 0,
            truth: EmptyAt(0),
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for step in [11_000, LIFETIME + GRACE] {
            if world.now.plus(step) <= self.until {
                actions.push(Action::Pass(step));
            }
        }
        for holder in 0..2 {
            actions.push(Action::Request(holder));
            if world.holders[holder].usable(world.now) > 0 && world.questions.len() < self.renewals
            {
                actions.push(Action::Return(holder));
            }
        }
        for (holder, renewal) in &world.questions {
            actions.push(Action::Ask(*holder, *renewal));
        }
        for (holder, grant) in &world.answers {
            actions.push(Action::Answer(*holder, *grant));
        }
        if world.authority_restarts == 0 {
            actions.push(Action::RestartAuthority);
        }
        if world.holder_restarts == 0 {
            actions.push(Action::RestartHolder(0));
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let (mut world, contract) = (last.clone(), contract());
        let now = world.now;
        match action {
            Action::Pass(millis) => world.now = now.plus(millis),
            Action::Request(holder) => {
                let holding = &mut world.holders[holder];
                holding.demand(1);
                match holding.spend(1, now) {
                    Spend::Admitted => world.truth = contract.fill(world.truth, 1, now),
                    Spend::Starved
                        if !holding.is_renewing(now) && world.questions.len() < self.renewals =>
                    {
                        let renewal = holding.renew(contract, 1, now);
                        world.questions.insert((holder, renewal));
                    }
                    Spend::Starved | Spend::Denied(_) | Spend::Unreachable => return None,
                }
            }
            Action::Return(holder) => {
                let renewal = world.holders[holder].give_back(now);
                world.questions.insert((holder, renewal));
            }
            Action::Ask(holder, renewal) => {
                let answer = world.ledger.answer(contract, &Ask::Renew(renewal), now);
                if let Answer::Grant(grant) = answer {
                    world.answers.insert((holder, grant));
                }
            }
            Action::Answer(holder, grant) => {
                let holding = &mut world.holders[holder];
                let waits = holding.is_renewing(now) && holding.usable(now) == 0;
                holding.receive(&grant, now);
                // The request that made the holder ask goes on.
                if waits && holding.spend(1, now) == Spend::Admitted {
                    world.truth = contract.fill(world.truth, 1, now);
                }
            }
            Action::RestartAuthority => {
                world.ledger = Ledger::recovering(contract, now);
                world.authority_restarts += 1;
            }
            Action::RestartHolder(holder) => {
                world.holders[holder] = Holding::new(3, now);
                world.holder_restarts += 1;
            }
        }
        (world != *last).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("the contract holds", |_, world: &World| {
                contract().level(world.truth, world.now) <= contract().capacity()
            }),
            Property::sometimes("the bucket is used up", |_, world: &World| {
                contract().level(world.truth, world.now) == contract().capacity()
            }),
            Property::sometimes("a later lease is used", |_, world: &World| {
                world.truth.0 > (START.0 + 60_000) * 1_000_000
            }),
        ]
    }
}

#[test]
fn no_interleaving_breaks_the_contract() {
    let small = Small {
        renewals: 3,
        until: START.plus(45_000),
    };
    let checker = small
        .checker()
        .target_max_depth(10)
        .threads(2)
        .spawn_bfs()
        .join();
    println!("{} states", checker.unique_state_count());
    checker.assert_properties();
}
