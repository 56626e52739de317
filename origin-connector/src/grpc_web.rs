//! gRPC-Web, as browsers speak it, translated to gRPC
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md>).
//!
//! A browser shows no trailers to a page, so gRPC-Web puts them into the body, as a last frame; and
//! where the page can take text only, the body is in base64. The messages are the same, so they go
//! through untouched and one piece at a time.

mod request;
mod response;

use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, TE, TRAILER};
use http::{Method, request::Parts};

pub(crate) use request::{InvalidText, TextDecoder};
pub(crate) use response::Encoder;

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As gRPC's.
    Binary,
    /// In base64; padding may stand between pieces, too.
    Text,
}

/// A call that came as gRPC-Web, and is to be answered so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    request: Encoding,
    response: Encoding,
}

impl Call {
    /// The call that a request is, if any. Its head becomes that of a gRPC request.
    pub(crate) fn adopt(parts: &mut Parts) -> Option<Self> {
        let (request, message) = web(parts.headers.get(CONTENT_TYPE)?)?;
        if parts.method != Method::POST {
            return None;
        }
        let fields = &mut parts.headers;
        let response = accepted(fields).unwrap_or(request);
        fields.insert(CONTENT_TYPE, typed("application/grpc", &message)?);
        fields.insert(TE, HeaderValue::from_static("trailers"));
        // Of the text, and of the web: no gRPC server asks what else would be accepted.
        fields.remove(CONTENT_LENGTH);
        fields.remove(ACCEPT);
        Some(Self { request, response })
    }

    /// What the request's body goes through.
    pub(crate) fn decoder(self) -> Option<TextDecoder> {
        (self.request == Encoding::Text).then(TextDecoder::default)
    }

    /// Makes the head of a gRPC response that of a gRPC-Web one, and tells what its body goes
    /// through. `None` leaves an answer that is not gRPC as it is, as one of a proxy before the
    /// backend: clients go by its HTTP status.
    pub(crate) fn answer(self, fields: &mut HeaderMap) -> Option<Encoder> {
        let kind = media_type(fields.get(CONTENT_TYPE)?)?;
        let message = kind.strip_prefix("application/grpc")?;
        let own = match self.response {
            Encoding::Binary => "application/grpc-web",
            Encoding::Text => "application/grpc-web-text",
        };
        let kind = typed(own, message)?;
        fields.insert(CONTENT_TYPE, kind);
        fields.remove(CONTENT_LENGTH);
        fields.remove(TRAILER);
        Some(Encoder::new(self.response))
    }
}

/// The encoding that a media type names, and how its messages are written, as `+proto`.
fn web(kind: &HeaderValue) -> Option<(Encoding, String)> {
    let kind = media_type(kind)?;
    let message = kind.strip_prefix("application/grpc-web")?;
    let (encoding, message) = match message.strip_prefix("-text") {
        Some(message) => (Encoding::Text, message),
        None => (Encoding::Binary, message),
    };
    is_suffix(message).then(|| (encoding, message.to_owned()))
}

/// The encoding in which the caller wants its answer, where it says so.
fn accepted(fields: &HeaderMap) -> Option<Encoding> {
    let accept = fields.get_all(ACCEPT).iter();
    accept.filter_map(web).map(|(encoding, _)| encoding).next()
}

/// In lower case, without parameters (RFC 9110 §8.3.1).
fn media_type(field: &HeaderValue) -> Option<String> {
    let kind = field.to_str().ok()?.split(';').next()?;
    Some(kind.trim().to_ascii_lowercase())
}

fn typed(kind: &str, message: &str) -> Option<HeaderValue> {
    let value = HeaderValue::try_from(format!("{kind}{message}")).ok();
    value.filter(|_| is_suffix(message))
}

fn is_suffix(message: &str) -> bool {
    message.is_empty() || message.starts_with('+')
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn adopt(method: Method, kind: &str, accept: &str) -> Option<(Call, String)> {
        let request = Request::builder()
            .method(method)
            .header(CONTENT_TYPE, kind)
            .header(ACCEPT, accept);
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let call = Call::adopt(&mut parts)?;
        assert_eq!(parts.headers[TE], "trailers");
        let kind = parts.headers[CONTENT_TYPE].to_str().unwrap();
        Some((call, kind.to_owned()))
    }

    #[test]
    fn knows_grpc_web_by_its_media_type() {
        use Encoding::{Binary, Text};
        for (kind, accept, expected, request, response) in [
            (
                "application/grpc-web",
                "*/*",
                "application/grpc",
                Binary,
                Binary,
            ),
            (
                "application/grpc-web+proto; charset=utf-8",
                "*/*",
                "application/grpc+proto",
                Binary,
                Binary,
            ),
            (
                "Application/gRPC-Web-Text+proto",
                "*/*",
                "application/grpc+proto",
                Text,
                Text,
            ),
            (
                "application/grpc-web+json",
                "application/grpc-web-text+json",
                "application/grpc+json",
                Binary,
                Text,
            ),
            (
                "application/grpc-web-text",
                "application/grpc-web",
                "application/grpc",
                Text,
                Binary,
            ),
        ] {
            let call = Call { request, response };
            let adopted = adopt(Method::POST, kind, accept);
            assert_eq!(adopted, Some((call, expected.to_owned())), "{kind}");
        }
        for kind in ["application/grpc", "application/grpc-website", "text/plain"] {
            assert_eq!(adopt(Method::POST, kind, "*/*"), None, "{kind}");
        }
        assert_eq!(adopt(Method::GET, "application/grpc-web", "*/*"), None);
    }

    #[test]
    fn answers_what_is_grpc_alone() {
        let call = Call {
            request: Encoding::Binary,
            response: Encoding::Text,
        };
        for (kind, expected) in [
            ("application/grpc+proto", "application/grpc-web-text+proto"),
            ("application/problem+json", "application/problem+json"),
            ("application/grpcx", "application/grpcx"),
        ] {
            let mut fields = HeaderMap::new();
            fields.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            let translated = call.answer(&mut fields).is_some();
            assert_eq!(fields[CONTENT_TYPE], expected);
            assert_eq!(translated, kind != expected);
        }
    }
}
