//! `tidegate-gateway`: the native gateway.

mod arguments;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use tidegate_edge_native::{
    Config, CredentialFolder, Following, LogRecords, NativeGateway, Secrets, Source, TlsFiles,
};
use tidegate_shared::trust::TrustKeys;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tracing::info;
use tracing_subscriber::EnvFilter;

use arguments::{Arguments, Log};

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
        admin: arguments.admin,
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
    if let Some(address) = gateway.admin_addr()? {
        info!(%address, "serving health and metrics");
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
