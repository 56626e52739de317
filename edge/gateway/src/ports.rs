//! The only way out of the core.

use std::borrow::Cow;

use tidegate_shared::bundle::{Algorithm, KeyMaterial};
use tidegate_shared::time::UnixMillis;

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

    /// Whether `signature` by `key` holds over `message`. `key` always
    /// [fits](KeyMaterial::fits) `algorithm`, which is never HS256: that one needs no port.
    /// [`signature::verify`](crate::signature::verify) is the implementation for runtimes
    /// without a faster one.
    fn verify(
        &self,
        algorithm: Algorithm,
        key: &KeyMaterial,
        message: &[u8],
        signature: &[u8],
    ) -> impl Future<Output = Result<bool, PortError>>;
}

/// A port could not do its work. The request is refused; the text is for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PortError(pub String);
