//! `tidegate-gateway`: the native gateway.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use tidegate_edge_native::{
    AuthorityConfig, AuthorityServer, AuthorityToken, Config, CredentialFolder, Follow, Following,
    Identity, LimitAuthority, LogRecords, MAX_TUNNELS, NativeGateway, Secrets, Source, TUNNEL_PING,
    TlsFiles, TunnelConfig, TunnelFiles, now,
};
use tidegate_shared::channel::ChannelName;
use tidegate_shared::trust::TrustKeys;
use tidegate_shared::units::Span;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tracing::info;
use tracing_subscriber::EnvFilter;

/// Runs a policy bundle as an HTTP gateway.
#[derive(Debug, Parser)]
#[command(name = "tidegate-gateway", version, about)]
struct Arguments {
    /// Where bundles come from: a file, or a folder or http(s) URL that has channels; what
    /// changes comes into force while the gateway runs
    #[arg(long, value_name = "SOURCE")]
    bundle: Source,
    #[command(flatten)]
    channel: ChannelArguments,
    /// The keys whose bundles are accepted
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Speak TLS 1.3 with clients: the certificate, then those between it and its authority
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The certificate's private key
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// Ask clients for a certificate of one of these authorities
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    client_authorities: Option<PathBuf>,
    /// A client certificate for upstreams, as NAME=CERTIFICATE,KEY with two PEM files
    #[arg(long = "identity", value_name = "NAME=CERT,KEY")]
    identities: Vec<Identity>,
    /// A folder of secrets, each in a file of its name; else TIDEGATE_SECRET_NAME has it
    #[arg(long, value_name = "DIR")]
    secrets: Option<PathBuf>,
    /// A folder of API keys, as `tidegate credentials --store file:DIR` fills it
    #[arg(long, value_name = "DIR")]
    credentials: Option<PathBuf>,
    #[command(flatten)]
    limits: LimitArguments,
    #[command(flatten)]
    tunnels: TunnelArguments,
    /// How to log, to standard error
    #[arg(long, value_enum, default_value_t = Log::Human)]
    log: Log,
}

/// Where limits are kept.
#[derive(Debug, clap::Args)]
struct LimitArguments {
    /// Where `leased` and `strict` limits of several gateways are kept together: a Redis or Valkey
    /// server that evicts no keys, as redis://USER:PASSWORD@HOST, or a gateway with
    /// `--serve-limits`, as https://HOST:PORT; else this process keeps them
    #[arg(
        long,
        value_name = "URL",
        env = "TIDEGATE_LIMITS",
        hide_env_values = true
    )]
    limits: Option<String>,
    /// Keep the limits of other gateways too, and listen for them here; over TLS where clients
    /// are served over TLS
    #[arg(long, value_name = "ADDR")]
    serve_limits: Option<SocketAddr>,
    /// The file of the token by which gateways may ask each other about limits; else
    /// `TIDEGATE_LIMITS_TOKEN` has it
    #[arg(long, value_name = "FILE")]
    limits_token: Option<PathBuf>,
}

impl LimitArguments {
    /// The token, which is asked for where it is needed.
    fn token(&self) -> Result<String, Failure> {
        match &self.limits_token {
            Some(file) => Ok(String::from_utf8(read(file)?)?),
            None => std::env::var("TIDEGATE_LIMITS_TOKEN").map_err(|_| {
                "gateways ask each other about limits with a token: `--limits-token FILE`".into()
            }),
        }
    }

    fn authority(&self) -> Result<LimitAuthority, Failure> {
        let invalid = |error| format!("cannot use the address of `--limits`: {error}");
        match self.limits.as_deref() {
            Some(address) if address.starts_with("http") => {
                Ok(LimitAuthority::server(address, &self.token()?).map_err(invalid)?)
            }
            Some(address) => Ok(LimitAuthority::redis(address).map_err(invalid)?),
            None if self.serve_limits.is_some() => Ok(LimitAuthority::recovering(now())),
            None => Ok(LimitAuthority::embedded()),
        }
    }

    /// The server for other gateways, where there is to be one.
    async fn server(
        &self,
        authority: &Arc<LimitAuthority>,
        tls: Option<TlsFiles>,
    ) -> Result<Option<AuthorityServer>, Failure> {
        let Some(listen) = self.serve_limits else {
            return Ok(None);
        };
        let config = AuthorityConfig {
            listen,
            // Clients' certificates say who calls an API, and no more.
            tls: tls.map(|files| TlsFiles {
                client_authorities: None,
                ..files
            }),
            token: AuthorityToken::new(&self.token()?)?,
            authority: Arc::clone(authority),
        };
        let server = AuthorityServer::bind(config).await?;
        info!(address = %server.local_addr()?, "limits are kept for other gateways");
        Ok(Some(server))
    }
}

/// How origins are reached that no connection reaches.
#[derive(Debug, clap::Args)]
struct TunnelArguments {
    /// Listen here for connectors that dial; requests go to their origins over what they have opened
    #[arg(
        long,
        value_name = "ADDR",
        requires_all = ["tunnel_certificate", "tunnel_key", "tunnel_authorities"]
    )]
    tunnels: Option<SocketAddr>,
    /// The certificate by which connectors know the gateway, then those between it and its
    /// authority; good for a server and a client
    #[arg(long, value_name = "FILE", requires = "tunnels")]
    tunnel_certificate: Option<PathBuf>,
    /// The certificate's private key
    #[arg(long, value_name = "FILE", requires = "tunnels")]
    tunnel_key: Option<PathBuf>,
    /// The authorities of the connectors' certificates
    #[arg(long, value_name = "FILE", requires = "tunnels")]
    tunnel_authorities: Option<PathBuf>,
    /// A list of revoked certificates of connectors
    #[arg(long = "tunnel-crl", value_name = "FILE", requires = "tunnels")]
    tunnel_crls: Vec<PathBuf>,
    /// Tunnels at once; more are declined
    #[arg(
        long,
        value_name = "N",
        default_value_t = MAX_TUNNELS,
        value_parser = tunnel_bound,
        requires = "tunnels"
    )]
    max_tunnels: usize,
}

/// Each tunnel has a descriptor or two, and windows of its own.
const MOST_TUNNELS: usize = 100_000;

fn tunnel_bound(text: &str) -> Result<usize, String> {
    let number = text.parse().ok();
    number
        .filter(|number| (1..=MOST_TUNNELS).contains(number))
        .ok_or_else(|| format!("`{text}` is not between 1 and {MOST_TUNNELS}"))
}

impl TunnelArguments {
    fn config(self) -> Option<TunnelConfig> {
        Some(TunnelConfig {
            listen: self.tunnels?,
            files: TunnelFiles {
                certificate: self.tunnel_certificate?,
                key: self.tunnel_key?,
                authorities: self.tunnel_authorities?,
                revocations: self.tunnel_crls,
            },
            most: self.max_tunnels,
            ping: TUNNEL_PING,
        })
    }
}

/// How a channel is followed.
#[derive(Debug, clap::Args)]
struct ChannelArguments {
    /// The channel to follow, of a folder or URL
    #[arg(long, value_name = "NAME", default_value = "production")]
    channel: ChannelName,
    /// The least sequence of the channel to accept, also at the very first start
    #[arg(long, value_name = "N", default_value_t = 0)]
    minimum_sequence: u64,
    /// Where to remember the last good bundle of the channel, for the next start
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// How often to look at the channel
    #[arg(long, value_name = "SPAN", default_value = "5s")]
    every: Span,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Log {
    /// For people
    Human,
    /// One JSON object a line
    Json,
}

/// How long a source may take for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

impl ChannelArguments {
    fn follow(self, source: Source) -> Follow {
        Follow {
            source,
            channel: self.channel,
            minimum: self.minimum_sequence,
            state: self.state,
            every: Duration::from_millis(self.every.0.max(1)),
            patience: PATIENCE,
        }
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let logger = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match arguments.log {
        Log::Human => logger.init(),
        Log::Json => logger.json().flatten_event(true).init(),
    }
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    Ok(
        std::fs::read(path)
            .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?,
    )
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let trust: TrustKeys = String::from_utf8(read(&arguments.trust)?)?.parse()?;
    let files = arguments.tls_certificate.zip(arguments.tls_key);
    let tls = files.map(|(certificate, key)| TlsFiles {
        certificate,
        key,
        client_authorities: arguments.client_authorities,
    });
    let limits = Arc::new(arguments.limits.authority()?);
    let authority = arguments.limits.server(&limits, tls.clone()).await?;
    let config = Config {
        listen: arguments.listen,
        tls,
        trust: trust.clone(),
        identities: arguments.identities,
        secrets: Secrets::Platform(arguments.secrets),
        credentials: arguments.credentials.map(CredentialFolder::new),
        limits,
        tunnels: arguments.tunnels.config(),
    };
    let records = Arc::new(LogRecords);
    let gateway = match arguments.bundle {
        Source::Path(file) if file.is_file() => {
            let gateway = NativeGateway::bind(config, &read(&file)?, records).await?;
            gateway.watch(file);
            gateway
        }
        source @ (Source::Path(_) | Source::Url(_)) => {
            let follow = arguments.channel.follow(source);
            let (mut following, first) = Following::start(follow, trust).await?;
            let gateway = NativeGateway::bind(config, first.octets(), records).await?;
            following.runs(&first);
            gateway.follow(following);
            gateway
        }
    };
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    if let Some(address) = gateway.tunnels_addr()? {
        info!(%address, "connectors may dial");
    }
    writeln!(
        std::io::stdout(),
        "listening {}://{}",
        gateway.scheme().as_str(),
        gateway.local_addr()?
    )?;
    // Gateways that drain may still ask: the authority ends after the gateway.
    let (end, ended) = oneshot::channel::<()>();
    let asked = authority.map(|server| {
        tokio::spawn(server.run(async {
            let _ = ended.await;
        }))
    });
    gateway
        .run(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
        .await;
    drop(end);
    if let Some(asked) = asked {
        asked.await?;
    }
    Ok(())
}
