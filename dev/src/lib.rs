//! A whole world on one machine, for any policy: each upstream gets a mesh with an authority of
//! its own, each of its origins a connector with a certificate of that authority, and behind it
//! a sample origin. `tidegate dev` runs it; so can a test.
//!
//! Everything in it is real but the origins: the certificates, the TLS sessions, the connectors.
//! [`workerd`] and [`spin`] start the gateway of an edge runtime in it.

mod authority;
mod mesh;
mod policy;
mod sample;
mod signature;
pub mod spin;
pub mod workerd;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tempfile::TempDir;
use tidegate_origin_connector::BindError;
use tidegate_origin_connector::config::InvalidConfig;
use tidegate_shared::bundle::Tables;
use tidegate_shared::trust::TrustKey;

pub use authority::{Authority, Certificate};
pub use mesh::Door;
use mesh::{Demands, Mesh};
use policy::Policy;
use signature::Signed;

/// How the connectors of one mesh are told from those of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apart {
    /// By their ports on `localhost`: works on every machine.
    Ports,
    /// By loopback addresses of their own, from 127.0.0.2 on, as Spin needs it, which picks a
    /// client certificate by the host without the port. Linux has all of 127.0.0.0/8.
    Addresses,
}

/// The meshes of a policy's upstreams.
#[derive(Debug)]
pub struct World {
    apart: Apart,
    meshes: BTreeMap<String, Mesh>,
    /// What connectors follow.
    policy: Policy,
    /// Says what tokens are worth.
    introspection: Option<SocketAddr>,
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
    /// A world without meshes, whose connectors will take bundles that this key has signed.
    ///
    /// # Errors
    /// Where there is no folder for its certificates.
    pub fn new(apart: Apart, trust: &TrustKey) -> Result<Self, WorldError> {
        let folder = TempDir::new()?;
        Ok(Self {
            apart,
            meshes: BTreeMap::new(),
            policy: Policy::new(folder.path(), trust)?,
            introspection: None,
            folder,
        })
    }

    /// Points a policy's upstreams at this world: what is missing of it is started, on the
    /// current runtime, until the world ends. Each upstream is called by the identity of its own
    /// name. Connectors of upstreams of which the policy says what they enforce wait for
    /// [`publish`](Self::publish); others let the gateway in, and where the policy signs requests, with
    /// one of the platform's secrets, they take no others.
    ///
    /// # Errors
    /// [`WorldError`].
    pub async fn attach(
        &mut self,
        tables: &mut Tables,
        secrets: &[(String, String)],
    ) -> Result<(), WorldError> {
        for upstream in &mut tables.upstreams {
            if !self.meshes.contains_key(&upstream.name) {
                let folder = self.folder.path().join(&upstream.name);
                let mesh = Mesh::new(&upstream.name, folder, self.host()?, self.policy.clone())?;
                self.meshes.insert(upstream.name.clone(), mesh);
            }
            let Some(mesh) = self.meshes.get_mut(&upstream.name) else {
                continue;
            };
            let rules = upstream.connector.as_ref();
            mesh.ask(Demands {
                signed: Signed::of(upstream, secrets)?,
                allowed: rules.and_then(|rules| rules.allow.first().cloned()),
            })
            .await?;
            upstream.identity = Some(upstream.name.clone());
            upstream.trust = vec![mesh.authority_der()];
            for origin in &mut upstream.origins {
                let address = mesh.origin(&origin.name).await?;
                // Everything is on one machine: what would dial can be dialled.
                origin.tunnel = None;
                origin.url = format!(
                    "https://{}:{}{}",
                    mesh.host(),
                    address.port(),
                    base_path(&origin.url)
                );
            }
        }
        Ok(())
    }

    /// Gives the connectors the bundle that the gateway gets, and waits until they have one. One that
    /// is in place of another counts for them half a second later at most.
    ///
    /// # Errors
    /// Where they do not take it.
    pub async fn publish(&self, bundle: &[u8]) -> Result<(), WorldError> {
        self.policy.put(bundle)?;
        for mesh in self.meshes.values() {
            mesh.ready().await?;
        }
        Ok(())
    }

    /// Points a policy's introspections at this world, where `answer` says what the token in a form
    /// is worth. The server runs on the current runtime.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub async fn vouch(
        &mut self,
        tables: &mut Tables,
        answer: fn(&[u8]) -> Vec<u8>,
    ) -> Result<(), WorldError> {
        for asked in &mut tables.introspections {
            let address = match self.introspection {
                Some(address) => address,
                None => sample::introspection::start(answer).await?,
            };
            self.introspection = Some(address);
            asked.url = format!("http://{address}/introspect");
        }
        Ok(())
    }

    /// The address of the next mesh's connectors.
    fn host(&self) -> Result<Ipv4Addr, WorldError> {
        match self.apart {
            Apart::Ports => Ok(Ipv4Addr::LOCALHOST),
            Apart::Addresses => {
                let next = u8::try_from(self.meshes.len().saturating_add(2));
                let next = next.map_err(|_| io::Error::other("more meshes than addresses"))?;
                Ok(Ipv4Addr::new(127, 0, 0, next))
            }
        }
    }

    /// The gateway's client certificates, by the upstreams' names.
    pub fn identities(&self) -> impl Iterator<Item = (&str, &Certificate)> {
        self.meshes
            .iter()
            .map(|(name, mesh)| (name.as_str(), mesh.identity()))
    }

    /// The gateway's client certificates, as a Worker's bindings.
    pub fn worker_identities(&self) -> Vec<workerd::Identity> {
        let identity = |(name, mesh): (&String, &Mesh)| workerd::Identity {
            name: name.clone(),
            certificate_pem: mesh.identity().pem.clone(),
            key_pem: mesh.identity().key_pem.clone(),
            trusted_pem: vec![mesh.authority_pem()],
        };
        self.meshes.iter().map(identity).collect()
    }

    /// Requests that have reached any origin.
    pub fn requests(&self) -> u64 {
        self.meshes.values().map(Mesh::requests).sum()
    }

    /// Switches every connector before an origin of this name off, as where a data centre goes dark.
    pub async fn switch_off(&mut self, origin: &str) {
        for mesh in self.meshes.values_mut() {
            mesh.switch_off(origin).await;
        }
    }

    /// Switches them on again, where they were.
    ///
    /// # Errors
    /// [`WorldError`].
    pub async fn switch_on(&mut self, origin: &str) -> Result<(), WorldError> {
        for mesh in self.meshes.values_mut() {
            mesh.switch_on(origin).await?;
        }
        Ok(())
    }

    /// A connector by which a workload of an upstream's mesh, called by its SPIFFE ID, reaches an
    /// address outside of it.
    ///
    /// # Errors
    /// [`WorldError`], also where there is no such mesh.
    pub async fn door(
        &self,
        upstream: &str,
        workload: &str,
        to: SocketAddr,
    ) -> Result<Door, WorldError> {
        self.mesh(upstream)?.door(workload, to).await
    }

    /// What an upstream's mesh gives a workload of this SPIFFE ID.
    ///
    /// # Errors
    /// [`WorldError`], also where there is no such mesh.
    pub fn workload(&self, upstream: &str, workload: &str) -> Result<Certificate, WorldError> {
        self.mesh(upstream)?.workload(workload)
    }

    fn mesh(&self, upstream: &str) -> Result<&Mesh, WorldError> {
        let missing = || io::Error::other(format!("there is no mesh `{upstream}`"));
        Ok(self.meshes.get(upstream).ok_or_else(missing)?)
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
