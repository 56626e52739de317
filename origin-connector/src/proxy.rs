//! From a request of a verified caller to a response, by way of a backend or not.

mod dial;
mod pool;
mod send;
mod tunnel;

use std::sync::Arc;

use http::header::{CONNECTION, EXPECT, HOST, HeaderValue, TE, UPGRADE};
use http::uri::{Authority, Scheme};
use http::{Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;
use tidegate_shared::problem::Problem;
use tidegate_shared::trace::TraceContext;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::AccessRecord;
use crate::authorize::{Authorization, Backends, RequestHead};
use crate::body::{RequestBody, ResponseBody};
use crate::caller::Caller;
use crate::config::{Backend, Limits, Protocol};
use crate::headers::{self, InvalidHost, client_cert, hop_by_hop};
use crate::refusal::Refusal;
use crate::tls::reload::Reloader;
use dial::Dial;
pub use dial::InvalidDestination;
use pool::Pool;
use tunnel::Tunnel;

/// Everything a request passes through.
#[derive(Debug)]
pub(crate) struct Proxy {
    backends: Backends,
    /// One for each backend, in the same order.
    pools: Vec<Pool>,
    limits: Limits,
    /// Tunnels outlive the connection task from which they came.
    tasks: TaskTracker,
    abort: CancellationToken,
}

/// Where an admitted request goes.
struct Destination<'p> {
    backend: &'p Backend,
    pool: &'p Pool,
    /// As the backend is told it.
    host: Authority,
}

impl Proxy {
    pub(crate) fn new(
        backends: Backends,
        limits: Limits,
        tasks: TaskTracker,
        abort: CancellationToken,
        reloader: &Arc<Reloader>,
    ) -> Result<Self, InvalidDestination> {
        let pool = |backend: &Backend| {
            let dial = Dial::new(backend, &limits, reloader)?;
            Ok(Pool::new(backend, dial, &limits))
        };
        let pools = backends.iter().map(pool).collect::<Result<_, _>>()?;
        Ok(Self {
            backends,
            pools,
            limits,
            tasks,
            abort,
        })
    }

    /// Answers a request. The record goes along with the response and is written at its end.
    pub(crate) async fn handle(
        &self,
        mut request: Request<Incoming>,
        mut record: AccessRecord,
    ) -> Response<ResponseBody> {
        record.trace = headers::trace::adopt(request.headers_mut());
        let caller = record.caller.clone();
        let exchange = match self.admit(&caller, &mut request, &mut record) {
            Ok(destination) => {
                self.forward(destination, &caller, record.trace, request)
                    .await
            }
            Err(refusal) => Err(refusal),
        };
        match exchange {
            Ok((response, tunnel)) => self.respond(response, tunnel, record),
            Err(refusal) => {
                record.problem = Some(refusal.problem);
                let (parts, text) = refusal.response().into_parts();
                record.status = Some(parts.status);
                record.cause = Some(refusal.cause);
                Response::from_parts(parts, ResponseBody::own(text, record))
            }
        }
    }

    /// Decides, and notes in the record what was decided on. The host that is decided on is the one
    /// that the backend is told, whatever `Connection` names among the fields that it came from.
    fn admit(
        &self,
        caller: &Caller,
        request: &mut Request<Incoming>,
        record: &mut AccessRecord,
    ) -> Result<Destination<'_>, Refusal> {
        if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
            let cause = format!("`{}` is never forwarded", request.method());
            return Err(Refusal::new(Problem::MethodRefused, &cause));
        }
        let host = headers::original_host(request)?;
        record.host = tidegate_shared::host::normalise(&host)
            .ok_or(InvalidHost::Malformed)?
            .into_owned();
        let head = RequestHead {
            host: &record.host,
            path: request.uri().path(),
        };
        let (index, backend) = match self.backends.authorize(&caller.identity, &head) {
            Authorization::Backend(index, backend) => (index, backend),
            Authorization::Denied(denial) => return Err(denial.into()),
        };
        record.backend = Some(backend.name().to_owned());
        let pool = self
            .pools
            .get(index)
            .ok_or_else(|| Refusal::new(Problem::Internal, "a backend has no pool"))?;
        let host = host.parse().map_err(|_| InvalidHost::Malformed)?;
        Ok(Destination {
            backend,
            pool,
            host,
        })
    }

    async fn forward(
        &self,
        destination: Destination<'_>,
        caller: &Caller,
        trace: Option<TraceContext>,
        mut request: Request<Incoming>,
    ) -> Result<(Response<Incoming>, Option<Tunnel>), Refusal> {
        let Destination {
            backend,
            pool,
            host,
        } = destination;
        // HTTP/2 knows no `101` (RFC 9113 §8.6), on either side.
        let protocol = match (backend.protocol, request.version()) {
            (Protocol::Http1, Version::HTTP_11) => hop_by_hop::upgrade(request.headers()),
            (Protocol::Http1 | Protocol::Http2, _) => None,
        };
        let tunnel = protocol.map(|protocol| Tunnel::new(&mut request, protocol));
        let (mut parts, body) = request.into_parts();
        edit(&mut parts, caller, backend, &host);
        headers::trace::keep(&mut parts.headers, trace);
        if let Some(tunnel) = &tunnel {
            let upgrade = HeaderValue::from_static("upgrade");
            parts.headers.insert(CONNECTION, upgrade);
            parts.headers.insert(UPGRADE, tunnel.protocol().clone());
        }
        parts.uri = target(&parts.uri, backend, host)?;
        let (body, progress) = RequestBody::new(body, self.limits.idle);
        let request = Request::from_parts(parts, body);
        let mut response = send::send(pool, request, &progress, self.limits.response_head).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Ok((response, None));
        }
        match tunnel {
            Some(tunnel) => {
                let tunnel = tunnel.attach(&mut response)?;
                Ok((response, Some(tunnel)))
            }
            None => {
                let cause = "the backend switched protocols unasked";
                Err(Refusal::new(Problem::OriginFailed, cause))
            }
        }
    }

    fn respond(
        &self,
        response: Response<Incoming>,
        tunnel: Option<Tunnel>,
        mut record: AccessRecord,
    ) -> Response<ResponseBody> {
        let (mut parts, body) = response.into_parts();
        hop_by_hop::strip(&mut parts.headers);
        headers::add_via(&mut parts.headers, parts.version);
        // The version is the connection's affair, not the backend's.
        parts.version = record.version;
        record.status = Some(parts.status);
        let Some(tunnel) = tunnel else {
            let body = ResponseBody::backend(body, self.limits.idle, record);
            return Response::from_parts(parts, body);
        };
        let upgrade = HeaderValue::from_static("upgrade");
        parts.headers.insert(CONNECTION, upgrade);
        parts.headers.insert(UPGRADE, tunnel.protocol().clone());
        let abort = self.abort.clone();
        self.tasks
            .spawn(tunnel.run(self.limits.idle, abort, record));
        Response::from_parts(parts, ResponseBody::switched())
    }
}

/// Takes out what ends here or what a caller must not set, and puts in what the mesh needs.
fn edit(parts: &mut http::request::Parts, caller: &Caller, backend: &Backend, host: &Authority) {
    let received = parts.version;
    let fields = &mut parts.headers;
    let trailers = hop_by_hop::takes_trailers(fields);
    hop_by_hop::strip(fields);
    headers::strip_vouching(fields);
    let client_cert = caller.client_cert.clone();
    fields.insert(client_cert::X_FORWARDED_CLIENT_CERT, client_cert);
    headers::add_via(fields, received);
    // RFC 9110 §10.1.1: the expectation is met here, by asking the caller for the body as soon
    // as the backend takes it.
    fields.remove(EXPECT);
    fields.remove(HOST);
    if trailers {
        fields.insert(TE, HeaderValue::from_static("trailers"));
    }
    parts.version = match backend.protocol {
        Protocol::Http1 => {
            headers::join_cookies(fields);
            if trailers {
                // RFC 9110 §10.1.4.
                fields.insert(CONNECTION, HeaderValue::from_static("te"));
            }
            if let Ok(host) = HeaderValue::from_str(host.as_str()) {
                fields.insert(HOST, host);
            }
            Version::HTTP_11
        }
        Protocol::Http2 => Version::HTTP_2,
    };
}

/// The path and query as they came. The authority is the one to connect to, for HTTP/1.1, and the
/// original one, for HTTP/2, where it takes the place of `Host`.
fn target(received: &Uri, backend: &Backend, host: Authority) -> Result<Uri, Refusal> {
    let authority = match backend.protocol {
        Protocol::Http1 => backend.address.clone(),
        Protocol::Http2 => host,
    };
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(match backend.server {
        None => Scheme::HTTP,
        Some(_) => Scheme::HTTPS,
    });
    parts.authority = Some(authority);
    parts.path_and_query = received.path_and_query().cloned();
    Uri::from_parts(parts).map_err(|error| Refusal::new(Problem::PathInvalid, &error))
}
