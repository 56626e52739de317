//! A mesh: an authority, the gateway's certificate in it, and a connector before each origin.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use rcgen::SanType;
use serde_bytes::ByteBuf;
use tidegate_origin_connector::config::{
    BackendFile, ConfigFile, DnsFile, DrainFile, LimitsFile, TlsFile,
};
use tidegate_origin_connector::{Config, Connector, Drained, PeerName};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::WorldError;
use crate::authority::{Authority, Certificate};
use crate::policy::{self, Policy};
use crate::sample::Sample;
use crate::signature::Signed;

/// One origin and the connector before it.
#[derive(Debug)]
struct Place {
    connector: SocketAddr,
    sample: Sample,
    /// `None` where it is switched off.
    running: Option<Running>,
}

/// A connector that runs until this is dropped.
#[derive(Debug)]
struct Running {
    /// Where it says whether it is ready.
    admin: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Drained>,
}

/// A connector for a workload of a mesh that calls what is outside.
#[derive(Debug)]
pub struct Door {
    /// Where it listens.
    pub address: SocketAddr,
    /// What the mesh gave the workload.
    pub identity: Certificate,
    _running: Running,
}

/// What a mesh's connectors ask of a gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Demands {
    /// What requests are held to, where they are signed.
    pub(crate) signed: Option<Signed>,
    /// The name by which the policy lets a gateway in, where it says so: connectors follow it then.
    pub(crate) allowed: Option<PeerName>,
}

#[derive(Debug)]
pub(crate) struct Mesh {
    name: String,
    address: Ipv4Addr,
    authority: Authority,
    /// The gateway's.
    identity: Certificate,
    folder: PathBuf,
    policy: Policy,
    demands: Demands,
    places: BTreeMap<String, Place>,
}

impl Mesh {
    pub(crate) fn new(
        name: &str,
        folder: PathBuf,
        address: Ipv4Addr,
        policy: Policy,
    ) -> Result<Self, WorldError> {
        let authority = Authority::new(&format!("{name} mesh"))?;
        let identity = gateway(&authority, name, None)?;
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("authority.pem"), authority.pem())?;
        Ok(Self {
            name: name.to_owned(),
            address,
            authority,
            identity,
            folder,
            policy,
            demands: Demands::default(),
            places: BTreeMap::new(),
        })
    }

    /// What origins' URLs name: `localhost`, or the address.
    pub(crate) fn host(&self) -> String {
        if self.address == Ipv4Addr::LOCALHOST {
            "localhost".to_owned()
        } else {
            self.address.to_string()
        }
    }

    pub(crate) fn identity(&self) -> &Certificate {
        &self.identity
    }

    pub(crate) fn authority_pem(&self) -> String {
        self.authority.pem()
    }

    pub(crate) fn authority_der(&self) -> ByteBuf {
        ByteBuf::from(self.authority.der().to_vec())
    }

    /// Requests that have reached any of the origins.
    pub(crate) fn requests(&self) -> u64 {
        self.places
            .values()
            .map(|place| place.sample.requests())
            .sum()
    }

    /// Has the connectors ask for something, or no more, and gives the gateway the name that they let
    /// in. Connectors that run and ask for something else begin anew, where they were.
    pub(crate) async fn ask(&mut self, demands: Demands) -> Result<(), WorldError> {
        if self.demands == demands {
            return Ok(());
        }
        self.identity = gateway(&self.authority, &self.name, demands.allowed.as_ref())?;
        self.demands = demands;
        let running = self.places.iter();
        let running = running.filter(|(_, place)| place.running.is_some());
        let running: Vec<String> = running.map(|(origin, _)| origin.clone()).collect();
        for origin in running {
            self.switch_off(&origin).await;
            self.switch_on(&origin).await?;
        }
        Ok(())
    }

    /// The connector before an origin; started, with the origin, where it is not there yet.
    pub(crate) async fn origin(&mut self, origin: &str) -> Result<SocketAddr, WorldError> {
        if let Some(place) = self.places.get(origin) {
            return Ok(place.connector);
        }
        let sample = Sample::start(&self.name, origin).await?;
        let backend = self.backend(origin, sample.address);
        let (connector, running) = self.start(origin, backend, 0).await?;
        self.places.insert(
            origin.to_owned(),
            Place {
                connector,
                sample,
                running: Some(running),
            },
        );
        Ok(connector)
    }

    /// Ends the connector before an origin, with all its connections.
    pub(crate) async fn switch_off(&mut self, origin: &str) {
        let place = self.places.get_mut(origin);
        if let Some(running) = place.and_then(|place| place.running.take()) {
            drop(running.stop);
            // An error is that it had ended already.
            let _ = running.ended.await;
        }
    }

    /// Starts it again, where it was.
    pub(crate) async fn switch_on(&mut self, origin: &str) -> Result<(), WorldError> {
        let Some(place) = self.places.get(origin) else {
            return Ok(());
        };
        let backend = self.backend(origin, place.sample.address);
        let port = place.connector.port();
        let (_, running) = self.start(origin, backend, port).await?;
        if let Some(place) = self.places.get_mut(origin) {
            place.running = Some(running);
        }
        Ok(())
    }

    /// Waits until the connectors are ready for requests, those that follow the policy by it.
    pub(crate) async fn ready(&self) -> Result<(), WorldError> {
        let places = self.places.values();
        for running in places.filter_map(|place| place.running.as_ref()) {
            policy::ready(running.admin).await?;
        }
        Ok(())
    }

    /// What the mesh gives a workload of this name.
    pub(crate) fn workload(&self, name: &str) -> Result<Certificate, WorldError> {
        Ok(self.authority.issue(vec![SanType::URI(name.try_into()?)])?)
    }

    /// A door for a workload, to an address outside the mesh.
    pub(crate) async fn door(&self, workload: &str, to: SocketAddr) -> Result<Door, WorldError> {
        let identity = self.workload(workload)?;
        let signed = self.demands.signed.as_ref();
        let backend = BackendFile {
            allow: vec![workload.to_owned()],
            // No gateway is on this side of the door.
            gateway_signature: signed.map(|_| "off".to_owned()),
            ..backend("outside", to)
        };
        let (address, running) = self.start("door", backend, 0).await?;
        Ok(Door {
            address,
            identity,
            _running: running,
        })
    }

    /// Starts a connector of this name before a backend; port 0 takes a free one.
    async fn start(
        &self,
        name: &str,
        backend: BackendFile,
        port: u16,
    ) -> Result<(SocketAddr, Running), WorldError> {
        let config = self.configuration(name, backend, port)?;
        let connector = Connector::bind(Config::try_from(config)?).await?;
        let nowhere = || io::Error::other("it listens nowhere");
        let address = connector.local_addr().ok_or_else(nowhere)?;
        let admin = connector.admin_addr().ok_or_else(nowhere)?;
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(connector.run(async {
            let _ = stopped.await;
        }));
        let running = Running { admin, stop, ended };
        Ok((address, running))
    }

    fn configuration(
        &self,
        name: &str,
        backend: BackendFile,
        port: u16,
    ) -> Result<ConfigFile, WorldError> {
        let names = vec![
            SanType::DnsName("localhost".try_into()?),
            SanType::IpAddress(self.address.into()),
            SanType::URI(
                format!("spiffe://{}.mesh.example/connector/{name}", self.name).try_into()?,
            ),
        ];
        let certificate = self.authority.issue(names)?;
        let file = |ending: &str| self.folder.join(format!("{name}.{ending}"));
        fs::write(file("pem"), &certificate.pem)?;
        fs::write(file("key"), &certificate.key_pem)?;
        Ok(ConfigFile {
            listen: Some(SocketAddr::from((self.address, port))),
            admin: Some(SocketAddr::from((self.address, 0))),
            tls: TlsFile {
                certificate: Some(file("pem")),
                private_key: Some(file("key")),
                client_authority: Some(self.folder.join("authority.pem")),
                ..TlsFile::default()
            },
            mesh: None,
            gateway_signature: match &self.demands.signed {
                Some(signed) => Some(signed.configure(&self.folder)?),
                None => None,
            },
            policy: backend.policy.is_some().then(|| self.policy.configure()),
            backend: vec![backend],
            tcp: Vec::new(),
            dial: Vec::new(),
            traces: None,
            dns: DnsFile::default(),
            // What is switched off is off at once.
            drain: DrainFile {
                timeout: Some("0s".to_owned()),
            },
            limits: LimitsFile::default(),
        })
    }

    /// What stands before an origin: the policy says who may reach it, or else this mesh.
    fn backend(&self, origin: &str, to: SocketAddr) -> BackendFile {
        let followed = self.demands.allowed.is_some();
        BackendFile {
            policy: followed.then(|| self.name.clone()),
            allow: if followed {
                Vec::new()
            } else {
                vec![gateway_id(&self.name)]
            },
            ..backend(origin, to)
        }
    }
}

/// The gateway's certificate in a mesh, by the name that the policy lets in, if any.
fn gateway(
    authority: &Authority,
    mesh: &str,
    allowed: Option<&PeerName>,
) -> Result<Certificate, WorldError> {
    let name = match allowed {
        Some(PeerName::Spiffe(id)) => SanType::URI(id.to_string().try_into()?),
        Some(PeerName::Dns(host)) => SanType::DnsName(host.as_str().try_into()?),
        None => SanType::URI(gateway_id(mesh).try_into()?),
    };
    Ok(authority.issue(vec![name])?)
}

/// The gateway's SPIFFE ID in a mesh of whose callers the policy says nothing.
fn gateway_id(mesh: &str) -> String {
    format!("spiffe://{mesh}.mesh.example/gateway")
}

fn backend(name: &str, to: SocketAddr) -> BackendFile {
    BackendFile {
        name: name.to_owned(),
        address: format!("http://{to}"),
        ..BackendFile::default()
    }
}
