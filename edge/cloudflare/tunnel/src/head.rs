//! Heads on their way between JavaScript and HTTP/2, each as one text: a first line, and a line for
//! each field, `name:value`. Octets above 0x7F are characters of ISO 8859-1.

use std::fmt::Write as _;

use http::{HeaderName, HeaderValue, Method, Request, Response, Uri, Version, header};

/// Fields that are for one connection alone (RFC 9113 §8.2.2), or that HTTP/2 says in another way.
const DROPPED: [HeaderName; 7] = [
    header::CONNECTION,
    header::HOST,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// A head that HTTP does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidHead;

/// `METHOD URL`, and the fields.
pub(crate) fn request(text: &str) -> Result<Request<()>, InvalidHead> {
    let (first, fields) = text.split_once('\n').unwrap_or((text, ""));
    let (method, url) = first.split_once(' ').ok_or(InvalidHead)?;
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(method.as_bytes()).map_err(|_| InvalidHead)?;
    *request.uri_mut() = url.parse::<Uri>().map_err(|_| InvalidHead)?;
    *request.version_mut() = Version::HTTP_2;
    for line in fields.lines() {
        let (name, value) = line.split_once(':').ok_or(InvalidHead)?;
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| InvalidHead)?;
        if DROPPED.contains(&name) {
            continue;
        }
        let value: Option<Vec<u8>> = value.chars().map(|one| u8::try_from(one).ok()).collect();
        let value = HeaderValue::from_bytes(&value.ok_or(InvalidHead)?);
        request
            .headers_mut()
            .append(name, value.map_err(|_| InvalidHead)?);
    }
    Ok(request)
}

/// The status, and the fields.
pub(crate) fn response<B>(response: &Response<B>) -> String {
    let mut text = response.status().as_str().to_owned();
    for (name, value) in response.headers() {
        let _ = write!(text, "\n{name}:");
        text.extend(value.as_bytes().iter().copied().map(char::from));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_become_what_http_2_says() {
        let head = request(
            "POST https://a.example:8443/b?c=d\nx-one:1\nx-one:2:3\nhost:other\nx-latin:\u{e9}",
        );
        let head = head.unwrap();
        assert_eq!(head.method(), Method::POST);
        assert_eq!(head.uri(), "https://a.example:8443/b?c=d");
        let ones: Vec<_> = head.headers().get_all("x-one").iter().collect();
        assert_eq!(ones, ["1", "2:3"]);
        assert!(!head.headers().contains_key(header::HOST));
        assert_eq!(head.headers()["x-latin"].as_bytes(), [0xe9]);

        let mut answer = Response::new(());
        let latin = HeaderValue::from_bytes(&[0xe9]).unwrap();
        answer.headers_mut().insert("x-latin", latin);
        assert_eq!(response(&answer), "200\nx-latin:\u{e9}");
    }

    #[test]
    fn what_is_no_head_is_refused() {
        for text in [
            "",
            "GET",
            "GET  /",
            "G\tT https://a/",
            "GET https://a/\nx",
            "GET https://a/\nx y:z",
            "GET https://a/\nx:\u{100}",
            "GET https://a/\nx:\u{1}",
        ] {
            assert_eq!(request(text).unwrap_err(), InvalidHead, "{text:?}");
        }
    }
}
