//! What there is beside the gateway: memory alone.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use tidegate_edge::{FetchBounds, PortError, Ports};
use tidegate_limits::{Answer, Authority, Question};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Span;

use crate::credentials;

pub(super) struct World {
    pub(super) now: UnixMillis,
    pub(super) authority: RefCell<Authority>,
    /// What the platform's key-value stores have, each the same.
    pub(super) store: RefCell<BTreeMap<String, Vec<u8>>>,
    pub(super) secrets: HashMap<String, Vec<u8>>,
}

impl Ports for World {
    fn now(&self) -> UnixMillis {
        self.now
    }

    fn entropy(&self) -> [u8; 24] {
        [1; 24]
    }

    fn secret(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.secrets
            .get(name)
            .map(|secret| Cow::Borrowed(secret.as_slice()))
    }

    async fn credential(&self, _: &str, key: &str) -> Result<Option<Vec<u8>>, PortError> {
        Ok(self.store.borrow().get(key).cloned())
    }

    async fn authority(&self, question: &Question, _: Span) -> Result<Answer, PortError> {
        let answer = self.authority.borrow_mut().answer(question, self.now);
        answer.map_err(|error| PortError(error.to_string()))
    }

    /// Answers as a server that is asked what a token is worth: nothing else is fetched, as
    /// issuers have the keys of the test.
    async fn fetch(
        &self,
        request: http::Request<Vec<u8>>,
        _: FetchBounds,
    ) -> Result<http::Response<Vec<u8>>, PortError> {
        Ok(http::Response::new(credentials::answer(request.body())))
    }
}
