//! Small documents of authorities, such as an issuer's key set. `allowed_outbound_hosts` must
//! list where they are.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use http::header::ETAG;
use http::{HeaderValue, Request, Response};
use spin_sdk::wasip3::clocks::monotonic_clock;
use spin_sdk::wasip3::http::types::{Headers, Response as Answer};
use spin_sdk::wasip3::wit_future;
use spin_sdk::wit_bindgen::StreamResult;
use tidegate_edge::{FetchBounds, PortError};

use crate::origin::{self, Target};
use crate::splice::Body;

/// Octets read at once.
const CHUNK: usize = 16 * 1024;

pub(crate) async fn fetch(
    request: Request<Vec<u8>>,
    bounds: FetchBounds,
) -> Result<Response<Vec<u8>>, PortError> {
    let time = Duration::from_millis(bounds.time.0);
    let whole = within(time, exchange(request, bounds.octets, time)).await;
    whole.unwrap_or_else(|| Err(PortError(format!("no answer within {}", bounds.time))))
}

/// What something gives within a time; `None` where it gives nothing.
pub(crate) async fn within<T>(time: Duration, act: impl Future<Output = T>) -> Option<T> {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    match select(pin!(act), pin!(monotonic_clock::wait_for(nanos))).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}

/// Fetches a document of so many octets at most. The host keeps `time` for its beginning alone.
pub(crate) async fn exchange(
    request: Request<Vec<u8>>,
    limit: usize,
    time: Duration,
) -> Result<Response<Vec<u8>>, PortError> {
    let failed = |error: &dyn std::fmt::Display| PortError(error.to_string());
    let (head, body) = request.into_parts();
    let target = Target::new(&head.uri.to_string(), "").map_err(|error| failed(&error))?;
    let fields = head
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    // Without it the body goes in chunks, which not every server takes.
    let length = || ("content-length".to_owned(), body.len().to_string().into());
    let length = (!body.is_empty()).then(length);
    let fields: Vec<_> = fields.chain(length).collect();
    let headers = Headers::from_list(&fields).map_err(|error| failed(&error))?;
    let answer = origin::send(target, &head.method, headers, Body::of(body), time).await;
    let answer = answer.map_err(|(_, error)| PortError(error))?;
    let mut response = Response::new(Vec::new());
    let status = answer.get_status_code();
    *response.status_mut() = status.try_into().map_err(|error| failed(&error))?;
    // The one field that says something of the document.
    if let Some(tag) = answer.get_headers().get(ETAG.as_str()).pop()
        && let Ok(tag) = HeaderValue::from_bytes(&tag)
    {
        response.headers_mut().insert(ETAG, tag);
    }
    *response.body_mut() = read(answer, limit).await?;
    Ok(response)
}

/// The whole body of an answer; one that breaks off is an error, as is one that goes on.
async fn read(answer: Answer, limit: usize) -> Result<Vec<u8>, PortError> {
    let (_, consumed) = wit_future::new(|| Ok(()));
    let (mut contents, trailers) = Answer::consume_body(answer, consumed);
    let mut octets = Vec::new();
    loop {
        let (result, chunk) = contents.read(Vec::with_capacity(CHUNK)).await;
        octets.extend(chunk);
        if octets.len() > limit {
            return Err(PortError(format!("more than {limit} octets")));
        }
        match result {
            StreamResult::Complete(_) => {}
            StreamResult::Dropped | StreamResult::Cancelled => break,
        }
    }
    match trailers.await {
        Ok(_) => Ok(octets),
        Err(error) => Err(PortError(error.to_string())),
    }
}
