//! What the core asks of WASI and of Spin.

use std::borrow::Cow;

use http::{Request, Response};
use spin_sdk::key_value;
use spin_sdk::wasip3::clocks::system_clock;
use spin_sdk::wasip3::random::random::get_random_bytes;
use tidegate_edge::{FetchBounds, PortError, Ports};
use tidegate_limits::{Answer, Question};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Span;

use crate::fetch;
use crate::needs::Needs;

/// The ports of one request.
pub(crate) struct SpinPorts<'a> {
    /// Has the secrets that the policy names and Spin has, and the authority of limits.
    pub(crate) needs: &'a Needs,
}

impl Ports for SpinPorts<'_> {
    fn now(&self) -> UnixMillis {
        now()
    }

    fn entropy(&self) -> [u8; 24] {
        entropy()
    }

    fn secret(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let secret = self.needs.secrets().get(name)?;
        Some(Cow::Borrowed(secret.as_bytes()))
    }

    async fn credential(&self, store: &str, key: &str) -> Result<Option<Vec<u8>>, PortError> {
        let failed = |error: key_value::Error| PortError(error.to_string());
        let store = key_value::Store::open(store).await.map_err(failed)?;
        store.get(key).await.map_err(failed)
    }

    async fn authority(&self, question: &Question, time: Span) -> Result<Answer, PortError> {
        let authority = self.needs.authority();
        let authority = authority.ok_or_else(|| {
            PortError("there is no authority: set the variable `tidegate_limits`".to_owned())
        })?;
        authority.ask(question, time, fetch::fetch).await
    }

    async fn fetch(
        &self,
        request: Request<Vec<u8>>,
        bounds: FetchBounds,
    ) -> Result<Response<Vec<u8>>, PortError> {
        fetch::fetch(request, bounds).await
    }
}

pub(crate) fn now() -> UnixMillis {
    let now = system_clock::now();
    let seconds = u64::try_from(now.seconds).unwrap_or_default();
    UnixMillis(seconds.saturating_mul(1000)).plus(u64::from(now.nanoseconds / 1_000_000))
}

pub(crate) fn entropy<const N: usize>() -> [u8; N] {
    // WASI gives as many octets as it was asked for.
    get_random_bytes(N as u64).try_into().unwrap_or([0; N])
}
