//! The gateway as a Spin component.

use std::fs;

use anyhow::Result;

use crate::command::{cargo, run, target_directory};
use crate::{gzip, imports, targets};

const PACKAGE: &str = "tidegate-edge-spin";

/// What Spin gives: WASI, and its own stores.
const ALLOWED_IMPORTS: [&str; 3] = ["wasi:", "fermyon:spin/", "spin:"];

/// Builds the component; the target makes one of every program it links.
pub(crate) fn build() -> Result<()> {
    targets::ensure()?;
    run(cargo().args([
        "build",
        "--profile=wasm",
        "--target=wasm32-wasip2",
        "--package",
        PACKAGE,
    ]))?;
    let component = target_directory().join("wasm32-wasip2/wasm/tidegate_edge_spin.wasm");
    imports::check(&fs::read(&component)?, &ALLOWED_IMPORTS)?;
    gzip::print_size(&component)
}
