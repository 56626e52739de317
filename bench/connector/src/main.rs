//! `cargo xtask bench connector`: the connector against nginx, HAProxy and Envoy in its place.
//!
//! All get the same certificates, the same origin and the same requests, one thread each, in turns
//! within one run. What counts is the processor time of their processes, so that a busy machine slows
//! all alike.

mod client;
mod contest;
mod contestant;
mod origin;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;

/// What stands above the table in a file.
const HEADING: &str = "# The connector's speed\n\n\
    Written by `cargo xtask bench connector --output FILE`: the connector against others in its place, in turns within\n\
    one run; ratios say more than figures, which depend on the machine. The same for all: TLS 1.3 with certificates on\n\
    P-256 (X25519, AES-128-GCM) to a plain origin, an answer of 1 kB, one thread, the processor time of the whole\n\
    process. The connector authorises, logs and counts in every row. Its peers verify the client's certificate; in the\n\
    rows `full` they also write an access log of the same fields, as far as they know them, name the caller and\n\
    themselves to the origin, and check who calls where they can: Envoy by its URI name, HAProxy that it is verified.\n\
    A handshake counts with one request and the end of its connection. Memory is what the process has more to itself\n\
    for each connection that is open, after one exchange, and idle.\n\n\
    ```text\n";

#[derive(Debug, Parser)]
#[command(about = "The speed of the connector, as ratios")]
struct Arguments {
    /// The connector to measure
    #[arg(long, value_name = "FILE")]
    connector: PathBuf,
    /// Where its peers are unpacked
    #[arg(long, value_name = "DIRECTORY")]
    peers: PathBuf,
    /// Run only the rows whose name begins so
    #[arg(long, value_name = "NAME", default_value = "")]
    only: String,
    /// Also write the table to a file
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn main() -> Result<()> {
    let Arguments {
        connector,
        peers,
        only,
        output,
    } = Arguments::parse();
    let runtime = tokio::runtime::Runtime::new()?;
    let report = runtime.block_on(contest::run(&connector, &peers, &only))?;
    let Some(output) = output else {
        return Ok(());
    };
    let text = format!("{HEADING}{}```\n", report.text());
    fs::write(&output, text).with_context(|| format!("cannot write `{}`", output.display()))
}
