//! Connections that are forwarded without a look at what is in them.

mod client_hello;
mod pace;
mod record;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::config::{self, Limits, Target};
use crate::identity::PeerName;
use crate::server::Server;
use crate::splice::{Traffic, splice};
use crate::upstream::{InvalidDestination, Lease, Link, Means, Tcp, Upstream};
use client_hello::{ClientHello, ClientHelloError};
use pace::Pace;
use record::TcpRecord;

/// A listener of such connections.
#[derive(Debug)]
pub(crate) struct Door {
    name: String,
    mode: Mode,
    limits: Limits,
    pace: Option<Arc<Pace>>,
    max_duration: Option<Duration>,
    /// Let go of everything.
    pub(crate) abort: CancellationToken,
}

#[derive(Debug)]
enum Mode {
    /// Mutual TLS ends here, for these callers.
    Terminate(Arc<Upstream<Tcp>>, Vec<PeerName>),
    /// TLS goes on to who has the name.
    PassThrough(BTreeMap<String, Arc<Upstream<Tcp>>>),
}

/// A connection came to no good end.
#[derive(Debug, thiserror::Error)]
enum TcpError {
    #[error("more connections than the listener's rate")]
    TooMany,
    #[error("the caller may not connect here")]
    CallerRefused,
    #[error("{0}")]
    ClientHello(#[from] ClientHelloError),
    #[error("the client took too long to say whom it asks for")]
    TooSlow,
    #[error("nobody here has the name that the client asks for")]
    NameUnknown,
    #[error("cannot connect: {0}")]
    Unreachable(io::Error),
    #[error("{0}")]
    Broken(io::Error),
    #[error("it has lasted as long as the listener's `max_duration`")]
    TooLong,
    #[error("the caller is no longer let in")]
    Disowned,
    #[error("cut by the end of the drain")]
    Cut,
}

impl TcpError {
    /// A stable label.
    fn label(&self) -> &'static str {
        match self {
            Self::TooMany => "rate-limited",
            Self::CallerRefused => "caller-refused",
            Self::ClientHello(_) | Self::TooSlow => "no-client-hello",
            Self::NameUnknown => "server-name-unknown",
            Self::Unreachable(_) => "origin-unreachable",
            Self::Broken(error) if error.kind() == io::ErrorKind::TimedOut => "idle",
            Self::Broken(_) => "broken",
            Self::TooLong => "too-long",
            Self::Disowned => "caller-disowned",
            Self::Cut => "cut",
        }
    }
}

impl Door {
    /// In place of another one of the name, maybe.
    pub(crate) fn new(
        config: &config::TcpListener,
        means: Means<'_>,
        abort: &CancellationToken,
        before: Option<&Self>,
    ) -> Result<Self, InvalidDestination> {
        let config::TcpListener {
            name,
            listen: _,
            mode,
            connections: _,
            rate,
            max_duration,
        } = config;
        let reached = before.map(Self::upstreams).unwrap_or_default();
        let upstream = |name: String, target: &Target, server: Option<&PeerName>| {
            let before = reached.iter().find(|before| before.name() == name);
            Upstream::tcp(name, target, server, means, before)
        };
        let mode = match mode {
            config::Mode::Terminate(config::Terminate {
                target,
                server,
                allow,
            }) => {
                let upstream = upstream(name.clone(), target, server.as_ref())?;
                Mode::Terminate(upstream, allow.clone())
            }
            config::Mode::PassThrough(targets) => {
                let named = |(server_name, target): (&String, &Target)| {
                    let upstream = upstream(format!("{name}/{server_name}"), target, None)?;
                    Ok::<_, InvalidDestination>((server_name.clone(), upstream))
                };
                Mode::PassThrough(targets.iter().map(named).collect::<Result<_, _>>()?)
            }
        };
        let paced = before.and_then(|before| before.pace.as_ref());
        let paced = paced.filter(|pace| Some(pace.rate) == *rate).cloned();
        Ok(Self {
            name: name.clone(),
            mode,
            limits: means.limits.clone(),
            pace: paced.or_else(|| rate.map(|rate| Arc::new(Pace::new(rate)))),
            max_duration: *max_duration,
            abort: match before {
                Some(before) => before.abort.clone(),
                None => abort.child_token(),
            },
        })
    }

    /// What it forwards to, each to be located and watched.
    pub(crate) fn upstreams(&self) -> Vec<Arc<Upstream<Tcp>>> {
        match &self.mode {
            Mode::Terminate(upstream, _) => vec![upstream.clone()],
            Mode::PassThrough(upstreams) => upstreams.values().cloned().collect(),
        }
    }

    /// Serves one connection to its end.
    pub(crate) async fn serve(&self, server: &Server, stream: TcpStream, peer: SocketAddr) {
        if self.pace.as_ref().is_some_and(|pace| !pace.take()) {
            let mut record = TcpRecord::begin(&self.name, peer, server.metrics.clone());
            record.end(Some(&TcpError::TooMany));
            return;
        }
        match &self.mode {
            Mode::Terminate(upstream, allow) => {
                self.terminate(server, stream, peer, upstream, allow).await;
            }
            Mode::PassThrough(upstreams) => {
                self.pass_through(server, stream, peer, upstreams).await;
            }
        }
    }

    /// A certificate that expires meanwhile ends nothing: what is inside could not be told to
    /// begin again elsewhere.
    async fn terminate(
        &self,
        server: &Server,
        stream: TcpStream,
        peer: SocketAddr,
        upstream: &Upstream<Tcp>,
        allow: &[PeerName],
    ) {
        let secured = server.secure(stream, peer, |credentials| credentials.opaque.clone());
        let Some((stream, caller)) = secured.await else {
            return;
        };
        let mut record = TcpRecord::begin(&self.name, peer, server.metrics.clone());
        record.identity = Some(caller.identity.to_string());
        let forwarded = async {
            if !allow.iter().any(|name| caller.identity.is(name)) {
                return Err(TcpError::CallerRefused);
            }
            let backend = connect(upstream, &mut record.lease).await?;
            self.splice(stream, backend, &record.traffic).await
        };
        let result = tokio::select! {
            result = forwarded => result,
            () = caller.disowned() => Err(TcpError::Disowned),
            () = self.abort.cancelled() => Err(TcpError::Cut),
        };
        record.end(result.as_ref().err());
    }

    async fn pass_through(
        &self,
        server: &Server,
        mut stream: TcpStream,
        peer: SocketAddr,
        upstreams: &BTreeMap<String, Arc<Upstream<Tcp>>>,
    ) {
        let mut record = TcpRecord::begin(&self.name, peer, server.metrics.clone());
        let forwarded = async {
            let hello = client_hello::read(&mut stream);
            let hello = tokio::time::timeout(self.limits.handshake, hello).await;
            let ClientHello {
                server_name,
                octets,
            } = hello.map_err(|_| TcpError::TooSlow)??;
            record.server_name = server_name;
            let upstream = record.server_name.as_ref();
            let Some(upstream) = upstream.and_then(|name| upstreams.get(name)) else {
                client_hello::refuse_name(&mut stream).await;
                return Err(TcpError::NameUnknown);
            };
            let mut backend = connect(upstream, &mut record.lease).await?;
            backend.write_all(&octets).await.map_err(TcpError::Broken)?;
            stream.set_nodelay(true).map_err(TcpError::Broken)?;
            self.splice(stream, backend, &record.traffic).await
        };
        let result = tokio::select! {
            result = forwarded => result,
            () = self.abort.cancelled() => Err(TcpError::Cut),
        };
        record.end(result.as_ref().err());
    }

    /// Copies both ways, for as long as a connection may last.
    async fn splice<C>(&self, caller: C, backend: Link, traffic: &Traffic) -> Result<(), TcpError>
    where
        C: AsyncRead + AsyncWrite + Unpin,
    {
        let spliced = splice(caller, backend, self.limits.idle, traffic);
        let spliced = match self.max_duration {
            None => spliced.await,
            Some(limit) => {
                let bounded = tokio::time::timeout(limit, spliced).await;
                bounded.map_err(|_| TcpError::TooLong)?
            }
        };
        spliced.map_err(TcpError::Broken)
    }
}

/// Connects to one endpoint or another: nothing was sent to those that fail.
async fn connect(
    upstream: &Upstream<Tcp>,
    lease: &mut Option<Lease<()>>,
) -> Result<Link, TcpError> {
    let mut tried = Vec::new();
    let mut last = io::Error::other("there is no endpoint");
    while tried.len() < upstream.attempts() {
        let Some(chosen) = upstream.choose(&tried) else {
            break;
        };
        let endpoint = chosen.address();
        if !tried.is_empty() && !upstream.retry() {
            break;
        }
        match upstream.dial().connect(endpoint).await {
            Ok(link) => {
                upstream.succeeded(endpoint);
                *lease = Some(chosen);
                return Ok(link);
            }
            Err(error) => {
                upstream.failed(endpoint);
                last = error;
                tried.push(endpoint);
            }
        }
    }
    Err(TcpError::Unreachable(last))
}
