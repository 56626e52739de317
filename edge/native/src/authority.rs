//! The authority of limits.

mod redis;
mod server;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ::redis::RedisError;
use tidegate_edge::{InvalidLimitServer, LimitServer, PortError};
use tidegate_follow::{Fetcher, now};
use tidegate_limits::{Answer, Authority, Question};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Span;

use crate::ports::fetch;
use redis::RedisAuthority;

pub use server::{AuthorityConfig, AuthorityServer, AuthorityToken, InvalidToken};

/// Buckets of the embedded authority; some 200 octets each.
const MAX_BUCKETS: usize = 262_144;

/// Who says how much is left of limits that hold over many places.
#[derive(Debug)]
pub struct LimitAuthority(Kind);

#[derive(Debug)]
enum Kind {
    Embedded(Mutex<Authority>),
    Redis(Box<RedisAuthority>),
    Server(Box<(LimitServer, Fetcher)>),
}

/// There is no authority at an address.
#[derive(Debug, thiserror::Error)]
pub enum InvalidAuthority {
    /// No address of a Redis or Valkey server.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// No address of a gateway, or no token for it.
    #[error(transparent)]
    Server(#[from] InvalidLimitServer),
    /// There is no TLS to be had.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

impl LimitAuthority {
    /// This process itself, for the case that it is the only place. It forgets with the process
    /// what was used, and so do the holders.
    pub fn embedded() -> Self {
        let authority = Authority::new(MAX_BUCKETS);
        Self(Kind::Embedded(Mutex::new(authority)))
    }

    /// This process, for other gateways too, which may have leases of an earlier run: each bucket
    /// is full until those have ended that an authority granted before `began`.
    pub fn recovering(began: UnixMillis) -> Self {
        let authority = Authority::recovering(MAX_BUCKETS, began);
        Self(Kind::Embedded(Mutex::new(authority)))
    }

    /// A Redis or Valkey server, by its `redis://` address.
    ///
    /// # Errors
    /// Where the text is no such address; the server need not be there yet.
    pub fn redis(address: &str) -> Result<Self, InvalidAuthority> {
        let authority = RedisAuthority::new(address)?;
        Ok(Self(Kind::Redis(Box::new(authority))))
    }

    /// Another gateway that [serves](AuthorityServer) its authority, by its `https://` address and
    /// the token that it wants to see.
    ///
    /// # Errors
    /// Where there is no such address or token; the server need not be there yet.
    pub fn server(address: &str, token: &str) -> Result<Self, InvalidAuthority> {
        let server = LimitServer::new(address, token)?;
        Ok(Self(Kind::Server(Box::new((server, Fetcher::new()?)))))
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
            Kind::Server(server) => {
                let (server, fetcher) = &**server;
                let fetch = |request, bounds| fetch(fetcher, request, bounds);
                server.ask(question, time, fetch).await
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
