//! A gateway on one of the runtimes.

use std::future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tidegate_dev::spin::{SpinConfig, SpinHost};
use tidegate_dev::workerd::{WorkerConfig, WorkerLimits, Workerd};
use tidegate_edge_native::{
    Config, CredentialFolder, Identity, LimitAuthority, LogRecords, NativeGateway, Secrets,
};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::authority::{self, Authority};
use crate::logs::Logs;
use crate::stage::{Stage, root};

/// Longer than any line takes to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A gateway that runs the stage's bundle.
#[derive(Debug)]
pub enum Runtime {
    /// In this process.
    Native(SocketAddr),
    /// On `workerd`.
    Workerd(Box<Workerd>),
    /// As a component, on the Spin test host.
    Spin(Box<SpinHost>),
}

impl Runtime {
    /// Starts the native gateway.
    ///
    /// # Errors
    /// Where it does not take the bundle.
    pub async fn native(stage: &Stage) -> Result<Self> {
        Self::native_with(stage, Arc::new(LimitAuthority::embedded())).await
    }

    /// Starts the native gateway with an authority of limits.
    ///
    /// # Errors
    /// Where it does not take the bundle.
    pub async fn native_with(stage: &Stage, limits: Arc<LimitAuthority>) -> Result<Self> {
        let identities = stage
            .world
            .identities()
            .map(|(name, certificate)| Identity {
                name: name.to_owned(),
                certificates: vec![certificate.der.clone()],
                key: Arc::new(certificate.key()),
            });
        let secrets = stage
            .secrets
            .iter()
            .map(|(name, secret)| (name.clone(), secret.clone().into_bytes()));
        let config = Config {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            tls: None,
            trust: stage.trust.clone().into(),
            identities: identities.collect(),
            secrets: Secrets::Given(secrets.collect()),
            credentials: Some(CredentialFolder::new(stage.store.path().to_owned())),
            limits,
            tunnels: None,
            admin: None,
        };
        let gateway = NativeGateway::bind(config, &stage.bundle, Arc::new(LogRecords)).await;
        let gateway = gateway.map_err(|error| anyhow!("{error}"))?;
        let address = gateway.local_addr()?;
        tokio::spawn(gateway.run(future::pending()));
        Ok(Self::Native(address))
    }

    /// Starts the Worker that `cargo xtask build workers` made.
    ///
    /// # Errors
    /// Where it was not built, or `workerd` does not start.
    pub async fn workerd(stage: &Stage) -> Result<Self> {
        Self::workerd_with(stage, WorkerLimits::Objects(None), 1).await
    }

    /// Starts so many isolates of the Worker, with an authority of limits.
    ///
    /// # Errors
    /// As [`workerd`](Self::workerd).
    pub async fn workerd_with(
        stage: &Stage,
        limits: WorkerLimits,
        isolates: usize,
    ) -> Result<Self> {
        let config = WorkerConfig {
            script_directory: target().join("workers"),
            bundle: Some(stage.bundle.clone()),
            namespace: None,
            trust: stage.trust.to_string(),
            identities: stage.world.worker_identities(),
            variables: Vec::new(),
            secrets: stage.secrets.clone(),
            stores: stage.stores(),
            limits: Some(limits),
            tunnels: false,
            isolates,
            platform_header: None,
        };
        Ok(Self::Workerd(Box::new(Workerd::start(&config).await?)))
    }

    /// Starts the component that `cargo xtask build spin` made.
    ///
    /// # Errors
    /// Where it or the host was not built, or does not start.
    pub async fn spin(stage: &Stage) -> Result<Self> {
        let authority = Authority::start().await?;
        Self::spin_with(stage, &authority).await
    }

    /// Starts the component with an authority of limits.
    ///
    /// # Errors
    /// As [`spin`](Self::spin).
    pub async fn spin_with(stage: &Stage, authority: &Authority) -> Result<Self> {
        let config = SpinConfig {
            program: target().join("debug/tidegate-spin-host"),
            component: target().join("wasm32-wasip2/wasm/tidegate_edge_spin.wasm"),
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            bundle: &stage.bundle,
            store: None,
            variables: &[],
            requests: 1_000_000,
            trust: stage.trust.to_string(),
            secrets: &stage.secrets,
            stores: &stage.stores(),
            limits: Some((authority.url(), authority::TOKEN.to_owned())),
            world: &stage.world,
            tables: &stage.tables,
        };
        Ok(Self::Spin(Box::new(SpinHost::start(&config).await?)))
    }

    /// Where it serves plain HTTP/1.1.
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Native(address) => *address,
            Self::Workerd(workerd) => workerd.address(),
            Self::Spin(host) => host.address(),
        }
    }

    /// Where each of its isolates serves; one that has no others is alone.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        match self {
            Self::Workerd(workerd) => workerd.addresses().to_vec(),
            Self::Native(_) | Self::Spin(_) => vec![self.address()],
        }
    }

    /// What the gateway's process has logged, until it has this text.
    ///
    /// # Errors
    /// Where no such line comes.
    pub async fn logged(&mut self, until: &str) -> Result<String> {
        match self {
            Self::Native(_) => Logs::of_this_process().until(until).await,
            Self::Workerd(workerd) => logged(workerd.log(), until).await,
            Self::Spin(host) => logged(host.log(), until).await,
        }
    }

    /// The gateway's process, where it has one of its own.
    pub fn process(&self) -> Option<u32> {
        match self {
            Self::Native(_) => None,
            Self::Workerd(workerd) => workerd.process_id(),
            Self::Spin(host) => host.process_id(),
        }
    }
}

async fn logged(lines: &mut UnboundedReceiver<String>, until: &str) -> Result<String> {
    let mut log = String::new();
    loop {
        let line = tokio::time::timeout(PATIENCE, lines.recv()).await;
        let line = line.context("the log stands still")?;
        let line = line.context("the log has ended")?;
        log.push_str(&line);
        log.push('\n');
        if line.contains(until) {
            return Ok(log);
        }
    }
}

/// The workspace's target directory.
pub fn target() -> PathBuf {
    let own = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    own.unwrap_or_else(|| root().join("../target"))
}
