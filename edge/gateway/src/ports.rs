//! The only way out of the core.

use std::borrow::Cow;

use http::{Request, Response};
use tidegate_limits::{Answer, Question};
use tidegate_shared::bundle::{Algorithm, KeyMaterial};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Span;

use crate::signature;

/// What the core asks of its runtime.
///
/// Futures need not be `Send`; where none is pending, [`Gateway::decide`](crate::Gateway::decide)
/// is ready at its first poll.
pub trait Ports {
    /// Whether a request may wait for what another one does. Not where the runtime ties what a
    /// request waits for to that request.
    const SHARES: bool = false;

    /// The time.
    fn now(&self) -> UnixMillis;

    /// Unpredictable octets: they name requests and spans.
    fn entropy(&self) -> [u8; 24];

    /// A secret by its name, from the platform's secret store.
    fn secret(&self, name: &str) -> Option<Cow<'_, [u8]>>;

    /// Whether the signature `octets` by `key` holds over `message`. `key` always
    /// [fits](KeyMaterial::fits) `algorithm`, which is never HS256: that one needs no port.
    /// Done in software, unless the runtime has something faster.
    fn verify(
        &self,
        algorithm: Algorithm,
        key: &KeyMaterial,
        message: &[u8],
        octets: &[u8],
    ) -> impl Future<Output = Result<bool, PortError>> {
        std::future::ready(Ok(signature::verify(algorithm, key, message, octets)))
    }

    /// What a key-value store of the platform, called `store` in the policy, has under a key: the
    /// record of an API key, or the list of revocations. A runtime without such stores leaves this out.
    fn credential(
        &self,
        store: &str,
        key: &str,
    ) -> impl Future<Output = Result<Option<Vec<u8>>, PortError>> {
        let _ = key;
        std::future::ready(Err(PortError(format!("there is no store `{store}`"))))
    }

    /// Asks the authority of a limit's bucket, and waits as long as is said for its answer. A
    /// runtime without authorities leaves this out.
    fn authority(
        &self,
        question: &Question,
        time: Span,
    ) -> impl Future<Output = Result<Answer, PortError>> {
        let _ = (question, time);
        let error = "this runtime has no authority for limits";
        std::future::ready(Err(PortError(error.to_owned())))
    }

    /// Fetches a document: an issuer's key set, what it says of a token, or the list of
    /// revocations. Any status is an answer; a redirect is not followed, so that nobody but the
    /// policy says where requests go. A runtime that reaches nobody leaves this out.
    fn fetch(
        &self,
        request: Request<Vec<u8>>,
        bounds: FetchBounds,
    ) -> impl Future<Output = Result<Response<Vec<u8>>, PortError>> {
        let _ = (request, bounds);
        std::future::ready(Err(PortError("this runtime fetches nothing".to_owned())))
    }
}

/// What a fetch may cost. One that costs more is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchBounds {
    /// Octets of the answer's body.
    pub octets: usize,
    /// The time until all of the answer is there.
    pub time: Span,
}

/// A port could not do its work. The request is refused; the text is for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PortError(pub String);
