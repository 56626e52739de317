//! The rules: roll back where something is surely worse, step on where nothing can be much worse,
//! hold otherwise.

use super::counts::{Counts, Share};
use super::interval::{deviate, excess, together};
use tidegate_shared::units::Percent;

/// What is worse by less than this share of requests is not worse: gateways differ.
const NEGLIGIBLE: f64 = 0.001;
/// Milliseconds that are nothing, whatever share of a duration they are.
const NEGLIGIBLE_MILLIS: u64 = 5;

/// When to step on, and when to roll back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Requests on each side before anything is decided.
    pub minimum: u64,
    /// How sure to be that a bundle that is no worse is not rolled back, in the whole roll-out.
    pub confidence: Percent,
    /// How many times it is decided: the steps below all gateways. The error is divided among them.
    pub decisions: u64,
    /// How much more of the old rate or duration is no worse.
    pub tolerance: Percent,
    /// How much worse, in points of requests beyond the tolerance, it must surely not be to step on.
    pub margin: Percent,
    /// The quantile of durations that is compared.
    pub quantile: Percent,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Requests that the gateway refused.
    Refusals,
    /// Requests that were passed on, and that failed.
    Failures,
    /// Requests that took longer than the old bundle's quantile.
    Latency {
        /// The old bundle's quantile in milliseconds.
        old: u64,
        /// What the new one's may be.
        allowed: u64,
    },
}

impl Measure {
    /// A stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refusals => "refusals",
            Self::Failures => "failures",
            Self::Latency { .. } => "latency",
        }
    }
}

/// What came of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The new bundle is surely worse.
    Worse,
    /// It is surely not much worse.
    Fine,
    /// Neither is sure yet.
    Open,
    /// There is nothing to compare on either side: nothing was passed on.
    Absent,
}

impl Finding {
    /// A stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Fine => "fine",
            Self::Open => "open",
            Self::Absent => "absent",
        }
    }
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    /// Of what.
    pub measure: Measure,
    /// The old bundle.
    pub old: Share,
    /// The new bundle.
    pub new: Share,
    /// How far the new share is above what is tolerated, from and to, as shares of requests; from
    /// minus to plus infinity where there is nothing on a side.
    pub excess: (f64, f64),
    /// What came of it.
    pub finding: Finding,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Give the bundle to more gateways.
    StepOn,
    /// Wait for more requests.
    Hold,
    /// Go back to the old bundle.
    RollBack,
}

/// What to do, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// What to do.
    pub verdict: Verdict,
    /// Whether both sides have as many requests as asked for.
    pub enough: bool,
    /// Each measure.
    pub compared: [Compared; 3],
}

/// Holds the new bundle against the old one.
pub fn judge(old: &Counts, new: &Counts, rules: &Rules) -> Judgement {
    let tolerance = f64::from(rules.tolerance.0) / 100.0;
    let quantile = old.durations.quantile(f64::from(rules.quantile.0) / 100.0);
    let allowed = more(quantile, rules.tolerance);
    let latency = Measure::Latency {
        old: quantile,
        allowed,
    };
    let slower = old.durations.slower_than(quantile);
    let as_slow = new.durations.slower_than(allowed);
    let compared = [
        compare(
            Measure::Refusals,
            old.refused,
            new.refused,
            1.0 + tolerance,
            rules,
        ),
        compare(
            Measure::Failures,
            old.failed,
            new.failed,
            1.0 + tolerance,
            rules,
        ),
        // What is tolerated is in the duration.
        compare(latency, slower, as_slow, 1.0, rules),
    ];
    let enough = old.requests().min(new.requests()) >= rules.minimum;
    let any = |finding| compared.iter().any(|one| one.finding == finding);
    let verdict = if !enough {
        Verdict::Hold
    } else if any(Finding::Worse) {
        Verdict::RollBack
    } else if any(Finding::Open) {
        Verdict::Hold
    } else {
        Verdict::StepOn
    };
    Judgement {
        verdict,
        enough,
        compared,
    }
}

/// A duration, and what is tolerated above it.
fn more(millis: u64, tolerance: Percent) -> u64 {
    let above = u128::from(millis) * u128::from(tolerance.0) / 100;
    let above = u64::try_from(above).unwrap_or(u64::MAX);
    millis.saturating_add(above.max(NEGLIGIBLE_MILLIS))
}

fn compare(measure: Measure, old: Share, new: Share, factor: f64, rules: &Rules) -> Compared {
    let compared = |excess, finding| Compared {
        measure,
        old,
        new,
        excess,
        finding,
    };
    if old.whole == 0 || new.whole == 0 {
        let both = old.whole == new.whole;
        let finding = if both { Finding::Absent } else { Finding::Open };
        return compared((f64::NEG_INFINITY, f64::INFINITY), finding);
    }
    // Three measures, each as often as it is decided.
    let error = f64::from(100 - rules.confidence.0.clamp(50, 99)) / 100.0;
    let error = error / (3.0 * rules.decisions.max(1) as f64);
    let tuned = rules.minimum.max(2) as f64 / 2.0;
    let deviate = deviate(together(old.whole, new.whole), tuned, error);
    let (low, high) = excess(old, new, factor, deviate);
    let finding = if low > NEGLIGIBLE {
        Finding::Worse
    } else if high <= NEGLIGIBLE + f64::from(rules.margin.0) / 100.0 {
        Finding::Fine
    } else {
        Finding::Open
    };
    compared((low, high), finding)
}
