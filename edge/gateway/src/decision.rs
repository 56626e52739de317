//! What the core decided, as data for an adapter to act on.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tidegate_limits::Slot;
use tidegate_shared::problem::Problem;
use tidegate_shared::time::UnixMillis;
use tidegate_shared::trace::TraceContext;

use crate::attempt::AttemptPlan;
use crate::hosts::{Route, Table};
use crate::phase::Phase;
use crate::record::{MAX_SHADOWED, Shadowed, Verdict};
use crate::refusal::Refusal;
use crate::shadow_bundle::ShadowVerdict;

/// What to do with a request. Both arms carry the [`Exchange`] that
/// [`Gateway::finish`](crate::Gateway::finish) wants back.
#[derive(Debug)]
pub enum Decision {
    /// Answer without an origin.
    Respond(Reply, Exchange),
    /// Pass the request on.
    Forward(Forward),
}

impl Decision {
    pub(crate) fn exchange_mut(&mut self) -> &mut Exchange {
        match self {
            Self::Respond(_, exchange) => exchange,
            Self::Forward(forward) => &mut forward.exchange,
        }
    }
}

/// A complete answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The header fields; a name may stand several times.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body. For `HEAD` an adapter sends its length only.
    pub body: Bytes,
}

/// A request to pass on.
///
/// Adapters leave out the [`HOP_BY_HOP`](crate::HOP_BY_HOP) fields both ways, except for what an
/// upgrade needs where [`Forward::upgrade`] is set.
#[derive(Debug)]
pub struct Forward {
    /// Which origin, how long, how often.
    pub plan: AttemptPlan,
    /// Path and query for the origin, to follow the destination's base URL.
    pub path_and_query: String,
    /// Changes to the request's header fields.
    pub request: HeadEdits,
    /// The client asks to switch protocols (RFC 9110 §7.8), as for a WebSocket.
    pub upgrade: bool,
    /// To hand back with the response and at the end.
    pub exchange: Exchange,
}

/// Changes to a head, in this order: remove, set, add.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeadEdits {
    /// Fields to remove.
    pub remove: Vec<HeaderName>,
    /// Fields to set, whatever was there.
    pub set: Vec<(HeaderName, HeaderValue)>,
    /// Fields to add to what is there.
    pub add: Vec<(HeaderName, HeaderValue)>,
}

impl HeadEdits {
    /// Applies the changes to a list of fields.
    pub fn apply(self, headers: &mut HeaderMap) {
        let Self { remove, set, add } = self;
        for name in remove {
            headers.remove(name);
        }
        for (name, value) in set {
            headers.insert(name, value);
        }
        for (name, value) in add {
            headers.append(name, value);
        }
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        self.remove.extend(other.remove.iter().cloned());
        self.set.extend(other.set.iter().cloned());
        self.add.extend(other.add.iter().cloned());
    }
}

/// What the core must still know of a request until it is over. Opaque to adapters.
#[derive(Debug)]
pub struct Exchange {
    pub(crate) started: UnixMillis,
    pub(crate) request_id: [u8; 16],
    pub(crate) trace: TraceContext,
    pub(crate) method: Method,
    pub(crate) client: Option<IpAddr>,
    pub(crate) host: Option<Arc<str>>,
    pub(crate) path: Option<String>,
    /// The table of the host and the place of the route in it.
    pub(crate) route: Option<(Arc<Table>, u32)>,
    pub(crate) consumer: Option<String>,
    pub(crate) plan: Option<String>,
    pub(crate) phase: Phase,
    pub(crate) verdict: Verdict,
    pub(crate) problem: Option<Problem>,
    pub(crate) reason: Option<String>,
    pub(crate) shadow: Vec<Shadowed>,
    /// What a bundle in shadow would have done. Mostly absent, and large.
    pub(crate) shadow_bundle: Option<Box<ShadowVerdict>>,
    /// What the request holds of limits on requests at once; given back when the exchange is over.
    pub(crate) slots: Vec<Slot>,
    /// Fields that the phases want in the answer, whoever gives it: CORS, limits.
    pub(crate) response: HeadEdits,
}

impl Exchange {
    /// The request's id, as in the record and in `X-Request-Id`.
    pub fn request_id(&self) -> String {
        hex::encode(self.request_id)
    }

    /// The request's id as the value of a field.
    pub(crate) fn request_id_value(&self) -> HeaderValue {
        let mut digits = [b'0'; 32];
        let encoded = hex::encode_to_slice(self.request_id, &mut digits);
        debug_assert!(encoded.is_ok(), "two digits for each octet");
        HeaderValue::from_bytes(&digits).unwrap_or(HeaderValue::from_static(""))
    }

    /// Notes what rules in shadow would have refused in this phase. The first that are noted tell
    /// enough.
    pub(crate) fn watch(&mut self, refusals: Vec<Refusal>) {
        let phase = self.phase.name();
        let noted = refusals.into_iter().map(|refusal| Shadowed {
            phase,
            problem: refusal.problem.name(),
            reason: refusal.cause,
        });
        self.shadow.extend(noted);
        self.shadow.truncate(MAX_SHADOWED);
    }

    /// The route, once there is one.
    pub(crate) fn route(&self) -> Option<&Route> {
        let (table, index) = self.route.as_ref()?;
        table.route(*index)
    }
}
