//! Serves one WASI 0.3 HTTP component on a loopback address the way Spin 4.1
//! does: with Spin's request headers, its key-value store and variables, its
//! client certificates for outbound requests, and its reuse of instances.
//!
//! It exists because no registry carries a ready Spin. Where it differs, it is
//! stricter: it knows one component, one route (`/...`), no certificate
//! authority but the configured ones, and no `allowed_outbound_hosts`.

mod component;
mod headers;
mod outbound;
mod reuse;
mod runtime_config;
mod server;
mod spin;

use std::collections::HashMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::component::Component;
use crate::outbound::Outbound;
use crate::reuse::Lifetime;
use crate::runtime_config::RuntimeConfig;
use crate::spin::Platform;

/// Serves a WASI 0.3 HTTP component as Spin would.
#[derive(Debug, Parser)]
struct Arguments {
    /// The component, compiled for wasm32-wasip2.
    #[arg(long, value_name = "FILE")]
    component: PathBuf,
    /// The component's name in the manifest; `[[client_tls]]` refers to it.
    #[arg(long, value_name = "NAME", default_value = "tidegate")]
    component_id: String,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// Spin's runtime configuration, of which `[[client_tls]]` is read.
    #[arg(long, value_name = "FILE")]
    runtime_config: Option<PathBuf>,
    /// A key of the default key-value store. The file is read at each `get`.
    #[arg(long, value_name = "KEY=FILE", value_parser = pair)]
    key_value: Vec<(String, String)>,
    /// A further key-value store, or the default one in its place: a folder with a file for each key.
    #[arg(long, value_name = "LABEL=DIR", value_parser = pair)]
    key_value_store: Vec<(String, String)>,
    /// A variable of the component.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    variable: Vec<(String, String)>,
    /// Requests that an instance takes before another takes its place.
    #[arg(long, value_name = "N", default_value_t = 128)]
    max_instance_reuse_count: usize,
    /// Seconds after which an idle instance ends.
    #[arg(long, value_name = "SECONDS", default_value_t = 1)]
    idle_instance_timeout: u64,
    /// Instances at a time; with one, what the component remembers is seen by every request.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    max_instances: usize,
}

fn pair(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| format!("expected NAME=VALUE, found `{text}`"))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();

    let tls = match &arguments.runtime_config {
        Some(path) => RuntimeConfig::read(path)?.client_tls(&arguments.component_id)?,
        None => HashMap::new(),
    };
    let platform = Platform::new(
        arguments.key_value,
        arguments.key_value_store,
        arguments.variable,
    );
    let lifetime = Lifetime {
        requests: arguments.max_instance_reuse_count,
        idle: Duration::from_secs(arguments.idle_instance_timeout),
        instances: arguments.max_instances,
    };
    let component = Component::load(&arguments.component, platform, Outbound::new(tls), lifetime)?;

    let mut terminate = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("cannot listen on `{}`", arguments.listen))?;
    writeln!(
        std::io::stdout(),
        "listening http://{}",
        listener.local_addr()?
    )?;
    server::serve(listener, component, async move {
        terminate.recv().await;
    })
    .await
}
