//! The one place where a refusal becomes an HTTP response (RFC 9457).

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use tidegate_shared::problem::Problem;
use tidegate_shared::replay::NotTaken;

use crate::authorize::Denial;
use crate::gateway_signature::NotVouched;
use crate::headers::InvalidHost;
use crate::policy::UsedUp;
use crate::upstream::Overload;

/// Why the connector answers by itself.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// What the caller is told.
    pub(crate) problem: Problem,
    /// What the operator reads; never part of the response.
    pub(crate) cause: String,
    /// Further fields of the response.
    fields: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(crate) fn new(problem: Problem, cause: &(impl ToString + ?Sized)) -> Self {
        Self {
            problem,
            cause: cause.to_string(),
            fields: Vec::new(),
        }
    }

    /// The response.
    pub(crate) fn response(&self) -> Response<Bytes> {
        let status = self.problem.status();
        let body = serde_json::json!({
            "type": self.problem.type_uri(),
            "title": self.problem.title(),
            "status": status,
        });
        let mut response = Response::new(Bytes::from(body.to_string()));
        *response.status_mut() =
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, kind);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(self.fields.iter().cloned());
        if matches!(
            self.problem,
            Problem::NotReady | Problem::OriginOverloaded | Problem::ProofsExhausted
        ) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<Denial<'_>> for Refusal {
    fn from(denial: Denial<'_>) -> Self {
        let problem = match denial {
            Denial::InvalidPath(_) | Denial::AmbiguousPath => Problem::PathInvalid,
            Denial::NoBackend => Problem::BackendUnknown,
            Denial::NotAllowed(_) => Problem::CallerRefused,
        };
        Self::new(problem, &denial)
    }
}

impl From<NotVouched> for Refusal {
    fn from(error: NotVouched) -> Self {
        let problem = match error {
            NotVouched::NotTaken(NotTaken::Full) => Problem::ProofsExhausted,
            NotVouched::Missing
            | NotVouched::Malformed(_)
            | NotVouched::NotAscii
            | NotVouched::Several
            | NotVouched::UnknownKey
            | NotVouched::Algorithm
            | NotVouched::TooLittle(_)
            | NotVouched::Uncovered(_)
            | NotVouched::HopByHop(_)
            | NotVouched::NoNonce
            | NotVouched::Outdated(_)
            | NotVouched::MissingComponent(_)
            | NotVouched::Forged
            | NotVouched::NotTaken(NotTaken::Replayed) => Problem::GatewaySignatureInvalid,
        };
        Self::new(problem, &error)
    }
}

impl From<Overload> for Refusal {
    fn from(overload: Overload) -> Self {
        Self::new(Problem::OriginOverloaded, &overload)
    }
}

impl From<UsedUp> for Refusal {
    fn from(mut error: UsedUp) -> Self {
        let fields = std::mem::take(&mut error.fields);
        Self {
            fields,
            ..Self::new(error.problem, &error)
        }
    }
}

impl From<InvalidHost> for Refusal {
    fn from(error: InvalidHost) -> Self {
        Self::new(Problem::HostInvalid, &error)
    }
}
