//! The only way out of the core.

use std::borrow::Cow;

use tidegate_shared::bundle::{Algorithm, KeyMaterial};
use tidegate_shared::time::UnixMillis;

use crate::signature;

/// What the core asks of its runtime.
///
/// Futures need not be `Send`; where none is pending, [`Gateway::decide`](crate::Gateway::decide)
/// is ready at its first poll.
pub trait Ports {
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
}

/// A port could not do its work. The request is refused; the text is for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PortError(pub String);
