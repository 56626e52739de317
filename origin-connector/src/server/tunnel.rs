//! A connection that the connector has opened: the gateway is the HTTP/2 client on it all the same.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::Server;
use super::activity::Activity;
use super::connection::{Exchanges, http2};
use super::gathered::Gathered;
use crate::caller::Caller;

/// Octets of one request's body that may be under way to here.
const STREAM_WINDOW: u32 = 128 * 1024;

/// How a tunnel is kept.
#[derive(Debug)]
pub(crate) struct TunnelTerms {
    /// How often a silent gateway is asked whether it is there, and how long it has to answer.
    pub(crate) keep_alive: Duration,
    /// Another tunnel has taken its place.
    pub(crate) retire: CancellationToken,
}

impl Server {
    /// Serves a tunnel to its end, as any connection but for what ends it: a tunnel may be idle.
    pub(crate) async fn tunnel<S>(
        self: &Arc<Self>,
        stream: S,
        caller: Arc<Caller>,
        terms: TunnelTerms,
    ) -> Result<(), hyper::Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let TunnelTerms { keep_alive, retire } = terms;
        let exchanges = Exchanges {
            server: self.clone(),
            caller: caller.clone(),
            activity: Activity::new(),
        };
        // Requests of many clients share the tunnel: one whose body nobody takes must not hold the
        // others up, so that the connection's window (RFC 9113 §6.9.1) has room for all of them.
        let limits = self.generation().config.limits.clone();
        let window = limits.streams.saturating_mul(STREAM_WINDOW);
        let mut builder = http2(&limits, keep_alive);
        // RFC 8441 §3: there is no other way over a tunnel to switch protocols.
        builder
            .enable_connect_protocol()
            .keep_alive_timeout(keep_alive)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(window.min(MAX_WINDOW));
        let connection = Gathered::new(stream, |io| builder.serve_connection(io, exchanges));
        self.drive(Box::pin(connection), &caller, retire.cancelled())
            .await
    }
}

/// RFC 9113 §6.9.1.
const MAX_WINDOW: u32 = (1 << 31) - 1;
