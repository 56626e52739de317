//! Ports that reach nobody: what they give is known already, or nothing.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use http::{Request, Response};
use tidegate_limits::{Answer, Authority, Question};
use tidegate_shared::api_key::ApiKeyRecord;
use tidegate_shared::bundle::{Algorithm, KeyMaterial};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Span;

use crate::ports::{FetchBounds, PortError, Ports};
use crate::state::{Recalled, State};

/// The ports of a runtime, without their ways out.
pub(super) struct Aside<'a, P> {
    ports: &'a P,
    state: &'a State,
    authority: &'a Mutex<Authority>,
    /// Whether something was asked for that nobody here knows.
    asked: AtomicBool,
}

impl<'a, P> Aside<'a, P> {
    pub(super) fn new(ports: &'a P, state: &'a State, authority: &'a Mutex<Authority>) -> Self {
        Self {
            ports,
            state,
            authority,
            asked: AtomicBool::new(false),
        }
    }

    /// Whether everything that was asked for was known.
    pub(super) fn knew(&self) -> bool {
        !self.asked.load(Ordering::Relaxed)
    }

    fn unknown(&self) -> PortError {
        self.asked.store(true, Ordering::Relaxed);
        PortError("a bundle in shadow asks nobody".to_owned())
    }
}

impl<P: Ports> Ports for Aside<'_, P> {
    const SHARES: bool = P::SHARES;

    fn now(&self) -> UnixMillis {
        self.ports.now()
    }

    fn entropy(&self) -> [u8; 24] {
        self.ports.entropy()
    }

    fn secret(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.ports.secret(name)
    }

    fn verify(
        &self,
        algorithm: Algorithm,
        key: &KeyMaterial,
        message: &[u8],
        octets: &[u8],
    ) -> impl Future<Output = Result<bool, PortError>> {
        self.ports.verify(algorithm, key, message, octets)
    }

    async fn credential(&self, store: &str, key: &str) -> Result<Option<Vec<u8>>, PortError> {
        let digest = ApiKeyRecord::stored_digest(key);
        let recalled = digest.and_then(|digest| self.state.api_keys.recall(store, &digest));
        match recalled {
            Some(Recalled::Known { record, .. }) => {
                let octets = record.encode();
                Ok(Some(octets.map_err(|error| PortError(error.to_string()))?))
            }
            Some(Recalled::Unknown { .. }) => Ok(None),
            None => Err(self.unknown()),
        }
    }

    async fn authority(&self, question: &Question, _: Span) -> Result<Answer, PortError> {
        let mut authority = self
            .authority
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let now = self.ports.now();
        if let Ok(answer) = authority.answer(question, now) {
            return Ok(answer);
        }
        authority.forget_idle(now);
        let answer = authority.answer(question, now);
        answer.map_err(|_| self.unknown())
    }

    async fn fetch(
        &self,
        _: Request<Vec<u8>>,
        _: FetchBounds,
    ) -> Result<Response<Vec<u8>>, PortError> {
        Err(self.unknown())
    }
}
