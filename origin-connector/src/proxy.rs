//! From a request of a verified caller to a response, by way of a backend or not.

mod outgoing;
mod replay;
mod send;
mod tunnel;

use std::sync::Arc;

use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::uri::Authority;
use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use tidegate_shared::bundle::SignatureDemand;
use tidegate_shared::problem::Problem;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::AccessRecord;
use crate::authorize::{Backends, Denial, RequestHead, check_caller};
use crate::body::{RequestBody, ResponseBody};
use crate::config::{Access, Backend, Limits, Protocol};
use crate::gateway_signature::{NotVouched, ReceivedHead, Verifier, Vouched, now};
use crate::grpc_web::Call;
use crate::headers::{self, InvalidHost, hop_by_hop};
use crate::metrics::SignatureLabels;
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::traces::Traces;
use crate::upstream::{BackendBody, Http, Upstream};
use send::Sending;
use tunnel::Tunnel;

/// Everything a request passes through.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) backends: Backends,
    /// One for each backend, in the same order.
    pub(crate) upstreams: Vec<Arc<Upstream<Http>>>,
    /// Where there are keys of gateways.
    pub(crate) verifier: Option<Arc<Verifier>>,
    /// What backends go by that do not say themselves who may reach them.
    pub(crate) policy: Option<Arc<Policy>>,
    pub(crate) limits: Limits,
    /// Where spans go, if anywhere.
    pub(crate) traces: Option<Arc<Traces>>,
    /// Tunnels outlive the connection task from which they came.
    pub(crate) tasks: TaskTracker,
    pub(crate) abort: CancellationToken,
}

/// Where an admitted request goes.
struct Destination<'p> {
    backend: &'p Backend,
    upstream: &'p Upstream<Http>,
    /// As the backend is told it.
    host: Authority,
    /// The gateway's signature, which ends here.
    vouched: Option<Vouched>,
}

/// What comes after a response's head.
enum Rest {
    Body,
    /// A body that becomes gRPC-Web.
    Call(Call),
    Tunnel(Tunnel),
}

impl Proxy {
    /// What reaches the backend of this name.
    pub(crate) fn upstream(&self, name: &str) -> Option<&Arc<Upstream<Http>>> {
        let mut both = self.backends.iter().zip(&self.upstreams);
        let found = both.find(|(backend, _)| backend.name() == name);
        found.map(|(_, upstream)| upstream)
    }

    /// Answers a request. The record goes along with the response and is written at its end.
    pub(crate) async fn handle(
        &self,
        mut request: Request<Incoming>,
        mut record: Box<AccessRecord>,
    ) -> Response<ResponseBody> {
        tunnel::adopt(&mut request);
        let adopted = headers::trace::adopt(request.headers_mut());
        record.trace = adopted.map(|adopted| adopted.trace);
        let traced = self.traces.as_ref().zip(adopted);
        record.span = traced.and_then(|(traces, adopted)| traces.begin(adopted));
        let exchange = match self.admit(&request, &mut record) {
            Ok(destination) => self.forward(destination, request, &mut record).await,
            Err(refusal) => Err(refusal),
        };
        match exchange {
            Ok((response, rest)) => self.respond(response, rest, record),
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
        request: &Request<Incoming>,
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
        let (index, backend) = self.backends.select(&head)?;
        let vouched = match &backend.access {
            Access::Own { allow, signature } => {
                let vouched = self.vouched(request, *signature, record)?;
                check_caller(backend, allow, &record.caller.identity)?;
                vouched
            }
            Access::Policy(upstream) => self.admit_by_policy(request, backend, upstream, record)?,
        };
        record.backend = Some(backend.name().to_owned());
        let upstream = self
            .upstreams
            .get(index)
            .ok_or_else(|| Refusal::new(Problem::Internal, "a backend has no upstream"))?;
        let host = host.parse().map_err(|_| InvalidHost::Malformed)?;
        Ok(Destination {
            backend,
            upstream,
            host,
            vouched,
        })
    }

    /// Decides by what the policy says of the upstream now. Where it says nothing, nobody is let in.
    fn admit_by_policy(
        &self,
        request: &Request<Incoming>,
        backend: &Backend,
        upstream: &str,
        record: &mut AccessRecord,
    ) -> Result<Option<Vouched>, Refusal> {
        let policy = self.policy.as_ref().filter(|policy| policy.is_ready());
        let policy = policy
            .ok_or_else(|| Refusal::new(Problem::NotReady, "no policy could be read so far"))?;
        let rules = policy.rules(upstream);
        let rules = rules.ok_or(Denial::NotAllowed(backend))?;
        let vouched = self.vouched(request, rules.signature, record)?;
        let caller = &record.caller.identity;
        check_caller(backend, &rules.allow, caller)?;
        record.slots = policy
            .limiter
            .take(upstream, &rules.limits, caller, now())?;
        Ok(vouched)
    }

    /// Holds the request to a gateway's signature, as is asked for its backend.
    fn vouched(
        &self,
        request: &Request<Incoming>,
        demand: SignatureDemand,
        record: &mut AccessRecord,
    ) -> Result<Option<Vouched>, Refusal> {
        let optional = match demand {
            SignatureDemand::Off => return Ok(None),
            SignatureDemand::Optional => true,
            SignatureDemand::Required => false,
        };
        let verifier = self.verifier.as_ref();
        let verifier = verifier
            .ok_or_else(|| Refusal::new(Problem::Internal, "there are no keys of gateways"))?;
        let head = ReceivedHead {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
        };
        let vouched = verifier.verify(&head, now());
        let result = vouched
            .as_ref()
            .map_or_else(NotVouched::label, |_| "verified");
        let labels = SignatureLabels { result };
        let counted = &record.metrics.gateway_signatures;
        counted.get_or_create(&labels).inc();
        match vouched {
            Ok(vouched) => {
                record.signed_by = Some(vouched.key.clone());
                Ok(Some(vouched))
            }
            Err(NotVouched::Missing) if optional => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn forward(
        &self,
        destination: Destination<'_>,
        mut request: Request<Incoming>,
        record: &mut AccessRecord,
    ) -> Result<(Response<BackendBody>, Rest), Refusal> {
        let Destination {
            backend,
            upstream,
            host,
            vouched,
        } = destination;
        record.place = Some(upstream.admit().await?);
        // HTTP/2 knows no `101` (RFC 9113 §8.6), but its extended CONNECT.
        let extended = tunnel::extended(&request);
        let connects = extended.is_some();
        let protocol = match (backend.upstream.protocol, request.version()) {
            (Protocol::Http1, Version::HTTP_11) => hop_by_hop::upgrade(request.headers()),
            (Protocol::Http1, _) => extended,
            (Protocol::Http2, _) if connects => {
                let cause = "a backend of HTTP/2 switches no protocols";
                return Err(Refusal::new(Problem::MethodRefused, cause));
            }
            (Protocol::Http2, _) => None,
        };
        let tunnel = protocol.map(|protocol| Tunnel::new(&mut request, protocol));
        let (mut parts, body) = request.into_parts();
        if let Some(vouched) = vouched {
            vouched.strip(&mut parts.headers);
        }
        let upstream_protocol = backend.upstream.protocol;
        outgoing::edit(&mut parts, &record.caller, upstream_protocol, &host);
        headers::trace::keep(&mut parts.headers, record.trace);
        if let Some(tunnel) = &tunnel {
            let upgrade = HeaderValue::from_static("upgrade");
            parts.headers.insert(CONNECTION, upgrade);
            parts.headers.insert(UPGRADE, tunnel.protocol().clone());
        }
        parts.uri = outgoing::target(&parts.uri, &backend.upstream, host)?;
        let call = Some(&mut parts).filter(|_| backend.upstream.grpc_web);
        let call = call.and_then(Call::adopt);
        let decoder = call.and_then(Call::decoder);
        let (body, progress) = RequestBody::new(body, self.limits.idle, decoder);
        let request = Request::from_parts(parts, body);
        let sending = Sending {
            upstream,
            progress: &progress,
            limit: self.limits.response_head,
            span: record.span.as_deref(),
        };
        let (mut response, booking) = sending.send(request).await?;
        record.booking = Some(booking);
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            if connects && response.status().is_success() {
                let cause = "the backend does not switch protocols";
                return Err(Refusal::new(Problem::OriginFailed, cause));
            }
            return Ok((response, call.map_or(Rest::Body, Rest::Call)));
        }
        match tunnel {
            Some(tunnel) => {
                let tunnel = tunnel.attach(&mut response)?;
                Ok((response, Rest::Tunnel(tunnel)))
            }
            None => {
                let cause = "the backend switched protocols unasked";
                Err(Refusal::new(Problem::OriginFailed, cause))
            }
        }
    }

    fn respond(
        &self,
        response: Response<BackendBody>,
        rest: Rest,
        mut record: Box<AccessRecord>,
    ) -> Response<ResponseBody> {
        let (mut parts, body) = response.into_parts();
        hop_by_hop::strip(&mut parts.headers);
        headers::add_via(&mut parts.headers, parts.version);
        // The version is the connection's affair, not the backend's.
        parts.version = record.version;
        record.status = Some(parts.status);
        let encoder = match rest {
            Rest::Body => None,
            Rest::Call(call) => call.answer(&mut parts.headers),
            Rest::Tunnel(tunnel) => {
                tunnel.answer(&mut parts);
                let abort = self.abort.clone();
                self.tasks
                    .spawn(tunnel.run(self.limits.idle, abort, record));
                return Response::from_parts(parts, ResponseBody::switched());
            }
        };
        let body = ResponseBody::backend(body, self.limits.idle, encoder, record);
        Response::from_parts(parts, body)
    }
}
