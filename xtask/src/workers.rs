//! The gateway as a Worker: one JavaScript module and one Wasm module.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;
use wasm_bindgen_cli_support::Bindgen;

use crate::command::{cargo, root, run, target_directory};
use crate::{gzip, imports, npm, targets};

const PACKAGE: &str = "tidegate-edge-cloudflare";

/// Every import must be one that wasm-bindgen will bind.
const ALLOWED_IMPORTS: [&str; 2] = ["__wbindgen_placeholder__", "__wbindgen_externref_xform__"];

#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Let wasm-opt shrink the module: for a release, it takes a minute
    #[arg(long)]
    optimise: bool,
}

/// Builds `target/workers/index.js` and `index_bg.wasm`.
pub(crate) fn build(options: &Options) -> Result<()> {
    targets::ensure()?;
    npm::ensure()?;
    run(cargo().args([
        "build",
        "--profile=wasm",
        "--target=wasm32-unknown-unknown",
        "--package",
        PACKAGE,
        // wasm-bindgen reads the section that names the target's features, which
        // a full strip drops; it strips the names itself.
        "--config=profile.wasm.strip='debuginfo'",
    ]))?;
    let linked =
        target_directory().join("wasm32-unknown-unknown/wasm/tidegate_edge_cloudflare.wasm");
    let linked =
        fs::read(&linked).with_context(|| format!("cannot read `{}`", linked.display()))?;
    imports::check(&linked, &ALLOWED_IMPORTS)?;

    let bindings = bind(linked)?;
    let output = target_directory().join("workers");
    fs::create_dir_all(&output)?;
    bundle(&bindings, &output)?;
    let wasm = output.join("index_bg.wasm");
    if options.optimise {
        optimise(&bindings.join("index_bg.wasm"), &wasm)?;
    } else {
        fs::copy(bindings.join("index_bg.wasm"), &wasm)?;
    }
    gzip::print_size(&output.join("index.js"))?;
    gzip::print_size(&wasm)
}

/// Makes the JavaScript that stands between the Wasm module and its imports.
fn bind(linked: Vec<u8>) -> Result<PathBuf> {
    let directory = target_directory().join("workers-bindings");
    Bindgen::new()
        .input_bytes("index", linked)
        .module(true)?
        .typescript(false)
        .out_name("index")
        .remove_name_section(true)
        .remove_producers_section(true)
        .reset_state_function(true)
        .generate(&directory)?;
    Ok(directory)
}

/// Joins our entry module and the bindings. Workers takes a Wasm import as the
/// compiled module in the older notation only.
fn bundle(bindings: &Path, output: &Path) -> Result<()> {
    let script = output.join("index.js");
    run(Command::new(npm::tool("esbuild"))
        .arg(root().join("edge/cloudflare/src/worker.js"))
        .args(["--bundle", "--format=esm", "--log-level=warning"])
        .args(["--external:./index_bg.wasm", "--external:cloudflare:*"])
        .arg(format!(
            "--alias:tidegate-gateway={}",
            bindings.join("index.js").display()
        ))
        .arg(format!("--outfile={}", script.display())))?;
    let bundled = fs::read_to_string(&script)?;
    fs::write(&script, bundled.replace("import source ", "import "))?;
    Ok(())
}

/// Optimises within the features that the target turns on by itself.
fn optimise(input: &Path, output: &Path) -> Result<()> {
    run(Command::new(npm::tool("wasm-opt"))
        .args([
            "-O3",
            "--enable-bulk-memory",
            "--enable-multivalue",
            "--enable-mutable-globals",
        ])
        .args([
            "--enable-nontrapping-float-to-int",
            "--enable-reference-types",
            "--enable-sign-ext",
        ])
        .arg(input)
        .arg("-o")
        .arg(output))
}
