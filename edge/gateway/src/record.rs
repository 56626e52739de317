//! The access record: one for each request, also for a refused one.

use std::net::IpAddr;

use serde::Serialize;
use tidegate_shared::time::UnixMillis;

use crate::attempt::AttemptPlan;
use crate::shadow_bundle::ShadowVerdict;

/// What became of a request. Serialises to one JSON object; absent facts are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccessRecord {
    /// When the request came, in milliseconds since the Unix epoch.
    pub time: u64,
    /// The request's id, as in `X-Request-Id`.
    pub request_id: String,
    /// The trace, 32 hexadecimal digits.
    pub trace_id: String,
    /// The policy's name.
    pub policy: String,
    /// The digest of the bundle that decided.
    pub bundle: String,
    /// The method.
    pub method: String,
    /// The host, once it is known to be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The path in normal form, without the query, which may hold what nobody should log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The route's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Who called: a token's subject or a consumer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer: Option<String>,
    /// The plan that the caller is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// The client's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<IpAddr>,
    /// What was decided.
    pub decision: Verdict,
    /// The phase that decided.
    pub phase: &'static str,
    /// The name of the problem that the client got.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<&'static str>,
    /// The cause, for the operator alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What rules in shadow would have refused, at most [`MAX_SHADOWED`] of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shadow: Vec<Shadowed>,
    /// What a bundle in shadow would have done, where that is something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow_bundle: Option<Box<ShadowVerdict>>,
    /// The status that the client got.
    pub status: u16,
    /// The upstream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// The origin that answered, or was tried last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Attempts to reach an origin.
    pub attempts: u8,
    /// Milliseconds from the request's head to the end of the exchange.
    pub duration_ms: u64,
    /// How it ended.
    pub end: End,
}

/// The most that an access record says of rules in shadow.
pub const MAX_SHADOWED: usize = 8;

/// A refusal that did not count: the rule is in shadow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shadowed {
    /// The phase that would have refused.
    pub phase: &'static str,
    /// The name of the problem that the client would have got.
    pub problem: &'static str,
    /// The cause, for the operator alone.
    pub reason: String,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Passed on to an origin.
    Forward,
    /// Answered by the gateway, as the policy says.
    Reply,
    /// Refused with a problem.
    Refuse,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The whole response was delivered.
    Complete,
    /// The client went away.
    ClientGone,
    /// The origin broke off inside its response.
    OriginGone,
}

/// What an adapter knows at the end of an exchange.
#[derive(Debug)]
pub struct Outcome<'a> {
    /// The status that the client got.
    pub status: u16,
    /// The plan that was followed, where the request was passed on.
    pub plan: Option<&'a AttemptPlan>,
    /// How it ended.
    pub end: End,
    /// The time.
    pub now: UnixMillis,
}
