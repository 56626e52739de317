//! The Workers that the gateway is compared with on `workerd`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::command::{root, run, target_directory};
use crate::{npm, workers};

/// The launcher takes a Worker of several modules; these need no more than the first.
const EMPTY_MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// Builds the gateway and its peers, each into a folder of its own; gives where they are.
pub(super) fn build() -> Result<PathBuf> {
    workers::build(&workers::Options::default())?;
    let directory = target_directory().join("bench-workers");
    let gateway = directory.join("gateway");
    fs::create_dir_all(&gateway)?;
    for module in ["index.js", "index_bg.wasm", "tunnel_bg.wasm"] {
        fs::copy(
            target_directory().join("workers").join(module),
            gateway.join(module),
        )?;
    }
    for name in ["hono", "hono-whole-job", "pass-through", "verify"] {
        let peer = directory.join(name);
        run(Command::new(npm::tool("esbuild"))
            .arg(root().join(format!("bench/workers/{name}.js")))
            .args(["--bundle", "--format=esm", "--log-level=warning"])
            .arg(format!("--outfile={}", peer.join("index.js").display()))
            .env("NODE_PATH", root().join("edge/cloudflare/node_modules")))?;
        for module in ["index_bg.wasm", "tunnel_bg.wasm"] {
            fs::write(peer.join(module), EMPTY_MODULE)?;
        }
    }
    Ok(directory)
}
