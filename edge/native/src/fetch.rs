//! Small documents of authorities, such as an issuer's key set.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use tidegate_edge::{FetchBounds, PortError};

use crate::client::{self, Connector};
use crate::exchange::chain;

/// Connections to authorities, which must hold a certificate of a public one where TLS is used.
#[derive(Clone, Debug)]
pub struct Fetcher(Client<Connector, Full<Bytes>>);

impl Fetcher {
    /// Begins without connections.
    ///
    /// # Errors
    /// Where there is no TLS to be had.
    pub fn new() -> Result<Self, rustls::Error> {
        Ok(Self(client::pool(client::public_tls()?, true)))
    }

    /// Fetches a document, of any status, within bounds. A redirect is not followed.
    ///
    /// # Errors
    /// Where nobody answers, or not within the bounds.
    pub async fn fetch(
        &self,
        request: Request<Vec<u8>>,
        bounds: FetchBounds,
    ) -> Result<Response<Vec<u8>>, PortError> {
        let whole = async {
            let response = self.0.request(request.map(|body| Full::new(body.into())));
            let (head, body) = response
                .await
                .map_err(|error| PortError(chain(&error)))?
                .into_parts();
            let body = Limited::new(body, bounds.octets).collect();
            let body = body.await.map_err(|error| PortError(error.to_string()))?;
            Ok(Response::from_parts(head, body.to_bytes().to_vec()))
        };
        let time = std::time::Duration::from_millis(bounds.time.0);
        let ended = tokio::time::timeout(time, whole).await;
        ended.unwrap_or_else(|_| Err(PortError(format!("no answer within {}", bounds.time))))
    }
}
