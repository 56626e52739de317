//! A whole world on one machine, for any policy: each upstream gets a mesh with an authority of
//! its own, each of its origins a connector with a certificate of that authority, and behind it
//! a sample origin. `tidegate dev` runs it; so can a test.
//!
//! Everything in it is real but the origins: the certificates, the TLS sessions, the connectors.

mod authority;
mod mesh;
mod sample;

use std::collections::BTreeMap;
use std::io;

use tempfile::TempDir;
use tidegate_origin_connector::BindError;
use tidegate_origin_connector::config::InvalidConfig;
use tidegate_shared::bundle::Tables;

pub use authority::Certificate;
use mesh::Mesh;

/// The meshes of a policy's upstreams.
#[derive(Debug)]
pub struct World {
    meshes: BTreeMap<String, Mesh>,
    /// Where the connectors find their certificates.
    folder: TempDir,
}

/// The world cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// A file or a port is not to be had.
    #[error("no world to run in: {0}")]
    Io(#[from] io::Error),
    /// A certificate cannot be made.
    #[error("no certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A connector does not start.
    #[error("no connector: {0}")]
    Connector(#[from] BindError),
    /// A connector does not take its configuration.
    #[error("no connector: {0}")]
    Configuration(#[from] InvalidConfig),
}

impl World {
    /// A world without meshes.
    ///
    /// # Errors
    /// Where there is no folder for its certificates.
    pub fn new() -> Result<Self, WorldError> {
        Ok(Self {
            meshes: BTreeMap::new(),
            folder: TempDir::new()?,
        })
    }

    /// Points a policy's upstreams at this world: what is missing of it is started, on the
    /// current runtime, until the world ends. Each upstream is called by the identity of its own
    /// name.
    ///
    /// # Errors
    /// [`WorldError`].
    pub async fn attach(&mut self, tables: &mut Tables) -> Result<(), WorldError> {
        for upstream in &mut tables.upstreams {
            if !self.meshes.contains_key(&upstream.name) {
                let folder = self.folder.path().join(&upstream.name);
                self.meshes
                    .insert(upstream.name.clone(), Mesh::new(&upstream.name, folder)?);
            }
            let Some(mesh) = self.meshes.get_mut(&upstream.name) else {
                continue;
            };
            upstream.identity = Some(upstream.name.clone());
            upstream.trust = vec![mesh.authority_der()];
            for origin in &mut upstream.origins {
                let address = mesh.origin(&origin.name).await?;
                origin.url = format!(
                    "https://localhost:{}{}",
                    address.port(),
                    base_path(&origin.url)
                );
            }
        }
        Ok(())
    }

    /// The gateway's client certificates, by the upstreams' names.
    pub fn identities(&self) -> impl Iterator<Item = (&str, &Certificate)> {
        self.meshes
            .iter()
            .map(|(name, mesh)| (name.as_str(), mesh.identity()))
    }

    /// Requests that have reached any origin.
    pub fn requests(&self) -> u64 {
        self.meshes.values().map(Mesh::requests).sum()
    }

    /// The authority of an upstream's mesh, in PEM.
    pub fn authority_pem(&self, upstream: &str) -> Option<String> {
        self.meshes.get(upstream).map(Mesh::authority_pem)
    }
}

/// The path of an origin's URL, which goes before every request's.
fn base_path(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    after_scheme
        .find('/')
        .and_then(|slash| after_scheme.get(slash..))
        .unwrap_or("")
}
