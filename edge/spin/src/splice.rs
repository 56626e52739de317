//! Hands a message's body on without reading it.
//!
//! The host recognises its own stream when it comes back and connects the two
//! sides directly. Trailers travel with the stream.

use spin_sdk::wasip3::http::types::{
    ErrorCode, Headers, Request, RequestOptions, Response, Trailers,
};
use spin_sdk::wasip3::{wit_future, wit_stream};
use spin_sdk::wit_bindgen::{FutureReader, StreamReader, spawn};

/// The body of a message: taken from one, given to another.
pub(crate) struct Body {
    contents: Option<StreamReader<u8>>,
    trailers: FutureReader<Result<Option<Trailers>, ErrorCode>>,
}

impl Body {
    /// No contents and no trailers.
    pub(crate) fn empty() -> Self {
        let (_, trailers) = wit_future::new(|| Ok(None));
        Self {
            contents: None,
            trailers,
        }
    }

    /// Contents from memory.
    pub(crate) fn of(contents: Vec<u8>) -> Self {
        let body = Self::empty();
        if contents.is_empty() {
            return body;
        }
        let (mut writer, reader) = wit_stream::new();
        spawn(async move {
            // What the host does not take is of no use to anyone.
            let _ = writer.write_all(contents).await;
        });
        Self {
            contents: Some(reader),
            ..body
        }
    }

    pub(crate) fn of_request(request: Request) -> Self {
        let (_, consumed) = wit_future::new(|| Ok(()));
        let (contents, trailers) = Request::consume_body(request, consumed);
        Self {
            contents: Some(contents),
            trailers,
        }
    }

    pub(crate) fn of_response(response: Response) -> Self {
        let (_, consumed) = wit_future::new(|| Ok(()));
        let (contents, trailers) = Response::consume_body(response, consumed);
        Self {
            contents: Some(contents),
            trailers,
        }
    }

    pub(crate) fn into_request(self, headers: Headers, options: RequestOptions) -> Request {
        let (request, transmission) =
            Request::new(headers, self.contents, self.trailers, Some(options));
        // To drop it would tell the host that nobody waits for the transmission.
        spawn(async move {
            let _ = transmission.await;
        });
        request
    }

    pub(crate) fn into_response(self, headers: Headers, status: u16) -> Response {
        let (response, transmission) = Response::new(headers, self.contents, self.trailers);
        spawn(async move {
            let _ = transmission.await;
        });
        // A status that came from the host is one that it takes.
        let _ = response.set_status_code(status);
        response
    }
}
