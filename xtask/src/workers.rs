//! The gateway as a Worker: one JavaScript module, and the Wasm modules of the gateway and of tunnels.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;
use wasm_bindgen_cli_support::Bindgen;

use crate::command::{cargo, root, run, target_directory};
use crate::{gzip, imports, npm, targets};

/// The Wasm modules: what their files are called, and their packages.
const MODULES: [(&str, &str); 2] = [
    ("index", "tidegate-edge-cloudflare"),
    ("tunnel", "tidegate-edge-cloudflare-tunnel"),
];

/// Every import must be one that wasm-bindgen will bind.
const ALLOWED_IMPORTS: [&str; 2] = ["__wbindgen_placeholder__", "__wbindgen_externref_xform__"];

#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Let wasm-opt shrink the module: for a release, it takes a minute
    #[arg(long)]
    optimise: bool,
}

/// Builds `target/workers/index.js`, `index_bg.wasm` and `tunnel_bg.wasm`.
pub(crate) fn build(options: &Options) -> Result<()> {
    targets::ensure()?;
    npm::ensure()?;
    let packages = MODULES
        .iter()
        .flat_map(|(_, package)| ["--package", *package]);
    run(cargo()
        .args([
            "build",
            "--profile=wasm",
            "--target=wasm32-unknown-unknown",
            // wasm-bindgen reads the section that names the target's features, which
            // a full strip drops; it strips the names itself.
            "--config=profile.wasm.strip='debuginfo'",
        ])
        .args(packages))?;
    let output = target_directory().join("workers");
    fs::create_dir_all(&output)?;
    let bindings = target_directory().join("workers-bindings");
    for (name, package) in MODULES {
        bind(name, package, &bindings)?;
    }
    bundle(&bindings, &output)?;
    gzip::print_size(&output.join("index.js"))?;
    for (name, _) in MODULES {
        let file = format!("{name}_bg.wasm");
        let wasm = output.join(&file);
        if options.optimise {
            optimise(&bindings.join(&file), &wasm)?;
        } else {
            fs::copy(bindings.join(&file), &wasm)?;
        }
        gzip::print_size(&wasm)?;
    }
    Ok(())
}

/// Makes the JavaScript that stands between a Wasm module and its imports.
fn bind(name: &str, package: &str, bindings: &Path) -> Result<()> {
    let linked = format!("{}.wasm", package.replace('-', "_"));
    let linked = target_directory()
        .join("wasm32-unknown-unknown/wasm")
        .join(linked);
    let linked =
        fs::read(&linked).with_context(|| format!("cannot read `{}`", linked.display()))?;
    imports::check(&linked, &ALLOWED_IMPORTS)?;
    Bindgen::new()
        .input_bytes(name, linked)
        .module(true)?
        .typescript(false)
        .out_name(name)
        .remove_name_section(true)
        .remove_producers_section(true)
        .reset_state_function(true)
        .generate(bindings)
}

/// Joins our entry module and the bindings. Workers takes a Wasm import as the
/// compiled module in the older notation only.
fn bundle(bindings: &Path, output: &Path) -> Result<()> {
    let script = output.join("index.js");
    let aliases = [("gateway", "index.js"), ("tunnel", "tunnel.js")];
    let aliases = aliases.map(|(name, file)| {
        let file = bindings.join(file);
        format!("--alias:tidegate-{name}={}", file.display())
    });
    run(Command::new(npm::tool("esbuild"))
        .arg(root().join("edge/cloudflare/src/worker.js"))
        .args(["--bundle", "--format=esm", "--log-level=warning"])
        .args(["--external:./*.wasm", "--external:cloudflare:*"])
        .args(aliases)
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
