//! What the connectors of a world follow: the bundle that its gateway runs, in a file.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use tempfile::NamedTempFile;
use tidegate_origin_connector::config::PolicyFile;
use tidegate_shared::trust::TrustKey;
use tokio::net::TcpStream;

/// Connectors look at the file every half a second.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often they are asked whether they have.
const INTERVAL: Duration = Duration::from_millis(20);

/// Where the bundle is, and the keys that it must be signed by.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    bundle: PathBuf,
    trust: PathBuf,
}

impl Policy {
    /// There is no bundle yet.
    pub(crate) fn new(folder: &Path, trust: &TrustKey) -> io::Result<Self> {
        let policy = Self {
            bundle: folder.join("policy.bundle"),
            trust: folder.join("policy.pub"),
        };
        std::fs::write(&policy.trust, trust.to_string())?;
        Ok(policy)
    }

    /// Puts a bundle in place of the last one, whole.
    pub(crate) fn put(&self, bundle: &[u8]) -> io::Result<()> {
        let folder = self.bundle.parent().unwrap_or(Path::new("."));
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(bundle)?;
        file.persist(&self.bundle)?;
        Ok(())
    }

    /// A connector's configuration.
    pub(crate) fn configure(&self) -> PolicyFile {
        PolicyFile {
            bundle: self.bundle.display().to_string(),
            trust: self.trust.clone(),
            channel: None,
            minimum_sequence: 0,
            state: None,
            every: None,
        }
    }
}

/// Waits until a connector is ready for requests, by its admin address.
pub(crate) async fn ready(admin: SocketAddr) -> io::Result<()> {
    let ready = async {
        while !is_ready(admin).await? {
            tokio::time::sleep(INTERVAL).await;
        }
        Ok(())
    };
    let late = |_| io::Error::other("a connector did not take the policy");
    tokio::time::timeout(PATIENCE, ready).await.map_err(late)?
}

async fn is_ready(admin: SocketAddr) -> io::Result<bool> {
    let stream = TokioIo::new(TcpStream::connect(admin).await?);
    let handshake = hyper::client::conn::http1::handshake(stream).await;
    let (mut sender, connection) = handshake.map_err(io::Error::other)?;
    tokio::spawn(connection);
    let request = Request::get("/readyz").header(header::HOST, admin.to_string());
    let request = request.body(Empty::<Bytes>::new());
    let response = sender.send_request(request.map_err(io::Error::other)?);
    let response = response.await.map_err(io::Error::other)?;
    Ok(response.status() == StatusCode::OK)
}
