//! Which endpoints come first, and how much of the load each is to have.

/// The weight of what nothing is said of. Shares of less than a whole are told apart by it.
const WHOLE: u32 = 64;

/// As SRV records say it (RFC 2782); what has no such record ranks alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rank {
    /// Lower ones come first; the others are there for when none of them is available.
    pub(super) priority: u16,
    /// Its share among those of one priority. Invariant: not 0.
    pub(super) weight: u32,
}

impl Default for Rank {
    fn default() -> Self {
        Self {
            priority: 0,
            weight: WHOLE,
        }
    }
}

impl Rank {
    /// Of one of the `addresses` of a record's target, which share its weight. A weight of 0 is a
    /// small one: such a target "should have a very small chance", but is to be used.
    pub(super) fn of_service(priority: u16, weight: u16, addresses: usize) -> Self {
        let weight = u32::from(weight).max(1) * WHOLE;
        let addresses = u32::try_from(addresses).unwrap_or(u32::MAX).max(1);
        Self {
            priority,
            weight: (weight / addresses).max(1),
        }
    }
}

/// Draws two by weight, and takes the one with less load for its weight; of equals the first one
/// drawn, so that weights also hold where there is no load.
pub(super) fn draw<T: Copy>(candidates: &[(T, Rank)], load: impl Fn(T) -> usize) -> Option<T> {
    let first = candidates.iter().map(|(_, rank)| rank.priority).min()?;
    let of_first = |(_, rank): &&(T, Rank)| rank.priority == first;
    let candidates: Vec<&(T, Rank)> = candidates.iter().filter(of_first).collect();
    let one = by_weight(&candidates, None)?;
    let Some(two) = by_weight(&candidates, Some(one)) else {
        return candidates.get(one).map(|(one, _)| *one);
    };
    let ((one, of_one), (two, of_two)) = (candidates.get(one)?, candidates.get(two)?);
    let weighed = |load: usize, other: &Rank| load as u128 * u128::from(other.weight);
    let lighter = weighed(load(*two), of_one) < weighed(load(*one), of_two);
    Some(if lighter { *two } else { *one })
}

/// The place of one that is drawn by weight, but for the place `without`.
fn by_weight<T>(candidates: &[&(T, Rank)], without: Option<usize>) -> Option<usize> {
    let places = candidates.iter().enumerate();
    let places = places.filter(|(place, _)| Some(*place) != without);
    let weights = places.map(|(place, (_, rank))| (place, u64::from(rank.weight)));
    let total: u64 = weights.clone().map(|(_, weight)| weight).sum();
    if total == 0 {
        return None;
    }
    let mut ticket = fastrand::u64(..total);
    weights.into_iter().find_map(|(place, weight)| {
        let drawn = ticket < weight;
        ticket = ticket.saturating_sub(weight);
        drawn.then_some(place)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(candidates: &[(usize, Rank)], loads: [usize; 3]) -> [usize; 3] {
        let mut counts = [0; 3];
        for _ in 0..4000 {
            counts[draw(candidates, |one| loads[one]).unwrap()] += 1;
        }
        counts
    }

    #[test]
    fn weights_share_what_the_first_priority_gets() {
        let service = Rank::of_service;
        let candidates = [
            (0, service(1, 3, 1)),
            (1, service(1, 1, 1)),
            (2, service(2, 9, 1)),
        ];
        let [three, one, later] = drawn(&candidates, [0; 3]);
        assert_eq!(later, 0);
        // A quarter of 4000 is 1000; 6 standard deviations of that are 165.
        assert!((835..1165).contains(&one), "{three}:{one}");
        // With thrice the load of a third of its weight, both are as busy.
        let [_, one, _] = drawn(&candidates, [3, 1, 0]);
        assert!((835..1165).contains(&one), "{one}");
        assert_eq!(drawn(&candidates, [4, 1, 0]), [0, 4000, 0]);
        assert_eq!(drawn(&candidates, [3, 2, 0]), [4000, 0, 0]);
        assert_eq!(drawn(&candidates[2..], [0; 3]), [0, 0, 4000]);
        assert_eq!(draw(&[] as &[(usize, Rank)], |_| 0), None);
    }

    #[test]
    fn a_target_of_two_addresses_weighs_as_one_of_one() {
        let two = Rank::of_service(0, 1, 2);
        assert_eq!(two.weight * 2, Rank::of_service(0, 1, 1).weight);
        let nothing = Rank::of_service(0, 0, 1);
        assert_eq!(nothing.weight * 9, Rank::of_service(0, 9, 1).weight);
    }
}
