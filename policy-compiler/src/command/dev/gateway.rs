//! The gateway of a run, on one of the runtimes.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use clap::ValueEnum;
use tidegate_dev::spin::{SpinConfig, SpinHost};
use tidegate_dev::workerd::{WorkerConfig, WorkerLimits, Workerd};
use tidegate_dev::{Apart, Certificate, World};
use tidegate_edge_native::{
    AuthorityConfig, AuthorityServer, AuthorityToken, Config, CredentialFolder, Identity,
    LimitAuthority, LogRecords, NativeGateway, Reloader, Secrets,
};
use tidegate_shared::bundle::Tables;
use tidegate_shared::trust::TrustKey;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::command::Failure;

/// Where the gateway runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Runtime {
    /// In this process
    Native,
    /// On Cloudflare's runtime
    Workerd,
    /// As a component, on a host that serves it as Spin does
    Spin,
}

impl Runtime {
    /// How the world's meshes must be told apart.
    pub(super) fn apart(self) -> Apart {
        match self {
            Self::Native | Self::Workerd => Apart::Ports,
            Self::Spin => Apart::Addresses,
        }
    }
}

/// What a gateway is started with.
pub(super) struct Setting<'s> {
    pub(super) listen: SocketAddr,
    pub(super) bundle: &'s [u8],
    pub(super) trust: TrustKey,
    pub(super) secrets: Vec<(String, String)>,
    /// A folder that stands for each key-value store of API keys.
    pub(super) store: Option<&'s Path>,
    pub(super) world: &'s World,
    pub(super) tables: &'s Tables,
}

/// A running gateway.
pub(super) enum Gateway {
    Native {
        address: SocketAddr,
        reloader: Reloader,
        stop: CancellationToken,
        served: JoinHandle<()>,
    },
    Workerd(Workerd),
    Spin(SpinHost),
}

impl Gateway {
    pub(super) async fn start(runtime: Runtime, setting: Setting<'_>) -> Result<Self, Failure> {
        match runtime {
            Runtime::Native => native(setting).await,
            Runtime::Workerd => workerd(setting).await,
            Runtime::Spin => spin(setting).await,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        match self {
            Self::Native { address, .. } => *address,
            Self::Workerd(workerd) => workerd.address(),
            Self::Spin(host) => host.address(),
        }
    }

    /// Puts a bundle into force: at once natively, at its next look into the store elsewhere.
    pub(super) fn replace(
        &mut self,
        bundle: &[u8],
        world: &World,
        secrets: Vec<(String, String)>,
    ) -> Result<(), Failure> {
        match self {
            Self::Native { reloader, .. } => {
                reloader.equip(identities(world), given(secrets));
                Ok(reloader.replace(bundle)?)
            }
            Self::Workerd(workerd) => Ok(workerd.replace_bundle(bundle)?),
            Self::Spin(host) => Ok(host.replace_bundle(bundle)?),
        }
    }

    /// Lets the requests under way end, natively; the other runtimes are ended.
    pub(super) async fn stop(self) -> Result<(), Failure> {
        match self {
            Self::Native { stop, served, .. } => {
                stop.cancel();
                Ok(served.await?)
            }
            Self::Workerd(workerd) => Ok(workerd.stop().await?),
            Self::Spin(_) => Ok(()),
        }
    }
}

async fn native(setting: Setting<'_>) -> Result<Gateway, Failure> {
    let config = Config {
        listen: setting.listen,
        tls: None,
        trust: setting.trust.into(),
        identities: identities(setting.world),
        secrets: given(setting.secrets),
        credentials: setting
            .store
            .map(|folder| CredentialFolder::new(folder.to_owned())),
        limits: Arc::new(LimitAuthority::embedded()),
        // The world of `tidegate dev` can be dialled.
        tunnels: None,
        admin: None,
    };
    let bound = NativeGateway::bind(config, setting.bundle, Arc::new(LogRecords)).await;
    let gateway = bound.map_err(|error| -> Failure { error })?;
    let (address, reloader) = (gateway.local_addr()?, gateway.reloader());
    let stop = CancellationToken::new();
    let served = tokio::spawn(gateway.run(stop.clone().cancelled_owned()));
    Ok(Gateway::Native {
        address,
        reloader,
        stop,
        served,
    })
}

fn identities(world: &World) -> Vec<Identity> {
    let identity = |(name, certificate): (&str, &Certificate)| Identity {
        name: name.to_owned(),
        certificates: vec![certificate.der.clone()],
        key: Arc::new(certificate.key()),
    };
    world.identities().map(identity).collect()
}

fn given(secrets: Vec<(String, String)>) -> Secrets {
    Secrets::Given(
        secrets
            .into_iter()
            .map(|(name, secret)| (name, secret.into_bytes()))
            .collect(),
    )
}

/// The key-value stores that the policy names; workerd wants whole paths.
fn stores(setting: &Setting<'_>) -> Result<Vec<(String, PathBuf)>, Failure> {
    let Some(folder) = setting.store else {
        return Ok(Vec::new());
    };
    let folder = folder.canonicalize()?;
    let named: BTreeSet<&str> = setting.tables.credential_stores().collect();
    let stores = named
        .into_iter()
        .map(|name| (name.to_owned(), folder.clone()));
    Ok(stores.collect())
}

async fn workerd(setting: Setting<'_>) -> Result<Gateway, Failure> {
    build(&["xtask", "build", "workers"])?;
    let config = WorkerConfig {
        script_directory: target()?.join("workers"),
        bundle: Some(setting.bundle.to_vec()),
        namespace: None,
        trust: setting.trust.to_string(),
        identities: setting.world.worker_identities(),
        variables: Vec::new(),
        stores: stores(&setting)?,
        secrets: setting.secrets,
        limits: Some(WorkerLimits::Objects(None)),
        tunnels: false,
        isolates: 1,
        platform_header: None,
    };
    Ok(Gateway::Workerd(
        Workerd::start_at(&config, setting.listen).await?,
    ))
}

async fn spin(setting: Setting<'_>) -> Result<Gateway, Failure> {
    build(&["xtask", "build", "spin"])?;
    build(&["build", "--package", "tidegate-spin-host"])?;
    let config = SpinConfig {
        program: target()?.join("debug/tidegate-spin-host"),
        component: target()?.join("wasm32-wasip2/wasm/tidegate_edge_spin.wasm"),
        listen: setting.listen,
        bundle: setting.bundle,
        store: None,
        variables: &[],
        requests: 1_000_000,
        trust: setting.trust.to_string(),
        secrets: &setting.secrets,
        stores: &stores(&setting)?,
        limits: Some(authority().await?),
        world: setting.world,
        tables: setting.tables,
    };
    Ok(Gateway::Spin(SpinHost::start(&config).await?))
}

/// An authority of limits for the component, as long as this process runs: its address, and the
/// token for it.
async fn authority() -> Result<(String, String), Failure> {
    let mut token = [0; 16];
    getrandom::fill(&mut token).map_err(|error| format!("no entropy: {error}"))?;
    let token = hex::encode(token);
    let config = AuthorityConfig {
        listen: (Ipv4Addr::LOCALHOST, 0).into(),
        tls: None,
        token: AuthorityToken::new(&token)?,
        authority: Arc::new(LimitAuthority::embedded()),
    };
    let bound = AuthorityServer::bind(config).await;
    let server = bound.map_err(|error| -> Failure { error })?;
    let address = format!("http://{}/", server.local_addr()?);
    tokio::spawn(server.run(std::future::pending()));
    Ok((address, token))
}

/// The repository that this program was built from: the edge's gateways are built there.
fn repository() -> Result<PathBuf, Failure> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let found = folder
        .canonicalize()
        .ok()
        .filter(|folder| folder.join("edge").is_dir());
    Ok(found.ok_or(
        "this runtime needs the repository that `tidegate` was built from, and it is not there",
    )?)
}

fn target() -> Result<PathBuf, Failure> {
    let own = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    own.map_or_else(|| Ok(repository()?.join("target")), Ok)
}

fn build(arguments: &[&str]) -> Result<(), Failure> {
    // Standard output is for the address and what to try.
    let status = Command::new("cargo")
        .args(arguments)
        .current_dir(repository()?)
        .stdout(std::io::stderr())
        .status();
    let status = status.map_err(|error| format!("cannot start cargo: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`cargo {}` failed", arguments.join(" ")).into())
    }
}
