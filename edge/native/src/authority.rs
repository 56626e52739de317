//! The authority of limits.

mod redis;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ::redis::RedisError;
use tidegate_edge::PortError;
use tidegate_limits::{Answer, Authority, Question};
use tidegate_shared::units::Span;

use crate::ports::now;
use redis::RedisAuthority;

/// Buckets of the embedded authority; some 200 octets each.
const MAX_BUCKETS: usize = 262_144;

/// Who says how much is left of limits that hold over many places.
#[derive(Debug)]
pub struct LimitAuthority(Kind);

#[derive(Debug)]
enum Kind {
    Embedded(Mutex<Authority>),
    Redis(Box<RedisAuthority>),
}

impl LimitAuthority {
    /// This process itself, for the case that it is the only place. It forgets with the process
    /// what was used, and so do the holders.
    pub fn embedded() -> Self {
        let authority = Authority::new(MAX_BUCKETS);
        Self(Kind::Embedded(Mutex::new(authority)))
    }

    /// A Redis or Valkey server, by its `redis://` address.
    ///
    /// # Errors
    /// Where the text is no such address; the server need not be there yet.
    pub fn redis(address: &str) -> Result<Self, RedisError> {
        let authority = RedisAuthority::new(address)?;
        Ok(Self(Kind::Redis(Box::new(authority))))
    }

    /// Asks the authority.
    ///
    /// # Errors
    /// [`PortError`] where it does not answer in time, or has no room.
    pub async fn answer(&self, question: &Question, time: Span) -> Result<Answer, PortError> {
        match &self.0 {
            Kind::Embedded(authority) => {
                let mut authority = authority.lock().unwrap_or_else(PoisonError::into_inner);
                let answer = authority.answer(question, now());
                answer.map_err(|error| PortError(error.to_string()))
            }
            Kind::Redis(authority) => {
                let answer = authority.answer(question);
                match tokio::time::timeout(Duration::from_millis(time.0), answer).await {
                    Ok(answer) => answer,
                    Err(_) => {
                        let error = PortError(format!("no answer within {time}"));
                        authority.close(&error).await;
                        Err(error)
                    }
                }
            }
        }
    }
}
