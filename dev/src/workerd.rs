//! The Worker on `workerd`, the runtime of Cloudflare Workers, without Cloudflare.
//!
//! What the platform would provide stands in the configuration: the KV namespace is a directory,
//! a client certificate is a network that presents it, and the client's address is injected
//! as Cloudflare does, so that no client can state its own. Only local addresses are reachable.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

mod config;

pub use config::{Identity, WorkerConfig, WorkerLimits};

/// The key under which the Worker looks for its bundle.
const BUNDLE_KEY: &str = "bundle";

/// A running Worker. Dropping it ends it.
#[derive(Debug)]
pub struct Workerd {
    /// One for each isolate; at least one.
    addresses: Vec<SocketAddr>,
    process: Child,
    log: UnboundedReceiver<String>,
    directory: TempDir,
}

impl Workerd {
    /// Starts the Worker and waits until it listens.
    ///
    /// # Errors
    /// Where `cargo xtask setup` or `cargo xtask build workers` was not run, or where `workerd`
    /// refuses the configuration.
    pub async fn start(config: &WorkerConfig) -> Result<Self> {
        Self::start_at(config, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// As [`start`](Self::start), at an address; port 0 takes a free one.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_at(config: &WorkerConfig, listen: SocketAddr) -> Result<Self> {
        let directory = TempDir::new()?;
        for module in ["index.js", "index_bg.wasm", "tunnel_bg.wasm"] {
            let from = config.script_directory.join(module);
            std::fs::copy(&from, directory.path().join(module)).with_context(|| {
                format!("no `{}`: run `cargo xtask build workers`", from.display())
            })?;
        }
        let namespace = directory.path().join("kv");
        let objects = directory.path().join("objects");
        std::fs::create_dir(&namespace)?;
        std::fs::create_dir(&objects)?;
        if let Some(bundle) = &config.bundle {
            std::fs::write(namespace.join(BUNDLE_KEY), bundle)?;
        }
        std::fs::write(
            directory.path().join("config.capnp"),
            config.to_capnp(&namespace, &objects),
        )?;

        let program = program()?;
        let mut process = Command::new(&program)
            .args(["serve", "config.capnp", "--control-fd=1"])
            .arg(format!("--socket-addr={}={listen}", config::socket_name(0)))
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start `{}`", program.display()))?;
        let output = process.stdout.take().context("no standard output")?;
        let mut output = BufReader::new(output).lines();
        let errors = process.stderr.take().context("no standard error")?;
        let mut errors = BufReader::new(errors).lines();
        let mut addresses = Vec::new();
        while addresses.len() < config.isolates.max(1) {
            match output.next_line().await? {
                Some(line) => {
                    let port = listening_port(&line, &config::socket_name(addresses.len()));
                    addresses.extend(port.map(|port| SocketAddr::new(listen.ip(), port)));
                }
                None => bail!(
                    "workerd did not start: {}",
                    errors.next_line().await?.unwrap_or_default()
                ),
            }
        }
        let (sender, log) = unbounded_channel();
        tokio::spawn(collect(output, sender.clone()));
        tokio::spawn(collect(errors, sender));
        Ok(Self {
            addresses,
            process,
            log,
            directory,
        })
    }

    /// Where it serves plain HTTP/1.1.
    pub fn address(&self) -> SocketAddr {
        let unspecified = SocketAddr::from(([0, 0, 0, 0], 0));
        self.addresses.first().copied().unwrap_or(unspecified)
    }

    /// Where each of its isolates does.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The process; `None` once it has ended.
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// The lines that the Worker and its runtime log, until it ends.
    pub fn log(&mut self) -> &mut UnboundedReceiver<String> {
        &mut self.log
    }

    /// Puts another bundle into the KV namespace; the Worker sees the old or the new one, whole.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn replace_bundle(&self, bundle: &[u8]) -> Result<()> {
        let new = self.directory.path().join("replacement");
        std::fs::write(&new, bundle)?;
        std::fs::rename(new, self.directory.path().join("kv").join(BUNDLE_KEY))?;
        Ok(())
    }

    /// Ends it.
    ///
    /// # Errors
    /// Where the process cannot be ended.
    pub async fn stop(mut self) -> Result<()> {
        Ok(self.process.kill().await?)
    }
}

/// Passes lines on until either side has ended.
pub(crate) async fn collect<R: AsyncBufRead + Unpin>(
    mut lines: Lines<R>,
    log: UnboundedSender<String>,
) {
    while let Ok(Some(line)) = lines.next_line().await {
        if log.send(line).is_err() {
            break;
        }
    }
}

/// The port of a socket in `{"event":"listen","socket":"http-0","port":8080}`.
fn listening_port(line: &str, socket: &str) -> Option<u16> {
    let event = format!(r#"{{"event":"listen","socket":"{socket}","port":"#);
    line.strip_prefix(&event)?.strip_suffix('}')?.parse().ok()
}

/// The program itself: the script that npm installs in front of it passes no signals on.
fn program() -> Result<PathBuf> {
    let packages =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../edge/cloudflare/node_modules/@cloudflare");
    let entries = std::fs::read_dir(&packages)
        .with_context(|| format!("no `{}`: run `cargo xtask setup`", packages.display()))?;
    for entry in entries {
        let program = entry?.path().join("bin/workerd");
        if program.is_file() {
            return Ok(program.canonicalize()?);
        }
    }
    bail!("no `workerd` for this platform in `{}`", packages.display())
}
