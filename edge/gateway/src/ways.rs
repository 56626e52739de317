//! The ports of a runtime, with its ways out or without. Without, what they give is known already, or
//! nothing.
//!
//! Both are one type, so that a Wasm module has the phases once, and not once more for bundles in
//! shadow.

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

/// The ports of a runtime.
pub(crate) struct Ways<'a, P> {
    ports: &'a P,
    /// What is known, where the ways out are closed.
    known: Option<Known<'a>>,
}

struct Known<'a> {
    state: &'a State,
    authority: &'a Mutex<Authority>,
    /// Whether something was asked for that nobody here knows.
    asked: AtomicBool,
}

impl<'a, P> Ways<'a, P> {
    /// With all ways out.
    pub(crate) fn open(ports: &'a P) -> Self {
        Self { ports, known: None }
    }

    /// Without; `state` and `authority` know what is known.
    pub(crate) fn closed(ports: &'a P, state: &'a State, authority: &'a Mutex<Authority>) -> Self {
        let known = Known {
            state,
            authority,
            asked: AtomicBool::new(false),
        };
        Self {
            ports,
            known: Some(known),
        }
    }

    /// Whether everything that was asked for could be given.
    pub(crate) fn knew(&self) -> bool {
        let asked = |known: &Known<'_>| known.asked.load(Ordering::Relaxed);
        !self.known.as_ref().is_some_and(asked)
    }
}

impl Known<'_> {
    fn unknown(&self) -> PortError {
        self.asked.store(true, Ordering::Relaxed);
        PortError("a bundle in shadow asks nobody".to_owned())
    }

    fn credential(&self, store: &str, key: &str) -> Result<Option<Vec<u8>>, PortError> {
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

    fn authority(&self, question: &Question, now: UnixMillis) -> Result<Answer, PortError> {
        let mut authority = self
            .authority
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Ok(answer) = authority.answer(question, now) {
            return Ok(answer);
        }
        authority.forget_idle(now);
        let answer = authority.answer(question, now);
        answer.map_err(|_| self.unknown())
    }
}

impl<P: Ports> Ports for Ways<'_, P> {
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
        match &self.known {
            None => self.ports.credential(store, key).await,
            Some(known) => known.credential(store, key),
        }
    }

    async fn authority(&self, question: &Question, time: Span) -> Result<Answer, PortError> {
        match &self.known {
            None => self.ports.authority(question, time).await,
            Some(known) => known.authority(question, self.now()),
        }
    }

    async fn fetch(
        &self,
        request: Request<Vec<u8>>,
        bounds: FetchBounds,
    ) -> Result<Response<Vec<u8>>, PortError> {
        match &self.known {
            None => self.ports.fetch(request, bounds).await,
            Some(known) => Err(known.unknown()),
        }
    }
}
