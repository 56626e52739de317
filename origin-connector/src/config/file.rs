//! The configuration as it is written, before any value is checked.

use std::net::SocketAddr;
use std::path::Path;

use serde::Deserialize;

use super::{
    BackendFile, DialFile, DnsFile, GatewaySignatureFile, LimitsFile, MeshFile, PolicyFile,
    TcpFile, TlsFile, TracesFile,
};

/// The whole file. Unknown fields are errors.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    /// Where gateways connect, as `0.0.0.0:8443`; port 0 takes a free one. Absent: nowhere, and there
    /// is a `[[dial]]`.
    pub listen: Option<SocketAddr>,
    /// Where `/livez`, `/readyz` and `/metrics` are served in plain HTTP. Absent: nowhere.
    pub admin: Option<SocketAddr>,
    /// The connector's own certificate, and whom it trusts.
    pub tls: TlsFile,
    /// What the connector is to backends in the mesh; needed where one has an `https://` address.
    pub mesh: Option<MeshFile>,
    /// How requests are known to have come through a gateway. Absent: they need not.
    pub gateway_signature: Option<GatewaySignatureFile>,
    /// The signed bundle that says who may reach backends. Absent: they say so themselves.
    pub policy: Option<PolicyFile>,
    /// What stands behind the connector.
    pub backend: Vec<BackendFile>,
    /// Where connections are forwarded that are not HTTP.
    #[serde(default)]
    pub tcp: Vec<TcpFile>,
    /// Gateways that the connector connects to.
    #[serde(default)]
    pub dial: Vec<DialFile>,
    /// How names are resolved.
    #[serde(default)]
    pub dns: DnsFile,
    /// Where spans go. Absent: nowhere.
    pub traces: Option<TracesFile>,
    /// How the connector stops.
    #[serde(default)]
    pub drain: DrainFile,
    /// Bounds; each has a default.
    #[serde(default)]
    pub limits: LimitsFile,
}

/// `[drain]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrainFile {
    /// How long a stopping connector waits for exchanges that are under way; `30s` by default.
    pub timeout: Option<String>,
}

impl ConfigFile {
    /// Makes relative paths relative to `folder`.
    pub(super) fn resolve(&mut self, folder: &Path) {
        let TlsFile {
            certificate,
            private_key,
            client_authority,
            workload_api: _,
            client_crl,
            expiry_notice: _,
            min_version: _,
        } = &mut self.tls;
        let own = [certificate, private_key, client_authority];
        let mut paths: Vec<_> = own.into_iter().flatten().collect();
        paths.extend(client_crl);
        if let Some(MeshFile {
            certificate,
            private_key,
            authority,
            workload_api: _,
        }) = &mut self.mesh
        {
            paths.extend([certificate, private_key, authority].into_iter().flatten());
        }
        let keys = self.gateway_signature.iter_mut();
        paths.extend(keys.flat_map(|section| section.key.iter_mut().map(|key| &mut key.file)));
        if let Some(policy) = &mut self.policy {
            policy.resolve(folder);
            paths.extend(policy.paths());
        }
        let files = self.backend.iter_mut();
        paths.extend(files.filter_map(|backend| backend.endpoints_file.as_mut()));
        paths.extend(self.tcp.iter_mut().flat_map(TcpFile::paths));
        paths.extend(self.dial.iter_mut().flat_map(DialFile::paths));
        for path in paths {
            *path = folder.join(&*path);
        }
    }
}
