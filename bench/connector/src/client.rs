//! The caller: the same for all contestants.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::{ClientConfig, HandshakeKind, RootCertStore};
use tidegate_dev::Certificate;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The name by which callers know each contestant.
pub(crate) const SERVER: &str = "connector.bank.example";

/// Connections of HTTP/1.1 at a time.
const CONNECTIONS: usize = 16;
/// Connections of HTTP/2, and the streams that each has open.
const MULTIPLEXED: usize = 4;
const STREAMS: usize = 8;

/// What a caller speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    Http1,
    Http2,
}

/// TLS as all callers speak it.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
    resuming: Arc<ClientConfig>,
}

enum Sender {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

/// A connection that is kept.
pub(crate) struct Open(#[expect(dead_code, reason = "held open")] Sender);

impl Client {
    pub(crate) fn new(authority: &[u8], identity: &Certificate) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(authority.to_vec().into())?;
        let mut provider = ring::default_provider();
        let suite = ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
        provider.cipher_suites = vec![suite];
        provider.kx_groups = vec![ring::kx_group::X25519];
        let mut http1 = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![identity.der.clone()], identity.key())?;
        http1.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut resuming = http1.clone();
        resuming.resumption = Resumption::in_memory_sessions(64);
        http1.resumption = Resumption::disabled();
        let mut http2 = http1.clone();
        http2.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self {
            http1: Arc::new(http1),
            http2: Arc::new(http2),
            resuming: Arc::new(resuming),
        })
    }

    /// Sends so many requests over a few connections that stay open.
    pub(crate) async fn load(&self, to: SocketAddr, speaks: Speaks, requests: usize) -> Result<()> {
        let (connections, streams, config) = match speaks {
            Speaks::Http1 => (CONNECTIONS, 1, &self.http1),
            Speaks::Http2 => (MULTIPLEXED, STREAMS, &self.http2),
        };
        let share = requests / connections / streams;
        let mut callers = JoinSet::new();
        for _ in 0..connections {
            let sender = open(connect(to, config.clone()).await?).await?;
            match sender {
                Sender::Http2(sender) => {
                    for _ in 0..streams {
                        callers.spawn(ask(Sender::Http2(sender.clone()), share));
                    }
                }
                sender @ Sender::Http1(_) => {
                    callers.spawn(ask(sender, share));
                }
            }
        }
        all(callers).await
    }

    /// Opens so many connections, one after another at each of a few callers, with one request each.
    pub(crate) async fn handshakes(
        &self,
        to: SocketAddr,
        resumed: bool,
        count: usize,
    ) -> Result<()> {
        const CALLERS: usize = 8;
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let client = self.clone();
            // Each has its own sessions, of this contestant alone.
            let config = if resumed {
                let mut config = (*client.resuming).clone();
                config.resumption = Resumption::in_memory_sessions(64);
                Arc::new(config)
            } else {
                client.http1.clone()
            };
            callers.spawn(async move {
                for turn in 0..count / CALLERS {
                    let stream = connect(to, config.clone()).await?;
                    let kind = stream.get_ref().1.handshake_kind();
                    let kept = kind == Some(HandshakeKind::Resumed);
                    if kept != (resumed && turn > 0) {
                        bail!("a handshake that should be resumed: {resumed}, is: {kept}");
                    }
                    ask(open(stream).await?, 1).await?;
                }
                Ok(())
            });
        }
        all(callers).await
    }

    /// Opens so many connections, with one exchange each, and keeps them.
    pub(crate) async fn idle(
        &self,
        to: SocketAddr,
        speaks: Speaks,
        count: usize,
    ) -> Result<Vec<Open>> {
        let config = match speaks {
            Speaks::Http1 => &self.http1,
            Speaks::Http2 => &self.http2,
        };
        let mut kept = Vec::with_capacity(count);
        for _ in 0..count {
            let mut sender = open(connect(to, config.clone()).await?).await?;
            exchange(&mut sender).await?;
            kept.push(Open(sender));
        }
        Ok(kept)
    }
}

async fn all(mut callers: JoinSet<Result<()>>) -> Result<()> {
    while let Some(ended) = callers.join_next().await {
        ended??;
    }
    Ok(())
}

async fn connect(to: SocketAddr, config: Arc<ClientConfig>) -> Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let name = SERVER.try_into()?;
    let connected = TlsConnector::from(config).connect(name, stream).await;
    connected.context("no handshake")
}

async fn open(stream: TlsStream<TcpStream>) -> Result<Sender> {
    let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let io = TokioIo::new(stream);
    if h2 {
        let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
        tokio::spawn(connection);
        return Ok(Sender::Http2(sender));
    }
    let (sender, connection) = http1::handshake(io).await?;
    tokio::spawn(connection);
    Ok(Sender::Http1(sender))
}

async fn ask(mut sender: Sender, times: usize) -> Result<()> {
    for _ in 0..times {
        exchange(&mut sender).await?;
    }
    Ok(())
}

async fn exchange(sender: &mut Sender) -> Result<()> {
    let request = |version, target: String| {
        Request::get(target)
            .version(version)
            .header("accept", "application/json")
            .header("user-agent", "BankApp/7.1 (iOS 26.1; iPhone17,2)")
            .header(
                "traceparent",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            )
            .header(
                "forwarded",
                "for=192.0.2.1;host=api.bank.example;proto=https",
            )
    };
    const PATH: &str = "/v1/accounts/7?page=2";
    let response = match sender {
        Sender::Http1(sender) => {
            sender.ready().await?;
            let request = request(Version::HTTP_11, PATH.to_owned()).header("host", SERVER);
            sender.send_request(request.body(Empty::new())?).await?
        }
        Sender::Http2(sender) => {
            sender.ready().await?;
            let request = request(Version::HTTP_2, format!("https://{SERVER}{PATH}"));
            sender.send_request(request.body(Empty::new())?).await?
        }
    };
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    ensure!(status == 200 && body.len() == 1024, "status {status}");
    Ok(())
}
