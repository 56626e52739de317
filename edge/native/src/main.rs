//! `tidegate-gateway`: the native gateway.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, ValueEnum};
use tidegate_edge_native::{
    Config, CredentialFolder, Identity, LogRecords, NativeGateway, Secrets, TlsFiles,
};
use tidegate_shared::trust::TrustKeys;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Runs a policy bundle as an HTTP gateway.
#[derive(Debug, Parser)]
#[command(name = "tidegate-gateway", version, about)]
struct Arguments {
    /// The bundle; a changed file comes into force while the gateway runs
    #[arg(long, value_name = "FILE")]
    bundle: PathBuf,
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
    /// How to log, to standard error
    #[arg(long, value_enum, default_value_t = Log::Human)]
    log: Log,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Log {
    /// For people
    Human,
    /// One JSON object a line
    Json,
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

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let read = |path: &PathBuf| {
        std::fs::read(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))
    };
    let trust: TrustKeys = String::from_utf8(read(&arguments.trust)?)?.parse()?;
    let files = arguments.tls_certificate.zip(arguments.tls_key);
    let config = Config {
        listen: arguments.listen,
        tls: files.map(|(certificate, key)| TlsFiles {
            certificate,
            key,
            client_authorities: arguments.client_authorities,
        }),
        trust,
        identities: arguments.identities,
        secrets: Secrets::Platform(arguments.secrets),
        credentials: arguments.credentials.map(CredentialFolder::new),
    };
    let gateway =
        NativeGateway::bind(config, &read(&arguments.bundle)?, Arc::new(LogRecords)).await?;
    gateway.watch(arguments.bundle);
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    writeln!(
        std::io::stdout(),
        "listening {}://{}",
        gateway.scheme().as_str(),
        gateway.local_addr()?
    )?;
    gateway
        .run(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
        .await;
    Ok(())
}
