//! The policy of the suite, in a world of its own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tidegate_dev::{Apart, World};
use tidegate_policy_compiler::credentials::{self, Credentials};
use tidegate_policy_compiler::{Ir, compile, diagnostic, source};
use tidegate_shared::bundle::Tables;
use tidegate_shared::trust::{SigningKey, TrustKey};

use crate::store;

/// The key that signs bundles.
const KEY: [u8; 32] = [7; 32];

/// A policy, its connectors and origins, and the keys to act in it.
#[derive(Debug)]
pub struct Stage {
    /// The connectors and origins.
    pub world: World,
    /// The secret halves of the policy's keys.
    pub credentials: Credentials,
    /// The policy's tables, as they are in the bundle.
    pub tables: Tables,
    /// The signed bundle.
    pub bundle: Vec<u8>,
    /// Whom the gateway trusts.
    pub trust: TrustKey,
    /// What the platform's secret store must hold.
    pub secrets: Vec<(String, String)>,
    /// What its key-value stores hold, each the same: a file for each key.
    pub store: TempDir,
}

/// The folder of this crate.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

impl Stage {
    /// Compiles a policy and starts its world on the current runtime. An origin called `down` is
    /// one that nobody listens for.
    ///
    /// # Errors
    /// Where the policy does not compile; the text has the diagnostics.
    pub async fn new(policy: &Path, apart: Apart) -> Result<Self> {
        let mut ir = compiled(policy)?;
        let credentials = Credentials::install(&mut ir)?;
        let secret = |(name, secret): (&str, Vec<u8>)| {
            let text = String::from_utf8(secret).context("secrets are text")?;
            Ok((name.to_owned(), text))
        };
        let secrets = credentials.secrets().map(secret);
        let secrets: Vec<(String, String)> = secrets.collect::<Result<_>>()?;
        let key = SigningKey::from_seed(KEY);
        let mut world = World::new(apart, &key.trust_key())?;
        world.attach(&mut ir.tables, &secrets).await?;
        world.vouch(&mut ir.tables, credentials::answer).await?;
        for origin in ir
            .tables
            .upstreams
            .iter_mut()
            .flat_map(|upstream| &mut upstream.origins)
        {
            if origin.name == "down" {
                "https://localhost:1".clone_into(&mut origin.url);
            }
        }
        let stage = Self::set(world, credentials, ir, &key, secrets)?;
        stage.world.publish(&stage.bundle).await?;
        Ok(stage)
    }

    /// Compiles the text of a policy whose issuers and servers are really asked, with keys of
    /// their own. It has no origins.
    ///
    /// # Errors
    /// Where the policy does not compile; the text has the diagnostics.
    pub fn asking(policy: &str, secrets: Vec<(String, String)>) -> Result<Self> {
        let folder = TempDir::new()?;
        let file = folder.path().join("policy.yaml");
        std::fs::write(&file, policy)?;
        let ir = compiled(&file)?;
        let credentials = Credentials::install(&mut ir.clone())?;
        let key = SigningKey::from_seed(KEY);
        let world = World::new(Apart::Ports, &key.trust_key())?;
        Self::set(world, credentials, ir, &key, secrets)
    }

    fn set(
        world: World,
        credentials: Credentials,
        ir: Ir,
        key: &SigningKey,
        secrets: Vec<(String, String)>,
    ) -> Result<Self> {
        Ok(Self {
            world,
            credentials,
            bundle: ir.sign(1, key)?,
            tables: ir.tables,
            trust: key.trust_key(),
            secrets,
            store: store::fill()?,
        })
    }

    /// The key-value stores that the policy names.
    pub fn stores(&self) -> Vec<(String, PathBuf)> {
        let named: BTreeSet<&str> = self.tables.credential_stores().collect();
        let folder = self.store.path();
        let stores = named
            .into_iter()
            .map(|name| (name.to_owned(), folder.to_owned()));
        stores.collect()
    }
}

fn compiled(policy: &Path) -> Result<Ir> {
    let sources = source::read(policy)?;
    let output = compile(&sources);
    let Some(ir) = output.ir else {
        bail!(
            "{}",
            diagnostic::render_human(&output.diagnostics, &sources, false)
        );
    };
    Ok(ir)
}
