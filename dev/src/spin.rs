//! The component on the Spin test host, which serves it as Spin does.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result};
use tempfile::TempDir;
use tidegate_shared::bundle::Tables;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::World;
use crate::workerd::collect;

/// What the component runs with.
#[derive(Debug)]
pub struct SpinConfig<'c> {
    /// The test host.
    pub program: PathBuf,
    /// The component.
    pub component: PathBuf,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The signed bundle, which the default key-value store has.
    pub bundle: &'c [u8],
    /// The default key-value store in place of that: a folder with a file for each key.
    pub store: Option<&'c Path>,
    /// Variables of the component besides the secrets and the trusted keys.
    pub variables: &'c [(String, String)],
    /// How many requests an instance takes before another takes its place.
    pub requests: u32,
    /// The keys whose bundles are accepted, as text.
    pub trust: String,
    /// The secrets that policies name, and their values.
    pub secrets: &'c [(String, String)],
    /// The key-value stores that policies name: folders with a file for each key.
    pub stores: &'c [(String, PathBuf)],
    /// The gateway that keeps limits for all instances: its address, and the token for it.
    pub limits: Option<(String, String)>,
    /// The connectors that it reaches.
    pub world: &'c World,
    /// The policy's tables, as they are in the bundle.
    pub tables: &'c Tables,
}

/// A running component. Dropping it ends it.
#[derive(Debug)]
pub struct SpinHost {
    address: SocketAddr,
    process: Child,
    log: UnboundedReceiver<String>,
    directory: TempDir,
}

impl SpinHost {
    /// Starts the component and waits until it listens.
    ///
    /// # Errors
    /// Where the component or the host was not built, or does not start.
    pub async fn start(config: &SpinConfig<'_>) -> Result<Self> {
        let directory = TempDir::new()?;
        let bundle = directory.path().join("bundle");
        fs::write(&bundle, config.bundle)?;
        let configuration = directory.path().join("runtime-config.toml");
        fs::write(&configuration, client_tls(config, directory.path())?)?;

        let mut command = Command::new(&config.program);
        command.arg("--component").arg(&config.component);
        command.args(["--listen", &config.listen.to_string()]);
        command.arg("--runtime-config").arg(&configuration);
        command
            .arg("--key-value")
            .arg(format!("bundle={}", bundle.display()));
        command
            .arg("--variable")
            .arg(format!("tidegate_trust={}", config.trust));
        // What the gateway counts lives in the instance: one that lasts lets a limit be watched.
        command.args([
            "--max-instance-reuse-count",
            &config.requests.to_string(),
            "--idle-instance-timeout",
            "600",
            "--max-instances",
            "1",
        ]);
        if let Some(folder) = config.store {
            let folder = folder.display();
            command.arg(format!("--key-value-store=default={folder}"));
        }
        for (name, value) in config.variables {
            command.arg(format!("--variable={name}={value}"));
        }
        if let Some((address, token)) = &config.limits {
            for variable in [
                format!("tidegate_limits={address}"),
                format!("tidegate_limits_token={token}"),
            ] {
                command.arg("--variable").arg(variable);
            }
        }
        for (name, secret) in config.secrets {
            let variable = name.to_ascii_lowercase().replace('-', "_");
            command
                .arg("--variable")
                .arg(format!("{variable}={secret}"));
        }
        for (store, folder) in config.stores {
            command
                .arg("--key-value-store")
                .arg(format!("{store}={}", folder.display()));
        }
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start `{}`", config.program.display()))?;
        let errors = process.stderr.take().context("no standard error")?;
        let (sender, log) = unbounded_channel();
        tokio::spawn(collect(BufReader::new(errors).lines(), sender));
        let output = process.stdout.take().context("no standard output")?;
        let line = BufReader::new(output).lines().next_line().await?;
        let line = line.context("the host ended before it listened")?;
        let address = line
            .strip_prefix("listening http://")
            .context("an unexpected first line")?;
        Ok(Self {
            address: address.parse()?,
            process,
            log,
            directory,
        })
    }

    /// Where it serves plain HTTP/1.1.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The lines that the component and its host log, until it ends.
    pub fn log(&mut self) -> &mut UnboundedReceiver<String> {
        &mut self.log
    }

    /// Its process.
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Puts another bundle into the key-value store; the component sees the old or the new one,
    /// whole.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn replace_bundle(&self, bundle: &[u8]) -> Result<()> {
        let new = self.directory.path().join("replacement");
        fs::write(&new, bundle)?;
        fs::rename(new, self.directory.path().join("bundle"))?;
        Ok(())
    }
}

/// `[[client_tls]]` of Spin's runtime configuration: which certificate goes to which origin.
fn client_tls(config: &SpinConfig<'_>, directory: &Path) -> Result<String> {
    let mut text = String::new();
    for upstream in &config.tables.upstreams {
        let name = &upstream.name;
        let identity = config.world.identities().find(|(own, _)| own == name);
        let certificate = identity.context("an upstream without an identity")?.1;
        let authority = config
            .world
            .authority_pem(name)
            .context("an upstream without an authority")?;
        let files = [
            ("ca", &authority),
            ("pem", &certificate.pem),
            ("key", &certificate.key_pem),
        ];
        for (ending, content) in files {
            fs::write(directory.join(format!("{name}.{ending}")), content)?;
        }
        let host = |url: &str| {
            let uri = url.parse::<http::Uri>().ok()?;
            Some(format!("\"{}\"", uri.host()?))
        };
        let hosts = upstream
            .origins
            .iter()
            .filter_map(|origin| host(&origin.url));
        let hosts: Vec<String> = hosts.collect();
        let path = |ending: &str| {
            directory
                .join(format!("{name}.{ending}"))
                .display()
                .to_string()
        };
        write!(
            text,
            "[[client_tls]]\ncomponent_ids = [\"tidegate\"]\nhosts = [{}]\nca_roots_file = \"{}\"\n\
             client_cert_file = \"{}\"\nclient_private_key_file = \"{}\"\n\n",
            hosts.join(", "),
            path("ca"),
            path("pem"),
            path("key"),
        )?;
    }
    Ok(text)
}
