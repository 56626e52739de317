//! Whether a rule refuses.

use std::str::FromStr;

/// Whether a rule refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// What it does not let through is refused.
    Enforce,
    /// What it would refuse is recorded, and goes on.
    Shadow,
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "enforce" => Ok(Self::Enforce),
            "shadow" => Ok(Self::Shadow),
            _ => Err(format!("`{text}` is neither `enforce` nor `shadow`")),
        }
    }
}
