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
use tidegate_origin_connector::{Config, Connector, Drained};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::WorldError;
use crate::authority::{Authority, Certificate};
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

#[derive(Debug)]
pub(crate) struct Mesh {
    name: String,
    address: Ipv4Addr,
    authority: Authority,
    identity: Certificate,
    folder: PathBuf,
    /// What requests are held to, where they are signed.
    signed: Option<Signed>,
    places: BTreeMap<String, Place>,
}

impl Mesh {
    pub(crate) fn new(name: &str, folder: PathBuf, address: Ipv4Addr) -> Result<Self, WorldError> {
        let authority = Authority::new(&format!("{name} mesh"))?;
        let identity = authority.issue(vec![SanType::URI(gateway_id(name).try_into()?)])?;
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("authority.pem"), authority.pem())?;
        Ok(Self {
            name: name.to_owned(),
            address,
            authority,
            identity,
            folder,
            signed: None,
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

    /// Has the connectors ask for signatures, or no more. Those that run and ask for something else
    /// begin anew, where they were.
    pub(crate) async fn ask(&mut self, signed: Option<Signed>) -> Result<(), WorldError> {
        if self.signed == signed {
            return Ok(());
        }
        self.signed = signed;
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
        let backend = backend(origin, sample.address, gateway_id(&self.name));
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
        let backend = backend(origin, place.sample.address, gateway_id(&self.name));
        let port = place.connector.port();
        let (_, running) = self.start(origin, backend, port).await?;
        if let Some(place) = self.places.get_mut(origin) {
            place.running = Some(running);
        }
        Ok(())
    }

    /// A door for a workload, to an address outside the mesh.
    pub(crate) async fn door(&self, workload: &str, to: SocketAddr) -> Result<Door, WorldError> {
        let identity = self
            .authority
            .issue(vec![SanType::URI(workload.try_into()?)])?;
        let backend = BackendFile {
            // No gateway is on this side of the door.
            gateway_signature: self.signed.as_ref().map(|_| "off".to_owned()),
            ..backend("outside", to, workload.to_owned())
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
        let address = connector.local_addr();
        let address = address.ok_or_else(|| io::Error::other("it listens nowhere"))?;
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(connector.run(async {
            let _ = stopped.await;
        }));
        Ok((address, Running { stop, ended }))
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
            admin: None,
            tls: TlsFile {
                certificate: file("pem"),
                private_key: file("key"),
                client_authority: self.folder.join("authority.pem"),
                ..TlsFile::default()
            },
            mesh: None,
            gateway_signature: match &self.signed {
                Some(signed) => Some(signed.configure(&self.folder)?),
                None => None,
            },
            backend: vec![backend],
            tcp: Vec::new(),
            dial: Vec::new(),
            policy: None,
            dns: DnsFile::default(),
            // What is switched off is off at once.
            drain: DrainFile {
                timeout: Some("0s".to_owned()),
            },
            limits: LimitsFile::default(),
        })
    }
}

/// The gateway's SPIFFE ID in a mesh: the only caller that its connectors let in.
fn gateway_id(mesh: &str) -> String {
    format!("spiffe://{mesh}.mesh.example/gateway")
}

fn backend(name: &str, to: SocketAddr, caller: String) -> BackendFile {
    BackendFile {
        name: name.to_owned(),
        address: format!("http://{to}"),
        allow: vec![caller],
        ..BackendFile::default()
    }
}
