//! Refusals: whose fault it is, what the client may know, what the operator must know.
//!
//! This is the one place that turns a cause into HTTP (RFC 9457).

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use serde_json::json;
use tidegate_shared::problem::Problem;

use crate::decision::Reply;

/// Why a phase refuses a request.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// What the client sees.
    pub(crate) problem: Problem,
    /// What the operator reads. Never in a response, and never with a credential in it.
    pub(crate) cause: String,
    /// Fields that the problem's RFC asks for: `WWW-Authenticate`, `Allow`, `Retry-After`.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(crate) fn new(problem: Problem, cause: impl Into<String>) -> Self {
        Self {
            problem,
            cause: cause.into(),
            headers: Vec::new(),
        }
    }

    /// Adds a field; one that is no valid value is left out.
    #[must_use]
    pub(crate) fn with(mut self, name: HeaderName, value: impl AsRef<str>) -> Self {
        self.headers.extend(
            HeaderValue::from_str(value.as_ref())
                .ok()
                .map(|value| (name, value)),
        );
        self
    }
}

/// The reply for a problem, with a request's id where there is one.
pub fn problem_reply(problem: Problem, request_id: Option<&str>) -> Reply {
    let mut document = json!({
        "type": problem.type_uri(),
        "title": problem.title(),
        "status": problem.status(),
    });
    if let (Some(id), Some(members)) = (request_id, document.as_object_mut()) {
        members.insert(
            "instance".to_owned(),
            format!("urn:tidegate:request:{id}").into(),
        );
    }
    Reply {
        status: problem.status(),
        headers: vec![
            (
                CONTENT_TYPE,
                HeaderValue::from_static("application/problem+json"),
            ),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ],
        body: Bytes::from(document.to_string()),
    }
}
