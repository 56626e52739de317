//! Intervals for shares, and for how far one share is above a multiple of another.
//!
//! - Of one share: Wilson's score interval (E. B. Wilson, *Probable Inference, the Law of
//!   Succession, and Statistical Inference*, Journal of the American Statistical Association 22,
//!   1927), which also holds for few and for rare events.
//! - Of the difference: from the limits of both (R. G. Newcombe, *Interval estimation for the
//!   difference between independent proportions*, Statistics in Medicine 17, 1998, method 10), with a
//!   factor as in G. Y. Zou and A. Donner, *Construction of confidence limits about effect
//!   measures*, Statistics in Medicine 27, 2008.
//! - At all times together: who looks again and again at a test of one moment finds a difference
//!   in the end where there is none. So the deviates are those of Robbins' normal mixture, which
//!   hold for all sizes of the samples at once (I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy,
//!   A. Ramdas, *Time-uniform central limit theory and asymptotic confidence sequences*, Annals of
//!   Statistics 52, 2024).

use super::counts::Share;

/// How many standard errors a mean strays to one side at most, with probability `1 - error`, at
/// all sizes of the sample together. It is least at the size `tuned`, and grows slowly from there.
pub(super) fn deviate(size: f64, tuned: f64, error: f64) -> f64 {
    // One side: half of a two-sided error of twice as much.
    let error = 2.0 * error;
    let optimal = -2.0 * error.ln();
    let information = (optimal + optimal.ln() + 1.0) * size / tuned;
    (2.0 * (1.0 + 1.0 / information) * ((1.0 + information).sqrt() / error).ln()).sqrt()
}

/// The size of one sample that tells as much as two of different sizes do of their difference.
pub(super) fn together(one: u64, other: u64) -> f64 {
    let (one, other) = (one as f64, other as f64);
    one * other / (one + other)
}

/// Wilson's interval.
fn wilson(share: Share, deviate: f64) -> (f64, f64) {
    let (part, whole) = (share.part as f64, share.whole as f64);
    let square = deviate * deviate;
    let middle = (part + square / 2.0) / (whole + square);
    let spread = deviate / (whole + square) * (part * (whole - part) / whole + square / 4.0).sqrt();
    ((middle - spread).max(0.0), (middle + spread).min(1.0))
}

/// How far `new` is above `factor` times `old`, from and to.
///
/// Neither may be a share of nothing.
pub(super) fn excess(old: Share, new: Share, factor: f64, deviate: f64) -> (f64, f64) {
    let (old_low, old_high) = wilson(old, deviate);
    let (new_low, new_high) = wilson(new, deviate);
    let (old, new) = (old.ratio(), new.ratio());
    let excess = new - factor * old;
    (
        excess - (new - new_low).hypot(factor * (old_high - old)),
        excess + (new_high - new).hypot(factor * (old - old_low)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 5e-5, "{found} is not {expected}");
    }

    /// The examples of Newcombe's paper, table II, method 10: 56/70 − 48/80, 9/10 − 3/10, 10/10 −
    /// 0/20 and 0/10 − 0/10.
    #[test]
    fn the_published_examples_come_out() {
        let share = |part, whole| Share { part, whole };
        for (new, old, low, high) in [
            (share(56, 70), share(48, 80), 0.0524, 0.3339),
            (share(9, 10), share(3, 10), 0.1705, 0.8090),
            (share(10, 10), share(0, 20), 0.6791, 1.0),
            (share(0, 10), share(0, 10), -0.2775, 0.2775),
        ] {
            let found = excess(old, new, 1.0, 1.959_964);
            near(found.0, low);
            near(found.1, high);
        }
    }

    #[test]
    fn the_deviate_is_least_at_the_size_that_it_is_tuned_for() {
        let at = |size| deviate(size, 1000.0, 0.005);
        for size in [1.0, 10.0, 100.0, 500.0, 2000.0, 1e5, 1e9] {
            assert!(at(size) > at(1000.0), "{size}");
        }
        // A fixed sample would ask for 2.58, and a million times the sample asks for little more.
        assert!(at(1000.0) > 2.58 && at(1000.0) < 3.8, "{}", at(1000.0));
        assert!(at(1e9) < 6.5, "{}", at(1e9));
        assert!(deviate(1e4, 1000.0, 0.001) > deviate(1e4, 1000.0, 0.01));
    }
}
