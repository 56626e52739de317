//! What expressions and limits may ask of a request.

use std::borrow::Cow;
use std::cell::OnceCell;

use http::HeaderName;
use tidegate_shared::condition::{Timestamp, Variable};
use tidegate_shared::pattern::{Captures, PathPattern};
use tidegate_shared::time::UnixMillis;

use crate::condition::{Facts, List, Map, Value};
use crate::head::RequestHead;
use crate::identity::Identity;
use crate::phase::accept::Target;

/// A request that was routed, and its caller if it has one.
pub(crate) struct Request<'r, H> {
    head: &'r H,
    target: &'r Target<'r>,
    pattern: &'r PathPattern,
    /// What the pattern captured, once it was asked for.
    captures: OnceCell<Option<Captures<'r, 'r>>>,
    identity: Option<&'r Identity>,
    plan: Option<&'r str>,
    started: UnixMillis,
}

impl<'r, H: RequestHead> Request<'r, H> {
    pub(crate) fn new(
        head: &'r H,
        target: &'r Target<'r>,
        pattern: &'r PathPattern,
        identity: Option<&'r Identity>,
        plan: Option<&'r str>,
        started: UnixMillis,
    ) -> Self {
        Self {
            head,
            target,
            pattern,
            captures: OnceCell::new(),
            identity,
            plan,
            started,
        }
    }

    pub(crate) fn head(&self) -> &'r H {
        self.head
    }

    pub(crate) fn identity(&self) -> Option<&'r Identity> {
        self.identity
    }

    /// The values of the path's parameters, with their names.
    pub(crate) fn parameters(&self) -> &[(&'r str, &'r str)] {
        let captures = self
            .captures
            .get_or_init(|| self.pattern.captures(&self.target.path));
        captures
            .as_ref()
            .map(|captures| captures.parameters.as_slice())
            .unwrap_or_default()
    }
}

impl<H: RequestHead> Facts for Request<'_, H> {
    fn variable(&self, variable: Variable) -> Option<Value<'_>> {
        Some(match variable {
            Variable::Method => Value::text(self.head.method().as_str()),
            Variable::Path => Value::text(&self.target.path),
            Variable::Host => Value::text(&self.target.host),
            Variable::Subject => Value::text(&self.identity?.subject),
            Variable::Issuer => Value::text(&self.identity?.issuer),
            Variable::Scopes => Value::List(List::Texts(&self.identity?.scopes)),
            Variable::Claims => Value::Map(Map::Json(&self.identity?.claims)),
            Variable::Certificate => Value::Map(Map::Json(&self.identity?.certificate)),
            Variable::Plan => Value::text(self.plan?),
            Variable::Address => {
                let address = self.head.peer().address?;
                Value::Text(Cow::Owned(address.to_string()))
            }
            Variable::Now => Value::Timestamp(Timestamp {
                seconds: i64::try_from(self.started.seconds()).ok()?,
                nanos: u32::try_from(self.started.0 % 1000).ok()? * 1_000_000,
            }),
        })
    }

    fn header(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        self.head.header(name)
    }

    fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        let query = self.target.query?.as_bytes();
        let mut parameters = form_urlencoded::parse(query);
        let found = parameters.find(|(own, _)| own == name);
        found.map(|(_, value)| value)
    }

    fn parameter(&self, place: u32) -> Option<Cow<'_, str>> {
        let (_, value) = self.parameters().get(usize::try_from(place).ok()?)?;
        Some(Cow::Borrowed(value))
    }
}
