//! A mesh: an authority, the gateway's certificate in it, and a connector before each origin.

use std::collections::BTreeMap;
use std::fs;
use std::future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use rcgen::SanType;
use serde_bytes::ByteBuf;
use tidegate_origin_connector::config::{BackendFile, ConfigFile, DnsFile, DrainFile, LimitsFile, TlsFile};
use tidegate_origin_connector::{Config, Connector};

use crate::WorldError;
use crate::authority::{Authority, Certificate};
use crate::sample::Sample;

/// One origin and the connector before it.
#[derive(Debug)]
struct Place {
    connector: SocketAddr,
    sample: Sample,
}

#[derive(Debug)]
pub(crate) struct Mesh {
    name: String,
    address: Ipv4Addr,
    authority: Authority,
    identity: Certificate,
    folder: PathBuf,
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

    /// The connector before an origin; started, with the origin, where it is not there yet.
    pub(crate) async fn origin(&mut self, origin: &str) -> Result<SocketAddr, WorldError> {
        if let Some(place) = self.places.get(origin) {
            return Ok(place.connector);
        }
        let sample = Sample::start(&self.name, origin).await?;
        let config = self.configuration(origin, sample.address)?;
        let connector = Connector::bind(Config::try_from(config)?).await?;
        let address = connector.local_addr();
        tokio::spawn(connector.run(future::pending()));
        self.places.insert(
            origin.to_owned(),
            Place {
                connector: address,
                sample,
            },
        );
        Ok(address)
    }

    fn configuration(&self, origin: &str, backend: SocketAddr) -> Result<ConfigFile, WorldError> {
        let names = vec![
            SanType::DnsName("localhost".try_into()?),
            SanType::IpAddress(self.address.into()),
            SanType::URI(
                format!("spiffe://{}.mesh.example/connector/{origin}", self.name).try_into()?,
            ),
        ];
        let certificate = self.authority.issue(names)?;
        let file = |ending: &str| self.folder.join(format!("{origin}.{ending}"));
        fs::write(file("pem"), &certificate.pem)?;
        fs::write(file("key"), &certificate.key_pem)?;
        Ok(ConfigFile {
            listen: SocketAddr::from((self.address, 0)),
            admin: None,
            tls: TlsFile {
                certificate: file("pem"),
                private_key: file("key"),
                client_authority: self.folder.join("authority.pem"),
                ..TlsFile::default()
            },
            mesh: None,
            backend: vec![BackendFile {
                name: origin.to_owned(),
                address: format!("http://{backend}"),
                allow: vec![gateway_id(&self.name)],
                ..BackendFile::default()
            }],
            tcp: Vec::new(),
        dns: DnsFile::default(),
            drain: DrainFile::default(),
            limits: LimitsFile::default(),
        })
    }
}

/// The gateway's SPIFFE ID in a mesh: the only caller that its connectors let in.
fn gateway_id(mesh: &str) -> String {
    format!("spiffe://{mesh}.mesh.example/gateway")
}
