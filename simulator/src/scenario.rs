//! What happens in a run.

use tidegate_limits::{Contract, Unreachable};
use tidegate_shared::units::Rate;

pub(crate) const LOCATIONS: usize = 300;

/// Milliseconds before figures are taken, in which every location begins.
pub(crate) const WARM_UP: u64 = 40_000;

/// Milliseconds of a run.
pub(crate) const END: u64 = 160_000;

/// A time, from when until when, in milliseconds.
pub(crate) type Period = (u64, u64);

/// The world of a run.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// Tokens a second.
    pub(crate) rate: u32,
    pub(crate) burst: u32,
    /// Demand over rate.
    pub(crate) load: f64,
    /// The exponent by which demand is spread over the locations.
    pub(crate) zipf: f64,
    /// Every tenth location asks for twenty times as much.
    pub(crate) surge: Option<Period>,
    /// Half of the locations do not reach the authority.
    pub(crate) partition: Option<Period>,
    /// The authority stands still for 100 ms every 5 s.
    pub(crate) stalls: bool,
    /// Milliseconds that an isolate lives, on average.
    pub(crate) isolate_life: Option<u64>,
    /// Holders look after their leases every second, and not only when a request comes.
    pub(crate) timer: bool,
    /// What holders do while the authority does not answer.
    pub(crate) when_unreachable: Unreachable,
}

impl Scenario {
    pub(crate) fn contract(&self) -> Contract {
        let rate = Rate {
            count: self.rate,
            period: 1,
        };
        Contract::new(rate, self.burst)
    }

    /// Remote calls a request by the formula 3A / (ρB).
    pub(crate) fn predicted(&self) -> f64 {
        3.0 * 300.0 / (self.load * f64::from(self.burst))
    }

    pub(crate) fn all(zipf: f64) -> Vec<Self> {
        let steady = Self {
            name: "steady",
            rate: 3_000,
            burst: 90_000,
            load: 0.5,
            zipf,
            surge: None,
            partition: None,
            stalls: false,
            isolate_life: None,
            timer: true,
            when_unreachable: Unreachable::Refuse,
        };
        let during = Some((60_000, 90_000));
        vec![
            steady.clone(),
            Self {
                name: "steady, no timer",
                timer: false,
                ..steady.clone()
            },
            Self {
                name: "steady, load 0.9",
                load: 0.9,
                ..steady.clone()
            },
            Self {
                name: "steady, burst 30 A",
                burst: 9_000,
                ..steady.clone()
            },
            Self {
                name: "overload",
                load: 2.0,
                ..steady.clone()
            },
            Self {
                name: "surge × 20",
                surge: during,
                ..steady.clone()
            },
            Self {
                name: "isolates of 60 s",
                isolate_life: Some(60_000),
                ..steady.clone()
            },
            Self {
                name: "authority stalls",
                stalls: true,
                ..steady.clone()
            },
            Self {
                name: "partition of 30 s, refuse",
                partition: during,
                ..steady.clone()
            },
            Self {
                name: "partition of 30 s, local",
                partition: during,
                when_unreachable: Unreachable::Local,
                ..steady
            },
        ]
    }
}
