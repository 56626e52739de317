//! The component on the Spin test host, which serves it as Spin does.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::runtime::target;
use crate::stage::Stage;

/// A running component. Dropping it ends it.
#[derive(Debug)]
pub struct SpinHost {
    address: SocketAddr,
    _process: Child,
    _directory: TempDir,
}

impl SpinHost {
    /// Starts the component that `cargo xtask build spin` made, and waits until it listens.
    ///
    /// # Errors
    /// Where the component or the host was not built, or does not start.
    pub async fn start(stage: &Stage) -> Result<Self> {
        let directory = TempDir::new()?;
        let bundle = directory.path().join("bundle");
        fs::write(&bundle, &stage.bundle)?;
        let configuration = directory.path().join("runtime-config.toml");
        fs::write(&configuration, client_tls(stage, directory.path())?)?;

        let component = target().join("wasm32-wasip2/wasm/tidegate_edge_spin.wasm");
        let program = target().join("debug/tidegate-spin-host");
        let mut command = Command::new(&program);
        command
            .arg("--component")
            .arg(component)
            .args(["--listen", "127.0.0.1:0"]);
        command.arg("--runtime-config").arg(&configuration);
        command
            .arg("--key-value")
            .arg(format!("bundle={}", bundle.display()));
        command
            .arg("--variable")
            .arg(format!("tidegate_trust={}", stage.trust));
        for (name, secret) in &stage.secrets {
            let variable = name.to_ascii_lowercase().replace('-', "_");
            command
                .arg("--variable")
                .arg(format!("{variable}={secret}"));
        }
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start `{}`", program.display()))?;
        let output = process.stdout.take().context("no standard output")?;
        let line = BufReader::new(output)
            .lines()
            .next_line()
            .await?
            .context("the host ended before it listened")?;
        let address = line
            .strip_prefix("listening http://")
            .context("an unexpected first line")?
            .parse()?;
        Ok(Self {
            address,
            _process: process,
            _directory: directory,
        })
    }

    /// Where it serves plain HTTP/1.1.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// `[[client_tls]]` of Spin's runtime configuration: which certificate goes to which origin.
fn client_tls(stage: &Stage, directory: &Path) -> Result<String> {
    let mut text = String::new();
    for upstream in &stage.tables.upstreams {
        let name = &upstream.name;
        let certificate = stage
            .world
            .identities()
            .find(|(own, _)| own == name)
            .context("an identity")?
            .1;
        let authority = stage.world.authority_pem(name).context("an authority")?;
        for (ending, content) in [
            ("ca", &authority),
            ("pem", &certificate.pem),
            ("key", &certificate.key_pem),
        ] {
            fs::write(directory.join(format!("{name}.{ending}")), content)?;
        }
        let host = |url: &str| {
            url.parse::<http::Uri>()
                .ok()
                .and_then(|uri| Some(format!("\"{}\"", uri.host()?)))
        };
        let hosts: Vec<String> = upstream
            .origins
            .iter()
            .filter_map(|origin| host(&origin.url))
            .collect();
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
