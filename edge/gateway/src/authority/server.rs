//! An authority that is asked over HTTP: how a question and its answer travel.
//!
//! `POST` to the server's address, with a question as CBOR and a bearer token (RFC 6750 §2.1); the
//! answer comes with status 200, as CBOR.

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode, Uri};
use tidegate_limits::{Answer, MAX_MESSAGE, Question};
use tidegate_shared::units::Span;

use crate::ports::{FetchBounds, PortError};

/// The media type of questions and answers.
pub const LIMITS_MEDIA_TYPE: &str = "application/cbor";

/// A server that answers for limits: a native gateway, for other gateways.
#[derive(Clone)]
pub struct LimitServer {
    address: Uri,
    authorization: HeaderValue,
}

/// The text does not say where a server is, or how to prove that one may ask it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLimitServer {
    /// Neither `http` nor `https`, or no host.
    #[error("the authority of limits must be an `https://` or `http://` address")]
    Address,
    /// Empty, or not visible ASCII.
    #[error("the token for the authority of limits is missing, or is no visible ASCII")]
    Token,
}

impl std::fmt::Debug for LimitServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LimitServer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl LimitServer {
    /// A server by its address, and the token that it wants to see. White space around the token
    /// is an editor's.
    ///
    /// # Errors
    /// [`InvalidLimitServer`] where either cannot be used.
    pub fn new(address: &str, token: &str) -> Result<Self, InvalidLimitServer> {
        let address: Uri = address.parse().map_err(|_| InvalidLimitServer::Address)?;
        let reachable = matches!(address.scheme_str(), Some("http" | "https"));
        if !reachable || address.host().is_none() {
            return Err(InvalidLimitServer::Address);
        }
        let token = token.trim();
        if token.is_empty() || !token.bytes().all(|octet| octet.is_ascii_graphic()) {
            return Err(InvalidLimitServer::Token);
        }
        let mut authorization = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| InvalidLimitServer::Token)?;
        authorization.set_sensitive(true);
        Ok(Self {
            address,
            authorization,
        })
    }

    /// Asks the server, by the runtime's way to fetch a document.
    ///
    /// # Errors
    /// [`PortError`] where there is no answer in time, or it is none.
    pub async fn ask<F, A>(
        &self,
        question: &Question,
        time: Span,
        fetch: F,
    ) -> Result<Answer, PortError>
    where
        F: FnOnce(Request<Vec<u8>>, FetchBounds) -> A,
        A: Future<Output = Result<Response<Vec<u8>>, PortError>>,
    {
        let request = Request::post(&self.address)
            .header(AUTHORIZATION, &self.authorization)
            .header(CONTENT_TYPE, LIMITS_MEDIA_TYPE)
            .body(question.encode())
            .map_err(|error| PortError(error.to_string()))?;
        let bounds = FetchBounds {
            octets: MAX_MESSAGE,
            time,
        };
        let response = fetch(request, bounds).await?;
        if response.status() != StatusCode::OK {
            let status = response.status();
            return Err(PortError(format!("the authority answered `{status}`")));
        }
        Answer::decode(response.body())
            .map_err(|error| PortError(format!("the authority's answer: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use tidegate_limits::{Ask, Spent};
    use tidegate_shared::units::Rate;

    use super::*;

    #[test]
    fn an_address_and_a_token_are_needed() {
        for address in ["", "limits.example", "redis://limits.example", "https://"] {
            let server = LimitServer::new(address, "token");
            assert_eq!(
                server.unwrap_err(),
                InvalidLimitServer::Address,
                "`{address}`"
            );
        }
        for token in ["", " \n", "two words", "tök"] {
            let server = LimitServer::new("https://limits.example", token);
            assert_eq!(server.unwrap_err(), InvalidLimitServer::Token, "`{token}`");
        }
        let server = LimitServer::new("https://limits.example:8443/", "secret\n").unwrap();
        assert!(!format!("{server:?}").contains("secret"));
    }

    /// What is made of a server's answer.
    fn asked(status: u16, body: &[u8]) -> Result<Answer, PortError> {
        let server = LimitServer::new("https://limits.example/", "secret").unwrap();
        let question = Question {
            bucket: [7; 32],
            rate: Rate {
                count: 1,
                period: 60,
            },
            burst: 1,
            ask: Ask::Spend(1),
        };
        let asked = server.ask(&question, Span(1_000), |request, bounds| {
            assert_eq!(request.headers()[AUTHORIZATION], "Bearer secret");
            assert_eq!(Question::decode(request.body()).unwrap(), question);
            assert_eq!(bounds.time, Span(1_000));
            let response = Response::builder().status(status).body(body.to_vec());
            std::future::ready(Ok(response.unwrap()))
        });
        match pin!(asked).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => answer,
            Poll::Pending => panic!("nothing is waited for"),
        }
    }

    #[test]
    fn only_an_answer_is_one() {
        let answer = Answer::Spent(Spent {
            tokens: 1,
            retry_after: 0,
            free: 4,
        });
        assert_eq!(asked(200, &answer.encode()), Ok(answer));
        let failure = |status, body: &[u8]| asked(status, body).unwrap_err().0;
        assert_eq!(
            failure(503, &answer.encode()),
            "the authority answered `503 Service Unavailable`"
        );
        let mut longer = answer.encode();
        longer.push(0);
        for garbage in [&b""[..], b"<html>", &longer, &[0xff; 300]] {
            assert!(failure(200, garbage).starts_with("the authority's answer: "));
        }
    }
}
