//! What a bundle is read for.

use tidegate_shared::units::Percent;

/// Why a bundle is of no use here.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What runs bundles.
pub trait Runner: Send + Sync + 'static {
    /// Puts a bundle into force, and says what its policy is called. It may take a while, and is
    /// called where it may.
    ///
    /// # Errors
    /// Where the bundle is of no use; what was in force stays.
    fn run(&self, bundle: &[u8]) -> Result<String, BoxError>;

    /// Whether it lets bundles decide in shadow.
    fn has_shadow(&self) -> bool {
        false
    }

    /// Lets a bundle decide in shadow, about that share of requests. As [`run`](Self::run), it may
    /// take a while.
    ///
    /// # Errors
    /// Where the bundle is of no use; then none decides in shadow.
    fn run_shadow(&self, bundle: &[u8], share: Percent) -> Result<(), BoxError> {
        let _ = (bundle, share);
        Ok(())
    }

    /// Lets none decide in shadow.
    fn end_shadow(&self) {}

    /// Hears how each look at the channel ended: with the sequence that is followed, or with the
    /// stable name of what is wrong.
    fn looked(&self, outcome: Result<u64, &'static str>) {
        let _ = outcome;
    }
}
