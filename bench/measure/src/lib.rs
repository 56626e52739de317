//! What benchmarks have in common. They are crates apart, so that one need not link what another
//! compares.

pub mod processor;
pub mod report;

/// What a contest came to. Times are medians in nanoseconds of processor time.
#[derive(Debug)]
pub struct Outcome {
    pub ours: f64,
    pub peer: f64,
    /// The median of the ratios of each round.
    pub ratio: f64,
    /// Of ours, what is worth a look on its own.
    pub parts: Vec<(&'static str, f64)>,
}

/// The median of the ratios of each round.
pub fn ratio(ours: &[f64], peer: &[f64]) -> f64 {
    let ratios = ours.iter().zip(peer).map(|(ours, peer)| ours / peer);
    median(ratios.collect())
}

/// The middle value; of an even number the upper one of the two.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
