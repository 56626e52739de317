//! The authority of limits as a server, for gateways that have none of their own: other native
//! gateways, Spin's instances, Workers without Durable Objects.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tidegate_edge::LIMITS_MEDIA_TYPE;
use tidegate_limits::{MAX_MESSAGE, Question};
use tidegate_shared::digest::Digest;
use tidegate_shared::units::Span;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tracing::debug;

use super::LimitAuthority;
use crate::connection::{self, HEAD_TIMEOUT};
use crate::listen;
use crate::tls::{Tls, TlsFiles};

/// Connections at once.
const MAX_CONNECTIONS: usize = 4_096;
/// How long a question's octets may take, and how long the authority behind this server.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long questions under way may take after the end was asked for.
const DRAIN: Duration = Duration::from_secs(2);

/// What an authority's server runs with.
#[derive(Clone, Debug)]
pub struct AuthorityConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// For TLS; in the clear without.
    pub tls: Option<TlsFiles>,
    /// What who asks must know.
    pub token: AuthorityToken,
    /// Who answers.
    pub authority: Arc<LimitAuthority>,
}

/// What a gateway shows that asks: a secret, of which the digest is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthorityToken(Digest);

/// The token cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token of the authority of limits must have 16 characters or more, of visible ASCII")]
pub struct InvalidToken;

impl AuthorityToken {
    /// The token of this text. White space around it is an editor's.
    ///
    /// # Errors
    /// [`InvalidToken`] where it is too short to be a secret, or cannot be sent.
    pub fn new(text: &str) -> Result<Self, InvalidToken> {
        let text = text.trim();
        let sound = text.len() >= 16 && text.bytes().all(|octet| octet.is_ascii_graphic());
        sound
            .then(|| Self(Digest::of(text.as_bytes())))
            .ok_or(InvalidToken)
    }

    /// Digests are compared, so that the time it takes tells nothing of the token.
    fn is_shown(self, field: Option<&HeaderValue>) -> bool {
        let shown = field.and_then(|field| field.as_bytes().split_at_checked("Bearer ".len()));
        shown.is_some_and(|(scheme, token)| {
            scheme.eq_ignore_ascii_case(b"Bearer ") && Digest::of(token).equals(&self.0)
        })
    }
}

/// An authority that listens.
pub struct AuthorityServer {
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    desk: Arc<Desk>,
}

/// What every question is answered with.
struct Desk {
    token: AuthorityToken,
    authority: Arc<LimitAuthority>,
}

impl std::fmt::Debug for AuthorityServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthorityServer")
            .field("listener", &self.listener)
            .finish_non_exhaustive()
    }
}

impl AuthorityServer {
    /// Begins to listen.
    ///
    /// # Errors
    /// Where the address cannot be had, or the files make no TLS.
    pub async fn bind(
        config: AuthorityConfig,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let AuthorityConfig {
            listen,
            tls,
            token,
            authority,
        } = config;
        let tls = tls.map(Tls::load).transpose()?.map(Arc::new);
        let listener = TcpListener::bind(listen)
            .await
            .map_err(|error| format!("cannot listen on `{listen}`: {error}"))?;
        Ok(Self {
            listener,
            tls,
            desk: Arc::new(Desk { token, authority }),
        })
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until `shutdown` is ready.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self {
            listener,
            tls,
            desk,
        } = self;
        let renewing = tls
            .clone()
            .map(|tls| tokio::spawn(async move { tls.watch().await }));
        let graceful = GracefulShutdown::new();
        let builder = Arc::new(connection::builder());
        let serve = |stream, _| {
            let (desk, tls) = (Arc::clone(&desk), tls.clone());
            let (builder, watcher) = (Arc::clone(&builder), graceful.watcher());
            async move { begin(stream, tls, &builder, watcher, desk).await }
        };
        listen::accept(listener, MAX_CONNECTIONS, shutdown, serve).await;
        let _ = tokio::time::timeout(DRAIN, graceful.shutdown()).await;
        if let Some(renewing) = renewing {
            renewing.abort();
        }
    }
}

async fn begin(
    stream: TcpStream,
    tls: Option<Arc<Tls>>,
    builder: &auto::Builder<TokioExecutor>,
    watcher: Watcher,
    desk: Arc<Desk>,
) {
    match tls {
        None => answer_all(stream, builder, watcher, desk).await,
        Some(tls) => {
            let handshake = tokio::time::timeout(HEAD_TIMEOUT, tls.accept(stream)).await;
            if let Ok(Ok(stream)) = handshake {
                answer_all(stream, builder, watcher, desk).await;
            }
        }
    }
}

async fn answer_all<S>(
    stream: S,
    builder: &auto::Builder<TokioExecutor>,
    watcher: Watcher,
    desk: Arc<Desk>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let desk = Arc::clone(&desk);
        async move { Ok::<_, Infallible>(desk.answer(request).await) }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    // What goes wrong on a connection is the affair of who asks: no answer is one.
    let _ = watcher.watch(connection.into_owned()).await;
}

impl Desk {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (status, body) = match self.decide(request).await {
            Ok(answer) => (StatusCode::OK, answer),
            Err(status) => (status, Vec::new()),
        };
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = status;
        if status == StatusCode::OK {
            let media_type = HeaderValue::from_static(LIMITS_MEDIA_TYPE);
            response.headers_mut().insert(CONTENT_TYPE, media_type);
        }
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }

    /// Nothing of a question is read before the token is seen.
    async fn decide(&self, request: Request<Incoming>) -> Result<Vec<u8>, StatusCode> {
        if !self.token.is_shown(request.headers().get(AUTHORIZATION)) {
            return Err(StatusCode::UNAUTHORIZED);
        }
        if request.method() != Method::POST {
            return Err(StatusCode::METHOD_NOT_ALLOWED);
        }
        let body = Limited::new(request.into_body(), MAX_MESSAGE).collect();
        let body = tokio::time::timeout(PATIENCE, body).await;
        let body = body.map_err(|_| StatusCode::REQUEST_TIMEOUT)?;
        let body = body.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?.to_bytes();
        let question = Question::decode(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
        let patience = Span(u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX));
        match self.authority.answer(&question, patience).await {
            Ok(answer) => Ok(answer.encode()),
            Err(error) => {
                debug!(%error, "a question about a limit");
                Err(StatusCode::SERVICE_UNAVAILABLE)
            }
        }
    }
}
