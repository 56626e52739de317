//! Endpoints are asked whether they are well.

use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{HOST, HeaderValue, USER_AGENT};
use http::{Request, Uri, Version};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::balancer::Endpoint;
use super::{Http, Pool, Upstream};
use crate::body::RequestBody;
use crate::config::{self, Health, Protocol};

impl Upstream<Http> {
    /// Asks all endpoints, again and again. Never ends.
    pub(super) async fn check(&self, health: &Health) {
        let mut rounds = tokio::time::interval(health.interval);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            let mut round = JoinSet::new();
            for endpoint in self.balancer.endpoints() {
                let request = request(&self.connections.upstream, health);
                round.spawn(is_well(endpoint, request, health.timeout));
            }
            while let Some(checked) = round.join_next().await {
                if let Ok((endpoint, well)) = checked {
                    self.note(endpoint, well);
                }
            }
        }
    }

    fn note(&self, endpoint: SocketAddr, well: bool) {
        if self.balancer.checked(endpoint, well) {
            let backend = &self.name;
            match well {
                true => tracing::info!(backend, %endpoint, "endpoint is well again"),
                false => tracing::warn!(backend, %endpoint, "endpoint fails its health checks"),
            }
            self.count();
        }
    }
}

async fn is_well(
    endpoint: Arc<Endpoint<Pool>>,
    request: http::Result<Request<RequestBody>>,
    limit: std::time::Duration,
) -> (SocketAddr, bool) {
    let well = async {
        let answer = endpoint.pool.send(request.ok()?).await.ok()?;
        Some(answer.status().is_success())
    };
    let well = tokio::time::timeout(limit, well).await;
    (endpoint.address, matches!(well, Ok(Some(true))))
}

fn request(upstream: &config::Upstream, health: &Health) -> http::Result<Request<RequestBody>> {
    let agent = concat!("tidegate-connector/", env!("CARGO_PKG_VERSION"));
    let builder = Request::get(Uri::from(health.path.clone()))
        .header(USER_AGENT, HeaderValue::from_static(agent));
    let authority = upstream.target.address.as_str();
    let builder = match upstream.protocol {
        Protocol::Http1 => builder.version(Version::HTTP_11).header(HOST, authority),
        Protocol::Http2 => {
            let uri = Uri::builder()
                .scheme(upstream.scheme())
                .authority(authority)
                .path_and_query(health.path.clone());
            builder.version(Version::HTTP_2).uri(uri.build()?)
        }
    };
    builder.body(RequestBody::empty())
}
