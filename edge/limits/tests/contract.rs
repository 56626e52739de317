//! Whatever happens between holders and authority, what is admitted keeps the contract.

#![cfg(test)]

use proptest::prelude::*;
use tidegate_limits::{
    Answer, Ask, Contract, GRACE, Holding, LIFETIME, Ledger, Renewal, Reservation, Spend,
};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Rate;

const HOLDERS: usize = 3;

#[derive(Clone, Debug)]
enum Event {
    Pass(u64),
    Requests(usize, u32),
    Renew(usize),
    Return(usize),
    /// A message of those about arrives, and may arrive again.
    Arrive(usize),
    Lose(usize),
    GiveUp(usize),
    RestartHolder(usize),
    RestartAuthority,
    Store,
    SpendAtOnce(u32),
    /// A request that another limit refuses, while a renewal may be sent.
    Refused(usize, u32, bool),
    /// A request that reserves tokens, and then goes on or not.
    Reserve(u32, bool),
}

fn event() -> impl Strategy<Value = Event> {
    let holder = 0..HOLDERS;
    prop_oneof![
        4 => (0_u64..1_500).prop_map(Event::Pass),
        2 => (0..LIFETIME + GRACE + 500).prop_map(Event::Pass),
        6 => (holder.clone(), 1_u32..6).prop_map(|(holder, count)| Event::Requests(holder, count)),
        4 => holder.clone().prop_map(Event::Renew),
        1 => holder.clone().prop_map(Event::Return),
        8 => any::<usize>().prop_map(Event::Arrive),
        1 => any::<usize>().prop_map(Event::Lose),
        1 => holder.clone().prop_map(Event::GiveUp),
        1 => holder.prop_map(Event::RestartHolder),
        1 => Just(Event::RestartAuthority),
        1 => Just(Event::Store),
        1 => (1_u32..4).prop_map(Event::SpendAtOnce),
        2 => (0..HOLDERS, 1_u32..4, any::<bool>())
            .prop_map(|(holder, tokens, renews)| Event::Refused(holder, tokens, renews)),
        1 => (1_u32..4, any::<bool>()).prop_map(|(tokens, used)| Event::Reserve(tokens, used)),
    ]
}

#[derive(Clone, Debug)]
enum Message {
    Question(usize, Renewal),
    Answer(usize, Answer),
}

struct World {
    contract: Contract,
    now: UnixMillis,
    ledger: Ledger,
    holders: Vec<Holding>,
    next_holder: u64,
    /// How fast each holder's clock goes, in thousandths more or less, and what it shows at zero.
    clocks: Vec<(i64, u64)>,
    messages: Vec<Message>,
    admitted: Vec<(u64, u32)>,
}

impl World {
    fn new(contract: Contract, clocks: Vec<(i64, u64)>) -> Self {
        let mut world = Self {
            contract,
            now: UnixMillis(1_700_000_000_000),
            ledger: Ledger::default(),
            holders: Vec::new(),
            next_holder: 0,
            clocks,
            messages: Vec::new(),
            admitted: Vec::new(),
        };
        for holder in 0..HOLDERS {
            let begun = world.begin(holder);
            world.holders.push(begun);
        }
        world
    }

    fn begin(&mut self, holder: usize) -> Holding {
        self.next_holder += 1;
        Holding::new(self.next_holder, self.shown(holder))
    }

    fn shown(&self, holder: usize) -> UnixMillis {
        let (drift, offset) = self.clocks[holder];
        let since = i64::try_from(self.now.0 - 1_700_000_000_000).unwrap();
        let shown = since + since * drift / 1_000;
        UnixMillis(offset + u64::try_from(shown).unwrap())
    }

    fn happen(&mut self, event: &Event) {
        match *event {
            Event::Pass(millis) => self.now = self.now.plus(millis),
            Event::Requests(holder, count) => {
                let shown = self.shown(holder);
                for _ in 0..count {
                    self.holders[holder].demand(1);
                    if self.holders[holder].spend(1, shown) == Spend::Admitted {
                        self.admitted.push((self.now.0, 1));
                    }
                }
            }
            Event::Renew(holder) => {
                let shown = self.shown(holder);
                let renewal = self.holders[holder].renew(self.contract, 1, shown);
                self.messages.push(Message::Question(holder, renewal));
            }
            Event::Return(holder) => {
                let shown = self.shown(holder);
                let renewal = self.holders[holder].give_back(shown);
                self.messages.push(Message::Question(holder, renewal));
            }
            Event::Arrive(_) | Event::Lose(_) if self.messages.is_empty() => {}
            Event::Arrive(index) => match self.messages[index % self.messages.len()].clone() {
                Message::Question(holder, renewal) => {
                    let ask = Ask::Renew(renewal);
                    let answer = self.ledger.answer(self.contract, &ask, self.now);
                    self.messages.push(Message::Answer(holder, answer));
                }
                Message::Answer(holder, Answer::Grant(grant)) => {
                    let shown = self.shown(holder);
                    self.holders[holder].receive(&grant, shown);
                }
                Message::Answer(_, Answer::Spent(_)) => {}
            },
            Event::Lose(index) => {
                self.messages.swap_remove(index % self.messages.len());
            }
            Event::GiveUp(holder) => {
                let shown = self.shown(holder);
                self.holders[holder].lose(shown);
            }
            Event::RestartHolder(holder) => {
                self.holders[holder] = self.begin(holder);
            }
            Event::RestartAuthority => {
                self.ledger = Ledger::recovering(self.contract, self.now);
            }
            Event::Store => {
                self.ledger = Ledger::decode(&self.ledger.encode()).unwrap();
            }
            Event::Refused(holder, tokens, renews) => {
                let (shown, contract) = (self.shown(holder), self.contract);
                let holding = &mut self.holders[holder];
                let sequence = holding.sequence();
                if holding.spend(tokens, shown) == Spend::Admitted {
                    if renews {
                        let renewal = holding.renew(contract, 0, shown);
                        self.messages.push(Message::Question(holder, renewal));
                    }
                    self.holders[holder].unspend(tokens, sequence);
                }
            }
            Event::Reserve(tokens, used) => {
                self.next_holder += 1;
                let reservation = Reservation::new(self.next_holder, tokens);
                let mut tell = |renewal| {
                    let ask = Ask::Renew(renewal);
                    self.ledger.answer(self.contract, &ask, self.now)
                };
                let grant = tell(reservation.ask()).to_renewal(&reservation.ask());
                if grant.is_some_and(|grant| grant.granted == tokens) && used {
                    tell(reservation.used());
                    self.admitted.push((self.now.0, tokens));
                } else {
                    tell(reservation.give_back());
                }
            }
            Event::SpendAtOnce(tokens) => {
                let answer = self
                    .ledger
                    .answer(self.contract, &Ask::Spend(tokens), self.now);
                if let Answer::Spent(spent) = answer {
                    self.admitted.push((self.now.0, spent.tokens));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4_000) })]

    /// admitted(t, t + T) ≤ burst + rate · T, for every window of every history: requests,
    /// renewals, losses, duplicates, late messages, restarts of either side, clocks that show
    /// anything and drift by as much as is stated.
    #[test]
    fn admits_no_more_than_the_contract(
        events in prop::collection::vec(event(), 1..150),
        count in 1_u32..60, burst in 1_u32..12,
        clocks in prop::collection::vec((-47_i64..=47, 0_u64..4_000_000_000_000), HOLDERS),
    ) {
        let contract = Contract::new(Rate { count, period: 60 }, burst);
        let mut world = World::new(contract, clocks);
        for event in &events {
            world.happen(event);
        }
        for (first, (start, _)) in world.admitted.iter().enumerate() {
            let mut in_window = 0;
            for (end, tokens) in &world.admitted[first..] {
                in_window += u64::from(*tokens);
                let allowed = u64::from(burst) * 60_000 + u64::from(count) * (end - start);
                prop_assert!(in_window * 60_000 <= allowed, "{in_window} in {} ms", end - start);
            }
        }
    }

    /// A holder alone that is asked within the contract is never refused for long: what is not
    /// used comes back.
    #[test]
    fn nothing_is_lost_for_good(events in prop::collection::vec(event(), 1..120), burst in 1_u32..30) {
        let contract = Contract::new(Rate { count: 10, period: 10 }, burst);
        let mut world = World::new(contract, vec![(0, 0); HOLDERS]);
        for event in &events {
            world.happen(event);
        }
        let quiet = 2 * (LIFETIME + GRACE) + u64::from(burst) * 1_000;
        world.now = world.now.plus(quiet);
        prop_assert!(world.ledger.is_idle(contract, world.now));
        let answer = world.ledger.answer(contract, &Ask::Spend(burst), world.now);
        prop_assert_eq!(answer.to_spending(burst).map(|spent| spent.tokens), Some(burst));
    }

    /// What a calendar's period has is admitted once at most, whatever happens but that the
    /// authority forgets it; and nothing comes back while it lasts.
    #[test]
    fn admits_no_more_than_a_quota(
        events in prop::collection::vec(event(), 1..150),
        units in 1_u32..40,
        clocks in prop::collection::vec((-47_i64..=47, 0_u64..4_000_000_000_000), HOLDERS),
    ) {
        let contract = Contract::new(Rate { count: 0, period: 86_400 }, units);
        let mut world = World::new(contract, clocks);
        for event in events.iter().filter(|event| !matches!(event, Event::RestartAuthority)) {
            world.happen(event);
            prop_assert!(world.ledger.outstanding() <= u64::from(units));
        }
        let admitted: u32 = world.admitted.iter().map(|(_, tokens)| tokens).sum();
        prop_assert!(admitted <= units, "{admitted} of {units}");
        let (now, later) = (world.now, world.now.plus(86_400_000));
        prop_assert!(admitted == 0 || !world.ledger.is_idle(contract, now));
        prop_assert!(world.ledger.is_idle(contract, later.max(world.ledger.idle_at(contract))));
    }
}

#[test]
fn a_quota_that_was_forgotten_gives_nothing_while_leases_may_be_about() {
    let contract = Contract::new(
        Rate {
            count: 0,
            period: 86_400,
        },
        5,
    );
    let began = UnixMillis(1_700_000_000_000);
    let mut ledger = Ledger::recovering(contract, began);
    let mut spent = |after| {
        let answer = ledger.answer(contract, &Ask::Spend(3), began.plus(after));
        answer.to_spending(3).unwrap().tokens
    };
    assert_eq!([0, LIFETIME, LIFETIME + GRACE].map(&mut spent), [0, 0, 3]);
    assert_eq!(spent(LIFETIME + GRACE), 0, "three of five are used");
}
