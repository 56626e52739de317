//! The authority of limits.

use std::sync::{Mutex, PoisonError};

use tidegate_edge::PortError;
use tidegate_limits::{Answer, Authority, Question};

use crate::ports::now;

/// Buckets of the embedded authority; some 200 octets each.
const MAX_BUCKETS: usize = 262_144;

/// Who says how much is left of limits that hold over many places.
#[derive(Debug)]
pub(crate) enum LimitAuthority {
    /// This process itself, for the case that it is the only place. It forgets with the process
    /// what was used, and so do the holders.
    Embedded(Mutex<Authority>),
}

impl LimitAuthority {
    pub(crate) fn embedded() -> Self {
        Self::Embedded(Mutex::new(Authority::new(MAX_BUCKETS)))
    }

    pub(crate) fn answer(&self, question: &Question) -> Result<Answer, PortError> {
        match self {
            Self::Embedded(authority) => {
                let mut authority = authority.lock().unwrap_or_else(PoisonError::into_inner);
                let answer = authority.answer(question, now());
                answer.map_err(|error| PortError(error.to_string()))
            }
        }
    }
}
