//! Small documents of other servers, such as a channel's statement or an issuer's key set.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;

use crate::client::{HttpsConnector, pool, public_tls};

/// Connections to servers, which must hold a certificate of a public authority where TLS is used.
#[derive(Clone, Debug)]
pub struct Fetcher(Client<HttpsConnector, Full<Bytes>>);

/// Why a document could not be had.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(pub String);

impl Fetcher {
    /// Begins without connections.
    ///
    /// # Errors
    /// Where there is no TLS to be had.
    pub fn new() -> Result<Self, rustls::Error> {
        Ok(Self(pool(public_tls()?, true)))
    }

    /// Fetches a document, of any status, of so many octets and within that time at most. A
    /// redirect is not followed.
    ///
    /// # Errors
    /// Where nobody answers, or not within the bounds.
    pub async fn fetch(
        &self,
        request: Request<Vec<u8>>,
        octets: usize,
        time: Duration,
    ) -> Result<Response<Vec<u8>>, FetchError> {
        let whole = async {
            let response = self.0.request(request.map(|body| Full::new(body.into())));
            let (head, body) = response
                .await
                .map_err(|error| FetchError(chain(&error)))?
                .into_parts();
            let body = Limited::new(body, octets).collect();
            let body = body.await.map_err(|error| FetchError(error.to_string()))?;
            Ok(Response::from_parts(head, body.to_bytes().to_vec()))
        };
        let ended = tokio::time::timeout(time, whole).await;
        ended.unwrap_or_else(|_| Err(FetchError(format!("no answer within {time:?}"))))
    }
}

/// An error with its causes, for the operator.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
