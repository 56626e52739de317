//! Requests that may be sent a second time.

use http::header::{HeaderMap, UPGRADE};
use http::{Method, Request, Uri, Version};
use http_body::Body as _;

use crate::body::RequestBody;

/// The head of a request that does the same whether it arrives once or twice: its method is
/// idempotent (RFC 9110 §9.2.2), and it has no body, which could be read but once.
#[derive(Clone, Debug)]
pub(super) struct Replay {
    method: Method,
    uri: Uri,
    version: Version,
    headers: HeaderMap,
}

impl Replay {
    pub(super) fn of(request: &Request<RequestBody>) -> Option<Self> {
        let headers = request.headers();
        let same_twice =
            request.method().is_safe() || matches!(*request.method(), Method::PUT | Method::DELETE);
        let whole = request.body().is_end_stream() && !headers.contains_key(UPGRADE);
        (same_twice && whole).then(|| Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            headers: headers.clone(),
        })
    }

    /// The request once more.
    pub(super) fn request(&self) -> Request<RequestBody> {
        let mut request = Request::new(RequestBody::empty());
        self.method.clone_into(request.method_mut());
        self.uri.clone_into(request.uri_mut());
        *request.version_mut() = self.version;
        self.headers.clone_into(request.headers_mut());
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may_be_replayed(request: http::request::Builder) -> bool {
        Replay::of(&request.body(RequestBody::empty()).unwrap()).is_some()
    }

    #[test]
    fn only_what_does_the_same_twice_is_sent_twice() {
        for method in ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"] {
            assert!(
                may_be_replayed(Request::builder().method(method)),
                "{method}"
            );
        }
        for method in ["POST", "PATCH", "PURGE", "get"] {
            assert!(
                !may_be_replayed(Request::builder().method(method)),
                "{method}"
            );
        }
        assert!(!may_be_replayed(
            Request::get("/").header("upgrade", "websocket")
        ));
    }

    #[test]
    fn the_second_request_is_as_the_first() {
        let request = Request::put("/a?b").version(Version::HTTP_2);
        let request = request.header("x", "1").header("x", "2");
        let request = request.body(RequestBody::empty()).unwrap();
        let again = Replay::of(&request).unwrap().request();
        assert_eq!(again.method(), request.method());
        assert_eq!(again.uri(), request.uri());
        assert_eq!(again.version(), request.version());
        assert_eq!(again.headers(), request.headers());
    }
}
