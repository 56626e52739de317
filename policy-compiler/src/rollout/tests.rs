//! What the rules promise, on requests that are drawn: looked at again and again, as the command
//! does.

use fastrand::Rng;
use proptest::prelude::*;
use tidegate_shared::units::Percent;

use super::*;

const RUNS: u64 = 300;
/// Requests of the new bundle between two looks.
const BETWEEN: u64 = 50;
/// Requests of the old bundle for each of the new one.
const MORE: u64 = 5;

fn rules() -> Rules {
    Rules {
        minimum: 200,
        confidence: Percent(95),
        decisions: 1,
        tolerance: Percent(25),
        margin: Percent(1),
        quantile: Percent(95),
    }
}

/// How a bundle's requests fare.
#[derive(Clone, Copy)]
struct World {
    refused: f64,
    failed: f64,
    /// The mean of durations, which are drawn from an exponential distribution.
    millis: f64,
}

const USUAL: World = World {
    refused: 0.05,
    failed: 0.01,
    millis: 40.0,
};

impl World {
    fn request(self, rng: &mut Rng, counts: &mut Counts) {
        let refused = rng.f64() < self.refused;
        counts.refused.whole += 1;
        counts.refused.part += u64::from(refused);
        if refused {
            return;
        }
        let failed = rng.f64() < self.failed;
        counts.failed.whole += 1;
        counts.failed.part += u64::from(failed);
        if !failed {
            let millis = -self.millis * (1.0 - rng.f64()).ln();
            #[expect(clippy::cast_possible_truncation, reason = "some milliseconds")]
            #[expect(clippy::cast_sign_loss, reason = "not negative")]
            counts.durations.add(millis as u64);
        }
    }
}

/// The first verdict that is not to hold, and how many requests of the new bundle it took; none
/// within `most`.
fn watched(old: World, new: World, most: u64, rules: &Rules, seed: u64) -> Option<(Verdict, u64)> {
    let mut rng = Rng::with_seed(seed);
    let (mut counts_old, mut counts_new) = (Counts::default(), Counts::default());
    for requests in 1..=most {
        new.request(&mut rng, &mut counts_new);
        for _ in 0..MORE {
            old.request(&mut rng, &mut counts_old);
        }
        if requests % BETWEEN == 0 {
            let verdict = judge(&counts_old, &counts_new, rules).verdict;
            if verdict != Verdict::Hold {
                return Some((verdict, requests));
            }
        }
    }
    None
}

fn verdicts(new: World, most: u64, rules: &Rules) -> Vec<Option<(Verdict, u64)>> {
    let watched = |seed| watched(USUAL, new, most, rules, seed);
    (0..RUNS).map(watched).collect()
}

#[test]
fn a_bundle_that_is_no_worse_is_let_on_and_not_rolled_back() {
    let stepped = |(verdict, _): &(Verdict, u64)| *verdict == Verdict::StepOn;
    let verdicts = verdicts(USUAL, 8000, &rules());
    assert!(
        verdicts
            .iter()
            .all(|one| one.is_none_or(|one| stepped(&one)))
    );
    let on_time = verdicts.iter().flatten().count() as u64;
    assert!(on_time * 100 >= RUNS * 95, "{on_time} of {RUNS}");
}

/// Nothing ever steps on, so that each run is looked at to its end; and what is tolerated is taken
/// away, so that old and new are at the very edge. The stated error is an upper bound.
#[test]
fn looking_often_makes_no_error_likelier() {
    let rules = Rules {
        confidence: Percent(80),
        tolerance: Percent(0),
        margin: Percent(0),
        ..rules()
    };
    let verdicts = verdicts(USUAL, 4000, &rules);
    let wrong = verdicts.iter().flatten().count() as u64;
    assert!(wrong * 100 <= RUNS * 20, "{wrong} of {RUNS}");
}

#[test]
fn twice_as_many_refusals_or_failures_or_twice_the_time_is_found() {
    let refused = World {
        refused: 0.1,
        ..USUAL
    };
    let failed = World {
        failed: 0.1,
        ..USUAL
    };
    let slow = World {
        millis: 80.0,
        ..USUAL
    };
    for (new, most) in [(refused, 6000), (failed, 1500), (slow, 3000)] {
        for verdict in verdicts(new, most, &rules()) {
            assert_eq!(verdict.map(|one| one.0), Some(Verdict::RollBack));
        }
    }
}

fn counts() -> impl Strategy<Value = Counts> {
    let share = (0..=3000_u64, 0..=1000_u64);
    (
        share.clone(),
        share,
        prop::collection::vec(0..500_u64, 0..40),
    )
        .prop_map(|(refused, failed, durations)| {
            let share = |(whole, part): (u64, u64)| Share {
                whole,
                part: part.min(whole),
            };
            let mut counts = Counts {
                refused: share(refused),
                failed: share(failed),
                ..Counts::default()
            };
            durations
                .into_iter()
                .for_each(|millis| counts.durations.add(millis));
            counts
        })
}

proptest! {
    #[test]
    fn a_judgement_keeps_its_rules(old in counts(), new in counts()) {
        let rules = rules();
        let judged = judge(&old, &new, &rules);
        let few = old.requests().min(new.requests()) < rules.minimum;
        prop_assert_eq!(judged.enough, !few);
        if few {
            prop_assert_eq!(judged.verdict, Verdict::Hold);
        }
        let found = |finding| judged.compared.iter().any(|one| one.finding == finding);
        if judged.verdict == Verdict::StepOn {
            prop_assert!(!found(Finding::Worse) && !found(Finding::Open));
        }
        for one in &judged.compared {
            prop_assert!(one.excess.0 <= one.excess.1);
            if one.finding == Finding::Worse {
                prop_assert!(one.new.ratio() > one.old.ratio());
            }
        }
        // The better side is never the one to be rolled back: turned about, nothing is worse in
        // the same measure.
        let turned = judge(&new, &old, &rules);
        for (one, other) in judged.compared.iter().zip(&turned.compared).take(2) {
            prop_assert!(one.finding != Finding::Worse || other.finding != Finding::Worse);
        }
    }

    #[test]
    fn one_more_refusal_never_helps(old in counts(), new in counts()) {
        prop_assume!(new.refused.part < new.refused.whole);
        let mut more = new.clone();
        more.refused.part += 1;
        let [before, after] = [&new, &more].map(|new| judge(&old, new, &rules()).compared[0].excess);
        prop_assert!(after.0 >= before.0 - 1e-12 && after.1 >= before.1 - 1e-12);
    }
}
