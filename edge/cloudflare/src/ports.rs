//! What the core asks of its runtime, given by Workers.

use std::borrow::Cow;
use std::cell::RefCell;

use http::{Request, Response};
use js_sys::{Date, Reflect};
use tidegate_edge::{FetchBounds, PortError, Ports};
use tidegate_shared::bundle::{Algorithm, KeyMaterial};
use tidegate_shared::time::UnixMillis;
use wasm_bindgen::JsValue;

use crate::webcrypto::WebCrypto;
use crate::{documents, namespace};

/// The binding for a policy's name: upper case, with `_` for `-`.
pub(crate) fn binding_name(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}

/// Octets of entropy fetched at once, as each fetch crosses to JavaScript.
const POOL: usize = 24 * 64;

/// The runtime, behind the Worker's `env`.
#[derive(Debug)]
pub(crate) struct WorkerPorts {
    env: JsValue,
    crypto: WebCrypto,
    /// Entropy that nobody has seen yet.
    pool: RefCell<Vec<u8>>,
}

impl WorkerPorts {
    pub(crate) fn new(env: JsValue) -> Self {
        Self {
            env,
            crypto: WebCrypto::default(),
            pool: RefCell::default(),
        }
    }

    /// What the platform has under a policy's name.
    pub(crate) fn binding(&self, name: &str) -> Option<JsValue> {
        let value = Reflect::get(&self.env, &binding_name(name).into()).ok()?;
        (!value.is_undefined()).then_some(value)
    }

    /// A plain variable, or a secret.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        Reflect::get(&self.env, &name.into()).ok()?.as_string()
    }

    /// Unpredictable octets for hashing.
    pub(crate) fn seed(&self) -> [u8; 16] {
        self.draw()
    }

    /// Forgets imported keys: the bundle has changed.
    pub(crate) fn forget_keys(&self) {
        self.crypto.forget_keys();
    }

    fn draw<const N: usize>(&self) -> [u8; N] {
        let mut pool = self.pool.borrow_mut();
        if pool.len() < N {
            pool.resize(POOL, 0);
            if getrandom::fill(&mut pool).is_err() {
                // WebCrypto is part of the runtime: without it nothing else works either.
                pool.clear();
            }
        }
        let rest = pool.len().saturating_sub(N);
        pool.split_off(rest).try_into().unwrap_or([0; N])
    }
}

impl Ports for WorkerPorts {
    fn now(&self) -> UnixMillis {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole milliseconds after 1970 by the platform's contract"
        )]
        UnixMillis(Date::now() as u64)
    }

    fn entropy(&self) -> [u8; 24] {
        self.draw()
    }

    fn secret(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let secret = self.binding(name)?.as_string()?;
        Some(Cow::Owned(secret.into_bytes()))
    }

    async fn verify(
        &self,
        algorithm: Algorithm,
        key: &KeyMaterial,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, PortError> {
        let verified = self.crypto.verify(algorithm, key, message, signature).await;
        verified.map_err(|error| PortError(format!("WebCrypto failed: {error:?}")))
    }

    async fn credential(&self, store: &str, key: &str) -> Result<Option<Vec<u8>>, PortError> {
        let namespace = self
            .binding(store)
            .ok_or_else(|| PortError(format!("there is no binding `{}`", binding_name(store))))?;
        namespace::get(&namespace, key).await
    }

    async fn fetch(
        &self,
        request: Request<Vec<u8>>,
        bounds: FetchBounds,
    ) -> Result<Response<Vec<u8>>, PortError> {
        documents::fetch(request, bounds).await
    }
}
