//! Spin's runtime configuration file, of which the test host reads
//! `[[client_tls]]` (`crates/factor-outbound-networking` of Spin 4.1).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;

pub(crate) struct RuntimeConfig {
    /// Relative paths in the file start here.
    folder: PathBuf,
    client_tls: Vec<ClientTls>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    client_tls: Vec<ClientTls>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientTls {
    component_ids: Vec<String>,
    /// Host names without ports.
    hosts: Vec<String>,
    ca_use_platform_roots: Option<bool>,
    ca_use_webpki_roots: Option<bool>,
    ca_roots_file: Option<PathBuf>,
    client_cert_file: Option<PathBuf>,
    client_private_key_file: Option<PathBuf>,
}

impl RuntimeConfig {
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read `{}`", path.display()))?;
        let Document { client_tls } =
            toml::from_str(&text).with_context(|| format!("invalid `{}`", path.display()))?;
        Ok(Self {
            folder: path.parent().unwrap_or(Path::new("")).to_owned(),
            client_tls,
        })
    }

    /// The TLS configuration for each host that `component_id` may call. As in
    /// Spin, the first entry that names a host wins.
    pub(crate) fn client_tls(
        &self,
        component_id: &str,
    ) -> anyhow::Result<HashMap<String, Arc<ClientConfig>>> {
        let mut by_host = HashMap::new();
        for entry in &self.client_tls {
            ensure!(
                !entry.component_ids.is_empty(),
                "`component_ids` may not be empty"
            );
            ensure!(!entry.hosts.is_empty(), "`hosts` may not be empty");
            let config = Arc::new(self.client_config(entry)?);
            if !entry.component_ids.iter().any(|id| id == component_id) {
                continue;
            }
            for host in &entry.hosts {
                ensure!(!host.contains(':'), "`hosts` takes no ports: `{host}`");
                by_host
                    .entry(host.clone())
                    .or_insert_with(|| config.clone());
            }
        }
        Ok(by_host)
    }

    fn client_config(&self, entry: &ClientTls) -> anyhow::Result<ClientConfig> {
        ensure!(
            entry.ca_use_platform_roots != Some(true) && entry.ca_use_webpki_roots != Some(true),
            "the test host trusts no public authority"
        );
        let mut roots = RootCertStore::empty();
        if let Some(file) = &entry.ca_roots_file {
            for certificate in self.certificates(file)? {
                roots.add(certificate)?;
            }
        }
        let builder = ClientConfig::builder().with_root_certificates(roots);
        let mut config = match (&entry.client_cert_file, &entry.client_private_key_file) {
            (Some(certificate), Some(key)) => {
                let key = self.folder.join(key);
                let key = PrivateKeyDer::from_pem_file(&key)
                    .with_context(|| format!("no private key in `{}`", key.display()))?;
                builder.with_client_auth_cert(self.certificates(certificate)?, key)?
            }
            (None, None) => builder.with_no_client_auth(),
            (Some(_), None) => bail!("`client_cert_file` without `client_private_key_file`"),
            (None, Some(_)) => bail!("`client_private_key_file` without `client_cert_file`"),
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    fn certificates(&self, file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
        let path = self.folder.join(file);
        CertificateDer::pem_file_iter(&path)
            .and_then(Iterator::collect)
            .with_context(|| format!("no certificates in `{}`", path.display()))
    }
}
